package localbatch_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
)

// managed gives a job a job manager task, which is called "manager".
func managed(command string, adjust ...func(*azbatch.JobManagerTask)) func(*azbatch.CreateJobContent) {
	manager := &azbatch.JobManagerTask{ID: to.Ptr("manager"), CommandLine: &command}
	for _, f := range adjust {
		f(manager)
	}
	return func(c *azbatch.CreateJobContent) { c.JobManagerTask = manager }
}

func shared(m *azbatch.JobManagerTask)   { m.RunExclusive = to.Ptr(false) }
func outlived(m *azbatch.JobManagerTask) { m.KillJobOnCompletion = to.Ptr(false) }

func slotted(id string, nodes, slots int32) azbatch.CreatePoolContent {
	content := poolContent(id, nodes)
	content.TaskSlotsPerNode = &slots
	return content
}

// release makes a file that tasks wait for.
func (w *world) release(name string) {
	w.t.Helper()
	require.NoError(w.t, os.WriteFile(filepath.Join(w.dir, "nodes", name), nil, 0o600))
}

// written is what tasks have written to a file that their nodes share.
func (w *world) written(name string) string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, "nodes", name))
	require.NoError(w.t, err)
	return string(text)
}

func (w *world) deleteJob(id string) {
	w.t.Helper()
	_, err := w.DeleteJob(ctx, id, nil)
	require.NoError(w.t, err)
	eventually(w.t, "the job is gone", func() bool {
		_, err := w.GetJob(ctx, id, nil)
		return err != nil
	})
}

func TestJobManagerEndsItsJob(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 2))
	w.job("job", "pool", managed(shell("until test -e $AZ_BATCH_NODE_ROOT_DIR/../go; do sleep 0.01; done")), func(c *azbatch.CreateJobContent) {
		c.Constraints = &azbatch.JobConstraints{MaxTaskRetryCount: to.Ptr[int32](2)}
	})
	job, err := w.GetJob(ctx, "job", nil)
	require.NoError(t, err)
	manager := job.JobManagerTask
	require.True(t, *manager.KillJobOnCompletion && *manager.RunExclusive && *manager.AllowLowPriorityNode)
	require.Equal(t, int32(1), *manager.RequiredSlots)
	require.Equal(t, int32(2), *manager.Constraints.MaxTaskRetryCount)
	require.Equal(t, "P7D", *manager.Constraints.RetentionTime)
	require.Equal(t, azbatch.ElevationLevelNonAdmin, *manager.UserIdentity.AutoUser.ElevationLevel)

	w.until("manager", azbatch.TaskStateRunning)
	w.add("running", "sleep 1000")
	w.until("running", azbatch.TaskStateRunning)
	w.add("waiting", "true")
	w.release("go")
	require.Equal(t, "JMComplete", *w.jobState("job", azbatch.JobStateCompleted).ExecutionInfo.TerminationReason)
	require.Equal(t, azbatch.TaskExecutionResultSuccess, *w.task("manager").ExecutionInfo.Result)
	require.Equal(t, "TaskEnded", *w.task("running").ExecutionInfo.FailureInfo.Code)
	require.Equal(t, azbatch.TaskStateActive, *w.task("waiting").State)
}

func TestJobManagerOutcomes(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(slotted("pool", 1, 4))
	cases := map[string]struct {
		adjust []func(*azbatch.CreateJobContent)
		reason string
	}{
		"failure ends the job":        {[]func(*azbatch.CreateJobContent){managed("false", shared)}, "JMComplete"},
		"failure is a task's":         {[]func(*azbatch.CreateJobContent){managed("false", shared), performsActions}, "TaskFailed"},
		"and without killing the job": {[]func(*azbatch.CreateJobContent){managed("false", shared, outlived), performsActions}, "TaskFailed"},
		"success with actions":        {[]func(*azbatch.CreateJobContent){managed("true", shared), performsActions}, "JMComplete"},
		"program missing":             {[]func(*azbatch.CreateJobContent){managed("no-such-program", shared)}, "JMComplete"},
		"one task among others":       {[]func(*azbatch.CreateJobContent){managed("true", shared, outlived), endsWithTasks}, "AllTasksComplete"},
		"only task of its job":        {[]func(*azbatch.CreateJobContent){managed("true"), endsWithTasks}, "JMComplete"},
		"nothing":                     {[]func(*azbatch.CreateJobContent){managed("true", shared, outlived)}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := &world{Client: w.Client, t: t}
			w.job("job", "pool", c.adjust...)
			w.completed("manager")
			if c.reason == "" {
				w.add("another", "true") // the job goes on
				w.completed("another")
			} else {
				require.Equal(t, c.reason, *w.jobState("job", azbatch.JobStateCompleted).ExecutionInfo.TerminationReason)
			}
			w.deleteJob("job")
		})
	}
}

