package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"starter": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script"})
}

const temporalBinary = "../bin/temporal"

// startTemporal starts a Temporal of the test's own. An empty address is a
// free port; an empty database is memory.
func startTemporal(t *testing.T, address, database string) *testsuite.DevServer {
	t.Helper()
	require.FileExists(t, temporalBinary, "build it first: make bin/temporal")
	server, err := testsuite.StartDevServer(context.Background(), testsuite.DevServerOptions{
		ExistingPath:  temporalBinary,
		ClientOptions: &client.Options{HostPort: address, Logger: quiet{}},
		DBFilename:    database,
		LogLevel:      "never",
		Stdout:        io.Discard,
		Stderr:        io.Discard,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Stop() })
	return server
}

// quiet drops what the SDK says about a server that a test stops.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

// invocation is one starter at work.
type invocation struct {
	stdout, stderr lockedBuffer
	interrupt      context.CancelFunc
	exit           chan int
}

// invoke runs starter in this process. A stdin that is not nil is a terminal
// with a person at it.
func invoke(t *testing.T, address string, stdin io.Reader, args ...string) *invocation {
	t.Helper()
	return invokeIn(t, nil, address, stdin, args...)
}

// invokeIn is invoke with more of an environment.
func invokeIn(t *testing.T, environ []string, address string, stdin io.Reader, args ...string) *invocation {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	i := &invocation{interrupt: cancel, exit: make(chan int, 1)}
	s := &starter{
		environ:  append(environment{"TEMPORAL_ADDRESS=" + address, "TEMPORAL_CONFIG_FILE=" + filepath.Join(t.TempDir(), "none.toml")}, environ...),
		stdin:    stdin,
		stdout:   &i.stdout,
		stderr:   &i.stderr,
		log:      &diversion{to: &i.stderr},
		terminal: stdin != nil,
		look:     50 * time.Millisecond,
		patience: 2 * time.Second,
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		i.exit <- s.run(ctx, args)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return i
}

// ends waits for the exit code.
func (i *invocation) ends(t *testing.T) int {
	t.Helper()
	select {
	case code := <-i.exit:
		return code
	case <-time.After(60 * time.Second):
		require.FailNow(t, "starter did not end", "stdout:\n%s\nstderr:\n%s", i.stdout.String(), i.stderr.String())
		return -1
	}
}

// says waits until stdout holds a text.
func (i *invocation) says(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(i.stdout.String(), text) },
		60*time.Second, 20*time.Millisecond, "waiting for %q", text)
}

// warns waits until stderr holds a text.
func (i *invocation) warns(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(i.stderr.String(), text) },
		60*time.Second, 20*time.Millisecond, "waiting for %q", text)
}

// lockedBuffer may be read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// workloadFile writes a workload with two input files.
func workloadFile(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "in"), 0o700))
	for _, name := range []string{"a.mp4", "b\x1b[31m c.mp4"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "in", name), []byte("abc"), 0o600))
	}
	file := filepath.Join(dir, "workload.yaml")
	require.NoError(t, os.WriteFile(file, []byte(workloadText), 0o600))
	return file
}

const workloadText = `
name: convert
inputs: {dir: in, match: ["*.mp4"]}
pool:
  vmSize: Standard_A1_v2
  image: {publisher: canonical, offer: ubuntu-24_04-lts, sku: server}
  nodeAgentSku: batch.node.ubuntu 24.04
  spotNodes: 2
task: {command: "cp {{input}} {{output}}", output: "{{stem}}.mp3"}
`

// inOrder checks that a text holds others, one after the other.
func inOrder(t *testing.T, text string, parts ...string) {
	t.Helper()
	rest := text
	for _, part := range parts {
		_, after, found := strings.Cut(rest, part)
		require.True(t, found, "%q is missing, or not in its place, in:\n%s", part, text)
		rest = after
	}
}
