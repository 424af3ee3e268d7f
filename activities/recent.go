package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"go.temporal.io/sdk/activity"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// A heartbeat tells so many failures, and so much of each; the results hold
// all of them.
const (
	maxRecent     = 5
	maxRecentLine = 200
	recentPage    = 50
)

// recent keeps the newest failures of a job that goes on, oldest first.
type recent struct {
	failures []workload.Failure
	counted  int64     // failed tasks when they were last listed
	since    time.Time // the latest end among those that were listed
	told     map[string]bool
}

// noticeFailures lists the tasks that failed since the last look, when their
// count says that there are any. They are for people who watch, so that not
// being able to list them is no reason to stop waiting.
func (w *wait) noticeFailures(ctx context.Context, failed int64) {
	if failed <= w.recent.counted {
		return
	}
	tasks, err := w.failedTasks(ctx)
	if err != nil {
		activity.GetLogger(ctx).Warn("The tasks that failed could not be listed; the wait goes on", "job", w.in.Job, "error", azure.Explain(err).String())
		return
	}
	w.recent.counted = failed
	for _, task := range tasks {
		w.recent.add(w.recentFailure(ctx, task))
	}
}

// failedTasks answers the newest of the tasks that failed since the last look,
// oldest first. Times of one second may hold several tasks, so those of the
// last look come again.
func (w *wait) failedTasks(ctx context.Context) ([]azbatch.Task, error) {
	filter := "state eq 'completed' and executionInfo/result eq 'failure'"
	if !w.recent.since.IsZero() {
		filter += fmt.Sprintf(" and executionInfo/endTime ge DateTime'%s'", w.recent.since.UTC().Format(time.RFC3339))
	}
	pager := w.Batch.NewListTasksPager(w.in.Job, &azbatch.ListTasksOptions{
		Filter:      to.Ptr(filter),
		SelectParam: []string{"id", "executionInfo", "nodeInfo", "resourceFiles"},
		MaxResults:  to.Ptr[int32](recentPage),
	})
	page, err := pager.NextPage(ctx)
	if err != nil {
		return nil, err
	}
	fresh := slices.DeleteFunc(page.Value, func(t azbatch.Task) bool { return t.ExecutionInfo == nil || w.recent.told[value(t.ID)] })
	slices.SortFunc(fresh, func(a, b azbatch.Task) int {
		return value(a.ExecutionInfo.EndTime).Compare(value(b.ExecutionInfo.EndTime))
	})
	return fresh[max(0, len(fresh)-maxRecent):], nil
}

func (w *wait) recentFailure(ctx context.Context, task azbatch.Task) workload.Failure {
	info := value(task.ExecutionInfo)
	reason := value(info.FailureInfo)
	failure := workload.Failure{
		Name: inputOf(task), TaskID: value(task.ID), Code: value(reason.Code), Message: cut(failureMessage(reason), maxRecentLine), ExitCode: info.ExitCode,
	}
	if task.NodeInfo != nil {
		failure.Node = value(task.NodeInfo.NodeID)
	}
	if w.in.OutputContainer != "" {
		text, err := transfer.Tail(ctx, w.Storage.Container(w.in.OutputContainer), logsOf(failure.TaskID)+"/stderr.txt", stderrTail)
		if err == nil {
			failure.Stderr = lastLine(text)
		}
	}
	if end := value(info.EndTime); end.After(w.recent.since) {
		w.recent.since = end
	}
	return failure
}

// inputOf is the true name of a task's input: the last of its resource files,
// as taskBody writes them. Of a group, which groupBody writes, it is the first
// and how many there are besides.
func inputOf(task azbatch.Task) string {
	files := task.ResourceFiles
	group := slices.IndexFunc(files, func(f azbatch.ResourceFile) bool { return value(f.FilePath) == scriptFile })
	switch {
	case len(files) == 0:
		return ""
	case group >= 0 && len(files)-group > 2:
		return fmt.Sprintf("%s and %d more", value(files[group+1].FilePath), len(files)-group-2)
	}
	return value(files[len(files)-1].FilePath)
}

func (r *recent) add(failure workload.Failure) {
	if r.told == nil {
		r.told = map[string]bool{}
	}
	r.told[failure.TaskID] = true
	r.failures = append(r.failures, failure)
	r.failures = r.failures[max(0, len(r.failures)-maxRecent):]
}

// lastLine is the last line of a text that says something.
func lastLine(text string) string {
	line := ""
	for candidate := range strings.Lines(text) {
		if strings.TrimSpace(candidate) != "" {
			line = strings.TrimSpace(candidate)
		}
	}
	return cut(azure.Scrub(line), maxRecentLine)
}

// cut shortens a text to so many bytes, between characters.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	end := limit
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}
