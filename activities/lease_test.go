package activities

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch"
	"github.com/durabatch/durabatch/workload"
)

// leased is a world whose formulas are evaluated each second, and the pool that
// it is about.
func leased(t *testing.T, length time.Duration) (*world, CreatePoolInput) {
	t.Helper()
	w := newWorld(t, func(o *localbatch.Options) { o.AutoScaleInterval = time.Second })
	w.Evaluation = time.Second
	pool := w.poolInput(1)
	pool.Pool.SpotNodes, pool.Pool.Lease = 1, workload.Duration(length)
	return w, pool
}

func (w *world) leasedWait(files int64, pool CreatePoolInput) WaitInput {
	in := w.waitInput(files)
	in.Lease = Lease{Length: pool.Pool.Lease, DedicatedNodes: pool.Pool.DedicatedNodes, SpotNodes: pool.Pool.SpotNodes}
	return in
}

func (w *world) nodes() int32 {
	w.t.Helper()
	pool, err := w.Batch.GetPool(w.t.Context(), w.id, nil)
	require.NoError(w.t, err)
	return value(pool.CurrentDedicatedNodes) + value(pool.CurrentLowPriorityNodes)
}

// TestLeaseLapses: with nothing of ours alive the pool goes to zero nodes by
// itself; a wait that comes back asks for them again and keeps them.
func TestLeaseLapses(t *testing.T) {
	t.Parallel()
	const length = 4 * time.Second
	w, pool := leased(t, length)
	w.write("a.txt")
	scanned := mustRun(w, w.Scan, w.scanInput())
	mustRun(w, w.Upload, w.uploadInput(scanned))
	created := time.Now()
	require.NoError(t, do(w, w.CreatePool, pool))
	require.NoError(t, do(w, w.CreateJob, w.jobInput()))
	w.eventually("the nodes come", func() bool { return w.nodes() == 2 })
	w.eventually("the nodes go", func() bool { return w.nodes() == 0 })
	require.Less(t, time.Since(created), 2*length+time.Second, "a new pool's lease is twice as long")

	w.task.Command = "sleep 8; cp {{input}} {{output}}" // for longer than the lease
	mustRun(w, w.Submit, w.submitInput(scanned.Files))
	var reasons []string
	waited := mustRun(w, w.Wait, w.leasedWait(scanned.Files, pool), heard(func(p workload.Progress) { reasons = append(reasons, p.Reason) }))
	require.Nil(t, waited.Failure)
	require.EqualValues(t, 1, waited.Counts.Succeeded)
	require.Contains(t, strings.Join(reasons, "\n"), "they are asked for again")
	task, err := w.Batch.GetTask(t.Context(), w.id, workload.TaskID(0), nil)
	require.NoError(t, err)
	require.Zero(t, value(task.ExecutionInfo.RequeueCount), "the lease was renewed in time")

	done := time.Now()
	w.eventually("the nodes go", func() bool { return w.nodes() == 0 })
	require.Less(t, time.Since(done), length+time.Second)
}

// TestEmptyPoolEndsTheLease, and no nodes come back.
func TestEmptyPoolEndsTheLease(t *testing.T) {
	t.Parallel()
	w, pool := leased(t, time.Hour)
	require.NoError(t, do(w, w.CreatePool, pool))
	w.eventually("the nodes come", func() bool { return w.nodes() == 2 })
	require.NoError(t, do(w, w.EmptyPool, PoolInput{Owner: w.owner, Pool: w.id}))
	require.Zero(t, w.nodes())
	found, err := w.Batch.GetPool(t.Context(), w.id, nil)
	require.NoError(t, err)
	require.True(t, value(found.EnableAutoScale), "at no moment is the pool without a formula that ends")
	require.Equal(t, noNodes, value(found.AutoScaleFormula))
}

// TestAPoolThatSomebodyScalesIsLeftSo, and the run says so.
func TestAPoolThatSomebodyScalesIsLeftSo(t *testing.T) {
	t.Parallel()
	w, pool := leased(t, time.Hour)
	require.NoError(t, do(w, w.CreatePool, pool))
	require.NoError(t, do(w, w.CreateJob, w.jobInput()))
	w.steady(w.id)
	_, err := w.Batch.DisablePoolAutoScale(t.Context(), w.id, nil)
	require.NoError(t, err)
	giveUp, ctx := cancellable(t)
	waited := mustRun(w, w.Wait, w.leasedWait(1, pool), within(ctx), heard(func(p workload.Progress) {
		if strings.Contains(p.Reason, "somebody changed") { // nodes may not be ready at first
			giveUp()
		}
	}))
	require.Contains(t, waited.Reason, "somebody changed how pool "+w.id+" scales")
	found, err := w.Batch.GetPool(t.Context(), w.id, nil)
	require.NoError(t, err)
	require.False(t, value(found.EnableAutoScale))
}

func TestLeaseFormula(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	lease := Lease{Length: workload.Duration(20 * time.Minute), DedicatedNodes: 3, SpotNodes: 5}
	until := lease.until(now, shortestEvaluation)
	require.Equal(t, now.Add(15*time.Minute), until, "nodes are gone within the lease, however late Batch looks")
	formula := lease.formula(until)
	require.Equal(t, `$TargetDedicatedNodes = (time() < time("2026-11-23T14:15:00Z")) ? 3 : 0;
$TargetLowPriorityNodes = (time() < time("2026-11-23T14:15:00Z")) ? 5 : 0;
$NodeDeallocationOption = requeue;`, formula)
	read, ok := leaseIn(formula)
	require.True(t, ok)
	require.Equal(t, until, read)
	for _, other := range []string{"", noNodes, "$TargetDedicatedNodes = 3", strings.Replace(formula, "2026-11-23T14:15:00Z", "soon", 1)} {
		_, ok := leaseIn(other)
		require.False(t, ok, other)
	}
}
