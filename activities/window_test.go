package activities

import (
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// short lets signatures last for seconds, and gives the run a day.
func (w *world) short(lasts time.Duration) Access {
	w.signaturesLast = lasts
	w.task.Timeout = workload.Duration(lasts / 4)
	day := workload.Duration(24 * time.Hour)
	return AccessFor(time.Now(), day, day, "")
}

func (w *world) shortSubmit(files int64, access Access) SubmitInput {
	in := w.submitInput(files)
	in.Access, in.Pool = access, w.id
	return in
}

// TestRunsThatOutliveSignatures are refused only where no renewal can help.
func TestRunsThatOutliveSignatures(t *testing.T) {
	t.Parallel()
	entra, err := azure.NewStorage(azure.Config{StorageBlobEndpoint: "https://127.0.0.1:1/account"})
	require.NoError(t, err)
	a := &Activities{Storage: entra}
	long := AccessFor(time.Now(), workload.Duration(100*time.Hour), workload.Duration(100*time.Hour), "")
	for name, c := range map[string]struct {
		timeout time.Duration
		retries int32
		says    string
	}{
		"no limit":       {0, 0, "no task.timeout bounds a task"},
		"too long a try": {70 * time.Hour, 0, "a task may need 71h0m0s (task.timeout 70h x 1 tries + margin)"},
		"too many tries": {22 * time.Hour, 3, "a task may need 89h0m0s (task.timeout 22h x 4 tries + margin)"},
		"short enough":   {22 * time.Hour, 2, ""},
		"just enough":    {66*time.Hour + 8*time.Minute, 0, ""},
		"just too long":  {66*time.Hour + 9*time.Minute, 0, "for more than 67h8m0s, but a task may need 67h9m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			err := a.checkWindow(ScanInput{Access: long, Task: workload.Task{Timeout: workload.Duration(c.timeout), MaxRetries: c.retries}})
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.says)
		})
	}
}

// TestTasksThatWaitAreSignedAnew lets tasks wait for nodes for longer than
// their signatures last. Then the nodes come, and each task runs once.
func TestTasksThatWaitAreSignedAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	scanned := w.prepared(0, "a.txt", "b.txt")
	access := w.short(16 * time.Second)
	began, resized := time.Now(), false
	submitted := mustRun(w, w.Submit, w.shortSubmit(scanned.Files, access), heard(func(workload.Progress) {
		if time.Since(began) > w.signaturesLast+2*time.Second && !resized {
			resized = true
			_, err := w.Batch.ResizePool(t.Context(), w.id, azbatch.ResizePoolContent{TargetDedicatedNodes: to.Ptr[int32](1)}, nil)
			require.NoError(t, err)
		}
	}))
	require.EqualValues(t, 2, submitted.Tasks)
	require.True(t, resized)
	require.Nil(t, mustRun(w, w.Wait, w.waitInput(scanned.Files)).Failure)
	mustRun(w, w.Gather, w.gatherInput(scanned.Files))
	for _, result := range w.results() {
		require.Equal(t, workload.TaskSucceeded, result.State, "%+v", result.Failure)
		require.EqualValues(t, 1, result.Attempts)
	}
	record, err := w.reissuesOf(t.Context(), w.out())
	require.NoError(t, err)
	require.Empty(t, record.Going)
	require.Empty(t, record.Attempts, "none had begun")
	require.NotEmpty(t, w.calls.to("/terminate"))
}

