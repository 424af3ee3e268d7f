package main

import (
	"context"
	"errors"

	"go.temporal.io/api/serviceerror"

	"github.com/durabatch/durabatch/workflows"
)

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
		f.display.printf("Temporal answers again.")
	}
	if f.first {
		f.first, f.started = false, seen.started
		f.display.printf("Run start: %s (%s)\n", timeOf(seen.started), nameOf(f.run.WorkflowID))
	}
	f.query(ctx, &seen)
	return &seen, nil
}

func (f *follower) loseSight() {
	if !f.lost {
		f.lost = true
		f.display.printf("Temporal at %s does not answer; the run itself is kept there. Trying again...", f.server.address)
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
			f.display.printf("A worker answers again.")
		}
	case ctx.Err() == nil && isNoWorker(err):
		f.missed++
		if f.missed == 2 && !f.silent && !isClosed(seen.execution) {
			f.silent = true
			f.display.printf("No worker answers on the task queue %s; the run goes on when one does. Start one: bin/worker", workflows.TaskQueue)
		}
	}
	seen.status = f.status
}

func (f *follower) jobName() string {
	if f.status == nil {
		return "of its name"
	}
	return f.status.Resources.Job
}
