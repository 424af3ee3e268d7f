package activities

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFetchBringsWhatResultsName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write("keep.txt")
	scanned := w.ran("a b.txt", "d/it's.txt")
	mustRun(w, w.Gather, w.gatherInput(scanned.Files))
	w.put("stray.out", "of no task")

	dir := filepath.Join(t.TempDir(), "not", "there yet")
	in := FetchInput{Container: w.out(), Directory: dir, Files: scanned.Files}
	require.Equal(t, FetchResult{Outputs: 3, Bytes: 25}, mustRun(w, w.Fetch, in))
	for file, content := range map[string]string{"a b.out": "a b.txt", "d/it's.out": "d/it's.txt", "keep.out": "keep.txt"} {
		got, err := os.ReadFile(filepath.Join(dir, file))
		require.NoError(t, err)
		require.Equal(t, content, string(got))
	}
	require.NoFileExists(t, filepath.Join(dir, "stray.out"))

	w.put("a b.out", "somebody else's")
	require.NoError(t, os.Remove(filepath.Join(dir, "a b.out")))
	_, err := run(w, w.Fetch, in)
	requireRefused(w, err, OutputChanged)
	require.ErrorContains(t, err, "a b.out")
	require.NoFileExists(t, filepath.Join(dir, "a b.out"), "what is not the output is not left in its place")
}