// TestTasksAreAddedLate keeps the tasks that wait few.
func TestTasksAreAddedLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	names := []string{"a.txt", "b.txt", "c.txt", "d.txt", "e.txt", "f.txt", "g.txt", "h.txt"}
	scanned := w.prepared(1, names...)
	access := w.short(time.Minute)
	w.task.Command = "sleep 0.2; cp {{input}} {{output}}"
	in := w.shortSubmit(scanned.Files, access)
	window := &window{Activities: w.Activities, in: in}
	ahead, err := window.ahead(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 4, ahead, "a node of four slots, and half a minute for tasks that need more than a quarter")
	most := int64(0)
	mustRun(w, w.Submit, in, heard(func(workload.Progress) {
		counts, err := w.Batch.GetJobTaskCounts(t.Context(), w.id, nil)
		require.NoError(t, err)
		most = max(most, int64(*counts.TaskCounts.Active))
	}))
	require.LessOrEqual(t, most, ahead)
	require.Nil(t, mustRun(w, w.Wait, w.waitInput(scanned.Files)).Failure)
}

// TestReissueGoesOnAfterACrash wherever it stood: the task is there once, and
// signed, and how often it had begun is known.
func TestReissueGoesOnAfterACrash(t *testing.T) {
	t.Parallel()
	const id = "task-00000000"
	for name, c := range map[string]struct {
		stood func(*world, *window, *reissued)
		begun int32
		again bool // it is added again by the attempt after the crash
	}{
		"before it was ended": {func(*world, *window, *reissued) {}, 0, true},
		"before that was written down": {func(w *world, window *window, _ *reissued) {
			_, err := window.endTask(t.Context(), id)
			require.NoError(t, err)
		}, 0, true},
		"before it was deleted": {func(w *world, window *window, r *reissued) {
			_, err := window.endTask(t.Context(), id)
			require.NoError(t, err)
			r.Ended, r.Attempts = true, 1
		}, 1, true},
		"before it was added": {func(w *world, window *window, r *reissued) {
			_, err := w.Batch.DeleteTask(t.Context(), w.id, id, nil)
			require.NoError(t, err)
			r.Ended, r.Attempts = true, 2
		}, 2, true},
		"after it was added": {func(w *world, window *window, r *reissued) { r.Ended, r.Attempts = true, 3 }, 3, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			scanned := w.prepared(0, "a.txt")
			in := w.shortSubmit(scanned.Files, w.short(time.Hour))
			require.NoError(t, w.signOutputs(t.Context(), &in))
			inputs, _, err := w.inputParts(w.out(), manifestPrefix).Read(t.Context(), 0)
			require.NoError(t, err)
			body, err := w.taskBody(t.Context(), in, inputs[0])
			require.NoError(t, err)
			require.NoError(t, w.Activities.addTasks(t.Context(), w.id, []azbatch.CreateTaskContent{body}))
			before, err := w.Batch.GetTask(t.Context(), w.id, id, nil)
			require.NoError(t, err)

			window := &window{Activities: w.Activities, in: in}
			going := &reissued{Body: unsignedBody(before.Task)}
			c.stood(w, window, going)
			require.NoError(t, window.writeReissues(t.Context(), reissueRecord{Going: map[string]*reissued{id: going}}))
			written, err := transfer.Get(t.Context(), w.Storage.Container(w.out()), reissueBlob)
			require.NoError(t, err)
			require.NotContains(t, string(written), "sig=")

			require.NoError(t, window.resumeReissue(t.Context()))
			after, err := w.Batch.GetTask(t.Context(), w.id, id, nil)
			require.NoError(t, err)
			require.Equal(t, azbatch.TaskStateActive, *after.State)
			require.Equal(t, c.again, after.CreationTime.After(*before.CreationTime))
			require.Equal(t, *before.CommandLine, *after.CommandLine)
			for _, address := range []*string{after.ResourceFiles[0].HTTPURL, after.OutputFiles[1].Destination.Container.ContainerURL} {
				parts, err := sas.ParseURL(*address)
				require.NoError(t, err)
				require.True(t, parts.SAS.ExpiryTime().After(time.Now()), *address)
			}
			record, err := w.reissuesOf(t.Context(), w.out())
			require.NoError(t, err)
			require.Empty(t, record.Going)
			require.Equal(t, c.begun, record.Attempts[id])
		})
	}
}
