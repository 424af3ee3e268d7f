package workflows

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/durabatch/durabatch/activities"
	"github.com/durabatch/durabatch/workload"
)

// setHandlers lets people ask and decide from the first moment on: an approval
// that comes early is kept.
func (r *run) setHandlers(ctx workflow.Context) error {
	err := workflow.SetQueryHandlerWithOptions(ctx, StatusQuery, func() (Status, error) { return r.status, nil },
		workflow.QueryHandlerOptions{Description: "What the run does and has done."})
	if err != nil {
		return err
	}
	err = workflow.SetUpdateHandlerWithOptions(ctx, ApprovalUpdate, r.approve, workflow.UpdateHandlerOptions{
		Validator:   func(Approval) error { return r.mayDecide() },
		Description: `Decides over job and pool, {"approve": true, "deleteJob": true, "deletePool": true}, and answers what was done.`,
	})
	if err != nil {
		return err
	}
	signals := workflow.GetSignalChannelWithOptions(ctx, ApprovalSignal, workflow.SignalChannelOptions{
		Description: `Decides over job and pool, {"approve": true, "deleteJob": true, "deletePool": true}; a missing field is true.`,
	})
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var text json.RawMessage
			signals.Receive(ctx, &text)
			if err := r.take(text); err != nil {
				r.status.Ignored = "an approval signal was not followed: " + err.Error()
				r.show(ctx)
			}
		}
	})
	r.listenForRedrive(ctx)
	return nil
}

// take takes the decision of a signal, which may carry nothing at all: then
// every field is missing, and so true.
func (r *run) take(text json.RawMessage) error {
	if err := r.mayDecide(); err != nil {
		return err
	}
	var approval Approval
	if len(text) > 0 {
		if err := json.Unmarshal(text, &approval); err != nil {
			return err
		}
	}
	r.decision = &approval
	return nil
}

// approve takes a decision and answers when it has been carried out.
func (r *run) approve(ctx workflow.Context, approval Approval) (CleanupResult, error) {
	r.decision = &approval
	patient, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	err := workflow.Await(patient, func() bool { return r.cleanedUp })
	return r.cleanupResult, err
}

// mayDecide refuses a decision that would change nothing any more.
func (r *run) mayDecide() error {
	switch {
	case r.cleanedUp:
		return errors.New("this run has cleaned up already: there is nothing left to decide")
	case r.decision != nil:
		return errors.New("it has been decided already; the decision is being carried out")
	case r.workload.Cleanup.When != "" && r.workload.Cleanup.When != workload.CleanupOnApproval:
		return fmt.Errorf("the workload says cleanup.when: %s, so there is nothing to decide", r.workload.Cleanup.When)
	}
	return nil
}

// decide finds out what is to become of job and pool: by the policy, or by
// asking, for as long as the deadline allows. A run that somebody cancelled
// asks nobody, nor does one that has nothing to decide over.
func (r *run) decide(ctx workflow.Context) {
	both := NewApproval(true, true)
	policy := r.workload.Cleanup
	switch {
	case r.cancelled, !r.exists.job && !r.exists.pool, policy.When == workload.CleanupAlways:
		r.decision = &both
		return
	case policy.When == workload.CleanupNever:
		neither := NewApproval(false, false)
		r.decision = &neither
		return
	case r.decision != nil:
		return
	}
	r.await(ctx, time.Duration(policy.Deadline))
	if r.decision != nil {
		return
	}
	keep := policy.OnDeadline == workload.OnDeadlineKeep && ctx.Err() == nil
	silence := NewApproval(!keep, !keep)
	r.decision = &silence
	if ctx.Err() != nil {
		r.note("the run was cancelled while it waited for approval: job and pool were deleted")
	} else {
		r.note(fmt.Sprintf("nobody approved within %s: cleanup.onDeadline says %s", policy.Deadline, policy.OnDeadline))
	}
}

// keepsPoolForNow says whether the pool outlives the work, so that its nodes
// must go first.
func (r *run) keepsPoolForNow() bool {
	goesAtOnce := r.cancelled || r.workload.Cleanup.When == workload.CleanupAlways || (r.decision != nil && r.decision.Pool())
	return !goesAtOnce
}

