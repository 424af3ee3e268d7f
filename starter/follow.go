package main

import (
	"context"
	"time"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

// follower watches one run to its end. It keeps nothing: it can be started at
// any time and anywhere, and be stopped without harm to the run.
type follower struct {
	server     *server
	run        started
	look       time.Duration
	display    display
	gauge      *gauge
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
	prices, err := azure.LoadPrices(s.environ.Get(azure.EnvPrices))
	if err != nil {
		return usagef("the prices cannot be used: %w", err)
	}
	ctx, interrupt := context.WithCancel(ctx)
	defer interrupt()
	shown, keys := s.display(interrupt)
	defer s.log.divert(s.stderr)
	defer shown.close()
	f := &follower{
		server: t, run: run, look: s.look, first: true, display: shown, gauge: newGauge(p, prices),
		milestones: newMilestones(shown, p), approval: newApproval(shown, t, run, yes),
	}
	switch {
	case keys != nil:
		f.approval.lines = keys
	case s.terminal && !s.json:
		f.approval.listen(ctx, s.stdin)
	}
	report, err := f.untilEnd(ctx)
	shown.close()
	if err != nil && ctx.Err() != nil {
		shown.printf("\nYou stopped following; run %s goes on. Come back with: starter watch %s", nameOf(run.WorkflowID), shellWord(run.WorkflowID))
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
			if report, ok := f.ended(ctx, *seen); ok {
				return report, nil
			}
		}
		if !f.pause(ctx) {
			return workload.Report{}, ctx.Err()
		}
	}
}

// ended gets the report of a run that is over, and tells the rest.
func (f *follower) ended(ctx context.Context, seen sighting) (workload.Report, bool) {
	if !isClosed(seen.execution) {
		return workload.Report{}, false
	}
	report, err := f.server.result(ctx, seen)
	if err != nil {
		f.loseSight()
		return workload.Report{}, false
	}
	f.end(ctx, seen, report)
	return report, true
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

func (f *follower) show(ctx context.Context, seen sighting) {
	f.milestones.show(seen)
	if isClosed(seen.execution) {
		return
	}
	if seen.status == nil {
		f.display.show(f.gauge.panel(seen, time.Now()))
		return
	}
	if isReported(*seen.status, time.Now()) {
		if seen.status.Report != nil && !seen.status.ApprovalUntil.IsZero() {
			f.showPlaces(*seen.status.Report)
		}
		f.approval.follow(ctx, *seen.status)
	}
	f.approval.tell()
	panel := f.gauge.panel(seen, time.Now())
	panel.line = f.milestones.progress
	f.display.show(panel)
}

func isClosed(status enumspb.WorkflowExecutionStatus) bool {
	return status != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING && status != enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED
}
