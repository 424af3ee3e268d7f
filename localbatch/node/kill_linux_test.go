package node

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Linux alone can tie the life of a task's first process to the service's.
func TestTaskDiesWithTheService(t *testing.T) {
	t.Parallel()
	_, pgid, identity := startService(t, `/bin/sh -c 'touch ready; exec sleep 1000'`)
	requireGone(t, pgid)
	require.NoError(t, EndOrphan(pgid, identity))
}

func TestEndOrphanKnowsOrphansByTheirTask(t *testing.T) {
	t.Parallel()
	dir, pgid, identity := startService(t, strings.TrimSuffix(family, "'")+"sleep 1000'")
	members := pids(t, dir)
	eventually(t, func() bool { _, err := startTime(pgid); return err != nil }, "the first process is reaped")

	start, taskDir, _ := strings.Cut(identity, " ")
	for _, another := range []string{start, start + " " + taskDir + "2", ""} {
		require.NoError(t, EndOrphan(pgid, another))
		for _, pid := range members {
			require.True(t, isRunning(pid), "a process of another task is left alone")
		}
	}
	require.NoError(t, EndOrphan(pgid, identity))
	for _, pid := range members {
		require.False(t, isRunning(pid))
	}
}

// daemons is a command that leaves processes in sessions of their own behind:
// one of its own making, one of which nobody is the parent any more, and one
// that starts another when it is too late to be listed with it.
const daemons = `/bin/bash -c '
	setsid sleep 1000 & echo $! >>pids
	(setsid sleep 1000 & echo $! >>pids)
	setsid /bin/bash -c "sleep 1000 & echo \$! >>pids; echo \$\$ >>pids; wait" &
	while [ "$(wc -l <pids)" -lt 4 ]; do sleep 0.01; done; touch ready; '`

func TestRunEndsDaemonsWithTheirTask(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]string{
		"of a moment":                   daemons,
		"after ids may have begun anew": strings.TrimSuffix(daemons, "'") + "sleep 0.5'",
		"after more ids than are tried": strings.TrimSuffix(daemons, "'") + "for i in {1..1100}; do (:); done'",
		"that failed":                   strings.TrimSuffix(daemons, "'") + "exit 3'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, dir := runCommand(t, line)
			requireGone(t, pids(t, dir)...)
		})
	}
}

func TestDaemonsOfAStartTaskStayUntilTheNodeGoes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "startup")
	requireSuccess(t, NewMachine(Options{}).Run(t.Context(), Task{Dir: dir, CommandLine: daemons, Services: true}, nil))
	for _, pid := range pids(t, dir) {
		require.True(t, isRunning(pid))
	}
	require.NoError(t, EndOrphansBelow(filepath.Dir(dir)))
	requireGone(t, pids(t, dir)...)
}

func TestDaemonsOfOtherTasksAreLeftAlone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dir := filepath.Join(t.TempDir(), "task")
	done := make(chan Result)
	go func() {
		done <- NewMachine(Options{}).Run(ctx, Task{Dir: dir, CommandLine: strings.TrimSuffix(daemons, "'") + "sleep 1000'"}, nil)
	}()
	eventually(t, exists(dir, "wd", "ready"), "the task is up")
	_, other := runCommand(t, daemons)
	requireGone(t, pids(t, other)...)
	for _, pid := range pids(t, dir) {
		require.True(t, isRunning(pid))
	}
	cancel()
	<-done
	requireGone(t, pids(t, dir)...)
}
