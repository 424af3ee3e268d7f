package report

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workload"
)

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// made are the results of a run of so many files on so many nodes of one slot,
// of which every 37th failed. They are the same each time.
func made(files, nodes int) iter.Seq2[workload.Result, error] {
	return func(yield func(workload.Result, error) bool) {
		random := rand.New(rand.NewPCG(1, 2))
		free := make([]time.Time, nodes)
		for i := range free {
			free[i] = began.Add(30*time.Second + time.Duration(random.IntN(60))*time.Second)
		}
		for i := range files {
			node := i % nodes
			took := time.Duration(2000+random.IntN(4000)+random.IntN(40)/39*20000) * time.Millisecond
			r := workload.Result{
				Index: int64(i), Name: fmt.Sprintf("frames/frame-%06d.png", i), TaskID: fmt.Sprintf("task-%08d", i),
				State: workload.TaskSucceeded, Attempts: 1 + int32(random.IntN(50)/49), Node: fmt.Sprintf("tvmps-%d", node),
				Started: free[node], Ended: free[node].Add(took),
				Outputs: []workload.OutputBlob{{Name: "x", Blob: "x", Size: 1 << 20}},
			}
			if i%37 == 36 {
				code := int32(1)
				r.State, r.ExitCode, r.Outputs = workload.TaskFailed, &code, nil
				r.Failure = &workload.Failure{Name: r.Name, Code: "FailureExitCode", Message: "The task exited with an exit code representing a failure"}
			}
			free[node] = r.Ended
			if !yield(r, nil) {
				return
			}
		}
	}
}

func runOf(files int64) Run {
	failed := files / 37
	ended := began.Add(20 * time.Minute)
	return Run{
		Report: workload.Report{
			WorkflowID: "render-nightly", RunID: "6a4dd0d3-0000-4000-8000-00000000abcd", Outcome: workload.Failed,
			Verdict: fmt.Sprintf("%d of %d files failed.", failed, files), Files: files, Bytes: files << 18,
			Counts:    workload.Counts{Total: files, Succeeded: files - failed, Failed: failed},
			Resources: workload.Resources{Pool: "render-nightly-0000abcd", Job: "render-nightly-0000abcd", OutputContainer: "render-nightly-0000abcd-out"},
			NodeTime:  workload.NodeTime{VMSize: "Standard_D2_v3", Dedicated: 12.5, Spot: 3},
			Started:   began, Ended: ended,
		},
		Steps: []Step{
			{Name: "scan", Started: began, Ended: began.Add(4 * time.Second)},
			{Name: "upload", Started: began.Add(4 * time.Second), Ended: began.Add(3 * time.Minute)},
			{Name: "pool", Started: began.Add(4 * time.Second), Ended: began.Add(6 * time.Second)},
			{Name: "job", Started: began.Add(6 * time.Second), Ended: began.Add(7 * time.Second)},
			{Name: "submit", Started: began.Add(7 * time.Second), Ended: began.Add(3 * time.Minute)},
			{Name: "wait", Started: began.Add(7 * time.Second), Ended: began.Add(19 * time.Minute), Error: "a <reason>"},
			{Name: "gather", Started: began.Add(19 * time.Minute), Ended: ended},
			{Name: "delete inputs", Started: ended},
		},
		Workload: workload.Workload{Name: "render", Task: workload.Task{Command: "render {{input}} > {{output}}"}},
		Price:    Price{Hourly: 0.096, From: "list prices of a place"},
		Versions: []Version{{"durabatch", "v1.2.3"}},
		Made:     ended.Add(time.Second),
	}
}

func write(t *testing.T, run Run, results iter.Seq2[workload.Result, error]) string {
	t.Helper()
	var page bytes.Buffer
	require.NoError(t, Write(&page, run, results))
	return page.String()
}

// TestReport says what happened, and needs nothing from elsewhere.
func TestReport(t *testing.T) {
	t.Parallel()
	run := runOf(1000)
	run.Stderr = func(r workload.Result) string { return r.Name + `: <broken> & "torn"` }
	page := write(t, run, made(1000, 8))
	for _, text := range []string{
		"<strong>Failed</strong> 27 of 1000 files failed.",
		"<dt>Files</dt><dd>1\u202f000</dd>",
		"$1.49 at most: 15.50 node-hours, 3.00 of them of spot nodes",
		`<th scope="row">wait</th>`, "a &lt;reason&gt;",
		"How busy each of 8 nodes was",
		`<th scope="row">tvmps-7</th><td class="number">125</td><td class="number">3</td>`,
		"The slowest 20",
		"frames/frame-000036.png: &lt;broken&gt; &amp; &#34;torn&#34;",
		"render {{input}} &gt; {{output}}",
		"durabatch</dt><dd>v1.2.3",
	} {
		require.Contains(t, page, text)
	}
	require.Equal(t, 27, strings.Count(page, `<details class="failure">`))
	require.NotRegexp(t, regexp.MustCompile(`(?i)<(script|link|img|iframe|object|embed)|\ssrc=|\shref=|url\(|@import`), page)
	require.NotContains(t, page, "ZgotmplZ", "the template refused a value")
}

