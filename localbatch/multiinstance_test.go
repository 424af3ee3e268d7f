package localbatch_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
)

// several makes a task one of several instances.
func several(instances int32, coordination string) func(*azbatch.CreateTaskContent) {
	return func(c *azbatch.CreateTaskContent) {
		c.MultiInstanceSettings = &azbatch.MultiInstanceSettings{
			NumberOfInstances: &instances, CoordinationCommandLine: to.Ptr(shell(coordination)),
		}
	}
}

// connected makes a pool whose nodes take multi-instance tasks, and a job.
func connected(t testing.TB, nodes int32) *world {
	t.Helper()
	w := start(t)
	content := poolContent("pool", nodes)
	content.EnableInterNodeCommunication = to.Ptr(true)
	w.pool(content)
	w.job("job", "pool")
	return w
}

func (w *world) subtasks(task string) []azbatch.Subtask {
	w.t.Helper()
	pager := w.NewListSubTasksPager("job", task, nil)
	return get(w.t, pager.More, pager.NextPage)[0].Value
}

// free requires that nothing is left on any node.
func (w *world) free() {
	w.t.Helper()
	for _, n := range w.nodes("pool") {
		require.Equal(w.t, azbatch.NodeStateIdle, *n.State)
		require.Zero(w.t, *n.RunningTasksCount+*n.RunningTaskSlotsCount)
	}
}

func TestMultiInstanceTask(t *testing.T) {
	t.Parallel()
	w := connected(t, 3)
	w.add("task", shell(log("primary")+`env | grep "^AZ_BATCH_\|^CCP"; kill -0 $(cat "$AZ_BATCH_TASK_SHARED_DIR/service")`),
		several(3, log("coordination")+`echo "$AZ_BATCH_IS_CURRENT_NODE_MASTER"; pwd; sleep 1000 & echo $! > "$AZ_BATCH_TASK_SHARED_DIR/service"`))
	task := w.completed("task")
	require.Equal(t, int32(0), *task.ExecutionInfo.ExitCode)
	require.Equal(t, int32(3), *task.MultiInstanceSettings.NumberOfInstances)
	w.logged("coordination", "coordination", "coordination", "primary")

	env := map[string]string{}
	for line := range strings.Lines(w.file("task", "stdout.txt", nil)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[name] = value
	}
	hosts := strings.Split(env["AZ_BATCH_HOST_LIST"], ",")
	require.Len(t, hosts, 3)
	require.Equal(t, strings.Join(hosts, ";"), env["AZ_BATCH_NODE_LIST"])
	require.Equal(t, hosts[0]+":6000", env["AZ_BATCH_MASTER_NODE"])
	require.Equal(t, "true", env["AZ_BATCH_IS_CURRENT_NODE_MASTER"])
	require.Equal(t, fmt.Sprintf("3 %s 1 %s 1 %s 1", hosts[0], hosts[1], hosts[2]), env["CCP_NODES"])
	require.Equal(t, env["AZ_BATCH_TASK_DIR"], env["AZ_BATCH_TASK_SHARED_DIR"])

	used := map[string]bool{*task.NodeInfo.NodeID: true}
	subtasks := w.subtasks("task")
	require.Len(t, subtasks, 2)
	for i, sub := range subtasks {
		require.Equal(t, int32(i+1), *sub.ID)
		require.Equal(t, azbatch.SubtaskStateCompleted, *sub.State)
		require.Equal(t, azbatch.SubtaskStateRunning, *sub.PreviousState)
		require.Equal(t, azbatch.TaskExecutionResultSuccess, *sub.Result)
		require.Equal(t, int32(0), *sub.ExitCode)
		require.False(t, sub.EndTime.Before(*sub.StartTime))
		require.Equal(t, fmt.Sprint("workitems/job/job-1/task/", i+1), *sub.NodeInfo.TaskRootDirectory)
		out := strings.Fields(w.nodeFile("pool", *sub.NodeInfo.NodeID, *sub.NodeInfo.TaskRootDirectory+"/stdout.txt"))
		require.Equal(t, "false", out[0])
		require.True(t, strings.HasSuffix(out[1], fmt.Sprint("/task/", i+1, "/wd")))
		used[*sub.NodeInfo.NodeID] = true
	}
	require.Len(t, used, 3)
	for _, n := range w.nodes("pool") {
		require.Equal(t, int32(1), *n.TotalTasksRun)
		if *n.ID == *task.NodeInfo.NodeID {
			require.Nil(t, n.RecentTasks[0].SubtaskID)
		} else {
			require.Positive(t, *n.RecentTasks[0].SubtaskID)
		}
	}
	w.free()
	_, err := w.DeleteTask(ctx, "job", "task", nil)
	require.NoError(t, err)
	_, err = w.NewListNodeFilesPager("pool", *subtasks[0].NodeInfo.NodeID, &azbatch.ListNodeFilesOptions{Recursive: to.Ptr(true)}).NextPage(ctx)
	require.NoError(t, err)
	_, err = w.GetNodeFileProperties(ctx, "pool", *subtasks[0].NodeInfo.NodeID, *subtasks[0].NodeInfo.TaskRootDirectory+"/stdout.txt", nil)
	require.ErrorContains(t, err, "404")
}

