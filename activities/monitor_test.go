package activities

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/workload"
)

func TestWaitEndsOnABrokenPool(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool := w.poolInput(2)
	pool.Pool.StartTask = &workload.StartTask{Command: "echo no such codec >&2; exit 3"}
	require.NoError(t, do(w, w.CreatePool, pool))
	require.NoError(t, do(w, w.CreateJob, w.jobInput()))

	started := time.Now()
	waited := mustRun(w, w.Wait, w.waitInput(1))
	require.Less(t, time.Since(started), 10*time.Second)
	require.NotNil(t, waited.Failure)
	require.Equal(t, "StartTaskFailed", waited.Failure.Code)
	require.Contains(t, waited.Failure.Message, "with exit code 3")
	require.EqualValues(t, 3, *waited.Failure.ExitCode)
	require.Equal(t, "no such codec", waited.Failure.Stderr)
	require.NotEmpty(t, waited.Failure.Node)
}

// TestWaitIsPatientWithAPoolOfTheUsers, which its owner may mend: it says what
// it waits for, also when the wait is given up.
func TestWaitIsPatientWithAPoolOfTheUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool := w.poolInput(1)
	pool.Pool.StartTask = &workload.StartTask{Command: "exit 3"}
	require.NoError(t, do(w, w.CreatePool, pool))
	require.NoError(t, do(w, w.CreateJob, w.jobInput()))

	in := w.waitInput(1)
	in.OwnPool = false
	giveUp, ctx := cancellable(t)
	waited := mustRun(w, w.Wait, in, within(ctx), heard(func(p workload.Progress) {
		if strings.Contains(p.Reason, "start task") {
			giveUp()
		}
	}))
	require.Nil(t, waited.Failure)
	require.Contains(t, waited.Reason, "the start task (pool.startTask) failed on every node")
}

func TestWaitTellsADeletedJobAndPool(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, do(w, w.CreatePool, w.poolInput(0)))
	require.NoError(t, do(w, w.CreateJob, w.jobInput()))

	_, err := w.Batch.DeletePool(t.Context(), w.id, nil)
	require.NoError(t, err)
	w.eventually("the pool is gone", func() bool {
		exists, err := azure.PoolExists(t.Context(), w.Batch, w.id)
		return err == nil && !exists
	})
	waited := mustRun(w, w.Wait, w.waitInput(1))
	require.NotNil(t, waited.Failure)
	require.Equal(t, "PoolNotFound", waited.Failure.Code)

	require.NoError(t, do(w, w.DeleteJob, JobInput{Owner: w.owner, Job: w.id}))
	waited = mustRun(w, w.Wait, w.waitInput(1))
	require.NotNil(t, waited.Failure)
	require.Equal(t, "JobNotFound", waited.Failure.Code)
}

// TestWaitSaysWhyNothingMoves while it waits, and when the wait is given up.
func TestWaitSaysWhyNothingMoves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	scanned := w.prepared(0, "a.txt")
	mustRun(w, w.Submit, w.submitInput(scanned.Files))
	giveUp, ctx := cancellable(t)
	waited := mustRun(w, w.Wait, w.waitInput(1), within(ctx), heard(func(p workload.Progress) {
		if p.Counts.Active == 1 && p.Reason != "" {
			giveUp()
		}
	}))
	require.Nil(t, waited.Failure)
	require.Equal(t, "pool "+w.id+" has no nodes", waited.Reason)
	require.Equal(t, workload.Counts{Total: 1, Active: 1}, waited.Counts)
}
