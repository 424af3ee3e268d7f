package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/durabatch/durabatch/activities"
	"github.com/durabatch/durabatch/workload"
)

// act names activities to Temporal; it is never called through.
var act *activities.Activities

// RunWorkload runs one workload from its inputs to its cleanup. It answers the
// report of a run whose tasks all succeeded; another outcome is an error that
// carries the report, see ReportOf. A workload that is refused is an error of
// type InvalidWorkload, and nothing was created.
//
// It sets no timeout of Temporal's on itself, since nothing would clean up
// after that: the workload's timeout is a timer of its own.
func RunWorkload(ctx workflow.Context, doc workload.Document) (workload.Report, error) {
	r := newRun(ctx)
	if err := r.setHandlers(ctx); err != nil {
		return workload.Report{}, err
	}
	err := r.check(ctx, doc)
	if err == nil {
		err = r.work(ctx)
	} else if ctx.Err() == nil {
		countRun(ctx, outcomeRefused)
		return workload.Report{}, err
	}
	if refused(err) && !r.exists.any() {
		countRun(ctx, outcomeRefused)
		return workload.Report{}, err
	}
	return r.finish(ctx, err)
}

// run is one run: what was asked, what it created, and what it says of itself.
type run struct {
	owner    activities.Owner
	workload workload.Workload
	started  time.Time

	status     Status
	exists     existing
	timedOut   bool
	during     string            // the steps that went on when the timeout came
	stuck      string            // why nothing moved then, when nothing did
	cancelled  bool              // before there was a verdict
	failure    *workload.Failure // of the run itself, not of a task
	known      bool              // what became of the tasks
	nodeTime   workload.NodeTime // of a pool of the run's own
	notes      []string
	adopted    activities.AdoptResult // of a redrive's parent
	keptInputs bool                   // until it is decided over them, for a redrive

	emptying workflow.Future // of the nodes of a pool that stays; nil: it does not

	decision      *Approval
	cleanedUp     bool
	cleanupResult CleanupResult
}

// existing is what the run may have created: set before the attempt, since a
// failed attempt may have had its effect.
type existing struct{ outputs, inputs, pool, job bool }

func (e existing) any() bool { return e.outputs || e.inputs || e.pool || e.job }

// newRun names everything the run will create from its workflow id and its
// first run id, which no reset changes.
func newRun(ctx workflow.Context) *run {
	info := workflow.GetInfo(ctx)
	name := workload.ResourceName(info.WorkflowExecution.ID, info.FirstRunID)
	r := &run{
		owner:   activities.Owner{WorkflowID: info.WorkflowExecution.ID, RunID: info.FirstRunID, Namespace: info.Namespace},
		started: info.WorkflowStartTime,
	}
	r.status = Status{
		WorkflowID: r.owner.WorkflowID, RunID: info.WorkflowExecution.RunID, Phase: "check", Steps: []Step{},
		Resources: workload.Resources{Pool: name, Job: name, InputContainer: name + "-in", OutputContainer: name + "-out"},
	}
	return r
}

// check reads the document by the rules of the workload file.
func (r *run) check(ctx workflow.Context, doc workload.Document) error {
	ctx = workflow.WithActivityOptions(ctx, shortly("check the workload"))
	if err := workflow.ExecuteActivity(ctx, act.Check, doc).Get(ctx, &r.workload); err != nil {
		return err
	}
	w := r.workload
	r.status.Name, r.status.Timeout = w.Name, w.Timeout
	r.status.Deadline = r.started.Add(time.Duration(w.Timeout))
	if w.Pool.ID != "" {
		r.status.Resources.Pool = w.Pool.ID
	}
	if w.Redrive != nil {
		r.status.Parent = w.Redrive.WorkflowID
	}
	if !r.ownsInputs() {
		r.status.Resources.InputContainer = w.Inputs.Container
	}
	return nil
}

// ownsInputs says whether the input container is the run's own.
func (r *run) ownsInputs() bool {
	return r.workload.Inputs.Container == "" && r.workload.Inputs.Manifest == ""
}

// ownsPool says whether the pool is the run's own.
func (r *run) ownsPool() bool { return r.workload.Pool.ID == "" }

