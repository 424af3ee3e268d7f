package localbatch_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch"
)

func (w *world) nodes(pool string) []azbatch.Node {
	w.t.Helper()
	var nodes []azbatch.Node
	pager := w.NewListNodesPager(pool, nil)
	for _, page := range get(w.t, pager.More, pager.NextPage) {
		nodes = append(nodes, page.Value...)
	}
	return nodes
}

// allNodes waits until all of a pool's nodes are in a state.
func (w *world) allNodes(pool string, state azbatch.NodeState) []azbatch.Node {
	w.t.Helper()
	var nodes []azbatch.Node
	eventually(w.t, "all nodes are "+string(state), func() bool {
		nodes = w.nodes(pool)
		for _, n := range nodes {
			if *n.State != state {
				return false
			}
		}
		return true
	})
	return nodes
}

func startTask(command string) *azbatch.StartTask {
	return &azbatch.StartTask{CommandLine: &command}
}

func (w *world) nodeFile(pool, node, name string) string {
	w.t.Helper()
	answer, err := w.GetNodeFile(ctx, pool, node, name, nil)
	require.NoError(w.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(w.t, err)
	return string(text)
}

func TestPoolLifecycle(t *testing.T) {
	t.Parallel()
	w := start(t)
	content := poolContent("Pool-1", 2)
	content.TargetLowPriorityNodes = to.Ptr[int32](1)
	content.Metadata = []azbatch.MetadataItem{{Name: to.Ptr("owner"), Value: to.Ptr("a test")}}
	content.StartTask = startTask(shell("echo ready; pwd; echo $AZ_BATCH_NODE_ID"))
	created, err := w.CreatePool(ctx, content, nil)
	require.NoError(t, err)
	require.NotEmpty(t, *created.ETag)
	_, err = w.CreatePool(ctx, content, nil)
	refused(t, err, http.StatusConflict, "PoolExists")

	w.steady("pool-1")
	nodes := w.allNodes("pool-1", azbatch.NodeStateIdle)
	require.Len(t, nodes, 3)
	dedicated := 0
	for _, n := range nodes {
		require.Regexp(t, `^tvmps_[0-9a-f]{64}_[dp]$`, *n.ID)
		if *n.IsDedicated {
			dedicated++
		}
		require.Equal(t, azbatch.StartTaskStateCompleted, *n.StartTaskInfo.State)
		require.Equal(t, azbatch.TaskExecutionResultSuccess, *n.StartTaskInfo.Result)
		out := w.nodeFile("pool-1", *n.ID, "startup/stdout.txt")
		require.True(t, strings.HasPrefix(out, "ready\n"), out)
		require.Contains(t, out, *n.ID)
	}
	require.Equal(t, 2, dedicated)

	pool, err := w.GetPool(ctx, "POOL-1", nil)
	require.NoError(t, err)
	require.Equal(t, "Pool-1", *pool.ID)
	require.Equal(t, int32(2), *pool.CurrentDedicatedNodes)
	require.Equal(t, int32(1), *pool.CurrentLowPriorityNodes)
	require.Equal(t, "PT15M", *pool.ResizeTimeout)
	require.Equal(t, int32(1), *pool.TaskSlotsPerNode)
	require.Equal(t, azbatch.NodeFillTypeSpread, *pool.TaskSchedulingPolicy.NodeFillType)
	require.Equal(t, "a test", *pool.Metadata[0].Value)
	require.False(t, *pool.EnableAutoScale)
	require.Equal(t, "latest", *pool.VirtualMachineConfiguration.ImageReference.Version)

	counts, err := w.NewListPoolNodeCountsPager(nil).NextPage(ctx)
	require.NoError(t, err)
	require.Equal(t, int32(2), *counts.Value[0].Dedicated.Idle)
	require.Equal(t, int32(1), *counts.Value[0].LowPriority.Total)
	require.Equal(t, int32(0), *counts.Value[0].LowPriority.WaitingForStartTask)

	_, err = w.DeletePool(ctx, "pool-1", nil)
	require.NoError(t, err)
	eventually(t, "the pool is gone", func() bool { return !w.exists("pool-1") })
	left, err := os.ReadDir(filepath.Join(w.dir, "nodes"))
	require.NoError(t, err)
	require.Empty(t, left)
	_, err = w.DeletePool(ctx, "pool-1", nil)
	refused(t, err, http.StatusNotFound, "PoolNotFound")
}

func (w *world) exists(pool string) bool {
	w.t.Helper()
	var response *http.Response
	_, err := w.PoolExists(policy.WithCaptureResponse(ctx, &response), pool, nil)
	require.NoError(w.t, err)
	return response.StatusCode == http.StatusOK
}

func TestStartTaskFails(t *testing.T) {
	t.Parallel()
	w := start(t)
	content := poolContent("pool", 1)
	content.StartTask = startTask(shell("echo it is broken >&2; exit 4"))
	content.StartTask.MaxTaskRetryCount = to.Ptr[int32](2)
	w.pool(content)
	w.job("job", "pool")
	w.add("one", "true")
	node := w.allNodes("pool", azbatch.NodeStateStartTaskFailed)[0]
	require.Equal(t, int32(4), *node.StartTaskInfo.ExitCode)
	require.Equal(t, int32(2), *node.StartTaskInfo.RetryCount)
	require.Equal(t, "FailureExitCode", *node.StartTaskInfo.FailureInfo.Code)
	require.Equal(t, "it is broken\n", w.nodeFile("pool", *node.ID, "startup/stderr.txt"))
	require.Equal(t, azbatch.TaskStateActive, *w.task("one").State)

	// A start task that is not waited for keeps nothing up.
	content = poolContent("careless", 1)
	content.StartTask = startTask("false")
	content.StartTask.WaitForSuccess = to.Ptr(false)
	w.pool(content)
	eventually(t, "the start task has failed", func() bool {
		n := w.nodes("careless")[0]
		return n.StartTaskInfo != nil && n.StartTaskInfo.Result != nil && *n.StartTaskInfo.Result == azbatch.TaskExecutionResultFailure
	})
	w.allNodes("careless", azbatch.NodeStateIdle)
}

func TestElevatedStartTasksTakeTurns(t *testing.T) {
	t.Parallel()
	w := start(t)
	content := poolContent("pool", 4)
	lock := filepath.Join(t.TempDir(), "lock")
	content.StartTask = startTask(shell("mkdir " + lock + " && sleep 0.05 && rmdir " + lock))
	content.StartTask.UserIdentity = &azbatch.UserIdentity{AutoUser: &azbatch.AutoUserSpecification{
		ElevationLevel: to.Ptr(azbatch.ElevationLevelAdmin),
	}}
	w.pool(content)
	require.Len(t, w.allNodes("pool", azbatch.NodeStateIdle), 4)
}

func TestResize(t *testing.T) {
	t.Parallel()
	w := ready(t, 2)
	w.add("one", "sleep 1000")
	w.add("two", "sleep 1000")
	w.until("one", azbatch.TaskStateRunning)
	w.until("two", azbatch.TaskStateRunning)
	resize := func(n int32, option azbatch.NodeDeallocationOption) error {
		_, err := w.ResizePool(ctx, "pool", azbatch.ResizePoolContent{TargetDedicatedNodes: &n, NodeDeallocationOption: &option}, nil)
		return err
	}
	require.NoError(t, resize(1, azbatch.NodeDeallocationOptionRequeue))
	w.steady("pool")
	require.Len(t, w.nodes("pool"), 1)
	counts := w.counts("job")
	require.Equal(t, [2]int32{1, 1}, [2]int32{*counts.Active, *counts.Running})

	require.NoError(t, resize(0, azbatch.NodeDeallocationOptionTaskCompletion))
	eventually(t, "the node leaves", func() bool { return *w.nodes("pool")[0].State == azbatch.NodeStateLeavingPool })
	refused(t, resize(5, azbatch.NodeDeallocationOptionRequeue), http.StatusConflict, "PoolBeingResized")
	_, err := w.StopPoolResize(ctx, "pool", nil)
	require.NoError(t, err)
	w.steady("pool")
	pool, err := w.GetPool(ctx, "pool", nil)
	require.NoError(t, err)
	require.Equal(t, "ResizeStopped", *pool.ResizeErrors[0].Code)
	require.Equal(t, azbatch.NodeStateRunning, *w.nodes("pool")[0].State)

	require.NoError(t, resize(0, azbatch.NodeDeallocationOptionTerminate))
	w.steady("pool")
	require.Empty(t, w.nodes("pool"))
	counts = w.counts("job")
	require.Equal(t, [3]int32{1, 0, 1}, [3]int32{*counts.Active, *counts.Running, *counts.Failed})

	require.NoError(t, resize(1, azbatch.NodeDeallocationOptionRequeue))
	w.steady("pool")
	eventually(t, "the requeued task runs", func() bool { return *w.counts("job").Running == 1 })
	pager := w.NewListTasksPager("job", &azbatch.ListTasksOptions{Filter: to.Ptr("state eq 'running'")})
	page, err := pager.NextPage(ctx)
	require.NoError(t, err)
	require.Equal(t, int32(1), *page.Value[0].ExecutionInfo.RequeueCount)

	node := *w.nodes("pool")[0].ID
	_, err = w.RemoveNodes(ctx, "pool", azbatch.RemoveNodeContent{NodeList: []string{node}}, nil)
	require.NoError(t, err)
	w.steady("pool")
	require.Empty(t, w.nodes("pool"))
}

func TestNodeQuota(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *localbatch.Options) { o.MaxNodes = 2 })
	w.pool(poolContent("pool", 5))
	pool, err := w.GetPool(ctx, "pool", nil)
	require.NoError(t, err)
	require.Equal(t, "AccountCoreQuotaReached", *pool.ResizeErrors[0].Code)
	require.Equal(t, int32(2), *pool.CurrentDedicatedNodes)
	require.Equal(t, int32(5), *pool.TargetDedicatedNodes)
}

