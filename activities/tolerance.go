package activities

import (
	"fmt"

	"github.com/durabatch/durabatch/workload"
)

// TooManyFailures is the code of a run that was stopped because more files had
// failed than its workload tolerates.
const TooManyFailures = "TooManyFailures"

// tooManyFailures is the failure of a run that goes on no longer, once more
// tasks have failed than are tolerated. Each of them is a file at least, so that
// the limit, which is of files, has been passed too.
func (w *wait) tooManyFailures(counts workload.Counts) *workload.Failure {
	limit := w.in.Tolerated
	if limit == nil || counts.Failed <= *limit {
		return nil
	}
	return &workload.Failure{Code: TooManyFailures,
		Message: fmt.Sprintf("the run was stopped: more files have failed than the %d that failures.tolerate allows", *limit)}
}
