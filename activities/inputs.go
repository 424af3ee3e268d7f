package activities

import (
	"context"
	"errors"
	"path"
	"strings"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// ScanInput says where the files are and what is to be done with them.
type ScanInput struct {
	Owner           Owner           `json:"owner"`
	Inputs          workload.Inputs `json:"inputs"`
	Task            workload.Task   `json:"task"`
	InputContainer  string          `json:"inputContainer"` // to create, unless the inputs are in one already
	OutputContainer string          `json:"outputContainer"`
	Access          Access          `json:"access"`
	Redrive         *RedriveInput   `json:"redrive,omitempty"` // nil: everything that is there
	Name            string          `json:"name,omitempty"`    // of the workload
	Reuse           *ReuseInput     `json:"reuse,omitempty"`   // nil: every file is run
}

// ScanResult counts what was found. The list itself is in Blob.
type ScanResult struct {
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"`
	Parts int   `json:"parts"` // of the list
	// Of these, what runs before this one have done.
	Earlier      int64 `json:"earlier,omitempty"`
	EarlierBytes int64 `json:"earlierBytes,omitempty"`
	// Changed are files of a redrive that are not what they were: the first 20.
	Changed []string `json:"changed,omitempty"`
	// Why says why files are run that earlier results were looked for: how many
	// files by reason.
	Why map[string]int64 `json:"why,omitempty"`
	// Notes tell what of the inputs was left out, or asked for and not found.
	Notes []string `json:"notes,omitempty"`
}

// count adds one input.
func (s *ScanResult) count(input workload.Input) {
	s.Files++
	s.Bytes += input.Size
	if input.Earlier != nil {
		s.Earlier++
		s.EarlierBytes += input.Size
	}
}

// Scan finds the inputs, refuses what cannot be run, creates the run's
// containers and writes the list of inputs to the output container. It looks
// twice, first to judge and then to write, so that nothing is created for a
// workload that is refused and the list never has to fit into memory.
func (a *Activities) Scan(ctx context.Context, in ScanInput) (ScanResult, error) {
	progress := &beat{ctx: ctx, progress: workload.Progress{Step: "scan"}}
	defer progress.alive()()
	if err := a.checkAccess(ctx, in); err != nil {
		return ScanResult{}, err
	}
	if in.Redrive != nil {
		return a.scanAgain(ctx, in, progress)
	}
	found, err := a.judge(ctx, in, progress)
	if err != nil {
		return ScanResult{}, a.undo(ctx, in, err)
	}
	if err := a.createContainers(ctx, in); err != nil {
		return ScanResult{}, err
	}
	written, err := a.writeList(ctx, in, found, progress)
	if err != nil {
		return ScanResult{}, a.undo(ctx, in, err)
	}
	return written, nil
}

// createContainers makes the run's own containers.
func (a *Activities) createContainers(ctx context.Context, in ScanInput) error {
	if in.Inputs.Dir != "" {
		if err := a.createContainer(ctx, in.InputContainer, in.Owner); err != nil {
			return err
		}
	}
	return a.createOutputContainer(ctx, in)
}

// checkAccess finds out, before anything exists, whether nodes can be given
// access to Blob for as long as the run may last.
func (a *Activities) checkAccess(ctx context.Context, in ScanInput) error {
	if err := a.checkWindow(in); err != nil {
		return err
	}
	_, err := a.containerAddress(ctx, in.OutputContainer, azure.Upload, in.Access)
	return failFirst(ctx, err, "sign addresses in the storage account")
}

// undo makes true that nothing exists of a workload that is refused: the files
// may have changed since this attempt, or one before it, made the containers.
func (a *Activities) undo(ctx context.Context, in ScanInput, cause error) error {
	if !hasCode(cause, InvalidWorkload) {
		return cause
	}
	containers := []string{in.OutputContainer}
	if in.Inputs.Dir != "" {
		containers = append(containers, in.InputContainer)
	}
	for _, name := range containers {
		if err := a.DeleteContainer(ctx, DeleteContainerInput{Owner: in.Owner, Container: name}); err != nil {
			return err
		}
	}
	return cause
}

// judge counts the inputs and refuses the workload whose files cannot be run.
func (a *Activities) judge(ctx context.Context, in ScanInput, progress *beat) (ScanResult, error) {
	var found ScanResult
	names := workload.NewNameCheck(in.Task)
	var survey transfer.Survey
	err := a.eachInput(ctx, in.Inputs, true, &survey, func(input workload.Input) error {
		found.Files++
		found.Bytes += input.Size
		progress.update(func(p *workload.Progress) { p.Files, p.Bytes = found.Files, found.Bytes })
		if err := names.Add(input); err != nil {
			return refuse(InvalidWorkload, "%v", err)
		}
		return nil
	})
	if err != nil {
		return ScanResult{}, err
	}
	if found.Files == 0 {
		return ScanResult{}, nothingIn(in.Inputs)
	}
	found.Notes = notesOf(survey, in.Inputs)
	return found, nil
}

// writeList writes the list of inputs in parts and checks that the files are
// still those that were judged.
func (a *Activities) writeList(ctx context.Context, in ScanInput, found ScanResult, progress *beat) (ScanResult, error) {
	list := a.inputParts(in.OutputContainer, listPrefix)
	size := in.Task.PartSize(found.Files)
	var part []workload.Input
	written := ScanResult{Notes: found.Notes}
	progress.reached(func(p *workload.Progress) { p.Files, p.Total = 0, found.Files })
	earlier, err := a.reuseFor(ctx, in, progress)
	if err != nil {
		return ScanResult{}, err
	}
	err = a.eachInput(ctx, in.Inputs, false, new(transfer.Survey), func(input workload.Input) error {
		progress.update(func(p *workload.Progress) { p.Files = written.Files })
		if err := earlier.judge(ctx, &input); err != nil {
			return err
		}
		part = append(part, input)
		written.count(input)
		if int64(len(part)) < size && written.Files < found.Files {
			return nil
		}
		err := list.Write(ctx, written.Parts, written.Files == found.Files, part)
		part = part[:0]
		written.Parts++
		return fail(err, "write the list of inputs to container %s", in.OutputContainer)
	})
	if err == nil && written.Files != found.Files {
		return ScanResult{}, refuse(InvalidWorkload, "%s changed while it was read: %d files, then %d; start the run when nothing writes there",
			origin(in.Inputs), found.Files, written.Files)
	}
	if earlier != nil {
		written.Why = earlier.why
	}
	return written, err
}

// eachInput yields the inputs in the order of their names, which is the same
// every time.
func (a *Activities) eachInput(ctx context.Context, in workload.Inputs, first bool, survey *transfer.Survey, yield func(workload.Input) error) error {
	switch {
	case in.Manifest != "":
		return a.eachItem(ctx, in, first, yield)
	case in.Container != "":
		return a.eachBlob(ctx, in, survey, yield)
	}
	var index int64
	err := survey.Walk(ctx, in.Dir, in.Match, func(file transfer.File) error {
		input := workload.Input{Index: index, Name: file.Name, Blob: workload.BlobName(file.Name), Size: file.Size, ModTime: file.ModTime}
		index++
		return yield(input)
	})
	if err != nil && isLocal(err) {
		return refuse(InvalidWorkload, "inputs.dir: %v", err)
	}
	return err
}

// eachBlob yields what is in a container of the user's. A name is what comes
// after the last slash of the prefix, as if that were a directory.
func (a *Activities) eachBlob(ctx context.Context, in workload.Inputs, survey *transfer.Survey, yield func(workload.Input) error) error {
	var index int64
	err := survey.WalkContainer(ctx, a.Storage.Container(in.Container), in.Prefix, in.Match, func(blob transfer.Blob) error {
		input := workload.Input{Index: index, Name: blob.Name, Blob: blob.Blob, Size: blob.Size, MD5: blob.MD5}
		index++
		return yield(input)
	})
	if errors.Is(err, transfer.ErrName) {
		return refuse(InvalidWorkload, "inputs.container: %v", err)
	}
	if azure.Is(err, azure.CodeContainerNotFound) {
		return refuse(InvalidWorkload, "inputs.container: there is no container %s in the storage account", in.Container)
	}
	return failFirst(ctx, err, "list container %s", in.Container)
}

// inputParts are the parts of the list or of the manifest.
func (a *Activities) inputParts(outputContainer, prefix string) transfer.Parts[workload.Input] {
	return transfer.Parts[workload.Input]{Container: a.Storage.Container(outputContainer), Prefix: prefix}
}

// notesOf are those of a survey that a report has room for.
func notesOf(survey transfer.Survey, in workload.Inputs) []string {
	const most = 10
	notes := survey.Notes()
	notes = notes[:min(len(notes), most)]
	for i, note := range notes {
		notes[i] = origin(in) + ": " + note
	}
	return notes
}

func nothingIn(in workload.Inputs) error {
	if in.Manifest != "" {
		return refuse(InvalidWorkload, "inputs.manifest: %s names no file", origin(in))
	}
	return refuse(InvalidWorkload, "%s holds no file that matches %s", origin(in), strings.Join(in.Match, ", "))
}

// origin names where inputs come from, for people.
func origin(in workload.Inputs) string {
	if in.Manifest != "" && in.Container == "" {
		return in.Manifest
	}
	if in.Manifest != "" {
		return "blob " + path.Join(in.Container, in.Manifest)
	}
	if in.Container != "" {
		return "container " + path.Join(in.Container, in.Prefix)
	}
	return in.Dir
}
