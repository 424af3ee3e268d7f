package localbatch_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch"
)

// nodeOf is a pool's only node.
func (w *world) nodeOf(pool string) azbatch.Node {
	w.t.Helper()
	nodes := w.nodes(pool)
	require.Len(w.t, nodes, 1)
	return nodes[0]
}

// gate is a file that holds up the tasks which wait for it.
type gate string

func newGate(t testing.TB) gate { return gate(filepath.Join(t.TempDir(), "gate")) }

func (g gate) wait() string { return "until [ -e " + string(g) + " ]; do sleep 0.01; done" }

func (g gate) open(t testing.TB) { write(t, string(g), "") }

// booted makes a pool of one node whose start task notes each boot, and a job.
func booted(t testing.TB, adjust ...func(*localbatch.Options)) *world {
	t.Helper()
	w := start(t, adjust...)
	content := poolContent("pool", 1)
	content.StartTask = startTask(shell("echo boot >> $AZ_BATCH_NODE_SHARED_DIR/boots; touch made; ls"))
	w.pool(content)
	w.job("job", "pool")
	w.allNodes("pool", azbatch.NodeStateIdle)
	return w
}

func TestReboot(t *testing.T) {
	t.Parallel()
	for _, option := range azbatch.PossibleNodeRebootOptionValues() {
		t.Run(string(option), func(t *testing.T) {
			t.Parallel()
			w, gate := booted(t), newGate(t)
			before := w.nodeOf("pool")
			w.add("one", shell(gate.wait()), func(c *azbatch.CreateTaskContent) {
				c.Constraints = &azbatch.TaskConstraints{RetentionTime: to.Ptr("PT0.2S")}
			})
			w.until("one", azbatch.TaskStateRunning)
			_, err := w.RebootNode(ctx, "pool", *before.ID, &azbatch.RebootNodeOptions{Parameters: &azbatch.RebootNodeContent{NodeRebootOption: &option}})
			require.NoError(t, err)
			if option == azbatch.NodeRebootOptionTaskCompletion || option == azbatch.NodeRebootOptionRetainedData {
				require.Equal(t, azbatch.NodeStateRebooting, *w.nodeOf("pool").State)
				counts, err := w.NewListPoolNodeCountsPager(nil).NextPage(ctx)
				require.NoError(t, err)
				require.Equal(t, int32(1), *counts.Value[0].Dedicated.Rebooting)
				_, err = w.RebootNode(ctx, "pool", *before.ID, nil)
				refused(t, err, http.StatusConflict, "NodeBeingRebooted")
				w.add("two", "true")
				require.Equal(t, azbatch.TaskStateActive, *w.task("two").State)
				gate.open(t)
			}
			eventually(t, "the node has booted again", func() bool {
				n := w.nodeOf("pool")
				up := *n.State == azbatch.NodeStateIdle || *n.State == azbatch.NodeStateRunning
				return up && n.LastBootTime.After(*before.LastBootTime)
			})
			gate.open(t)
			one := w.completed("one")
			after := w.nodeOf("pool")
			require.Equal(t, *before.ID, *after.ID)
			require.Equal(t, "boot\nboot\n", w.nodeFile("pool", *after.ID, "shared/boots"))
			require.Equal(t, "made\n", w.nodeFile("pool", *after.ID, "startup/stdout.txt"), "the start task found its directory empty")
			require.True(t, after.StartTaskInfo.StartTime.After(*before.StartTaskInfo.StartTime))
			switch option {
			case azbatch.NodeRebootOptionTerminate:
				require.Equal(t, "TaskEnded", *one.ExecutionInfo.FailureInfo.Code)
			case azbatch.NodeRebootOptionRequeue:
				require.Equal(t, int32(1), *one.ExecutionInfo.RequeueCount)
				fallthrough
			default:
				require.Equal(t, azbatch.TaskExecutionResultSuccess, *one.ExecutionInfo.Result)
				require.Zero(t, *one.ExecutionInfo.RetryCount)
			}
		})
	}
}

