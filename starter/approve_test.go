package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
)

// TestAnApprovalOutlivesItsWorker: what Temporal says while a run's workers die
// is no answer.
func TestAnApprovalOutlivesItsWorker(t *testing.T) {
	t.Parallel()
	notReady := serviceerror.NewWorkflowNotReady("Unable to perform workflow execution update due to Workflow Task in failed state.")
	require.True(t, answersLater(fmt.Errorf("approve: %w", notReady)))
	require.True(t, answersLater(serviceerror.NewUnavailable("connection refused")))
	require.False(t, answersLater(errors.New("there is nothing left to decide")))
	require.False(t, answersLater(serviceerror.NewNotFound("no such run")))
}
