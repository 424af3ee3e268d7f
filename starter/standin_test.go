package main

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkactivity "go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

// scene is what a run of the stand-in for RunWorkload plays.
type scene struct {
	outcome  workload.Outcome
	failures []workload.Failure
	refused  string              // the workload is refused with this message
	stumble  string              // the first attempt of the wait fails with this message
	beats    []workload.Progress // what the wait says of itself, one after the other
	release  chan struct{}       // closing it ends the wait
	cleanup  string              // approval (default) or always
}

// scenes are by workflow id: the stand-in runs in the test's own process.
var scenes sync.Map

// play makes a scene for a run of its own id.
func play(t *testing.T, s scene) (id string, release func()) {
	t.Helper()
	if s.outcome == "" {
		s.outcome = workload.Succeeded
	}
	if s.cleanup == "" {
		s.cleanup = workload.CleanupOnApproval
	}
	s.release = make(chan struct{})
	id = newID("scene", time.Now())
	scenes.Store(id, s)
	release = sync.OnceFunc(func() { close(s.release) })
	t.Cleanup(release)
	return id, release
}

func sceneOf(id string) scene {
	s, ok := scenes.Load(id)
	if !ok {
		panic("no scene for " + id)
	}
	return s.(scene)
}

// host starts a worker for the stand-in and answers how to stop it.
func host(t *testing.T, c client.Client) (stop func()) {
	t.Helper()
	w := worker.New(c, workflows.TaskQueue, worker.Options{MaxHeartbeatThrottleInterval: 50 * time.Millisecond})
	w.RegisterWorkflowWithOptions(standIn, workflow.RegisterOptions{Name: workflowType})
	w.RegisterActivityWithOptions(wait, sdkactivity.RegisterOptions{Name: "Wait"})
	require.NoError(t, w.Start())
	stop = sync.OnceFunc(w.Stop)
	t.Cleanup(stop)
	return stop
}

