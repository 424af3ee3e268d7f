package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// GatherInput names what to gather from.
type GatherInput struct {
	Job             string        `json:"job"`
	Task            workload.Task `json:"task"`
	InputContainer  string        `json:"inputContainer,omitempty"`
	OutputContainer string        `json:"outputContainer"`
	Files           int64         `json:"files"`
}

// GatherResult counts the results; they are themselves in Blob.
type GatherResult struct {
	Counts   workload.Counts    `json:"counts"`
	Failures []workload.Failure `json:"failures,omitempty"` // the first 20
	Results  string             `json:"results"`            // prefix of their parts in the output container
}

// Unfinished is the code of a task that had not ended when its run did.
const Unfinished = "Unfinished"

// A report tells so many failures at length, and so many bytes of them, as it
// passes through history twice, of which there are to be 24 KiB at most; the
// results hold them all.
const (
	maxFailures  = 20
	maxToldBytes = 3 << 10
)

// Gather writes what became of each input, in the order of the list, to the
// output container. An attempt after a failure goes on after the last part that
// was written, so that many files need no long stretch without any trouble.
func (a *Activities) Gather(ctx context.Context, in GatherInput) (GatherResult, error) {
	progress := beat{ctx: ctx, progress: resume(ctx, "gather", in.Files)}
	defer progress.alive()()
	blobs, err := a.indexOutputs(ctx, in.OutputContainer, &progress)
	if err != nil {
		return GatherResult{}, err
	}
	gathering := gathering{Activities: a, in: in, blobs: blobs, progress: &progress,
		result: GatherResult{Counts: workload.Counts{Total: in.Files}, Results: resultsPrefix}}
	part, last, err := gathering.resume(ctx)
	if err != nil {
		return GatherResult{}, err
	}
	reissues, err := a.reissuesOf(ctx, in.OutputContainer)
	if err != nil {
		return GatherResult{}, err
	}
	gathering.begun = reissues.Attempts
	list := a.inputParts(in.OutputContainer, listPrefix)
	for ; !last; part++ {
		var inputs []workload.Input
		inputs, last, err = list.Read(ctx, part)
		if err != nil {
			return GatherResult{}, fail(err, "read the list of inputs in container %s", in.OutputContainer)
		}
		if err := gathering.part(ctx, part, last, inputs); err != nil {
			return GatherResult{}, err
		}
		progress.reached(func(p *workload.Progress) { p.Part, p.Counts = part+1, gathering.result.Counts })
	}
	return gathering.result, nil
}

// resume takes up the counts of the parts that an earlier attempt has written,
// and reads the failures in them again. It answers which part comes next, and
// whether there is none.
func (g *gathering) resume(ctx context.Context) (next int, done bool, err error) {
	g.progress.update(func(p *workload.Progress) {
		if p.Counts.Total != g.in.Files { // nothing was written, as far as was told
			p.Part, p.Counts = 0, workload.Counts{Total: g.in.Files}
		}
		p.Files = p.Counts.Succeeded + p.Counts.Failed + p.Counts.Unfinished
		next, g.result.Counts = p.Part, p.Counts
	})
	bad := g.result.Counts.Failed + g.result.Counts.Unfinished
	for part := 0; part < next && int64(len(g.result.Failures)) < bad && !g.toldEnough(); part++ {
		results, _, err := g.results().Read(ctx, part)
		if errors.Is(err, transfer.ErrNoPart) { // what the service lost is written again
			g.result.Counts, g.result.Failures, g.told = workload.Counts{Total: g.in.Files}, nil, 0
			g.progress.update(func(p *workload.Progress) { p.Part, p.Files, p.Counts = 0, 0, g.result.Counts })
			return 0, false, nil
		}
		if err != nil {
			return 0, false, fail(err, "read the results in container %s", g.in.OutputContainer)
		}
		for _, result := range results {
			if result.Failure != nil && !g.toldEnough() {
				g.tell(*result.Failure)
			}
		}
	}
	return next, g.progress.progress.Files == g.in.Files, nil
}

// results are the parts of the run's results.
func (g *gathering) results() transfer.Parts[workload.Result] {
	return transfer.Parts[workload.Result]{Container: g.Storage.Container(g.in.OutputContainer), Prefix: resultsPrefix}
}

// gathering is one Gather at work.
type gathering struct {
	*Activities
	in       GatherInput
	blobs    *outputIndex
	progress *beat
	result   GatherResult
	told     int              // bytes of its failures
	begun    map[string]int32 // how often tasks had begun before they were added again
}

