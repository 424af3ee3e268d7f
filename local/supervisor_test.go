package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// deadline is how long a test waits for what must happen.
const deadline = 20 * time.Second

func newSupervisor(t *testing.T) *supervisor {
	t.Helper()
	s := &supervisor{
		dir:      t.TempDir(),
		log:      slog.New(slog.DiscardHandler),
		backoff:  func(int) time.Duration { return time.Millisecond },
		patience: deadline,
	}
	t.Cleanup(func() { s.stop(context.Background()) })
	return s
}

// script is a part that runs a shell script in dir. It answers once the file
// up-<name> is there.
func script(dir, name, text string) part {
	return part{
		name: name,
		path: "/bin/sh",
		args: []string{"-c", "cd '" + dir + "'\n" + text},
		answers: func(context.Context) error {
			_, err := os.Stat(filepath.Join(dir, "up-"+name))
			return err
		},
		grace:    deadline,
		orphaned: syscall.SIGTERM,
	}
}

func readFile(t *testing.T, elem ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(elem...))
	require.NoError(t, err)
	return strings.TrimSpace(string(text))
}

func readInt(t *testing.T, elem ...string) int {
	t.Helper()
	n, err := strconv.Atoi(readFile(t, elem...))
	require.NoError(t, err)
	return n
}

func runs(pid int) bool {
	_, err := processBegan(pid)
	return err == nil
}

func TestPartThatDiesIsStartedAgain(t *testing.T) {
	t.Parallel()
	s := newSupervisor(t)
	require.NoError(t, s.start(t.Context(), script(s.dir, "a", "echo began; touch up-a; exec sleep 1000")))
	first := readInt(t, s.dir, "a.pid")
	require.True(t, runs(first))

	require.NoError(t, syscall.Kill(first, syscall.SIGKILL))

	require.Eventually(t, func() bool { return readInt(t, s.dir, "a.pid") != first }, deadline, time.Millisecond)
	second := readInt(t, s.dir, "a.pid")
	require.False(t, runs(first))
	require.True(t, runs(second))
	require.Eventually(t, func() bool { return readFile(t, s.dir, "a.log") == "began\nbegan" }, deadline, time.Millisecond,
		"the log goes on")

	s.stop(t.Context())
	require.False(t, runs(second))
	require.NoFileExists(t, filepath.Join(s.dir, "a.pid"))
}

func TestPartThatKeepsDyingIsStartedLessAndLessOften(t *testing.T) {
	t.Parallel()
	s := newSupervisor(t)
	var mu sync.Mutex
	var asked []int
	s.backoff = func(failures int) time.Duration {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, failures)
		return time.Millisecond
	}
	require.NoError(t, s.start(t.Context(), script(s.dir, "a", "[ -e up-a ] && exit 1; touch up-a; exec sleep 1000")))

	require.NoError(t, syscall.Kill(readInt(t, s.dir, "a.pid"), syscall.SIGKILL))

	require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(asked) >= 4 }, deadline, time.Millisecond)
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []int{0, 1, 2, 3}, asked[:4])
}

func TestDoubling(t *testing.T) {
	t.Parallel()
	require.Equal(t, 100*time.Millisecond, doubling(0))
	require.Equal(t, 800*time.Millisecond, doubling(3))
	require.Equal(t, 5*time.Second, doubling(6))
	require.Equal(t, 5*time.Second, doubling(1_000_000))
}

func TestPartsStopInReverseOrder(t *testing.T) {
	t.Parallel()
	s := newSupervisor(t)
	for _, name := range []string{"a", "b", "c"} {
		require.NoError(t, s.start(t.Context(), script(s.dir, name,
			"trap 'echo "+name+" >> order; exit' TERM; touch up-"+name+"; while :; do sleep 0.01; done")))
	}

	s.stop(t.Context())

	require.Equal(t, "c\nb\na", readFile(t, s.dir, "order"))
}

