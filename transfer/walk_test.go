package transfer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func walkNames(t *testing.T, root string, match ...string) ([]string, error) {
	t.Helper()
	var names []string
	err := Walk(t.Context(), root, match, func(f File) error {
		info, err := os.Stat(f.Path)
		require.NoError(t, err)
		require.Equal(t, info.Size(), f.Size)
		require.True(t, info.ModTime().Equal(f.ModTime))
		names = append(names, f.Name)
		return nil
	})
	return names, err
}

func TestWalkMatches(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a.txt", "a/b.mp4", "a/c/d.mp4", "a/c/.e.mp4", "ab.mp4", "z", "x/[1].mp4"} {
		writeFile(t, dir, name, []byte(name))
	}
	for name, test := range map[string]struct{ match, want []string }{
		"no pattern, in the order of Blob": {nil, []string{"a.txt", "a/b.mp4", "a/c/.e.mp4", "a/c/d.mp4", "ab.mp4", "x/[1].mp4", "z"}},
		"base name at every depth":         {[]string{"*.mp4"}, []string{"a/b.mp4", "a/c/.e.mp4", "a/c/d.mp4", "ab.mp4", "x/[1].mp4"}},
		"path of one level":                {[]string{"a/*"}, []string{"a/b.mp4"}},
		"path of any level":                {[]string{"a/**"}, []string{"a/b.mp4", "a/c/.e.mp4", "a/c/d.mp4"}},
		"path of any level, and a name":    {[]string{"**/d.mp4"}, []string{"a/c/d.mp4"}},
		"several":                          {[]string{"z", "*.txt"}, []string{"a.txt", "z"}},
		"alternatives":                     {[]string{"{z,a.*}"}, []string{"a.txt", "z"}},
		"a class, and literal characters":  {[]string{`\[[0-9]\].mp4`}, []string{"x/[1].mp4"}},
		"nothing":                          {[]string{"*.mp3"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			names, err := walkNames(t, dir, test.match...)
			require.NoError(t, err)
			require.Equal(t, test.want, names)
		})
	}
}

func TestWalkTakesRegularFilesAndLinksToThem(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), t.TempDir()
	writeFile(t, elsewhere, "target.txt", []byte("target"))
	writeFile(t, elsewhere, "sub/inside.txt", nil)
	writeFile(t, dir, "real.txt", nil)
	require.NoError(t, os.Symlink(filepath.Join(elsewhere, "target.txt"), filepath.Join(dir, "link.txt")))
	require.NoError(t, os.Symlink(elsewhere, filepath.Join(dir, "linkeddir")))
	require.NoError(t, os.Symlink(dir, filepath.Join(dir, "loop")))
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o666))
	names, err := walkNames(t, dir)
	require.NoError(t, err)
	require.Equal(t, []string{"link.txt", "real.txt"}, names)
}

func TestWalkNamesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		make  func(t *testing.T, dir string)
		match string
		want  string
	}{
		"a link to nothing": {func(t *testing.T, dir string) {
			require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "dangling.mp4")))
		}, "*.mp4", "dangling.mp4"},
		"a file name that is not UTF-8": {func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "caf\xe9.mp4"), nil, 0o666))
		}, "*.mp4", `caf\xe9.mp4`},
		"a directory name that is not UTF-8": {func(t *testing.T, dir string) {
			writeFile(t, dir, "caf\xe9/a.mp4", nil)
		}, "*.mp4", `caf\xe9`},
		"a link that leads in a circle": {func(t *testing.T, dir string) {
			require.NoError(t, os.Symlink("circle.mp4", filepath.Join(dir, "circle.mp4")))
		}, "*.mp4", "circle.mp4"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			test.make(t, dir)
			_, err := walkNames(t, dir, test.match)
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "\xe9")
		})
	}
}

func TestWalkIgnoresBadFilesThatDoNotMatch(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "dangling")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "caf\xe9.txt"), nil, 0o666))
	names, err := walkNames(t, dir, "*.mp4")
	require.NoError(t, err)
	require.Empty(t, names)
}

func TestWalkOfWhatIsNoDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir, "file", nil)
	_, err := walkNames(t, filepath.Join(dir, "missing"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "missing")
	_, err = walkNames(t, filepath.Join(dir, "file"))
	require.ErrorContains(t, err, "is not a directory")
}

func TestWalkEndsWithItsCallerAndItsContext(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir, "a", nil)
	writeFile(t, dir, "b", nil)
	enough := errors.New("enough")
	calls := 0
	require.ErrorIs(t, Walk(t.Context(), dir, nil, func(File) error { calls++; return enough }), enough)
	require.Equal(t, 1, calls)

	ctx, cancel := context.WithCancel(t.Context())
	require.ErrorIs(t, Walk(ctx, dir, nil, func(File) error { cancel(); return nil }), context.Canceled)
}

func TestValidPattern(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"*", "*.mp4", "**/*.mp4", "a/b", "[a-c]?", "{a,b}.txt", `\*`, "two words"} {
		require.NoError(t, ValidPattern(good), good)
	}
	for _, bad := range []string{"", "[", "a[", "{a", "/abs", "../up", "a/../b", "./a"} {
		require.Error(t, ValidPattern(bad), bad)
		_, err := walkNames(t, t.TempDir(), bad)
		require.Error(t, err, bad)
	}
}

func TestWalkContainer(t *testing.T) {
	t.Parallel()
	c := azurite.NewContainer(t)
	for _, blob := range []string{"videos/a/1.mp4", "videos/a/2.txt", "videos/b.mp4", "videos/", "other/c.mp4"} {
		var text []byte
		if !strings.HasSuffix(blob, "/") {
			text = []byte(blob)
		}
		require.NoError(t, Put(t.Context(), c, blob, text, ""))
	}
	for name, test := range map[string]struct {
		prefix string
		match  []string
		want   []string
	}{
		"all":                         {"", nil, []string{"other/c.mp4", "videos/a/1.mp4", "videos/a/2.txt", "videos/b.mp4"}},
		"a prefix that is a folder":   {"videos/", nil, []string{"a/1.mp4", "a/2.txt", "b.mp4"}},
		"a prefix within a name":      {"videos/a", nil, []string{"a/1.mp4", "a/2.txt"}},
		"a pattern":                   {"videos/", []string{"*.mp4"}, []string{"a/1.mp4", "b.mp4"}},
		"a pattern below the prefix":  {"videos/", []string{"a/*.mp4"}, []string{"a/1.mp4"}},
		"a prefix that nothing bears": {"none", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var names []string
			require.NoError(t, WalkContainer(t.Context(), c, test.prefix, test.match, func(b Blob) error {
				require.EqualValues(t, len(b.Blob), b.Size)
				require.Len(t, b.MD5, 16)
				require.False(t, b.ModTime.IsZero())
				names = append(names, b.Name)
				return nil
			}))
			require.Equal(t, test.want, names)
		})
	}
}

func TestWalkContainerRefusesNamesThatCannotBeFiles(t *testing.T) {
	t.Parallel()
	for _, blob := range []string{"a//b", "/a", "a/../../b", "a/./b"} {
		c := azurite.NewContainer(t)
		require.NoError(t, Put(t.Context(), c, blob, []byte("x"), ""))
		walk := func(match ...string) error {
			return WalkContainer(t.Context(), c, "", match, func(Blob) error { return nil })
		}
		require.ErrorContains(t, walk(), blob)
		require.ErrorIs(t, walk(), ErrName)
		require.NoError(t, walk("*.mp4"), "what does not match is no matter")
	}
}

func TestWalkContainerThatIsNotThere(t *testing.T) {
	t.Parallel()
	err := WalkContainer(t.Context(), azurite.Container(t, "missing"), "", nil, func(Blob) error { return nil })
	require.ErrorContains(t, err, "list container missing")
}
