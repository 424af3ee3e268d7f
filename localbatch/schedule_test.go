package localbatch_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch"
)

// schedule creates a job schedule whose jobs run on "pool".
func (w *world) schedule(id string, times azbatch.JobScheduleConfiguration, adjust ...func(*azbatch.JobSpecification)) {
	w.t.Helper()
	spec := &azbatch.JobSpecification{PoolInfo: &azbatch.PoolInfo{PoolID: to.Ptr("pool")}}
	for _, f := range adjust {
		f(spec)
	}
	_, err := w.CreateJobSchedule(ctx, azbatch.CreateJobScheduleContent{ID: &id, Schedule: &times, JobSpecification: spec}, nil)
	require.NoError(w.t, err)
}

func (w *world) scheduled(id string) azbatch.JobSchedule {
	w.t.Helper()
	answer, err := w.GetJobSchedule(ctx, id, nil)
	require.NoError(w.t, err)
	return answer.JobSchedule
}

func (w *world) untilScheduleIs(id string, state azbatch.JobScheduleState) azbatch.JobSchedule {
	w.t.Helper()
	var found azbatch.JobSchedule
	eventually(w.t, fmt.Sprintf("job schedule %s is %s", id, state), func() bool {
		found = w.scheduled(id)
		return *found.State == state
	})
	return found
}

func (w *world) untilRecentJobIs(schedule, job string) {
	w.t.Helper()
	eventually(w.t, job+" is there", func() bool {
		recent := w.scheduled(schedule).ExecutionInfo.RecentJob
		return recent != nil && *recent.ID == job
	})
}

// endJob terminates a job and waits until it is over.
func (w *world) endJob(id string) {
	w.t.Helper()
	_, err := w.TerminateJob(ctx, id, nil)
	require.NoError(w.t, err)
	w.jobState(id, azbatch.JobStateCompleted)
}

func (w *world) jobsOf(schedule string) []string {
	w.t.Helper()
	ids := []string{}
	pager := w.NewListJobsFromSchedulePager(schedule, &azbatch.ListJobsFromScheduleOptions{MaxResults: to.Ptr[int32](2)})
	for _, page := range get(w.t, pager.More, pager.NextPage) {
		for _, j := range page.Value {
			ids = append(ids, *j.ID)
		}
	}
	return ids
}

func daily() azbatch.JobScheduleConfiguration {
	return azbatch.JobScheduleConfiguration{RecurrenceInterval: to.Ptr("P1DT00H00M00S"), StartWindow: to.Ptr("PT01H00M00S")}
}

const day = 24 * time.Hour