func TestMultiInstanceTaskIsChecked(t *testing.T) {
	t.Parallel()
	w := connected(t, 0)
	for name, adjust := range map[string]func(*azbatch.CreateTaskContent){
		"slots":     func(c *azbatch.CreateTaskContent) { several(2, "true")(c); c.RequiredSlots = to.Ptr(int32(2)) },
		"instances": several(-1, "true"),
		"no command": func(c *azbatch.CreateTaskContent) {
			several(2, "")(c)
			c.MultiInstanceSettings.CoordinationCommandLine = nil
		},
		"common files": func(c *azbatch.CreateTaskContent) {
			several(2, "true")(c)
			c.MultiInstanceSettings.CommonResourceFiles = []azbatch.ResourceFile{{}}
		},
	} {
		_, err := w.CreateTask(ctx, "job", taskContent("bad", "true", adjust), nil)
		require.ErrorContains(t, err, "RESPONSE 400", name)
	}
	w.add("one", "true", func(c *azbatch.CreateTaskContent) {
		several(1, "true")(c)
		c.MultiInstanceSettings.NumberOfInstances = nil
	})
	require.Equal(t, int32(1), *w.task("one").MultiInstanceSettings.NumberOfInstances)
	require.Empty(t, w.subtasks("one"))
	_, err := w.NewListSubTasksPager("job", "none", nil).NextPage(ctx)
	refused(t, err, http.StatusNotFound, "TaskNotFound")
}

