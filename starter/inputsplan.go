package main

import (
	"context"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// requests are what a run sends to change something in the services, beside
// what its looks at job and pool read and what keeps the pool's lease.
type requests struct {
	AddTasks int64 `json:"addTasks"` // to Batch, of 100 tasks each at most
	Uploads  int64 `json:"uploads"`  // to Blob, of input files
	Lists    int64 `json:"lists"`    // to Blob, of the run's own lists (inputs, manifest, results) and its report
	Nodes    int64 `json:"nodes"`    // to Blob, by the nodes at least: logs and outputs that have names
}

func (r requests) String() string {
	return fmt.Sprintf("%d to add the tasks; %d uploads; %d for the run's lists and report; the nodes upload %d blobs or more", r.AddTasks, r.Uploads, r.Lists, r.Nodes)
}

// counted are the inputs as they were counted.
type counted struct {
	files, tasks, uploads, named int64
}

// Batch takes a hundred tasks in one request (Batch REST reference, Add Task
// Collection).
const tasksPerRequest = 100

func (c counted) requests(w *workload.Workload) requests {
	size := w.Task.PartSize(c.files)
	parts := (c.files + size - 1) / size
	r := requests{
		AddTasks: (c.tasks + tasksPerRequest - 1) / tasksPerRequest,
		Uploads:  c.uploads, Lists: 3*parts + 1, Nodes: 2*c.tasks + c.named,
	}
	if w.Inputs.Dir == "" {
		r.Lists = 2*parts + 1 // nothing is uploaded, so there is no manifest
	}
	return r
}

// countInputs walks the inputs, on this machine or in the container, and names
// every one that the run would refuse.
func (s *starter) countInputs(ctx context.Context, w *workload.Workload, a accounts, f *forecast) counted {
	var c counted
	check := workload.NewNameCheck(w.Task)
	odd, bad := []string{}, []string{}
	add := func(input workload.Input) error {
		if err := check.Add(input); err != nil {
			bad = append(bad, err.Error())
		}
		if isOdd(input.Name) {
			odd = append(odd, nameOf(input.Name))
		}
		c.files++
		f.Bytes += input.Size
		f.Largest = max(f.Largest, input.Size)
		c.uploads += transfer.Requests(input.Size)
		for _, output := range outputsOf(w.Task, input) {
			if output.Pattern == "" {
				c.named++
			}
		}
		return nil
	}
	err := s.eachInput(ctx, w, a, f, add, func(err error) { bad = append(bad, err.Error()) })
	if err != nil {
		f.say("inputs", failing, "", "%v", err)
		return c
	}
	if !f.Counted {
		return c
	}
	f.Files = c.files
	group := int64(w.Task.GroupSize())
	c.tasks = (c.files + group - 1) / group // or more, where the lists of a group's files would be too long for Batch
	if w.Inputs.Dir == "" {
		c.uploads = 0
	}
	sayInputs(w, f, c, odd, bad)
	return c
}

func sayInputs(w *workload.Workload, f *forecast, c counted, odd, bad []string) {
	for i, problem := range bad {
		if i == maxNamed {
			f.say("inputs", failing, "", "and %d more that the run would refuse", len(bad)-i)
			break
		}
		f.say("inputs", failing, "rename it, leave it out by inputs.match, or change the names of the task's outputs", "%s", problem)
	}
	if c.files == 0 {
		f.say("inputs", failing, "correct inputs.dir, inputs.prefix or inputs.match", "no file matches %s", patternsOf(w.Inputs.Match))
	}
	if len(odd) > 0 {
		f.say("names", warning, "", "%s with blanks, quotes, control characters or a dash in front: placeholders arrive quoted, so they work, unless the command takes them apart: %s",
			countOf(int64(len(odd)), "file name"), listOf(odd, 5))
	}
	if len(bad) == 0 && c.files > 0 {
		f.say("outputs", fine, "", "no two files write the same output")
	}
}

// eachInput yields the inputs where they can be seen from here.
func (s *starter) eachInput(ctx context.Context, w *workload.Workload, a accounts, f *forecast, yield func(workload.Input) error, problem func(error)) error {
	in := w.Inputs
	var index int64
	var survey transfer.Survey
	switch {
	case in.Dir != "":
		if host, err := os.Hostname(); err == nil && in.Host != "" && in.Host != host {
			f.say("inputs", unknown, "run plan on "+in.Host, "the files are on another machine, %s", nameOf(in.Host))
			return nil
		}
		f.Counted = true
		err := survey.WalkOn(ctx, in.Dir, in.Match, func(file transfer.File) error {
			index++
			return yield(workload.Input{Index: index - 1, Name: file.Name, Blob: workload.BlobName(file.Name), Size: file.Size})
		}, problem)
		f.sayLeftOut(survey, index)
		return err
	case in.Container != "" && a.storage != nil:
		f.Counted = true
		err := survey.WalkContainer(ctx, a.storage.Container(in.Container), in.Prefix, in.Match, func(blob transfer.Blob) error {
			index++
			return yield(workload.Input{Index: index - 1, Name: blob.Name, Blob: blob.Blob, Size: blob.Size})
		})
		f.sayLeftOut(survey, index)
		return err
	}
	f.say("inputs", unknown, "", "they cannot be counted from here; the run counts them itself")
	return nil
}

// sayLeftOut tells what is left out of inputs, where there are any.
func (f *forecast) sayLeftOut(survey transfer.Survey, files int64) {
	if files == 0 {
		return
	}
	for _, note := range survey.Notes() {
		f.say("inputs", warning, "correct inputs.match, if that is not as it should be", "%s", sentenceOf(note, 500))
	}
}

// isOdd says that a name is one that commands stumble over.
func isOdd(name string) bool {
	return !isPrintable(name) || strings.ContainsAny(name, " \t'\"`$&;|<>()*?[]{}!\\#~") || strings.HasPrefix(path.Base(name), "-")
}

func outputsOf(task workload.Task, input workload.Input) []workload.ExpandedOutput {
	expansion, err := task.Expand(input)
	if err != nil {
		return nil // NameCheck has told of it
	}
	return expansion.Outputs
}
