package localbatch_test

import (
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
)

func preemptible(c *azbatch.CreateJobContent) { c.AllowTaskPreemption = to.Ptr(true) }

func priority(n int32) func(*azbatch.CreateJobContent) {
	return func(c *azbatch.CreateJobContent) { c.Priority = &n }
}

func slots(n int32) func(*azbatch.CreateTaskContent) {
	return func(c *azbatch.CreateTaskContent) { c.RequiredSlots = &n }
}

// addTo adds a task to another job than "job".
func (w *world) addTo(job, id, command string, adjust ...func(*azbatch.CreateTaskContent)) {
	w.t.Helper()
	_, err := w.CreateTask(ctx, job, taskContent(id, command, adjust...), nil)
	require.NoError(w.t, err)
}

func (w *world) taskOf(job, id string) azbatch.Task {
	w.t.Helper()
	task, err := w.GetTask(ctx, job, id, nil)
	require.NoError(w.t, err)
	return task.Task
}

// running waits until a job has so many running tasks.
func (w *world) running(job string, want int32) {
	w.t.Helper()
	eventually(w.t, "as many tasks of "+job+" run as should", func() bool { return *w.counts(job).Running == want })
}

func TestTasksArePreempted(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 1))
	w.job("low", "pool")
	w.job("high", "pool", priority(1))
	w.addTo("low", "one", "sleep 1000")
	w.running("low", 1)
	w.addTo("high", "one", "sleep 1000")
	require.Equal(t, azbatch.TaskStateActive, *w.taskOf("high", "one").State, "the job does not allow preemption")

	_, err := w.UpdateJob(ctx, "low", azbatch.UpdateJobContent{AllowTaskPreemption: to.Ptr(true)}, nil)
	require.NoError(t, err)
	w.running("high", 1)
	low := w.taskOf("low", "one")
	require.Equal(t, azbatch.TaskStateActive, *low.State)
	require.Equal(t, int32(1), *low.ExecutionInfo.RequeueCount)
	require.Zero(t, *low.ExecutionInfo.RetryCount)

	w.job("equal", "pool", priority(1), preemptible)
	w.addTo("equal", "one", "sleep 1000")
	_, err = w.UpdateJob(ctx, "high", azbatch.UpdateJobContent{AllowTaskPreemption: to.Ptr(true)}, nil)
	require.NoError(t, err)
	require.Equal(t, azbatch.TaskStateRunning, *w.taskOf("high", "one").State, "it is no lower in priority")
	_, err = w.UpdateJob(ctx, "equal", azbatch.UpdateJobContent{Priority: to.Ptr[int32](2)}, nil)
	require.NoError(t, err)
	w.running("equal", 1)
	require.Equal(t, int32(1), *w.taskOf("high", "one").ExecutionInfo.RequeueCount)

	w.close()
	w.open()
	w.running("equal", 1)
	for _, job := range []string{"equal", "high"} {
		_, err := w.TerminateJob(ctx, job, nil)
		require.NoError(t, err)
	}
	w.running("low", 1)
	require.Equal(t, int32(1), *w.taskOf("low", "one").ExecutionInfo.RequeueCount)
}

