package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/durabatch/durabatch/workload"
)

// The metrics of runs, by Temporal's interface, which keeps a replay from
// counting again.
const (
	runsMetric  = "durabatch_runs"
	tasksMetric = "durabatch_tasks"
)

// outcomeRefused counts the runs of workloads that were refused, which have no
// report.
const outcomeRefused = "Refused"

func countRun(ctx workflow.Context, outcome string) {
	workflow.GetMetricsHandler(ctx).WithTags(map[string]string{"outcome": outcome}).Counter(runsMetric).Inc(1)
}

// countTasks counts what became of the tasks of a run that has ended.
func countTasks(ctx workflow.Context, counts workload.Counts) {
	for _, of := range []struct {
		state string
		tasks int64
	}{
		{workload.TaskSucceeded, counts.Succeeded},
		{workload.TaskFailed, counts.Failed},
		{workload.TaskUnfinished, counts.Unfinished},
	} {
		if of.tasks > 0 {
			workflow.GetMetricsHandler(ctx).WithTags(map[string]string{"state": of.state}).Counter(tasksMetric).Inc(of.tasks)
		}
	}
}
