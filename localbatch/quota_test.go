package localbatch_test

import (
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch"
	"github.com/durabatch/durabatch/localbatch/faults"
)

func TestQuotasOfPoolsAndJobs(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *localbatch.Options) { o.Quotas = faults.Quotas{Pools: new(2), ActiveJobsAndSchedules: new(1)} })
	w.pool(poolContent("one", 0))
	w.pool(poolContent("two", 0))
	_, err := w.CreatePool(ctx, poolContent("three", 0), nil)
	require.Contains(t, refused(t, err, 409, "PoolQuotaReached"), "the quota is 2, and there are 2 pools")
	_, err = w.CreatePool(ctx, poolContent("two", 0), nil)
	refused(t, err, 409, "PoolExists")

	w.job("job", "one")
	second := azbatch.CreateJobContent{ID: to.Ptr("second"), PoolInfo: &azbatch.PoolInfo{PoolID: to.Ptr("one")}}
	_, err = w.CreateJob(ctx, second, nil)
	refused(t, err, 409, "ActiveJobAndScheduleQuotaReached")
	_, err = w.TerminateJob(ctx, "job", nil)
	require.NoError(t, err)
	w.jobState("job", azbatch.JobStateCompleted)
	_, err = w.CreateJob(ctx, second, nil)
	require.NoError(t, err, "a completed job does not count")
	_, err = w.CreateJobSchedule(ctx, azbatch.CreateJobScheduleContent{
		ID: to.Ptr("schedule"), Schedule: &azbatch.JobScheduleConfiguration{},
		JobSpecification: &azbatch.JobSpecification{PoolInfo: second.PoolInfo},
	}, nil)
	refused(t, err, 409, "ActiveJobAndScheduleQuotaReached")

	option := azbatch.DisableJobOptionWait
	_, err = w.DisableJob(ctx, "second", azbatch.DisableJobContent{DisableTasks: &option}, nil)
	require.NoError(t, err)
	w.jobState("second", azbatch.JobStateDisabled)
	w.job("third", "one") // in its place
	_, err = w.EnableJob(ctx, "second", nil)
	refused(t, err, 409, "ActiveJobAndScheduleQuotaReached")
	_, err = w.DeleteJob(ctx, "third", nil)
	require.NoError(t, err)
	eventually(t, "the job is gone", func() bool {
		_, err := w.GetJob(ctx, "third", nil)
		return err != nil
	})
	_, err = w.EnableJob(ctx, "second", nil)
	require.NoError(t, err)

	w.setFaults(`{"quotas": {"activeJobsAndSchedules": 10}}`)
	auto := poolContent("", 0)
	_, err = w.CreateJob(ctx, azbatch.CreateJobContent{ID: to.Ptr("auto"), PoolInfo: &azbatch.PoolInfo{AutoPoolSpecification: &azbatch.AutoPoolSpecification{
		PoolLifetimeOption: to.Ptr(azbatch.PoolLifetimeOptionJob),
		Pool:               &azbatch.PoolSpecification{VMSize: auto.VMSize, VirtualMachineConfiguration: auto.VirtualMachineConfiguration},
	}}}, nil)
	require.NoError(t, err)
	require.Equal(t, "AutoPoolCreationFailedWithQuotaReached", *w.jobState("auto", azbatch.JobStateCompleted).ExecutionInfo.SchedulingError.Code)

	w.setFaults(`{"quotas": {"pools": 3, "activeJobsAndSchedules": 0}}`)
	_, err = w.CreatePool(ctx, poolContent("three", 0), nil)
	require.NoError(t, err)
	_, err = w.CreateJob(ctx, azbatch.CreateJobContent{ID: to.Ptr("third"), PoolInfo: second.PoolInfo}, nil)
	refused(t, err, 409, "ActiveJobAndScheduleQuotaReached")
	require.Equal(t, 204, w.send(rawRequest{method: "DELETE", path: faultsPath}).StatusCode)
	_, err = w.CreatePool(ctx, poolContent("four", 0), nil)
	refused(t, err, 409, "PoolQuotaReached")
}

// getPool reads a pool that is there.
func (w *world) getPool(id string) azbatch.Pool {
	w.t.Helper()
	answer, err := w.GetPool(ctx, id, nil)
	require.NoError(w.t, err)
	return answer.Pool
}

func resizeCodes(p azbatch.Pool) []string {
	var codes []string
	for _, e := range p.ResizeErrors {
		codes = append(codes, *e.Code)
	}
	return codes
}