func TestScheduleRecurs(t *testing.T) {
	t.Parallel()
	w, clock := startAhead(t)
	w.schedule("daily", daily(), func(s *azbatch.JobSpecification) {
		s.Metadata = []azbatch.MetadataItem{{Name: to.Ptr("kind"), Value: to.Ptr("nightly")}}
		s.Constraints = &azbatch.JobConstraints{MaxTaskRetryCount: to.Ptr[int32](2)}
	})
	sch := w.scheduled("DAILY")
	require.Equal(t, "daily", *sch.ID)
	require.Equal(t, w.url+"/jobschedules/daily", *sch.URL)
	require.Equal(t, azbatch.JobScheduleStateActive, *sch.State)
	require.Nil(t, sch.PreviousState)
	require.Equal(t, "P1D", *sch.Schedule.RecurrenceInterval)
	require.Equal(t, "PT1H", *sch.Schedule.StartWindow)
	require.Equal(t, int32(-1), *sch.JobSpecification.MaxParallelTasks)
	require.Equal(t, "P10675199DT2H48M5.4775807S", *sch.JobSpecification.Constraints.MaxWallClockTime)
	require.Equal(t, "daily:job-1", *sch.ExecutionInfo.RecentJob.ID)
	require.Equal(t, w.url+"/jobs/daily:job-1", *sch.ExecutionInfo.RecentJob.URL)
	require.Equal(t, sch.CreationTime.Add(day), *sch.ExecutionInfo.NextRunTime)
	require.Nil(t, sch.Stats)

	job := w.jobState("daily:job-1", azbatch.JobStateActive)
	require.Equal(t, "nightly", *job.Metadata[0].Value)
	require.Equal(t, int32(2), *job.Constraints.MaxTaskRetryCount)
	require.Equal(t, "pool", *job.ExecutionInfo.PoolID)
	w.endJob("daily:job-1")
	require.Equal(t, []string{"daily:job-1"}, w.jobsOf("daily")) // the next one has its time

	clock.Advance(day)
	w.untilRecentJobIs("daily", "daily:job-2")
	require.Equal(t, sch.CreationTime.Add(2*day), *w.scheduled("daily").ExecutionInfo.NextRunTime)
	clock.Advance(day + 30*time.Minute) // job-2 is active still
	w.endJob("daily:job-2")
	w.untilRecentJobIs("daily", "daily:job-3") // in the start window of the third day
	clock.Advance(day + time.Hour)
	w.endJob("daily:job-3")
	require.Equal(t, sch.CreationTime.Add(4*day), *w.scheduled("daily").ExecutionInfo.NextRunTime)
	require.Equal(t, []string{"daily:job-1", "daily:job-2", "daily:job-3"}, w.jobsOf("daily")) // too late for the fourth
	clock.Advance(day - time.Hour)
	w.untilRecentJobIs("daily", "daily:job-4")
	require.Equal(t, *sch.ETag, *w.scheduled("daily").ETag) // jobs are no change of their schedule
	require.Equal(t, *sch.LastModified, *w.scheduled("daily").LastModified)
}

func TestScheduledJobsManageThemselves(t *testing.T) {
	t.Parallel()
	w, clock := startAhead(t)
	w.pool(poolContent("pool", 1))
	manager := &azbatch.JobManagerTask{ID: to.Ptr("manager"), CommandLine: to.Ptr(shell("echo $AZ_BATCH_JOB_ID; cat $AZ_BATCH_JOB_PREP_DIR/stdout.txt"))}
	spec := func(s *azbatch.JobSpecification) {
		s.JobManagerTask = manager
		s.JobPreparationTask = &azbatch.JobPreparationTask{CommandLine: to.Ptr("echo prepared")}
		s.JobReleaseTask = &azbatch.JobReleaseTask{CommandLine: to.Ptr("echo released")}
	}
	w.schedule("daily", daily(), spec)
	for n := range 2 {
		id := fmt.Sprint("daily:job-", n+1)
		w.untilRecentJobIs("daily", id)
		require.Equal(t, "JMComplete", *w.jobState(id, azbatch.JobStateCompleted).ExecutionInfo.TerminationReason)
		answer, err := w.GetTaskFile(ctx, id, "manager", "stdout.txt", nil)
		require.NoError(t, err)
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, id+"\nprepared\n", string(text))
		status := w.NewListJobPreparationAndReleaseTaskStatusPager(id, nil)
		done := get(t, status.More, status.NextPage)[0].Value
		require.Len(t, done, 1)
		require.Equal(t, fmt.Sprintf("workitems/daily/job-%d/jobrelease", n+1), *done[0].JobReleaseTaskExecutionInfo.TaskRootDirectory)
		clock.Advance(day)
	}
	manager.ID = to.Ptr("JobPreparation")
	later, job := clock.Now().Add(day).UTC(), &azbatch.JobSpecification{PoolInfo: &azbatch.PoolInfo{PoolID: to.Ptr("pool")}}
	spec(job)
	_, err := w.CreateJobSchedule(ctx, azbatch.CreateJobScheduleContent{
		ID: to.Ptr("later"), Schedule: &azbatch.JobScheduleConfiguration{DoNotRunUntil: &later}, JobSpecification: job,
	}, nil)
	refused(t, err, http.StatusConflict, "TaskIdSameAsJobPreparationTask")
}

