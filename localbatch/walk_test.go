package localbatch_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
)

var (
	walkSeed  = flag.Uint64("walk-seed", 0, "seed of TestRandomWalk; 0: a new one")
	walkSteps = flag.Int("walk-steps", 150, "steps of each walker of TestRandomWalk")
)

// walker calls whatever comes to its mind on a few pools, jobs and tasks.
type walker struct {
	*world
	*rand.Rand
}

func (w walker) pick(prefix string) string { return fmt.Sprint(prefix, w.IntN(3)) }

func (w walker) step() error {
	pool, job, task := w.pick("pool"), w.pick("job"), w.pick("task")
	node := "none"
	if page, err := w.NewListNodesPager(pool, nil).NextPage(ctx); err == nil && len(page.Value) > 0 {
		node = *page.Value[w.IntN(len(page.Value))].ID
	}
	var err error
	switch w.IntN(22) {
	case 0, 1:
		content := poolContent(pool, int32(w.IntN(3)))
		content.TaskSlotsPerNode = to.Ptr(int32(1 + w.IntN(3)))
		if w.IntN(2) == 0 {
			content.StartTask = startTask([]string{"true", "sleep 0.05", "false"}[w.IntN(3)])
		}
		_, err = w.CreatePool(ctx, content, nil)
	case 2:
		if w.IntN(4) == 0 {
			_, err = w.DeletePool(ctx, pool, nil)
		}
	case 3, 4:
		option := azbatch.PossibleNodeDeallocationOptionValues()[w.IntN(4)]
		_, err = w.ResizePool(ctx, pool, azbatch.ResizePoolContent{TargetDedicatedNodes: to.Ptr(int32(w.IntN(4))), NodeDeallocationOption: &option}, nil)
	case 5:
		_, err = w.StopPoolResize(ctx, pool, nil)
	case 6:
		_, err = w.RemoveNodes(ctx, pool, azbatch.RemoveNodeContent{NodeList: []string{node}}, nil)
	case 7:
		_, err = w.DisableNodeScheduling(ctx, pool, node, nil)
	case 8:
		_, err = w.EnableNodeScheduling(ctx, pool, node, nil)
	case 9, 10:
		end := azbatch.PossibleOnAllTasksCompleteValues()[w.IntN(2)]
		_, err = w.CreateJob(ctx, azbatch.CreateJobContent{ID: &job, PoolInfo: &azbatch.PoolInfo{PoolID: &pool}, OnAllTasksComplete: &end}, nil)
	case 11:
		_, err = w.UpdateJob(ctx, job, azbatch.UpdateJobContent{OnAllTasksComplete: to.Ptr(azbatch.OnAllTasksCompleteTerminateJob), Priority: to.Ptr(int32(w.IntN(9)))}, nil)
	case 12:
		option := azbatch.PossibleDisableJobOptionValues()[w.IntN(3)]
		_, err = w.DisableJob(ctx, job, azbatch.DisableJobContent{DisableTasks: &option}, nil)
	case 13, 14:
		_, err = w.EnableJob(ctx, job, nil)
	case 15:
		if w.IntN(3) == 0 {
			_, err = w.TerminateJob(ctx, job, nil)
		}
	case 16:
		if w.IntN(2) == 0 {
			_, err = w.DeleteJob(ctx, job, nil)
		}
	case 17, 18, 19:
		content := taskContent(task, []string{"true", "false", "sleep 0.05", "sleep 1000", "no-such-program"}[w.IntN(5)])
		content.RequiredSlots = to.Ptr(int32(1 + w.IntN(2)))
		content.Constraints = &azbatch.TaskConstraints{MaxTaskRetryCount: to.Ptr(int32(w.IntN(3)))}
		_, err = w.CreateTask(ctx, job, content, nil)
	case 20:
		_, err = w.TerminateTask(ctx, job, task, nil)
		if err == nil && w.IntN(2) == 0 {
			_, err = w.ReactivateTask(ctx, job, task, nil)
		}
	case 21:
		_, err = w.DeleteTask(ctx, job, task, nil)
	}
	return err
}

// TestRandomWalk makes legal and illegal calls from several sides at once: no
// call may fail by the service's own fault, and what is counted must be there.
func TestRandomWalk(t *testing.T) {
	t.Parallel()
	seed := *walkSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	w := start(t)
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			walker := walker{w, rand.New(rand.NewPCG(seed, uint64(i)))}
			for range *walkSteps {
				err := walker.step()
				var answer *azcore.ResponseError
				if err != nil && (!errors.As(err, &answer) || answer.StatusCode >= 500) {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	w.settle()
	w.requireConsistent()
	w.close()
	w.open()
	w.settle()
	w.requireConsistent()
}

// settle ends what would go on for ever and waits for every transition to end.
func (w *world) settle() {
	w.t.Helper()
	for i := range 3 {
		option := azbatch.DisableJobOptionRequeue
		_, _ = w.DisableJob(ctx, fmt.Sprint("job", i), azbatch.DisableJobContent{DisableTasks: &option}, nil) // if it can be
	}
	passing := map[string]bool{"disabling": true, "enabling": true, "terminating": true, "deleting": true, "resizing": true, "stopping": true}
	for i := range 3 {
		_, _ = w.StopPoolResize(ctx, fmt.Sprint("pool", i), nil) // one that waits for retained data waits for a week
	}
	eventually(w.t, "everything has settled", func() bool {
		settled := true
		jobs, err := w.NewListJobsPager(nil).NextPage(ctx)
		require.NoError(w.t, err)
		for _, j := range jobs.Value {
			settled = settled && !passing[string(*j.State)]
		}
		pools, err := w.NewListPoolsPager(nil).NextPage(ctx)
		require.NoError(w.t, err)
		for _, p := range pools.Value {
			settled = settled && !passing[string(*p.State)] && !passing[string(*p.AllocationState)]
			for _, n := range w.nodes(*p.ID) {
				state := *n.State
				settled = settled && (state == azbatch.NodeStateIdle || state == azbatch.NodeStateOffline || state == azbatch.NodeStateStartTaskFailed)
			}
		}
		return settled
	})
}

func (w *world) requireConsistent() {
	w.t.Helper()
	jobs, err := w.NewListJobsPager(nil).NextPage(ctx)
	require.NoError(w.t, err)
	for _, j := range jobs.Value {
		want := map[string]int32{}
		pager := w.NewListTasksPager(*j.ID, nil)
		for _, page := range get(w.t, pager.More, pager.NextPage) {
			for _, task := range page.Value {
				want[string(*task.State)]++
				want["slots"] += *task.RequiredSlots
				if *task.State == azbatch.TaskStateCompleted {
					want[string(*task.ExecutionInfo.Result)]++
				}
			}
		}
		answer, err := w.GetJobTaskCounts(ctx, *j.ID, nil)
		require.NoError(w.t, err)
		c, s := answer.TaskCounts, answer.TaskSlotCounts
		got := []int32{*c.Active, *c.Running, *c.Completed, *c.Succeeded, *c.Failed, *s.Active + *s.Running + *s.Completed}
		require.Equal(w.t, []int32{want["active"], want["running"], want["completed"], want["success"], want["failure"], want["slots"]}, got, *j.ID)
	}
	pools, err := w.NewListPoolsPager(nil).NextPage(ctx)
	require.NoError(w.t, err)
	for _, p := range pools.Value {
		for _, n := range w.nodes(*p.ID) {
			require.Zero(w.t, *n.RunningTasksCount)
			require.Zero(w.t, *n.RunningTaskSlotsCount)
		}
	}
}
