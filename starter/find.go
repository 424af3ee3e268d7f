package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// maxNamed is how many files an error names, or a list of failures shows.
const maxNamed = 20

// find is the file that a person means: by its whole name, by the id of its
// task, or by the end of its name where no other ends so. What is not known of
// it yet is empty in the answer, but its name and its task.
func (r runLogs) find(ctx context.Context, word string) (workload.Result, error) {
	list := transfer.Parts[workload.Input]{Container: r.container, Prefix: workload.Reserved + "list"}
	var similar []place
	near := workload.NewNearest(word)
	for part, last := 0, false; !last; part++ {
		var inputs []workload.Input
		var err error
		if inputs, last, err = list.Read(ctx, part); err != nil {
			return workload.Result{}, err
		}
		for _, input := range inputs {
			if input.Name == word || workload.TaskID(input.Index) == word {
				return r.result(ctx, place{input, part})
			}
			if strings.HasSuffix(input.Name, "/"+strings.TrimPrefix(word, "/")) && len(similar) < maxNamed {
				similar = append(similar, place{input, part})
			}
			near.Add(input.Name)
			near.Add(path.Base(input.Name))
		}
	}
	switch len(similar) {
	case 1:
		return r.result(ctx, similar[0])
	case 0:
		return workload.Result{}, noSuchFile(word, near.Best())
	}
	names := make([]string, len(similar))
	for i, p := range similar {
		names[i] = nameOf(p.input.Name)
	}
	return workload.Result{}, usagef("%s may be one of several files; name one of them in full: %s", nameOf(word), strings.Join(names, ", "))
}

// place is an input and the part of the list that it is in.
type place struct {
	input workload.Input
	part  int
}

// result is what the run says of an input: the results have the same parts as
// the list. Before they are there, only its task can be told.
func (r runLogs) result(ctx context.Context, p place) (workload.Result, error) {
	parts := transfer.Parts[workload.Result]{Container: r.container, Prefix: workload.Reserved + "results"}
	results, _, err := parts.Read(ctx, p.part)
	if err != nil && !errors.Is(err, transfer.ErrNoPart) {
		return workload.Result{}, err
	}
	for _, result := range results {
		if result.Index == p.input.Index {
			return result, nil
		}
	}
	if p.input.Earlier != nil {
		return *p.input.Earlier, nil
	}
	task, err := r.taskOf(ctx, p.input.Index)
	return workload.Result{Index: p.input.Index, Name: p.input.Name, TaskID: task}, err
}

// taskOf is the task of an input: its own, or where files share tasks, which
// have scripts then, the last that begins with an input before it.
func (r runLogs) taskOf(ctx context.Context, index int64) (string, error) {
	prefix, task := workload.Reserved+"scripts/", workload.TaskID(index)
	shared := task
	pager := r.container.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: &prefix})
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return "", err
		}
		for _, item := range page.Segment.BlobItems {
			id := strings.TrimSuffix(strings.TrimPrefix(*item.Name, prefix), ".sh")
			if id > task { // they come in the order of their names
				return shared, nil
			}
			shared = id
		}
	}
	return shared, nil
}

func noSuchFile(word, near string) error {
	message := fmt.Sprintf("the run has no file %s.", nameOf(word))
	if near != "" {
		message += " Did you mean " + nameOf(near) + "?"
	}
	return usagef("%s Without a name, logs shows what failed", message)
}

// listFailures shows the files that did not succeed, with the end of what they
// wrote to stderr.
func (s *starter) listFailures(ctx context.Context, from runLogs) error {
	results := transfer.Parts[workload.Result]{Container: from.container, Prefix: workload.Reserved + "results"}
	failures, total := []workload.Failure{}, 0
	for result, err := range results.All(ctx) {
		if errors.Is(err, transfer.ErrNoPart) {
			return failedf("the results of the run are not gathered yet. Name a file to see what it wrote so far: starter logs ID FILE")
		}
		if err != nil {
			return from.explain(ctx, err)
		}
		if result.State == workload.TaskSucceeded {
			continue
		}
		if total++; total > maxNamed || result.Failure == nil {
			continue
		}
		failure := *result.Failure
		if failure.Stderr == "" && result.Logs != "" {
			failure.Stderr = stderrOf(ctx, from, result.TaskID)
		}
		failures = append(failures, failure)
	}
	if s.json {
		return s.answer(struct {
			Total    int                `json:"total"`
			Failures []workload.Failure `json:"failures"`
		}{total, failures})
	}
	if total == 0 {
		fmt.Fprintln(s.stdout, "No file failed.")
		return nil
	}
	for _, failure := range failures {
		printFailure(s.stdout, failure)
	}
	if total > len(failures) {
		fmt.Fprintf(s.stdout, "and %d more; all are listed in container [%s], %s\n", total-len(failures), from.name, results.Prefix)
	}
	return nil
}

// stderrOf is the end of a task's stderr. It is evidence, so a failure to get
// it is told in its place.
func stderrOf(ctx context.Context, from runLogs, taskID string) string {
	text, err := transfer.Tail(ctx, from.container, from.blob(taskID, "stderr.txt"), 4096)
	if errors.Is(err, transfer.ErrNoBlob) {
		return ""
	}
	if err != nil {
		return "(it could not be read: " + azure.Explain(err).String() + ")"
	}
	lines := strings.Split(strings.TrimRight(text, "\r\n\t "), "\n")
	return azure.Scrub(strings.Join(lines[max(0, len(lines)-10):], "\n"))
}