func TestScheduledJobCannotBeStarted(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 1))
	w.schedule("daily", daily(), func(s *azbatch.JobSpecification) {
		s.JobManagerTask = &azbatch.JobManagerTask{
			ID: to.Ptr("manager"), CommandLine: to.Ptr("true"), UserIdentity: &azbatch.UserIdentity{Username: to.Ptr("nobody-there")},
		}
	})
	failed := w.jobState("daily:job-1", azbatch.JobStateCompleted).ExecutionInfo.SchedulingError
	require.Equal(t, "Unknown", *failed.Code)
	require.Equal(t, "nobody-there", *failed.Details[1].Value)
	require.Equal(t, azbatch.JobScheduleStateActive, *w.scheduled("daily").State)
}

func TestScheduleSleptOverRecurrences(t *testing.T) {
	t.Parallel()
	clock := &localbatch.TestClock{}
	at := func(o *localbatch.Options) { o.Clock = clock }
	w := start(t, at)
	w.schedule("daily", daily())
	w.schedule("always", azbatch.JobScheduleConfiguration{RecurrenceInterval: to.Ptr("P1D")})
	w.schedule("busy", daily())
	w.endJob("daily:job-1")
	w.endJob("always:job-1")
	created := *w.scheduled("daily").CreationTime
	w.close()
	clock.Advance(5*day + 2*time.Hour)
	w.open(at)
	w.untilRecentJobIs("always", "always:job-2") // one for all that were missed
	require.Equal(t, []string{"daily:job-1"}, w.jobsOf("daily"))
	require.Equal(t, created.Add(6*day), *w.scheduled("daily").ExecutionInfo.NextRunTime)
	require.Equal(t, []string{"busy:job-1"}, w.jobsOf("busy"))
	w.endJob("always:job-2")
	require.Len(t, w.jobsOf("always"), 2)
	w.close()
	clock.Advance(22 * time.Hour)
	w.open(at)
	w.untilRecentJobIs("daily", "daily:job-2")
	w.untilRecentJobIs("always", "always:job-3")
	w.close() // a schedule whose job has ended while it could not be told
	w.open(at)
	w.endJob("busy:job-1")
	w.untilRecentJobIs("busy", "busy:job-2")
}

