package activities

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// ReuseInput says what, beside a file and its command, an earlier result must
// have been made with to be used again.
type ReuseInput struct {
	Name        string `json:"name"`  // of the workload: whose runs are looked at
	Image       string `json:"image"` // that the nodes run, or the pool of the user's
	ToolVersion string `json:"toolVersion,omitempty"`
}

// maxEarlierRuns is how many runs are looked back at. Each run's results are of
// all of its files, so that the latest one mostly tells all.
const maxEarlierRuns = 10

// reuse knows the results of earlier runs.
type reuse struct {
	*Activities
	in      ScanInput
	task    string // hash of what is the same for every file
	results map[string]workload.Result
	outputs map[string]*outputIndex // by container
	why     map[string]int64
	beat    *beat
}

// reuseFor reads the results of earlier runs of the workload; nil: none is to be
// used again.
func (a *Activities) reuseFor(ctx context.Context, in ScanInput, progress *beat) (*reuse, error) {
	if in.Reuse == nil {
		return nil, nil
	}
	r, err := a.newReuse(in, progress)
	if err != nil {
		return nil, err
	}
	runs, err := r.runs(ctx)
	if err != nil {
		return nil, err
	}
	for _, run := range runs {
		if err := r.read(ctx, run); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// newReuse knows no results yet, and what new ones are made of.
func (a *Activities) newReuse(in ScanInput, progress *beat) (*reuse, error) {
	task, err := json.Marshal([]any{in.Task.Environment, in.Task.ResourceFiles, in.Task.Elevated})
	if err != nil {
		return nil, fmt.Errorf("reading the task: %w", err)
	}
	return &reuse{
		Activities: a, in: in, task: string(task), beat: progress,
		results: map[string]workload.Result{}, outputs: map[string]*outputIndex{}, why: map[string]int64{},
	}, nil
}

// earlierRun is a run whose output container is there.
type earlierRun struct {
	workload.Earlier
	modified time.Time
}

// runs finds the latest runs of the workload by the marks on their output
// containers, the latest first.
func (r *reuse) runs(ctx context.Context) ([]earlierRun, error) {
	var found []earlierRun
	for pager := r.Storage.Containers(); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return nil, fail(err, "list the containers")
		}
		for _, c := range page.ContainerItems {
			m, _, ok := markOnContainer(c.Metadata)
			if !ok || value(c.Name) == r.in.OutputContainer || metadataOf(c.Metadata, metadataWorkload) != r.in.Reuse.Name {
				continue
			}
			found = append(found, earlierRun{
				Earlier:  workload.Earlier{WorkflowID: m.WorkflowID, Container: value(c.Name)},
				modified: value(c.Properties.LastModified),
			})
		}
		r.beat.again()
	}
	slices.SortFunc(found, func(a, b earlierRun) int {
		return cmp.Or(b.modified.Compare(a.modified), cmp.Compare(b.Container, a.Container))
	})
	return found[:min(len(found), maxEarlierRuns)], nil
}

// read takes up the results of a run that no later one has. A run that gathered
// none, or not all, has nothing to tell.
func (r *reuse) read(ctx context.Context, run earlierRun) error {
	parts := transfer.Parts[workload.Result]{Container: r.Storage.Container(run.Container), Prefix: resultsPrefix}
	for result, err := range parts.All(ctx) {
		if errors.Is(err, transfer.ErrNoPart) || errors.Is(err, transfer.ErrBroken) || isGone(fail(err, "read")) {
			return nil
		}
		if err != nil {
			return fail(err, "read the results of run %s", run.WorkflowID)
		}
		if _, known := r.results[result.Name]; known || result.State != workload.TaskSucceeded {
			continue
		}
		if result.Earlier == nil {
			result.Earlier = &run.Earlier
		}
		r.results[result.Name] = result
		r.beat.again()
	}
	return nil
}

// judge gives an input its earlier result, or says why it has to be run. A nil
// reuse judges nothing.
func (r *reuse) judge(ctx context.Context, input *workload.Input) error {
	if r == nil {
		return nil
	}
	r.beat.again()
	made, err := r.made(ctx, input)
	if err != nil {
		return err
	}
	input.Made = made
	result, known := r.results[input.Name]
	input.Why = differs(result, known, made)
	if input.Why == "" {
		if input.Why, err = r.missing(ctx, result); err != nil {
			return err
		}
	}
	if input.Why != "" {
		r.why[input.Why]++
		return nil
	}
	input.Earlier = &result
	return nil
}

// made is what a result of the input would be made of now.
func (r *reuse) made(ctx context.Context, input *workload.Input) (*workload.Made, error) {
	if r.in.Inputs.Dir != "" {
		file, err := transfer.Look(r.in.Inputs.Dir, input.Name)
		if err == nil {
			input.MD5, err = transfer.Sum(ctx, file)
		}
		if err != nil {
			return nil, refuse(InputChanged, "%v; start the run again when nothing writes to it", err)
		}
	}
	expansion, err := r.in.Task.Expand(*input)
	if err != nil {
		return nil, refuse(InvalidWorkload, "%v", err)
	}
	text, err := json.Marshal([]any{r.task, expansion})
	if err != nil {
		return nil, fmt.Errorf("reading the command: %w", err)
	}
	sum := sha256.Sum256(text)
	return &workload.Made{
		Size: input.Size, MD5: input.MD5, Command: hex.EncodeToString(sum[:16]),
		Image: r.in.Reuse.Image, ToolVersion: r.in.Reuse.ToolVersion,
	}, nil
}

// differs says what keeps an earlier result from being used again.
func differs(result workload.Result, known bool, now *workload.Made) string {
	then := result.Made
	switch {
	case !known:
		return "new"
	case then == nil:
		return "its earlier run did not say what it was made of"
	case len(now.MD5) == 0:
		return "its content has no hash"
	case then.Size != now.Size || !bytes.Equal(then.MD5, now.MD5):
		return "its content changed"
	case then.Command != now.Command:
		return "the command changed"
	case then.Image != now.Image:
		return "the image changed"
	case then.ToolVersion != now.ToolVersion:
		return "the tool's version changed"
	}
	return ""
}

// missing says that an output of an earlier result is not what it was.
func (r *reuse) missing(ctx context.Context, result workload.Result) (string, error) {
	container := result.Earlier.Container
	index, listed := r.outputs[container]
	if !listed {
		var err error
		index, err = r.indexOutputs(ctx, container, r.beat)
		if isGone(err) {
			index, err = newOutputIndex(), nil
		}
		if err != nil {
			return "", err
		}
		r.outputs[container] = index
	}
	for _, output := range result.Outputs {
		found, ok := index.get(output.Blob)
		if !ok || found.bytes() != output.Size || !bytes.Equal(found.hash(), output.MD5) {
			return "its earlier output is gone", nil
		}
	}
	return "", nil
}
