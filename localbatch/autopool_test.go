package localbatch_test

import (
	"net/http"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch"
)

func autoPool(nodes int32, adjust ...func(*azbatch.AutoPoolSpecification)) *azbatch.PoolInfo {
	pool := poolContent("", nodes)
	spec := &azbatch.AutoPoolSpecification{
		PoolLifetimeOption: to.Ptr(azbatch.PoolLifetimeOptionJob),
		Pool: &azbatch.PoolSpecification{
			VMSize: pool.VMSize, TargetDedicatedNodes: pool.TargetDedicatedNodes,
			VirtualMachineConfiguration: pool.VirtualMachineConfiguration,
		},
	}
	for _, f := range adjust {
		f(spec)
	}
	return &azbatch.PoolInfo{AutoPoolSpecification: spec}
}

// autoPoolJob creates a job with a pool of its own and returns the pool's id.
func (w *world) autoPoolJob(id string, info *azbatch.PoolInfo) string {
	w.t.Helper()
	_, err := w.CreateJob(ctx, azbatch.CreateJobContent{ID: &id, PoolInfo: info}, nil)
	require.NoError(w.t, err)
	job, err := w.GetJob(ctx, id, nil)
	require.NoError(w.t, err)
	require.NotNil(w.t, job.ExecutionInfo.PoolID)
	require.NotNil(w.t, job.ExecutionInfo.StartTime)
	return *job.ExecutionInfo.PoolID
}

func (w *world) untilPoolIsGone(id string) {
	w.t.Helper()
	eventually(w.t, "the pool is gone", func() bool { return !w.exists(id) })
}

func TestAutoPoolLivesWithItsJob(t *testing.T) {
	t.Parallel()
	w := start(t)
	pool := w.autoPoolJob("job", autoPool(1, func(a *azbatch.AutoPoolSpecification) { a.AutoPoolIDPrefix = to.Ptr("night-") }))
	require.Regexp(t, `^night-[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$`, pool)
	job := w.jobState("job", azbatch.JobStateActive)
	require.Nil(t, job.PoolInfo.PoolID)
	spec := job.PoolInfo.AutoPoolSpecification
	require.False(t, *spec.KeepAlive)
	require.Equal(t, int32(1), *spec.Pool.TaskSlotsPerNode)
	require.Equal(t, "PT15M", *spec.Pool.ResizeTimeout)
	list := w.NewListJobsPager(&azbatch.ListJobsOptions{Filter: to.Ptr("executionInfo/poolId eq '" + pool + "'")})
	require.Len(t, get(t, list.More, list.NextPage)[0].Value, 1)

	w.add("one", "true")
	require.Equal(t, pool, *w.completed("one").NodeInfo.PoolID)
	option := azbatch.DisableJobOptionRequeue
	_, err := w.DisableJob(ctx, "job", azbatch.DisableJobContent{DisableTasks: &option}, nil)
	require.NoError(t, err)
	w.jobState("job", azbatch.JobStateDisabled)
	w.close()
	w.open()
	require.True(t, w.exists(pool))
	_, err = w.EnableJob(ctx, "job", nil)
	require.NoError(t, err)
	w.add("two", "true")
	w.completed("two")

	_, err = w.TerminateJob(ctx, "job", nil)
	require.NoError(t, err)
	require.Equal(t, pool, *w.jobState("job", azbatch.JobStateCompleted).ExecutionInfo.PoolID)
	w.untilPoolIsGone(pool)
}

func TestAutoPoolGoesWithADeletedJob(t *testing.T) {
	t.Parallel()
	w := start(t)
	pool := w.autoPoolJob("job", autoPool(1))
	require.Regexp(t, `^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$`, pool)
	_, err := w.DeleteJob(ctx, "job", nil)
	require.NoError(t, err)
	w.close() // wherever that was
	w.open()
	w.untilPoolIsGone(pool)
	_, err = w.GetJob(ctx, "job", nil)
	refused(t, err, http.StatusNotFound, "JobNotFound")
}

