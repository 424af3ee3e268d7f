package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

// milestones prints what happens in a run, each thing once, in the words of
// the tutorial.
type milestones struct {
	display display
	plan    *plan // nil: somebody else started the run

	begun    map[string]bool // steps that were announced
	uploads  int             // names that were printed
	verdict  bool
	reasons  map[string]string // the latest complaint of each activity
	failed   map[string]bool   // tasks whose failure was told
	progress string            // of what works now
}

func newMilestones(d display, p *plan) *milestones {
	return &milestones{display: d, plan: p, begun: map[string]bool{}, reasons: map[string]string{}, failed: map[string]bool{}}
}

// show prints what is new since the last sighting.
func (m *milestones) show(seen sighting) {
	if seen.status != nil {
		for _, step := range seen.status.Steps {
			m.showStep(*seen.status, step, seen.activities)
		}
		m.showVerdict(*seen.status)
	}
	for _, a := range seen.activities {
		m.showReasons(a)
		m.showFailures(a)
	}
	m.progress = progressOf(seen.activities, m.moving())
}

// moving are the steps whose progress is worth a line. Where each line stays,
// that of an upload that names its files would say nothing more.
func (m *milestones) moving() []string {
	if m.uploads > 0 && !m.display.moves() {
		return progressSteps[1:]
	}
	return progressSteps
}

// showStep announces a step when it begins; the containers, which the scan
// creates, when it is over.
func (m *milestones) showStep(status workflows.Status, step workflows.Step, activities []activity) {
	if step.Name == workflows.StepUpload {
		m.showUpload(status, step, activities)
		return
	}
	if step.Name == workflows.StepScan && (step.Ended.IsZero() || step.Error != "") || m.begun[step.Name] {
		return
	}
	m.begun[step.Name] = true
	if step.Name == workflows.StepDeleteInputs || step.Name == workflows.StepApproval {
		m.showVerdict(status)
	}
	for _, line := range m.announce(status, step.Name) {
		m.display.printf("%s", line)
	}
}

func (m *milestones) announce(status workflows.Status, step string) []string {
	r := status.Resources
	switch step {
	case workflows.StepScan:
		var lines []string
		if ownsInputs(r) {
			lines = append(lines, fmt.Sprintf("Container [%s] created.", r.InputContainer))
		}
		return append(lines, fmt.Sprintf("Container [%s] created.", r.OutputContainer))
	case workflows.StepPool:
		if !ownsPool(r) {
			return []string{fmt.Sprintf("Using pool [%s]...", r.Pool)}
		}
		return []string{fmt.Sprintf("Creating pool [%s]...", r.Pool)}
	case workflows.StepJob:
		return []string{fmt.Sprintf("Creating job [%s]...", r.Job)}
	case workflows.StepSubmit:
		return []string{fmt.Sprintf("Adding %s to job [%s]...", countOf(status.Files, "task"), r.Job)}
	case workflows.StepWait:
		return []string{fmt.Sprintf("Monitoring all tasks for 'Completed' state, timeout in %s...", clockOf(time.Duration(status.Timeout)))}
	case workflows.StepFetch:
		if m.plan != nil && m.plan.workload.Outputs.Dir != "" {
			return []string{fmt.Sprintf("Fetching outputs to %s...", nameOf(m.plan.workload.Outputs.Dir))}
		}
		return []string{"Fetching outputs..."}
	case workflows.StepDeleteInputs:
		return []string{fmt.Sprintf("Deleting container [%s]...", r.InputContainer)}
	case workflows.StepDeleteJob:
		return []string{fmt.Sprintf("Deleting job [%s]...", r.Job)}
	case workflows.StepDeletePool:
		return []string{fmt.Sprintf("Deleting pool [%s]...", r.Pool)}
	}
	return nil
}

// ownsInputs tells the run's own container from one of the user's: all that a
// run creates bears one name.
func ownsInputs(r workload.Resources) bool { return r.InputContainer == r.Job+"-in" }