func TestPoolIsPatched(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 1))
	_, err := w.UpdatePool(ctx, "pool", azbatch.UpdatePoolContent{
		Metadata: []azbatch.MetadataItem{{Name: to.Ptr("a"), Value: to.Ptr("b")}}, StartTask: startTask("true"),
	}, nil)
	require.NoError(t, err)
	pool, err := w.GetPool(ctx, "pool", nil)
	require.NoError(t, err)
	require.Equal(t, "true", *pool.StartTask.CommandLine)
	require.Len(t, pool.Metadata, 1)
	_, err = w.UpdatePool(ctx, "pool", azbatch.UpdatePoolContent{Metadata: []azbatch.MetadataItem{}}, nil)
	require.NoError(t, err)
	pool, err = w.GetPool(ctx, "pool", nil)
	require.NoError(t, err)
	require.Empty(t, pool.Metadata)
	require.NotNil(t, pool.StartTask)
	_, err = w.UpdatePool(ctx, "pool", azbatch.UpdatePoolContent{TaskSlotsPerNode: to.Ptr[int32](2)}, nil)
	refused(t, err, http.StatusConflict, "OperationNotValidOnPool")
}

func TestSchedulingOfNodes(t *testing.T) {
	t.Parallel()
	w := ready(t, 1)
	w.add("one", "sleep 1000")
	w.until("one", azbatch.TaskStateRunning)
	node := *w.nodes("pool")[0].ID
	_, err := w.DisableNodeScheduling(ctx, "pool", node, nil)
	require.NoError(t, err)
	w.allNodes("pool", azbatch.NodeStateOffline)
	require.Equal(t, azbatch.TaskStateActive, *w.task("one").State)
	_, err = w.DisableNodeScheduling(ctx, "pool", node, nil)
	refused(t, err, http.StatusConflict, "NodeAlreadyInTargetSchedulingState")
	_, err = w.EnableNodeScheduling(ctx, "pool", node, nil)
	require.NoError(t, err)
	w.until("one", azbatch.TaskStateRunning)
}

