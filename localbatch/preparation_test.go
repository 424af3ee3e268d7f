package localbatch_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
)

// log is how a task leaves a line for its test, in a file that all nodes share.
func log(line string) string { return "echo " + line + ` >> "$AZ_BATCH_NODE_ROOT_DIR/../../log"; ` }

func (w *world) log() []string {
	text, _ := os.ReadFile(filepath.Join(w.dir, "log"))
	return strings.Fields(string(text))
}

// logged waits until the log has these lines, in this order.
func (w *world) logged(lines ...string) {
	w.t.Helper()
	eventually(w.t, "the log is complete", func() bool { return len(w.log()) >= len(lines) })
	require.Equal(w.t, lines, w.log())
}

func prepared(prep string, adjust ...func(*azbatch.JobPreparationTask)) func(*azbatch.CreateJobContent) {
	return func(c *azbatch.CreateJobContent) {
		c.JobPreparationTask = &azbatch.JobPreparationTask{CommandLine: to.Ptr(shell(prep))}
		for _, f := range adjust {
			f(c.JobPreparationTask)
		}
	}
}

func released(release string) func(*azbatch.CreateJobContent) {
	return func(c *azbatch.CreateJobContent) {
		c.JobReleaseTask = &azbatch.JobReleaseTask{CommandLine: to.Ptr(shell(release))}
	}
}

func (w *world) preparations(opts *azbatch.ListJobPreparationAndReleaseTaskStatusOptions) []azbatch.JobPreparationAndReleaseTaskStatus {
	w.t.Helper()
	var all []azbatch.JobPreparationAndReleaseTaskStatus
	pager := w.NewListJobPreparationAndReleaseTaskStatusPager("job", opts)
	for _, page := range get(w.t, pager.More, pager.NextPage) {
		all = append(all, page.Value...)
	}
	return all
}

func TestPreparationDefaults(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 0))
	w.job("job", "pool", prepared("true"), released("true"))
	job, err := w.GetJob(ctx, "job", nil)
	require.NoError(t, err)
	require.Equal(t, "jobpreparation", *job.JobPreparationTask.ID)
	require.True(t, *job.JobPreparationTask.WaitForSuccess)
	require.True(t, *job.JobPreparationTask.RerunOnNodeRebootAfterSuccess)
	require.Equal(t, int32(0), *job.JobPreparationTask.Constraints.MaxTaskRetryCount)
	require.Equal(t, "jobrelease", *job.JobReleaseTask.ID)
	require.Equal(t, "PT15M", *job.JobReleaseTask.MaxWallClockTime)
	require.Equal(t, "P7D", *job.JobReleaseTask.RetentionTime)
	require.Empty(t, w.preparations(nil))

	_, err = w.CreateTask(ctx, "job", taskContent("JobPreparation", "true"), nil)
	refused(t, err, http.StatusConflict, "TaskIdSameAsJobPreparationTask")
	added, err := w.CreateTaskCollection(ctx, "job", azbatch.TaskGroup{Value: []azbatch.CreateTaskContent{taskContent("jobrelease", "true")}}, nil)
	require.NoError(t, err)
	require.Equal(t, "TaskIdSameAsJobReleaseTask", *added.Value[0].Error.Code)

	w.job("plain", "pool")
	_, err = w.NewListJobPreparationAndReleaseTaskStatusPager("plain", nil).NextPage(ctx)
	refused(t, err, http.StatusConflict, "JobPreparationTaskNotSpecified")

	for name, adjust := range map[string]func(*azbatch.CreateJobContent){
		"release without preparation": func(c *azbatch.CreateJobContent) { released("true")(c) },
		"release for too long": func(c *azbatch.CreateJobContent) {
			prepared("true")(c)
			released("true")(c)
			c.JobReleaseTask.MaxWallClockTime = to.Ptr("PT15M1S")
		},
		"one id for both": func(c *azbatch.CreateJobContent) {
			prepared("true")(c)
			released("true")(c)
			c.JobReleaseTask.ID = to.Ptr("JobPreparation")
		},
		"no command": func(c *azbatch.CreateJobContent) { prepared("true")(c); c.JobPreparationTask.CommandLine = to.Ptr("") },
	} {
		content := azbatch.CreateJobContent{ID: to.Ptr("bad"), PoolInfo: &azbatch.PoolInfo{PoolID: to.Ptr("pool")}}
		adjust(&content)
		_, err := w.CreateJob(ctx, content, nil)
		require.ErrorContains(t, err, "RESPONSE 400", name)
	}
}

