package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/durabatch/durabatch/activities"
	"github.com/durabatch/durabatch/workload"
)

// reportBound is how long the report for people is tried. It must not hold up
// the outputs that come after it for longer.
const reportBound = 10 * time.Minute

// beginReport has the report for people written. Nil: there is nowhere to
// write it, or the run passed here before there were reports.
func (r *run) beginReport(ctx workflow.Context, report workload.Report) workflow.Future {
	if !r.exists.outputs || workflow.GetVersion(ctx, "report", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return nil
	}
	report.Failures = nil // the results have them, and history need not
	in := activities.ReportInput{Report: report, Workload: r.workload}
	for _, step := range r.status.Steps {
		in.Steps = append(in.Steps, activities.ReportStep(step))
	}
	return r.begin(ctx, StepReport, withinBound("write the report", reportBound), act.Report, in)
}

// afterReport goes on with next when the report is there, or will not be, as a
// part of the group. next gets the zero blob where there is no report.
func (r *run) afterReport(ctx workflow.Context, reported workflow.Future, group workflow.WaitGroup, next func(workflow.Context, workload.OutputBlob)) {
	if reported == nil {
		next(ctx, workload.OutputBlob{})
		return
	}
	group.Add(1)
	workflow.Go(ctx, func(ctx workflow.Context) {
		defer group.Done()
		var result activities.ReportResult
		if err := reported.Get(ctx, &result); err != nil {
			r.note("the report for people could not be written: " + reasonOf(err))
		}
		next(ctx, result.Page)
	})
}
