package localbatch_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch"
)

func onExit(conditions azbatch.ExitConditions) func(*azbatch.CreateTaskContent) {
	return func(c *azbatch.CreateTaskContent) { c.ExitConditions = &conditions }
}

func exitCode(code int32, options *azbatch.ExitOptions) azbatch.ExitCodeMapping {
	return azbatch.ExitCodeMapping{Code: &code, ExitOptions: options}
}

func exitCodes(from, to int32, options *azbatch.ExitOptions) azbatch.ExitCodeRangeMapping {
	return azbatch.ExitCodeRangeMapping{Start: &from, End: &to, ExitOptions: options}
}

// unwritable is an output file for which there is no storage.
func unwritable(c *azbatch.CreateTaskContent) {
	c.OutputFiles = []azbatch.OutputFile{{
		FilePattern: to.Ptr("../stdout.txt"),
		Destination: &azbatch.OutputFileDestination{Container: &azbatch.OutputFileBlobContainerDestination{
			ContainerURL: to.Ptr("http://127.0.0.1:1/container"),
		}},
		UploadOptions: &azbatch.OutputFileUploadConfig{UploadCondition: to.Ptr(azbatch.OutputFileUploadConditionTaskCompletion)},
	}}
}

// TestExitConditions holds what becomes of a task's dependent against how the
// task ended and what its exit conditions say.
func TestExitConditions(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *localbatch.Options) { o.Machine.Tries = 1 })
	w.pool(poolContent("pool", 2))
	w.job("job", "pool", usesDependencies)
	satisfy := &azbatch.ExitOptions{DependencyAction: to.Ptr(azbatch.DependencyActionSatisfy)}
	block := &azbatch.ExitOptions{DependencyAction: to.Ptr(azbatch.DependencyActionBlock)}
	type conditions = azbatch.ExitConditions
	upload := func(c *azbatch.CreateTaskContent) { unwritable(c) }
	cases := map[string]struct {
		command string
		more    func(*azbatch.CreateTaskContent)
		given   *conditions
		goesOn  bool
	}{
		"success":                     {"true", nil, nil, true},
		"failure":                     {"false", nil, nil, false},
		"success-is-no-default":       {"true", nil, &conditions{Default: block}, true},
		"success-by-its-code":         {"true", nil, &conditions{ExitCodes: []azbatch.ExitCodeMapping{exitCode(0, block)}}, false},
		"success-by-its-range":        {"true", nil, &conditions{ExitCodeRanges: []azbatch.ExitCodeRangeMapping{exitCodes(-1, 1, block)}}, false},
		"failure-by-default":          {"false", nil, &conditions{Default: satisfy}, true},
		"code-before-range":           {shell("exit 3"), nil, &conditions{ExitCodes: []azbatch.ExitCodeMapping{exitCode(3, satisfy)}, ExitCodeRanges: []azbatch.ExitCodeRangeMapping{exitCodes(1, 5, block)}, Default: block}, true},
		"range-before-default":        {shell("exit 5"), nil, &conditions{ExitCodes: []azbatch.ExitCodeMapping{exitCode(3, block)}, ExitCodeRanges: []azbatch.ExitCodeRangeMapping{exitCodes(4, 5, satisfy)}, Default: block}, true},
		"neither-code-nor-range":      {shell("exit 6"), nil, &conditions{ExitCodes: []azbatch.ExitCodeMapping{exitCode(3, satisfy)}, ExitCodeRanges: []azbatch.ExitCodeRangeMapping{exitCodes(4, 5, satisfy)}}, false},
		"signal":                      {shell("kill -9 $$"), nil, &conditions{ExitCodes: []azbatch.ExitCodeMapping{exitCode(-9, satisfy)}}, true},
		"no-program":                  {"no-such-program", nil, &conditions{PreProcessingError: satisfy, Default: block}, true},
		"no-program-by-default":       {"no-such-program", nil, &conditions{FileUploadError: block, Default: satisfy}, true},
		"no-program-blocks":           {"no-such-program", nil, &conditions{FileUploadError: satisfy}, false},
		"no-upload":                   {"true", upload, &conditions{FileUploadError: satisfy, Default: block}, true},
		"no-upload-by-default":        {"true", upload, &conditions{PreProcessingError: block, Default: satisfy}, true},
		"no-upload-blocks":            {"true", upload, &conditions{PreProcessingError: satisfy}, false},
		"code-before-upload":          {"true", upload, &conditions{ExitCodes: []azbatch.ExitCodeMapping{exitCode(0, satisfy)}, FileUploadError: block}, true},
		"neither-action-nor-failure":  {"true", nil, &conditions{ExitCodes: []azbatch.ExitCodeMapping{exitCode(0, &azbatch.ExitOptions{})}}, true},
		"no-action-but-failure":       {"false", nil, &conditions{ExitCodes: []azbatch.ExitCodeMapping{exitCode(1, &azbatch.ExitOptions{})}, Default: satisfy}, false},
		"failure-and-failing-upload":  {"false", upload, &conditions{FileUploadError: satisfy, Default: block}, false},
		"failure-and-failing-upload2": {"false", upload, &conditions{ExitCodes: []azbatch.ExitCodeMapping{exitCode(1, satisfy)}, FileUploadError: block}, true},
	}
	for name, c := range cases {
		w.add(name, c.command, func(content *azbatch.CreateTaskContent) {
			content.ExitConditions = c.given
			if c.more != nil {
				c.more(content)
			}
		})
		w.add("after-"+name, "true", after(name))
	}
	for name, c := range cases {
		w.completed(name)
		if c.goesOn {
			w.completed("after-" + name)
		}
	}
	for name, c := range cases {
		if !c.goesOn {
			w.blocked("after-" + name)
		}
	}
	got := w.task("code-before-range").ExitConditions
	require.Equal(t, int32(3), *got.ExitCodes[0].Code)
	require.Equal(t, azbatch.DependencyActionSatisfy, *got.ExitCodes[0].ExitOptions.DependencyAction)
}

