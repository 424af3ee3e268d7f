package activities

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/transfer"
)

// TestEachActivityTwiceIsOnce runs each step of a run, and then a second
// attempt at it, as after a worker that died before it could say that it was
// done.
func TestEachActivityTwiceIsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write("a.txt", "b c.txt", "d/e.txt")
	w.task.Command = "sleep 300"
	const files, parts = 3, 3
	for _, step := range []struct {
		name string
		do   func(...option) error
	}{
		{"Scan", func(o ...option) error {
			scanned, err := run(w, w.Scan, w.scanInput(), o...)
			require.Equal(t, ScanResult{Files: files, Bytes: 19, Parts: parts}, scanned)
			return err
		}},
		{"Upload", func(o ...option) error {
			uploaded, err := run(w, w.Upload, w.uploadInput(ScanResult{Files: files, Parts: parts}), o...)
			require.EqualValues(t, files, uploaded.Files)
			return err
		}},
		{"CreatePool", func(o ...option) error { return do(w, w.CreatePool, w.poolInput(1), o...) }},
		{"CreateJob", func(o ...option) error { return do(w, w.CreateJob, w.jobInput(), o...) }},
		{"Submit", func(o ...option) error {
			submitted, err := run(w, w.Submit, w.submitInput(files), o...)
			require.EqualValues(t, files, submitted.Tasks)
			return err
		}},
		{"EndJob", func(o ...option) error {
			return do(w, w.EndJob, EndJobInput{Owner: w.owner, Job: w.id, Reason: "Enough"}, o...)
		}},
		{"Gather", func(o ...option) error {
			gathered, err := run(w, w.Gather, w.gatherInput(files), o...)
			require.EqualValues(t, files, gathered.Counts.Unfinished)
			return err
		}},
		{"EmptyPool", func(o ...option) error { return do(w, w.EmptyPool, PoolInput{Owner: w.owner, Pool: w.id}, o...) }},
		{"DeleteJob", func(o ...option) error { return do(w, w.DeleteJob, JobInput{Owner: w.owner, Job: w.id}, o...) }},
		{"DeletePool", func(o ...option) error { return do(w, w.DeletePool, PoolInput{Owner: w.owner, Pool: w.id}, o...) }},
		{"DeleteContainer", func(o ...option) error {
			return do(w, w.DeleteContainer, DeleteContainerInput{Owner: w.owner, Container: w.in()}, o...)
		}},
	} {
		require.NoError(t, step.do(), step.name)
		once := w.everything()
		require.NoError(t, step.do(again), "%s again", step.name)
		require.Equal(t, once, w.everything(), "%s again", step.name)
	}
	left := w.everything()
	require.NotContains(t, left, "pool "+w.id)
	require.NotContains(t, left, "job "+w.id)
	require.NotContains(t, left, "container "+w.in())
	require.Contains(t, left, "container "+w.out())
}

// everything names all there is of the run, each with what tells it from
// another of the same name.
func (w *world) everything() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	for _, name := range []string{w.in(), w.out()} {
		w.addContainer(all, name)
	}
	for pools := w.Batch.NewListPoolsPager(nil); pools.More(); {
		page, err := pools.NextPage(w.t.Context())
		require.NoError(w.t, err)
		for _, pool := range page.Value {
			all["pool "+*pool.ID] = pool.CreationTime.String()
		}
	}
	for jobs := w.Batch.NewListJobsPager(nil); jobs.More(); {
		page, err := jobs.NextPage(w.t.Context())
		require.NoError(w.t, err)
		for _, job := range page.Value {
			all["job "+*job.ID] = job.CreationTime.String()
			w.addTasks(all, *job.ID)
		}
	}
	return all
}

func (w *world) addContainer(all map[string]string, name string) {
	container := w.Storage.Container(name)
	properties, err := container.GetProperties(w.t.Context(), nil)
	if azure.Is(err, azure.CodeContainerNotFound) {
		return
	}
	require.NoError(w.t, err)
	all["container "+name] = string(*properties.ETag)
	require.NoError(w.t, transfer.WalkContainer(w.t.Context(), container, "", nil, func(blob transfer.Blob) error {
		if !strings.HasPrefix(blob.Blob, logsPrefix) { // the nodes' own
			all["blob "+name+"/"+blob.Blob] = hex.EncodeToString(blob.MD5)
		}
		return nil
	}))
}

func (w *world) addTasks(all map[string]string, job string) {
	for tasks := w.Batch.NewListTasksPager(job, nil); tasks.More(); {
		page, err := tasks.NextPage(w.t.Context())
		require.NoError(w.t, err)
		for _, task := range page.Value {
			all["task "+job+"/"+*task.ID] = task.CreationTime.String()
		}
	}
}
