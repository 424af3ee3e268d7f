package main

import (
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// leave starts a process as a stack would have left it behind, and writes the
// files that tell of it.
func leave(t *testing.T, dir, name, began string) int {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = ownGroup(syscall.SIGKILL)
	ended, err := begin(cmd)
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), <-ended })
	if began == "" {
		began, err = processBegan(cmd.Process.Pid)
		require.NoError(t, err)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, name+".pid"), []byte(strconv.Itoa(cmd.Process.Pid)+"\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, name+".began"), []byte(began+"\n"), 0o600))
	return cmd.Process.Pid
}

func TestEndOrphans(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ours := leave(t, dir, "worker", "")
	strangers := leave(t, dir, "batch", "some other time")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "azurite.pid"), []byte("junk"), 0o600))
	log := slog.New(slog.DiscardHandler)

	require.NoError(t, endOrphans(t.Context(), dir, stopOrder, log))

	require.Eventually(t, func() bool { return !runs(ours) }, deadline, time.Millisecond)
	require.True(t, runs(strangers), "a process that has only the id of ours was ended")
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Empty(t, left)
	require.NoError(t, endOrphans(t.Context(), dir, stopOrder, log), "with nothing there")
}
