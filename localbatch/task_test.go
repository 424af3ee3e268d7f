package localbatch_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
)

func TestTaskSucceeds(t *testing.T) {
	t.Parallel()
	w := ready(t, 1)
	w.add("One", shell(`echo out; echo "$GREETING $AZ_BATCH_JOB_ID $AZ_BATCH_TASK_ID" >&2; touch a`), func(c *azbatch.CreateTaskContent) {
		c.EnvironmentSettings = []azbatch.EnvironmentSetting{{Name: to.Ptr("GREETING"), Value: to.Ptr("hello")}}
	})
	task := w.completed("one") // ids compare without case
	require.Equal(t, "One", *task.ID)
	require.Equal(t, azbatch.TaskStateRunning, *task.PreviousState)
	require.Equal(t, int32(0), *task.ExecutionInfo.ExitCode)
	require.Equal(t, azbatch.TaskExecutionResultSuccess, *task.ExecutionInfo.Result)
	require.Nil(t, task.ExecutionInfo.FailureInfo)
	require.False(t, task.ExecutionInfo.EndTime.Before(*task.ExecutionInfo.StartTime))
	require.Equal(t, "pool", *task.NodeInfo.PoolID)
	require.Equal(t, "workitems/job/job-1/One", *task.NodeInfo.TaskRootDirectory)
	require.Equal(t, "P10675199DT2H48M5.4775807S", *task.Constraints.MaxWallClockTime)
	require.Equal(t, "P7D", *task.Constraints.RetentionTime)
	require.Equal(t, int32(0), *task.Constraints.MaxTaskRetryCount)
	require.Equal(t, azbatch.ElevationLevelNonAdmin, *task.UserIdentity.AutoUser.ElevationLevel)
	require.Equal(t, int32(1), *task.RequiredSlots)

	require.Equal(t, "out\n", w.file("One", "stdout.txt", nil))
	require.Equal(t, "hello job One\n", w.file("One", "stderr.txt", nil))
	require.Empty(t, w.file("One", "wd/a", nil))
}

func TestTaskFails(t *testing.T) {
	t.Parallel()
	w := ready(t, 1)
	w.add("exit", shell("exit 3"))
	w.add("missing", "no-such-program-anywhere")
	w.add("killed", shell("kill -9 $$"))

	info := w.completed("exit").ExecutionInfo
	require.Equal(t, int32(3), *info.ExitCode)
	require.Equal(t, azbatch.TaskExecutionResultFailure, *info.Result)
	require.Equal(t, "FailureExitCode", *info.FailureInfo.Code)
	require.Equal(t, azbatch.ErrorCategoryUserError, *info.FailureInfo.Category)

	info = w.completed("missing").ExecutionInfo
	require.Nil(t, info.ExitCode)
	require.Equal(t, "CommandProgramNotFound", *info.FailureInfo.Code)

	require.Equal(t, int32(-9), *w.completed("killed").ExecutionInfo.ExitCode)
}

func TestTaskIsRetried(t *testing.T) {
	t.Parallel()
	w := ready(t, 2)
	count := "n=$(($(cat $AZ_BATCH_NODE_ROOT_DIR/../tries 2>/dev/null)+1)); echo $n > $AZ_BATCH_NODE_ROOT_DIR/../tries; "
	retries := func(c *azbatch.CreateTaskContent) {
		c.Constraints = &azbatch.TaskConstraints{MaxTaskRetryCount: to.Ptr[int32](2)}
	}
	w.add("third", shell(count+"test $n = 3"), retries)
	info := w.completed("third").ExecutionInfo
	require.Equal(t, int32(2), *info.RetryCount)
	require.Equal(t, azbatch.TaskExecutionResultSuccess, *info.Result)
	require.NotNil(t, info.LastRetryTime)
	require.Zero(t, *info.RequeueCount)

	w.add("never", "false", retries)
	info = w.completed("never").ExecutionInfo
	require.Equal(t, int32(2), *info.RetryCount)
	require.Equal(t, int32(1), *info.ExitCode)

	w.add("not-started", "no-such-program", retries)
	require.Zero(t, *w.completed("not-started").ExecutionInfo.RetryCount)
}

