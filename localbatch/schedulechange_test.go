package localbatch_test

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
)

func TestScheduleIsDisabledAndEnabled(t *testing.T) {
	t.Parallel()
	w, clock := startAhead(t)
	w.schedule("daily", daily())
	before := w.scheduled("daily")
	_, err := w.DisableJobSchedule(ctx, "daily", &azbatch.DisableJobScheduleOptions{IfMatch: before.ETag})
	require.NoError(t, err)
	sch := w.scheduled("daily")
	require.Equal(t, azbatch.JobScheduleStateDisabled, *sch.State)
	require.Equal(t, azbatch.JobScheduleStateActive, *sch.PreviousState)
	require.NotEqual(t, *before.ETag, *sch.ETag)
	_, err = w.DisableJobSchedule(ctx, "daily", nil)
	refused(t, err, http.StatusConflict, "JobScheduleDisabled")
	w.endJob("daily:job-1")
	clock.Advance(day)
	require.Equal(t, []string{"daily:job-1"}, w.jobsOf("daily"))
	_, err = w.EnableJobSchedule(ctx, "daily", &azbatch.EnableJobScheduleOptions{IfMatch: before.ETag})
	refused(t, err, http.StatusPreconditionFailed, "ConditionNotMet")
	_, err = w.EnableJobSchedule(ctx, "daily", nil)
	require.NoError(t, err)
	require.Equal(t, []string{"daily:job-1", "daily:job-2"}, w.jobsOf("daily"))
	_, err = w.EnableJobSchedule(ctx, "daily", nil)
	refused(t, err, http.StatusConflict, "OperationInvalidForCurrentState")
}

func TestScheduleIsTerminated(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 1))
	w.schedule("daily", daily())
	_, err := w.CreateTask(ctx, "daily:job-1", taskContent("one", shell("pwd; sleep 1000")), nil)
	require.NoError(t, err)
	eventually(t, "the task runs", func() bool {
		task, err := w.GetTask(ctx, "daily:job-1", "one", nil)
		require.NoError(t, err)
		return *task.State == azbatch.TaskStateRunning
	})
	task, err := w.GetTask(ctx, "daily:job-1", "one", nil)
	require.NoError(t, err)
	require.Equal(t, "workitems/daily/job-1/one", *task.NodeInfo.TaskRootDirectory)
	eventually(t, "it has said where it is", func() bool {
		answer, err := w.GetTaskFileProperties(ctx, "daily:job-1", "one", "stdout.txt", nil)
		return err == nil && *answer.ContentLength > 0
	})
	require.Contains(t, w.nodeFile("pool", *task.NodeInfo.NodeID, "workitems/daily/job-1/one/stdout.txt"), "/workitems/daily/job-1/one/wd\n")

	before := w.scheduled("daily")
	_, err = w.TerminateJobSchedule(ctx, "daily", &azbatch.TerminateJobScheduleOptions{Force: to.Ptr(true)})
	require.NoError(t, err)
	w.close() // wherever that was
	w.open()
	sch := w.untilScheduleIs("daily", azbatch.JobScheduleStateCompleted)
	require.Equal(t, azbatch.JobScheduleStateTerminating, *sch.PreviousState)
	require.NotEqual(t, *before.ETag, *sch.ETag)
	require.Nil(t, sch.ExecutionInfo.NextRunTime)
	require.Equal(t, "TerminateJobSchedule", *w.jobState("daily:job-1", azbatch.JobStateCompleted).ExecutionInfo.TerminationReason)
	for what, call := range map[string]func() error{
		"terminate": func() error { _, err := w.TerminateJobSchedule(ctx, "daily", nil); return err },
		"disable":   func() error { _, err := w.DisableJobSchedule(ctx, "daily", nil); return err },
		"enable":    func() error { _, err := w.EnableJobSchedule(ctx, "daily", nil); return err },
		"patch": func() error {
			_, err := w.UpdateJobSchedule(ctx, "daily", azbatch.UpdateJobScheduleContent{Schedule: to.Ptr(daily())}, nil)
			return err
		},
		"put": func() error { _, err := w.ReplaceJobSchedule(ctx, "daily", sch, nil); return err },
	} {
		require.Contains(t, refused(t, call(), http.StatusConflict, "JobScheduleCompleted"), "completed", what)
	}
}

