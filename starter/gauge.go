package main

import (
	"maps"
	"slices"
	"time"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

// panel is what moves of a run at one moment: one value for the terminal's
// view, for a plain line and for JSON.
type panel struct {
	Started  time.Time        `json:"-"`
	Phases   []phase          `json:"phases"`
	Counts   workload.Counts  `json:"tasks,omitzero"`
	Rate     float64          `json:"tasksPerSecond,omitempty"`
	Left     time.Duration    `json:"-"`
	LeftSecs int64            `json:"secondsLeft,omitempty"`
	Moves    []movement       `json:"transfers,omitempty"`
	Nodes    map[string]int32 `json:"nodes,omitempty"`
	Cost     azure.Cost       `json:"cost,omitzero"`
	Reason   string           `json:"waitsFor,omitempty"`

	line string // what a plain line says of it
}

// phase is a part of a run, of one step or of several.
type phase struct {
	Name  string     `json:"name"`
	State phaseState `json:"state"`
}

type phaseState string

const (
	ahead     phaseState = "ahead"
	going     phaseState = "on"
	ended     phaseState = "done"
	wentWrong phaseState = "failed"
)

// movement is a step that handles one file after the other.
type movement struct {
	Step  string  `json:"step"`
	Done  int64   `json:"done"`
	Total int64   `json:"total"`
	Bytes int64   `json:"bytes,omitempty"`
	Rate  float64 `json:"bytesPerSecond,omitempty"`
}

// gauge makes panels of sightings: it keeps what was seen last, and how fast
// it changed.
type gauge struct {
	plan   *plan
	prices azure.Prices
	tasks  pace
	bytes  map[string]*pace

	counts   workload.Counts
	nodes    map[string]int32
	nodeTime workload.NodeTime
}

func newGauge(p *plan, prices azure.Prices) *gauge {
	return &gauge{plan: p, prices: prices, bytes: map[string]*pace{}}
}

func (g *gauge) panel(seen sighting, now time.Time) panel {
	p := panel{Started: seen.started}
	g.nodes = nil
	for _, a := range seen.activities {
		g.read(a.Progress, now, &p)
	}
	if seen.status != nil {
		p.Phases = g.phases(*seen.status)
		if report := seen.status.Report; report != nil {
			g.counts, g.nodeTime = report.Counts, report.NodeTime
		}
		if g.counts.Total == 0 && seen.status.Files > 0 {
			g.counts = workload.Counts{Total: seen.status.Files}
		}
	}
	p.Counts, p.Nodes = g.counts, g.nodes
	if rest := g.counts.Total - g.counts.Completed() - g.counts.Unfinished; rest > 0 {
		p.Rate, p.Left = g.tasks.perSecond(), g.tasks.left(g.counts.Total)
		p.LeftSecs = int64(p.Left / time.Second)
	}
	p.Cost = g.cost()
	return p
}

// read takes the heartbeat of one activity in.
func (g *gauge) read(progress workload.Progress, now time.Time, p *panel) {
	if progress.Reason != "" {
		p.Reason = progress.Reason
	}
	switch progress.Step {
	case "":
	case workflows.StepWait:
		g.counts, g.nodes, g.nodeTime = progress.Counts, progress.Nodes, progress.NodeTime
		g.tasks.add(now, progress.Counts.Completed())
	default:
		m := movement{Step: progress.Step, Done: progress.Files, Total: progress.Total, Bytes: progress.Bytes}
		if m.Bytes > 0 {
			if g.bytes[m.Step] == nil {
				g.bytes[m.Step] = &pace{}
			}
			g.bytes[m.Step].add(now, m.Bytes)
			m.Rate = g.bytes[m.Step].perSecond()
		}
		p.Moves = append(p.Moves, m)
		slices.SortFunc(p.Moves, func(a, b movement) int {
			return slices.Index(progressSteps, a.Step) - slices.Index(progressSteps, b.Step)
		})
	}
}

func (g *gauge) cost() azure.Cost {
	return g.prices.Cost(g.nodeTime.VMSize, g.nodeTime.Dedicated, g.nodeTime.Spot)
}

// usualPhases are what most runs consist of, in the order in which they begin.
var usualPhases = []string{
	workflows.StepScan, workflows.StepUpload, workflows.StepPool, workflows.StepJob, workflows.StepSubmit,
	workflows.StepWait, workflows.StepGather, workflows.StepReport, workflows.StepFetch, cleanUp,
}

// cleanUp is the phase of all steps that are about what is left.
const cleanUp = "clean up"

var cleanUpSteps = []string{
	workflows.StepDeleteInputs, workflows.StepEmptyPool, workflows.StepApproval,
	workflows.StepDeleteJob, workflows.StepDeletePool, workflows.StepKeep,
}

// phases are those that the run has, and others that have begun.
func (g *gauge) phases(status workflows.Status) []phase {
	states := map[string]phaseState{}
	names := slices.DeleteFunc(slices.Clone(usualPhases), func(name string) bool { return g.skips(status, name) })
	for _, step := range status.Steps {
		name := step.Name
		if slices.Contains(cleanUpSteps, name) {
			name = cleanUp
		}
		if !slices.Contains(names, name) {
			names = slices.Insert(names, len(names)-1, name)
		}
		states[name] = together(states[name], step)
	}
	if status.Phase == "done" && states[cleanUp] == "" {
		states[cleanUp] = ended
	}
	phases := make([]phase, len(names))
	for i, name := range names {
		phases[i] = phase{Name: name, State: states[name]}
		if states[name] == "" {
			phases[i].State = ahead
		}
	}
	return phases
}

// skips says that a run has no such phase.
func (g *gauge) skips(status workflows.Status, name string) bool {
	switch name {
	case workflows.StepUpload:
		return status.Resources.InputContainer != "" && !ownsInputs(status.Resources)
	case workflows.StepFetch:
		return g.plan == nil || g.plan.workload.Outputs.Dir == ""
	}
	return false
}

// together is the state of a phase with one more of its steps.
func together(state phaseState, step workflows.Step) phaseState {
	switch {
	case state == wentWrong || step.Error != "":
		return wentWrong
	case state == going || step.Ended.IsZero():
		return going
	}
	return ended
}

// nodesByState lists them, the most first.
func nodesByState(nodes map[string]int32) []string {
	return slices.SortedFunc(maps.Keys(nodes), func(a, b string) int {
		if d := nodes[b] - nodes[a]; d != 0 {
			return int(d)
		}
		if a < b {
			return -1
		}
		return 1
	})
}
