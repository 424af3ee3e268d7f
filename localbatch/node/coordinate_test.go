package node

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// coordinated runs a task after a coordination command.
func coordinated(t *testing.T, coordination, line string, await func(dir string) error) (Result, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "task")
	return NewMachine(Options{}).Run(t.Context(), Task{
		Dir: dir, CommandLine: line,
		Coordination: &Coordination{
			CommandLine: coordination, SharedDir: dir,
			Await: func(context.Context) error { return await(dir) },
		},
	}, nil), dir
}

// started reads the ids of the processes that a command has left running.
func started(t *testing.T, dir string) []int {
	t.Helper()
	var pids []int
	for line := range strings.Lines(read(t, dir, "wd/pids")) {
		pid, err := strconv.Atoi(strings.TrimSpace(line))
		require.NoError(t, err)
		pids = append(pids, pid)
	}
	return pids
}

func TestCoordinationComesFirstAndItsServicesStay(t *testing.T) {
	t.Parallel()
	const services = `/bin/bash -c 'echo first; sleep 1000 & echo $! >>pids; setsid sleep 1000 & echo $! >>pids'`
	var left []int
	r, dir := coordinated(t, services, `/bin/bash -c 'echo second; kill -0 $(cat pids)'`, func(dir string) error {
		require.NoFileExists(t, filepath.Join(dir, "wd", "second"))
		left = started(t, dir)
		return nil
	})
	requireSuccess(t, r)
	require.Equal(t, "first\nsecond\n", read(t, dir, "stdout.txt"))
	require.Len(t, left, 2)
	requireGone(t, left...)
}

func TestSubtaskEndsWithItsCoordination(t *testing.T) {
	t.Parallel()
	awaited := false
	r, _ := coordinated(t, "true", "", func(string) error { awaited = true; return nil })
	requireSuccess(t, r)
	require.True(t, awaited)

	r, dir := coordinated(t, `/bin/sh -c 'sleep 1000 & echo $! >>pids; exit 3'`, "touch ran", func(string) error {
		t.Error("the command failed")
		return nil
	})
	requireCode(t, FailureExitCode, UserError, r)
	require.Equal(t, int32(3), *r.ExitCode)
	require.NoFileExists(t, filepath.Join(dir, "wd", "ran"))
	requireGone(t, started(t, dir)...)

	r, _ = coordinated(t, `/bin/sh -c 'kill -TERM $$'`, "true", nil)
	require.Equal(t, int32(-15), *r.ExitCode)
	r, _ = coordinated(t, "no-such-program", "true", nil)
	requireCode(t, CommandProgramNotFound, UserError, r)
}

func TestCoordinationIsEndedWithItsTask(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	dir := filepath.Join(t.TempDir(), "task")
	r := NewMachine(Options{}).Run(ctx, Task{Dir: dir, CommandLine: "touch ran", Coordination: &Coordination{
		CommandLine: `/bin/sh -c 'sleep 1000 & echo $! >>pids'`, SharedDir: dir,
		Await: func(ctx context.Context) error {
			cancel()
			<-ctx.Done()
			return errors.New("ended")
		},
	}}, nil)
	requireCode(t, TaskEnded, UserError, r)
	require.NoFileExists(t, filepath.Join(dir, "wd", "ran"))
	requireGone(t, started(t, dir)...)
}

func TestExitStatusIsKnownBeforeTheProcessIsReaped(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]int32{"exit 0": 0, "exit 7": 7, "exit 255": 255, "kill -KILL $$": -9} {
		process, err := os.StartProcess("/bin/sh", []string{"sh", "-c", line}, &os.ProcAttr{})
		require.NoError(t, err)
		awaitExit(process.Pid)
		require.Equal(t, want, exitCode(exitStatus(process.Pid)), line)
		_, err = process.Wait()
		require.NoError(t, err)
	}
}

func TestCommonResourceFilesAreInTheSharedDirectory(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("common\n")) }))
	defer server.Close()
	shared := filepath.Join(t.TempDir(), "task")
	r := NewMachine(Options{}).Run(t.Context(), Task{Dir: filepath.Join(shared, "1"), Coordination: &Coordination{
		CommandLine: "cat ../../lib/file", SharedDir: shared,
		ResourceFiles: []ResourceFile{{HTTPURL: server.URL, FilePath: "lib/file"}},
		Await:         func(context.Context) error { return nil },
	}}, nil)
	requireSuccess(t, r)
	require.Equal(t, "common\n", read(t, shared, "1", "stdout.txt"))
}