func TestAutoPoolIsKept(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("other", 0))
	pool := w.autoPoolJob("job", autoPool(0))
	keep := autoPool(0, func(a *azbatch.AutoPoolSpecification) { a.KeepAlive = to.Ptr(true) })
	patch := func(info *azbatch.PoolInfo) error {
		_, err := w.UpdateJob(ctx, "job", azbatch.UpdateJobContent{PoolInfo: info}, nil)
		return err
	}
	require.NoError(t, patch(autoPool(0))) // it is as it was
	refused(t, patch(keep), http.StatusConflict, "OperationInvalidForCurrentState")
	option := azbatch.DisableJobOptionWait
	_, err := w.DisableJob(ctx, "job", azbatch.DisableJobContent{DisableTasks: &option}, nil)
	require.NoError(t, err)
	w.jobState("job", azbatch.JobStateDisabled)
	refused(t, patch(autoPool(1)), http.StatusBadRequest, "InvalidPropertyValue")
	refused(t, patch(&azbatch.PoolInfo{PoolID: to.Ptr("other")}), http.StatusBadRequest, "InvalidPropertyValue")
	require.NoError(t, patch(keep))
	_, err = w.TerminateJob(ctx, "job", nil)
	require.NoError(t, err)
	w.jobState("job", azbatch.JobStateCompleted)
	_, err = w.DeleteJob(ctx, "job", nil)
	require.NoError(t, err)
	eventually(t, "the job is gone", func() bool {
		_, err := w.GetJob(ctx, "job", nil)
		return err != nil
	})
	w.steady(pool)
}

func TestAutoPoolCannotBeMade(t *testing.T) {
	t.Parallel()
	clock := &localbatch.TestClock{}
	w := start(t, func(o *localbatch.Options) { o.Clock, o.Quotas.Pools = clock, to.Ptr(0) })
	_, err := w.CreateJob(ctx, azbatch.CreateJobContent{ID: to.Ptr("job"), PoolInfo: autoPool(1)}, nil)
	require.NoError(t, err)
	job := w.jobState("job", azbatch.JobStateCompleted)
	require.Nil(t, job.ExecutionInfo.PoolID)
	require.NotNil(t, job.ExecutionInfo.StartTime)
	require.NotNil(t, job.ExecutionInfo.EndTime)
	failed := job.ExecutionInfo.SchedulingError
	require.Equal(t, "AutoPoolCreationFailedWithQuotaReached", *failed.Code)
	require.Equal(t, azbatch.ErrorCategoryUserError, *failed.Category)
	require.NotEmpty(t, *failed.Message)
	require.Equal(t, "Reason", *failed.Details[0].Name)
	require.Contains(t, *failed.Details[0].Value, "the quota is 0")
	_, err = w.CreateTask(ctx, "job", taskContent("one", "true"), nil)
	refused(t, err, http.StatusConflict, "JobCompleted")

	shared := func(s *azbatch.JobSpecification) {
		s.PoolInfo = autoPool(0, func(a *azbatch.AutoPoolSpecification) {
			a.PoolLifetimeOption = to.Ptr(azbatch.PoolLifetimeOptionJobSchedule)
		})
	}
	w.schedule("daily", daily(), shared)
	w.schedule("once", azbatch.JobScheduleConfiguration{}, shared)
	require.NotNil(t, w.jobState("daily:job-1", azbatch.JobStateCompleted).ExecutionInfo.SchedulingError)
	w.untilScheduleIs("once", azbatch.JobScheduleStateCompleted)
	w.setFaults(`{"quotas": {"pools": 1}}`)
	clock.Advance(day)
	w.untilRecentJobIs("daily", "daily:job-2")
	require.True(t, w.exists(*w.jobState("daily:job-2", azbatch.JobStateActive).ExecutionInfo.PoolID))
}

func TestAutoPoolScales(t *testing.T) {
	t.Parallel()
	w := start(t)
	info := autoPool(0)
	spec := info.AutoPoolSpecification.Pool
	spec.EnableAutoScale, spec.AutoScaleFormula, spec.TargetDedicatedNodes = to.Ptr(true), to.Ptr("$TargetDedicatedNodes = 1;"), nil
	pool := w.autoPoolJob("job", info)
	require.Equal(t, "PT15M", *w.jobState("job", azbatch.JobStateActive).PoolInfo.AutoPoolSpecification.Pool.AutoScaleEvaluationInterval)
	w.add("one", "true")
	require.Equal(t, pool, *w.completed("one").NodeInfo.PoolID)
}