func TestPoolLists(t *testing.T) {
	t.Parallel()
	w := start(t)
	for _, id := range []string{"b", "A", "c"} {
		w.pool(poolContent(id, 0))
	}
	list := func(filter string) []string {
		var ids []string
		pager := w.NewListPoolsPager(&azbatch.ListPoolsOptions{Filter: &filter, MaxResults: to.Ptr[int32](1)})
		for _, page := range get(t, pager.More, pager.NextPage) {
			for _, p := range page.Value {
				ids = append(ids, *p.ID)
			}
		}
		return ids
	}
	require.Equal(t, []string{"A", "b", "c"}, list(""))
	require.Equal(t, []string{"b", "c"}, list("id gt 'a' and allocationState eq 'steady'"))
	require.Equal(t, []string{"A"}, list("startswith(id,'a') and enableAutoScale eq false"))
	require.Empty(t, list("vmSize eq 'other'"))
}

func TestSupportedImages(t *testing.T) {
	t.Parallel()
	w := start(t)
	page, err := w.NewListSupportedImagesPager(&azbatch.ListSupportedImagesOptions{
		Filter: to.Ptr("nodeAgentSKUId eq 'batch.node.ubuntu 24.04'"),
	}).NextPage(ctx)
	require.NoError(t, err)
	require.Len(t, page.Value, 2, "of both generations")
	require.Equal(t, "canonical", *page.Value[0].ImageReference.Publisher)
	require.Equal(t, azbatch.OSTypeLinux, *page.Value[0].OSType)
}
