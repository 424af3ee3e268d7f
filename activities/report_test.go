package activities

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// TestReport: a run with a file that fails has a report in its output
// container, and beside the outputs.
func TestReport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.task.Command = `grep -v bad {{input}} > {{output}} || { echo "no <b>good</b>" >&2; exit 7; }`
	scanned := w.ran("good.txt", "bad.txt")
	gathered := mustRun(w, w.Gather, w.gatherInput(scanned.Files))
	in := ReportInput{
		Report: workload.Report{
			WorkflowID: w.owner.WorkflowID, Outcome: workload.Failed, Verdict: "1 of 2 files failed.", Files: 2, Counts: gathered.Counts,
			Results: gathered.Results, Resources: workload.Resources{OutputContainer: w.out()}, Started: time.Now().Add(-time.Minute), Ended: time.Now(),
		},
		Workload: workload.Workload{Task: w.task},
		Steps:    []ReportStep{{Name: "wait", Started: time.Now().Add(-time.Minute), Ended: time.Now()}},
	}
	written := mustRun(w, w.Report, in)
	again := mustRun(w, w.Report, in)
	require.Equal(t, written.Page.Blob, again.Page.Blob, "an attempt after a crash writes over it")

	dir := t.TempDir()
	mustRun(w, w.Fetch, FetchInput{Container: w.out(), Directory: dir, Files: 2, Report: again.Page})
	page, err := os.ReadFile(filepath.Join(dir, workload.ReportFile))
	require.NoError(t, err)
	for _, text := range []string{"1 of 2 files failed.", "bad.txt", "no &lt;b&gt;good&lt;/b&gt;", "exit code 7", runtime.Version()} {
		require.Contains(t, string(page), text)
	}
	properties, err := w.Storage.Container(w.out()).NewBlobClient(workload.ReportBlob).GetProperties(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, "text/html; charset=utf-8", *properties.ContentType)
	kept, err := transfer.Get(t.Context(), w.Storage.Container(w.out()), workload.ReportBlob)
	require.NoError(t, err)
	require.Equal(t, page, kept)
}

// TestReportOfARunThatNeverSubmitted has no results to read.
func TestReportOfARunThatNeverSubmitted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.listed("a")
	in := ReportInput{Report: workload.Report{Outcome: workload.Failed, Verdict: "quota", Resources: workload.Resources{OutputContainer: w.out()}}}
	require.Equal(t, workload.ReportFile, mustRun(w, w.Report, in).Page.Name)
}
