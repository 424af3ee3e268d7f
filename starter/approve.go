package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/durabatch/durabatch/workflows"
)

func (s *starter) approveCommand() *cobra.Command {
	var keepJob, keepPool, keepInputs bool
	cmd := &cobra.Command{
		Use:   "approve ID",
		Short: "Let a finished run delete its job and pool",
		Long: `Approve answers the question that a run asks when its work is done: its job
and its pool are deleted. It waits until they are gone.`,
		Example: `  starter approve mp4-to-mp3-20261123-104500-1f2e
  starter approve mp4-to-mp3-20261123-104500-1f2e --keep-job`,
		Args: needs("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			decision := workflows.NewApproval(!keepJob, !keepPool)
			if keepInputs {
				decision.DeleteInputs = new(bool)
			}
			return s.decide(cmd.Context(), args[0], decision)
		},
	}
	cmd.Flags().BoolVar(&keepJob, "keep-job", false, "keep the job, with its tasks' records")
	cmd.Flags().BoolVar(&keepInputs, "keep-inputs", false, "keep the inputs that a run with failures still has, for a redrive")
	cmd.Flags().BoolVar(&keepPool, "keep-pool", false, "keep the pool, at zero nodes")
	return cmd
}

func (s *starter) rejectCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "reject ID",
		Short:   "Let a finished run end and keep its job and pool",
		Long:    `Reject answers the question that a run asks when its work is done: its job and its pool stay, and the run ends.`,
		Example: `  starter reject mp4-to-mp3-20261123-104500-1f2e`,
		Args:    needs("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.decide(cmd.Context(), args[0], workflows.NewApproval(false, false))
		},
	}
}

// decide sends a decision and prints what was done.
func (s *starter) decide(ctx context.Context, id string, decision workflows.Approval) error {
	t, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer t.Close()
	seen, err := t.describeOpen(ctx, id, "decide over", "decide")
	if err != nil {
		return err
	}
	s.warnOfMissingWorkers(ctx, t, "")
	slow := time.AfterFunc(s.patience, func() { s.sayWhyItTakes(ctx, t, id, seen.runID) })
	defer slow.Stop()
	result, err := t.approve(ctx, started{WorkflowID: id, RunID: seen.runID}, decision)
	if ctx.Err() != nil {
		return exitWith(exitInterrupted)
	}
	if app := (*temporal.ApplicationError)(nil); errors.As(err, &app) {
		return failedf("run %s did not take the answer: %s", nameOf(id), app.Message())
	}
	if err != nil {
		return t.explain(err, id, "decide over")
	}
	if s.json {
		return s.answer(result)
	}
	fmt.Fprintln(s.stdout, doneOf(result))
	for _, left := range result.Left {
		fmt.Fprintf(s.stdout, "Left: %s\n", sentenceOf(left, 500))
	}
	return nil
}

// sayWhyItTakes tells a cleanup that goes on from one that nobody carries out.
func (s *starter) sayWhyItTakes(ctx context.Context, t *server, id, runID string) {
	if _, err := t.status(ctx, id, runID); isNoWorker(err) {
		fmt.Fprintf(s.stderr, "No worker answers on the task queue %s, so nobody takes the decision yet; it waits for one.%s\n",
			workflows.TaskQueue, startOne(workflows.TaskQueue, ""))
		return
	}
	fmt.Fprintln(s.stderr, "The cleanup goes on; waiting for its end...")
}

// approve sends a decision and waits until the cleanup is done. It may be sent
// again under its own id without being taken twice, so it is, until Temporal
// and a worker have answered.
func (t *server) approve(ctx context.Context, run started, decision workflows.Approval) (workflows.CleanupResult, error) {
	id := uuid.NewString()
	for {
		result, err := t.update(ctx, run, id, decision)
		if err == nil || ctx.Err() != nil || !answersLater(err) {
			return result, err
		}
		select {
		case <-ctx.Done():
			return result, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// answersLater says of the error of an update that it may be taken yet: Temporal
// is away, or the run's worker died again and again, whose place another takes.
func answersLater(err error) bool {
	var notReady *serviceerror.WorkflowNotReady
	return isUnreachable(err) || errors.As(err, &notReady)
}

func (t *server) update(ctx context.Context, run started, id string, decision workflows.Approval) (workflows.CleanupResult, error) {
	var result workflows.CleanupResult
	handle, err := t.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		UpdateID:     id,
		WorkflowID:   run.WorkflowID,
		RunID:        run.RunID,
		UpdateName:   workflows.ApprovalUpdate,
		Args:         []any{decision},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return result, err
	}
	// A refusal is the handle's error, not the call's.
	return result, handle.Get(ctx, &result)
}