func TestTaskIsTerminated(t *testing.T) {
	t.Parallel()
	w := ready(t, 1)
	w.add("running", shell("sleep 1000 & sleep 1000"), func(c *azbatch.CreateTaskContent) {
		c.Constraints = &azbatch.TaskConstraints{MaxTaskRetryCount: to.Ptr[int32](-1)}
	})
	w.until("running", azbatch.TaskStateRunning)
	w.add("waiting", "true")
	for _, id := range []string{"waiting", "running"} {
		_, err := w.TerminateTask(ctx, "job", id, nil)
		require.NoError(t, err)
		info := w.completed(id).ExecutionInfo
		require.Equal(t, "TaskEnded", *info.FailureInfo.Code)
		require.Equal(t, azbatch.TaskExecutionResultFailure, *info.Result)
		_, err = w.TerminateTask(ctx, "job", id, nil)
		refused(t, err, http.StatusConflict, "TaskCompleted")
	}
	require.Nil(t, w.task("waiting").NodeInfo)

	_, err := w.ReactivateTask(ctx, "job", "waiting", nil)
	require.NoError(t, err)
	require.Equal(t, azbatch.TaskExecutionResultSuccess, *w.completed("waiting").ExecutionInfo.Result)
	_, err = w.ReactivateTask(ctx, "job", "waiting", nil)
	refused(t, err, http.StatusConflict, "TaskSucceeded")
}

func TestTaskRunsOutOfTime(t *testing.T) {
	t.Parallel()
	w := ready(t, 1)
	w.add("slow", "sleep 1000", func(c *azbatch.CreateTaskContent) {
		c.Constraints = &azbatch.TaskConstraints{MaxWallClockTime: to.Ptr("PT0.3S"), MaxTaskRetryCount: to.Ptr[int32](5)}
	})
	info := w.completed("slow").ExecutionInfo
	require.Equal(t, "TaskEnded", *info.FailureInfo.Code)
	require.Zero(t, *info.RetryCount)
	require.Less(t, info.EndTime.Sub(*info.StartTime), 5*time.Second)
}

func TestTaskIsDeleted(t *testing.T) {
	t.Parallel()
	w := ready(t, 1)
	w.add("one", "sleep 1000")
	w.until("one", azbatch.TaskStateRunning)
	_, err := w.DeleteTask(ctx, "job", "one", nil)
	require.NoError(t, err)
	_, err = w.GetTask(ctx, "job", "one", nil)
	refused(t, err, http.StatusNotFound, "TaskNotFound")
	require.Zero(t, *w.counts("job").Running)

	w.add("one", shell("ls -A; true"))
	w.completed("one")
	require.Empty(t, w.file("one", "stdout.txt", nil))
}

func (w *world) counts(job string) azbatch.TaskCounts {
	w.t.Helper()
	answer, err := w.GetJobTaskCounts(ctx, job, nil)
	require.NoError(w.t, err)
	return *answer.TaskCounts
}

func TestCollections(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 0))
	w.job("job", "pool")
	var batch []azbatch.CreateTaskContent
	add := func() []azbatch.TaskAddResult {
		answer, err := w.CreateTaskCollection(ctx, "job", azbatch.TaskGroup{Value: batch}, nil)
		require.NoError(t, err)
		batch = nil
		return answer.Value
	}
	for i := range 250 {
		batch = append(batch, taskContent(fmt.Sprintf("task-%08d", i), "true"))
		if len(batch) == 100 || i == 249 {
			for _, result := range add() {
				require.Equal(t, azbatch.TaskAddStatusSuccess, *result.Status)
				require.NotNil(t, result.ETag)
			}
		}
	}
	require.Equal(t, int32(250), *w.counts("job").Active)

	batch = []azbatch.CreateTaskContent{
		taskContent("TASK-00000001", "true"), taskContent("new", "true"), taskContent("new", "true"),
		taskContent("no spaces", "true"), taskContent("slots", "true", func(c *azbatch.CreateTaskContent) { c.RequiredSlots = to.Ptr[int32](1000) }),
	}
	var codes []string
	for _, result := range add() {
		if result.Error == nil {
			codes = append(codes, string(*result.Status))
			continue
		}
		require.Equal(t, azbatch.TaskAddStatusClientError, *result.Status)
		codes = append(codes, *result.Error.Code)
	}
	require.Equal(t, []string{"TaskExists", "success", "TaskExists", "InvalidPropertyValue", "InvalidPropertyValue"}, codes)

	_, err := w.CreateTaskCollection(ctx, "job", azbatch.TaskGroup{Value: make([]azbatch.CreateTaskContent, 101)}, nil)
	refused(t, err, http.StatusBadRequest, "InvalidPropertyValue")
	_, err = w.CreateTaskCollection(ctx, "nojob", azbatch.TaskGroup{Value: []azbatch.CreateTaskContent{taskContent("a", "true")}}, nil)
	refused(t, err, http.StatusNotFound, "JobNotFound")
	large := taskContent("large", strings.Repeat("x", 1<<20))
	_, err = w.CreateTaskCollection(ctx, "job", azbatch.TaskGroup{Value: []azbatch.CreateTaskContent{large}}, nil)
	refused(t, err, http.StatusRequestEntityTooLarge, "RequestBodyTooLarge")
}