func TestExitConditionsAreChecked(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 0))
	w.job("plain", "pool")
	w.job("dependent", "pool", usesDependencies)
	w.job("acting", "pool", performsActions)
	stop := &azbatch.ExitOptions{JobAction: to.Ptr(azbatch.JobActionTerminate)}
	nothing := &azbatch.ExitOptions{JobAction: to.Ptr(azbatch.JobActionNone)}
	block := &azbatch.ExitOptions{DependencyAction: to.Ptr(azbatch.DependencyActionBlock)}
	type conditions = azbatch.ExitConditions
	cases := map[string]struct {
		job   string
		given conditions
		code  string
	}{
		"job action without onTaskFailure":     {"dependent", conditions{Default: stop}, "InvalidPropertyValue"},
		"none is one too":                      {"plain", conditions{PreProcessingError: nothing}, "InvalidPropertyValue"},
		"of a code":                            {"plain", conditions{ExitCodes: []azbatch.ExitCodeMapping{exitCode(1, stop)}}, "InvalidPropertyValue"},
		"of a range":                           {"plain", conditions{ExitCodeRanges: []azbatch.ExitCodeRangeMapping{exitCodes(1, 2, stop)}}, "InvalidPropertyValue"},
		"dependency action without dependency": {"acting", conditions{FileUploadError: block}, "InvalidPropertyValue"},
		"unknown action":                       {"acting", conditions{Default: &azbatch.ExitOptions{JobAction: to.Ptr(azbatch.JobAction("explode"))}}, "InvalidPropertyValue"},
		"backward range":                       {"acting", conditions{ExitCodeRanges: []azbatch.ExitCodeRangeMapping{exitCodes(2, 1, stop)}}, "InvalidPropertyValue"},
		"no options":                           {"acting", conditions{ExitCodes: []azbatch.ExitCodeMapping{exitCode(1, nil)}}, "MissingRequiredProperty"},
		"no code":                              {"acting", conditions{ExitCodes: []azbatch.ExitCodeMapping{{ExitOptions: stop}}}, "MissingRequiredProperty"},
		"half a range":                         {"acting", conditions{ExitCodeRanges: []azbatch.ExitCodeRangeMapping{{Start: to.Ptr[int32](1), ExitOptions: stop}}}, "MissingRequiredProperty"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := w.CreateTask(ctx, c.job, taskContent("task", "true", onExit(c.given)), nil)
			refused(t, err, http.StatusBadRequest, c.code)
		})
	}
	for job, given := range map[string]conditions{"dependent": {Default: block}, "acting": {Default: stop}, "plain": {Default: &azbatch.ExitOptions{}}} {
		_, err := w.CreateTask(ctx, job, taskContent("task", "true", onExit(given)), nil)
		require.NoError(t, err, job)
	}
}