func TestScheduleEnds(t *testing.T) {
	t.Parallel()
	w, clock := startAhead(t)
	w.schedule("once", azbatch.JobScheduleConfiguration{})
	require.Nil(t, w.scheduled("once").ExecutionInfo.NextRunTime)
	require.Nil(t, w.scheduled("once").ExecutionInfo.EndTime)
	w.endJob("once:job-1")
	sch := w.untilScheduleIs("once", azbatch.JobScheduleStateCompleted)
	w.schedule("deleted", azbatch.JobScheduleConfiguration{})
	_, err := w.DeleteJob(ctx, "deleted:job-1", nil)
	require.NoError(t, err)
	require.Equal(t, "deleted:job-1", *w.untilScheduleIs("deleted", azbatch.JobScheduleStateCompleted).ExecutionInfo.RecentJob.ID)
	require.NotNil(t, sch.ExecutionInfo.EndTime)
	require.Equal(t, azbatch.JobScheduleStateActive, *sch.PreviousState)

	from, until := clock.Now().Add(day).UTC(), clock.Now().Add(2*day+time.Hour).UTC()
	w.schedule("later", azbatch.JobScheduleConfiguration{DoNotRunUntil: &from, DoNotRunAfter: &until, RecurrenceInterval: to.Ptr("P1D")})
	w.schedule("missed", azbatch.JobScheduleConfiguration{DoNotRunUntil: &from, StartWindow: to.Ptr("PT1H")})
	require.Empty(t, w.jobsOf("later"))
	require.WithinDuration(t, from, *w.scheduled("later").ExecutionInfo.NextRunTime, time.Microsecond)
	_, err = w.DisableJobSchedule(ctx, "missed", nil)
	require.NoError(t, err)
	clock.Advance(day)
	w.untilRecentJobIs("later", "later:job-1")
	clock.Advance(2 * time.Hour)
	_, err = w.EnableJobSchedule(ctx, "missed", nil)
	require.NoError(t, err)
	w.untilScheduleIs("missed", azbatch.JobScheduleStateCompleted)
	require.Empty(t, w.jobsOf("missed"))
	w.endJob("later:job-1")
	clock.Advance(22 * time.Hour)
	w.untilRecentJobIs("later", "later:job-2")
	require.Nil(t, w.scheduled("later").ExecutionInfo.NextRunTime)
	clock.Advance(day)
	require.Equal(t, azbatch.JobScheduleStateActive, *w.scheduled("later").State) // as its job is
	w.endJob("later:job-2")
	w.untilScheduleIs("later", azbatch.JobScheduleStateCompleted)

	w.schedule("rare", azbatch.JobScheduleConfiguration{RecurrenceInterval: to.Ptr("P10675199DT2H48M5.4775807S")})
	w.endJob("rare:job-1")
	require.Nil(t, w.scheduled("rare").ExecutionInfo.NextRunTime)
	require.Equal(t, azbatch.JobScheduleStateActive, *w.scheduled("rare").State)

	soon := clock.Now().Add(time.Hour).UTC()
	w.schedule("idle", azbatch.JobScheduleConfiguration{DoNotRunAfter: &soon, RecurrenceInterval: to.Ptr("PT50M")}, func(s *azbatch.JobSpecification) {
		s.OnAllTasksComplete = to.Ptr(azbatch.OnAllTasksCompleteTerminateJob)
	})
	w.jobState("idle:job-1", azbatch.JobStateCompleted)
	clock.Advance(50 * time.Minute)
	w.untilRecentJobIs("idle", "idle:job-2")
	w.jobState("idle:job-2", azbatch.JobStateCompleted)
	require.Equal(t, azbatch.JobScheduleStateActive, *w.scheduled("idle").State)
	clock.Advance(11 * time.Minute)
	w.untilScheduleIs("idle", azbatch.JobScheduleStateCompleted)

	list := w.NewListJobSchedulesPager(&azbatch.ListJobSchedulesOptions{
		Filter: to.Ptr("state eq 'Completed' and executionInfo/endTime gt DateTime'" + until.Format(time.RFC3339) + "' or schedule/doNotRunUntil ge DateTime'2100-01-01T00:00:00Z'"),
	})
	var ids []string
	for _, sch := range get(t, list.More, list.NextPage)[0].Value {
		ids = append(ids, *sch.ID)
	}
	require.Equal(t, []string{"idle", "later"}, ids)
}

func TestScheduleHasPools(t *testing.T) {
	t.Parallel()
	w, clock := startAhead(t)
	auto := func(lifetime azbatch.PoolLifetimeOption) func(*azbatch.JobSpecification) {
		return func(s *azbatch.JobSpecification) {
			s.PoolInfo = autoPool(0, func(a *azbatch.AutoPoolSpecification) { a.PoolLifetimeOption = &lifetime })
		}
	}
	poolOf := func(job string) string { return *w.jobState(job, azbatch.JobStateActive).ExecutionInfo.PoolID }
	w.schedule("each", daily(), auto(azbatch.PoolLifetimeOptionJob))
	w.schedule("shared", daily(), auto(azbatch.PoolLifetimeOptionJobSchedule))
	each, shared := poolOf("each:job-1"), poolOf("shared:job-1")
	w.endJob("each:job-1")
	w.endJob("shared:job-1")
	w.untilPoolIsGone(each)
	require.True(t, w.exists(shared))
	clock.Advance(day)
	w.untilRecentJobIs("each", "each:job-2")
	w.untilRecentJobIs("shared", "shared:job-2")
	second := poolOf("each:job-2")
	require.NotEqual(t, each, second)
	require.Equal(t, shared, poolOf("shared:job-2"))
	_, err := w.TerminateJobSchedule(ctx, "shared", nil)
	require.NoError(t, err)
	w.untilScheduleIs("shared", azbatch.JobScheduleStateCompleted)
	w.untilPoolIsGone(shared)
	_, err = w.DeleteJobSchedule(ctx, "each", nil)
	require.NoError(t, err)
	w.untilPoolIsGone(second)
}