func TestNodeIsPreparedOnce(t *testing.T) {
	t.Parallel()
	w, gate := start(t), newGate(t)
	content := poolContent("pool", 1)
	content.TaskSlotsPerNode = to.Ptr(int32(2))
	w.pool(content)
	w.job("job", "pool",
		prepared(log("prep")+gate.wait()+"; echo $AZ_BATCH_TASK_ID $AZ_BATCH_JOB_PREP_DIR; echo kept > file"),
		released(log("release")+`cat "$AZ_BATCH_JOB_PREP_WORKING_DIR/file"`))
	w.add("one", shell(log("task")+`cat "$AZ_BATCH_JOB_PREP_DIR/wd/file"`))
	w.add("two", shell(log("task")))
	for _, id := range []string{"one", "two"} {
		task := w.until(id, azbatch.TaskStatePreparing)
		require.NotEmpty(t, *task.NodeInfo.NodeID)
		require.Nil(t, task.ExecutionInfo.StartTime)
	}
	require.Equal(t, int32(2), *w.counts("job").Running)
	status := w.preparations(nil)
	require.Len(t, status, 1)
	require.Equal(t, azbatch.JobPreparationTaskStateRunning, *status[0].JobPreparationTaskExecutionInfo.State)
	require.Nil(t, status[0].JobPreparationTaskExecutionInfo.EndTime)
	require.Nil(t, status[0].JobReleaseTaskExecutionInfo)
	gate.open(t)
	one := w.completed("one")
	w.completed("two")
	require.Equal(t, azbatch.TaskStateRunning, *one.PreviousState)
	require.Equal(t, "kept\n", w.file("one", "stdout.txt", nil))
	w.add("three", shell(log("task")))
	w.completed("three")
	w.logged("prep", "task", "task", "task")

	_, err := w.TerminateJob(ctx, "job", nil)
	require.NoError(t, err)
	w.jobState("job", azbatch.JobStateCompleted)
	w.logged("prep", "task", "task", "task", "release")
	status = w.preparations(nil)
	node := *one.NodeInfo.NodeID
	prep, release := status[0].JobPreparationTaskExecutionInfo, status[0].JobReleaseTaskExecutionInfo
	require.Equal(t, node, *status[0].NodeID)
	require.Equal(t, *one.NodeInfo.NodeURL, *status[0].NodeURL)
	require.Equal(t, azbatch.JobPreparationTaskStateCompleted, *prep.State)
	require.Equal(t, azbatch.TaskExecutionResultSuccess, *prep.Result)
	require.Equal(t, [2]int32{0, 0}, [2]int32{*prep.ExitCode, *prep.RetryCount})
	require.Equal(t, azbatch.TaskExecutionResultSuccess, *release.Result)
	require.Equal(t, "workitems/job/job-1/jobrelease", *release.TaskRootDirectory)
	require.Equal(t, *status[0].NodeURL+"/files/workitems/job/job-1/jobpreparation", *prep.TaskRootDirectoryURL)
	require.Equal(t, "jobpreparation\n", w.nodeFile("pool", node, *prep.TaskRootDirectory+"/stdout.txt"))
	require.Equal(t, "kept\n", w.nodeFile("pool", node, *release.TaskRootDirectory+"/stdout.txt"))

	_, err = w.DeleteJob(ctx, "job", nil)
	require.NoError(t, err)
	eventually(t, "the job is gone", func() bool { _, err := w.GetJob(ctx, "job", nil); return err != nil })
	require.Len(t, w.log(), 5, "a job is released once")
}