func performsActions(c *azbatch.CreateJobContent) {
	c.OnTaskFailure = to.Ptr(azbatch.OnTaskFailurePerformExitOptionsJobAction)
}

// TestJobActions ends a task in a job beside another that runs, and one that waits.
func TestJobActions(t *testing.T) {
	t.Parallel()
	w := start(t)
	action := func(a azbatch.JobAction) *azbatch.ExitOptions { return &azbatch.ExitOptions{JobAction: &a} }
	type conditions = azbatch.ExitConditions
	cases := map[string]struct {
		command string
		retries int32
		given   *conditions
		job     azbatch.JobState
		other   azbatch.TaskState
	}{
		"failure":   {"false", 1, nil, azbatch.JobStateCompleted, azbatch.TaskStateCompleted},
		"success":   {"true", 0, nil, azbatch.JobStateActive, azbatch.TaskStateRunning},
		"no action": {"false", 0, &conditions{Default: action(azbatch.JobActionNone)}, azbatch.JobStateActive, azbatch.TaskStateRunning},
		"disable":   {"false", 0, &conditions{Default: action(azbatch.JobActionDisable)}, azbatch.JobStateDisabled, azbatch.TaskStateActive},
		"by code":   {shell("exit 7"), 0, &conditions{Default: action(azbatch.JobActionNone), ExitCodes: []azbatch.ExitCodeMapping{exitCode(7, action(azbatch.JobActionTerminate))}}, azbatch.JobStateCompleted, azbatch.TaskStateCompleted},
		"even of 0": {"true", 0, &conditions{ExitCodes: []azbatch.ExitCodeMapping{exitCode(0, action(azbatch.JobActionTerminate))}}, azbatch.JobStateCompleted, azbatch.TaskStateCompleted},
		"unstarted": {"no-such-program", 0, nil, azbatch.JobStateCompleted, azbatch.TaskStateCompleted},
	}
	i := 0
	for name, c := range cases {
		pool := fmt.Sprint("pool-", i)
		i++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &world{Client: w.Client, t: t}
			w.pool(poolContent(pool, 2))
			w.job(pool, pool, performsActions)
			add := func(id, command string, retries int32) {
				content := taskContent(id, command)
				content.ExitConditions, content.Constraints = c.given, &azbatch.TaskConstraints{MaxTaskRetryCount: &retries}
				_, err := w.CreateTask(ctx, pool, content, nil)
				require.NoError(t, err)
			}
			state := func(id string) azbatch.TaskState {
				task, err := w.GetTask(ctx, pool, id, nil)
				require.NoError(t, err)
				return *task.State
			}
			add("other", "sleep 1000", 0)
			eventually(t, "the other one runs", func() bool { return state("other") == azbatch.TaskStateRunning })
			add("one", c.command, c.retries)
			eventually(t, "the task is completed", func() bool { return state("one") == azbatch.TaskStateCompleted })
			job := w.jobState(pool, c.job)
			require.Equal(t, c.other, state("other"))
			other, err := w.GetTask(ctx, pool, "other", nil)
			require.NoError(t, err)
			switch c.job {
			case azbatch.JobStateCompleted:
				require.Equal(t, "TaskFailed", *job.ExecutionInfo.TerminationReason)
			case azbatch.JobStateDisabled:
				require.Equal(t, int32(1), *other.ExecutionInfo.RequeueCount)
			case azbatch.JobStateActive:
				_, err := w.TerminateTask(ctx, pool, "other", nil) // which is a failure as well
				require.NoError(t, err)
				if name == "success" {
					w.jobState(pool, azbatch.JobStateCompleted)
				}
			}
		})
	}
}

// TestDisablingIsNoFailure: tasks that are ended because their job is disabled
// do not terminate it.
func TestDisablingIsNoFailure(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 1))
	w.job("job", "pool", performsActions)
	w.add("one", "sleep 1000")
	w.until("one", azbatch.TaskStateRunning)
	_, err := w.DisableJob(ctx, "job", azbatch.DisableJobContent{DisableTasks: to.Ptr(azbatch.DisableJobOptionTerminate)}, nil)
	require.NoError(t, err)
	w.completed("one")
	w.jobState("job", azbatch.JobStateDisabled)
}
