package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"time"

	"go.temporal.io/api/workflowservice/v1"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

// estimate is how long a run would take and what its nodes would cost.
type estimate struct {
	Known     bool              `json:"known"`
	Time      workload.Duration `json:"time"`      // from start to end, without the wait for people
	StartTime workload.Duration `json:"startTime"` // of it: until the first task begins
	TaskTime  workload.Duration `json:"taskTime"`  // of one task
	AtOnce    int64             `json:"atOnce"`    // tasks
	NodeHours float64           `json:"nodeHours"`
	Cost      azure.Cost        `json:"cost"`
	Basis     string            `json:"basis"` // where the times come from
}

// What is assumed where no run is known and no flag says otherwise.
const (
	usualTask       = 30 * time.Second
	usualStart      = 4 * time.Minute // of virtual machines
	usualLocalStart = 2 * time.Second // of localbatch's nodes
)

func (e estimate) print(out io.Writer) {
	if !e.Known {
		return
	}
	fmt.Fprintf(out, "time      about %s: %s until tasks begin, then %s a task and %d at once, and the end (%s)\n",
		roughly(e.Time), roughly(e.StartTime), roughly(e.TaskTime), e.AtOnce, e.Basis)
	fmt.Fprintf(out, "nodes     about %.2f node-hours\n", e.NodeHours)
	if e.Cost.Known() {
		fmt.Fprintf(out, "cost      %s (%s)\n", e.Cost, e.Cost.Prices)
	} else {
		fmt.Fprintf(out, "cost      not known: this VM size has no price here; %s names a file of yours\n", azure.EnvPrices)
	}
}

func roughly(d workload.Duration) string {
	unit := time.Second
	if d < workload.Duration(10*time.Second) {
		unit = 100 * time.Millisecond
	}
	return time.Duration(d).Round(unit).String()
}

// estimate reckons with waves: as many tasks at once as nodes have slots for,
// one wave after the other, behind the start of the nodes.
func (s *starter) estimate(ctx context.Context, w *workload.Workload, f *forecast, flags planFlags, prices azure.Prices) estimate {
	nodes := int64(w.Pool.DedicatedNodes + w.Pool.SpotNodes)
	if f.Tasks == 0 || nodes == 0 {
		return estimate{}
	}
	past := s.latest(ctx, w)
	e := estimate{Known: true, StartTime: past.start, TaskTime: past.task, Basis: past.basis}
	if flags.taskTime > 0 {
		e.TaskTime, e.Basis = flags.taskTime, "--task-time"
	}
	if flags.startTime > 0 {
		e.StartTime, e.Basis = flags.startTime, e.Basis+", --start-time"
	}
	slots := max(max(int64(w.Pool.TaskSlots), 1)/max(int64(w.Task.Slots), 1), 1)
	e.AtOnce = min(nodes*slots, f.Tasks)
	if most := int64(w.Job.MaxParallelTasks); most > 0 {
		e.AtOnce = min(e.AtOnce, most)
	}
	waves := (f.Tasks + e.AtOnce - 1) / e.AtOnce
	work := workload.Duration(waves) * e.TaskTime
	e.Time = e.StartTime + work + past.end
	hours := time.Duration(e.Time).Hours()
	e.NodeHours = hours * float64(nodes)
	e.Cost = prices.Cost(w.Pool.VMSize, hours*float64(w.Pool.DedicatedNodes), hours*float64(w.Pool.SpotNodes))
	if e.Time > w.Timeout {
		f.say("timeout", warning, "raise timeout, or take more nodes", "the run is estimated to take %s and has %s", roughly(e.Time), w.Timeout)
	}
	return e
}

// past is what a run took.
type past struct {
	start, task, end workload.Duration
	basis            string
}

// usual is the assumption for a run of a kind that was never seen.
func (s *starter) usual() past {
	p := past{start: workload.Duration(usualStart), task: workload.Duration(usualTask), basis: "assumed: no earlier run of this name is known; say --task-time"}
	if u, err := url.Parse(s.environ.Get(azure.EnvBatchEndpoint)); err == nil {
		if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
			p.start = workload.Duration(usualLocalStart)
		}
	}
	return p
}

// latest asks Temporal for the latest run of the workload's name that ended
// with tasks that ended, and Blob for how long those took.
func (s *starter) latest(ctx context.Context, w *workload.Workload) past {
	quiet := *s
	quiet.log, quiet.patience = &diversion{to: io.Discard}, 2*time.Second
	t, err := quiet.connect(ctx)
	if err != nil {
		return s.usual()
	}
	defer t.Close()
	storage, err := s.storage()
	if err != nil {
		return s.usual()
	}
	call, cancel := context.WithTimeout(ctx, 2*callTimeout)
	defer cancel()
	response, err := t.ListWorkflow(call, &workflowservice.ListWorkflowExecutionsRequest{
		Query: "WorkflowType = '" + workflowType + "' AND ExecutionStatus != 'Running'", PageSize: 50,
	})
	if err != nil {
		return s.usual()
	}
	for _, info := range response.GetExecutions() {
		answer, err := t.runStatus(call, info.GetExecution().GetWorkflowId())
		if err != nil || answer.Report == nil || answer.Report.Name != w.Name {
			continue
		}
		if p, ok := pastOf(call, answer, storage); ok {
			return p
		}
	}
	return s.usual()
}

// pastOf reads the first part of a run's results.
func pastOf(ctx context.Context, run runStatus, storage *azure.Storage) (past, bool) {
	report := run.Report
	parts := transfer.Parts[workload.Result]{Container: storage.Container(report.Resources.OutputContainer), Prefix: workload.Reserved + "results"}
	var first, last time.Time
	var sum time.Duration
	tasks := map[string]bool{}
	for result, err := range parts.All(ctx) {
		if err != nil {
			break
		}
		if result.Started.IsZero() || result.Ended.IsZero() || tasks[result.TaskID] {
			continue
		}
		tasks[result.TaskID] = true
		sum += result.Ended.Sub(result.Started)
		if first.IsZero() || result.Started.Before(first) {
			first = result.Started
		}
		if result.Ended.After(last) {
			last = result.Ended
		}
		if len(tasks) == 10_000 {
			break
		}
	}
	if len(tasks) == 0 {
		return past{}, false
	}
	end := report.Ended.Sub(last)
	if run.Status != nil {
		if approval := run.Status.Step(workflows.StepApproval); !approval.Ended.IsZero() {
			end -= approval.Ended.Sub(approval.Started)
		}
	}
	return past{
		start: workload.Duration(max(first.Sub(report.Started), 0)),
		task:  workload.Duration(sum / time.Duration(len(tasks))),
		end:   workload.Duration(max(end, 0)),
		basis: "as in run " + nameOf(run.WorkflowID),
	}, true
}
