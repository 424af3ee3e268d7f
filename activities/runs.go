package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// Runs is what Temporal knows of the runs of one namespace.
type Runs interface {
	// NamespaceID tells the namespace from those of its name elsewhere.
	NamespaceID() string
	// State says whether a run, known by its first run id, lives.
	State(ctx context.Context, workflowID, firstRunID string) (RunState, error)
}

// RunState is whether a run lives and, where Temporal still knows it, when it
// ended and how.
type RunState struct {
	Alive  bool
	Closed time.Time // zero: Temporal does not know the run
	Status string    // Temporal's, of a run that it knows
}

// TemporalRuns are the Runs of a Temporal client's namespace.
type TemporalRuns struct {
	client client.Client
	id     string
}

// NewTemporalRuns asks Temporal which namespace it is that c works in.
func NewTemporalRuns(ctx context.Context, c client.Client, namespace string) (*TemporalRuns, error) {
	described, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	if err != nil {
		return nil, fmt.Errorf("look at Temporal's namespace %s: %w", namespace, err)
	}
	return &TemporalRuns{client: c, id: described.GetNamespaceInfo().GetId()}, nil
}

// NamespaceID implements [Runs].
func (r *TemporalRuns) NamespaceID() string { return r.id }

// State implements [Runs]. A workflow id has one open execution at most, and
// after a reset it is another one than the first, which it still names: the
// run lives if the latest execution is open and began with it.
func (r *TemporalRuns) State(ctx context.Context, workflowID, firstRunID string) (RunState, error) {
	latest, err := r.describe(ctx, workflowID, "")
	if err != nil || latest == nil {
		return RunState{}, err
	}
	if latest.firstRunID == firstRunID {
		return latest.RunState, nil
	}
	first, err := r.describe(ctx, workflowID, firstRunID)
	if err != nil || first == nil {
		return RunState{}, err
	}
	return first.RunState, nil
}

type execution struct {
	RunState
	firstRunID string
}

// describe answers nil for an execution that Temporal does not know.
func (r *TemporalRuns) describe(ctx context.Context, workflowID, runID string) (*execution, error) {
	described, err := r.client.DescribeWorkflowExecution(ctx, workflowID, runID)
	if missing := (*serviceerror.NotFound)(nil); errors.As(err, &missing) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ask Temporal about run %s: %w", workflowID, err)
	}
	info := described.GetWorkflowExecutionInfo()
	e := &execution{firstRunID: info.GetFirstRunId()}
	if e.firstRunID == "" { // an older server does not say
		e.firstRunID = info.GetExecution().GetRunId()
	}
	e.Status = info.GetStatus().String()
	if info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		e.Alive = true
	} else {
		e.Closed = info.GetCloseTime().AsTime()
	}
	return e, nil
}
