package localbatch_test

import (
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch"
)

func TestNodeDocument(t *testing.T) {
	t.Parallel()
	w := start(t)
	content := poolContent("pool", 2)
	content.NetworkConfiguration = &azbatch.NetworkConfiguration{EndpointConfiguration: &azbatch.PoolEndpointConfiguration{
		InboundNATPools: []azbatch.InboundNATPool{{
			Name: to.Ptr("web"), Protocol: to.Ptr(azbatch.InboundEndpointProtocolTCP), BackendPort: to.Ptr[int32](8080),
			FrontendPortRangeStart: to.Ptr[int32](60000), FrontendPortRangeEnd: to.Ptr[int32](60099),
		}},
	}}
	w.pool(content)
	nodes := w.allNodes("pool", azbatch.NodeStateIdle)
	for _, n := range nodes {
		require.Equal(t, "ubuntu-24_04-lts", *n.VirtualMachineInfo.ImageReference.Offer)
		require.Equal(t, "localbatch", *n.NodeAgentInfo.Version)
		require.Equal(t, *n.LastBootTime, *n.NodeAgentInfo.LastUpdateTime)
		require.Empty(t, n.RecentTasks)
		endpoint := n.EndpointConfiguration.InboundEndpoints[0]
		require.Equal(t, "web.0", *endpoint.Name)
		require.Equal(t, *n.IPAddress, *endpoint.PublicIPAddress)
		require.Equal(t, int32(8080), *endpoint.FrontendPort)
		listener, err := net.Listen("tcp", net.JoinHostPort(*n.IPAddress, "0"))
		require.NoError(t, err, "its address is one of this machine's")
		require.NoError(t, listener.Close())
	}
	if runtime.GOOS == "linux" {
		require.NotEqual(t, *nodes[0].IPAddress, *nodes[1].IPAddress)
	}
	w.pool(poolContent("plain", 1))
	require.NotNil(t, w.nodeOf("plain").EndpointConfiguration.InboundEndpoints)
	require.Empty(t, w.nodeOf("plain").EndpointConfiguration.InboundEndpoints)
}

func TestRecentTasksOfANode(t *testing.T) {
	t.Parallel()
	w := ready(t, 1)
	for _, id := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"} {
		w.add(id, "true")
		w.completed(id)
	}
	_, err := w.DeleteTask(ctx, "job", "k", nil)
	require.NoError(t, err)
	recent := func() (ids []string) {
		n := w.nodeOf("pool")
		for _, task := range n.RecentTasks {
			require.Equal(t, "job", *task.JobID)
			require.Equal(t, w.url+"/jobs/job/tasks/"+*task.TaskID, *task.TaskURL)
			require.Equal(t, azbatch.TaskStateCompleted, *task.TaskState)
			require.Zero(t, *task.ExecutionInfo.ExitCode)
			ids = append(ids, *task.TaskID)
		}
		return ids
	}
	require.Equal(t, []string{"l", "j", "i", "h", "g", "f", "e", "d", "c"}, recent(), "but for the deleted one")
	require.Equal(t, int32(12), *w.nodeOf("pool").TotalTasksRun)
	w.close()
	w.open()
	require.Len(t, recent(), 9)
	n, err := w.GetNode(ctx, "pool", *w.nodeOf("pool").ID, &azbatch.GetNodeOptions{SelectParam: []string{"id", "state"}})
	require.NoError(t, err)
	require.Empty(t, n.RecentTasks)
}

func TestSchedulingIsDisabledWithOptions(t *testing.T) {
	t.Parallel()
	for option, want := range map[azbatch.NodeDisableSchedulingOption]azbatch.TaskState{
		azbatch.NodeDisableSchedulingOptionRequeue:        azbatch.TaskStateActive,
		azbatch.NodeDisableSchedulingOptionTerminate:      azbatch.TaskStateCompleted,
		azbatch.NodeDisableSchedulingOptionTaskCompletion: azbatch.TaskStateRunning,
	} {
		t.Run(string(option), func(t *testing.T) {
			t.Parallel()
			w, gate := ready(t, 1), newGate(t)
			w.add("one", shell(gate.wait()))
			w.until("one", azbatch.TaskStateRunning)
			id := *w.nodeOf("pool").ID
			_, err := w.DisableNodeScheduling(ctx, "pool", id, &azbatch.DisableNodeSchedulingOptions{
				Parameters: &azbatch.DisableNodeSchedulingContent{NodeDisableSchedulingOption: &option},
			})
			require.NoError(t, err)
			w.until("one", want)
			require.Equal(t, azbatch.SchedulingStateDisabled, *w.nodeOf("pool").SchedulingState)
			if want == azbatch.TaskStateRunning {
				require.Equal(t, azbatch.NodeStateRunning, *w.nodeOf("pool").State)
				gate.open(t)
			}
			w.allNodes("pool", azbatch.NodeStateOffline)
			w.add("two", "true")
			_, err = w.RebootNode(ctx, "pool", id, nil)
			require.NoError(t, err)
			w.allNodes("pool", azbatch.NodeStateOffline)
			require.Equal(t, azbatch.TaskStateActive, *w.task("two").State, "a reboot changes nothing about it")
			gate.open(t)
			_, err = w.EnableNodeScheduling(ctx, "pool", id, nil)
			require.NoError(t, err)
			w.completed("two")
		})
	}
}

