package localbatch_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
)

func TestJobDefaults(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 0))
	w.job("Job-1", "pool")
	job, err := w.GetJob(ctx, "job-1", nil)
	require.NoError(t, err)
	require.Equal(t, "Job-1", *job.ID)
	require.Equal(t, azbatch.JobStateActive, *job.State)
	require.Nil(t, job.PreviousState)
	require.Equal(t, int32(0), *job.Priority)
	require.Equal(t, int32(-1), *job.MaxParallelTasks)
	require.Equal(t, azbatch.OnAllTasksCompleteNoAction, *job.OnAllTasksComplete)
	require.Equal(t, azbatch.OnTaskFailureNoAction, *job.OnTaskFailure)
	require.Equal(t, "P10675199DT2H48M5.4775807S", *job.Constraints.MaxWallClockTime)
	require.False(t, *job.UsesTaskDependencies)
	require.Equal(t, "pool", *job.ExecutionInfo.PoolID)
	require.Equal(t, w.url+"/jobs/Job-1", *job.URL)

	content := azbatch.CreateJobContent{ID: to.Ptr("JOB-1"), PoolInfo: &azbatch.PoolInfo{PoolID: to.Ptr("pool")}}
	_, err = w.CreateJob(ctx, content, nil)
	refused(t, err, http.StatusConflict, "JobExists")
}

func TestJobEndsWithItsTasks(t *testing.T) {
	t.Parallel()
	w := ready(t, 1)
	w.add("one", "true")
	w.completed("one")
	require.Equal(t, azbatch.JobStateActive, *w.jobState("job", azbatch.JobStateActive).State)
	_, err := w.UpdateJob(ctx, "job", azbatch.UpdateJobContent{OnAllTasksComplete: to.Ptr(azbatch.OnAllTasksCompleteTerminateJob)}, nil)
	require.NoError(t, err)
	job := w.jobState("job", azbatch.JobStateCompleted)
	require.Equal(t, "AllTasksComplete", *job.ExecutionInfo.TerminationReason)
	require.NotNil(t, job.ExecutionInfo.EndTime)
	require.Equal(t, azbatch.JobStateTerminating, *job.PreviousState)
	_, err = w.CreateTask(ctx, "job", taskContent("late", "true"), nil)
	refused(t, err, http.StatusConflict, "JobCompleted")
	_, err = w.TerminateJob(ctx, "job", nil)
	refused(t, err, http.StatusConflict, "JobCompleted")

	w.job("empty", "pool", func(c *azbatch.CreateJobContent) {
		c.OnAllTasksComplete = to.Ptr(azbatch.OnAllTasksCompleteTerminateJob)
	})
	w.jobState("empty", azbatch.JobStateCompleted)

	w.job("running", "pool")
	_, err = w.CreateTask(ctx, "running", taskContent("one", "sleep 0.2"), nil)
	require.NoError(t, err)
	terminate := azbatch.UpdateJobContent{OnAllTasksComplete: to.Ptr(azbatch.OnAllTasksCompleteTerminateJob)}
	_, err = w.UpdateJob(ctx, "running", terminate, nil)
	require.NoError(t, err)
	_, err = w.UpdateJob(ctx, "running", azbatch.UpdateJobContent{OnAllTasksComplete: to.Ptr(azbatch.OnAllTasksCompleteNoAction)}, nil)
	refused(t, err, http.StatusBadRequest, "InvalidPropertyValue")
	w.jobState("running", azbatch.JobStateCompleted)
}

func TestJobIsTerminated(t *testing.T) {
	t.Parallel()
	w := ready(t, 1)
	w.add("running", "sleep 1000")
	w.until("running", azbatch.TaskStateRunning)
	w.add("waiting", "true")
	_, err := w.TerminateJob(ctx, "job", &azbatch.TerminateJobOptions{Parameters: &azbatch.TerminateJobContent{TerminationReason: to.Ptr("enough")}})
	require.NoError(t, err)
	job := w.jobState("job", azbatch.JobStateCompleted)
	require.Equal(t, "enough", *job.ExecutionInfo.TerminationReason)
	require.Equal(t, "TaskEnded", *w.completed("running").ExecutionInfo.FailureInfo.Code)
	require.Equal(t, azbatch.TaskStateActive, *w.task("waiting").State)
}