func TestForcedEndOfScheduleWaitsForNoRelease(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 1))
	for _, id := range []string{"terminated", "deleted"} {
		w.schedule(id, daily(), func(s *azbatch.JobSpecification) {
			s.JobPreparationTask = &azbatch.JobPreparationTask{CommandLine: to.Ptr("true")}
			s.JobReleaseTask = &azbatch.JobReleaseTask{CommandLine: to.Ptr("sleep 1000")}
		})
		_, err := w.CreateTask(ctx, id+":job-1", taskContent("one", "true"), nil)
		require.NoError(t, err)
		eventually(t, "the task is completed", func() bool {
			task, err := w.GetTask(ctx, id+":job-1", "one", nil)
			require.NoError(t, err)
			return *task.State == azbatch.TaskStateCompleted
		})
	}
	_, err := w.TerminateJobSchedule(ctx, "terminated", nil)
	require.NoError(t, err)
	require.Nil(t, w.jobState("terminated:job-1", azbatch.JobStateTerminating).ExecutionInfo.TerminationReason)
	_, err = w.TerminateJobSchedule(ctx, "terminated", nil)
	refused(t, err, http.StatusConflict, "JobScheduleBeingTerminated")
	_, err = w.TerminateJobSchedule(ctx, "terminated", &azbatch.TerminateJobScheduleOptions{Force: to.Ptr(true)})
	require.NoError(t, err)
	w.untilScheduleIs("terminated", azbatch.JobScheduleStateCompleted)

	_, err = w.DeleteJobSchedule(ctx, "deleted", nil)
	require.NoError(t, err)
	_, err = w.DeleteJobSchedule(ctx, "deleted", nil)
	refused(t, err, http.StatusConflict, "JobScheduleBeingDeleted")
	_, err = w.TerminateJobSchedule(ctx, "deleted", &azbatch.TerminateJobScheduleOptions{Force: to.Ptr(true)})
	refused(t, err, http.StatusConflict, "JobScheduleBeingDeleted")
	_, err = w.DeleteJobSchedule(ctx, "deleted", &azbatch.DeleteJobScheduleOptions{Force: to.Ptr(true)})
	require.NoError(t, err)
	eventually(t, "the schedule is gone", func() bool {
		_, err := w.GetJobSchedule(ctx, "deleted", nil)
		return err != nil
	})
}

func TestScheduleIsDeleted(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 1))
	w.schedule("daily", daily())
	_, err := w.CreateTask(ctx, "daily:job-1", taskContent("one", "sleep 1000"), nil)
	require.NoError(t, err)
	eventually(t, "the task runs", func() bool {
		answer, err := w.GetJobTaskCounts(ctx, "daily:job-1", nil)
		require.NoError(t, err)
		return *answer.TaskCounts.Running == 1
	})
	_, err = w.DeleteJobSchedule(ctx, "daily", nil)
	require.NoError(t, err)
	w.close()
	w.open()
	eventually(t, "the schedule is gone", func() bool {
		_, err = w.GetJobSchedule(ctx, "daily", nil)
		return err != nil
	})
	refused(t, err, http.StatusNotFound, "JobScheduleNotFound")
	_, err = w.GetJob(ctx, "daily:job-1", nil)
	refused(t, err, http.StatusNotFound, "JobNotFound")
	left, err := filepath.Glob(filepath.Join(w.dir, "nodes", "*", "workitems", "*"))
	require.NoError(t, err)
	require.Empty(t, left)
	w.schedule("daily", daily())
	require.Equal(t, []string{"daily:job-1"}, w.jobsOf("daily"))
}

func TestScheduleIsPatchedAndReplaced(t *testing.T) {
	t.Parallel()
	w, clock := startAhead(t)
	w.schedule("daily", daily())
	before := w.scheduled("daily")
	update := azbatch.UpdateJobScheduleContent{
		Schedule: &azbatch.JobScheduleConfiguration{RecurrenceInterval: to.Ptr("PT5H")},
		Metadata: []azbatch.MetadataItem{{Name: to.Ptr("a"), Value: to.Ptr("b")}},
	}
	_, err := w.UpdateJobSchedule(ctx, "daily", update, &azbatch.UpdateJobScheduleOptions{IfMatch: before.ETag})
	require.NoError(t, err)
	patched := w.scheduled("daily")
	require.Equal(t, "PT5H", *patched.Schedule.RecurrenceInterval)
	require.Nil(t, patched.Schedule.StartWindow)
	require.Equal(t, "b", *patched.Metadata[0].Value)
	require.Equal(t, "pool", *patched.JobSpecification.PoolInfo.PoolID)
	require.Equal(t, before.CreationTime.Add(5*time.Hour), *patched.ExecutionInfo.NextRunTime)
	require.NotEqual(t, *before.ETag, *patched.ETag)
	_, err = w.UpdateJobSchedule(ctx, "daily", update, &azbatch.UpdateJobScheduleOptions{IfMatch: before.ETag})
	refused(t, err, http.StatusPreconditionFailed, "ConditionNotMet")

	whole := patched
	whole.JobSpecification.Priority = to.Ptr[int32](7)
	whole.Metadata = nil
	_, err = w.ReplaceJobSchedule(ctx, "daily", whole, nil)
	require.NoError(t, err)
	require.Empty(t, w.scheduled("daily").Metadata)
	require.Equal(t, int32(0), *w.jobState("daily:job-1", azbatch.JobStateActive).Priority)
	w.endJob("daily:job-1")
	clock.Advance(5 * time.Hour)
	w.untilRecentJobIs("daily", "daily:job-2")
	require.Equal(t, int32(7), *w.jobState("daily:job-2", azbatch.JobStateActive).Priority)

	whole.Schedule = nil
	_, err = w.ReplaceJobSchedule(ctx, "daily", whole, nil)
	require.NoError(t, err)
	sch := w.scheduled("daily")
	require.Nil(t, sch.Schedule)
	require.Nil(t, sch.ExecutionInfo.NextRunTime)
	whole.JobSpecification = nil
	_, err = w.ReplaceJobSchedule(ctx, "daily", whole, nil)
	refused(t, err, http.StatusBadRequest, "MissingRequiredProperty")
	w.endJob("daily:job-2")
	w.untilScheduleIs("daily", azbatch.JobScheduleStateCompleted)
}

