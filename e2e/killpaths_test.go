package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

// path is a way that a run can take.
type path struct {
	name     string
	workload string // JSON, with DIR for the run's directory and HOST for this machine
	drive    func(context.Context, client.Client, string) error
	janitor  bool // the run is terminated, and the worker killed while the Janitor deletes what it left
	ends     workload.Outcome
	counts   workload.Counts // of a run that is given time
	once     bool            // each task begins once, whatever is killed
	outputs  bool            // they are fetched
	keeps    bool            // job and pool stay
	notes    int
	delay    time.Duration // before the run begins
}

// Pieces of the workloads.
const (
	killedInputs = `"inputs": {"dir": "DIR/InputFiles", "host": "HOST"}`
	killedPool   = `"pool": {"vmSize": "Standard_A1_v2", "spotNodes": 2, "nodeAgentSku": "batch.node.ubuntu 24.04",
		"image": {"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}}`
	killedTask    = `"task": {"command": "echo {{name}} >> 'DIR/began'; cp {{input}} {{output}}", "output": "{{stem}}.out"}`
	sleepingTask  = `"task": {"command": "echo {{name}} >> 'DIR/began'; sleep 3600", "output": "{{stem}}.out"}`
	killedOutputs = `"outputs": {"dir": "DIR/OutputFiles"}`
	always        = `"cleanup": {"when": "always"}`
)

// killedPaths are the ways that are cut at each of their moments.
func killedPaths() []path {
	three := workload.Counts{Total: 3, Succeeded: 3}
	return []path{
		{
			name: "success", ends: workload.Succeeded, counts: three, once: true, outputs: true, notes: 1,
			workload: document(killedInputs, killedPool, killedTask, killedOutputs,
				`"cleanup": {"when": "approval", "deadline": "1s", "onDeadline": "delete"}`),
		},
		{
			name: "approved", ends: workload.Succeeded, counts: three, once: true, drive: approves,
			workload: document(killedInputs, killedPool, killedTask),
		},
		{
			name: "kept", ends: workload.Succeeded, counts: three, once: true, keeps: true,
			workload: document(killedInputs, killedPool, killedTask, `"cleanup": {"when": "never"}`),
		},
		{
			name: "inputs in a container", ends: workload.Succeeded, counts: three, once: true, outputs: true,
			workload: document(`"inputs": {"container": "killed-inputs", "host": "HOST"}`, killedPool, killedTask, killedOutputs, always),
		},
		{
			name: "own pool", ends: workload.Succeeded, counts: three, once: true,
			workload: document(killedInputs, `"pool": {"id": "killed-pool"}`, killedTask, always),
		},
		{
			name: "a task fails", ends: workload.Failed, counts: workload.Counts{Total: 3, Succeeded: 2, Failed: 1}, once: true, outputs: true,
			workload: document(killedInputs, killedPool, killedOutputs, always,
				`"task": {"command": "echo {{name}} >> 'DIR/began'; [ {{index}} != 00000001 ] && cp {{input}} {{output}}", "output": "{{stem}}.out"}`),
		},
		{
			name: "the start task fails", ends: workload.Failed, counts: workload.Counts{Total: 3, Unfinished: 3},
			workload: document(killedInputs, killedTask, always, killedPool[:len(killedPool)-1]+`, "startTask": {"command": "echo no such package >&2; exit 7"}}`),
		},
		{
			name: "timeout", ends: workload.TimedOut, counts: workload.Counts{Total: 3, Unfinished: 3},
			workload: document(killedInputs, killedPool, sleepingTask, `"timeout": "10s"`, always),
		},
		{
			name: "cancelled", ends: workload.Cancelled, counts: workload.Counts{Total: 3, Unfinished: 3}, drive: cancelsWait,
			workload: document(killedInputs, killedPool, sleepingTask, always),
		},
		{name: "janitor", janitor: true, drive: terminatesWait, workload: document(killedInputs, killedPool, sleepingTask)},
	}
}

func document(sections ...string) string {
	text := `{"name": "killed"`
	for _, section := range sections {
		text += ", " + section
	}
	return text + "}"
}

// approves asks for the cleanup as soon as the run has begun: an approval that
// comes early is kept, and answered when it has been followed.
func approves(ctx context.Context, c client.Client, id string) error {
	var done workflows.CleanupResult
	err := poll(ctx, func() (bool, error) {
		handle, err := c.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
			WorkflowID: id, UpdateName: workflows.ApprovalUpdate, UpdateID: "approval", Args: []any{workflows.Approval{}},
			WaitForStage: client.WorkflowUpdateStageCompleted,
		})
		if notReady := (*serviceerror.WorkflowNotReady)(nil); errors.As(err, &notReady) {
			return false, nil // as starter does
		}
		if err != nil {
			return false, err
		}
		return true, handle.Get(ctx, &done)
	})
	if err != nil {
		return fmt.Errorf("approve: %w", err)
	}
	if !done.JobDeleted || !done.PoolDeleted {
		return fmt.Errorf("the approval was answered with %+v", done)
	}
	return nil
}

// cancelsWait cancels the run when it waits for its tasks.
func cancelsWait(ctx context.Context, c client.Client, id string) error {
	if err := untilWaits(ctx, c, id); err != nil {
		return err
	}
	return c.CancelWorkflow(ctx, id, "")
}

// terminatesWait ends the run then as nobody should, and nothing cleans up.
func terminatesWait(ctx context.Context, c client.Client, id string) error {
	if err := untilWaits(ctx, c, id); err != nil {
		return err
	}
	return c.TerminateWorkflow(ctx, id, "", "a test")
}

// untilWaits waits until the run does nothing but wait for its tasks.
func untilWaits(ctx context.Context, c client.Client, id string) error {
	return poll(ctx, func() (bool, error) {
		described, err := c.DescribeWorkflowExecution(ctx, id, "")
		pending := described.GetPendingActivities()
		return len(pending) == 1 && pending[0].GetActivityType().GetName() == "Wait", err
	})
}

// poll asks until the answer is yes, an error, or too late.
func poll(ctx context.Context, ask func() (bool, error)) error {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		if yes, err := ask(); yes || err != nil {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// prepareDirectory makes the files of one run: two that are small, and one that
// moves in blocks.
func prepareDirectory(dir string) error {
	inputs := filepath.Join(dir, "InputFiles")
	if err := os.MkdirAll(inputs, 0o755); err != nil {
		return err
	}
	for name, content := range killedFiles() {
		if err := os.WriteFile(filepath.Join(inputs, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func killedFiles() map[string][]byte {
	large := make([]byte, 5<<20)
	copy(large, "a file that moves in blocks")
	return map[string][]byte{"one.txt": []byte("one\n"), "two words.txt": []byte("two\n"), "zlarge.bin": large}
}

// start starts a run on the path.
func (p path) start(ctx context.Context, temporal client.Client, id, dir string) (client.WorkflowRun, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	text := strings.NewReplacer("DIR", dir, "HOST", host).Replace(p.workload)
	return temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: workflows.TaskQueue, StartDelay: p.delay}, "RunWorkload", json.RawMessage(text))
}