// TestResizeTimesOut: a pool shrinks for as long as its resizeTimeout says, and
// no longer; the nodes that were still busy then stay.
func TestResizeTimesOut(t *testing.T) {
	t.Parallel()
	clock := &localbatch.TestClock{}
	withClock := func(o *localbatch.Options) { o.Clock = clock }
	w := start(t, withClock)
	w.pool(poolContent("pool", 2))
	w.job("job", "pool")
	w.add("one", "sleep 1000")
	w.until("one", azbatch.TaskStateRunning)
	resize := func(option azbatch.NodeDeallocationOption, timeout string) {
		_, err := w.ResizePool(ctx, "pool", azbatch.ResizePoolContent{
			TargetDedicatedNodes: to.Ptr[int32](0), NodeDeallocationOption: &option, ResizeTimeout: &timeout,
		}, nil)
		require.NoError(t, err)
	}
	timesOut := func(after time.Duration) {
		clock.Advance(after - time.Minute)
		require.Equal(t, azbatch.NodeStateLeavingPool, *w.nodeOf("pool").State)
		clock.Advance(time.Minute)
		w.steady("pool")
		pool, err := w.GetPool(ctx, "pool", nil)
		require.NoError(t, err)
		require.Len(t, pool.ResizeErrors, 1)
		require.Equal(t, "AllocationTimedOut", *pool.ResizeErrors[0].Code)
		require.Contains(t, *pool.ResizeErrors[0].Message, "dedicated")
		require.Zero(t, *pool.TargetDedicatedNodes)
		require.Equal(t, int32(1), *pool.CurrentDedicatedNodes)
	}
	resize(azbatch.NodeDeallocationOptionTaskCompletion, "PT5M")
	eventually(t, "the idle node leaves", func() bool { return len(w.nodes("pool")) == 1 })
	timesOut(5 * time.Minute)
	require.Equal(t, azbatch.NodeStateRunning, *w.nodeOf("pool").State)
	require.Equal(t, azbatch.TaskStateRunning, *w.task("one").State)

	_, err := w.TerminateTask(ctx, "job", "one", nil)
	require.NoError(t, err)
	w.completed("one")
	_, err = w.RemoveNodes(ctx, "pool", azbatch.RemoveNodeContent{
		NodeList: []string{*w.nodeOf("pool").ID}, NodeDeallocationOption: to.Ptr(azbatch.NodeDeallocationOptionRetainedData),
	}, nil)
	require.NoError(t, err)
	w.close()
	w.open(withClock)
	pool, err := w.GetPool(ctx, "pool", nil)
	require.NoError(t, err)
	require.Equal(t, "PT15M", *pool.ResizeTimeout, "the default is the default of each resize")
	timesOut(15 * time.Minute)
	w.add("two", "true")
	w.completed("two")

	resize(azbatch.NodeDeallocationOptionRetainedData, "P30D")
	eventually(t, "the node leaves", func() bool { return *w.nodeOf("pool").State == azbatch.NodeStateLeavingPool })
	clock.Advance(8 * 24 * time.Hour)
	w.steady("pool")
	require.Empty(t, w.nodes("pool"), "what it kept is kept for a week")
}

// TestPoolIsDeletedInHaste: the end of a pool does not wait for what a resize
// has waited for.
func TestPoolIsDeletedInHaste(t *testing.T) {
	t.Parallel()
	w := ready(t, 1)
	w.add("one", "sleep 1000")
	w.until("one", azbatch.TaskStateRunning)
	_, err := w.ResizePool(ctx, "pool", azbatch.ResizePoolContent{
		TargetDedicatedNodes: to.Ptr[int32](0), NodeDeallocationOption: to.Ptr(azbatch.NodeDeallocationOptionTaskCompletion),
	}, nil)
	require.NoError(t, err)
	eventually(t, "the node leaves", func() bool { return *w.nodeOf("pool").State == azbatch.NodeStateLeavingPool })
	_, err = w.DeletePool(ctx, "pool", nil)
	require.NoError(t, err)
	eventually(t, "the pool is gone", func() bool { return !w.exists("pool") })
	require.Equal(t, int32(1), *w.until("one", azbatch.TaskStateActive).ExecutionInfo.RequeueCount)
}
