package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

// follower watches one run to its end. It keeps nothing: it can be started at
// any time and anywhere, and be stopped without harm to the run.
type follower struct {
	server     *server
	run        started
	look       time.Duration
	screen     *screen
	milestones *milestones
	approval   *approval

	first   bool // nothing was seen yet
	lost    bool // Temporal does not answer
	silent  bool // no worker answers
	missed  int  // queries in a row without an answer
	status  *workflows.Status
	places  bool // where the outputs are was said
	started time.Time
}

// follow shows a run until it ends, asks for the cleanup approval or, with
// yes, gives it, and answers the error that carries the run's exit code.
func (s *starter) follow(ctx context.Context, t *server, run started, p *plan, yes bool) error {
	out, terminal := s.stdout, isTerminal(s.stdout) || s.terminal
	if s.json {
		out, terminal = s.stderr, isTerminal(s.stderr)
	}
	screen := newScreen(out, terminal && s.environ.Get("TERM") != "dumb")
	f := &follower{
		server: t, run: run, look: s.look, first: true,
		screen: screen, milestones: newMilestones(screen, p), approval: newApproval(screen, t, run, yes),
	}
	if s.terminal && !s.json {
		f.approval.listen(ctx, s.stdin)
	}
	report, err := f.untilEnd(ctx)
	screen.withdraw()
	if ctx.Err() != nil {
		screen.printf("\nYou stopped following; run %s goes on. Come back with: starter watch %s", nameOf(run.WorkflowID), shellWord(run.WorkflowID))
		return exitWith(exitInterrupted)
	}
	if err != nil {
		return err
	}
	if s.json {
		if err := s.answer(report); err != nil {
			return err
		}
	}
	return exitWith(reportCode(report))
}

func (f *follower) untilEnd(ctx context.Context) (workload.Report, error) {
	for {
		seen, err := f.sight(ctx)
		if err != nil {
			return workload.Report{}, err
		}
		if seen != nil {
			f.show(ctx, *seen)
			if isClosed(seen.execution) {
				report, err := f.server.result(ctx, *seen)
				if err == nil {
					f.end(ctx, *seen, report)
					return report, nil
				}
				f.loseSight()
			}
		}
		if !f.pause(ctx) {
			return workload.Report{}, ctx.Err()
		}
	}
}

// pause waits for the next look. Answers of the person, and to the person,
// come in the meantime.
func (f *follower) pause(ctx context.Context) bool {
	timer := time.NewTimer(f.interval())
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		case line, ok := <-f.approval.lines:
			f.approval.hear(ctx, line, ok)
		case answer := <-f.approval.sent:
			f.approval.answer = &answer
			return true
		}
	}
}

// interval looks less often at what has been going on for long.
func (f *follower) interval() time.Duration {
	if !f.started.IsZero() && time.Since(f.started) > time.Minute {
		return 4 * f.look
	}
	return f.look
}

// sight looks at the run once. It answers nil where Temporal does not answer
// at the moment, and an error only where there is no use in looking again.
func (f *follower) sight(ctx context.Context) (*sighting, error) {
	seen, err := f.server.describe(ctx, f.run.WorkflowID, f.run.RunID)
	if notFound := (*serviceerror.NotFound)(nil); errors.As(err, &notFound) && !f.first {
		return nil, failedf("Temporal at %s does not know run %s any more: it lost its data or the run's retention is over. What the run created may still exist, and cost: look for pool and job %s",
			f.server.address, nameOf(f.run.WorkflowID), f.jobName())
	}
	if isUnreachable(err) && !f.first {
		f.loseSight()
		return nil, nil
	}
	if err != nil {
		return nil, f.server.explain(err, f.run.WorkflowID, "look at")
	}
	if f.lost {
		f.lost = false
		f.screen.printf("Temporal answers again.")
	}
	if f.first {
		f.first, f.started = false, seen.started
		f.screen.printf("Run start: %s (%s)\n", timeOf(seen.started), nameOf(f.run.WorkflowID))
	}
	f.query(ctx, &seen)
	return &seen, nil
}

