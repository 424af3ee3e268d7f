package transfer

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// nobody makes this thread's file accesses those of a user without rights, as
// root may read everything. The thread ends with the goroutine.
func nobody(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	runtime.LockOSThread()
	_, err := unix.SetfsuidRetUid(65534)
	require.NoError(t, err)
}

func TestWalkNamesWhatItMayNotRead(t *testing.T) {
	for name, test := range map[string]struct{ forbidden, want string }{
		"a file":      {"sub/secret.mp4", "secret.mp4"},
		"a directory": {"sub", "sub"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755)) // which is made for its owner alone
			writeFile(t, dir, "a.mp4", nil)
			writeFile(t, dir, "sub/secret.mp4", nil)
			require.NoError(t, os.Chmod(filepath.Join(dir, test.forbidden), 0))
			failed := make(chan error)
			go func() {
				nobody(t)
				failed <- Walk(t.Context(), dir, nil, func(File) error { return nil })
			}()
			err := <-failed
			require.ErrorIs(t, err, os.ErrPermission)
			require.ErrorContains(t, err, test.want)
			require.NoError(t, os.Chmod(filepath.Join(dir, test.forbidden), 0o700))
		})
	}
}