// part gathers the results of one part of the list.
func (g *gathering) part(ctx context.Context, part int, last bool, inputs []workload.Input) error {
	tasks, err := g.tasksOf(ctx, inputs)
	if err != nil {
		return err
	}
	groups, err := g.groupsOf(g.in.Task, g.in.InputContainer, g.in.OutputContainer, toRun(inputs))
	if err != nil {
		return err
	}
	records, err := g.recordsOf(ctx, groups)
	if err != nil {
		return err
	}
	own := make(map[int64]workload.Result, len(inputs))
	for _, group := range groups {
		id := workload.TaskID(group[0].Index)
		for _, input := range group {
			result, err := g.resultOf(ctx, input, id, tasks[id], records[id])
			if err != nil {
				return err
			}
			result.Attempts += g.begun[id]
			own[input.Index] = result
		}
	}
	results := make([]workload.Result, 0, len(inputs))
	for _, input := range inputs {
		result, ok := own[input.Index]
		if ok {
			g.count(ctx, &result)
		} else {
			result = g.carry(input)
		}
		g.progress.update(func(p *workload.Progress) { p.Files++ })
		results = append(results, result)
	}
	return fail(g.results().Write(ctx, part, last, results), "write results to container %s", g.in.OutputContainer)
}

// tasksOf lists the tasks of neighbouring inputs by the range of their ids. A
// job that is gone has none.
func (g *gathering) tasksOf(ctx context.Context, inputs []workload.Input) (map[string]azbatch.Task, error) {
	first, last := inputs[0].Index, inputs[len(inputs)-1].Index
	pager := g.Batch.NewListTasksPager(g.in.Job, &azbatch.ListTasksOptions{
		Filter:      to.Ptr(fmt.Sprintf("id ge '%s' and id le '%s'", workload.TaskID(first), workload.TaskID(last))),
		SelectParam: []string{"id", "state", "executionInfo", "nodeInfo"},
	})
	tasks := make(map[string]azbatch.Task, len(inputs))
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err := fail(err, "list the tasks of job %s", g.in.Job); err != nil {
			return tasks, unlessGone(err)
		}
		for _, task := range page.Value {
			tasks[value(task.ID)] = task
		}
	}
	return tasks, nil
}

// resultOf says what became of one input. The zero Task stands for one that
// was never submitted; record is of a task of several inputs, and nil if it
// left none.
func (g *gathering) resultOf(ctx context.Context, input workload.Input, taskID string, task azbatch.Task, record record) (workload.Result, error) {
	result := workload.Result{Index: input.Index, Name: input.Name, TaskID: taskID, State: workload.TaskUnfinished, Made: input.Made, Why: input.Why}
	if logs := logsOf(result.TaskID); g.blobs.has(logs + "/stderr.txt") {
		result.Logs = logs
	}
	if task.NodeInfo != nil {
		result.Node = value(task.NodeInfo.NodeID)
	}
	if info := task.ExecutionInfo; info != nil {
		result.ExitCode, result.Started, result.Ended = info.ExitCode, value(info.StartTime), value(info.EndTime)
		if !result.Started.IsZero() {
			result.Attempts = 1 + value(info.RetryCount) + value(info.RequeueCount)
		}
	}
	if value(task.State) == azbatch.TaskStateCompleted {
		complete := g.completed
		if record != nil {
			complete = record.completed(g)
		}
		if err := complete(ctx, input, task, &result); err != nil {
			return result, err
		}
	}
	if result.State == workload.TaskUnfinished && result.Failure == nil {
		result.Failure = &workload.Failure{Code: Unfinished, Message: "its task had not ended when the run did"}
	}
	if result.Failure != nil {
		result.Failure.Name, result.Failure.TaskID, result.Failure.ExitCode, result.Failure.Node = input.Name, result.TaskID, result.ExitCode, result.Node
	}
	return result, nil
}

// completed tells success from failure: by what Batch says and by what is in
// the output container.
func (g *gathering) completed(ctx context.Context, input workload.Input, task azbatch.Task, result *workload.Result) error {
	missing, err := g.collect(ctx, input, result)
	if err != nil {
		return err
	}
	info := value(task.ExecutionInfo)
	result.State = workload.TaskFailed
	switch {
	case value(info.Result) != azbatch.TaskExecutionResultSuccess:
		failure := value(info.FailureInfo)
		result.Failure = &workload.Failure{Code: value(failure.Code), Message: failureMessage(failure)}
		if result.Failure.Code == "TaskEnded" && !ranOutOfTime(info, time.Duration(g.in.Task.Timeout)) {
			result.State = workload.TaskUnfinished
		}
	case missing != "":
		result.Failure = outputMissing(missing)
	default:
		result.State = workload.TaskSucceeded
	}
	return nil
}

