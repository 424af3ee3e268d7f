package workflows_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/durabatch/durabatch/workflows"
)

// paths are the ways that a run, or the Janitor, can take. What only an activity
// sees, such as a quota that is waited for or a lease that lapsed, is no way of
// its own: the workflow asks for the same steps. Nor is encryption.
var paths = []string{
	// to the end, by what is decided over job and pool
	"success", "signal", "update", "signal-ignored", "cleaned-always", "kept-always", "silence-deletes", "silence-keeps",
	"rejection", "rejection-before-keep", "keep-job", "keep-pool", "cancel-in-approval", "reset-in-approval",
	// on what the user has
	"container-inputs", "own-pool",
	// to another outcome
	"failure", "outputs-not-fetched", "timeout", "timeout-early", "cancel", "cancel-at-once", "early-failure",
	"job-terminated", "job-deleted", "pool-deleted",
	// nowhere
	"refused", "no-files", "no-worker", "pool-not-ours", "pool-not-there",
	// with something killed on the way
	"worker-killed", "temporal-killed", "batch-killed", "all-killed",
	"janitor-dry", "janitor-deletes",
}

// TestEachPathHasItsHistory: make histories records those that are missing.
func TestEachPathHasItsHistory(t *testing.T) {
	t.Parallel()
	for _, path := range paths {
		require.FileExists(t, filepath.Join("testdata", "history", path+".json"))
	}
}

// TestReplay: every run that is in testdata/history could go on with the
// workflow as it is now. They were recorded by make histories, on a real stack.
// A change that breaks one breaks runs that are on their way: it needs
// workflow.GetVersion, not another history.
func TestReplay(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "history", "*.json"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), len(paths))
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			t.Parallel()
			require.NoError(t, replay(t, file, workflows.RunWorkload, workflows.Janitor))
		})
	}
}

// TestReplayNoticesAnotherWorkflow, so that the test above can fail.
func TestReplayNoticesAnotherWorkflow(t *testing.T) {
	t.Parallel()
	other := func(ctx workflow.Context) error { return workflow.Sleep(ctx, 1) }
	require.ErrorContains(t, replay(t, filepath.Join("testdata", "history", "success.json"), other, other), "TMPRL1100")
	require.ErrorContains(t, replay(t, filepath.Join("testdata", "history", "janitor-dry.json"), other, other), "TMPRL1100")
}

var silent = log.NewStructuredLogger(slog.New(slog.DiscardHandler))

// replay runs the history in file as a run of one of the given workflows.
func replay(t *testing.T, file string, runWorkload, janitor any) error {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	history, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
	require.NoError(t, err)
	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(runWorkload, workflow.RegisterOptions{Name: "RunWorkload"})
	replayer.RegisterWorkflowWithOptions(janitor, workflow.RegisterOptions{Name: "Janitor"})
	return replayer.ReplayWorkflowHistory(silent, history)
}
