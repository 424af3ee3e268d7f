package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

// TestReject: job and pool stay, the pool without nodes, and the report says so
// and what that costs.
func TestReject(t *testing.T) {
	t.Parallel()
	s, id := runToApproval(t)
	got := s.starter(t, "reject", "--json", id)
	require.Equal(t, exitSucceeded, got.code, got.stderr)
	var answer workflows.CleanupResult
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &answer))
	require.False(t, answer.JobDeleted)
	require.False(t, answer.PoolDeleted)

	report := s.reportOf(t, id, exitSucceeded)
	require.Equal(t, workload.Succeeded, report.Outcome, "what was decided over the pool makes the work no worse")
	s.requireLeft(t, report, true, true)
	s.checkHistory(t, id, "rejection", numbered(0))

	late := s.starter(t, "approve", id)
	require.Equal(t, exitFailed, late.code)
	require.Contains(t, late.stderr, "there is nothing left to decide")
}

// TestKeepJob and TestKeepPool: one is deleted and the other stays.
func TestKeepJob(t *testing.T) {
	t.Parallel()
	s, id := runToApproval(t)
	got := s.starter(t, "approve", "--keep-job", id)
	require.Equal(t, exitSucceeded, got.code, got.stderr)
	require.Contains(t, got.stdout, "job kept, pool deleted")
	s.requireLeft(t, s.reportOf(t, id, exitSucceeded), true, false)
}

func TestKeepPool(t *testing.T) {
	t.Parallel()
	s, id := runToApproval(t)
	got := s.starter(t, "approve", "--keep-pool", id)
	require.Equal(t, exitSucceeded, got.code, got.stderr)
	require.Contains(t, got.stdout, "job deleted, pool kept")
	s.requireLeft(t, s.reportOf(t, id, exitSucceeded), false, true)
}

// runToApproval starts a small run on the shared stack and waits until it asks
// for its approval, with no node left by then.
func runToApproval(t *testing.T) (*stack, string) {
	t.Helper()
	s := shared(t)
	dir := t.TempDir()
	writeNumbered(t, dir, 2)
	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}", poolOf(2),
		`task: {command: "cp {{input}} {{output}}", output: "{{stem}}.out"}`)
	id := newID(t)
	s.start(t, id, file)
	status := s.untilApproval(t, id)
	require.Equal(t, workload.Succeeded, status.Report.Outcome)
	until(t, runBound, "the pool has no nodes", func() bool {
		now, target := s.nodes(t, status.Resources.Pool)
		return now == 0 && target == 0
	})
	return s, id
}

// reportOf follows a run to its end.
func (s *stack) reportOf(t *testing.T, id string, code int) workload.Report {
	t.Helper()
	got := s.starter(t, "watch", "--json", id)
	require.Equal(t, code, got.code, got.stderr)
	return got.report(t)
}

// requireLeft compares what the report says is left with what is, and removes
// it.
func (s *stack) requireLeft(t *testing.T, report workload.Report, job, pool bool) {
	t.Helper()
	r := report.Resources
	left := strings.Join(report.Left, "\n")
	require.Equal(t, job, strings.Contains(left, "job "+r.Job+", which costs nothing"), left)
	require.Equal(t, pool, strings.Contains(left, "pool "+r.Pool+", which costs nothing while it has no nodes"), left)
	require.Equal(t, job, s.jobExists(t, r.Job))
	require.Equal(t, pool, s.poolExists(t, r.Pool))
	require.False(t, s.containerExists(t, r.InputContainer), "the inputs go without asking")
	if job {
		_, err := s.batch.DeleteJob(t.Context(), r.Job, nil)
		require.NoError(t, err)
	}
	if pool {
		_, err := s.batch.DeletePool(t.Context(), r.Pool, nil)
		require.NoError(t, err)
	}
}