func TestJobRunsOutOfTime(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 1))
	w.job("job", "pool", func(c *azbatch.CreateJobContent) {
		c.Constraints = &azbatch.JobConstraints{MaxWallClockTime: to.Ptr("PT1S"), MaxTaskRetryCount: to.Ptr[int32](3)}
	})
	w.add("one", "sleep 1000")
	require.Equal(t, int32(3), *w.task("one").Constraints.MaxTaskRetryCount)
	job := w.jobState("job", azbatch.JobStateCompleted)
	require.Equal(t, "MaxWallClockTimeExpiry", *job.ExecutionInfo.TerminationReason)
	require.Equal(t, azbatch.TaskStateCompleted, *w.task("one").State)
}

func TestJobIsDisabledAndEnabled(t *testing.T) {
	t.Parallel()
	for option, want := range map[azbatch.DisableJobOption]azbatch.TaskState{
		azbatch.DisableJobOptionRequeue: azbatch.TaskStateActive, azbatch.DisableJobOptionTerminate: azbatch.TaskStateCompleted,
	} {
		t.Run(string(option), func(t *testing.T) {
			t.Parallel()
			w := ready(t, 1)
			w.add("one", "sleep 1000")
			w.until("one", azbatch.TaskStateRunning)
			_, err := w.DisableJob(ctx, "job", azbatch.DisableJobContent{DisableTasks: &option}, nil)
			require.NoError(t, err)
			w.jobState("job", azbatch.JobStateDisabled)
			require.Equal(t, want, *w.task("one").State)
			w.add("two", "true")
			require.Equal(t, azbatch.TaskStateActive, *w.task("two").State)

			w.pool(poolContent("second", 2))
			_, err = w.UpdateJob(ctx, "job", azbatch.UpdateJobContent{PoolInfo: &azbatch.PoolInfo{PoolID: to.Ptr("second")}}, nil)
			require.NoError(t, err)
			_, err = w.EnableJob(ctx, "job", nil)
			require.NoError(t, err)
			require.Equal(t, "second", *w.completed("two").NodeInfo.PoolID)
			if option == azbatch.DisableJobOptionRequeue {
				require.Equal(t, int32(1), *w.until("one", azbatch.TaskStateRunning).ExecutionInfo.RequeueCount)
			}
		})
	}
}

func TestJobIsDeleted(t *testing.T) {
	t.Parallel()
	w := ready(t, 1)
	w.add("one", "sleep 1000")
	w.add("two", "true")
	w.until("one", azbatch.TaskStateRunning)
	_, err := w.DeleteJob(ctx, "job", nil)
	require.NoError(t, err)
	eventually(t, "the job is gone", func() bool {
		_, err := w.GetJob(ctx, "job", nil)
		return err != nil
	})
	_, err = w.GetJob(ctx, "job", nil)
	refused(t, err, http.StatusNotFound, "JobNotFound")
	_, err = w.GetTask(ctx, "job", "two", nil)
	refused(t, err, http.StatusNotFound, "JobNotFound")
	left, err := filepath.Glob(filepath.Join(w.dir, "nodes", "*", "workitems", "*"))
	require.NoError(t, err)
	require.Empty(t, left)
	w.allNodes("pool", azbatch.NodeStateIdle)
	w.job("job", "pool")
	require.Zero(t, *w.counts("job").Active)
}

