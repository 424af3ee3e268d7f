package node

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// family is a command of many generations: a child, a grandchild whose parent
// is gone, a child in a process group of its own, as timeout(1) makes, and one
// that ignores every signal it can. It lists their ids in pids.
const family = `/bin/bash -c '
	sleep 1000 & echo $! >>pids
	(sleep 1000 & echo $! >>pids)
	set -m; sleep 1000 & echo $! >>pids; set +m
	(trap "" TERM INT HUP; echo $BASHPID >>pids; while :; do sleep 1000; done) &
	while [ "$(wc -l <pids)" -lt 4 ]; do sleep 0.01; done; touch ready; '`

func pids(t *testing.T, dir string) []int {
	t.Helper()
	var all []int
	for _, field := range strings.Fields(read(t, dir, "wd", "pids")) {
		pid, err := strconv.Atoi(field)
		require.NoError(t, err)
		all = append(all, pid)
	}
	require.Len(t, all, 4)
	return all
}

func requireGone(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		eventually(t, func() bool { return !isRunning(pid) }, "process "+strconv.Itoa(pid)+" still runs")
	}
}

func exists(path ...string) func() bool {
	return func() bool {
		_, err := os.Stat(filepath.Join(path...))
		return err == nil
	}
}

func TestRunKillsWhatIsLeftOfTheSession(t *testing.T) {
	t.Parallel()
	r, dir := runCommand(t, family)
	requireSuccess(t, r)
	requireGone(t, pids(t, dir)...)
}

func TestRunKillsEverythingWhenCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	dir := filepath.Join(t.TempDir(), "task")
	done := make(chan Result)
	var leader int
	go func() {
		task := Task{Dir: dir, CommandLine: strings.TrimSuffix(family, "'") + "trap : TERM; wait; sleep 1000'"}
		done <- NewMachine(Options{}).Run(ctx, task, func(pgid int) { leader = pgid })
	}()
	eventually(t, exists(dir, "wd", "ready"), "the task is up")
	cancelled := time.Now()
	cancel()
	r := <-done
	require.Less(t, time.Since(cancelled), 5*time.Second)
	requireCode(t, TaskEnded, UserError, r)
	require.Equal(t, -int32(syscall.SIGKILL), *r.ExitCode)
	requireGone(t, append(pids(t, dir), leader)...)
}

func TestRunStartsNothingWhenAlreadyCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := filepath.Join(t.TempDir(), "task")
	r := NewMachine(Options{}).Run(ctx, Task{Dir: dir, CommandLine: "touch ran"}, nil)
	requireCode(t, TaskEnded, UserError, r)
}

func TestRunEndsAfterMaxWallClock(t *testing.T) {
	t.Parallel()
	server := newBlobServer(t)
	server.container("out")
	dir := filepath.Join(t.TempDir(), "task")
	r := server.machine().Run(t.Context(), Task{
		Dir:          dir,
		CommandLine:  `/bin/sh -c 'echo begun; sleep 1000'`,
		MaxWallClock: 200 * time.Millisecond,
		OutputFiles: []OutputFile{
			{FilePattern: "../stdout.txt", ContainerURL: server.url("out"), Path: "log", Condition: TaskFailure},
			{FilePattern: "../stdout.txt", ContainerURL: server.url("out"), Path: "no", Condition: TaskSuccess},
		},
	}, nil)
	requireCode(t, TaskEnded, ServerError, r)
	require.Equal(t, -int32(syscall.SIGKILL), *r.ExitCode)
	require.GreaterOrEqual(t, r.Ended.Sub(r.Started), 200*time.Millisecond)
	require.Less(t, r.Ended.Sub(r.Started), 10*time.Second)
	require.Equal(t, []string{"log"}, server.names("out"))
}

func TestMaxWallClockHoldsForDownloadsToo(t *testing.T) {
	t.Parallel()
	server := newBlobServer(t)
	server.container("in").put("slow", "x")
	server.hold("/in/slow")
	r := server.machine().Run(t.Context(), Task{
		Dir:           filepath.Join(t.TempDir(), "task"),
		CommandLine:   "true",
		MaxWallClock:  100 * time.Millisecond,
		ResourceFiles: []ResourceFile{{HTTPURL: server.blobURL("in", "slow"), FilePath: "slow"}},
	}, nil)
	requireCode(t, TaskEnded, ServerError, r)
	require.Nil(t, r.ExitCode)
}

