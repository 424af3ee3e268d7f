package activities

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workload"
)

// TestScanThatIsRefusedLeavesNothing changes the directory when Scan has judged
// it, has made the containers and writes the list.
func TestScanThatIsRefusedLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*world){
		"a file vanishes": func(w *world) { require.NoError(t, os.Remove(filepath.Join(w.dir, "z", "last.txt"))) },
		"a file appears":  func(w *world) { w.write("z/new.txt") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.write("a.txt", "z/last.txt")
			changed := false
			_, err := run(w, w.Scan, w.scanInput(), heard(func(p workload.Progress) {
				if p.Total > 0 && !changed {
					changed = true
					require.True(t, w.hasContainer(w.in()))
					require.True(t, w.hasContainer(w.out()))
					change(w)
				}
			}))
			require.True(t, changed)
			requireRefused(w, err, InvalidWorkload)
			require.ErrorContains(t, err, "changed while it was read")
			require.False(t, w.hasContainer(w.in()))
			require.False(t, w.hasContainer(w.out()))
		})
	}
}

// TestScanRefusedLaterLeavesNothing of an attempt that came further.
func TestScanRefusedLaterLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write("a.txt")
	mustRun(w, w.Scan, w.scanInput())
	require.NoError(t, os.Remove(filepath.Join(w.dir, "a.txt")))
	_, err := run(w, w.Scan, w.scanInput(), again)
	requireRefused(w, err, InvalidWorkload)
	require.False(t, w.hasContainer(w.in()))
	require.False(t, w.hasContainer(w.out()))
}

// TestScanOfAContainerReadsIt and makes only the output container.
func TestScanOfAContainerReadsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	source := azurite.NewContainer(t)
	_, err := source.NewBlockBlobClient("clips/a.txt").UploadBuffer(t.Context(), []byte("abc"), nil)
	require.NoError(t, err)
	properties, err := source.GetProperties(t.Context(), nil)
	require.NoError(t, err)
	in := w.scanInput()
	in.Inputs = workload.Inputs{Container: filepath.Base(source.URL()), Prefix: "clips/", Match: []string{"*"}}
	require.Equal(t, ScanResult{Files: 1, Bytes: 3, Parts: 1}, mustRun(w, w.Scan, in))
	inputs, last, err := w.inputParts(w.out(), listPrefix).Read(t.Context(), 0)
	require.NoError(t, err)
	require.True(t, last)
	require.Equal(t, "a.txt", inputs[0].Name)
	require.Equal(t, "clips/a.txt", inputs[0].Blob)
	require.False(t, w.hasContainer(w.in()))
	after, err := source.GetProperties(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, properties.ETag, after.ETag)
}

// TestScanTellsWhatItLeftOut, for the run's report.
func TestScanTellsWhatItLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write("a.txt")
	in := w.scanInput()
	in.Inputs.Match = []string{"*.txt", "*.mov"}
	require.Equal(t, []string{w.dir + `: nothing matches the pattern "*.mov"`}, mustRun(w, w.Scan, in).Notes)
}
