package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"
)

// show writes the current details that the web UI renders as Markdown. Names
// of files, which strangers may have chosen, do not get there.
func (r *run) show(ctx workflow.Context) {
	if phase := r.phase(); phase != "" {
		r.status.Phase = phase
	}
	workflow.SetCurrentDetails(ctx, details(r.status))
}

// phase is the latest step that goes on, or nothing between steps.
func (r *run) phase() string {
	for i := len(r.status.Steps) - 1; i >= 0; i-- {
		if r.status.Steps[i].Ended.IsZero() {
			return r.status.Steps[i].Name
		}
	}
	return ""
}

// goingOn names the steps that have not ended.
func (r *run) goingOn() string {
	var names []string
	for _, step := range r.status.Steps {
		if step.Ended.IsZero() {
			names = append(names, step.Name)
		}
	}
	return strings.Join(names, " and ")
}

func details(s Status) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**", s.Phase)
	if s.Files > 0 {
		fmt.Fprintf(&b, " · %s, %s", files(s.Files), bytes(s.Bytes))
	}
	if !s.Deadline.IsZero() && s.Report == nil {
		fmt.Fprintf(&b, " · tasks may run until %s", clock(s.Deadline))
	}
	b.WriteString("\n\n")
	if s.Report != nil {
		fmt.Fprintf(&b, "**%s.** %s\n\n", s.Report.Outcome, tally(s.Report.Counts))
	}
	if s.Ignored != "" {
		fmt.Fprintf(&b, "`%s`\n\n", strings.ReplaceAll(s.Ignored, "`", "'"))
	}
	if !s.ApprovalUntil.IsZero() {
		fmt.Fprintf(&b, "Waits for the cleanup approval until %s. Approve with one of\n\n"+
			"- signal `%s` with `{\"approve\": true}` (here, under Send a Signal)\n"+
			"- `starter approve %s`, or `starter reject %s`\n"+
			"- `temporal workflow signal -w %s --name %s --input '{\"approve\": true}'`\n\n",
			clock(s.ApprovalUntil), ApprovalSignal, s.WorkflowID, s.WorkflowID, s.WorkflowID, ApprovalSignal)
	}
	fmt.Fprintf(&b, "| step | began | took |\n|---|---|---|\n")
	for _, step := range s.Steps {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", step.Name, clock(step.Started), took(step))
	}
	fmt.Fprintf(&b, "\n- pool `%s`\n- job `%s`\n- inputs `%s`\n- outputs `%s`\n",
		s.Resources.Pool, s.Resources.Job, s.Resources.InputContainer, s.Resources.OutputContainer)
	return b.String()
}

func took(step Step) string {
	switch {
	case step.Ended.IsZero():
		return "…"
	case step.Error != "":
		return "did not do its work"
	default:
		return step.Ended.Sub(step.Started).Round(100 * time.Millisecond).String()
	}
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }
