package node

import (
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
