package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

// runStatus is what status answers: what Temporal and the run say.
type runStatus struct {
	WorkflowID string            `json:"workflowId"`
	RunID      string            `json:"runId"`
	Execution  string            `json:"execution"` // Temporal's status
	Started    time.Time         `json:"started"`
	Ended      time.Time         `json:"ended,omitzero"`
	Activities []activity        `json:"activities,omitempty"` // that go on, with their progress
	Status     *workflows.Status `json:"status,omitempty"`     // nil: no worker answered
	Report     *workload.Report  `json:"report,omitempty"`     // once there is a verdict
	WebUI      string            `json:"webUi,omitempty"`
}

func (s *starter) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status ID",
		Short: "Say what a run is doing, or did",
		Long: `Status shows the steps of the latest run of the workflow id ID, the progress of
those that go on, and the verdict once there is one. It works without a worker,
with less detail. Its exit code says whether there was an answer, not how the
run went; with --json the answer is one object.`,
		Example: `  starter status mp4-to-mp3-20261123-104500-1f2e`,
		Args:    needs("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.status(cmd.Context(), args[0])
		},
	}
}

func (s *starter) status(ctx context.Context, id string) error {
	t, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer t.Close()
	answer, err := t.runStatus(ctx, id)
	if err != nil {
		return t.explain(err, id, "look at")
	}
	if s.json {
		return s.answer(answer)
	}
	return answer.print(s.stdout)
}

func (t *server) runStatus(ctx context.Context, id string) (runStatus, error) {
	seen, err := t.describe(ctx, id, "")
	if err != nil {
		return runStatus{}, err
	}
	status, err := t.status(ctx, id, seen.runID)
	if err != nil && !isNoWorker(err) {
		return runStatus{}, err
	}
	seen.status = status
	answer := runStatus{
		WorkflowID: id, RunID: seen.runID, Execution: seen.execution.String(),
		Started: seen.started, Ended: seen.closed,
		Activities: seen.activities, Status: status, WebUI: t.page(id, seen.runID),
	}
	if status != nil {
		answer.Report = status.Report
		status.Report = nil // said once
	}
	if isClosed(seen.execution) {
		report, err := t.result(ctx, seen)
		if err != nil {
			return runStatus{}, err
		}
		answer.Report = &report
	}
	return answer, nil
}

func (r runStatus) print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "Run\t%s (%s)\n", nameOf(r.WorkflowID), r.RunID)
	fmt.Fprintf(table, "Status\t%s\n", r.phase())
	fmt.Fprintf(table, "Started\t%s\n", timeOf(r.Started))
	if !r.Ended.IsZero() {
		fmt.Fprintf(table, "Ended\t%s, after %s\n", timeOf(r.Ended), elapsedOf(r.Ended.Sub(r.Started)))
	}
	if r.Status != nil {
		r.printStatus(table)
	}
	if r.WebUI != "" {
		fmt.Fprintf(table, "Web UI\t%s\n", r.WebUI)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	r.printActivities(out)
	if r.Report != nil {
		fmt.Fprintln(out)
		printVerdict(out, *r.Report)
		for _, left := range r.Report.Left {
			fmt.Fprintf(out, "Left: %s\n", sentenceOf(left, 500))
		}
	}
	return nil
}

// phase says in a few words where the run stands.
func (r runStatus) phase() string {
	switch {
	case !r.Ended.IsZero():
		return r.Execution
	case r.Status == nil:
		return r.Execution + "; no worker answers on the task queue " + workflows.TaskQueue
	case !r.Status.ApprovalUntil.IsZero():
		id := shellWord(r.WorkflowID)
		return fmt.Sprintf("waits until %s for: starter approve %s, or starter reject %s", timeOf(r.Status.ApprovalUntil), id, id)
	}
	return r.Execution + ", step: " + r.Status.Phase
}

func (r runStatus) printStatus(out io.Writer) {
	s := r.Status
	fmt.Fprintf(out, "Workload\t%s, %s (%s), timeout %s\n", s.Name, countOf(s.Files, "file"), sizeOf(s.Bytes), s.Timeout)
	if r.Report == nil || reportCode(*r.Report) != exitUsage { // of a workload that was refused nothing exists
		fmt.Fprintf(out, "Pool\t%s\n", s.Resources.Pool)
		fmt.Fprintf(out, "Job\t%s\n", s.Resources.Job)
		fmt.Fprintf(out, "Inputs\tcontainer %s\n", s.Resources.InputContainer)
		fmt.Fprintf(out, "Outputs\tcontainer %s\n", s.Resources.OutputContainer)
	}
	for _, step := range s.Steps {
		fmt.Fprintf(out, "Step\t%s: %s\n", step.Name, stateOf(step))
	}
}

func stateOf(step workflows.Step) string {
	switch {
	case step.Ended.IsZero():
		return "goes on since " + timeOf(step.Started)
	case step.Error != "":
		return "failed: " + sentenceOf(step.Error, 300)
	}
	return "done in " + elapsedOf(step.Ended.Sub(step.Started))
}

func (r runStatus) printActivities(out io.Writer) {
	for _, a := range r.Activities {
		if a.Progress.Step != "" {
			fmt.Fprintf(out, "%s: %s\n", a.Progress.Step, lineOf(a.Progress))
		}
		if a.Progress.Reason != "" {
			fmt.Fprintf(out, "  waits: %s\n", sentenceOf(a.Progress.Reason, 500))
		}
		if a.Failure != "" && a.Attempt > 1 {
			fmt.Fprintf(out, "  %s, attempt %d: the one before failed: %s\n", a.Type, a.Attempt, sentenceOf(a.Failure, 300))
		}
	}
}
