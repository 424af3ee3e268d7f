package activities

import (
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workload"
)

// waiting has tasks for the files, added and waiting on a pool without nodes,
// and the window of a run that outlives its signatures.
func (w *world) waiting(files ...string) *window {
	w.t.Helper()
	scanned := w.prepared(0, files...)
	in := w.shortSubmit(scanned.Files, w.short(time.Hour))
	require.NoError(w.t, w.signOutputs(w.t.Context(), &in))
	for part := range scanned.Parts {
		inputs, _, err := w.inputParts(w.out(), manifestPrefix).Read(w.t.Context(), part)
		require.NoError(w.t, err)
		for _, input := range inputs {
			body, err := w.taskBody(w.t.Context(), in, input)
			require.NoError(w.t, err)
			require.NoError(w.t, w.Activities.addTasks(w.t.Context(), w.id, []azbatch.CreateTaskContent{body}))
		}
	}
	return &window{Activities: w.Activities, in: in}
}

func (w *world) nodeComes() {
	_, err := w.Batch.ResizePool(w.t.Context(), w.id, azbatch.ResizePoolContent{TargetDedicatedNodes: to.Ptr[int32](1)}, nil)
	require.NoError(w.t, err)
}

func (w *world) taskIs(id string, state azbatch.TaskState) azbatch.Task {
	w.t.Helper()
	var task azbatch.Task
	w.eventually(id+" is "+string(state), func() bool {
		found, err := w.Batch.GetTask(w.t.Context(), w.id, id, nil)
		task = found.Task
		return err == nil && *task.State == state
	})
	return task
}

// TestATaskThatBeginsAsItIsEnded: when a node comes in the very moment in which
// a task that waited is ended, what it did is not done again unseen.
func TestATaskThatBeginsAsItIsEnded(t *testing.T) {
	t.Parallel()
	id := workload.TaskID(0)
	for name, c := range map[string]struct {
		command string
		until   azbatch.TaskState // the task has come to, when the call to end it arrives
		again   bool
		begun   int32
	}{
		"it has begun":      {"sleep 300", azbatch.TaskStateRunning, true, 1},
		"it is done by now": {"cp {{input}} {{output}}", azbatch.TaskStateCompleted, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.task.Command = c.command
			window := w.waiting("a.txt")
			before := w.taskIs(id, azbatch.TaskStateActive)
			w.calls.meanwhile(func(call string) {
				if strings.HasSuffix(call, "/terminate") {
					w.calls.meanwhile(nil)
					w.nodeComes()
					w.taskIs(id, c.until)
				}
			})
			require.NoError(t, window.carryOut(t.Context(), reissueRecord{Going: map[string]*reissued{id: {Body: unsignedBody(before)}}}))
			after, err := w.Batch.GetTask(t.Context(), w.id, id, nil)
			require.NoError(t, err)
			require.Equal(t, c.again, after.CreationTime.After(*before.CreationTime))
			record, err := w.reissuesOf(t.Context(), w.out())
			require.NoError(t, err)
			require.Empty(t, record.Going)
			require.Equal(t, c.begun, record.Attempts[id])
			if !c.again {
				require.Equal(t, azbatch.TaskExecutionResultSuccess, *after.ExecutionInfo.Result)
			}
		})
	}
}

// TestACrashForgetsNoAttempt: a task that had begun was ended, and the worker
// died before it had written that down.
func TestACrashForgetsNoAttempt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.task.Command = "sleep 300"
	window := w.waiting("a.txt")
	id := workload.TaskID(0)
	w.nodeComes()
	task := w.taskIs(id, azbatch.TaskStateRunning)
	require.NoError(t, window.writeReissues(t.Context(), reissueRecord{Going: map[string]*reissued{id: {Body: unsignedBody(task)}}}))
	_, err := window.endTask(t.Context(), id)
	require.NoError(t, err)

	require.NoError(t, window.resumeReissue(t.Context()))
	record, err := w.reissuesOf(t.Context(), w.out())
	require.NoError(t, err)
	require.Equal(t, map[string]int32{id: 1}, record.Attempts)
}

// TestBegunAndFailed: tasks that were ended to be added again have not failed,
// whatever Batch counts.
func TestBegunAndFailed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.task.Command = "exit 1"
	window := w.waiting("a.txt", "b.txt")
	_, err := window.endTask(t.Context(), workload.TaskID(0))
	require.NoError(t, err)
	w.nodeComes()
	w.taskIs(workload.TaskID(1), azbatch.TaskStateCompleted)

	wait := wait{Activities: w.Activities, in: w.waitInput(2)}
	wait.in.Access = window.in.Access
	failed, err := wait.begunAndFailed(t.Context(), 5)
	require.NoError(t, err)
	require.EqualValues(t, 1, failed)
	for tolerated, stops := range map[int64]bool{0: true, 1: false} {
		wait.in.Tolerated = &tolerated
		failure, err := wait.tooManyFailures(t.Context(), workload.Counts{Total: 2, Failed: 2})
		require.NoError(t, err)
		require.Equal(t, stops, failure != nil, "%d are tolerated", tolerated)
	}
}

// TestTheStartTaskIsSignedAnew for nodes that join late: after half of a
// signature's life, and by an attempt that cannot know when it was signed.
func TestTheStartTaskIsSignedAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start := &workload.StartTask{Command: "true", ResourceFiles: []workload.ResourceFile{{Container: "tools", Blob: "setup.sh"}}}
	access := w.short(time.Hour)
	pool := w.poolInput(0)
	pool.Pool.StartTask, pool.Access = start, w.access() // signed for an hour from now
	require.NoError(t, do(w, w.CreatePool, pool))
	expiry := func() time.Time {
		found, err := w.Batch.GetPool(t.Context(), w.id, nil)
		require.NoError(t, err)
		require.Equal(t, "/bin/bash -c true", *found.StartTask.CommandLine)
		parts, err := sas.ParseURL(*found.StartTask.ResourceFiles[0].HTTPURL)
		require.NoError(t, err)
		return parts.SAS.ExpiryTime()
	}
	before := expiry()
	w.signaturesLast = 4 * time.Hour
	in := w.shortSubmit(1, access)
	in.StartTask = start
	young := &window{Activities: w.Activities, in: in, startTask: time.Now().Add(-w.mayWait() + time.Minute)}
	require.NoError(t, young.renewStartTask(t.Context()))
	require.Equal(t, before, expiry())
	for _, signed := range []time.Time{{}, time.Now().Add(-w.mayWait())} {
		old := &window{Activities: w.Activities, in: in, startTask: signed}
		require.NoError(t, old.renewStartTask(t.Context()))
		require.WithinDuration(t, time.Now().Add(4*time.Hour), expiry(), 10*time.Minute)
		require.WithinDuration(t, time.Now(), old.startTask, time.Minute)
	}
}
