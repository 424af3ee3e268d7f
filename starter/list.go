package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
)

// listed is one run in a list.
type listed struct {
	WorkflowID string    `json:"workflowId"`
	RunID      string    `json:"runId"`
	Status     string    `json:"status"` // Temporal's
	Started    time.Time `json:"started"`
	Ended      time.Time `json:"ended,omitzero"`
}

func (s *starter) listCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the latest runs",
		Long:    `List shows the latest runs, newest first. With --json it answers one array.`,
		Example: `  starter list --limit 5`,
		Args:    nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.list(cmd.Context(), limit)
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "how many")
	return cmd
}

func nothing(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usagef("%s takes no argument, and got %s. Usage: %s", cmd.Name(), nameOf(args[0]), cmd.UseLine())
}

func (s *starter) list(ctx context.Context, limit int) error {
	if limit < 1 || limit > 1000 {
		return usagef("--limit is %d; it may be 1 to 1000", limit)
	}
	t, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer t.Close()
	call, cancel := context.WithTimeout(ctx, 2*callTimeout)
	defer cancel()
	response, err := t.ListWorkflow(call, &workflowservice.ListWorkflowExecutionsRequest{
		Query:    "WorkflowType = '" + workflowType + "'",
		PageSize: int32(limit),
	})
	if missing := (*serviceerror.NamespaceNotFound)(nil); errors.As(err, &missing) {
		return t.noNamespace()
	}
	if isUnreachable(err) {
		return unreachablef("could not list the runs: Temporal at %s does not answer: %w", t.address, err)
	}
	if err != nil {
		return failedf("could not list the runs: %w", err)
	}
	runs := []listed{}
	for _, info := range response.GetExecutions() {
		run := listed{
			WorkflowID: info.GetExecution().GetWorkflowId(),
			RunID:      info.GetExecution().GetRunId(),
			Status:     info.GetStatus().String(),
			Started:    info.GetStartTime().AsTime(),
		}
		if info.GetCloseTime() != nil {
			run.Ended = info.GetCloseTime().AsTime()
		}
		runs = append(runs, run)
	}
	if s.json {
		return s.answer(runs)
	}
	return s.printRuns(runs)
}

func (s *starter) printRuns(runs []listed) error {
	if len(runs) == 0 {
		fmt.Fprintln(s.stdout, "There are no runs. Start one: starter run FILE")
		return nil
	}
	table := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WORKFLOW ID\tSTATUS\tSTARTED\tELAPSED")
	for _, run := range runs {
		end := run.Ended
		if end.IsZero() {
			end = time.Now()
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", nameOf(run.WorkflowID), run.Status, timeOf(run.Started), clockOf(end.Sub(run.Started)))
	}
	return table.Flush()
}