func TestRunEndsTransfersWhenCancelled(t *testing.T) {
	t.Parallel()
	server := newBlobServer(t)
	server.container("in").put("file", "x")
	server.container("out")
	server.hold("/in/slow")
	server.hold("/out/slow")
	for _, c := range []struct {
		request string
		task    Task
		exit    *int32
	}{
		{"GET /in/slow", Task{ResourceFiles: []ResourceFile{{HTTPURL: server.blobURL("in", "slow"), FilePath: "x"}}}, nil},
		{"PUT /out/slow", Task{OutputFiles: []OutputFile{{FilePattern: "../stdout.txt", ContainerURL: server.url("out"), Path: "slow"}}}, new(int32)},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		c.task.Dir, c.task.CommandLine = filepath.Join(t.TempDir(), "task"), "true"
		done := make(chan Result)
		go func() { done <- server.machine().Run(ctx, c.task, nil) }()
		eventually(t, func() bool { return server.count(c.request) > 0 }, "the transfer has begun")
		cancel()
		r := <-done
		requireCode(t, TaskEnded, UserError, r)
		require.Equal(t, c.exit, r.ExitCode)
		requireNoSecret(t, r, c.task.Dir)
	}
}

// startService starts the test binary as a service and kills it as soon as its
// task is up.
func startService(t *testing.T, line string) (dir string, pgid int, identity string) {
	t.Helper()
	dir = t.TempDir()
	service := exec.Command(os.Args[0])
	service.Env = append(os.Environ(), serviceDir+"="+dir, "NODE_TEST_COMMAND_LINE="+line)
	service.Stderr = os.Stderr
	require.NoError(t, service.Start())
	eventually(t, exists(dir, "task", "wd", "ready"), "the task is up")
	eventually(t, exists(dir, "record"), "the service has recorded the task")
	require.NoError(t, service.Process.Kill())
	_, _ = service.Process.Wait()

	first, identity, _ := strings.Cut(read(t, dir, "record"), "\n")
	pgid, err := strconv.Atoi(first)
	require.NoError(t, err)
	return filepath.Join(dir, "task"), pgid, identity
}

func TestEndOrphanEndsWhatADeadServiceLeft(t *testing.T) {
	t.Parallel()
	dir, pgid, identity := startService(t, strings.TrimSuffix(family, "'")+"sleep 1000'")
	members := pids(t, dir)
	for _, pid := range members {
		require.True(t, isRunning(pid), "only the first process dies with the service")
	}
	require.NoError(t, EndOrphan(pgid, identity))
	for _, pid := range append(members, pgid) {
		require.False(t, isRunning(pid))
	}
	require.NoError(t, EndOrphan(pgid, identity), "nothing left is no error")
}

// A service may die before it has recorded a task, and a task's process may
// leave its session.
func TestEndOrphansBelowNeedsNoRecord(t *testing.T) {
	t.Parallel()
	dir, _, _ := startService(t, strings.TrimSuffix(family, "'")+"sleep 1000'")
	members := pids(t, dir)
	other, _, _ := startService(t, strings.TrimSuffix(family, "'")+"sleep 1000'")
	others := pids(t, other)

	require.NoError(t, EndOrphansBelow(filepath.Dir(dir)))
	for _, pid := range members {
		require.False(t, isRunning(pid))
	}
	for _, pid := range others {
		require.True(t, isRunning(pid), "a process of another service is left alone")
	}
	require.NoError(t, EndOrphansBelow(other))
	requireGone(t, others...)
	require.NoError(t, EndOrphansBelow(other), "nothing left is no error")
	for _, dir := range []string{"", "/", "/.", "relative"} {
		require.Error(t, EndOrphansBelow(dir))
	}
}

func TestEndOrphanLeavesALaterProcessAlone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "task")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan Result)
	up := make(chan int)
	go func() {
		done <- NewMachine(Options{}).Run(ctx, Task{Dir: dir, CommandLine: "sleep 1000"}, func(pgid int) { up <- pgid })
	}()
	pgid := <-up
	identity, err := ProcessIdentity(pgid)
	require.NoError(t, err)
	again, err := ProcessIdentity(pgid)
	require.NoError(t, err)
	require.Equal(t, identity, again)
	require.Contains(t, identity, dir)

	require.NoError(t, EndOrphan(pgid, "another-boot:1 "+dir))
	require.True(t, isRunning(pgid))
	require.Error(t, EndOrphan(0, identity))
	require.Error(t, EndOrphan(1, identity))
	require.Error(t, EndOrphan(-pgid, identity))
	cancel()
	<-done
	_, err = ProcessIdentity(pgid)
	require.Error(t, err)
}
