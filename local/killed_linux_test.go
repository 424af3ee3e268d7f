package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// superviseEnv makes this test binary a program that supervises one part in
// the directory it names, and never stops it.
const superviseEnv = "DURABATCH_TEST_SUPERVISE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(superviseEnv); dir != "" {
		superviseForever(dir)
	}
	os.Exit(m.Run())
}

func superviseForever(dir string) {
	s := &supervisor{dir: dir, log: slog.New(slog.DiscardHandler), backoff: doubling, patience: deadline}
	if err := s.start(context.Background(), script(dir, "a", "touch up-a; exec sleep 1000")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {}
}

func TestPartsEndWhenTheSupervisorIsKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), superviseEnv+"="+dir)
	cmd.Stderr = os.Stderr
	ended, err := begin(cmd)
	require.NoError(t, err)
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(dir, "a.pid"))
		return err == nil
	}, deadline, time.Millisecond)
	part := readInt(t, dir, "a.pid")
	require.True(t, runs(part))

	require.NoError(t, cmd.Process.Signal(syscall.SIGKILL))
	require.Error(t, <-ended)

	require.Eventually(t, func() bool { return !runs(part) }, deadline, time.Millisecond)
}
