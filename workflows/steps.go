package workflows

import (
	"errors"
	"fmt"
	"slices"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/durabatch/durabatch/activities"
	"github.com/durabatch/durabatch/workload"
)

// begin starts an activity as a step of the run and keeps the status true when
// it ends. The future answers what the activity answers.
func (r *run) begin(ctx workflow.Context, step string, options workflow.ActivityOptions, activity, input any) workflow.Future {
	at := len(r.status.Steps)
	r.status.Steps = append(r.status.Steps, Step{Name: step, Started: workflow.Now(ctx)})
	r.show(ctx)
	inner := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activity, input)
	outer, settable := workflow.NewFuture(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) {
		err := inner.Get(ctx, nil)
		r.status.Steps[at].Ended = workflow.Now(ctx)
		if err != nil {
			r.status.Steps[at].Error = reasonOf(err)
		}
		r.show(ctx)
		settable.Chain(inner)
	})
	return outer
}

// do is begin and the wait for its end.
func (r *run) do(ctx workflow.Context, step string, options workflow.ActivityOptions, activity, input, output any) error {
	return r.begin(ctx, step, options, activity, input).Get(ctx, output)
}

func (r *run) scan(ctx workflow.Context) (activities.ScanResult, error) {
	w := r.workload
	options := atLength("list the inputs")
	if w.Inputs.OnHost() {
		options = onHost(atLength("list the inputs on "+w.Inputs.Host), w.Inputs.Host, true)
	}
	var found activities.ScanResult
	err := r.do(ctx, StepScan, options, act.Scan, activities.ScanInput{
		Owner: r.owner, Inputs: w.Inputs, Task: w.Task,
		InputContainer: r.status.Resources.InputContainer, OutputContainer: r.status.Resources.OutputContainer, Access: r.access(),
		Redrive: r.redriveInput(), Name: w.Name, Reuse: r.reuseInput(),
	}, &found)
	if refused(err) || denied(err) {
		return found, err // nothing was created
	}
	r.exists.outputs, r.exists.inputs = true, r.ownsInputs()
	if noWorkerCame(err) {
		return found, temporal.NewNonRetryableApplicationError(fmt.Sprintf(
			"no worker for the files of %s: start bin/worker there (task queue %s), or correct inputs.host", w.Inputs.Host, HostTaskQueue(w.Inputs.Host)), "NoWorker", err)
	}
	r.status.Files, r.status.Bytes, r.status.Earlier = found.Files, found.Bytes, found.Earlier
	if len(found.Changed) > 0 {
		r.note(fmt.Sprintf("files have changed since run %s, and are run as they are now: %q", r.status.Parent, found.Changed))
	}
	r.noteReuse(found)
	r.notes = append(r.notes, found.Notes...)
	return found, err
}

func noWorkerCame(err error) bool {
	var timeout *temporal.TimeoutError
	return errors.As(err, &timeout) && timeout.TimeoutType() == enums.TIMEOUT_TYPE_SCHEDULE_TO_START
}

// beginUpload starts the upload; there is none where the inputs are in a
// container already.
func (r *run) beginUpload(ctx workflow.Context, found activities.ScanResult) workflow.Future {
	if !r.ownsInputs() {
		nothing, settable := workflow.NewFuture(ctx)
		settable.SetValue(nil)
		return nothing
	}
	summary := fmt.Sprintf("upload %s (%s)", files(r.todo()), bytes(found.Bytes-found.EarlierBytes))
	in := activities.UploadInput{
		Directory:      r.workload.Inputs.Dir,
		InputContainer: r.status.Resources.InputContainer, OutputContainer: r.status.Resources.OutputContainer,
		Files: r.todo(), Parts: found.Parts,
	}
	if r.workload.Redrive != nil && !r.adopted.Inputs {
		in.Owner = &r.owner
	}
	return r.begin(ctx, StepUpload, onHost(atLength(summary), r.workload.Inputs.Host, false), act.Upload, in)
}

// beginPoolAndJob starts the creation of one after the other.
func (r *run) beginPoolAndJob(ctx workflow.Context) workflow.Future {
	created, settable := workflow.NewFuture(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) { settable.Set(nil, r.createPoolAndJob(ctx)) })
	return created
}

func (r *run) createPoolAndJob(ctx workflow.Context) error {
	w, names := r.workload, r.status.Resources
	r.exists.pool = r.ownsPool()
	summary := fmt.Sprintf("create pool: %d dedicated and %d spot nodes %s", w.Pool.DedicatedNodes, w.Pool.SpotNodes, w.Pool.VMSize)
	if !r.ownsPool() {
		summary = "look at pool " + w.Pool.ID
	}
	in := activities.CreatePoolInput{Owner: r.owner, ID: names.Pool, Pool: w.Pool, Slots: w.Task.Slots, Access: r.access()}
	options, activity := shortly(summary), any(act.CreatePool)
	if r.adopted.Pool {
		options, activity = atLength(summary), act.FillPool
	}
	if err := r.do(ctx, StepPool, options, activity, in, nil); err != nil {
		r.exists.pool = r.exists.pool && (r.adopted.Pool || !final(err))
		return err
	}
	r.exists.job = true
	job := w.Job
	job.Timeout = workload.Duration(r.jobTimeout())
	err := r.do(ctx, StepJob, shortly("create job"), act.CreateJob, activities.CreateJobInput{
		Owner: r.owner, ID: names.Job, Pool: names.Pool, Job: job,
	}, nil)
	r.exists.job = !final(err)
	return err
}

func (r *run) beginSubmit(ctx workflow.Context) workflow.Future {
	names := r.status.Resources
	return r.begin(ctx, StepSubmit, atLength(fmt.Sprintf("add %s to the job", tasks(r.todo()))), act.Submit, activities.SubmitInput{
		Job: names.Job, Task: r.workload.Task, InputContainer: names.InputContainer, OutputContainer: names.OutputContainer,
		FollowList: !r.ownsInputs(), Files: r.todo(), Access: r.access(),
		Pool: names.Pool, StartTask: r.signedStartTask(),
	})
}

// perTask is how many files share a task; it is left out of history where each
// has its own.
func perTask(task workload.Task) int64 {
	if n := task.GroupSize(); n > 1 {
		return int64(n)
	}
	return 0
}

// signedStartTask is a start task that reads from the storage account, so that
// its addresses may have to be renewed.
func (r *run) signedStartTask() *workload.StartTask {
	t := r.workload.Pool.StartTask
	if t == nil || !slices.ContainsFunc(t.ResourceFiles, func(f workload.ResourceFile) bool { return f.Container != "" }) {
		return nil
	}
	return t
}

func (r *run) beginWait(ctx workflow.Context) workflow.Future {
	names := r.status.Resources
	summary := fmt.Sprintf("wait for %s, until %s at the latest", tasks(r.todo()), r.status.Deadline.UTC().Format("2006-01-02 15:04:05 MST"))
	return r.begin(ctx, StepWait, atLength(summary), act.Wait, activities.WaitInput{
		Owner: r.owner, Job: names.Job, Pool: names.Pool, OwnPool: r.ownsPool(),
		Files: r.todo(), Listed: r.listed(), PerTask: perTask(r.workload.Task),
		OutputContainer: names.OutputContainer, Tolerated: r.stopsAfter(), Access: r.access(),
		Lease: activities.Lease{
			Length: r.workload.Pool.Lease, DedicatedNodes: r.workload.Pool.DedicatedNodes, SpotNodes: r.workload.Pool.SpotNodes,
		},
	})
}
