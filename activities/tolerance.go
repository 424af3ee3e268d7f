package activities

import (
	"context"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"

	"github.com/durabatch/durabatch/workload"
)

// TooManyFailures is the code of a run that was stopped because more files had
// failed than its workload tolerates.
const TooManyFailures = "TooManyFailures"

// tooManyFailures is the failure of a run that goes on no longer, once more
// tasks have failed than are tolerated. Each of them is a file at least, so that
// the limit, which is of files, has been passed too.
func (w *wait) tooManyFailures(ctx context.Context, counts workload.Counts) (*workload.Failure, error) {
	limit := w.in.Tolerated
	if limit == nil || counts.Failed <= *limit {
		return nil, nil
	}
	if w.endsEarly(w.in.Access) {
		failed, err := w.begunAndFailed(ctx, *limit)
		if err != nil || failed <= *limit {
			return nil, err
		}
	}
	return &workload.Failure{Code: TooManyFailures,
		Message: fmt.Sprintf("the run was stopped: more files have failed than the %d that failures.tolerate allows", *limit)}, nil
}

// begunAndFailed counts the tasks that failed, up to one more than limit, and
// leaves out those that Submit has ended to add them again: they never began.
func (w *wait) begunAndFailed(ctx context.Context, limit int64) (int64, error) {
	pager := w.Batch.NewListTasksPager(w.in.Job, &azbatch.ListTasksOptions{
		Filter: to.Ptr("executionInfo/result eq 'failure'"), SelectParam: []string{"id", "executionInfo"},
	})
	failed := int64(0)
	for pager.More() && failed <= limit {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return 0, fail(err, "list the tasks of job %s that failed", w.in.Job)
		}
		for _, task := range page.Value {
			if attemptsOf(value(task.ExecutionInfo)) > 0 {
				failed++
			}
		}
	}
	return failed, nil
}
