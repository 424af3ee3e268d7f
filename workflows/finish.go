package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/durabatch/durabatch/activities"
	"github.com/durabatch/durabatch/workload"
)

// How long what comes after the work is tried, should Azure keep refusing.
const (
	gatherBound  = 6 * time.Hour
	cleanupBound = 72 * time.Hour
	fetchBound   = 24 * time.Hour
)

// finish comes after the work, whatever ended it, and on a context that no
// cancellation reaches: it ends the job, gathers the results, says the
// verdict, and cleans up.
func (r *run) finish(ctx workflow.Context, workErr error) (workload.Report, error) {
	done, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	r.cancelled = ctx.Err() != nil
	report := &workload.Report{
		WorkflowID: r.owner.WorkflowID, RunID: r.owner.RunID, Name: r.workload.Name,
		Files: r.status.Files, Bytes: r.status.Bytes, Resources: r.status.Resources, Started: r.started,
		Parent:   r.status.Parent,
		NodeTime: r.nodeTime,
	}
	r.endJob(done, workErr)
	r.gather(done, report)
	r.judge(report, workErr)
	report.Ended = workflow.Now(ctx)
	r.status.Report = report
	r.show(done)

	afterwards := r.tidy(ctx, done, report)
	r.decide(ctx)
	r.cleanUp(done)
	afterwards.Wait(done)
	report.Left, report.Notes = r.cleanupResult.Left, r.notes
	report.Ended = workflow.Now(ctx)
	r.status.Phase = "done"
	countRun(done, string(report.Outcome))
	countTasks(done, report.Counts)
	r.show(done)
	if err := workflow.Await(done, func() bool { return workflow.AllHandlersFinished(done) }); err != nil {
		return *report, err
	}
	return *report, asError(*report)
}

// endJob ends what still runs when the work did not end by itself.
func (r *run) endJob(ctx workflow.Context, workErr error) {
	if !r.exists.job || workErr == nil {
		return
	}
	reason := "RunFailed"
	switch {
	case r.cancelled:
		reason = "RunCancelled"
	case r.timedOut:
		reason = "RunTimedOut"
	}
	err := r.do(ctx, StepEndJob, withinBound("end the job: "+reason, gatherBound), act.EndJob, activities.EndJobInput{
		Owner: r.owner, Job: r.status.Resources.Job, Reason: reason,
	}, nil)
	if err != nil {
		r.note("the job could not be ended: " + reasonOf(err))
	}
}

// gather collects what became of each file. Where nothing could be submitted
// there is nothing to gather.
func (r *run) gather(ctx workflow.Context, report *workload.Report) {
	if !r.exists.outputs || !r.exists.job && r.status.Earlier == 0 {
		r.known = true
		report.Counts = workload.Counts{Total: r.status.Files, Unfinished: r.status.Files}
		return
	}
	var gathered activities.GatherResult
	err := r.do(ctx, StepGather, withinBound("gather the results of "+files(r.status.Files), gatherBound), act.Gather, activities.GatherInput{
		Job: r.status.Resources.Job, Task: r.workload.Task, Files: r.status.Files,
		InputContainer: r.status.Resources.InputContainer, OutputContainer: r.status.Resources.OutputContainer,
	}, &gathered)
	if err != nil {
		r.note("the results could not be gathered: " + reasonOf(err))
		report.Counts = workload.Counts{Total: r.status.Files}
		return
	}
	r.known = true
	report.Counts, report.Failures, report.Results = gathered.Counts, gathered.Failures, gathered.Results
	report.Earlier = r.status.Earlier
	r.status.Counts = gathered.Counts
}

// asError makes of every outcome that is not good an error that carries the report,
// so that Temporal too shows the run as failed or canceled.
func asError(report workload.Report) error {
	switch {
	case report.Outcome.Good():
		return nil
	case report.Outcome == workload.Cancelled:
		return temporal.NewCanceledError(report)
	default:
		return temporal.NewNonRetryableApplicationError(report.Verdict, string(report.Outcome), nil, report)
	}
}

// tidy deletes and empties at once what nobody needs to be asked about, and
// fetches the outputs, which alone a cancellation of asked ends. The group that
// it answers is done when all that is.
func (r *run) tidy(asked, ctx workflow.Context, report *workload.Report) workflow.WaitGroup {
	group := workflow.NewWaitGroup(ctx)
	begin := func(ctx workflow.Context, step string, options workflow.ActivityOptions, activity, input any, failed func(error)) {
		group.Add(1)
		future := r.begin(ctx, step, options, activity, input)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			if err := future.Get(ctx, nil); err != nil {
				failed(err)
			}
		})
	}
	names := r.status.Resources
	reported := r.beginReport(ctx, *report)
	r.keptInputs = r.exists.inputs && r.keepsInputs(ctx, report)
	if r.exists.inputs && !r.keptInputs {
		begin(ctx, StepDeleteInputs, withinBound("delete the inputs", cleanupBound), act.DeleteContainer,
			activities.DeleteContainerInput{Owner: r.owner, Container: names.InputContainer},
			func(err error) {
				r.leave(refusedToGo("container "+names.InputContainer+", which costs its storage", err,
					"az storage container delete --name "+names.InputContainer))
			})
	}
	if r.exists.pool && r.keepsPoolForNow() {
		r.emptying = r.begin(ctx, StepEmptyPool, withinBound("take all nodes from the pool", cleanupBound), act.EmptyPool,
			activities.PoolInput{Owner: r.owner, Pool: names.Pool})
	}
	if dir := r.workload.Outputs.Dir; dir != "" && report.Results != "" && !r.cancelled {
		firstContact := !r.workload.Inputs.OnHost()
		options := onHost(withinBound("fetch the outputs to "+r.workload.Inputs.Host, fetchBound), r.workload.Inputs.Host, firstContact)
		fetch := func(ctx workflow.Context, page workload.OutputBlob) {
			in := activities.FetchInput{Container: names.OutputContainer, Directory: dir, Files: r.status.Files, Report: page}
			begin(ctx, StepFetch, options, act.Fetch, in, func(err error) { r.notFetched(report, dir, reasonOf(err)) })
		}
		r.afterReport(asked, reported, group, fetch)
	} else {
		r.afterReport(ctx, reported, group, func(workflow.Context, workload.OutputBlob) {})
	}
	return group
}

// notFetched makes a failure of a success whose outputs did not come to where
// they were asked for.
func (r *run) notFetched(report *workload.Report, dir, reason string) {
	text := fmt.Sprintf("the outputs could not be fetched to %s: %s; they are in container %s, and starter outputs %s --to DIR fetches them",
		dir, reason, report.Resources.OutputContainer, r.owner.WorkflowID)
	r.note(text)
	if report.Outcome.Good() {
		report.Outcome, report.Verdict = workload.Failed, report.Verdict+" But "+text+"."
	}
}

// note remembers what did not go as asked without changing the outcome.
func (r *run) note(text string) { r.notes = append(r.notes, text) }

// leave remembers what still exists, and what it costs.
func (r *run) leave(text string) { r.cleanupResult.Left = append(r.cleanupResult.Left, text) }