func (f *follower) loseSight() {
	if !f.lost {
		f.lost = true
		f.screen.printf("Temporal at %s does not answer; the run itself is kept there. Trying again...", f.server.address)
	}
}

// query adds what the run says of itself, or said last. What Temporal itself
// knows goes on to be shown without it.
func (f *follower) query(ctx context.Context, seen *sighting) {
	status, err := f.server.status(ctx, f.run.WorkflowID, f.run.RunID)
	switch {
	case err == nil:
		f.missed, f.status = 0, status
		if f.silent {
			f.silent = false
			f.screen.printf("A worker answers again.")
		}
	case ctx.Err() == nil && isNoWorker(err):
		f.missed++
		if f.missed == 2 && !f.silent && !isClosed(seen.execution) {
			f.silent = true
			f.screen.printf("No worker answers on the task queue %s; the run goes on when one does. Start one: bin/worker", workflows.TaskQueue)
		}
	}
	seen.status = f.status
}

func (f *follower) show(ctx context.Context, seen sighting) {
	f.milestones.show(seen)
	if isClosed(seen.execution) || seen.status == nil {
		return
	}
	if seen.status.Report != nil && !seen.status.ApprovalUntil.IsZero() {
		f.showPlaces(*seen.status.Report)
	}
	f.approval.follow(ctx, *seen.status)
	f.approval.tell()
	if line := f.milestones.progress; line != "" {
		f.screen.progress(line, time.Since(seen.started))
	}
}

// end says how the run ended, all that has not been said.
func (f *follower) end(ctx context.Context, seen sighting, report workload.Report) {
	f.approval.wait(ctx)
	f.screen.withdraw()
	f.approval.tell()
	if !f.milestones.verdict {
		printVerdict(f.screen, report)
	}
	f.showPlaces(report)
	for _, note := range report.Notes {
		f.screen.printf("Note: %s", sentenceOf(note, 500))
	}
	for _, left := range report.Left {
		f.screen.printf("Left: %s", sentenceOf(left, 500))
	}
	f.screen.printf("\nRun end: %s", timeOf(seen.closed))
	f.screen.printf("Elapsed time: %s%s", elapsedOf(seen.closed.Sub(seen.started)), f.waited())
}

// waited says how much of the time the run only waited for people.
func (f *follower) waited() string {
	if f.status == nil {
		return ""
	}
	approval := f.status.Step(workflows.StepApproval)
	waited := approval.Ended.Sub(approval.Started)
	if approval.Ended.IsZero() || waited < time.Second {
		return ""
	}
	return ", of which " + clockOf(waited) + " waiting for the approval"
}

// showPlaces says where the outputs are, once.
func (f *follower) showPlaces(report workload.Report) {
	if f.places {
		return
	}
	f.places = true
	fmt.Fprintln(f.screen)
	if report.Files > 0 {
		f.screen.printf("Outputs: container [%s]%s", report.Resources.OutputContainer, f.fetched())
	}
	if page := f.server.page(f.run.WorkflowID, f.run.RunID); page != "" {
		f.screen.printf("Web UI: %s", page)
	}
}

// fetched says where else the outputs are, or how to get them there.
func (f *follower) fetched() string {
	fetch := workflows.Step{}
	if f.status != nil {
		fetch = f.status.Step(workflows.StepFetch)
	}
	switch {
	case fetch.Name == "" || fetch.Error != "":
		return "; fetch them with: starter outputs " + shellWord(f.run.WorkflowID) + " --to DIR"
	case f.milestones.plan != nil:
		return " and directory " + nameOf(f.milestones.plan.workload.Outputs.Dir)
	}
	return " and the directory that the workload names"
}

func (f *follower) jobName() string {
	if f.status == nil {
		return "of its name"
	}
	return f.status.Resources.Job
}

func isClosed(status enumspb.WorkflowExecutionStatus) bool {
	return status != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING && status != enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED
}