// wait heartbeats its scene's progress until it is released.
func wait(ctx context.Context) error {
	info := sdkactivity.GetInfo(ctx)
	s := sceneOf(info.WorkflowExecution.ID)
	if s.stumble != "" && info.Attempt == 1 {
		return errors.New(s.stumble)
	}
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for beat := 0; ; beat++ {
		if len(s.beats) > 0 {
			sdkactivity.RecordHeartbeat(ctx, s.beats[min(beat, len(s.beats)-1)])
		} else {
			sdkactivity.RecordHeartbeat(ctx)
		}
		select {
		case <-s.release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// performance is one run of the stand-in.
type performance struct {
	scene
	status   workflows.Status
	decision *workflows.Approval
	done     bool
	result   workflows.CleanupResult
}

// standIn tells the same story as RunWorkload, by the same messages.
func standIn(ctx workflow.Context, doc workload.Document) (workload.Report, error) {
	info := workflow.GetInfo(ctx)
	p := &performance{scene: sceneOf(info.WorkflowExecution.ID)}
	w, err := doc.Parse()
	if err != nil {
		return workload.Report{}, err
	}
	p.status = workflows.Status{
		WorkflowID: info.WorkflowExecution.ID, RunID: info.WorkflowExecution.RunID, Name: w.Name, Phase: "wait",
		Files: 2, Bytes: 6, Timeout: w.Timeout,
		Resources: workload.Resources{Pool: "x-1", Job: "x-1", InputContainer: "x-1-in", OutputContainer: "x-1-out"},
	}
	if err := p.handle(ctx); err != nil {
		return workload.Report{}, err
	}
	if p.refused != "" {
		return workload.Report{}, temporal.NewNonRetryableApplicationError(p.refused, workflows.InvalidWorkload, nil)
	}
	for _, step := range []string{workflows.StepScan, workflows.StepUpload, workflows.StepPool, workflows.StepJob, workflows.StepSubmit} {
		p.step(ctx, step)
	}
	p.begin(ctx, workflows.StepWait)
	options := workflow.ActivityOptions{StartToCloseTimeout: time.Minute, HeartbeatTimeout: 10 * time.Second, WaitForCancellation: true}
	err = workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), "Wait").Get(ctx, nil)
	p.end(ctx)
	return p.finish(ctx, temporal.IsCanceledError(err))
}

func (p *performance) handle(ctx workflow.Context) error {
	if err := workflow.SetQueryHandler(ctx, workflows.StatusQuery, func() (workflows.Status, error) { return p.status, nil }); err != nil {
		return err
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, workflows.ApprovalUpdate, func(ctx workflow.Context, a workflows.Approval) (workflows.CleanupResult, error) {
		p.decision = &a
		err := workflow.Await(ctx, func() bool { return p.done })
		return p.result, err
	}, workflow.UpdateHandlerOptions{Validator: func(workflows.Approval) error {
		if p.decision != nil {
			return errors.New("it has been decided already")
		}
		return nil
	}})
}

func (p *performance) finish(ctx workflow.Context, cancelled bool) (workload.Report, error) {
	done, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	report := p.report(ctx)
	if cancelled {
		report.Outcome, report.Verdict = workload.Cancelled, "The run was cancelled."
		return report, temporal.NewCanceledError(report)
	}
	p.status.Report = &report
	p.step(done, workflows.StepDeleteInputs)
	p.approve(done)
	if p.decision.Job() {
		p.step(done, workflows.StepDeleteJob)
	}
	if p.decision.Pool() {
		p.step(done, workflows.StepDeletePool)
	}
	p.result.JobDeleted, p.result.PoolDeleted = p.decision.Job(), p.decision.Pool()
	p.done, p.status.Phase = true, "done"
	if err := workflow.Await(done, func() bool { return workflow.AllHandlersFinished(done) }); err != nil {
		return report, err
	}
	report.Ended = workflow.Now(ctx)
	if report.Outcome != workload.Succeeded {
		return report, temporal.NewNonRetryableApplicationError(report.Verdict, string(report.Outcome), nil, report)
	}
	return report, nil
}

func (p *performance) report(ctx workflow.Context) workload.Report {
	failed := int64(len(p.failures))
	report := workload.Report{
		WorkflowID: p.status.WorkflowID, RunID: p.status.RunID, Name: p.status.Name,
		Outcome: p.outcome, Verdict: "All 2 tasks succeeded.", Files: 2, Bytes: 6,
		Counts:   workload.Counts{Total: 2, Succeeded: 2 - failed, Failed: failed},
		Failures: p.failures, Results: "_durabatch/results", Resources: p.status.Resources,
		Started: workflow.GetInfo(ctx).WorkflowStartTime, Ended: workflow.Now(ctx),
	}
	if p.outcome != workload.Succeeded {
		report.Verdict = "1 of 2 tasks succeeded, 1 failed."
	}
	return report
}

func (p *performance) approve(ctx workflow.Context) {
	if p.cleanup != workload.CleanupOnApproval {
		both := workflows.NewApproval(true, true)
		p.decision = &both
		return
	}
	p.begin(ctx, workflows.StepApproval)
	p.status.ApprovalUntil = workflow.Now(ctx).Add(time.Hour)
	_ = workflow.Await(ctx, func() bool { return p.decision != nil })
	p.status.ApprovalUntil = time.Time{}
	p.end(ctx)
}

func (p *performance) begin(ctx workflow.Context, name string) {
	p.status.Steps = append(p.status.Steps, workflows.Step{Name: name, Started: workflow.Now(ctx)})
}

func (p *performance) end(ctx workflow.Context) {
	p.status.Steps[len(p.status.Steps)-1].Ended = workflow.Now(ctx)
}

func (p *performance) step(ctx workflow.Context, name string) {
	p.begin(ctx, name)
	p.end(ctx)
}
