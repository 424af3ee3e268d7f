package main

import (
	"context"
	"fmt"
	"time"

	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

// end says how the run ended, all that has not been said.
func (f *follower) end(ctx context.Context, seen sighting, report workload.Report) {
	f.approval.withdraw()
	f.approval.wait(ctx)
	f.screen.withdraw()
	f.approval.tell()
	if !f.milestones.verdict {
		printVerdict(f.screen, report)
	}
	f.showPlaces(report)
	for _, note := range report.Notes {
		f.screen.printf("Note: %s", sentenceOf(note, 500))
	}
	for _, left := range report.Left {
		f.screen.printf("Left: %s", sentenceOf(left, 500))
	}
	f.screen.printf("\nRun end: %s", timeOf(seen.closed))
	f.screen.printf("Elapsed time: %s%s", elapsedOf(seen.closed.Sub(seen.started)), f.waited())
}

// waited says how much of the time the run only waited for people.
func (f *follower) waited() string {
	if f.status == nil {
		return ""
	}
	approval := f.status.Step(workflows.StepApproval)
	waited := approval.Ended.Sub(approval.Started)
	if approval.Ended.IsZero() || waited < time.Second {
		return ""
	}
	return ", of which " + clockOf(waited) + " waiting for the approval"
}

// showPlaces says where the outputs are, once.
func (f *follower) showPlaces(report workload.Report) {
	if f.places {
		return
	}
	f.places = true
	fmt.Fprintln(f.screen)
	if report.Files > 0 {
		f.screen.printf("Outputs: container [%s]%s", report.Resources.OutputContainer, f.fetched())
	}
	if page := f.server.page(f.run.WorkflowID, f.run.RunID); page != "" {
		f.screen.printf("Web UI: %s", page)
	}
}

// fetched says where else the outputs are, or how to get them there.
func (f *follower) fetched() string {
	fetch := workflows.Step{}
	if f.status != nil {
		fetch = f.status.Step(workflows.StepFetch)
	}
	switch {
	case fetch.Name == "" || fetch.Error != "":
		return "; fetch them with: starter outputs " + shellWord(f.run.WorkflowID) + " --to DIR"
	case f.milestones.plan != nil:
		return " and directory " + nameOf(f.milestones.plan.workload.Outputs.Dir)
	}
	return " and the directory that the workload names"
}
