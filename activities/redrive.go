package activities

import (
	"bytes"
	"context"
	"errors"
	"io/fs"

	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// RedriveInput names the run of which a scan lists what failed or never
// finished.
type RedriveInput struct {
	WorkflowID      string `json:"workflowId"`
	OutputContainer string `json:"outputContainer"`
}

// toRun leaves out of a list what runs before this one have done.
func toRun(inputs []workload.Input) []workload.Input {
	var left []workload.Input
	for _, input := range inputs {
		if input.Earlier == nil {
			left = append(left, input)
		}
	}
	return left
}

// scanAgain is Scan for a redrive. It walks no directory: the list is the
// parent's, with the results of what is done in it, and with the files of
// everything else as they are now. It makes no input container: the parent's
// may still stand.
func (a *Activities) scanAgain(ctx context.Context, in ScanInput, progress *beat) (ScanResult, error) {
	r := &redrive{Activities: a, in: in, progress: progress, names: workload.NewNameCheck(in.Task),
		list:     a.inputParts(in.Redrive.OutputContainer, listPrefix),
		manifest: a.inputParts(in.Redrive.OutputContainer, manifestPrefix),
		results:  transfer.Parts[workload.Result]{Container: a.Storage.Container(in.Redrive.OutputContainer), Prefix: resultsPrefix},
	}
	judged, err := r.each(ctx, r.judge)
	if err != nil {
		return ScanResult{}, a.undo(ctx, in, err)
	}
	if judged.Earlier == judged.Files {
		return ScanResult{}, a.undo(ctx, in, refuse(InvalidWorkload, "there is nothing to redrive: every file of run %s succeeded", in.Redrive.WorkflowID))
	}
	if err := a.createOutputContainer(ctx, in); err != nil {
		return ScanResult{}, err
	}
	list := a.inputParts(in.OutputContainer, listPrefix)
	written, err := r.each(ctx, func(ctx context.Context, part int, last bool, inputs []workload.Input, results []workload.Result) error {
		if err := r.refresh(ctx, part, inputs, results); err != nil {
			return err
		}
		if err := r.remake(ctx, inputs); err != nil {
			return err
		}
		return fail(list.Write(ctx, part, last, inputs), "write the list of inputs to container %s", in.OutputContainer)
	})
	if err != nil {
		return ScanResult{}, a.undo(ctx, in, err)
	}
	written.Changed = r.changed
	return written, nil
}

// redrive is one scanAgain at work.
type redrive struct {
	*Activities
	in             ScanInput
	progress       *beat
	names          *workload.NameCheck
	list, manifest transfer.Parts[workload.Input]
	results        transfer.Parts[workload.Result]
	changed        []string
}

// each calls visit for every part of the parent's list and results, and counts
// what is in them when visit is done with it.
func (r *redrive) each(ctx context.Context, visit func(ctx context.Context, part int, last bool, inputs []workload.Input, results []workload.Result) error) (ScanResult, error) {
	var found ScanResult
	for last := false; !last; found.Parts++ {
		var inputs []workload.Input
		var err error
		if inputs, last, err = r.list.Read(ctx, found.Parts); err != nil {
			return found, r.unreadable(err)
		}
		results, _, err := r.results.Read(ctx, found.Parts)
		if err != nil {
			return found, r.unreadable(err)
		}
		if len(results) != len(inputs) {
			return found, refuse(InvalidWorkload, "the list and the results of run %s do not fit together: part %d holds %d inputs and %d results",
				r.in.Redrive.WorkflowID, found.Parts, len(inputs), len(results))
		}
		for i := range inputs {
			inputs[i].Earlier = r.earlier(results[i])
		}
		if err := visit(ctx, found.Parts, last, inputs, results); err != nil {
			return found, err
		}
		for _, input := range inputs {
			found.count(input)
		}
		r.progress.update(func(p *workload.Progress) { p.Files, p.Bytes = found.Files, found.Bytes })
	}
	return found, nil
}

func (r *redrive) unreadable(err error) error {
	if errors.Is(err, transfer.ErrNoPart) || isGone(fail(err, "read")) {
		return refuse(InvalidWorkload, "run %s has no results in container %s: it has not gathered them yet, it ended before it could, or somebody deleted them. "+
			"Start a new run instead", r.in.Redrive.WorkflowID, r.in.Redrive.OutputContainer)
	}
	return fail(err, "read the results of run %s", r.in.Redrive.WorkflowID)
}

// earlier is the result of what need not be done again.
func (r *redrive) earlier(result workload.Result) *workload.Result {
	if result.State != workload.TaskSucceeded {
		return nil
	}
	if result.Earlier == nil {
		result.Earlier = &workload.Earlier{WorkflowID: r.in.Redrive.WorkflowID, Container: r.in.Redrive.OutputContainer}
	}
	return &result
}

func (r *redrive) judge(_ context.Context, _ int, _ bool, inputs []workload.Input, _ []workload.Result) error {
	for _, input := range inputs {
		if err := r.names.Add(input); err != nil {
			return refuse(InvalidWorkload, "%v", err)
		}
	}
	return nil
}

// refresh looks at the files that are to be run as they are now: who mends a
// file has it redriven mended.
func (r *redrive) refresh(ctx context.Context, part int, inputs []workload.Input, _ []workload.Result) error {
	if r.in.Inputs.Dir == "" {
		return nil
	}
	uploaded, err := r.uploaded(ctx, part)
	if err != nil {
		return err
	}
	for i := range inputs {
		input := &inputs[i]
		if input.Earlier != nil {
			continue
		}
		file, err := transfer.Look(r.in.Inputs.Dir, input.Name)
		if errors.Is(err, fs.ErrNotExist) {
			return refuse(InvalidWorkload, "%q, which did not succeed in run %s, is not in %s any more; put it back, or start a new run",
				input.Name, r.in.Redrive.WorkflowID, r.in.Inputs.Dir)
		}
		if err != nil {
			return refuse(InvalidWorkload, "inputs.dir: %v", err)
		}
		sum, err := transfer.Sum(ctx, file)
		if err != nil {
			return refuse(InputChanged, "%v; start the redrive again when nothing writes to it", err)
		}
		before, known := uploaded[input.Index]
		if input.Size != file.Size || known && !bytes.Equal(before, sum) {
			r.noteChange(input.Name)
		}
		input.Size, input.ModTime = file.Size, file.ModTime
	}
	return nil
}

// remake says what the results of the files that are to be run will be made of
// now, and not what they would have been made of in the parent.
func (r *redrive) remake(ctx context.Context, inputs []workload.Input) error {
	made, err := r.newReuse(r.in, &beat{ctx: ctx, progress: workload.Progress{Step: "scan"}})
	if err != nil {
		return err
	}
	for i := range inputs {
		input := &inputs[i]
		if input.Earlier != nil {
			continue
		}
		input.Made, input.Why = nil, ""
		if r.in.Reuse == nil {
			continue
		}
		if input.Made, err = made.made(ctx, input); err != nil {
			return err
		}
		input.Why = "it did not succeed in run " + r.in.Redrive.WorkflowID
	}
	return nil
}

// uploaded are the hashes of what the parent had uploaded of a part, by index.
func (r *redrive) uploaded(ctx context.Context, part int) (map[int64][]byte, error) {
	inputs, _, err := r.manifest.Read(ctx, part)
	if errors.Is(err, transfer.ErrNoPart) {
		return nil, nil
	}
	sums := make(map[int64][]byte, len(inputs))
	for _, input := range inputs {
		sums[input.Index] = input.MD5
	}
	return sums, fail(err, "read the manifest of run %s", r.in.Redrive.WorkflowID)
}

// noteChange remembers some of the files that are not what they were.
func (r *redrive) noteChange(name string) {
	if len(r.changed) < maxFailures {
		r.changed = append(r.changed, name)
	}
}

// carry is the result of an input that a run before this one has done.
func (g *gathering) carry(input workload.Input) workload.Result {
	result := *input.Earlier
	result.Index = input.Index
	g.result.Counts.Succeeded++
	return result
}