func TestAutoPoolLacksItsPackages(t *testing.T) {
	t.Parallel()
	w := start(t)
	info := autoPool(0)
	info.AutoPoolSpecification.Pool.ApplicationPackageReferences = []azbatch.ApplicationPackageReference{{ApplicationID: to.Ptr("app")}}
	_, err := w.CreateJob(ctx, azbatch.CreateJobContent{ID: to.Ptr("job"), PoolInfo: info}, nil)
	require.NoError(t, err)
	failed := w.jobState("job", azbatch.JobStateCompleted).ExecutionInfo.SchedulingError
	require.Equal(t, "InvalidApplicationPackageReferencesInAutoPool", *failed.Code)
	pools := w.NewListPoolsPager(nil)
	require.Empty(t, get(t, pools.More, pools.NextPage)[0].Value)
}

func TestPoolInfoIsChecked(t *testing.T) {
	t.Parallel()
	w := start(t)
	set := func(f func(*azbatch.AutoPoolSpecification)) *azbatch.PoolInfo { return autoPool(0, f) }
	both := autoPool(0)
	both.PoolID = to.Ptr("pool")
	for name, c := range map[string]struct {
		info           *azbatch.PoolInfo
		code, property string
	}{
		"neither":     {&azbatch.PoolInfo{}, "MissingRequiredProperty", "poolInfo.poolId"},
		"both":        {both, "InvalidPropertyValue", "poolInfo.poolId"},
		"no lifetime": {set(func(a *azbatch.AutoPoolSpecification) { a.PoolLifetimeOption = nil }), "MissingRequiredProperty", "poolInfo.autoPoolSpecification.poolLifetimeOption"},
		"a schedule's": {set(func(a *azbatch.AutoPoolSpecification) {
			a.PoolLifetimeOption = to.Ptr(azbatch.PoolLifetimeOptionJobSchedule)
		}), "InvalidPropertyValue", "poolInfo.autoPoolSpecification.poolLifetimeOption"},
		"long prefix": {set(func(a *azbatch.AutoPoolSpecification) { a.AutoPoolIDPrefix = to.Ptr("123456789012345678901") }), "InvalidPropertyValue", "poolInfo.autoPoolSpecification.autoPoolIdPrefix"},
		"bad prefix":  {set(func(a *azbatch.AutoPoolSpecification) { a.AutoPoolIDPrefix = to.Ptr("a b") }), "InvalidPropertyValue", "poolInfo.autoPoolSpecification.autoPoolIdPrefix"},
		"no pool":     {set(func(a *azbatch.AutoPoolSpecification) { a.Pool = nil }), "MissingRequiredProperty", "poolInfo.autoPoolSpecification.pool"},
		"no password": {set(func(a *azbatch.AutoPoolSpecification) {
			a.Pool.UserAccounts = []azbatch.UserAccount{{Name: to.Ptr("me")}}
		}), "MissingRequiredProperty", "poolInfo.autoPoolSpecification.pool.userAccounts.password"},
		"no size": {set(func(a *azbatch.AutoPoolSpecification) { a.Pool.VMSize = nil }), "MissingRequiredProperty", "poolInfo.autoPoolSpecification.pool.vmSize"},
	} {
		_, err := w.CreateJob(ctx, azbatch.CreateJobContent{ID: to.Ptr("job"), PoolInfo: c.info}, nil)
		require.Contains(t, refused(t, err, http.StatusBadRequest, c.code), `"`+c.property+`"`, name)
	}
	pools := w.NewListPoolsPager(nil)
	require.Empty(t, get(t, pools.More, pools.NextPage)[0].Value)
}

func TestJobWaitsForItsPool(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.job("job", "later")
	job := w.jobState("job", azbatch.JobStateActive)
	require.Equal(t, "later", *job.ExecutionInfo.PoolID)
	require.Nil(t, job.ExecutionInfo.SchedulingError)
	w.add("one", "true")
	require.Equal(t, azbatch.TaskStateActive, *w.task("one").State)
	w.pool(poolContent("Later", 1))
	w.completed("one")
}
