package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// check compares what a run says and did with what it should.
func (k *killer) check(ctx context.Context, p path, report workload.Report, dir string) error {
	var wrong []error
	is := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	is(report.Outcome == p.ends, "it ended %s: %s", report.Outcome, report.Verdict)
	// A run that runs out of time, or is cancelled, counts what it had come to.
	is(report.Counts == p.counts || (!p.once && report.Counts.Succeeded+report.Counts.Failed == 0), "counts are %+v", report.Counts)
	is(len(report.Notes) == p.notes, "notes are %q", report.Notes)
	is(p.keeps == (len(report.Left) > 0), "left is %q", report.Left)
	if p.once {
		began, err := os.ReadFile(filepath.Join(dir, "began"))
		is(err == nil, "%v", err)
		for name := range killedFiles() {
			is(strings.Count("\n"+string(began), "\n"+name+"\n") == 1, "tasks that began: %q", began)
		}
		wrong = append(wrong, k.checkResults(ctx, p, report))
	}
	if p.outputs {
		wrong = append(wrong, checkFetched(p, filepath.Join(dir, "OutputFiles")))
	}
	wrong = append(wrong, k.checkContainer(ctx, p, report.Resources), k.checkLeft(ctx, p, report.Resources))
	return errors.Join(wrong...)
}

// checkResults: the results name each file once, in order, and a task that ran
// once.
func (k *killer) checkResults(ctx context.Context, p path, report workload.Report) error {
	parts := transfer.Parts[workload.Result]{Container: k.storage.Container(report.Resources.OutputContainer), Prefix: report.Results}
	n := int64(0)
	for result, err := range parts.All(ctx) {
		if err != nil {
			return err
		}
		if result.Index != n || result.Attempts != 1 {
			return fmt.Errorf("result %d is of %q (index %d), after %d attempts", n, result.Name, result.Index, result.Attempts)
		}
		n++
	}
	if n != p.counts.Total {
		return fmt.Errorf("there are %d results", n)
	}
	return nil
}

// outputsOf are the outputs of a path by their names.
func outputsOf(p path) map[string][]byte {
	outputs := map[string][]byte{}
	for name, content := range killedFiles() {
		outputs[strings.TrimSuffix(name, filepath.Ext(name))+".out"] = content
	}
	if p.counts.Failed > 0 {
		delete(outputs, "two words.out")
	}
	return outputs
}

// checkFetched: the directory holds the outputs, the report and nothing else,
// such as a file that was being written.
func checkFetched(p path, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	outputs := outputsOf(p)
	if _, err := os.Stat(filepath.Join(dir, workload.ReportFile)); err != nil || len(entries) != len(outputs)+1 {
		return fmt.Errorf("the output directory holds %v", entries)
	}
	for name, content := range outputs {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if !bytes.Equal(got, content) {
			return fmt.Errorf("output %q has another content", name)
		}
	}
	return nil
}

// checkContainer: the output container holds the outputs and, beside them, what
// is durabatch's own.
func (k *killer) checkContainer(ctx context.Context, p path, r workload.Resources) error {
	if !p.once {
		return nil
	}
	var found, wanted []string
	pager := k.storage.Container(r.OutputContainer).NewListBlobsFlatPager(&container.ListBlobsFlatOptions{})
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, item := range page.Segment.BlobItems {
			if !strings.HasPrefix(*item.Name, workload.Reserved) {
				found = append(found, *item.Name)
			}
		}
	}
	for name := range outputsOf(p) {
		wanted = append(wanted, name)
	}
	slices.Sort(wanted)
	if !slices.Equal(found, wanted) {
		return fmt.Errorf("the output container holds %q", found)
	}
	return nil
}

// checkLeft: job, pool and inputs are gone, unless they are to stay; those that
// stay are deleted now.
func (k *killer) checkLeft(ctx context.Context, p path, r workload.Resources) error {
	_, job := k.batch.GetJob(ctx, r.Job, nil)
	_, pool := k.batch.GetPool(ctx, r.Pool, nil)
	_, inputs := k.storage.Container(r.InputContainer).GetProperties(ctx, nil)
	stay := map[string]bool{"job": p.keeps, "pool": p.keeps || r.Pool == "killed-pool", "inputs": r.InputContainer == "killed-inputs"}
	var wrong []error
	for what, err := range map[string]error{"job": job, "pool": pool, "inputs": inputs} {
		var response *azcore.ResponseError
		gone := errors.As(err, &response) && response.StatusCode == http.StatusNotFound
		if gone == stay[what] || (err != nil && !gone) {
			wrong = append(wrong, fmt.Errorf("its %s: %w", what, errors.Join(fmt.Errorf("gone is %t", gone), err)))
		}
	}
	if p.keeps && len(wrong) == 0 {
		_, err := k.batch.DeleteJob(ctx, r.Job, nil)
		_, err2 := k.batch.DeletePool(ctx, r.Pool, nil)
		wrong = append(wrong, err, err2)
	}
	return errors.Join(wrong...)
}

// inParallel has each of the victims work through the items, one at a time,
// and answers what came of each.
func inParallel[In, Out any](victims []*victim, items []In, do func(*victim, In) Out) []Out {
	outs, next := make([]Out, len(items)), make(chan int)
	var all sync.WaitGroup
	for _, v := range victims {
		all.Go(func() {
			for i := range next {
				outs[i] = do(v, items[i])
			}
		})
	}
	for i := range items {
		next <- i
	}
	close(next)
	all.Wait()
	return outs
}