func TestPreparationFails(t *testing.T) {
	t.Parallel()
	w, gate := start(t), newGate(t)
	w.pool(poolContent("pool", 2))
	retries := func(p *azbatch.JobPreparationTask) {
		p.Constraints = &azbatch.TaskConstraints{MaxTaskRetryCount: to.Ptr(int32(1))}
	}
	// It fails on the node that comes first, twice.
	w.job("job", "pool", prepared(log("prep")+`mkdir "$AZ_BATCH_NODE_ROOT_DIR/../first" && touch bad; mkdir -p "$AZ_BATCH_NODE_SHARED_DIR/x"; `+
		`if [ -e bad ] || [ -e "$AZ_BATCH_NODE_SHARED_DIR/bad" ]; then touch "$AZ_BATCH_NODE_SHARED_DIR/bad"; exit 3; fi`, retries))
	w.add("one", shell(log("task")))
	one := w.completed("one")
	require.Equal(t, int32(0), *one.ExecutionInfo.RetryCount+*one.ExecutionInfo.RequeueCount)
	w.logged("prep", "prep", "prep", "task")
	w.add("two", shell(log("task")))
	require.Equal(t, *one.NodeInfo.NodeID, *w.completed("two").NodeInfo.NodeID)

	failed := w.preparations(&azbatch.ListJobPreparationAndReleaseTaskStatusOptions{
		Filter: to.Ptr("jobPreparationTaskExecutionInfo/exitCode gt 2 and jobPreparationTaskExecutionInfo/result eq 'Failure'"),
	})
	require.Len(t, failed, 1)
	info := failed[0].JobPreparationTaskExecutionInfo
	require.NotEqual(t, *one.NodeInfo.NodeID, *failed[0].NodeID)
	require.Equal(t, [2]int32{3, 1}, [2]int32{*info.ExitCode, *info.RetryCount})
	require.Equal(t, "FailureExitCode", *info.FailureInfo.Code)
	require.NotNil(t, info.LastRetryTime)
	require.Len(t, w.preparations(&azbatch.ListJobPreparationAndReleaseTaskStatusOptions{Filter: to.Ptr("nodeId ne '" + *failed[0].NodeID + "'")}), 1)
	pager := w.NewListJobPreparationAndReleaseTaskStatusPager("job", &azbatch.ListJobPreparationAndReleaseTaskStatusOptions{MaxResults: to.Ptr(int32(1)), SelectParam: []string{"nodeId"}})
	pages := get(t, pager.More, pager.NextPage)
	require.Len(t, pages, 2)
	require.Nil(t, pages[0].Value[0].PoolID)

	// The node takes other jobs' tasks.
	w.job("other", "pool")
	for _, id := range []string{"a", "b"} {
		_, err := w.CreateTask(ctx, "other", taskContent(id, shell(gate.wait())), nil)
		require.NoError(t, err)
	}
	eventually(t, "both nodes run tasks", func() bool { return *w.counts("other").Running == 2 })
	gate.open(t)
}

func TestPreparationThatNobodyWaitsFor(t *testing.T) {
	t.Parallel()
	w, gate := start(t), newGate(t)
	w.pool(poolContent("pool", 1))
	w.job("job", "pool", released(log("release")), func(c *azbatch.CreateJobContent) {
		prepared(gate.wait()+"; exit 1", func(p *azbatch.JobPreparationTask) { p.WaitForSuccess = to.Ptr(false) })(c)
	})
	w.add("one", "true")
	w.completed("one")
	require.Equal(t, azbatch.JobPreparationTaskStateRunning, *w.preparations(nil)[0].JobPreparationTaskExecutionInfo.State)
	gate.open(t)
	eventually(t, "the preparation has failed", func() bool {
		return *w.preparations(nil)[0].JobPreparationTaskExecutionInfo.State == azbatch.JobPreparationTaskStateCompleted
	})
	w.add("two", "true")
	w.completed("two")
}

func TestJobEndsWhileItIsPrepared(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 1))
	w.job("job", "pool", prepared("sleep 1000"), released(log("release")+"exit 1"))
	w.add("one", "true")
	w.until("one", azbatch.TaskStatePreparing)
	_, err := w.TerminateJob(ctx, "job", nil)
	require.NoError(t, err)
	w.jobState("job", azbatch.JobStateCompleted)
	require.Equal(t, "TaskEnded", *w.task("one").ExecutionInfo.FailureInfo.Code)
	status := w.preparations(nil)[0]
	require.Equal(t, "TaskEnded", *status.JobPreparationTaskExecutionInfo.FailureInfo.Code)
	require.Equal(t, int32(1), *status.JobReleaseTaskExecutionInfo.ExitCode)
	w.logged("release")
}

