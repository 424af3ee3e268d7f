package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/kballard/go-shellquote"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/durabatch/durabatch/azure"
)

// Times that no working stack comes near, on a machine with other work to do.
const (
	startBound = 90 * time.Second
	stopBound  = 45 * time.Second
)

// stack is one bin/local up.
type stack struct {
	dir  string
	env  map[string]string // what DIR/env says
	more []string          // NAME=value, of local and so of its parts
	args []string          // of local up, besides its directory
	// planted says that the test itself put secrets where none belong.
	planted bool
	local   *child  // nil: it does not run
	stderr  *output // of local

	temporal client.Client
	batch    *azbatch.Client
	storage  *azure.Storage
}

// startStack runs bin/local up on dir, or on a new directory where dir is "",
// and returns when it says that it is ready.
func startStack(dir string) (*stack, error) { return (&stack{dir: dir}).begun() }

// begun is the stack of these settings, started.
func (s *stack) begun() (*stack, error) {
	if s.dir == "" {
		var err error
		if s.dir, err = os.MkdirTemp("", "durabatch-e2e-"); err != nil {
			return nil, err
		}
	}
	s.stderr = newOutput()
	if err := s.up(); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	if err := s.connect(); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (s *stack) up() error {
	cmd := exec.Command(filepath.Join(bin, "local"), append([]string{"up", "--data", s.dir}, s.args...)...)
	cmd.Env = append(localEnviron(), s.more...)
	stdout := newOutput()
	cmd.Stdout, cmd.Stderr = stdout, s.stderr
	local, err := startChild(cmd)
	if err != nil {
		return err
	}
	s.local = local
	select {
	case <-stdout.line:
	case <-s.local.ended:
		s.local = nil
		return fmt.Errorf("local up ended before it was ready: %w\n%s", local.err, s.stderr)
	case <-time.After(startBound):
		return fmt.Errorf("local up was not ready within %s:\n%s", startBound, s.stderr)
	}
	if stdout.String() != "ready\n" {
		return fmt.Errorf("local up said %q:\n%s", stdout, s.stderr)
	}
	return nil
}

// localEnviron is the environment of bin/local, which lies elsewhere than in
// the repository.
func localEnviron() []string {
	return append(os.Environ(), "DURABATCH_AZURITE="+filepath.Join(root, "tools", "azurite"))
}

// connect makes clients of the services, as the env file says where they are.
func (s *stack) connect() error {
	text, err := os.ReadFile(filepath.Join(s.dir, "env"))
	if err != nil {
		return err
	}
	s.env = map[string]string{}
	for line := range strings.Lines(string(text)) {
		words, err := shellquote.Split(line)
		if err != nil || len(words) != 2 || words[0] != "export" {
			return fmt.Errorf("a line of the env file is no export: %q (%w)", line, err)
		}
		name, value, _ := strings.Cut(words[1], "=")
		s.env[name] = value
	}
	config, err := azure.ConfigFromEnv(func(name string) string { return s.env[name] })
	if err != nil {
		return err
	}
	if s.batch, err = azure.NewBatch(config); err != nil {
		return err
	}
	if s.storage, err = azure.NewStorage(config); err != nil {
		return err
	}
	s.temporal, err = client.Dial(client.Options{
		HostPort: s.env["TEMPORAL_ADDRESS"], Namespace: s.env["TEMPORAL_NAMESPACE"],
		Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	return err
}

// stop ends the stack as Ctrl-C does and looks at what it leaves: no process,
// no secret where none belongs. Then it removes the stack's directory.
func (s *stack) stop() error {
	if s.temporal != nil {
		s.temporal.Close()
	}
	err := errors.Join(s.down(), s.secretsInLogs())
	return errors.Join(err, os.RemoveAll(s.dir))
}

func (s *stack) down() error {
	if s.local == nil {
		return nil
	}
	if err := s.local.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("local had ended before it was told to: %w\n%s", err, s.stderr)
	}
	var err error
	select {
	case <-s.local.ended:
		err = s.local.err
	case <-time.After(stopBound):
		err = errors.Join(fmt.Errorf("local did not stop within %s", stopBound), s.local.Process.Kill())
		<-s.local.ended
	}
	s.local = nil
	return errors.Join(err, s.endLeftovers())
}

// endLeftovers finds processes of the stack after its end, tasks and all, and
// ends them.
func (s *stack) endLeftovers() error {
	found, err := processesWith(s.dir)
	for _, p := range found {
		err = errors.Join(err, fmt.Errorf("process %d outlived the stack: %s", p.pid, p.command))
		_ = syscall.Kill(p.pid, syscall.SIGKILL)
	}
	return err
}

// pid is the process of a part at the moment.
func (s *stack) pid(t *testing.T, part string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, part+".pid"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	return pid
}

// kill ends a part as a power cut does and returns when local has started it
// again.
func (s *stack) kill(t *testing.T, part string) {
	t.Helper()
	before := s.pid(t, part)
	require.NoError(t, syscall.Kill(before, syscall.SIGKILL))
	until(t, time.Minute, part+" is started again", func() bool {
		text, err := os.ReadFile(filepath.Join(s.dir, part+".pid"))
		pid, notYet := strconv.Atoi(strings.TrimSpace(string(text)))
		return err == nil && notYet == nil && pid != before
	})
}

// powerCut ends everything at once and starts the stack again on what is left.
func (s *stack) powerCut(t *testing.T) {
	t.Helper()
	s.cutPower(t)
	require.NoError(t, s.up())
}

// cutPower ends everything at once.
func (s *stack) cutPower(t *testing.T) {
	t.Helper()
	pids := []int{s.local.Process.Pid}
	for _, part := range parts {
		pids = append(pids, s.pid(t, part))
	}
	for _, pid := range pids {
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	}
	<-s.local.ended
}

// freeze stops a part in the middle of whatever it does until thaw is called,
// so that what others do with it can be met half done.
func (s *stack) freeze(t *testing.T, part string) (thaw func()) {
	t.Helper()
	pid := s.pid(t, part)
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	frozen := true
	thaw = func() {
		if frozen {
			frozen = false
			require.NoError(t, syscall.Kill(pid, syscall.SIGCONT))
		}
	}
	t.Cleanup(thaw)
	return thaw
}

// logs are the ends of the parts' logs, for a test that failed.
func (s *stack) logs() string {
	var b strings.Builder
	for _, part := range parts {
		text, _ := os.ReadFile(filepath.Join(s.dir, part+".log"))
		fmt.Fprintf(&b, "%s.log:\n%s\n", part, text[max(0, len(text)-3000):])
	}
	return b.String()
}

var parts = []string{"temporal", "azurite", "batch", "worker"}

// environ is the environment of a program that uses the stack.
func (s *stack) environ() []string {
	env := os.Environ()
	for name, value := range s.env {
		env = append(env, name+"="+value)
	}
	return env
}

// tellIfFailed has a test that fails say what Temporal knows of its run.
func (s *stack) tellIfFailed(t *testing.T, id string) {
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		cmd := exec.Command(filepath.Join(bin, "temporal"), "workflow", "describe", "--workflow-id", id)
		cmd.Env = s.environ()
		out, err := cmd.CombinedOutput()
		t.Logf("%s(%v)", out, err)
	})
}

// temporalCLI runs bin/temporal, which has to succeed, and returns its output.
func (s *stack) temporalCLI(t *testing.T, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "temporal"), args...)
	cmd.Env = s.environ()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "temporal %s\n%s%s", strings.Join(args, " "), out, stderr.String())
	return out
}
