package activities

import (
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/stretchr/testify/require"
)

// TestStrangersAreNotTouched, whatever their names: neither adopted, nor
// ended, emptied or deleted.
func TestStrangersAreNotTouched(t *testing.T) {
	t.Parallel()
	other := newOwner()
	for name, stranger := range map[string]struct {
		batch []azbatch.MetadataItem
		blob  map[string]*string
	}{
		"without a mark":    {},
		"with another mark": {batch: (mark{Owner: other}).ofBatch(), blob: (mark{Owner: other}).ofContainer()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.write("a.txt")
			w.strangers(stranger.batch, stranger.blob)
			before := w.marks()

			_, err := run(w, w.Scan, w.scanInput())
			requireRefused(w, err, NotOurs)
			requireRefused(w, do(w, w.CreatePool, w.poolInput(1)), NotOurs)
			requireRefused(w, do(w, w.CreateJob, w.jobInput()), NotOurs)
			changes := len(w.calls.to(""))
			require.NoError(t, do(w, w.EndJob, EndJobInput{Owner: w.owner, Job: w.id, Reason: "Enough"}))
			require.NoError(t, do(w, w.EmptyPool, PoolInput{Owner: w.owner, Pool: w.id}))
			require.NoError(t, do(w, w.DeleteJob, JobInput{Owner: w.owner, Job: w.id}))
			require.NoError(t, do(w, w.DeletePool, PoolInput{Owner: w.owner, Pool: w.id}))
			for _, name := range []string{w.in(), w.out()} {
				require.NoError(t, do(w, w.DeleteContainer, DeleteContainerInput{Owner: w.owner, Container: name}))
			}
			require.Len(t, w.calls.to(""), changes, "nothing was asked for that changes job or pool")
			require.Equal(t, before, w.marks())
			require.Equal(t, []string{"precious"}, w.blobs(w.in()))
		})
	}
}

// TestATaskThatIsNotTheRuns is not taken for the run's, whatever its id.
func TestATaskThatIsNotTheRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	scanned := w.prepared(0, "a.txt", "b.txt")
	_, err := w.Batch.CreateTask(t.Context(), w.id, azbatch.CreateTaskContent{ID: to.Ptr("task-00000001"), CommandLine: to.Ptr("cp a b")}, nil)
	require.NoError(t, err)
	_, err = run(w, w.Submit, w.submitInput(scanned.Files))
	requireRefused(w, err, NotOurs)
	require.ErrorContains(t, err, "task task-00000001 of job "+w.id)
}

// strangers makes what bears the run's names and is not the run's.
func (w *world) strangers(mark []azbatch.MetadataItem, blobMark map[string]*string) {
	w.t.Helper()
	ctx := w.t.Context()
	in := w.Storage.Container(w.in())
	_, err := in.Create(ctx, &container.CreateOptions{Metadata: blobMark})
	require.NoError(w.t, err)
	_, err = in.NewBlockBlobClient("precious").UploadBuffer(ctx, nil, nil)
	require.NoError(w.t, err)
	_, err = w.Storage.Container(w.out()).Create(ctx, &container.CreateOptions{Metadata: blobMark})
	require.NoError(w.t, err)
	pool, err := w.poolContent(ctx, w.poolInput(1))
	require.NoError(w.t, err)
	pool.Metadata = mark
	_, err = w.Batch.CreatePool(ctx, pool, nil)
	require.NoError(w.t, err)
	w.steady(w.id)
	_, err = w.Batch.CreateJob(ctx, azbatch.CreateJobContent{ID: to.Ptr(w.id), PoolInfo: &azbatch.PoolInfo{PoolID: to.Ptr(w.id)}, Metadata: mark}, nil)
	require.NoError(w.t, err)
}

// marks are what changes with any change.
func (w *world) marks() []string {
	w.t.Helper()
	ctx := w.t.Context()
	pool, err := w.Batch.GetPool(ctx, w.id, nil)
	require.NoError(w.t, err)
	job, err := w.Batch.GetJob(ctx, w.id, nil)
	require.NoError(w.t, err)
	in, err := w.Storage.Container(w.in()).GetProperties(ctx, nil)
	require.NoError(w.t, err)
	out, err := w.Storage.Container(w.out()).GetProperties(ctx, nil)
	require.NoError(w.t, err)
	return []string{pool.LastModified.String(), job.LastModified.String(), string(*in.ETag), string(*out.ETag)}
}