func TestPartThatDoesNotStopIsKilledWithItsChildren(t *testing.T) {
	t.Parallel()
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for _, test := range []struct {
		name  string
		grace time.Duration
		ctx   context.Context
	}{
		{"its grace is over", 50 * time.Millisecond, t.Context()},
		{"somebody asked twice", deadline, stopped},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSupervisor(t)
			p := script(s.dir, "a", "trap '' TERM; sleep 1000 & echo $! > child; touch up-a; wait")
			p.grace = test.grace
			require.NoError(t, s.start(t.Context(), p))
			parent, child := readInt(t, s.dir, "a.pid"), readInt(t, s.dir, "child")
			require.True(t, runs(child))

			began := time.Now()
			s.stop(test.ctx)

			require.Less(t, time.Since(began), deadline/2)
			require.False(t, runs(parent))
			require.Eventually(t, func() bool { return !runs(child) }, deadline, time.Millisecond)
		})
	}
}

func TestChildrenOfPartThatDiedEnd(t *testing.T) {
	t.Parallel()
	s := newSupervisor(t)
	require.NoError(t, s.start(t.Context(), script(s.dir, "a", "sleep 1000 & echo $! > child; touch up-a; wait")))
	child := readInt(t, s.dir, "child")

	require.NoError(t, syscall.Kill(readInt(t, s.dir, "a.pid"), syscall.SIGKILL))

	require.Eventually(t, func() bool { return !runs(child) }, deadline, time.Millisecond)
}

func TestPartThatCannotStart(t *testing.T) {
	t.Parallel()
	t.Run("it ends", func(t *testing.T) {
		t.Parallel()
		s := newSupervisor(t)
		require.NoError(t, os.WriteFile(filepath.Join(s.dir, "a.log"), []byte("of another day\n"), 0o600))
		err := s.start(t.Context(), script(s.dir, "a", "echo the port is taken >&2; exit 3"))
		require.ErrorContains(t, err, "a cannot be started: exit status 3")
		require.ErrorContains(t, err, "the port is taken")
		require.ErrorContains(t, err, filepath.Join(s.dir, "a.log"))
		require.NotContains(t, err.Error(), "of another day")
	})
	t.Run("it does not answer", func(t *testing.T) {
		t.Parallel()
		s := newSupervisor(t)
		s.patience = 100 * time.Millisecond
		p := script(s.dir, "a", "exec sleep 1000")
		p.answers = func(context.Context) error { return errors.New("connection refused") }
		err := s.start(t.Context(), p)
		require.ErrorContains(t, err, "no answer within 100ms")
		require.ErrorContains(t, err, "connection refused")
		s.stop(t.Context())
		require.NoFileExists(t, filepath.Join(s.dir, "a.pid"))
	})
	t.Run("it is not there", func(t *testing.T) {
		t.Parallel()
		s := newSupervisor(t)
		p := script(s.dir, "a", "")
		p.path = filepath.Join(s.dir, "nothing")
		require.ErrorContains(t, s.start(t.Context(), p), "run make build")
	})
	t.Run("we are told to stop", func(t *testing.T) {
		t.Parallel()
		s := newSupervisor(t)
		ctx, cancel := context.WithCancel(t.Context())
		p := script(s.dir, "a", "exec sleep 1000")
		p.answers = func(context.Context) error { cancel(); return errors.New("not yet") }
		require.ErrorIs(t, s.start(ctx, p), context.Canceled)
	})
}

func TestPartsStartTogether(t *testing.T) {
	t.Parallel()
	s := newSupervisor(t)
	wait := func(own, other string) part {
		return script(s.dir, own, "touch here-"+own+"; while ! [ -e here-"+other+" ]; do sleep 0.01; done; touch up-"+own+"; exec sleep 1000")
	}
	require.NoError(t, s.start(t.Context(), wait("a", "b"), wait("b", "a")))
}

func TestLogsAndPidFilesAreTheUsersAlone(t *testing.T) {
	t.Parallel()
	s := newSupervisor(t)
	require.NoError(t, s.start(t.Context(), script(s.dir, "a", "touch up-a; exec sleep 1000")))
	for _, name := range []string{"a.log", "a.pid"} {
		info, err := os.Stat(filepath.Join(s.dir, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
}
