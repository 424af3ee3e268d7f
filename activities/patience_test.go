package activities

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch/faults"
	"github.com/durabatch/durabatch/workload"
)

// TestWaitBearsLooksWithoutAnswer: a look that fails, even after the client's
// own retry, does not end the attempt, and several in a row are told.
func TestWaitBearsLooksWithoutAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mustRun(w, w.Submit, w.submitInput(w.prepared(1, "a.txt").Files))
	w.fail("GetJob", 6) // of three looks
	reasons := map[string]bool{}
	waited := mustRun(w, w.Wait, w.waitInput(1), heard(func(p workload.Progress) { reasons[p.Reason] = true }))
	require.Nil(t, waited.Failure)
	require.EqualValues(t, 1, waited.Counts.Succeeded)
	require.Contains(t, reasons, "", "one look without an answer is not worth a word")
	delete(reasons, "")
	require.NotEmpty(t, reasons)
	for reason := range reasons {
		require.Contains(t, reason, "Batch does not answer just now: look at job "+w.id)
	}
}

// TestWaitGivesUpOnABatchThatIsGone, so that Temporal shows that it is tried
// again.
func TestWaitGivesUpOnABatchThatIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.prepared(1, "a.txt")
	w.fail("GetJob", 0)
	_, err := run(w, w.Wait, w.waitInput(1))
	require.ErrorContains(t, err, "look at job "+w.id)
}

// TestDeletionsBearLooksWithoutAnswer: job and pool are seen to be gone in one
// attempt.
func TestDeletionsBearLooksWithoutAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.prepared(1, "a.txt")
	w.failAfter("GetJob", 1, 4)
	require.NoError(t, do(w, w.DeleteJob, JobInput{Owner: w.owner, Job: w.id}))
	w.failAfter("GetPool", 1, 4)
	require.NoError(t, do(w, w.DeletePool, PoolInput{Owner: w.owner, Pool: w.id}))
}

// fail has the first calls of an operation answer 500; 0: all of them.
func (w *world) fail(operation string, times int) { w.failAfter(operation, 0, times) }

// failAfter is fail for those that follow a number of calls that go well.
func (w *world) failAfter(operation string, well, times int) {
	w.t.Helper()
	require.NoError(w.t, w.batch.SetFaults(faults.Plan{Requests: []faults.RequestRule{{
		When:       faults.When{From: well + 1, Times: times},
		Operations: []string{operation}, Actions: []faults.Action{{Do: faults.ErrorBefore}},
	}}}))
}
