package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/durabatch/durabatch/activities"
)

// Names of the Janitor.
const (
	// JanitorSchedule is the id of the schedule that starts it.
	JanitorSchedule = "durabatch-janitor"
	// JanitorID begins the workflow ids of its runs.
	JanitorID = "durabatch-janitor"
)

// sweepBound is how long one sweep is tried. The next one begins anew.
const sweepBound = 2 * time.Hour

// SweepInput is what the Janitor is told.
type SweepInput = activities.SweepInput

// SweepResult is what it answers.
type SweepResult = activities.SweepResult

// Janitor looks once for what runs have left that do not live any more, and
// deletes it if the input says so. Runs clean up after themselves; this is for
// those that were terminated, or whose cleanup Azure refused to the end.
func Janitor(ctx workflow.Context, in SweepInput) (SweepResult, error) {
	summary := "look for leftovers"
	if in.Delete {
		summary = "delete leftovers"
	}
	options := withinBound(fmt.Sprintf("%s of runs that ended %s ago or more", summary, in.Grace), sweepBound)
	var result SweepResult
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), act.Sweep, in).Get(ctx, &result)
	if err == nil {
		workflow.SetCurrentDetails(ctx, sweepDetails(result))
	}
	return result, err
}

// sweepDetails is a result for the web UI, in Markdown.
func sweepDetails(r SweepResult) string {
	var b strings.Builder
	did := "would be deleted"
	if r.Deleted {
		did = "deleted"
	}
	fmt.Fprintf(&b, "**%d pools, %d jobs, %d input containers %s.** %d could not be.\n\n", r.Pools, r.Jobs, r.Inputs, did, r.Failed)
	if r.NodeHours > 0 {
		fmt.Fprintf(&b, "Another day would have cost %.0f node-hours, $%.2f at list price.\n\n", r.NodeHours, r.Cost)
	}
	fmt.Fprintf(&b, "Left alone: %d of runs that live, %d of runs that ended lately, %d that somebody keeps.\n", r.Alive, r.Recent, r.Kept)
	for _, e := range r.Foreign {
		fmt.Fprintf(&b, "\n%d of namespace %s (%s), which is not this one.\n", e.Resources, e.Namespace, e.NamespaceID)
	}
	return b.String()
}