func TestJobsAndSchedulesShareTheirIDs(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.job("job", "pool")
	w.schedule("schedule", daily())
	create := func(id string) error {
		times := daily()
		_, err := w.CreateJobSchedule(ctx, azbatch.CreateJobScheduleContent{
			ID: &id, Schedule: &times, JobSpecification: &azbatch.JobSpecification{PoolInfo: &azbatch.PoolInfo{PoolID: to.Ptr("pool")}},
		}, nil)
		return err
	}
	refused(t, create("JOB"), http.StatusConflict, "JobWithSameIdExists")
	refused(t, create("Schedule"), http.StatusConflict, "JobScheduleExists")
	_, err := w.CreateJob(ctx, azbatch.CreateJobContent{ID: to.Ptr("SCHEDULE"), PoolInfo: &azbatch.PoolInfo{PoolID: to.Ptr("pool")}}, nil)
	refused(t, err, http.StatusConflict, "JobScheduleWithSameIdExists")
	_, err = w.GetJobSchedule(ctx, "job", nil)
	refused(t, err, http.StatusNotFound, "JobScheduleNotFound")
	require.Equal(t, http.StatusOK, w.send(rawRequest{method: "HEAD", path: "/jobschedules/Schedule"}).StatusCode)
	require.Equal(t, http.StatusNotFound, w.send(rawRequest{method: "HEAD", path: "/jobschedules/job"}).StatusCode)
	require.Equal(t, http.StatusOK, w.send(rawRequest{method: "GET", path: "/jobs/schedule%3Ajob-1"}).StatusCode)
	_, err = w.JobScheduleExists(ctx, "schedule", nil)
	require.NoError(t, err)
}

func TestSchedulesAreChecked(t *testing.T) {
	t.Parallel()
	w := start(t)
	const spec = `"jobSpecification":{"poolInfo":{"poolId":"pool"}}`
	for _, c := range []struct{ body, code, property string }{
		{`{"schedule":{},` + spec + `}`, "MissingRequiredProperty", "id"},
		{`{"id":"a:b","schedule":{},` + spec + `}`, "InvalidPropertyValue", "id"},
		{`{"id":"a",` + spec + `}`, "MissingRequiredProperty", "schedule"},
		{`{"id":"a","schedule":{}}`, "MissingRequiredProperty", "jobSpecification"},
		{`{"id":"a","schedule":{"doNotRunUntil":null},"jobSpecification":{}}`, "MissingRequiredProperty", "jobSpecification.poolInfo.poolId"},
		{`{"id":"a","schedule":{},"jobSpecification":{"id":"b","poolInfo":{"poolId":"pool"}}}`, "UnsupportedProperty", "jobSpecification.id"},
		{`{"id":"a","schedule":{"recurrenceInterval":"PT59S"},` + spec + `}`, "InvalidPropertyValue", "schedule.recurrenceInterval"},
		{`{"id":"a","schedule":{"startWindow":"PT59S"},` + spec + `}`, "InvalidPropertyValue", "schedule.startWindow"},
		{`{"id":"a","schedule":{"doNotRunUntil":"2100-01-02T00:00:00Z","doNotRunAfter":"2100-01-01T00:00:00Z"},` + spec + `}`, "InvalidPropertyValue", "schedule.doNotRunAfter"},
		{`{"id":"a","schedule":{"doNotRunUntil":"tomorrow"},` + spec + `}`, "InvalidPropertyValue", "schedule.doNotRunUntil"},
		{`{"id":"a","schedule":{},"jobSpecification":{"priority":1001,"poolInfo":{"poolId":"pool"}}}`, "OutOfRangePriority", ""},
	} {
		body := w.requireError(rawRequest{method: "POST", path: "/jobschedules", body: c.body}, http.StatusBadRequest, c.code)
		if c.property != "" {
			require.Equal(t, c.property, body.Values[0].Value, c.body)
		}
	}
	w.requireError(rawRequest{method: "DELETE", path: "/jobschedules/a", query: latest + "&force=maybe"}, http.StatusBadRequest, "InvalidQueryParameterValue")
	w.requireError(rawRequest{method: "POST", path: "/jobs/a/terminate", query: latest + "&force=maybe"}, http.StatusBadRequest, "InvalidQueryParameterValue")
}
