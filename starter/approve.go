package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/temporal"

	"github.com/durabatch/durabatch/workflows"
)

func (s *starter) approveCommand() *cobra.Command {
	var keepJob, keepPool bool
	cmd := &cobra.Command{
		Use:   "approve ID",
		Short: "Let a finished run delete its job and pool",
		Long: `Approve answers the question that a run asks when its work is done: its job
and its pool are deleted. It waits until they are gone.`,
		Example: `  starter approve mp4-to-mp3-20261123-104500-1f2e
  starter approve mp4-to-mp3-20261123-104500-1f2e --keep-job`,
		Args: needs("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.decide(cmd.Context(), args[0], workflows.NewApproval(!keepJob, !keepPool))
		},
	}
	cmd.Flags().BoolVar(&keepJob, "keep-job", false, "keep the job, with its tasks' records")
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
	seen, err := t.describe(ctx, id, "")
	if err != nil {
		return t.explain(err, id, "decide over")
	}
	if isClosed(seen.execution) {
		return failedf("run %s is over; there is nothing left to decide. What became of it: starter status %s", nameOf(id), shellWord(id))
	}
	slow := time.AfterFunc(s.patience, func() {
		fmt.Fprintln(s.stderr, "No answer yet: the cleanup takes its time, or no worker is there (starter status says which). Waiting...")
	})
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
