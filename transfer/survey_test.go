package transfer

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestSurveyTellsWhatWasLeftOut and what nothing matched, and is silent where
// all is as one expects.
func TestSurveyTellsWhatWasLeftOut(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "survey") // the path of a socket is short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Mkdir(filepath.Join(dir, "d"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "d", "a.mp4"), nil, 0o600))
	require.NoError(t, unix.Mkfifo(filepath.Join(dir, "d", "fifo.mp4"), 0o600))
	require.NoError(t, os.Symlink(filepath.Join(dir, "d"), filepath.Join(dir, "link.mp4")))
	listener, err := net.Listen("unix", filepath.Join(dir, "socket.mp4"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })

	var survey Survey
	look := func(match ...string) (files int) {
		require.NoError(t, survey.Walk(t.Context(), dir, match, func(File) error { files++; return nil }))
		return files
	}
	require.Equal(t, 1, look("*.mp4", "*.mov", "d/**"))
	require.Equal(t, []string{
		`3 that match are no regular files and were left out; the first is "d/fifo.mp4", a named pipe`,
		`nothing matches the pattern "*.mov"`,
	}, survey.Notes())
	require.Equal(t, 1, look("a.*", "d/a.*"))
	require.Empty(t, survey.Notes())
	require.Equal(t, 1, look())
	require.Len(t, survey.Notes(), 1)
}

func TestSurveyOfAContainer(t *testing.T) {
	t.Parallel()
	c := azurite.NewContainer(t)
	_, err := c.NewBlockBlobClient("a.mp4").UploadBuffer(t.Context(), nil, nil)
	require.NoError(t, err)
	var survey Survey
	require.NoError(t, survey.WalkContainer(t.Context(), c, "", []string{"*.mp4", "*.mov"}, func(Blob) error { return nil }))
	require.Equal(t, []string{`nothing matches the pattern "*.mov"`}, survey.Notes())
}
