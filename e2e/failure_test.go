package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

// TestOneBadFile: what ffmpeg refuses is told, and costs the others nothing.
func TestOneBadFile(t *testing.T) {
	t.Parallel()
	s := shared(t)
	dir := t.TempDir()
	for _, sample := range samples(t)[:4] {
		writeInput(t, dir, filepath.Base(sample), readFile(t, sample))
	}
	writeInput(t, dir, "not a video.mp4", []byte("this is text\n"))
	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}", poolOf(2), mp3, "outputs: {dir: OutputFiles}")

	id := newID(t)
	report, told := s.run(t, id, file, exitFailed)

	require.Equal(t, workload.Failed, report.Outcome)
	require.Equal(t, workload.Counts{Total: 5, Succeeded: 4, Failed: 1}, report.Counts)
	require.Len(t, outputsIn(t, filepath.Join(dir, "OutputFiles")), 4)
	require.Contains(t, report.Verdict, `4 of 5 tasks succeeded, 1 failed. First: "not a video.mp4": exit code `)
	require.Len(t, report.Failures, 1)
	failure := report.Failures[0]
	require.Equal(t, "not a video.mp4", failure.Name)
	require.NotZero(t, *failure.ExitCode)
	require.Contains(t, failure.Stderr, "Invalid data found when processing input")
	require.Contains(t, told.stderr, "Invalid data found when processing input")
	for _, result := range s.results(t, report) {
		if result.State == workload.TaskFailed {
			require.Equal(t, int32(3), result.Attempts, "the first try and maxRetries")
			continue
		}
		require.Equal(t, int32(1), result.Attempts)
	}
	s.requireCleanedUp(t, report.Resources)
	s.checkHistory(t, id, "failure", filepath.Base(samples(t)[0]))
}

// TestTimeout: what was not done in time is ended at once, with all of its
// processes, and listed; what was done is kept.
func TestTimeout(t *testing.T) {
	t.Parallel()
	s := shared(t)
	dir := t.TempDir()
	for _, name := range []string{"quick.txt", "slow-1.txt", "slow-2.txt"} {
		writeInput(t, dir, name, []byte(name))
	}
	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}", poolOf(3), `
task:
  command: |
    case {{name}} in slow*) sleep 3600;; esac
    cp {{input}} {{output}}
  output: "{{stem}}.out"
timeout: 10s
outputs: {dir: OutputFiles}
cleanup: {when: always}`)

	id := newID(t)
	report, told := s.run(t, id, file, exitFailed)

	require.Less(t, told.took, 30*time.Second, "20 s after the timeout")
	t.Logf("ended %s after the timeout", told.took-10*time.Second)
	require.Equal(t, workload.TimedOut, report.Outcome)
	require.Equal(t, workload.Counts{Total: 3, Succeeded: 1, Unfinished: 2}, report.Counts)
	require.Equal(t, []string{"quick.out"}, outputsIn(t, filepath.Join(dir, "OutputFiles")))
	states := map[string]string{}
	for _, result := range s.results(t, report) {
		states[result.Name] = result.State
	}
	require.Equal(t, map[string]string{"quick.txt": workload.TaskSucceeded,
		"slow-1.txt": workload.TaskUnfinished, "slow-2.txt": workload.TaskUnfinished}, states)
	left, err := processesWith(report.Resources.Job)
	require.NoError(t, err)
	require.Empty(t, left, "processes of tasks")
	s.requireCleanedUp(t, report.Resources)
	s.checkHistory(t, id, "timeout", "quick.txt")
}

// TestTaskTimeout: a task that reaches its own timeout has failed, whatever its
// exit code; the run goes on.
func TestTaskTimeout(t *testing.T) {
	t.Parallel()
	s := shared(t)
	dir := t.TempDir()
	writeNumbered(t, dir, 2)
	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}", poolOf(2), `
task:
  command: |
    [ {{index}} = 00000000 ] || sleep 3600
    cp {{input}} {{output}}
  output: "{{stem}}.out"
  timeout: 3s`)
	report, _ := s.run(t, newID(t), file, exitFailed)
	require.Equal(t, workload.Failed, report.Outcome)
	require.Equal(t, workload.Counts{Total: 2, Succeeded: 1, Failed: 1}, report.Counts)
	require.Equal(t, numbered(1), report.Failures[0].Name)
	require.Contains(t, report.Failures[0].Message, "longer than its maxWallClockTime allows")
}

// TestStartTaskFails: nobody waits for nodes that cannot come.
func TestStartTaskFails(t *testing.T) {
	t.Parallel()
	s := shared(t)
	dir := t.TempDir()
	writeNumbered(t, dir, 2)
	failed := filepath.Join(dir, "failed")
	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}", `