func TestTaskLists(t *testing.T) {
	t.Parallel()
	w := ready(t, 2)
	var batch []azbatch.CreateTaskContent
	for i := range 25 {
		command := "true"
		if i%10 == 3 {
			command = "false"
		}
		batch = append(batch, taskContent(fmt.Sprintf("task-%08d", i), command))
	}
	_, err := w.CreateTaskCollection(ctx, "job", azbatch.TaskGroup{Value: batch}, nil)
	require.NoError(t, err)
	eventually(t, "all tasks are completed", func() bool { return *w.counts("job").Completed == 25 })
	require.Equal(t, int32(3), *w.counts("job").Failed)

	cases := map[string]struct {
		filter string
		want   int
	}{
		"all":          {"", 25},
		"state":        {"state eq 'Completed'", 25},
		"other state":  {"state ne 'completed'", 0},
		"range":        {"id ge 'task-00000005' and id lt 'TASK-00000010'", 5},
		"state, range": {"(state eq 'completed') and (id gt 'task-00000020')", 4},
		"failed":       {"executionInfo/result eq 'failure'", 3},
		"exit code":    {"executionInfo/exitCode gt 0 or id eq 'task-00000000'", 4},
		"prefix":       {"startswith(id,'task-0000001')", 10},
		"time":         {"creationTime gt DateTime'2020-01-01T00:00:00Z'", 25},
		"later":        {"executionInfo/endTime gt DateTime'2100-01-01T00:00:00Z'", 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			pager := w.NewListTasksPager("job", &azbatch.ListTasksOptions{Filter: &c.filter, MaxResults: to.Ptr[int32](4)})
			ids := map[string]bool{}
			last := ""
			for _, page := range get(t, pager.More, pager.NextPage) {
				require.LessOrEqual(t, len(page.Value), 4)
				for _, task := range page.Value {
					require.Less(t, last, *task.ID)
					last = *task.ID
					ids[last] = true
				}
			}
			require.Len(t, ids, c.want)
		})
	}
	for _, filter := range []string{"priority eq 1", "ID eq 'a'", "id eq", "id eq 'a", "state gt 'a'", "id eq 'a' or", "(id eq 'a'", "executionInfo/exitCode eq 'x'", "id eq 'a' 'b'"} {
		_, err := w.NewListTasksPager("job", &azbatch.ListTasksOptions{Filter: &filter}).NextPage(ctx)
		require.Contains(t, refused(t, err, http.StatusBadRequest, "InvalidQueryParameterValue"), "$filter")
	}
	pager := w.NewListTasksPager("job", &azbatch.ListTasksOptions{SelectParam: []string{"id", "commandLine"}, MaxResults: to.Ptr[int32](1)})
	page, err := pager.NextPage(ctx)
	require.NoError(t, err)
	require.Equal(t, "true", *page.Value[0].CommandLine)
	require.Nil(t, page.Value[0].State)
}

func TestTaskSlots(t *testing.T) {
	t.Parallel()
	w := start(t)
	content := poolContent("pool", 1)
	content.TaskSlotsPerNode = to.Ptr[int32](4)
	w.pool(content)
	w.job("job", "pool")
	slots := func(n int32) func(*azbatch.CreateTaskContent) {
		return func(c *azbatch.CreateTaskContent) { c.RequiredSlots = &n }
	}
	w.add("three", "sleep 1000", slots(3))
	w.until("three", azbatch.TaskStateRunning)
	w.add("two", "sleep 1000", slots(2))
	w.add("one", "sleep 1000", slots(1))
	w.until("one", azbatch.TaskStateRunning)
	require.Equal(t, azbatch.TaskStateActive, *w.task("two").State)
	counts, err := w.GetJobTaskCounts(ctx, "job", nil)
	require.NoError(t, err)
	require.Equal(t, int32(4), *counts.TaskSlotCounts.Running)
	require.Equal(t, int32(2), *counts.TaskSlotCounts.Active)
	node := w.nodes("pool")[0]
	require.Equal(t, int32(2), *node.RunningTasksCount)
	require.Equal(t, int32(4), *node.RunningTaskSlotsCount)

	_, err = w.TerminateTask(ctx, "job", "three", nil)
	require.NoError(t, err)
	w.until("two", azbatch.TaskStateRunning)
}