func ownsPool(r workload.Resources) bool { return r.Pool == r.Job }

// showUpload names each file when its turn comes: as many as the upload's
// heartbeat counts, and the one after them.
func (m *milestones) showUpload(status workflows.Status, step workflows.Step, activities []activity) {
	if !m.plan.namesKnown(status.Files) {
		if !m.begun[step.Name] {
			m.begun[step.Name] = true
			m.display.printf("Uploading %s (%s) to container [%s]...", countOf(status.Files, "file"), sizeOf(status.Bytes), status.Resources.InputContainer)
		}
		return
	}
	due := 1
	for _, a := range activities {
		if a.Progress.Step == workflows.StepUpload {
			due = int(a.Progress.Files) + 1
		}
	}
	if !step.Ended.IsZero() && step.Error == "" {
		due = len(m.plan.names)
	}
	for ; m.uploads < min(due, len(m.plan.names)); m.uploads++ {
		m.display.printf("Uploading file %s to container [%s]...", nameOf(m.plan.names[m.uploads]), status.Resources.InputContainer)
	}
}

func (m *milestones) showVerdict(status workflows.Status) {
	if m.verdict || status.Report == nil {
		return
	}
	m.verdict = true
	printVerdict(m.display, *status.Report)
}

// showFailures tells of tasks as they fail, each once. The verdict says more.
func (m *milestones) showFailures(a activity) {
	for _, failure := range a.Progress.Failures {
		if !m.failed[failure.TaskID] {
			m.failed[failure.TaskID] = true
			m.display.failed(failure)
		}
	}
}

// showReasons says why an activity does not get on, once for each reason;
// where what moves is shown, a wait's reason is part of that.
func (m *milestones) showReasons(a activity) {
	reason := ""
	switch {
	case a.Progress.Reason != "" && m.display.moves():
	case a.Progress.Reason != "":
		reason = "Waiting: " + sentenceOf(a.Progress.Reason, 500)
	case a.Failure != "" && a.Attempt > 1:
		reason = fmt.Sprintf("%s is tried again: %s", a.Type, sentenceOf(a.Failure, 300))
	}
	if reason != "" && m.reasons[a.ID] != reason {
		m.reasons[a.ID] = reason
		m.display.printf("%s", reason)
	}
}

// progressOf is the line that moves: what the latest of the activities says
// of itself.
func progressOf(activities []activity, steps []string) string {
	best, rank := "", -1
	for _, a := range activities {
		if at := slices.Index(steps, a.Progress.Step); at > rank {
			rank, best = at, lineOf(a.Progress)
		}
	}
	return best
}

// progressSteps are the steps that heartbeat a progress, the one to show last.
var progressSteps = []string{workflows.StepUpload, workflows.StepSubmit, workflows.StepWait, workflows.StepGather, workflows.StepFetch}

func lineOf(p workload.Progress) string {
	switch p.Step {
	case workflows.StepUpload:
		return fmt.Sprintf("%d of %d files uploaded, %s", p.Files, p.Total, sizeOf(p.Bytes))
	case workflows.StepSubmit:
		return fmt.Sprintf("%d of %d tasks added", p.Files, p.Total)
	case workflows.StepGather:
		return fmt.Sprintf("%d of %d results gathered", p.Files, p.Total)
	case workflows.StepFetch:
		return fmt.Sprintf("%d of %d files fetched, %s", p.Files, p.Total, sizeOf(p.Bytes))
	}
	line := fmt.Sprintf("%d of %d completed, %d running, %d failed", p.Counts.Completed(), p.Counts.Total, p.Counts.Running, p.Counts.Failed)
	if nodes := nodesOf(p.Nodes); nodes != "" {
		line += " · nodes: " + nodes
	}
	return line
}

func nodesOf(nodes map[string]int32) string {
	var states []string
	for state, count := range nodes {
		if count > 0 {
			states = append(states, fmt.Sprintf("%d %s", count, state))
		}
	}
	slices.Sort(states)
	return strings.Join(states, ", ")
}
