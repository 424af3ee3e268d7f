package activities

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// TestUploadSkipsCommittedParts tells that a committed part is not read again
// by taking its file away.
func TestUploadSkipsCommittedParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write("a.txt", "b.txt", "c.txt")
	scanned := mustRun(w, w.Scan, w.scanInput())
	first, _, err := w.inputParts(w.out(), listPrefix).Read(t.Context(), 0)
	require.NoError(t, err)
	require.Len(t, first, 1)
	require.NoError(t, w.inputParts(w.out(), manifestPrefix).Write(t.Context(), 0, false, first))
	require.NoError(t, os.Remove(filepath.Join(w.dir, "a.txt")))

	uploaded := mustRun(w, w.Upload, w.uploadInput(scanned), again)
	require.EqualValues(t, 3, uploaded.Files)
	require.EqualValues(t, len("b.txt")+len("c.txt"), uploaded.Bytes, "sent by this attempt")
	require.Equal(t, []string{"b.txt", "c.txt"}, w.blobs(w.in()))
	_, last, err := w.inputParts(w.out(), manifestPrefix).Read(t.Context(), 2)
	require.NoError(t, err)
	require.True(t, last)
}

func TestUploadRefusesAChangedFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write("a.txt")
	scanned := mustRun(w, w.Scan, w.scanInput())
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "a.txt"), []byte("longer than it was"), 0o600))
	_, err := run(w, w.Upload, w.uploadInput(scanned))
	requireRefused(w, err, InputChanged)
	_, _, err = w.inputParts(w.out(), manifestPrefix).Read(t.Context(), 0)
	require.ErrorIs(t, err, transfer.ErrNoPart, "nothing is committed of a part that did not arrive")
}

// TestUploadCountsInTheOrderOfTheList, so that whoever reads its heartbeats
// knows which files are there.
func TestUploadCountsInTheOrderOfTheList(t *testing.T) {
	t.Parallel()
	u := upload{done: make([]bool, 4), files: make([]int64, 4), beat: beat{last: time.Now().Add(time.Hour)}} // it does not heartbeat
	for _, step := range []struct {
		part, files int
		want        workload.Progress
	}{
		{part: 2, files: 3, want: workload.Progress{}},
		{part: 0, files: 5, want: workload.Progress{Files: 5, Part: 1}},
		{part: 1, files: 5, want: workload.Progress{Files: 13, Part: 3}},
		{part: 3, files: 0, want: workload.Progress{Files: 13, Part: 4}}, // all done by a run before
	} {
		u.committed(step.part, step.files)
		require.Equal(t, step.want, u.beat.progress, "after part %d", step.part)
	}
}

func (w *world) blobs(container string) []string {
	w.t.Helper()
	var names []string
	require.NoError(w.t, transfer.WalkContainer(w.t.Context(), w.Storage.Container(container), "", nil, func(blob transfer.Blob) error {
		names = append(names, blob.Blob)
		return nil
	}))
	return names
}
