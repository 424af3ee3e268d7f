package transfer

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRequests(t *testing.T) {
	t.Parallel()
	for size, want := range map[int64]int64{0: 1, 1: 1, leastBlock: 1, leastBlock + 1: 3, 10 * leastBlock: 11} {
		require.Equal(t, want, Requests(size), size)
	}
}

// TestWalkOn names every file that cannot be used, and yields the others.
func TestWalkOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.txt"), nil, 0o600))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "b.txt")))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "c.txt")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "d.txt"), nil, 0o600))
	var names []string
	var problems []error
	err := new(Survey).WalkOn(t.Context(), dir, nil, func(f File) error { names = append(names, f.Name); return nil },
		func(err error) { problems = append(problems, err) })
	require.NoError(t, err)
	require.Equal(t, []string{"a.txt", "d.txt"}, names)
	require.Len(t, problems, 2)
	require.ErrorContains(t, problems[1], "c.txt")
}
