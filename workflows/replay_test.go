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

// TestReplay: every run that is in testdata/history could go on with the
// workflow as it is now. They were written by go test ./e2e -update, on a real
// stack. A change that breaks one breaks runs that are on their way: it needs
// workflow.GetVersion, not another history.
func TestReplay(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "history", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			t.Parallel()
			require.NoError(t, replay(t, file, workflows.RunWorkload))
		})
	}
}

// TestReplayNoticesAnotherWorkflow, so that the test above can fail.
func TestReplayNoticesAnotherWorkflow(t *testing.T) {
	t.Parallel()
	other := func(ctx workflow.Context) error { return workflow.Sleep(ctx, 1) }
	require.ErrorContains(t, replay(t, filepath.Join("testdata", "history", "success.json"), other), "TMPRL1100")
}

var silent = log.NewStructuredLogger(slog.New(slog.DiscardHandler))

// replay runs the history in file as a run of the given workflow.
func replay(t *testing.T, file string, as any) error {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	history, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
	require.NoError(t, err)
	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(as, workflow.RegisterOptions{Name: "RunWorkload"})
	return replayer.ReplayWorkflowHistory(silent, history)
}