pool:
  vmSize: Standard_A1_v2
  image: {publisher: canonical, offer: ubuntu-24_04-lts, sku: server, version: latest}
  nodeAgentSku: batch.node.ubuntu 24.04
  spotNodes: 2
  startTask: {command: "echo E: no such package >&2; touch '`+failed+`'; exit 7"}`,
		`task: {command: "cp {{input}} {{output}}", output: "{{stem}}.out"}`)

	id := newID(t)
	follower := s.begin(t, "run", "--json", "--id", id, file)
	status := s.untilApproval(t, id)
	at, err := os.Stat(failed)
	require.NoError(t, err)
	verdict := took(at.ModTime(), status.Step(workflows.StepApproval).Started)
	t.Logf("verdict %s after the last start task failed", verdict)
	require.Less(t, verdict, 10*time.Second)
	require.Equal(t, exitSucceeded, s.starter(t, "approve", id).code)

	ended := follower.wait(t)
	require.Equal(t, exitFailed, ended.code, ended.stderr)
	report := ended.report(t)
	require.Equal(t, workload.Failed, report.Outcome)
	require.Contains(t, report.Verdict, "The start task (pool.startTask) failed on every node of pool "+report.Resources.Pool+" with exit code 7")
	require.Equal(t, "E: no such package", report.Failures[0].Stderr)
	require.Contains(t, ended.stderr, "E: no such package")
	s.requireCleanedUp(t, report.Resources)
	s.checkHistory(t, id, "early-failure")
}

// TestCancel: a person said stop, so nobody is asked.
func TestCancel(t *testing.T) {
	t.Parallel()
	s := shared(t)
	dir := t.TempDir()
	writeNumbered(t, dir, 3)
	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}", poolOf(2),
		`task: {command: "sleep 3600; cp {{input}} {{output}}", output: "{{stem}}.out"}`)

	id := newID(t)
	follower := s.begin(t, "run", "--json", "--id", id, file)
	s.untilRunning(t, id, 2)
	require.Equal(t, exitSucceeded, s.starter(t, "cancel", id).code)

	ended := follower.wait(t)
	require.Equal(t, exitCancelled, ended.code, ended.stderr)
	report := ended.report(t)
	require.Equal(t, workload.Cancelled, report.Outcome)
	require.Equal(t, workload.Counts{Total: 3, Unfinished: 3}, report.Counts)
	require.Empty(t, report.Left)
	s.requireCleanedUp(t, report.Resources)
	left, err := processesWith(report.Resources.Job)
	require.NoError(t, err)
	require.Empty(t, left, "processes of tasks")
	s.checkHistory(t, id, "cancel")
}

// TestNoWorkerForTheFiles: files of a machine that no worker is on are said to
// be out of reach, within minutes, and nothing is created.
func TestNoWorkerForTheFiles(t *testing.T) {
	t.Parallel()
	s := shared(t)
	dir := t.TempDir()
	writeNumbered(t, dir, 1)
	file := writeWorkload(t, dir, "inputs: {dir: "+filepath.Join(dir, "InputFiles")+", host: nowhere}", poolOf(1),
		`task: {command: "cp {{input}} {{output}}", output: "{{stem}}.out"}`)

	id := newID(t)
	report, told := s.run(t, id, file, exitFailed)

	require.Contains(t, told.stderr, "no worker polls the task queue durabatch@nowhere")
	require.Contains(t, report.Verdict, "No worker for the files of nowhere: start bin/worker there (task queue durabatch@nowhere), or correct inputs.host")
	require.Less(t, took(report.Started, report.Ended), 3*time.Minute)
	r := report.Resources
	require.False(t, s.poolExists(t, r.Pool))
	require.False(t, s.jobExists(t, r.Job))
	require.False(t, s.containerExists(t, r.InputContainer))
	require.False(t, s.containerExists(t, r.OutputContainer))
	s.checkHistory(t, id, "no-worker", numbered(0))
}
