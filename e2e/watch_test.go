package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/converter"

	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

// status is what the run says of itself; ok is false where no worker answers.
func (s *stack) status(t *testing.T, id string) (status workflows.Status, ok bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	answer, err := s.temporal.QueryWorkflow(ctx, id, "", workflows.StatusQuery)
	if err != nil {
		return status, false
	}
	require.NoError(t, answer.Get(&status))
	return status, true
}

// resources are the names of what the run creates.
func (s *stack) resources(t *testing.T, id string) workload.Resources {
	t.Helper()
	var found workload.Resources
	until(t, time.Minute, "the run says what it creates", func() bool {
		status, ok := s.status(t, id)
		found = status.Resources
		return ok
	})
	return found
}

// progress is what an activity that goes on last said of itself, as Temporal's
// server knows it with every worker dead; ok is false where none of that type
// goes on.
func (s *stack) progress(t *testing.T, id, activity string) (progress workload.Progress, ok bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	described, err := s.temporal.DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return progress, false
	}
	for _, pending := range described.GetPendingActivities() {
		if pending.GetActivityType().GetName() != activity || pending.GetState() != enumspb.PENDING_ACTIVITY_STATE_STARTED {
			continue
		}
		if details := pending.GetHeartbeatDetails(); details != nil {
			require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(details, &progress))
		}
		return progress, true
	}
	return progress, false
}

// untilApproval waits until the run asks for its cleanup approval and returns
// what it says then.
func (s *stack) untilApproval(t *testing.T, id string) workflows.Status {
	t.Helper()
	var status workflows.Status
	until(t, runBound, "the run asks for its cleanup approval", func() bool {
		status, _ = s.status(t, id)
		return !status.ApprovalUntil.IsZero()
	})
	require.NotNil(t, status.Report, "the verdict comes before the question")
	return status
}

// untilRunning waits until so many tasks of the run are running.
func (s *stack) untilRunning(t *testing.T, id string, tasks int64) {
	t.Helper()
	until(t, time.Minute, "tasks run", func() bool {
		progress, ok := s.progress(t, id, "Wait")
		return ok && progress.Counts.Running >= tasks
	})
}
