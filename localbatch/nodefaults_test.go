package localbatch_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch"
)

// nodeIs waits until the pool's only node is in a state.
func (w *world) nodeIs(want azbatch.NodeState) azbatch.Node {
	w.t.Helper()
	var node azbatch.Node
	eventually(w.t, fmt.Sprintf("the node is %s", want), func() bool {
		nodes := w.nodes("pool")
		if len(nodes) != 1 {
			return false
		}
		node = nodes[0]
		return *node.State == want
	})
	return node
}

func TestStartTasksThatFail(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.setFaults(`{"startTasks": [{"name": "first", "nth": 1, "exitCode": 7}, {"name": "spot", "dedicated": false, "exitCode": 9}]}`)
	content := poolContent("pool", 1)
	content.StartTask = startTask("true")
	content.StartTask.MaxTaskRetryCount = to.Ptr(int32(1))
	w.pool(content)
	node := w.nodeIs(azbatch.NodeStateIdle)
	require.Equal(t, int32(1), *node.StartTaskInfo.RetryCount, "the second try runs")
	require.Zero(t, *node.StartTaskInfo.ExitCode)

	_, err := w.ResizePool(ctx, "pool", azbatch.ResizePoolContent{TargetDedicatedNodes: to.Ptr(int32(0)), TargetLowPriorityNodes: to.Ptr(int32(1))}, nil)
	require.NoError(t, err)
	node = w.nodeIs(azbatch.NodeStateStartTaskFailed)
	require.Equal(t, int32(9), *node.StartTaskInfo.ExitCode)
	require.Equal(t, "FailureExitCode", *node.StartTaskInfo.FailureInfo.Code)
	require.Contains(t, w.nodeFile("pool", *node.ID, "startup/stderr.txt"), "The fault plan has this start task fail.")
	require.Equal(t, 2, w.service.Faults().Fired("spot"))
}

func TestNodesThatTakeTheirTime(t *testing.T) {
	t.Parallel()
	clock := &localbatch.TestClock{}
	w := start(t, func(o *localbatch.Options) { o.Clock, o.BootTime = clock, time.Minute })
	w.setFaults(`{"nodes": [{"delay": "1m"}], "startTasks": [{"delay": "10m"}]}`)
	content := poolContent("pool", 1)
	content.StartTask = startTask("true")
	w.pool(content)
	began := clock.Now()
	w.nodeBecomes(clock, azbatch.NodeStateWaitingForStartTask)
	require.GreaterOrEqual(t, clock.Now().Sub(began), 2*time.Minute)
	w.nodeBecomes(clock, azbatch.NodeStateIdle)
	require.GreaterOrEqual(t, clock.Now().Sub(began), 12*time.Minute)
}

// nodeBecomes lets time pass until the pool's only node is in a state.
func (w *world) nodeBecomes(clock *localbatch.TestClock, want azbatch.NodeState) azbatch.Node {
	w.t.Helper()
	eventually(w.t, fmt.Sprintf("the node is %s", want), func() bool {
		clock.Advance(time.Minute)
		return *w.nodes("pool")[0].State == want
	})
	return w.nodeIs(want)
}

func TestNodesThatGoWrong(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]azbatch.NodeState{
		"unusable": azbatch.NodeStateUnusable, "unknown": azbatch.NodeStateUnknown, "preempted": azbatch.NodeStatePreempted,
	} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			clock := &localbatch.TestClock{}
			w := start(t, func(o *localbatch.Options) { o.Clock = clock })
			w.setFaults(`{"nodes": [{"times": 1, "becomes": "` + state + `", "after": "10m", "for": "20m"}]}`)
			content := poolContent("pool", 0)
			content.TargetLowPriorityNodes = to.Ptr(int32(1))
			w.pool(content)
			w.job("job", "pool")
			w.nodeIs(azbatch.NodeStateIdle)
			w.add("task", "sleep 1000")
			w.until("task", azbatch.TaskStateRunning)
			began := clock.Now()
			node := w.nodeBecomes(clock, want)
			require.GreaterOrEqual(t, clock.Now().Sub(began), 10*time.Minute)
			if state != "preempted" {
				require.Contains(t, *node.Errors[0].Message, "the fault plan's rule nodes[0] asks for it")
			}
			require.Zero(t, *w.until("task", azbatch.TaskStateActive).ExecutionInfo.RetryCount)
			w.nodeBecomes(clock, azbatch.NodeStateRunning)
			require.Equal(t, *node.ID, *w.nodes("pool")[0].ID)
		})
	}
}

func TestNodesThatGoOffline(t *testing.T) {
	t.Parallel()
	clock := &localbatch.TestClock{}
	w := start(t, func(o *localbatch.Options) { o.Clock = clock })
	w.setFaults(`{"nodes": [{"becomes": "offline", "for": "10m"}]}`)
	content := poolContent("pool", 1)
	content.StartTask = startTask("sleep 1000") // which nobody waits for
	content.StartTask.WaitForSuccess = to.Ptr(false)
	w.pool(content)
	w.job("job", "pool")
	node := w.nodeIs(azbatch.NodeStateOffline)
	require.Equal(t, azbatch.SchedulingStateDisabled, *node.SchedulingState)
	w.add("task", "sleep 1000")
	require.Equal(t, azbatch.TaskStateActive, *w.task("task").State)
	w.nodeBecomes(clock, azbatch.NodeStateRunning)
}

// A plan that is no longer in force does nothing more.
func TestNodesAfterThePlan(t *testing.T) {
	t.Parallel()
	clock := &localbatch.TestClock{}
	w := start(t, func(o *localbatch.Options) { o.Clock = clock })
	w.setFaults(`{"nodes": [{"becomes": "unusable", "after": "1h"}]}`)
	w.pool(poolContent("pool", 1))
	w.job("job", "pool")
	w.nodeIs(azbatch.NodeStateIdle)
	require.Equal(t, 204, w.send(rawRequest{method: "DELETE", path: faultsPath}).StatusCode)
	clock.Advance(2 * time.Hour)
	w.add("task", "true")
	w.completed("task")
}
