package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

// endWithoutReport is the report of a run that could not make its own.
func endWithoutReport(seen sighting, err error) workload.Report {
	report := workload.Report{
		WorkflowID: seen.id, RunID: seen.runID,
		Outcome: workload.Failed,
		Started: seen.started, Ended: seen.closed,
	}
	if seen.status != nil {
		report.Name, report.Resources = seen.status.Name, seen.status.Resources
	}
	switch seen.execution {
	case enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:
		report.Verdict = "The run was terminated, so that it could not clean up after itself. " +
			"Its job ends by itself; its pool, if it had one, costs until you delete it."
	case enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		report.Verdict = "Temporal's own timeout ended the run, so that it could not clean up after itself. " +
			"Its job ends by itself; its pool, if it had one, costs until you delete it. Start runs without such a timeout."
	case enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
		report.Outcome = workload.Cancelled
		report.Verdict = "The run was cancelled."
	default:
		report.Verdict = "The run ended without a report: " + lastMessage(err)
	}
	if app := (*temporal.ApplicationError)(nil); errors.As(err, &app) && app.Type() == workflows.InvalidWorkload {
		report.Verdict = "The workload was refused, and nothing was created: " + azure.Scrub(app.Message())
		report.Failures = []workload.Failure{{Code: workflows.InvalidWorkload, Message: azure.Scrub(app.Message())}}
	}
	return report
}

func lastMessage(err error) string {
	if err == nil {
		return "it answered something that is no report; its worker may be of another version"
	}
	if app := (*temporal.ApplicationError)(nil); errors.As(err, &app) {
		return azure.Scrub(app.Message())
	}
	return azure.Scrub(err.Error())
}

// reportCode is how a report ends the program.
func reportCode(report workload.Report) int {
	for _, failure := range report.Failures {
		if failure.Name == "" && failure.Code == workflows.InvalidWorkload {
			return exitUsage
		}
	}
	return exitCode(report.Outcome)
}

// success is what the tutorial prints, whatever became of its tasks.
const success = "Success! All tasks completed successfully within the specified timeout period."

// printVerdict says how the work went, file by file where it did not.
func printVerdict(out io.Writer, report workload.Report) {
	if report.Outcome == workload.Succeeded {
		fmt.Fprintln(inTone(out, good), success)
		return
	}
	tone := bad
	if report.Outcome == workload.SucceededWithFailures {
		tone = notice
	}
	fmt.Fprintln(inTone(out, tone), strings.Join(linesOf(report.Verdict), "\n"))
	for _, failure := range report.Failures {
		if failure.Name != "" || failure.Stderr != "" {
			printFailure(out, failure)
		}
	}
	if more := report.Counts.Failed + report.Counts.Unfinished - int64(len(report.Failures)); more > 0 && len(report.Failures) > 0 {
		fmt.Fprintf(out, "and %d more; all are listed in container [%s], %s\n", more, report.Resources.OutputContainer, report.Results)
	}
}

// printAgain says how what failed is done again.
func printAgain(out io.Writer, report workload.Report) {
	if c := report.Counts; report.Results != "" && c.Failed+c.Unfinished > 0 {
		fmt.Fprintf(out, "Again, only what failed: starter redrive %s\n", shellWord(report.WorkflowID))
	}
}

func printFailure(out io.Writer, failure workload.Failure) {
	name := nameOf(failure.Name)
	if failure.Name == "" {
		name = failure.Code
	}
	var facts []string
	if failure.TaskID != "" {
		facts = append(facts, failure.TaskID)
	}
	if failure.ExitCode != nil {
		facts = append(facts, fmt.Sprintf("exit code %d", *failure.ExitCode))
	}
	if failure.Node != "" {
		facts = append(facts, "node "+failure.Node)
	}
	if len(facts) > 0 {
		name += " (" + strings.Join(facts, ", ") + ")"
	}
	fmt.Fprintf(out, "  %s: %s\n", name, sentenceOf(failure.Message, 500))
	if failure.Stderr == "" {
		return
	}
	for _, line := range linesOf(failure.Stderr) {
		fmt.Fprintf(out, "    | %s\n", line)
	}
}
