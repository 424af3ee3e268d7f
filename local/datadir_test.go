package main

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLockDir is not parallel: a process that another test starts holds a copy
// of the lock between its fork and its exec.
func TestLockDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	lock, err := lockDir(dir)
	require.NoError(t, err)
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())

	_, err = lockDir(dir)
	require.ErrorContains(t, err, "already runs on "+dir)
	require.ErrorContains(t, err, "process "+strconv.Itoa(os.Getpid()))

	require.NoError(t, lock.Close())
	lock, err = lockDir(dir)
	require.NoError(t, err)
	require.NoError(t, lock.Close())
}

func TestLoadKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := loadKey(filepath.Join(dir, "one"))
	require.NoError(t, err)
	bytes, err := base64.StdEncoding.DecodeString(first)
	require.NoError(t, err)
	require.Len(t, bytes, 64)
	info, err := os.Stat(filepath.Join(dir, "one"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	again, err := loadKey(filepath.Join(dir, "one"))
	require.NoError(t, err)
	require.Equal(t, first, again)
	other, err := loadKey(filepath.Join(dir, "two"))
	require.NoError(t, err)
	require.NotEqual(t, first, other)
}

func TestTail(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	require.Empty(t, tail(path, 0), "no file")
	require.NoError(t, os.WriteFile(path, []byte("old\n"+strings.Repeat("line\n", 30)+"last\n"), 0o600))
	require.Equal(t, strings.Repeat("    line\n", 19)+"    last\n", tail(path, 4))
	require.Empty(t, tail(path, 4+31*5))
}

func TestSomebodyElsesDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "thesis.tex"), nil, 0o600))
	_, err := lockDir(dir)
	require.ErrorContains(t, err, "holds files that are no stack's")
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o755), info.Mode().Perm(), "its mode is untouched")
}