// TestMultiInstanceTaskWaits: one that no pool's nodes can run stays active and
// holds nobody up; one that can be run is not passed by for ever.
func TestMultiInstanceTaskWaits(t *testing.T) {
	t.Parallel()
	for name, adjust := range map[string]func(*azbatch.CreatePoolContent){
		"no communication": func(c *azbatch.CreatePoolContent) {},
		"several slots": func(c *azbatch.CreatePoolContent) {
			c.EnableInterNodeCommunication, c.TaskSlotsPerNode = to.Ptr(true), to.Ptr(int32(2))
		},
		"too few nodes": func(c *azbatch.CreatePoolContent) {
			c.EnableInterNodeCommunication, c.TargetDedicatedNodes = to.Ptr(true), to.Ptr(int32(1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			content := poolContent("pool", 2)
			adjust(&content)
			w.pool(content)
			w.job("job", "pool")
			w.add("several", "true", several(2, "true"))
			w.add("one", "true")
			w.completed("one")
			require.Equal(t, azbatch.TaskStateActive, *w.task("several").State)
		})
	}
	w, gate := connected(t, 2), newGate(t)
	w.add("long", shell(gate.wait()))
	w.until("long", azbatch.TaskStateRunning)
	w.add("several", shell(log("several")), several(2, "true"))
	w.add("short", shell(log("short")))
	w.add("others", shell(log("others")), several(2, "true"))
	require.Equal(t, azbatch.TaskStateActive, *w.task("short").State)
	gate.open(t)
	w.completed("others")
	w.logged("several", "short", "others")
	w.free()
}

func TestManyMultiInstanceTasks(t *testing.T) {
	t.Parallel()
	w := connected(t, 3)
	for i := range 12 {
		id := fmt.Sprint("task", i)
		if i%4 == 3 {
			w.add(id, "true")
			continue
		}
		w.add(id, "true", several(int32(1+i%3), "true"))
	}
	eventually(t, "all have succeeded", func() bool { return *w.counts("job").Succeeded == 12 })
	w.free()
}

func TestInstanceFails(t *testing.T) {
	t.Parallel()
	w := connected(t, 3)
	w.add("task", shell(log("primary")), several(3, `[ "$AZ_BATCH_IS_CURRENT_NODE_MASTER" = true ] && sleep 1000; case "$AZ_BATCH_TASK_DIR" in */1) sleep 1000;; esac; `+log("try")+"exit 4"),
		func(c *azbatch.CreateTaskContent) {
			c.Constraints = &azbatch.TaskConstraints{MaxTaskRetryCount: to.Ptr(int32(1))}
		})
	task := w.completed("task")
	require.Equal(t, int32(1), *task.ExecutionInfo.RetryCount)
	require.Equal(t, int32(4), *task.ExecutionInfo.ExitCode)
	require.Equal(t, "FailureExitCode", *task.ExecutionInfo.FailureInfo.Code)
	details := task.ExecutionInfo.FailureInfo.Details
	require.Equal(t, "SubtaskId 2", *details[len(details)-1].Name+" "+*details[len(details)-1].Value)
	w.logged("try", "try")
	subtasks := w.subtasks("task")
	require.Equal(t, "TaskEnded", *subtasks[0].FailureInfo.Code)
	require.Equal(t, int32(4), *subtasks[1].ExitCode)
	require.Equal(t, azbatch.TaskExecutionResultFailure, *subtasks[1].Result)
	w.free()
}

func TestMultiInstanceTaskIsEnded(t *testing.T) {
	t.Parallel()
	w := connected(t, 2)
	const service = `sleep 1000 & echo $! > "$AZ_BATCH_NODE_ROOT_DIR/../$AZ_BATCH_TASK_ID"; `
	for id, end := range map[string]func(){
		"terminated": func() {
			_, err := w.TerminateTask(ctx, "job", "terminated", nil)
			require.NoError(t, err)
		},
		"out of time": func() {},
		"requeued": func() {
			_, err := w.DisableJob(ctx, "job", azbatch.DisableJobContent{DisableTasks: to.Ptr(azbatch.DisableJobOptionRequeue)}, nil)
			require.NoError(t, err)
			w.jobState("job", azbatch.JobStateDisabled)
			require.Empty(t, w.subtasks("requeued"))
			w.free()
			_, err = w.EnableJob(ctx, "job", nil)
			require.NoError(t, err)
			w.until("requeued", azbatch.TaskStateRunning)
			_, err = w.TerminateTask(ctx, "job", "requeued", nil)
			require.NoError(t, err)
		},
	} {
		id = strings.ReplaceAll(id, " ", "-")
		w.add(id, "sleep 1000", several(2, service), func(c *azbatch.CreateTaskContent) {
			if id == "out-of-time" {
				c.Constraints = &azbatch.TaskConstraints{MaxWallClockTime: to.Ptr("PT0.3S")}
			}
		})
		w.until(id, azbatch.TaskStateRunning)
		pid := w.pidFrom(id)
		end()
		require.Equal(t, "TaskEnded", *w.completed(id).ExecutionInfo.FailureInfo.Code)
		requireDead(t, pid)
		for _, sub := range w.subtasks(id) {
			require.Equal(t, azbatch.SubtaskStateCompleted, *sub.State)
		}
		w.free()
	}
}

func TestMultiInstanceTaskLosesANode(t *testing.T) {
	t.Parallel()
	w, gate := connected(t, 2), newGate(t)
	w.add("task", shell(gate.wait()), several(2, log("coordination")))
	eventually(t, "it is coordinated", func() bool { return len(w.log()) == 2 })
	node := *w.subtasks("task")[0].NodeInfo.NodeID
	_, err := w.RebootNode(ctx, "pool", node, nil)
	require.NoError(t, err)
	eventually(t, "it runs again", func() bool { return len(w.log()) == 4 })
	gate.open(t)
	require.Equal(t, int32(1), *w.completed("task").ExecutionInfo.RequeueCount)
	w.free()
}

func TestMultiInstanceTaskOfPreparedJob(t *testing.T) {
	t.Parallel()
	w, gate := connected(t, 2), newGate(t)
	_, err := w.DeleteJob(ctx, "job", nil)
	require.NoError(t, err)
	eventually(t, "the job is gone", func() bool { _, err := w.GetJob(ctx, "job", nil); return err != nil })
	w.job("job", "pool", prepared(gate.wait()+"; "+log("prep")), released(log("release")))
	w.add("task", shell(log("task")), several(2, "true"))
	w.until("task", azbatch.TaskStatePreparing)
	require.Equal(t, azbatch.SubtaskStatePreparing, *w.subtasks("task")[0].State)
	gate.open(t)
	w.completed("task")
	_, err = w.TerminateJob(ctx, "job", nil)
	require.NoError(t, err)
	w.jobState("job", azbatch.JobStateCompleted)
	w.logged("prep", "prep", "task", "release", "release")
}

func TestKilledMultiInstanceTaskIsRequeued(t *testing.T) {
	t.Parallel()
	v := &victim{t: t, dir: t.TempDir()}
	w, gate := v.start(), newGate(t)
	defer func() { v.kill() }()
	content := poolContent("pool", 2)
	content.EnableInterNodeCommunication = to.Ptr(true)
	w.pool(content)
	w.job("job", "pool")
	w.add("task", shell(gate.wait()), several(2, `sleep 1000 & echo $! > "$AZ_BATCH_NODE_ROOT_DIR/../pid"`))
	w.until("task", azbatch.TaskStateRunning)
	pid := w.pidFrom("pid")
	v.kill()
	w = v.start()
	requireDead(t, pid)
	gate.open(t)
	require.Equal(t, int32(1), *w.completed("task").ExecutionInfo.RequeueCount)
	require.Len(t, w.subtasks("task"), 1)
	eventually(t, "the nodes are free", func() bool {
		for _, n := range w.nodes("pool") {
			if *n.State != azbatch.NodeStateIdle {
				return false
			}
		}
		return true
	})
}