func endsWithTasks(c *azbatch.CreateJobContent) {
	c.OnAllTasksComplete = to.Ptr(azbatch.OnAllTasksCompleteTerminateJob)
}

// TestJobManagerHasItsNode fills every gap on a node while a job manager waits
// for the node to be empty, and while it runs there.
func TestJobManagerHasItsNode(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(slotted("pool", 1, 3))
	w.job("other", "pool")
	add := func(id string) {
		_, err := w.CreateTask(ctx, "other", taskContent(id, "sleep 1000"), nil)
		require.NoError(t, err)
	}
	running := func(want int32) {
		t.Helper()
		eventually(t, "tasks run", func() bool { return *w.counts("other").Running == want })
	}
	add("one")
	running(1)
	w.job("job", "pool", managed("sleep 1000"), func(c *azbatch.CreateJobContent) { c.Priority = to.Ptr[int32](1) })
	add("two")
	w.add("of-the-job", "sleep 1000")
	require.Equal(t, azbatch.TaskStateActive, *w.task("manager").State)
	require.Equal(t, int32(1), *w.counts("other").Running, "the room is kept for the job manager")
	_, err := w.TerminateTask(ctx, "other", "one", nil)
	require.NoError(t, err)
	w.until("manager", azbatch.TaskStateRunning)
	require.Equal(t, int32(1), *w.nodes("pool")[0].RunningTasksCount)
	require.Zero(t, *w.counts("other").Running)

	w.close()
	w.open()
	w.until("manager", azbatch.TaskStateRunning)
	require.Equal(t, int32(1), *w.task("manager").ExecutionInfo.RequeueCount)
	require.Zero(t, *w.counts("other").Running)
	require.Equal(t, azbatch.TaskStateActive, *w.task("of-the-job").State)
	_, err = w.DeleteTask(ctx, "job", "manager", nil)
	require.NoError(t, err)
	running(1)
}

// TestRoomIsGivenBack takes away, in one way after the other, the job manager
// that room is kept for.
func TestRoomIsGivenBack(t *testing.T) {
	t.Parallel()
	w := start(t)
	ways := map[string]func(w *world) error{
		"task deleted":    func(w *world) error { _, err := w.DeleteTask(ctx, "job", "manager", nil); return err },
		"task terminated": func(w *world) error { _, err := w.TerminateTask(ctx, "job", "manager", nil); return err },
		"job terminated":  func(w *world) error { _, err := w.TerminateJob(ctx, "job", nil); return err },
		"job deleted":     func(w *world) error { _, err := w.DeleteJob(ctx, "job", nil); return err },
		"job disabled": func(w *world) error {
			option := azbatch.DisableJobOptionWait
			_, err := w.DisableJob(ctx, "job", azbatch.DisableJobContent{DisableTasks: &option}, nil)
			return err
		},
		"job outranked": func(w *world) error {
			_, err := w.UpdateJob(ctx, "other", azbatch.UpdateJobContent{Priority: to.Ptr[int32](2)}, nil)
			return err
		},
	}
	w.pool(slotted("pool", 1, 2))
	for name, takeAway := range ways {
		t.Run(name, func(t *testing.T) {
			w := &world{Client: w.Client, t: t}
			w.job("other", "pool")
			w.addTo("other", "one", "sleep 1000")
			w.running("other", 1)
			w.job("job", "pool", managed("sleep 1000"), priority(1))
			w.addTo("other", "two", "sleep 1000")
			require.Equal(t, int32(1), *w.counts("other").Running)
			require.NoError(t, takeAway(w))
			w.running("other", 2)
			w.deleteJob("other")
			_, _ = w.DeleteJob(ctx, "job", nil) // if it is still there
			eventually(t, "the job is gone", func() bool {
				_, err := w.GetJob(ctx, "job", nil)
				return err != nil
			})
		})
	}
}