func TestTaskIsTakenFromNodeThatIsPrepared(t *testing.T) {
	t.Parallel()
	w, gate := start(t), newGate(t)
	w.pool(poolContent("pool", 1))
	w.job("job", "pool", prepared(gate.wait()))
	w.add("ended", "true")
	w.until("ended", azbatch.TaskStatePreparing)
	_, err := w.TerminateTask(ctx, "job", "ended", nil)
	require.NoError(t, err)
	require.Nil(t, w.completed("ended").ExecutionInfo.ExitCode)
	w.add("requeued", "true")
	w.until("requeued", azbatch.TaskStatePreparing)
	_, err = w.DisableJob(ctx, "job", azbatch.DisableJobContent{DisableTasks: to.Ptr(azbatch.DisableJobOptionRequeue)}, nil)
	require.NoError(t, err)
	w.jobState("job", azbatch.JobStateDisabled)
	require.Equal(t, azbatch.TaskStateActive, *w.task("requeued").State)
	_, err = w.EnableJob(ctx, "job", nil)
	require.NoError(t, err)
	gate.open(t)
	require.Equal(t, int32(1), *w.completed("requeued").ExecutionInfo.RequeueCount)
	w.add("deleted", "true")
	_, err = w.DeleteTask(ctx, "job", "deleted", nil)
	require.NoError(t, err)
}

func TestJobWaitsForItsRelease(t *testing.T) {
	t.Parallel()
	w, gate := start(t), newGate(t)
	w.pool(poolContent("pool", 2))
	w.job("job", "pool", prepared(log("prep")), released(log("release")+gate.wait()))
	w.add("one", "true")
	w.completed("one")
	_, err := w.TerminateJob(ctx, "job", nil)
	require.NoError(t, err)
	w.logged("prep", "release")
	require.Equal(t, azbatch.JobStateTerminating, *w.jobState("job", azbatch.JobStateTerminating).State)
	require.Equal(t, azbatch.JobReleaseTaskStateRunning, *w.preparations(nil)[0].JobReleaseTaskExecutionInfo.State)
	_, err = w.DeleteJob(ctx, "job", nil)
	require.NoError(t, err)
	require.Equal(t, azbatch.JobStateDeleting, *w.jobState("job", azbatch.JobStateDeleting).State)

	w.close()
	w.open()
	w.logged("prep", "release", "release")
	_, err = w.DeleteJob(ctx, "job", nil)
	refused(t, err, http.StatusConflict, "JobBeingDeleted")
	_, err = w.DeleteJob(ctx, "job", &azbatch.DeleteJobOptions{Force: to.Ptr(true)})
	require.NoError(t, err)
	eventually(t, "the job is gone", func() bool { _, err := w.GetJob(ctx, "job", nil); return err != nil })
}

func TestForcedEndWaitsForNoRelease(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 1))
	w.job("job", "pool", prepared("true"), released("sleep 1000"))
	w.add("one", "true")
	w.completed("one")
	_, err := w.TerminateJob(ctx, "job", nil)
	require.NoError(t, err)
	_, err = w.TerminateJob(ctx, "job", nil)
	refused(t, err, http.StatusConflict, "JobBeingTerminated")
	_, err = w.TerminateJob(ctx, "job", &azbatch.TerminateJobOptions{Force: to.Ptr(true)})
	require.NoError(t, err)
	w.jobState("job", azbatch.JobStateCompleted)
}

func TestNodesThatAreGoneAreNotReleased(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 1))
	w.job("job", "pool", prepared("true"), released(log("release")+"sleep 1000"))
	w.add("one", "true")
	w.completed("one")
	_, err := w.TerminateJob(ctx, "job", nil)
	require.NoError(t, err)
	w.logged("release")
	_, err = w.DeletePool(ctx, "pool", nil)
	require.NoError(t, err)
	w.jobState("job", azbatch.JobStateCompleted)
	require.Nil(t, w.preparations(nil)[0].JobReleaseTaskExecutionInfo)
	eventually(t, "the pool is gone", func() bool { return !w.exists("pool") })
}

func TestPreparationSurvivesReopening(t *testing.T) {
	t.Parallel()
	for name, rerun := range map[string]bool{"rerun": true, "no rerun": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			w.pool(poolContent("pool", 1))
			w.job("job", "pool", released(log("release")), prepared(log("prep"), func(p *azbatch.JobPreparationTask) {
				p.RerunOnNodeRebootAfterSuccess = &rerun
			}))
			w.add("one", "true")
			w.completed("one")
			w.close()
			w.open()
			w.add("two", "true")
			w.completed("two")
			want := []string{"prep"}
			if rerun {
				want = append(want, "prep")
			}
			w.logged(want...)
			_, err := w.TerminateJob(ctx, "job", nil)
			require.NoError(t, err)
			w.jobState("job", azbatch.JobStateCompleted)
			w.logged(append(want, "release")...)
		})
	}
}