func TestTaskConstraintsAreReplaced(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 0))
	w.job("job", "pool")
	w.add("one", "true")
	before := w.task("one")
	_, err := w.ReplaceTask(ctx, "job", "one", azbatch.Task{
		CommandLine: to.Ptr("ignored"), Constraints: &azbatch.TaskConstraints{MaxTaskRetryCount: to.Ptr[int32](7)},
	}, nil)
	require.NoError(t, err)
	after := w.task("one")
	require.Equal(t, int32(7), *after.Constraints.MaxTaskRetryCount)
	require.Equal(t, "true", *after.CommandLine)
	require.NotEqual(t, *before.ETag, *after.ETag)
	_, err = w.DeleteTask(ctx, "job", "one", &azbatch.DeleteTaskOptions{IfMatch: before.ETag})
	refused(t, err, http.StatusPreconditionFailed, "ConditionNotMet")
	_, err = w.GetTask(ctx, "job", "one", &azbatch.GetTaskOptions{IfNoneMatch: after.ETag})
	refused(t, err, http.StatusNotModified, "ConditionNotMet")
}

// A collection may name one id twice: the first of the two is added.
func TestCollectionWithOneIDTwice(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 0))
	w.job("job", "pool")
	answer, err := w.CreateTaskCollection(ctx, "job", azbatch.TaskGroup{Value: []azbatch.CreateTaskContent{
		taskContent("Same", "true"), taskContent("sAME", "false"),
	}}, nil)
	require.NoError(t, err)
	require.Equal(t, azbatch.TaskAddStatusSuccess, *answer.Value[0].Status)
	require.Equal(t, "TaskExists", *answer.Value[1].Error.Code)
	require.Equal(t, "true", *w.task("same").CommandLine)
	require.Equal(t, int32(1), *w.counts("job").Active)
}

// Of what is wrong with a task that is added, the first of these is answered.
func TestOrderOfChecksOnATask(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 0))
	w.job("job", "pool")
	w.job("over", "pool")
	_, err := w.TerminateJob(ctx, "over", nil)
	require.NoError(t, err)
	w.jobState("over", azbatch.JobStateCompleted)
	w.add("taken", "true")
	dependent := func(id string) azbatch.CreateTaskContent {
		return taskContent(id, "true", func(c *azbatch.CreateTaskContent) {
			c.DependsOn = &azbatch.TaskDependencies{TaskIDs: []string{"taken"}}
		})
	}
	for job, want := range map[string]struct {
		status int
		code   string
	}{"none": {404, "JobNotFound"}, "over": {409, "JobCompleted"}, "job": {409, "TaskExists"}} {
		_, err := w.CreateTask(ctx, job, dependent("taken"), nil)
		refused(t, err, want.status, want.code)
	}
	_, err = w.CreateTask(ctx, "job", dependent("new"), nil)
	refused(t, err, 400, "TaskDependenciesNotSpecifiedOnJob")
}

// A task's version is that of its definition: it stays while the task runs. A
// job's changes with what is done to the job.
func TestVersionsAreThoseOfDefinitions(t *testing.T) {
	t.Parallel()
	w := ready(t, 1)
	version := func() string {
		job, err := w.GetJob(ctx, "job", nil)
		require.NoError(t, err)
		return string(*job.ETag)
	}
	before := version()
	w.add("one", "sleep 1000")
	active := w.task("one")
	running := w.until("one", azbatch.TaskStateRunning)
	require.Nil(t, running.ExecutionInfo.ExitCode)
	require.Nil(t, running.ExecutionInfo.EndTime)
	require.Nil(t, running.ExecutionInfo.Result)
	require.NotNil(t, running.ExecutionInfo.StartTime)
	require.NotNil(t, running.NodeInfo)
	require.Equal(t, azbatch.TaskStateActive, *running.PreviousState)
	_, err := w.TerminateTask(ctx, "job", "one", nil)
	require.NoError(t, err)
	completed := w.completed("one")
	require.Equal(t, *active.ETag, *completed.ETag)
	require.Equal(t, *active.LastModified, *completed.LastModified)
	require.Equal(t, before, version(), "tasks are no part of their job's definition")

	for _, change := range []func() error{
		func() error {
			return answered(w.UpdateJob(ctx, "job", azbatch.UpdateJobContent{Priority: to.Ptr[int32](1)}, nil))
		},
		func() error {
			return answered(w.DisableJob(ctx, "job", azbatch.DisableJobContent{DisableTasks: to.Ptr(azbatch.DisableJobOptionWait)}, nil))
		},
		func() error { return answered(w.EnableJob(ctx, "job", nil)) },
		func() error { return answered(w.TerminateJob(ctx, "job", nil)) },
	} {
		require.NoError(t, change())
		after := version()
		require.NotEqual(t, before, after)
		before = after
	}
}