func TestJobIsPatchedAndReplaced(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 0))
	w.job("job", "pool")
	before, err := w.GetJob(ctx, "job", nil)
	require.NoError(t, err)
	_, err = w.UpdateJob(ctx, "job", azbatch.UpdateJobContent{
		Priority: to.Ptr[int32](100), MaxParallelTasks: to.Ptr[int32](3),
		Constraints: &azbatch.JobConstraints{MaxWallClockTime: to.Ptr("PT1H")},
	}, nil)
	require.NoError(t, err)
	patched, err := w.GetJob(ctx, "job", nil)
	require.NoError(t, err)
	require.Equal(t, int32(100), *patched.Priority)
	require.Equal(t, "PT1H", *patched.Constraints.MaxWallClockTime)
	require.NotEqual(t, *before.ETag, *patched.ETag)
	_, err = w.UpdateJob(ctx, "job", azbatch.UpdateJobContent{Priority: to.Ptr[int32](1)}, &azbatch.UpdateJobOptions{IfMatch: before.ETag})
	refused(t, err, http.StatusPreconditionFailed, "ConditionNotMet")
	_, err = w.UpdateJob(ctx, "job", azbatch.UpdateJobContent{Priority: to.Ptr[int32](1001)}, nil)
	refused(t, err, http.StatusBadRequest, "OutOfRangePriority")
	_, err = w.UpdateJob(ctx, "job", azbatch.UpdateJobContent{PoolInfo: &azbatch.PoolInfo{PoolID: to.Ptr("other")}}, nil)
	refused(t, err, http.StatusConflict, "OperationInvalidForCurrentState")

	changed := patched.Job
	changed.Priority = to.Ptr[int32](-5)
	changed.Constraints = nil
	_, err = w.ReplaceJob(ctx, "job", changed, nil)
	require.NoError(t, err)
	replaced, err := w.GetJob(ctx, "job", nil)
	require.NoError(t, err)
	require.Equal(t, int32(-5), *replaced.Priority)
	require.Equal(t, int32(3), *replaced.MaxParallelTasks)
	require.Equal(t, "P10675199DT2H48M5.4775807S", *replaced.Constraints.MaxWallClockTime)
}

func TestJobPriorityAndParallelTasks(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 0))
	add := func(job string, priority int32, parallel *int32) {
		w.job(job, "pool", func(c *azbatch.CreateJobContent) { c.Priority, c.MaxParallelTasks = &priority, parallel })
		for _, id := range []string{"a", "b", "c"} {
			_, err := w.CreateTask(ctx, job, taskContent(id, "sleep 1000"), nil)
			require.NoError(t, err)
		}
	}
	add("low", 0, nil)
	add("high", 10, to.Ptr[int32](1))
	add("higher", 20, to.Ptr[int32](2))
	_, err := w.ResizePool(ctx, "pool", azbatch.ResizePoolContent{TargetDedicatedNodes: to.Ptr[int32](4)}, nil)
	require.NoError(t, err)
	w.allNodes("pool", azbatch.NodeStateRunning)
	eventually(t, "all nodes are busy", func() bool {
		return *w.counts("higher").Running == 2 && *w.counts("high").Running == 1 && *w.counts("low").Running == 1
	})
}

func TestJobLists(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 0))
	for _, id := range []string{"c", "B", "a"} {
		w.job(id, "pool")
	}
	_, err := w.TerminateJob(ctx, "a", nil)
	require.NoError(t, err)
	w.jobState("a", azbatch.JobStateCompleted)
	list := func(filter string) []string {
		var ids []string
		pager := w.NewListJobsPager(&azbatch.ListJobsOptions{Filter: &filter, MaxResults: to.Ptr[int32](2), SelectParam: []string{"id"}})
		for _, page := range get(t, pager.More, pager.NextPage) {
			for _, j := range page.Value {
				require.Nil(t, j.State)
				ids = append(ids, *j.ID)
			}
		}
		return ids
	}
	require.Equal(t, []string{"a", "B", "c"}, list("executionInfo/poolId eq 'POOL'"))
	require.Equal(t, []string{"B", "c"}, list("state eq 'active'"))
	require.Equal(t, []string{"a"}, list("executionInfo/endTime gt DateTime'2020-01-01T00:00:00Z'"))
}