func TestKilledPreparationIsEndedAndRunAgain(t *testing.T) {
	t.Parallel()
	v := &victim{t: t, dir: t.TempDir()}
	w, gate := v.start(), newGate(t)
	defer func() { v.kill() }()
	w.pool(poolContent("pool", 1))
	w.job("job", "pool", prepared(log("prep")+`echo $$ > "$AZ_BATCH_NODE_ROOT_DIR/../pid"; `+gate.wait()))
	w.add("one", shell(log("task")))
	pid := w.pidFrom("pid")
	v.kill()
	w = v.start()
	requireDead(t, pid)
	gate.open(t)
	require.Equal(t, int32(1), *w.completed("one").ExecutionInfo.RequeueCount)
	w.logged("prep", "prep", "task")
	require.Len(t, w.preparations(nil), 1)
}

func TestServiceOfPreparationEndsWithTheJob(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 1))
	w.job("job", "pool", prepared(`setsid sh -c 'echo $$ > "$AZ_BATCH_NODE_ROOT_DIR/../pid"; exec sleep 1000' &
		until [ -s "$AZ_BATCH_NODE_ROOT_DIR/../pid" ]; do sleep 0.01; done`))
	w.add("one", `/bin/sh -c 'kill -0 "$(cat "$AZ_BATCH_NODE_ROOT_DIR/../pid")"'`)
	pid := w.pidFrom("pid")
	require.Zero(t, *w.completed("one").ExecutionInfo.ExitCode)
	_, err := w.TerminateJob(ctx, "job", nil)
	require.NoError(t, err)
	w.jobState("job", azbatch.JobStateCompleted)
	requireDead(t, pid)
}

func TestRebootedNodeIsPreparedAgain(t *testing.T) {
	t.Parallel()
	w, gate := start(t), newGate(t)
	w.pool(poolContent("pool", 1))
	w.job("job", "pool", prepared(log("prep")), released(log("release")+gate.wait()))
	w.add("one", "true")
	node := *w.completed("one").NodeInfo.NodeID
	reboot := func() {
		_, err := w.RebootNode(ctx, "pool", node, nil)
		require.NoError(t, err)
	}
	reboot()
	w.add("two", "true")
	w.completed("two")
	w.logged("prep", "prep")
	_, err := w.TerminateJob(ctx, "job", nil)
	require.NoError(t, err)
	w.logged("prep", "prep", "release")
	reboot() // and what was running runs again
	w.logged("prep", "prep", "release", "release")
	gate.open(t)
	w.jobState("job", azbatch.JobStateCompleted)
}

func TestDeallocatedNodeIsNotReleased(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 1))
	w.job("job", "pool", prepared("true"), released(log("release")+"sleep 1000"))
	w.add("one", "true")
	node := *w.completed("one").NodeInfo.NodeID
	_, err := w.TerminateJob(ctx, "job", nil)
	require.NoError(t, err)
	w.logged("release")
	_, err = w.DeallocateNode(ctx, "pool", node, nil)
	require.NoError(t, err)
	w.jobState("job", azbatch.JobStateCompleted)
}

func TestNodeThatTakesItsTimeAwaitsNoPreparation(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 1))
	w.job("job", "pool", prepared("sleep 1000"))
	w.add("one", "true")
	node := *w.until("one", azbatch.TaskStatePreparing).NodeInfo.NodeID
	option := azbatch.NodeRebootOptionTaskCompletion
	_, err := w.RebootNode(ctx, "pool", node, &azbatch.RebootNodeOptions{Parameters: &azbatch.RebootNodeContent{NodeRebootOption: &option}})
	require.NoError(t, err)
	w.allNodes("pool", azbatch.NodeStateRebooting)
	_, err = w.DisableJob(ctx, "job", azbatch.DisableJobContent{DisableTasks: to.Ptr(azbatch.DisableJobOptionRequeue)}, nil)
	require.NoError(t, err)
	w.allNodes("pool", azbatch.NodeStateIdle)
	require.Empty(t, w.preparations(nil))
}