// await waits for a decision, the deadline, or a cancellation.
func (r *run) await(ctx workflow.Context, deadline time.Duration) {
	at := len(r.status.Steps)
	r.status.Steps = append(r.status.Steps, Step{Name: StepApproval, Started: workflow.Now(ctx)})
	r.status.ApprovalUntil = workflow.Now(ctx).Add(deadline)
	r.show(ctx)

	// A timer of our own: AwaitWithTimeout would leave its timer running.
	timerCtx, stop := workflow.WithCancel(ctx)
	timer := workflow.NewTimerWithOptions(timerCtx, deadline, workflow.TimerOptions{Summary: "cleanup approval deadline"})
	expired := false
	workflow.Go(timerCtx, func(ctx workflow.Context) { expired = timer.Get(ctx, nil) == nil })
	_ = workflow.Await(ctx, func() bool { return r.decision != nil || expired || ctx.Err() != nil })
	stop()

	r.status.Steps[at].Ended = workflow.Now(ctx)
	r.status.ApprovalUntil = time.Time{}
	r.show(ctx)
}

// cleanUp carries the decision out and tells what is left.
func (r *run) cleanUp(ctx workflow.Context) {
	names, result := r.status.Resources, &r.cleanupResult
	var job, pool workflow.Future
	if r.exists.job && r.decision.Job() {
		job = r.begin(ctx, StepDeleteJob, withinBound("delete the job", cleanupBound), act.DeleteJob,
			activities.JobInput{Owner: r.owner, Job: names.Job})
	}
	if r.exists.pool && r.decision.Pool() {
		pool = r.begin(ctx, StepDeletePool, withinBound("delete the pool", cleanupBound), act.DeletePool,
			activities.PoolInput{Owner: r.owner, Pool: names.Pool})
	}
	if r.exists.job {
		result.JobDeleted = r.deleted(ctx, job, "job "+names.Job+", which costs nothing", "az batch job delete --yes --job-id "+names.Job)
	}
	if r.exists.pool {
		result.PoolDeleted = r.deleted(ctx, pool, "pool "+names.Pool+r.costOfPool(ctx), "az batch pool delete --yes --pool-id "+names.Pool)
	}
	r.deleteKeptInputs(ctx)
	r.keep(ctx)
	r.cleanedUp = true
}

// keep notes what was kept by decision, so that the Janitor leaves it alone.
// Runs that began before there was a Janitor note nothing.
func (r *run) keep(ctx workflow.Context) {
	job, pool := r.exists.job && !r.decision.Job(), r.exists.pool && !r.decision.Pool()
	inputs := r.keptInputs && !r.decision.Inputs()
	if !job && !pool && !inputs || !r.exists.outputs || workflow.GetVersion(ctx, "keep", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return
	}
	err := r.do(ctx, StepKeep, withinBound("note what is kept", cleanupBound), act.Keep, activities.KeepInput{
		Owner: r.owner, OutputContainer: r.status.Resources.OutputContainer, Job: job, Pool: pool, Inputs: inputs,
	}, nil)
	if err != nil {
		r.note("it could not be noted that job, pool or inputs are kept, so the Janitor may delete it: " + reasonOf(err))
	}
}

// costOfPool says what a pool costs that is kept, which is nothing once its
// nodes are gone.
func (r *run) costOfPool(ctx workflow.Context) string {
	if r.emptying == nil {
		return ""
	}
	if err := r.emptying.Get(ctx, nil); err != nil {
		return ", whose nodes are billed: they could not be taken away (" + reasonOf(err) + ")"
	}
	return ", which costs nothing while it has no nodes"
}

// deleted waits for a deletion, if there is one, and otherwise notes what is
// left and, where Azure refused for good, what deletes it.
func (r *run) deleted(ctx workflow.Context, deletion workflow.Future, left, command string) bool {
	if deletion == nil {
		r.leave(left)
		return false
	}
	if err := deletion.Get(ctx, nil); err != nil {
		r.leave(refusedToGo(left, err, command))
		return false
	}
	return true
}

func refusedToGo(left string, err error, command string) string {
	return fmt.Sprintf("%s (it could not be deleted: %s; delete it with: %s)", left, reasonOf(err), command)
}
