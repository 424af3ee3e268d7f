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
	f.display.close()
	f.approval.tell()
	if !f.milestones.verdict {
		printVerdict(f.display, report)
	}
	f.showPlaces(report)
	for _, note := range report.Notes {
		fmt.Fprintf(inTone(f.display, notice), "Note: %s\n", sentenceOf(note, 500))
	}
	for _, left := range report.Left {
		fmt.Fprintf(inTone(f.display, notice), "Left: %s\n", sentenceOf(left, 500))
	}
	f.display.printf("\nRun end: %s", timeOf(seen.closed))
	f.display.printf("Elapsed time: %s%s", elapsedOf(seen.closed.Sub(seen.started)), f.waited())
	f.showCost(report)
}

// showCost says what the nodes cost, where that can be estimated.
func (f *follower) showCost(report workload.Report) {
	t := report.NodeTime
	if cost := f.gauge.prices.Cost(t.VMSize, t.Dedicated, t.Spot); cost.Known() && t.Dedicated+t.Spot > 0 {
		f.display.printf("Cost of the nodes, estimated: %s for %.2f hours of %s (%s)", cost, t.Dedicated+t.Spot, t.VMSize, cost.Prices)
	}
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

// reportPatience is how long the places of the outputs, and the question that
// comes after them, wait for the report that is fetched with them.
const reportPatience = 5 * time.Second

// isReported says whether it is known if outputs are fetched: that begins when
// the report is written.
func isReported(status workflows.Status, now time.Time) bool {
	step := status.Step(workflows.StepReport)
	return step.Name == "" || !step.Ended.IsZero() || now.Sub(step.Started) > reportPatience
}

// showPlaces says where the outputs are, once.
func (f *follower) showPlaces(report workload.Report) {
	if f.places {
		return
	}
	f.places = true
	fmt.Fprintln(f.display)
	if report.Files > 0 {
		f.display.printf("Outputs: container [%s]%s", report.Resources.OutputContainer, f.fetched())
	}
	printAgain(f.display, report)
	if page := f.server.page(f.run.WorkflowID, f.run.RunID); page != "" {
		f.display.printf("Web UI: %s", page)
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
