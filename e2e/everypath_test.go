package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

// TestEveryPath takes the ways through the workflow that no other test takes to
// its end. Their histories are those that the replay test reads, under the names
// of the paths.
func TestEveryPath(t *testing.T) {
	t.Parallel()
	s := ownStack(t) // the Janitor sees the whole account
	paths := s.morePaths()
	dirs := make([]string, len(paths))
	for i := range paths {
		dirs[i] = t.TempDir()
		require.NoError(t, prepareDirectory(dirs[i]))
	}
	ctx, cancel := context.WithTimeout(t.Context(), runBound)
	defer cancel()
	var runs errgroup.Group
	runs.SetLimit(8)
	for i, p := range paths {
		runs.Go(func() error {
			if err := s.take(ctx, p, dirs[i]); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			return nil
		})
	}
	require.NoError(t, runs.Wait())
	for _, p := range paths {
		if p.name != "terminated" { // which is no way through the workflow
			s.checkHistory(t, pathID(p), p.name)
		}
	}
	s.janitorPaths(t)
}

func pathID(p path) string { return "path-" + p.name }

// take runs a path to its end.
func (s *stack) take(ctx context.Context, p path, dir string) error {
	run, err := p.start(ctx, s.temporal, pathID(p), dir)
	if err != nil {
		return err
	}
	if p.drive != nil {
		if err := p.drive(ctx, s.temporal, pathID(p)); err != nil {
			return err
		}
	}
	var report workload.Report
	if err := s.temporal.GetWorkflow(ctx, run.GetID(), "").Get(ctx, &report); err != nil {
		report, _ = workflows.ReportOf(err)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case report.Outcome != p.ends:
		return fmt.Errorf("it ended %q: %s", report.Outcome, report.Verdict)
	case p.keeps != (len(report.Left) > 0):
		return fmt.Errorf("left is %q", report.Left)
	}
	return nil
}

func (s *stack) morePaths() []path {
	task := func(more ...string) string {
		return document(append([]string{killedInputs, killedPool, killedTask}, more...)...)
	}
	sleeping := document(killedInputs, killedPool, sleepingTask, always)
	refused := workload.Outcome("")
	paths := []path{
		{name: "cleaned-always", ends: workload.Succeeded, workload: task(always)},
		{name: "kept-always", ends: workload.Succeeded, keeps: true, workload: task(`"cleanup": {"when": "never"}`)},
		{name: "silence-deletes", ends: workload.Succeeded, workload: task(`"cleanup": {"deadline": "1s"}`)},
		{name: "silence-keeps", ends: workload.Succeeded, keeps: true, workload: task(`"cleanup": {"deadline": "1s", "onDeadline": "keep"}`)},
		{name: "update", ends: workload.Succeeded, workload: task(), drive: approves},
		{name: "keep-job", ends: workload.Succeeded, keeps: true, workload: task(), drive: signals(`{"deleteJob": false}`)},
		{name: "keep-pool", ends: workload.Succeeded, keeps: true, workload: task(), drive: signals(`{"deletePool": false}`)},
		{name: "signal-ignored", ends: workload.Succeeded, workload: task(), drive: signals(`{"aprove": false}`, `{}`)},
		{name: "cancel-in-approval", ends: workload.Succeeded, workload: task(), drive: afterwards(s.untilAsked, cancels)},
		{name: "reset-in-approval", ends: workload.Succeeded, workload: task(), drive: afterwards(s.untilAsked, resets, signals(`{}`))},
		{name: "cancel-at-once", ends: workload.Cancelled, workload: sleeping, drive: cancels},
		{name: "timeout-early", ends: workload.TimedOut, workload: document(killedInputs, killedPool, sleepingTask, always, `"timeout": "1s"`)},
		{name: "refused", ends: refused, workload: task(`"nonsense": 1`)},
		{name: "no-files", ends: refused, workload: document(`"inputs": {"dir": "DIR/InputFiles", "host": "HOST", "match": ["*.mov"]}`, killedPool, killedTask)},
		{name: "pool-not-ours", ends: workload.Failed, workload: task(always), delay: 5 * time.Second, drive: s.makesPool},
		{name: "pool-not-there", ends: workload.Failed, workload: document(killedInputs, `"pool": {"id": "no-such-pool"}`, killedTask, always)},
		{name: "job-terminated", ends: workload.Failed, workload: sleeping, drive: afterwards(untilWaits, s.terminatesJob)},
		{name: "job-deleted", ends: workload.Failed, workload: sleeping, drive: afterwards(untilWaits, s.deletesJob)},
		{name: "pool-deleted", ends: workload.Failed, workload: sleeping, drive: afterwards(untilWaits, s.deletesPool)},
		{name: "outputs-not-fetched", ends: workload.Failed, workload: task(always, `"outputs": {"dir": "DIR/InputFiles/one.txt/below"}`)},
		{name: "terminated", ends: refused, workload: sleeping, drive: terminatesWait},
	}
	return paths
}

