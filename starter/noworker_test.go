package main

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/durabatch/durabatch/workflows"
)

// TestDecisionsWithoutAWorker say that nobody is there to carry them out, and
// what to start.
func TestDecisionsWithoutAWorker(t *testing.T) {
	t.Parallel()
	server := startTemporal(t, "", "")
	const id = "a-run"
	_, err := server.Client().ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: workflows.TaskQueue}, workflowType)
	require.NoError(t, err)
	for _, verb := range []string{"approve", "reject"} {
		i := invoke(t, server.FrontendHostPort(), nil, verb, id)
		i.warns(t, "Warning: no worker polls the task queue durabatch; the run waits until one does. Start one: bin/worker\n")
		i.warns(t, "No worker answers on the task queue durabatch, so nobody takes the decision yet; it waits for one. Start one: bin/worker\n")
		i.interrupt()
		require.Equal(t, exitInterrupted, i.ends(t))
	}
	i := invoke(t, server.FrontendHostPort(), nil, "cancel", id)
	require.Equal(t, exitSucceeded, i.ends(t), i.stderr.String())
	require.Contains(t, i.stderr.String(), "Warning: no worker polls the task queue durabatch")
}
