package activities

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"golang.org/x/sync/errgroup"

	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// recordsOf reads the records of groups by the ids of their tasks. A task that
// left none, because it never ran or ended with its node, is not there.
func (g *gathering) recordsOf(ctx context.Context, groups [][]workload.Input) (map[string]record, error) {
	if g.in.Task.GroupSize() == 1 || g.in.Task.Together() {
		return nil, nil
	}
	found := make([]record, len(groups))
	reads, ctx := errgroup.WithContext(ctx)
	reads.SetLimit(partsAtOnce)
	for i, group := range groups {
		blob := recordOf(workload.TaskID(group[0].Index))
		if !g.blobs.has(blob) {
			continue
		}
		reads.Go(func() error {
			text, err := transfer.Get(ctx, g.Storage.Container(g.in.OutputContainer), blob)
			if err != nil {
				return fail(err, "read %s in container %s", blob, g.in.OutputContainer)
			}
			if found[i], err = parseRecord(text); err != nil {
				return refuse(RecordBroken, "%s in container %s: %v", blob, g.in.OutputContainer, err)
			}
			return nil
		})
	}
	if err := reads.Wait(); err != nil {
		return nil, err
	}
	records := make(map[string]record, len(groups))
	for i, group := range groups {
		if found[i] != nil {
			records[workload.TaskID(group[0].Index)] = found[i]
		}
	}
	return records, nil
}

// completed tells what became of one file of a task that left this record: by
// its own exit code, whatever that of the task is.
func (r record) completed(g *gathering) func(context.Context, workload.Input, azbatch.Task, *workload.Result) error {
	return func(ctx context.Context, input workload.Input, task azbatch.Task, result *workload.Result) error {
		info := value(task.ExecutionInfo)
		run := r[input.Index]
		// A node that was taken away took the record along.
		result.Attempts = run.runs + value(info.RequeueCount)
		result.Started, result.Ended = run.started, run.ended
		result.Stdout, result.Stderr = run.stdout, run.stderr
		result.ExitCode = nil
		if run.ending {
			result.ExitCode = &run.code
		}
		if !run.ending || run.code != 0 {
			return g.fellShort(ctx, input, info, run, result)
		}
		missing, err := g.collect(ctx, input, result)
		if err != nil {
			return err
		}
		result.State = workload.TaskSucceeded
		if missing != "" {
			result.State, result.Failure = workload.TaskFailed, outputMissing(missing)
		}
		return nil
	}
}

// fellShort tells of a file whose command failed, or did not come to an end.
func (g *gathering) fellShort(ctx context.Context, input workload.Input, info azbatch.TaskExecutionInfo, run fileRun, result *workload.Result) error {
	result.State = workload.TaskFailed
	limit := time.Duration(g.in.Task.Timeout)
	switch failure := value(info.FailureInfo); {
	case run.ending && limit > 0 && run.ended.Sub(run.started) >= limit:
		result.Failure = &workload.Failure{Code: "TaskEnded", Message: fmt.Sprintf("its command was ended after %s (task.timeout)", limit)}
	case run.ending:
		result.Failure = &workload.Failure{Code: "FailureExitCode", Message: fmt.Sprintf("its command exited with code %d", run.code)}
	case value(failure.Code) == "TaskEnded":
		result.State = workload.TaskUnfinished
	default:
		result.Failure = &workload.Failure{Code: value(failure.Code), Message: "the task that it shared with others ended before it was done: " + failureMessage(failure)}
	}
	if err := g.keepAlways(ctx, input, result); err != nil || run.ending {
		return err
	}
	return g.dropPartial(ctx, input)
}

// keepAlways lists the outputs that are kept of files that failed too.
func (g *gathering) keepAlways(ctx context.Context, input workload.Input, result *workload.Result) error {
	if _, err := g.collect(ctx, input, result); err != nil {
		return err
	}
	result.Outputs = slices.DeleteFunc(result.Outputs, func(o workload.OutputBlob) bool { return !g.always(input, o.Name) })
	return nil
}

func (g *gathering) always(input workload.Input, name string) bool {
	expansion, err := g.in.Task.Expand(input)
	return err == nil && slices.ContainsFunc(expansion.Outputs, func(o workload.ExpandedOutput) bool { return o.File == name && o.Always })
}

// dropPartial deletes what a command that was cut off had written by then, and
// Batch uploaded with what the other files of the task left.
func (g *gathering) dropPartial(ctx context.Context, input workload.Input) error {
	expansion, err := g.in.Task.Expand(input)
	if err != nil {
		return refuse(InvalidWorkload, "%v", err)
	}
	for _, output := range expansion.Outputs {
		blob := workload.BlobName(output.File)
		if output.Always || !g.blobs.has(blob) {
			continue
		}
		_, err := g.Storage.Container(g.in.OutputContainer).NewBlobClient(blob).Delete(ctx, nil)
		if err := fail(err, "delete what was left of %s in container %s", blob, g.in.OutputContainer); err != nil && !isGone(err) {
			return err
		}
	}
	return nil
}