func TestReimageIsNotForVirtualMachines(t *testing.T) {
	t.Parallel()
	w := booted(t)
	_, err := w.ReimageNode(ctx, "pool", *w.nodeOf("pool").ID, &azbatch.ReimageNodeOptions{
		Parameters: &azbatch.ReimageNodeContent{NodeReimageOption: to.Ptr(azbatch.NodeReimageOptionTerminate)},
	})
	text := refused(t, err, http.StatusConflict, "OperationNotValidOnNode")
	require.Contains(t, text, "Operation reimage can be invoked only on pools created with cloudServiceConfiguration")
	_, err = w.ReimageNode(ctx, "pool", "none", nil)
	refused(t, err, http.StatusNotFound, "NodeNotFound")
}

func TestDeallocateAndStart(t *testing.T) {
	t.Parallel()
	w := booted(t)
	id := *w.nodeOf("pool").ID
	_, err := w.StartNode(ctx, "pool", id, nil)
	refused(t, err, http.StatusConflict, "OperationNotValidOnNode")
	w.add("one", "sleep 1000")
	w.until("one", azbatch.TaskStateRunning)
	_, err = w.DeallocateNode(ctx, "pool", id, &azbatch.DeallocateNodeOptions{
		Parameters: &azbatch.DeallocateNodeContent{NodeDeallocateOption: to.Ptr(azbatch.NodeDeallocateOptionTaskCompletion)},
	})
	require.NoError(t, err)
	require.Equal(t, azbatch.NodeStateDeallocating, *w.nodeOf("pool").State)
	_, err = w.StartNode(ctx, "pool", id, nil)
	refused(t, err, http.StatusConflict, "OperationNotValidOnNode")
	_, err = w.TerminateTask(ctx, "job", "one", nil)
	require.NoError(t, err)
	w.allNodes("pool", azbatch.NodeStateDeallocated)

	_, err = w.RebootNode(ctx, "pool", id, nil)
	refused(t, err, http.StatusConflict, "OperationNotValidOnNode")
	_, err = w.GetNodeFile(ctx, "pool", id, "shared/boots", nil)
	refused(t, err, http.StatusConflict, "NodeNotReady")
	counts, err := w.NewListPoolNodeCountsPager(nil).NextPage(ctx)
	require.NoError(t, err)
	require.Equal(t, int32(1), *counts.Value[0].Dedicated.Deallocated)
	pool, err := w.GetPool(ctx, "pool", nil)
	require.NoError(t, err)
	require.Equal(t, int32(1), *pool.CurrentDedicatedNodes)
	w.add("two", "true")

	w.close()
	w.open()
	require.Equal(t, azbatch.NodeStateDeallocated, *w.nodeOf("pool").State, "also of the next service")
	require.Equal(t, azbatch.TaskStateActive, *w.task("two").State)
	_, err = w.StartNode(ctx, "pool", id, nil)
	require.NoError(t, err)
	w.completed("two")
	require.Equal(t, "boot\n", w.nodeFile("pool", id, "shared/boots"), "its disk is new")
	_, err = w.GetTaskFile(ctx, "job", "one", "stdout.txt", nil)
	refused(t, err, http.StatusConflict, "TaskFilesCleanedup")
}

func TestOperationsOnABootingNode(t *testing.T) {
	t.Parallel()
	w, gate := start(t), newGate(t)
	content := poolContent("pool", 1)
	content.StartTask = startTask(shell(gate.wait()))
	w.pool(content)
	id := *w.allNodes("pool", azbatch.NodeStateWaitingForStartTask)[0].ID
	_, err := w.RebootNode(ctx, "pool", id, nil)
	refused(t, err, http.StatusConflict, "NodeBeingStarted")
	_, err = w.DeallocateNode(ctx, "pool", id, nil)
	refused(t, err, http.StatusConflict, "NodeBeingStarted")
	gate.open(t)
	w.allNodes("pool", azbatch.NodeStateIdle)
}

