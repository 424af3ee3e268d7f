package workflows

import (
	"fmt"

	"github.com/durabatch/durabatch/workload"
)

// stopsAfter is how many files may fail before the run stops; nil: it goes on
// to the last of them.
func (r *run) stopsAfter() *int64 {
	if f := r.workload.Failures; f != nil && f.OnExceeded != workload.OnExceededContinue {
		limit := f.Tolerate.Of(r.status.Files)
		return &limit
	}
	return nil
}

// tolerated says whether the workload takes the failures of a run whose every
// task ended.
func (r *run) tolerated(c workload.Counts) bool {
	f := r.workload.Failures
	return f != nil && c.Total > 0 && c.Succeeded+c.Failed == c.Total && c.Failed <= f.Tolerate.Of(c.Total)
}

// judgeFailures is the verdict on a run that did all that it was to do, though
// tasks failed.
func (r *run) judgeFailures(report *workload.Report) {
	report.Outcome = workload.Failed
	report.Verdict = tally(report.Counts)
	if f := r.workload.Failures; f != nil {
		limit := fmt.Sprintf("failures.tolerate: %s allows %d", f.Tolerate, f.Tolerate.Of(report.Counts.Total))
		if r.tolerated(report.Counts) {
			report.Outcome = workload.SucceededWithFailures
			report.Verdict += "; " + limit
		} else {
			report.Verdict += ", and " + limit
		}
	}
	report.Verdict += "." + doneBefore(report) + example(report.Failures)
}
