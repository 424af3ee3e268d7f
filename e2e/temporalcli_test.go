package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

// rendered writes what starter render makes of a small workload to a file.
func rendered(t *testing.T, s *stack) string {
	t.Helper()
	dir := t.TempDir()
	writeNumbered(t, dir, 2)
	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}", poolOf(2),
		`task: {command: "cp {{input}} {{output}}", output: "{{stem}}.out"}`)
	got := s.starter(t, "render", file)
	require.Equal(t, exitSucceeded, got.code, got.stderr)
	input := filepath.Join(dir, "workload.json")
	require.NoError(t, os.WriteFile(input, []byte(got.stdout), 0o644))
	return input
}

func (s *stack) startByCLI(t *testing.T, id, input string) {
	t.Helper()
	s.temporalCLI(t, "workflow", "start", "--type", "RunWorkload", "--task-queue", "durabatch",
		"--workflow-id", id, "--input-file", input)
}

// TestTemporalCLI: with the Temporal CLI alone a run is started, queried,
// signalled, and its report read.
func TestTemporalCLI(t *testing.T) {
	t.Parallel()
	s := shared(t)
	id := newID(t)
	s.startByCLI(t, id, rendered(t, s))
	s.untilApproval(t, id)

	var queried struct{ QueryResult []workflows.Status }
	require.NoError(t, json.Unmarshal(s.temporalCLI(t, "workflow", "query", "--workflow-id", id, "--type", "status", "--output", "json"), &queried))
	require.Len(t, queried.QueryResult, 1)
	require.Equal(t, "approval", queried.QueryResult[0].Phase)
	require.Equal(t, workload.Succeeded, queried.QueryResult[0].Report.Outcome)

	s.temporalCLI(t, "workflow", "signal", "--workflow-id", id, "--name", "cleanup-approval", "--input", `{"approve":true}`)
	var ended struct{ Result workload.Report }
	require.NoError(t, json.Unmarshal(s.temporalCLI(t, "workflow", "result", "--workflow-id", id, "--output", "json"), &ended))
	require.Equal(t, workload.Succeeded, ended.Result.Outcome)
	s.requireCleanedUp(t, ended.Result.Resources)
	s.checkHistory(t, id, "signal", numbered(0))
}

// TestUpdateByTemporalCLI: the update answers what was done, once it is.
func TestUpdateByTemporalCLI(t *testing.T) {
	t.Parallel()
	s := shared(t)
	id := newID(t)
	s.startByCLI(t, id, rendered(t, s))
	resources := s.untilApproval(t, id).Resources

	var answered struct{ Result workflows.CleanupResult }
	out := s.temporalCLI(t, "workflow", "update", "execute", "--workflow-id", id, "--name", "approve-cleanup",
		"--input", `{"approve":true,"deletePool":false}`, "--output", "json")
	require.NoError(t, json.Unmarshal(out, &answered), "%s", out)
	require.True(t, answered.Result.JobDeleted)
	require.False(t, answered.Result.PoolDeleted)
	require.False(t, s.jobExists(t, resources.Job))
	s.requireLeft(t, s.reportOf(t, id, exitSucceeded), false, true)
}

// TestRefusedByTheRun: a workload that no starter has checked is refused by the
// run, with the reason and before anything is created.
func TestRefusedByTheRun(t *testing.T) {
	t.Parallel()
	s := shared(t)
	input := filepath.Join(t.TempDir(), "workload.json")
	require.NoError(t, os.WriteFile(input, []byte(`{"name": "e2e", "inputs": {"dir": "/nowhere/at/all"}, "pool": {"id": "p"},
		"task": {"command": "true", "output": "{{stem}}.out", "maxRetires": 2}}`), 0o644))
	id := newID(t)
	s.startByCLI(t, id, input)
	s.untilClosed(t, id)
	got := s.starter(t, "watch", id)
	require.Equal(t, exitUsage, got.code, got.stderr)
	require.Contains(t, got.stdout, "task.maxRetires")
	require.Contains(t, got.stdout, "maxRetries")
	require.False(t, s.anythingCreated(t, id))
}
