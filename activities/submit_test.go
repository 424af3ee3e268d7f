package activities

import (
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/workload"
)

// TestSubmitGoesOnAfterItsLastPart of a manifest, where an attempt died before
// it could tell the job to end with its tasks.
func TestSubmitGoesOnAfterItsLastPart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	scanned := w.prepared(1, "a.txt")
	_, err := w.Batch.CreateTask(t.Context(), w.id, azbatch.CreateTaskContent{ID: to.Ptr(workload.TaskID(0)), CommandLine: to.Ptr("true")}, nil)
	require.NoError(t, err)

	submitted := mustRun(w, w.Submit, w.submitInput(scanned.Files),
		from(workload.Progress{Step: "submit", Part: scanned.Parts, Files: scanned.Files, Total: scanned.Files}))
	require.Equal(t, scanned.Files, submitted.Tasks)
	require.Empty(t, w.calls.to("/addtaskcollection"), "every task was there")
	waited := mustRun(w, w.Wait, w.waitInput(scanned.Files))
	require.Nil(t, waited.Failure)
	job, err := w.Batch.GetJob(t.Context(), w.id, nil)
	require.NoError(t, err)
	require.Equal(t, azbatch.OnAllTasksCompleteTerminateJob, *job.OnAllTasksComplete)
}

// TestSubmitResumesWhereItStood adds nothing of the parts before.
func TestSubmitResumesWhereItStood(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	scanned := w.prepared(0, "a.txt", "b.txt")
	submitted := mustRun(w, w.Submit, w.submitInput(scanned.Files), from(workload.Progress{Step: "submit", Part: 1, Files: 1}))
	require.EqualValues(t, 2, submitted.Tasks)
	_, err := w.Batch.GetTask(t.Context(), w.id, workload.TaskID(0), nil)
	require.True(t, azure.Is(err, azure.CodeTaskNotFound), "%v", err)
	_, err = w.Batch.GetTask(t.Context(), w.id, workload.TaskID(1), nil)
	require.NoError(t, err)
}

// TestSubmitFollowsTheManifest while it is still being written.
func TestSubmitFollowsTheManifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.listed("a.txt", "b.txt")
	manifest := w.inputParts(w.out(), manifestPrefix)
	require.NoError(t, do(w, w.CreatePool, w.poolInput(0)))
	require.NoError(t, do(w, w.CreateJob, w.jobInput()))
	part := 0
	submitted := mustRun(w, w.Submit, w.submitInput(2), heard(func(p workload.Progress) {
		if part == p.Part && part < 2 { // it has caught up
			name := []string{"a.txt", "b.txt"}[part]
			inputs := []workload.Input{{Index: int64(part), Name: name, Blob: name}}
			require.NoError(t, manifest.Write(t.Context(), part, part == 1, inputs))
			part++
		}
	}))
	require.EqualValues(t, 2, submitted.Tasks)
	require.Len(t, w.calls.to("/addtaskcollection"), 2)
}

// TestSubmitLeavesAnEndedJobToWait, which tells what ended it.
func TestSubmitLeavesAnEndedJobToWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	scanned := w.prepared(0, "a.txt", "b.txt")
	require.NoError(t, do(w, w.EndJob, EndJobInput{Owner: w.owner, Job: w.id, Reason: "Somebody"}))

	submitted := mustRun(w, w.Submit, w.submitInput(scanned.Files))
	require.Zero(t, submitted.Tasks)
	waited := mustRun(w, w.Wait, w.waitInput(scanned.Files))
	require.NotNil(t, waited.Failure)
	require.Equal(t, "Somebody", waited.Failure.Code)
}