func TestTaskIsReactivated(t *testing.T) {
	t.Parallel()
	w := ready(t, 1)
	w.add("one", shell("until test -e $AZ_BATCH_NODE_ROOT_DIR/../go; do sleep 0.01; done; exit 4"), func(c *azbatch.CreateTaskContent) {
		c.Constraints = &azbatch.TaskConstraints{MaxTaskRetryCount: to.Ptr[int32](1)}
	})
	reactivate := func(id string) error {
		_, err := w.ReactivateTask(ctx, "job", id, nil)
		return err
	}
	w.until("one", azbatch.TaskStateRunning)
	refused(t, reactivate("one"), http.StatusConflict, "TaskNotCompleted")
	w.release("go")
	require.Equal(t, int32(1), *w.completed("one").ExecutionInfo.RetryCount)

	option := azbatch.DisableJobOptionWait
	_, err := w.DisableJob(ctx, "job", azbatch.DisableJobContent{DisableTasks: &option}, nil)
	require.NoError(t, err)
	w.jobState("job", azbatch.JobStateDisabled)
	require.NoError(t, reactivate("one"))
	task := w.task("one")
	require.Equal(t, azbatch.TaskStateActive, *task.State)
	require.Equal(t, azbatch.TaskStateCompleted, *task.PreviousState)
	info := task.ExecutionInfo
	require.Zero(t, *info.RetryCount)
	require.Nil(t, info.ExitCode)
	require.Nil(t, info.FailureInfo)
	require.Nil(t, info.Result)
	require.Nil(t, info.LastRetryTime)
	require.Nil(t, task.NodeInfo)
	counts := w.counts("job")
	require.Equal(t, [2]int32{1, 0}, [2]int32{*counts.Active, *counts.Completed})
	refused(t, reactivate("one"), http.StatusConflict, "TaskNotCompleted")

	w.close()
	w.open()
	_, err = w.EnableJob(ctx, "job", nil)
	require.NoError(t, err)
	require.Equal(t, int32(1), *w.completed("one").ExecutionInfo.RetryCount, "it is tried as often as at first")
	_, err = w.TerminateJob(ctx, "job", nil)
	require.NoError(t, err)
	w.jobState("job", azbatch.JobStateCompleted)
	refused(t, reactivate("one"), http.StatusConflict, "JobCompleted")
}

// Every try begins in an empty working directory, and what a try writes can be
// read while it runs.
func TestEachTryBeginsAnew(t *testing.T) {
	t.Parallel()
	w := ready(t, 1)
	w.add("one", shell(`
		test -e left && exit 9
		touch left
		test -e $AZ_BATCH_NODE_SHARED_DIR/second && { echo second; while test ! -e $AZ_BATCH_NODE_SHARED_DIR/end; do sleep 0.01; done; exit 0; }
		touch $AZ_BATCH_NODE_SHARED_DIR/second; echo first; exit 1`), func(c *azbatch.CreateTaskContent) {
		c.Constraints = &azbatch.TaskConstraints{MaxTaskRetryCount: to.Ptr[int32](1)}
	})
	eventually(t, "the second try's output is there while it runs", func() bool {
		answer, err := w.GetTaskFile(ctx, "job", "one", "stdout.txt", nil)
		if err != nil { // between the tries
			return false
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		return err == nil && string(text) == "second\n"
	})
	task := w.task("one")
	require.Equal(t, azbatch.TaskStateRunning, *task.State)
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "nodes", *task.NodeInfo.NodeID, "shared", "end"), nil, 0o600))
	require.Equal(t, int32(1), *w.completed("one").ExecutionInfo.RetryCount)
	require.Equal(t, azbatch.TaskExecutionResultSuccess, *w.completed("one").ExecutionInfo.Result)
}