// TestReportStaysSmall whatever the run was.
func TestReportStaysSmall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ files, nodes int }{{100_000, 100}, {100_000, 5000}, {300_000, 3}} {
		page := write(t, runOf(int64(c.files)), made(c.files, c.nodes))
		require.Less(t, len(page), 2<<20, "%d files on %d nodes", c.files, c.nodes)
	}
}

func TestReportOfNothing(t *testing.T) {
	t.Parallel()
	run := runOf(0)
	run.Report.NodeTime = workload.NodeTime{}
	page := write(t, run, func(func(workload.Result, error) bool) {})
	require.Contains(t, page, "not counted: the pool is not the run&#39;s own")
	require.NotContains(t, page, "Tasks per node")

	never := func(yield func(workload.Result, error) bool) {
		yield(workload.Result{Name: "a", State: workload.TaskUnfinished, Failure: &workload.Failure{Code: "Unfinished", Message: "m"}}, nil)
	}
	page = write(t, runOf(1), never)
	require.Contains(t, page, `<span class="state unfinished">unfinished</span> a`)

	before := func(yield func(workload.Result, error) bool) {
		yield(workload.Result{Name: "a", State: workload.TaskSucceeded, Started: began, Ended: began.Add(time.Hour), Earlier: &workload.Earlier{}}, nil)
	}
	page = write(t, runOf(1), before)
	require.Contains(t, page, "<dt>Done by earlier runs</dt><dd>1</dd>")
	require.NotContains(t, page, "How long files took", "the times of another run are not this one's")

	torn := errors.New("torn")
	require.ErrorIs(t, Write(&bytes.Buffer{}, runOf(1), func(yield func(workload.Result, error) bool) { yield(workload.Result{}, torn) }), torn)
}

// TestUsageKeepsEverySecond whatever the buckets are put together to.
func TestUsageKeepsEverySecond(t *testing.T) {
	t.Parallel()
	u := newUsage(began)
	var seconds float64
	var files, failed int64
	for r, err := range made(20_000, 7) {
		require.NoError(t, err)
		u.add(r)
		seconds += r.Ended.Sub(r.Started).Seconds()
		files++
		if r.State != workload.TaskSucceeded {
			failed++
		}
	}
	require.LessOrEqual(t, u.buckets(), maxBuckets)
	var busy float64
	var marks, ends, failures int64
	for _, node := range u.Nodes() {
		for i := range node.busy {
			busy += node.busy[i]
			marks += int64(node.failed[i])
		}
	}
	for _, e := range u.ends {
		ends += e.succeeded + e.failed
		failures += e.failed
	}
	require.InDelta(t, seconds, busy, 0.1)
	require.Equal(t, []int64{failed, files, failed}, []int64{marks, ends, failures})
	for i, name := range []string{"tvmps-0", "tvmps-1"} {
		require.Equal(t, name, u.Nodes()[i].Name)
	}
}

func TestPercentilesAreWithinFivePercent(t *testing.T) {
	t.Parallel()
	var d durations
	for i := range 10_000 {
		d.add(time.Duration(i+1) * 10 * time.Millisecond)
	}
	for percent, want := range map[int]time.Duration{50: 50 * time.Second, 95: 95 * time.Second, 99: 99 * time.Second} {
		require.InEpsilon(t, want.Seconds(), d.Percentile(percent).Seconds(), 0.05)
	}
	require.InEpsilon(t, 100, d.Percentile(100).Seconds(), 0.05)
	require.Equal(t, 100*time.Second, d.Most())
	require.Equal(t, 10*time.Millisecond, d.Least())
}

func TestWords(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-1: "–", 0: "0 ms", 4200 * time.Millisecond: "4.2 s", 12 * time.Second: "12 s",
		time.Hour - 600*time.Millisecond: "59 min 59 s", 90 * time.Minute: "1 h 30 min", 50 * time.Hour: "2 d 2 h",
	} {
		require.Equal(t, want, span(d))
	}
	require.Equal(t, "1\u202f234\u202f567", count(1234567))
	require.Equal(t, "1.5 KiB", size(1536))
	require.Negative(t, cmpNames("node-2", "node-10"))
	require.Positive(t, cmpNames("node-b", "node-a"))
}

// TestSample writes a report to look at, where REPORT_SAMPLE says.
func TestSample(t *testing.T) {
	t.Parallel()
	path := os.Getenv("REPORT_SAMPLE")
	if path == "" {
		path = filepath.Join(t.TempDir(), "report.html")
	}
	require.NoError(t, os.WriteFile(path, []byte(write(t, runOf(100_000), made(100_000, 24))), 0o600))
}
