package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

var update = flag.Bool("update", false, "write the views that the tests compare with")

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// busy is a run in the middle of its work.
func busy() panel {
	return panel{
		Started: noon.Add(-2*time.Minute - 5*time.Second),
		Phases: []phase{
			{workflows.StepScan, ended}, {workflows.StepUpload, going}, {workflows.StepPool, ended}, {workflows.StepJob, ended},
			{workflows.StepSubmit, wentWrong}, {workflows.StepWait, going}, {workflows.StepGather, ahead}, {workflows.StepReport, ahead}, {cleanUp, ahead},
		},
		Counts: workload.Counts{Total: 1000, Active: 465, Running: 12, Succeeded: 520, Failed: 3},
		Rate:   4.2, Left: 110 * time.Second,
		Moves:  []movement{{Step: workflows.StepUpload, Done: 980, Total: 1000, Bytes: 9_800_000_000, Rate: 87_000_000}},
		Nodes:  map[string]int32{"running": 4, "idle": 1, "starting": 1},
		Cost:   azure.Cost{Dollars: 0.034, AtMost: true, Prices: "the test's"},
		Reason: "2 of 6 nodes cannot run tasks (start task failed or unusable) and more is said of them than fits in one line, or in two",
	}
}

// TestViews compares the view, without colours, with the files in
// testdata/views; go test ./starter -run TestViews -update writes them.
func TestViews(t *testing.T) {
	t.Parallel()
	begin := panel{Started: noon, Phases: []phase{{workflows.StepScan, going}, {workflows.StepUpload, ahead}}}
	done := busy()
	done.Counts, done.Moves, done.Reason, done.Rate, done.Left = workload.Counts{Total: 3, Succeeded: 2, Unfinished: 1}, nil, "", 0, 0
	for name, v := range map[string]struct {
		panel         panel
		question      string
		width, height int
	}{
		"wide":      {busy(), "", 120, 40},
		"usual":     {busy(), "", 80, 24},
		"narrow":    {busy(), "", 40, 24},
		"very-low":  {busy(), "", 80, 5},
		"tiny":      {busy(), "Delete job? [Y] yes, [N] no: ", 12, 3},
		"begin":     {begin, "", 80, 24},
		"question":  {done, "Delete job? [Y] yes, [N] no: ", 80, 24},
		"no-answer": {panel{}, "", 80, 24},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			styled := view(v.panel, noon, v.question, v.width, v.height)
			got := ansi.Strip(styled) + "\n"
			file := filepath.Join("testdata", "views", name+".txt")
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(got), 0o600))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
			lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
			require.Less(t, len(lines), v.height)
			for _, line := range lines {
				require.Less(t, ansi.StringWidth(line), v.width, line)
			}
		})
	}
}

// TestTheBarIsWhole, whatever the numbers: as wide as it may be, with a sign for
// each state that has a task.
func TestTheBarIsWhole(t *testing.T) {
	t.Parallel()
	for _, c := range []workload.Counts{
		{Total: 1}, {Total: 1, Succeeded: 1}, {Total: 3, Succeeded: 1, Failed: 1, Running: 1},
		{Total: 1_000_000, Succeeded: 999_998, Failed: 1, Running: 1}, {Total: 7, Succeeded: 2, Unfinished: 5},
		{Total: 5, Succeeded: 4, Failed: 3}, // counts lag
	} {
		text := ansi.Strip(bar(c, 60))
		require.Equal(t, 60, ansi.StringWidth(text), fmt.Sprint(c, text))
		for _, s := range sharesOf(c) {
			require.Equal(t, s.count > 0, strings.Contains(text, s.sign), "%v: %s in %s", c, s.word, text)
		}
	}
}

func TestPace(t *testing.T) {
	t.Parallel()
	var p pace
	require.Zero(t, p.perSecond())
	p.add(noon, 10)
	require.Zero(t, p.left(100))
	p.add(noon.Add(10*time.Second), 30)
	require.InDelta(t, 2, p.perSecond(), 1e-9)
	require.Equal(t, 35*time.Second, p.left(100))
	for s := 20; s <= 300; s += 10 {
		p.add(noon.Add(time.Duration(s)*time.Second), 30+int64(s-10)*5)
	}
	require.InDelta(t, 5, p.perSecond(), 0.2, "what was a minute ago does not count")
	p.add(noon.Add(301*time.Second), 0)
	require.Zero(t, p.perSecond(), "it began anew")
	for want, rate := range map[string]float64{"4.2 tasks/s": 4.2, "30 tasks/min": 0.5, "12 tasks/h": 1. / 300, "1.23e+03 tasks/s": 1234} {
		require.Equal(t, want, rateOf(rate))
	}
}

// TestGauge: what the panel says of sightings, with and without a worker.
func TestGauge(t *testing.T) {
	t.Parallel()
	g := newGauge(nil, azure.Prices{})
	step := func(name string, end time.Time, err string) workflows.Step {
		return workflows.Step{Name: name, Started: noon, Ended: end, Error: err}
	}
	wait := workload.Progress{
		Step: workflows.StepWait, Counts: workload.Counts{Total: 4, Succeeded: 1, Running: 3}, Nodes: map[string]int32{"running": 1}, Reason: "nothing moves",
		NodeTime: workload.NodeTime{VMSize: "Standard_A1_v2", Spot: 10},
	}
	seen := sighting{started: noon, activities: []activity{{Progress: wait}}, status: &workflows.Status{
		Files: 4, Resources: ours,
		Steps: []workflows.Step{step(workflows.StepScan, noon, ""), step(workflows.StepUpload, noon, "disk"), step("end job", noon, ""), step(workflows.StepWait, time.Time{}, "")},
	}}
	p := g.panel(seen, noon)
	require.Equal(t, []phase{{"scan", ended}, {"upload", wentWrong}, {"pool", ahead}, {"job", ahead}, {"submit", ahead}, {"wait", going}, {"gather", ahead}, {"report", ahead}, {"end job", ended}, {"clean up", ahead}}, p.Phases)
	require.Equal(t, wait.Counts, p.Counts)
	require.Equal(t, "$0.43 at most", p.Cost.String())
	require.Equal(t, "nothing moves", p.Reason)

	wait.Counts.Succeeded = 3
	p = g.panel(sighting{started: noon, activities: []activity{{Progress: wait}}}, noon.Add(4*time.Second))
	require.InDelta(t, 0.5, p.Rate, 1e-9)
	require.Equal(t, 2*time.Second, p.Left)

	seen.activities = nil
	seen.status.Report = &workload.Report{Counts: workload.Counts{Total: 4, Succeeded: 3, Unfinished: 1}, NodeTime: workload.NodeTime{VMSize: "Standard_A1_v2", Spot: 20}}
	p = g.panel(seen, noon.Add(5*time.Second))
	require.Zero(t, p.Rate)
	require.Empty(t, p.Nodes)
	require.Equal(t, "$0.86 at most", p.Cost.String())
	require.EqualValues(t, 1, p.Counts.Unfinished)
}
