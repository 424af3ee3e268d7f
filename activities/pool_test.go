package activities

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workload"
)

// TestEmptyPoolKeepsItsOwnResize, which an attempt before this one began and
// which lasts until a task has ended.
func TestEmptyPoolKeepsItsOwnResize(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	goOn := w.busy()
	_, err := w.Batch.ResizePool(t.Context(), w.id, azbatch.ResizePoolContent{
		TargetDedicatedNodes: to.Ptr[int32](0), TargetLowPriorityNodes: to.Ptr[int32](0),
		NodeDeallocationOption: to.Ptr(azbatch.NodeDeallocationOptionTaskCompletion),
	}, nil)
	require.NoError(t, err)

	looks := 0
	require.NoError(t, do(w, w.EmptyPool, PoolInput{Owner: w.owner, Pool: w.id}, again, heard(func(workload.Progress) {
		if looks++; looks == 2 {
			goOn()
		}
	})))
	require.GreaterOrEqual(t, looks, 2)
	require.Len(t, w.calls.to("/resize"), 1)
	require.Empty(t, w.calls.to("/stopresize"))
	w.empty()
}

// TestEmptyPoolEndsTheTasksThatRun rather than wait for them.
func TestEmptyPoolEndsTheTasksThatRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.busy()
	require.NoError(t, do(w, w.EmptyPool, PoolInput{Owner: w.owner, Pool: w.id}))
	w.empty()
}

// TestEmptyPoolStopsAResizeThatIsNotItsOwn: to one node, which waits for the
// task of the other.
func TestEmptyPoolStopsAResizeThatIsNotItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.busyOn(2)
	_, err := w.Batch.ResizePool(t.Context(), w.id, azbatch.ResizePoolContent{
		TargetDedicatedNodes: to.Ptr[int32](1), NodeDeallocationOption: to.Ptr(azbatch.NodeDeallocationOptionTaskCompletion),
	}, nil)
	require.NoError(t, err)
	require.NoError(t, do(w, w.EmptyPool, PoolInput{Owner: w.owner, Pool: w.id}))
	w.empty()
}

func TestPoolOfTheUsersIsOnlyLookedAt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, do(w, w.CreatePool, w.poolInput(0)))
	made := len(w.calls.to("/pools"))
	theirs := CreatePoolInput{Owner: newOwner(), Pool: workload.Pool{ID: w.id}, Slots: 4}
	require.NoError(t, do(w, w.CreatePool, theirs))
	theirs.Slots = 5
	err := do(w, w.CreatePool, theirs)
	requireRefused(w, err, InvalidWorkload)
	require.ErrorContains(t, err, "has 4 task slots on a node and each task needs 5")
	require.Len(t, w.calls.to("/pools"), made)
}

// busy is a pool of one node with a task that runs until it is told to go on.
func (w *world) busy() (goOn func()) { return w.busyOn(1) }

func (w *world) busyOn(nodes int32) (goOn func()) {
	w.t.Helper()
	ctx := w.t.Context()
	file := filepath.Join(w.t.TempDir(), "go on")
	pool := w.poolInput(nodes)
	pool.Pool.TaskSlots = 1
	require.NoError(w.t, do(w, w.CreatePool, pool))
	require.NoError(w.t, do(w, w.CreateJob, w.jobInput()))
	for i := range nodes {
		id := workload.TaskID(int64(i))
		_, err := w.Batch.CreateTask(ctx, w.id, azbatch.CreateTaskContent{
			ID: to.Ptr(id), CommandLine: to.Ptr(bash(`until test -e "$GO_ON"; do sleep 0.05; done`)),
			EnvironmentSettings: environment(map[string]string{"GO_ON": file}),
		}, nil)
		require.NoError(w.t, err)
		w.eventually("the task runs", func() bool {
			task, err := w.Batch.GetTask(ctx, w.id, id, nil)
			return err == nil && value(task.State) == azbatch.TaskStateRunning
		})
	}
	w.steady(w.id)
	return func() { require.NoError(w.t, os.WriteFile(file, nil, 0o600)) }
}

// empty requires that the pool has no nodes and wants none.
func (w *world) empty() {
	w.t.Helper()
	pool, err := w.Batch.GetPool(w.t.Context(), w.id, nil)
	require.NoError(w.t, err)
	require.Equal(w.t, azbatch.AllocationStateSteady, *pool.AllocationState)
	require.Zero(w.t, *pool.TargetDedicatedNodes+*pool.CurrentDedicatedNodes)
}