func TestJobPropertiesThatCanBeChanged(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.job("job", "pool", func(c *azbatch.CreateJobContent) {
		c.DisplayName = to.Ptr("a job")
		c.Metadata = []azbatch.MetadataItem{{Name: to.Ptr("a"), Value: to.Ptr("b")}}
	})
	update := func(method, body string) map[string]any {
		t.Helper()
		answer := w.send(rawRequest{method: method, path: "/jobs/job", body: body})
		require.Equal(t, http.StatusOK, answer.StatusCode, body)
		require.Empty(t, read(t, answer))
		var job map[string]any
		require.NoError(t, json.Unmarshal([]byte(read(t, w.send(rawRequest{method: "GET", path: "/jobs/job"}))), &job))
		return job
	}
	for property, value := range map[string]string{
		"priority": `-1000`, "maxParallelTasks": `7`, "metadata": `[{"name":"c","value":"d"}]`,
		"constraints":          `{"maxWallClockTime":"PT1H","maxTaskRetryCount":-1}`,
		"networkConfiguration": `{"subnetId":"/a","skipWithdrawFromVNet":false}`,
	} {
		job := update("PATCH", `{"`+property+`":`+value+`}`)
		text, err := json.Marshal(job[property])
		require.NoError(t, err)
		require.JSONEq(t, value, string(text))
		require.Equal(t, "a job", job["displayName"])
	}
	require.Equal(t, update("PATCH", `{"metadata":null}`)["metadata"], []any{map[string]any{"name": "c", "value": "d"}})
	require.NotContains(t, update("PATCH", `{"metadata":[]}`), "metadata")
	job := update("PUT", `{"id":"ignored","displayName":"ignored","state":"completed","poolInfo":{"poolId":"pool"}}`)
	require.Equal(t, []any{"job", "a job", "active", 0.0, -1.0}, []any{job["id"], job["displayName"], job["state"], job["priority"], job["maxParallelTasks"]})

	for _, c := range []struct{ method, body, code string }{
		{"PATCH", `{"displayName":"other"}`, "UnsupportedProperty"},
		{"PATCH", `{"usesTaskDependencies":true}`, "UnsupportedProperty"},
		{"PATCH", `{"maxParallelTasks":0}`, "InvalidPropertyValue"},
		{"PATCH", `{"priority":-1001}`, "OutOfRangePriority"},
		{"PATCH", `{"constraints":{"maxTaskRetryCount":-2}}`, "InvalidPropertyValue"},
		{"PATCH", `{"metadata":[{"name":"","value":""}]}`, "EmptyMetadataKey"},
		{"PATCH", ``, "InvalidRequestBody"},
		{"PUT", `{}`, "MissingRequiredProperty"},
	} {
		w.requireError(rawRequest{method: c.method, path: "/jobs/job", body: c.body}, http.StatusBadRequest, c.code)
	}
	w.requireError(rawRequest{method: "POST", path: "/jobs", body: `{"id":"a","poolInfo":{"poolId":"p"},"displayName":"` + strings.Repeat("é", 1025) + `"}`},
		http.StatusBadRequest, "InvalidPropertyValue")
	_, err := w.CreateTask(ctx, "job", taskContent("one", "true"), nil)
	require.NoError(t, err)
	update("PATCH", `{"onAllTasksComplete":"terminatejob"}`)
	w.requireError(rawRequest{method: "PUT", path: "/jobs/job", body: `{"poolInfo":{"poolId":"pool"}}`}, http.StatusBadRequest, "InvalidPropertyValue")
}

// TestUpdatesOfAJobTakeEffect: what a job may do next is looked at when it is
// patched or replaced, not only when a task ends.
func TestUpdatesOfAJobTakeEffect(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 3))
	w.job("job", "pool", func(c *azbatch.CreateJobContent) { c.MaxParallelTasks = to.Ptr[int32](1) })
	for _, id := range []string{"a", "b", "c"} {
		w.add(id, "sleep 1000")
	}
	w.running("job", 1)
	_, err := w.UpdateJob(ctx, "job", azbatch.UpdateJobContent{MaxParallelTasks: to.Ptr[int32](2)}, nil)
	require.NoError(t, err)
	w.running("job", 2)
	job, err := w.GetJob(ctx, "job", nil)
	require.NoError(t, err)
	job.MaxParallelTasks, job.AllowTaskPreemption = nil, to.Ptr(true)
	_, err = w.ReplaceJob(ctx, "job", job.Job, nil)
	require.NoError(t, err)
	w.running("job", 3)

	w.job("other", "pool")
	w.addTo("other", "a", "sleep 1000")
	_, err = w.UpdateJob(ctx, "other", azbatch.UpdateJobContent{Priority: to.Ptr[int32](1)}, nil)
	require.NoError(t, err)
	w.running("other", 1)
	require.Equal(t, int32(2), *w.counts("job").Running)
	require.Equal(t, azbatch.TaskStateActive, *w.task("c").State, "the latest one made room")
}
