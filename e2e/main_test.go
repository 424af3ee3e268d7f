package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write those histories for the replay test that it has none of")

// Where things are, once TestMain has them.
var (
	root string // of the repository
	bin  string // directory of the binaries under test
)

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

// testMain builds what is tested, runs the tests, and ends the shared stack. A
// stack that leaves a process or a secret behind fails the tests as a whole.
func testMain(m *testing.M) int {
	flag.Parse()
	if err := waitMoreThanWork(); err != nil {
		return failed(err)
	}
	temp, err := os.MkdirTemp("", "durabatch-e2e-bin-")
	if err != nil {
		return failed(err)
	}
	defer os.RemoveAll(temp)
	if err := prepare(temp); err != nil {
		return failed(err)
	}
	code := m.Run()
	if s := sharedStack.s; s != nil {
		if err := s.stop(); err != nil {
			return failed(fmt.Errorf("the shared stack: %w", err))
		}
	}
	return code
}

func failed(err error) int {
	fmt.Fprintln(os.Stderr, "e2e:", err)
	return 1
}

// waitMoreThanWork lets more tests run at once than there are cores, unless
// -parallel says how many: they mostly wait for a run to get on.
func waitMoreThanWork() error {
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return nil
	}
	return flag.Set("test.parallel", "6")
}

// prepare checks that everything is there and builds the binaries into dir,
// so that the tests are of this tree whatever else is in bin.
func prepare(dir string) error {
	var err error
	if root, err = filepath.Abs(".."); err != nil {
		return err
	}
	bin = dir
	var missing []error
	needFile := func(path string) {
		if _, err := os.Stat(filepath.Join(root, path)); err != nil {
			missing = append(missing, fmt.Errorf("%w; make test makes it", err))
		}
	}
	needFile("bin/temporal")
	needFile("tools/azurite/node_modules/azurite/package.json")
	needFile("tools/browser/node_modules/playwright-core/package.json")
	for _, program := range []string{"node", "ffmpeg", "ffprobe", "chromium"} {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, fmt.Errorf("%w; make test installs it or says how to", err))
		}
	}
	if len(missing) > 0 {
		return errors.Join(missing...)
	}
	build := exec.Command("go", "build", "-o", dir+"/", "./local", "./worker", "./starter")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return os.Symlink(filepath.Join(root, "bin", "temporal"), filepath.Join(dir, "temporal"))
}

// sharedStack is for the tests that only use a stack.
var sharedStack struct {
	once sync.Once
	s    *stack
	err  error
}

// shared returns the stack that all tests use which kill nothing.
func shared(t *testing.T) *stack {
	t.Helper()
	sharedStack.once.Do(func() { sharedStack.s, sharedStack.err = startStack("") })
	if sharedStack.err != nil {
		t.Fatalf("the shared stack does not start: %v", sharedStack.err)
	}
	return sharedStack.s
}

// ownStack starts a stack for one test alone.
func ownStack(t *testing.T) *stack {
	t.Helper()
	return stackOf(t, &stack{})
}

// stackOf starts a stack of these settings for one test alone.
func stackOf(t *testing.T, settings *stack) *stack {
	t.Helper()
	s, err := settings.begun()
	if err != nil {
		t.Fatalf("the stack does not start: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.logs())
		}
		if err := s.stop(); err != nil {
			t.Errorf("the stack: %v", err)
		}
	})
	return s
}

// until waits for what has to happen within a time.
func until(t *testing.T, within time.Duration, what string, happened func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !happened() {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("it did not happen within %s: %s", within, what)
		}
	}
}