func outputMissing(name string) *workload.Failure {
	return &workload.Failure{Code: "OutputMissing", Message: "its task succeeded, but " + name + " is not in the output container: the command did not write it, or it was lost after its upload"}
}

// ranOutOfTime tells a task that reached its own maxWallClockTime from one that
// was ended with its job or by a person: Batch has one code for all of them, and
// the exit code is whatever the node's system makes of a killed process (Batch
// REST reference, TaskExecutionInformation).
func ranOutOfTime(info azbatch.TaskExecutionInfo, limit time.Duration) bool {
	return limit > 0 && info.StartTime != nil && value(info.EndTime).Sub(*info.StartTime) >= limit
}

func failureMessage(failure azbatch.TaskFailureInfo) string {
	message := firstLine(value(failure.Message))
	for _, detail := range failure.Details {
		if text := firstLine(value(detail.Value)); value(detail.Name) == "Message" && text != message {
			message += ": " + text
		}
	}
	return message
}

// collect lists the outputs that a task left and names one that it should
// have left and did not.
func (g *gathering) collect(ctx context.Context, input workload.Input, result *workload.Result) (missing string, err error) {
	expansion, err := g.in.Task.Expand(input)
	if err != nil {
		return "", refuse(InvalidWorkload, "%v", err)
	}
	for _, output := range expansion.Outputs {
		if output.Pattern != "" {
			found, err := g.blobsBelow(ctx, output.To)
			if err != nil {
				return "", err
			}
			result.Outputs = append(result.Outputs, found...)
			continue
		}
		blob := workload.BlobName(output.File)
		properties, ok := g.blobs.get(blob)
		if ok {
			result.Outputs = append(result.Outputs, workload.OutputBlob{Name: output.File, Blob: blob, Size: properties.bytes(), MD5: properties.hash()})
		} else if missing == "" {
			missing = output.File
		}
	}
	return missing, nil
}

// count adds one result to the run's and keeps the first failures with the end
// of their stderr.
func (g *gathering) count(ctx context.Context, result *workload.Result) {
	switch result.State {
	case workload.TaskSucceeded:
		g.result.Counts.Succeeded++
		return
	case workload.TaskFailed:
		g.result.Counts.Failed++
	default:
		g.result.Counts.Unfinished++
	}
	if g.toldEnough() {
		return
	}
	result.Failure.Stderr = g.stderr(ctx, g.in.OutputContainer, *result)
	g.tell(*result.Failure)
}

func (g *gathering) toldEnough() bool {
	return len(g.result.Failures) == maxFailures || g.told >= maxToldBytes
}

// tell adds a failure to those that the run's report tells at length, with as
// much of the end of its stderr as there is room for.
func (g *gathering) tell(failure workload.Failure) {
	for failure.Stderr != "" && g.told+toldBytes(failure) > maxToldBytes {
		failure.Stderr = strings.ToValidUTF8(failure.Stderr[(len(failure.Stderr)+1)/2:], "")
	}
	g.told += toldBytes(failure)
	g.result.Failures = append(g.result.Failures, failure)
}

// toldBytes is what a failure takes of history, which escapes what is binary.
func toldBytes(failure workload.Failure) int {
	text, _ := json.Marshal(failure) // plain data, which cannot fail
	return len(text)
}

// stderr is the end of what a failed task said. It is evidence, so a failure
// to get it is told in its place.
func (a *Activities) stderr(ctx context.Context, container string, result workload.Result) string {
	if result.Logs == "" {
		return ""
	}
	blob := result.Logs + "/stderr.txt"
	var text string
	var err error
	if s := result.Stderr; s != nil {
		text, err = transfer.TailOf(ctx, a.Storage.Container(container), blob, s.From, s.To, stderrTail)
	} else {
		text, err = transfer.Tail(ctx, a.Storage.Container(container), blob, stderrTail)
	}
	if err != nil {
		return fmt.Sprintf("(%s could not be read: %s)", blob, azure.Explain(err))
	}
	return lastLines(text)
}