func TestJobManagerLeads(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 0))
	// It fails twice, and each time lines up before the tasks that are there already.
	count := "n=$(($(cat $AZ_BATCH_NODE_ROOT_DIR/../tries 2>/dev/null)+1)); echo $n > $AZ_BATCH_NODE_ROOT_DIR/../tries; "
	note := "echo $AZ_BATCH_TASK_ID >> $AZ_BATCH_NODE_ROOT_DIR/../order; "
	w.job("job", "pool", managed(shell(note+count+"test $n = 3"), shared, outlived, func(m *azbatch.JobManagerTask) {
		m.Constraints = &azbatch.TaskConstraints{MaxTaskRetryCount: to.Ptr[int32](2)}
	}))
	for _, id := range []string{"a", "b"} {
		w.add(id, shell(note))
	}
	_, err := w.ResizePool(ctx, "pool", azbatch.ResizePoolContent{TargetDedicatedNodes: to.Ptr[int32](1)}, nil)
	require.NoError(t, err)
	w.completed("b")
	require.Equal(t, "manager\nmanager\nmanager\na\nb\n", w.written("order"))
	require.Equal(t, int32(2), *w.completed("manager").ExecutionInfo.RetryCount)
}

func TestJobManagerStaysOffLowPriorityNodes(t *testing.T) {
	t.Parallel()
	w := start(t)
	content := poolContent("pool", 0)
	content.TargetLowPriorityNodes = to.Ptr[int32](1)
	w.pool(content)
	w.job("job", "pool", managed("sleep 1000", func(m *azbatch.JobManagerTask) { m.AllowLowPriorityNode = to.Ptr(false) }))
	w.add("other", "sleep 1000")
	w.until("other", azbatch.TaskStateRunning)
	require.Equal(t, azbatch.TaskStateActive, *w.task("manager").State)
	_, err := w.ResizePool(ctx, "pool", azbatch.ResizePoolContent{TargetDedicatedNodes: to.Ptr[int32](1)}, nil)
	require.NoError(t, err)
	w.until("manager", azbatch.TaskStateRunning)
}

// TestJobManagerKeepsItsNode shrinks a pool: the node with the job manager is
// the newer one, which would go first otherwise.
func TestJobManagerKeepsItsNode(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 2))
	w.job("other", "pool")
	w.addTo("other", "one", "sleep 1000")
	w.running("other", 1)
	w.job("job", "pool", managed("sleep 1000"))
	w.until("manager", azbatch.TaskStateRunning)
	_, err := w.ResizePool(ctx, "pool", azbatch.ResizePoolContent{TargetDedicatedNodes: to.Ptr[int32](1)}, nil)
	require.NoError(t, err)
	w.steady("pool")
	require.Len(t, w.nodes("pool"), 1)
	require.Equal(t, azbatch.TaskStateRunning, *w.task("manager").State)
	require.Equal(t, azbatch.TaskStateActive, *w.taskOf("other", "one").State)
}

func TestJobManagerIsChecked(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 0))
	for body, code := range map[string]string{
		`{"id":"m"}`:                        "MissingRequiredProperty",
		`{"commandLine":"true"}`:            "MissingRequiredProperty",
		`{"id":"a b","commandLine":"true"}`: "InvalidPropertyValue",
		`{"id":"m","commandLine":"true","dependsOn":{"taskIds":["a"]}}`:                           "UnsupportedProperty",
		`{"id":"m","commandLine":"true","affinityInfo":{"affinityId":"a"}}`:                       "UnsupportedProperty",
		`{"id":"m","commandLine":"true","multiInstanceSettings":{"coordinationCommandLine":"x"}}`: "UnsupportedProperty",
		`{"id":"m","commandLine":"true","exitConditions":{}}`:                                     "UnsupportedProperty",
		`{"id":"m","commandLine":"true","constraints":{"maxTaskRetryCount":-2}}`:                  "InvalidPropertyValue",
	} {
		answer := w.requireError(rawRequest{
			method: "POST", path: "/jobs", body: `{"id":"job","poolInfo":{"poolId":"pool"},"jobManagerTask":` + body + `}`,
		}, http.StatusBadRequest, code)
		require.Contains(t, answer.Values[0].Value, "jobManagerTask.", body)
	}
}
