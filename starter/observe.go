package main

import (
	"context"
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/converter"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

// sighting is what can be seen of a run at one moment.
type sighting struct {
	id, runID  string
	firstRunID string // what the run's resources are named by
	execution  enumspb.WorkflowExecutionStatus
	started    time.Time
	closed     time.Time // zero: it goes on
	activities []activity
	status     *workflows.Status // nil: no worker has answered
}

// activity is one step that works or waits for its next attempt. Temporal's
// server itself knows it, so it can be seen with every worker dead.
type activity struct {
	ID       string            `json:"id"`
	Type     string            `json:"type"`
	Attempt  int32             `json:"attempt"`
	Failure  string            `json:"lastFailure,omitempty"` // of the attempt before
	Next     time.Time         `json:"nextAttempt,omitzero"`  // zero: it is on
	Progress workload.Progress `json:"progress,omitzero"`
}

// queryTimeout bounds the wait for a worker, which may not exist.
const queryTimeout = 2 * time.Second

// describe looks at a run through the server alone. An empty runID is the
// latest run of that workflow id.
func (t *server) describe(ctx context.Context, id, runID string) (sighting, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	described, err := t.DescribeWorkflowExecution(ctx, id, runID)
	if err != nil {
		return sighting{}, err
	}
	info := described.GetWorkflowExecutionInfo()
	seen := sighting{
		id:         id,
		runID:      info.GetExecution().GetRunId(),
		firstRunID: info.GetFirstRunId(),
		execution:  info.GetStatus(),
		started:    info.GetStartTime().AsTime(),
	}
	if info.GetCloseTime() != nil {
		seen.closed = info.GetCloseTime().AsTime()
	}
	for _, pending := range described.GetPendingActivities() {
		seen.activities = append(seen.activities, activityOf(pending))
	}
	return seen, nil
}

// describeOpen looks at a run that goes on; one that is over is an error that
// says so. doing and verb name what was to be done with it: "decide over" it,
// nothing left to "decide".
func (t *server) describeOpen(ctx context.Context, id, doing, verb string) (sighting, error) {
	seen, err := t.describe(ctx, id, "")
	if err != nil {
		return seen, t.explain(err, id, doing)
	}
	if isClosed(seen.execution) {
		return seen, failedf("run %s is over; there is nothing left to %s. What became of it: starter status %s", nameOf(id), verb, shellWord(id))
	}
	return seen, nil
}

func activityOf(pending *workflow.PendingActivityInfo) activity {
	a := activity{
		ID:      pending.GetActivityId(),
		Type:    pending.GetActivityType().GetName(),
		Attempt: pending.GetAttempt(),
		Failure: failureOf(pending.GetLastFailure()),
	}
	if next := pending.GetNextAttemptScheduleTime(); next != nil {
		a.Next = next.AsTime()
	}
	if details := pending.GetHeartbeatDetails(); details != nil {
		var progress workload.Progress
		if converter.GetDefaultDataConverter().FromPayloads(details, &progress) == nil {
			a.Progress = progress
		}
	}
	return a
}

// failureOf is the innermost message: the ones around it say which call failed,
// which people can see without them. One that is no fault, such as the stop of
// a worker, is none to tell of.
func failureOf(failure *failurepb.Failure) string {
	for failure.GetCause() != nil {
		failure = failure.GetCause()
	}
	if failure.GetApplicationFailureInfo().GetCategory() == enumspb.APPLICATION_ERROR_CATEGORY_BENIGN {
		return ""
	}
	return azure.Scrub(failure.GetMessage())
}

// status asks the run itself, by way of a worker.
func (t *server) status(ctx context.Context, id, runID string) (*workflows.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	answer, err := t.QueryWorkflow(ctx, id, runID, workflows.StatusQuery)
	if err != nil {
		return nil, err
	}
	status := new(workflows.Status)
	if err := answer.Get(status); err != nil {
		return nil, err
	}
	return status, nil
}

// result is the report of a run that is over. Where the run has none (refused,
// terminated, lost), it answers one with what there is to say, and the error
// that the run ended with.
func (t *server) result(ctx context.Context, seen sighting) (workload.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var report workload.Report
	err := t.GetWorkflow(ctx, seen.id, seen.runID).Get(ctx, &report)
	if err == nil && report.Outcome != "" {
		return report, nil
	}
	if ctx.Err() != nil || isUnreachable(err) {
		return workload.Report{}, errors.Join(err, ctx.Err())
	}
	if report, ok := workflows.ReportOf(err); ok {
		return report, nil
	}
	return endWithoutReport(seen, err), nil
}