type drive = func(context.Context, client.Client, string) error

// afterwards does one thing after the other.
func afterwards(drives ...drive) drive {
	return func(ctx context.Context, c client.Client, id string) error {
		for _, d := range drives {
			if err := d(ctx, c, id); err != nil {
				return err
			}
		}
		return nil
	}
}

func signals(texts ...string) drive {
	return func(ctx context.Context, c client.Client, id string) error {
		for _, text := range texts {
			if err := c.SignalWorkflow(ctx, id, "", workflows.ApprovalSignal, json.RawMessage(text)); err != nil {
				return err
			}
		}
		return nil
	}
}

func cancels(ctx context.Context, c client.Client, id string) error {
	return c.CancelWorkflow(ctx, id, "")
}

// untilAsked waits until the run asks for its approval.
func (s *stack) untilAsked(ctx context.Context, c client.Client, id string) error {
	return poll(ctx, func() (bool, error) {
		answer, err := c.QueryWorkflow(ctx, id, "", workflows.StatusQuery)
		if err != nil {
			return false, nil // no worker answers just now
		}
		var status workflows.Status
		err = answer.Get(&status)
		return !status.ApprovalUntil.IsZero(), err
	})
}

// resets has the run forget its last workflow task, as people do who mended a
// worker.
func resets(ctx context.Context, c client.Client, id string) error {
	last := int64(0)
	events := c.GetWorkflowHistory(ctx, id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return err
		}
		if event.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			last = event.GetEventId()
		}
	}
	_, err := c.ResetWorkflowExecution(ctx, &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: client.DefaultNamespace, WorkflowExecution: &common.WorkflowExecution{WorkflowId: id},
		Reason: "a test", WorkflowTaskFinishEventId: last, RequestId: "reset-" + id,
	})
	return err
}

// names are those of what a run creates.
func names(ctx context.Context, c client.Client, id string) (workload.Resources, error) {
	described, err := c.DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return workload.Resources{}, err
	}
	name := workload.ResourceName(id, described.GetWorkflowExecutionInfo().GetExecution().GetRunId())
	return workload.Resources{Pool: name, Job: name}, nil
}

func (s *stack) makesPool(ctx context.Context, c client.Client, id string) error {
	r, err := names(ctx, c, id)
	if err == nil {
		err = s.addPool(ctx, r.Pool, 0)
	}
	return err
}

func (s *stack) terminatesJob(ctx context.Context, c client.Client, id string) error {
	r, err := names(ctx, c, id)
	if err == nil {
		_, err = s.batch.TerminateJob(ctx, r.Job, &azbatch.TerminateJobOptions{})
	}
	return err
}

func (s *stack) deletesJob(ctx context.Context, c client.Client, id string) error {
	r, err := names(ctx, c, id)
	if err == nil {
		_, err = s.batch.DeleteJob(ctx, r.Job, nil)
	}
	return err
}

func (s *stack) deletesPool(ctx context.Context, c client.Client, id string) error {
	r, err := names(ctx, c, id)
	if err == nil {
		_, err = s.batch.DeletePool(ctx, r.Pool, nil)
	}
	return err
}

// janitorPaths has the Janitor find what the terminated run left, and delete it.
func (s *stack) janitorPaths(t *testing.T) {
	t.Helper()
	for _, deletes := range []bool{false, true} {
		id := map[bool]string{false: "janitor-dry", true: "janitor-deletes"}[deletes]
		const grace = time.Second
		run, err := s.temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: workflows.TaskQueue, StartDelay: 2 * grace},
			workflows.Janitor, workflows.SweepInput{Delete: deletes, Grace: workload.Duration(grace)})
		require.NoError(t, err)
		var swept workflows.SweepResult
		require.NoError(t, run.Get(t.Context(), &swept))
		require.Equal(t, []int{1, 1, 1, 0}, []int{swept.Pools, swept.Jobs, swept.Inputs, swept.Failed}, "%+v", swept)
		s.checkHistory(t, id, id)
	}
}
