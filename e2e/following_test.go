package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workload"
)

// TestComeBack: Ctrl-C stops the following, never the run.
func TestComeBack(t *testing.T) {
	t.Parallel()
	s := shared(t)
	k := newKilling(t, s, 2, false)
	follower := s.begin(t, "run", "--id", k.id, k.file)
	s.untilRunning(t, k.id, 2)
	require.NoError(t, follower.Process.Signal(os.Interrupt))
	left := follower.wait(t)
	require.Equal(t, exitInterrupted, left.code, left.stderr)
	require.Contains(t, left.stdout, "Come back with: starter watch "+k.id)

	k.open(t)
	back := s.starter(t, "watch", "--json", "--yes", k.id)
	require.Equal(t, exitSucceeded, back.code, back.stderr)
	k.requireWhole(t, back.report(t))
}

// TestUnreachable: no Temporal is an exit code of its own.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	s := *shared(t)
	s.env = map[string]string{"TEMPORAL_ADDRESS": "127.0.0.1:1"}
	got := s.starter(t, "status", "some-run")
	require.Equal(t, exitUnreachable, got.code, got.stderr)
	require.Contains(t, got.stderr, "Temporal does not answer at 127.0.0.1:1")
}

// TestLocalRun is what make run does: the stack for one run, and nothing of it
// afterwards. Its exit code is the run's.
func TestLocalRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeInput(t, dir, filepath.Base(samples(t)[0]), readFile(t, samples(t)[0]))
	writeInput(t, dir, "not a video.mp4", []byte("this is text\n"))
	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}", poolOf(1), mp3, "outputs: {dir: OutputFiles}")
	data := filepath.Join(dir, "data")
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(filepath.Join(bin, "local"), "run", "--data", data, "--json", "--yes", file)
	cmd.Env = localEnviron()
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	local, err := startChild(cmd)
	require.NoError(t, err)
	<-local.ended
	exit := (*exec.ExitError)(nil)
	require.ErrorAs(t, local.err, &exit, stderr.String())
	require.Equal(t, exitFailed, exit.Sys().(syscall.WaitStatus).ExitStatus(), stderr.String())

	report := result{stdout: stdout.String(), stderr: stderr.String()}.report(t)
	require.Equal(t, workload.Counts{Total: 2, Succeeded: 1, Failed: 1}, report.Counts)
	require.Len(t, outputsIn(t, filepath.Join(dir, "OutputFiles")), 1)
	left, err := processesWith(data)
	require.NoError(t, err)
	require.Empty(t, left)
}
