package e2e

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

// TestJanitor: what a terminated run leaves is found and deleted; what lives,
// and what somebody keeps, is not.
func TestJanitor(t *testing.T) {
	t.Parallel()
	s := ownStack(t) // a sweep sees the whole account
	alive, _ := s.startSlowRun(t)
	terminated, left := s.startSlowRun(t)
	kept := s.rejectedRun(t)
	s.temporalCLI(t, "workflow", "terminate", "--workflow-id", terminated, "--reason", "a test")

	until(t, runBound, "the grace time is over", func() bool {
		dry := s.sweep(t, "run", "--grace", "1s")
		require.False(t, dry.Deleted)
		return dry.Pools == 1
	})
	require.True(t, s.poolExists(t, left.Pool), "a dry run deletes nothing")

	began := time.Now()
	swept := s.sweep(t, "run", "--delete", "--grace", "1s")
	t.Logf("swept %d pools, %d jobs, %d input containers in %s", swept.Pools, swept.Jobs, swept.Inputs, time.Since(began).Round(time.Millisecond))
	require.Equal(t, []int{1, 1, 1, 0}, []int{swept.Pools, swept.Jobs, swept.Inputs, swept.Failed})
	require.Equal(t, []int{3, 2}, []int{swept.Alive, swept.Kept})
	require.InDelta(t, 24, swept.NodeHours, 1e-9)
	s.requireCleanedUp(t, left)
	require.True(t, s.poolExists(t, kept.Pool) && s.jobExists(t, kept.Job), "somebody decided to keep them")

	require.Equal(t, exitSucceeded, s.starter(t, "cancel", alive).code)
	require.Equal(t, workload.Cancelled, s.reportOf(t, alive, exitCancelled).Outcome)
}

// TestJanitorOnASchedule is installed, works, and is removed.
func TestJanitorOnASchedule(t *testing.T) {
	t.Parallel()
	s := ownStack(t)
	id, left := s.startSlowRun(t)
	s.temporalCLI(t, "workflow", "terminate", "--workflow-id", id, "--reason", "a test")
	for range 2 { // installing it again changes its settings
		got := s.starter(t, "janitor", "install", "--every", "1m", "--grace", "1s")
		require.Equal(t, exitSucceeded, got.code, got.stderr)
		require.Contains(t, got.stdout, "The Janitor looks every 1m and deletes what nobody has owned for 1s")
	}
	require.True(t, s.poolExists(t, left.Pool), "installing deletes nothing")
	s.temporalCLI(t, "schedule", "trigger", "--schedule-id", workflows.JanitorSchedule)
	until(t, runBound, "the Janitor has deleted what is left", func() bool {
		return !s.poolExists(t, left.Pool) && !s.jobExists(t, left.Job) && !s.containerExists(t, left.InputContainer)
	})
	require.Equal(t, exitSucceeded, s.starter(t, "janitor", "remove").code)
	got := s.starter(t, "janitor", "remove")
	require.Equal(t, exitUsage, got.code)
	require.Contains(t, got.stderr, "is not installed")
}

// startSlowRun starts a run and returns when one of its tasks runs.
func (s *stack) startSlowRun(t *testing.T) (string, workload.Resources) {
	t.Helper()
	dir := t.TempDir()
	writeNumbered(t, dir, 1)
	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}", poolOf(1), `task: {command: "sleep 3600", output: "{{stem}}.out"}`)
	id := newID(t)
	s.start(t, id, file)
	r := s.resources(t, id)
	until(t, runBound, "a task runs", func() bool {
		counts, err := s.batch.GetJobTaskCounts(t.Context(), r.Job, nil)
		return err == nil && *counts.TaskCounts.Running == 1
	})
	return id, r
}

// rejectedRun is a run that has ended, and whose job and pool somebody keeps.
func (s *stack) rejectedRun(t *testing.T) workload.Resources {
	t.Helper()
	dir := t.TempDir()
	writeNumbered(t, dir, 1)
	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}", poolOf(1), `task: {command: "cp {{input}} {{output}}", output: "{{stem}}.out"}`)
	id := newID(t)
	s.start(t, id, file)
	r := s.untilApproval(t, id).Resources
	require.Equal(t, exitSucceeded, s.starter(t, "reject", id).code)
	s.reportOf(t, id, exitSucceeded)
	return r
}

func (s *stack) sweep(t *testing.T, args ...string) workflows.SweepResult {
	t.Helper()
	got := s.starter(t, append([]string{"janitor", "--json"}, args...)...)
	require.Equal(t, exitSucceeded, got.code, got.stderr)
	var result workflows.SweepResult
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &result), got.stdout)
	return result
}