func TestPreemption(t *testing.T) {
	t.Parallel()
	clock := &localbatch.TestClock{}
	withClock := func(o *localbatch.Options) { o.Clock = clock }
	w := start(t, withClock)
	content := poolContent("pool", 0)
	content.TargetLowPriorityNodes = to.Ptr[int32](1)
	content.StartTask = startTask(shell("echo boot >> $AZ_BATCH_NODE_SHARED_DIR/boots"))
	w.pool(content)
	w.job("job", "pool")
	w.add("done", "true")
	w.completed("done")
	w.add("one", "sleep 1000")
	w.until("one", azbatch.TaskStateRunning)
	before := w.nodeOf("pool")

	require.NoError(t, w.service.Preempt("pool", *before.ID, time.Hour))
	require.Equal(t, azbatch.NodeStatePreempted, *w.nodeOf("pool").State)
	one := w.until("one", azbatch.TaskStateActive)
	require.Zero(t, *one.ExecutionInfo.RetryCount)
	require.Zero(t, *one.ExecutionInfo.RequeueCount)
	pool, err := w.GetPool(ctx, "pool", nil)
	require.NoError(t, err)
	require.Equal(t, int32(1), *pool.CurrentLowPriorityNodes)
	counts, err := w.NewListPoolNodeCountsPager(nil).NextPage(ctx)
	require.NoError(t, err)
	require.Equal(t, int32(1), *counts.Value[0].LowPriority.Preempted)
	eventually(t, "the disk is gone", func() bool {
		_, err := w.GetTaskFile(ctx, "job", "done", "stdout.txt", nil)
		return err != nil && strings.Contains(err.Error(), "TaskFilesCleanedup")
	})

	w.close()
	w.open(withClock)
	require.Equal(t, azbatch.NodeStatePreempted, *w.nodeOf("pool").State, "also of the next service")
	clock.Advance(time.Hour)
	w.until("one", azbatch.TaskStateRunning)
	after := w.nodeOf("pool")
	require.Equal(t, *before.ID, *after.ID)
	require.Equal(t, *before.AllocationTime, *after.AllocationTime)
	require.Equal(t, "boot\n", w.nodeFile("pool", *after.ID, "shared/boots"))

	require.NoError(t, w.service.Preempt("pool", *after.ID, localbatch.Forever))
	_, err = w.ResizePool(ctx, "pool", azbatch.ResizePoolContent{TargetLowPriorityNodes: to.Ptr[int32](0)}, nil)
	require.NoError(t, err)
	w.steady("pool")
	require.Empty(t, w.nodes("pool"), "a preempted node can be removed")
}

func TestPreemptionIsNotForDedicatedNodes(t *testing.T) {
	t.Parallel()
	w := booted(t)
	err := w.service.Preempt("pool", *w.nodeOf("pool").ID, 0)
	require.ErrorContains(t, err, "only nodes of low priority are preempted")
	require.Equal(t, azbatch.NodeStateIdle, *w.nodeOf("pool").State)
}

func TestBrokenNodes(t *testing.T) {
	t.Parallel()
	clock := &localbatch.TestClock{}
	w := booted(t, func(o *localbatch.Options) { o.Clock = clock })
	id := *w.nodeOf("pool").ID
	w.add("one", "sleep 1000")
	for _, state := range []azbatch.NodeState{azbatch.NodeStateUnusable, azbatch.NodeStateUnknown} {
		w.until("one", azbatch.TaskStateRunning)
		require.NoError(t, w.service.BreakNode("pool", id, string(state), time.Hour))
		n := w.nodeOf("pool")
		require.Equal(t, state, *n.State)
		require.Equal(t, "DiskFull", *n.Errors[0].Code)
		w.until("one", azbatch.TaskStateActive)
		_, err := w.RebootNode(ctx, "pool", id, nil)
		if state == azbatch.NodeStateUnusable {
			refused(t, err, http.StatusConflict, "NodeStateUnusable")
		} else {
			refused(t, err, http.StatusConflict, "OperationNotValidOnNode")
		}
		clock.Advance(time.Hour)
	}
	w.until("one", azbatch.TaskStateRunning)
	require.Empty(t, w.nodeOf("pool").Errors)
	require.ErrorContains(t, w.service.BreakNode("pool", id, "idle", 0), "a broken node is")
}

func write(t testing.TB, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}
