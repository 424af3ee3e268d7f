package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

// cancelAnswer is what cancel answers with --json.
type cancelAnswer struct {
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"`
	Requested  bool   `json:"cancelRequested"`
}

func (s *starter) cancelCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cancel ID",
		Short: "Stop a run and clean up after it",
		Long: `Cancel asks a run to stop and returns. The run terminates its job, gathers the
results there are, and deletes what it created without asking; watch shows it.`,
		Example: `  starter cancel mp4-to-mp3-20261123-104500-1f2e`,
		Args:    needs("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.cancel(cmd.Context(), args[0])
		},
	}
}

func (s *starter) cancel(ctx context.Context, id string) error {
	t, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer t.Close()
	seen, err := t.describeOpen(ctx, id, "cancel", "cancel")
	if err != nil {
		return err
	}
	s.warnOfMissingWorkers(ctx, t, "")
	call, stop := context.WithTimeout(ctx, 2*callTimeout)
	defer stop()
	if err := t.CancelWorkflow(call, id, seen.runID); err != nil {
		return t.explain(err, id, "cancel")
	}
	if s.json {
		return s.answer(cancelAnswer{WorkflowID: id, RunID: seen.runID, Requested: true})
	}
	fmt.Fprintf(s.stdout, "Run %s is told to stop and to clean up. Follow it: starter watch %s\n", nameOf(id), shellWord(id))
	return nil
}