func TestQuotasOfCores(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *localbatch.Options) {
		o.Quotas = faults.Quotas{DedicatedCores: new(10), LowPriorityCores: new(0)}
	})
	content := poolContent("pool", 3)
	content.VMSize, content.TargetLowPriorityNodes = to.Ptr("Standard_D4s_v3"), to.Ptr(int32(1))
	w.pool(content)
	p := w.getPool("pool")
	require.Equal(t, []string{"AccountCoreQuotaReached", "AccountLowPriorityCoreQuotaReached"}, resizeCodes(p))
	require.Equal(t, [2]int32{2, 0}, [2]int32{*p.CurrentDedicatedNodes, *p.CurrentLowPriorityNodes})
	require.Contains(t, *p.ResizeErrors[0].Values[1].Value, "the quota is 10 cores, 8 are in use, and a node of size Standard_D4s_v3 has 4")

	w.pool(poolContent("small", 3))
	require.Equal(t, int32(2), *w.getPool("small").CurrentDedicatedNodes, "two cores are left")

	w.setFaults(`{"quotas": {"dedicatedCores": 100, "lowPriorityCores": 4}}`)
	_, err := w.ResizePool(ctx, "pool", azbatch.ResizePoolContent{TargetDedicatedNodes: to.Ptr(int32(3)), TargetLowPriorityNodes: to.Ptr(int32(1))}, nil)
	require.NoError(t, err)
	w.steady("pool")
	p = w.getPool("pool")
	require.Empty(t, p.ResizeErrors)
	require.Equal(t, [2]int32{3, 1}, [2]int32{*p.CurrentDedicatedNodes, *p.CurrentLowPriorityNodes})
}

func TestAllocationsThatFail(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.setFaults(`{"allocations": [
		{"name": "third", "pools": ["p*"], "nth": 3, "fail": "AllocationFailed"},
		{"name": "spot", "dedicated": false, "fail": "UnsupportedVMSize"}]}`)
	content := poolContent("pool", 4)
	content.TargetLowPriorityNodes = to.Ptr(int32(2))
	w.pool(content)
	p := w.getPool("pool")
	require.Equal(t, []string{"AllocationFailed", "UnsupportedVMSize"}, resizeCodes(p))
	require.Equal(t, "the fault plan's rule third asks for it", *p.ResizeErrors[0].Values[1].Value)
	require.Equal(t, "2", *p.ResizeErrors[1].Values[0].Value)
	require.Equal(t, [2]int32{3, 0}, [2]int32{*p.CurrentDedicatedNodes, *p.CurrentLowPriorityNodes})
	require.NotContains(t, read(t, w.send(rawRequest{method: "GET", path: "/pools/pool"})), "allocation\"")

	_, err := w.ResizePool(ctx, "pool", azbatch.ResizePoolContent{TargetDedicatedNodes: to.Ptr(int32(4)), TargetLowPriorityNodes: to.Ptr(int32(0))}, nil)
	require.NoError(t, err)
	w.steady("pool")
	p = w.getPool("pool")
	require.Empty(t, p.ResizeErrors)
	require.Equal(t, int32(4), *p.CurrentDedicatedNodes)
	require.Equal(t, 2, w.service.Faults().Fired("spot"))
}

func TestAllocationsThatAreLate(t *testing.T) {
	t.Parallel()
	clock := &localbatch.TestClock{}
	fast := func(o *localbatch.Options) {
		o.Clock = clock
		o.Faults = faults.Plan{Allocations: []faults.AllocationRule{
			{When: faults.When{Nth: 2}, Delay: faults.Duration(2 * time.Minute)},
			{When: faults.When{Nth: 3}, Delay: faults.Duration(3 * time.Minute), Fail: "AllocationFailed"},
			{Pools: faults.Pools{Pools: []string{"slow"}}, Delay: faults.Duration(time.Hour)},
		}}
	}
	w := start(t, fast)
	_, err := w.CreatePool(ctx, poolContent("pool", 3), nil)
	require.NoError(t, err)
	nodes := func(n int) {
		t.Helper()
		eventually(t, "the nodes are there", func() bool { return len(w.nodes("pool")) == n })
		require.Equal(t, azbatch.AllocationStateResizing, *w.getPool("pool").AllocationState)
	}
	nodes(1)
	_, err = w.ResizePool(ctx, "pool", azbatch.ResizePoolContent{TargetDedicatedNodes: to.Ptr(int32(4))}, nil)
	refused(t, err, 409, "PoolBeingResized")
	w.close()
	w.open(func(o *localbatch.Options) { o.Clock = clock }) // what was decided stays decided
	nodes(1)
	clock.Advance(2*time.Minute + time.Second)
	nodes(2)
	clock.Advance(time.Minute)
	w.steady("pool")
	require.Equal(t, []string{"AllocationFailed"}, resizeCodes(w.getPool("pool")))
	require.Len(t, w.nodes("pool"), 2)
}

func TestAllocationsThatAreTooLate(t *testing.T) {
	t.Parallel()
	clock := &localbatch.TestClock{}
	w := start(t, func(o *localbatch.Options) { o.Clock = clock })
	w.setFaults(`{"allocations": [{"from": 2, "delay": "1h"}]}`)
	_, err := w.CreatePool(ctx, poolContent("pool", 2), nil)
	require.NoError(t, err)
	eventually(t, "a node is there", func() bool { return len(w.nodes("pool")) == 1 })
	clock.Advance(15*time.Minute + time.Second)
	w.steady("pool")
	require.Equal(t, []string{"AllocationTimedOut"}, resizeCodes(w.getPool("pool")))

	_, err = w.ResizePool(ctx, "pool", azbatch.ResizePoolContent{TargetDedicatedNodes: to.Ptr(int32(2))}, nil)
	require.NoError(t, err)
	_, err = w.StopPoolResize(ctx, "pool", nil)
	require.NoError(t, err)
	w.steady("pool")
	require.Equal(t, []string{"ResizeStopped"}, resizeCodes(w.getPool("pool")))
	clock.Advance(time.Hour)
	require.Len(t, w.nodes("pool"), 1)
}