// TestNoMoreIsPreemptedThanHelps has tasks of several sizes make room for others.
func TestNoMoreIsPreemptedThanHelps(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(slotted("pool", 2, 4))
	w.job("low", "pool", preemptible)
	w.job("middle", "pool", priority(1), preemptible)
	w.job("firm", "pool", priority(1))
	w.job("high", "pool", priority(2), func(c *azbatch.CreateJobContent) { c.MaxParallelTasks = to.Ptr[int32](1) })
	w.addTo("firm", "large", "sleep 1000", slots(3))
	w.running("firm", 1)
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		w.addTo("low", id, "sleep 1000")
	}
	w.running("low", 5)

	w.addTo("high", "whole", "sleep 1000", slots(4))
	w.addTo("high", "another", "sleep 1000", slots(1)) // one too many for its job
	w.running("high", 1)
	w.running("low", 1)
	w.addTo("middle", "one", "sleep 1000")
	w.running("middle", 1)
	w.running("low", 0)
	require.Equal(t, int32(1), *w.counts("firm").Running)
	require.Equal(t, azbatch.TaskStateRunning, *w.taskOf("high", "whole").State)
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		require.Equal(t, int32(1), *w.taskOf("low", id).ExecutionInfo.RequeueCount, id)
	}

	w.addTo("high", "huge", "sleep 1000", slots(5)) // it will never run, and nobody has to go for it
	_, err := w.TerminateTask(ctx, "high", "whole", nil)
	require.NoError(t, err)
	eventually(t, "the next one of the job runs", func() bool {
		return *w.taskOf("high", "another").State == azbatch.TaskStateRunning
	})
	w.running("low", 3)
	require.Equal(t, int32(1), *w.counts("middle").Running)
}

// TestRoomIsKeptForThoseItIsMadeFor ends two tasks for a third, one after the
// other: what waits besides may not take the room of the first.
func TestRoomIsKeptForThoseItIsMadeFor(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(slotted("pool", 1, 2))
	w.job("low", "pool", preemptible)
	for _, id := range []string{"a", "b", "c", "d"} {
		w.addTo("low", id, "sleep 1000")
	}
	w.running("low", 2)
	for range 5 {
		w.job("job", "pool", priority(1), managed("sleep 0.05", outlived)) // wants the node for itself
		w.completed("manager")
		w.deleteJob("job")
		w.running("low", 2)
	}
	total := int32(0)
	for _, id := range []string{"a", "b", "c", "d"} {
		total += *w.taskOf("low", id).ExecutionInfo.RequeueCount
	}
	require.Equal(t, int32(10), total)
}

func TestTasksRunWhereTheyLikeTo(t *testing.T) {
	t.Parallel()
	for _, fill := range []azbatch.NodeFillType{azbatch.NodeFillTypeSpread, azbatch.NodeFillTypePack} {
		t.Run(string(fill), func(t *testing.T) {
			t.Parallel()
			w := start(t)
			content := slotted("pool", 3, 2)
			content.TaskSchedulingPolicy = &azbatch.TaskSchedulingPolicy{NodeFillType: &fill}
			w.pool(content)
			w.job("job", "pool")
			liked := w.allNodes("pool", azbatch.NodeStateIdle)[1]
			likes := func(c *azbatch.CreateTaskContent) {
				c.AffinityInfo = &azbatch.AffinityInfo{AffinityID: liked.AffinityID}
			}
			for _, id := range []string{"a", "b"} {
				w.add(id, "sleep 1000", likes)
				require.Equal(t, *liked.ID, *w.until(id, azbatch.TaskStateRunning).NodeInfo.NodeID)
			}
			w.add("c", "sleep 1000", likes) // the node is full
			require.NotEqual(t, *liked.ID, *w.until("c", azbatch.TaskStateRunning).NodeInfo.NodeID)
			w.add("d", "sleep 1000", func(c *azbatch.CreateTaskContent) {
				c.AffinityInfo = &azbatch.AffinityInfo{AffinityID: to.Ptr("TVM:nobody")}
			})
			d := w.until("d", azbatch.TaskStateRunning)
			together := *d.NodeInfo.NodeID == *w.task("c").NodeInfo.NodeID
			require.Equal(t, fill == azbatch.NodeFillTypePack, together)
		})
	}
}

func TestTooLargeTasksHoldUpNobody(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(slotted("pool", 1, 2))
	w.job("job", "pool")
	for _, id := range []string{"a", "b", "c"} {
		w.add(id, "true", slots(3))
	}
	w.add("small", "true", slots(2))
	w.completed("small")
	require.Equal(t, int32(3), *w.counts("job").Active)
}