// access is what the nodes of this run need.
func (r *run) access() activities.Access {
	return activities.AccessFor(r.started, r.workload.Timeout, workload.Duration(r.jobTimeout()), r.workload.Pool.Identity)
}

// jobTimeout is the job's maxWallClockTime: the workload's own, or a margin
// above the run's timeout, so that Batch ends the job should we be gone.
func (r *run) jobTimeout() time.Duration {
	if t := time.Duration(r.workload.Job.Timeout); t > 0 {
		return t
	}
	return time.Duration(r.workload.Timeout) + 10*time.Minute
}

// work does everything up to the end of the last task, and stops at the run's
// timeout.
func (r *run) work(ctx workflow.Context) error {
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	left := r.status.Deadline.Sub(workflow.Now(ctx))
	timer := workflow.NewTimerWithOptions(ctx, max(left, time.Millisecond), workflow.TimerOptions{
		Summary: "the run's timeout, " + r.workload.Timeout.String(),
	})
	workflow.Go(ctx, func(ctx workflow.Context) {
		if timer.Get(ctx, nil) == nil {
			r.timedOut, r.during = true, r.goingOn()
			cancel()
		}
	})
	found, err := r.scan(ctx)
	if err != nil {
		return err
	}
	if err := r.adopt(ctx); err != nil {
		return err
	}
	if r.todo() == 0 {
		return nil // earlier runs have done it all
	}
	return r.runTasks(ctx, cancel, found)
}

// runTasks uploads while it creates pool and job, and submits and waits as soon
// as there is a job. Whatever fails first stops the others; all of them are
// waited for, so that nothing still writes when the cleanup begins.
func (r *run) runTasks(ctx workflow.Context, cancel func(), found activities.ScanResult) error {
	var first error
	begun := 0
	selector := workflow.NewSelector(ctx)
	add := func(future workflow.Future, ended func(workflow.Future) error) {
		begun++
		selector.AddFuture(future, func(f workflow.Future) {
			begun--
			if err := ended(f); err != nil && first == nil {
				first = err
				cancel()
			}
		})
	}
	ended := func(f workflow.Future) error { return f.Get(ctx, nil) }
	add(r.beginUpload(ctx, found), ended)
	add(r.beginPoolAndJob(ctx), func(f workflow.Future) error {
		if err := f.Get(ctx, nil); err != nil || first != nil {
			return err
		}
		add(r.beginSubmit(ctx), ended)
		add(r.beginWait(ctx), func(f workflow.Future) error { return r.waited(ctx, f) })
		return nil
	})
	for begun > 0 {
		selector.Select(ctx)
	}
	return first
}

// waited keeps what the wait saw.
func (r *run) waited(ctx workflow.Context, wait workflow.Future) error {
	var result activities.WaitResult
	if err := wait.Get(ctx, &result); err != nil {
		return err
	}
	r.stuck, r.nodeTime = result.Reason, result.NodeTime
	r.failure = result.Failure
	if result.Failure != nil {
		return errors.New(result.Failure.Message)
	}
	return ctx.Err() // a wait that was cancelled answers too
}

// refused says that the workload itself is what is wrong.
func refused(err error) bool {
	var app *temporal.ApplicationError
	return errors.As(err, &app) && app.Type() == InvalidWorkload
}

// denied says that the credentials did not suffice to create anything.
func denied(err error) bool {
	var app *temporal.ApplicationError
	return errors.As(err, &app) && app.Type() == activities.AccessDenied
}

// final says that an activity's error proves that it created nothing: had an
// earlier attempt, this one would have found it.
func final(err error) bool {
	var app *temporal.ApplicationError
	return errors.As(err, &app) && app.NonRetryable()
}

// reasonOf is what a person has to know of an error of an activity.
func reasonOf(err error) string {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return app.Message()
	}
	if temporal.IsCanceledError(err) {
		return "stopped"
	}
	var timeout *temporal.TimeoutError
	var activity *temporal.ActivityError
	if errors.As(err, &timeout) && errors.As(err, &activity) {
		return fmt.Sprintf("%s did not end in time (%s)", activity.ActivityType().GetName(), timeout.TimeoutType())
	}
	return err.Error()
}
