package activities

import (
	"context"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"go.temporal.io/sdk/activity"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/workload"
)

// CreateJobInput describes the job.
type CreateJobInput struct {
	Owner Owner        `json:"owner"`
	ID    string       `json:"id"`
	Pool  string       `json:"pool"`
	Job   workload.Job `json:"job"` // with its Timeout
}

// CreateJob creates the job, or finds that an earlier attempt did. Batch keeps
// the job's own maxWallClockTime, should everything of ours be gone.
func (a *Activities) CreateJob(ctx context.Context, in CreateJobInput) error {
	content := azbatch.CreateJobContent{
		ID:                 to.Ptr(in.ID),
		PoolInfo:           &azbatch.PoolInfo{PoolID: to.Ptr(in.Pool)},
		Priority:           to.Ptr(in.Job.Priority),
		Constraints:        &azbatch.JobConstraints{MaxWallClockTime: to.Ptr(iso8601(time.Duration(in.Job.Timeout)))},
		OnAllTasksComplete: to.Ptr(azbatch.OnAllTasksCompleteNoAction),
		Metadata:           a.markOf(in.Owner).ofBatch(),
	}
	if in.Job.MaxParallelTasks > 0 {
		content.MaxParallelTasks = to.Ptr(in.Job.MaxParallelTasks)
	}
	_, err := a.Batch.CreateJob(ctx, content, nil)
	if !hasCode(err, azure.CodeJobExists) {
		return fail(err, "create job %s", in.ID)
	}
	return a.jobIsOurs(ctx, in.ID, in.Owner)
}

func (a *Activities) jobIsOurs(ctx context.Context, id string, owner Owner) error {
	job, err := a.Batch.GetJob(ctx, id, &azbatch.GetJobOptions{SelectParam: []string{"id", "metadata"}})
	if err != nil {
		return fail(err, "look at job %s", id)
	}
	if !owner.owns(job.Metadata) {
		return refuse(NotOurs, "job %s exists and is not this run's; nothing of it was touched. Start the run under another workflow id", id)
	}
	return nil
}

// EndJobInput names the job and says why it ends.
type EndJobInput struct {
	Owner  Owner  `json:"owner"`
	Job    string `json:"job"`
	Reason string `json:"reason"` // becomes the job's terminateReason
}

// EndJob terminates the job's running tasks and answers when the job is
// completed; one that is completed or gone already is success.
func (a *Activities) EndJob(ctx context.Context, in EndJobInput) error {
	defer alive(ctx)()
	if err := a.jobIsOurs(ctx, in.Job, in.Owner); err != nil {
		return unlessGone(err)
	}
	_, err := a.Batch.TerminateJob(ctx, in.Job, &azbatch.TerminateJobOptions{
		Parameters: &azbatch.TerminateJobContent{TerminationReason: to.Ptr(in.Reason)},
	})
	if err != nil && !hasCode(err, azure.CodeJobCompleted, azure.CodeJobBeingTerminated, azure.CodeJobBeingDeleted) {
		return unlessGone(fail(err, "terminate job %s", in.Job))
	}
	var patience patience
	for started := time.Now(); ; {
		job, err := a.Batch.GetJob(ctx, in.Job, &azbatch.GetJobOptions{SelectParam: []string{"id", "state"}})
		if err := fail(err, "look at job %s", in.Job); !patience.bears(ctx, err) {
			return unlessGone(err)
		}
		if value(job.State) == azbatch.JobStateCompleted {
			return nil
		}
		activity.RecordHeartbeat(ctx)
		if err := pause(ctx, pollInterval(time.Since(started))); err != nil {
			return err
		}
	}
}

// JobInput names a job of the run's own.
type JobInput struct {
	Owner Owner  `json:"owner"`
	Job   string `json:"job"`
}

// DeleteJob deletes the job with its tasks and answers when it is gone; one
// that is gone already is success.
func (a *Activities) DeleteJob(ctx context.Context, in JobInput) error {
	defer alive(ctx)()
	if err := a.jobIsOurs(ctx, in.Job, in.Owner); err != nil {
		return unlessGone(err)
	}
	_, err := a.Batch.DeleteJob(ctx, in.Job, nil)
	if err := fail(err, "delete job %s", in.Job); err != nil && !isGone(err) && !hasCode(err, azure.CodeJobBeingDeleted) {
		return err
	}
	return untilGone(ctx, func(ctx context.Context) error {
		return a.jobIsOurs(ctx, in.Job, in.Owner)
	})
}
