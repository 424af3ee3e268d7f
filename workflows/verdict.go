package workflows

import (
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/durabatch/durabatch/activities"
	"github.com/durabatch/durabatch/workload"
)

// judge says how the run ended, in a word and in a sentence.
func (r *run) judge(report *workload.Report, workErr error) {
	if !r.timedOut {
		// Whose tasks had not ended is news after a timeout alone. Otherwise it
		// would bury the reason; the results tell it.
		report.Failures = slices.DeleteFunc(report.Failures, func(f workload.Failure) bool { return f.Code == activities.Unfinished })
	}
	if r.failure != nil {
		report.Failures = append([]workload.Failure{*r.failure}, report.Failures...)
	}
	counts, tally := report.Counts, tally(report.Counts)
	if !r.known {
		tally = "What became of the tasks is not known: their results could not be gathered"
	}
	switch {
	case r.cancelled:
		report.Outcome = workload.Cancelled
		report.Verdict = "The run was cancelled. " + tally + "."
	case counts.Total > 0 && counts.Succeeded == counts.Total:
		report.Outcome = workload.Succeeded
		report.Verdict = "All " + tasks(counts.Total) + " succeeded." + doneBefore(report)
	case r.timedOut:
		report.Outcome = workload.TimedOut
		report.Verdict = fmt.Sprintf("The run's timeout of %s came first, during %s. %s.", r.workload.Timeout, r.during, tally)
		if r.stuck != "" {
			report.Verdict += " " + sentence(r.stuck)
		}
	case workErr != nil:
		report.Outcome = workload.Failed
		report.Verdict = sentence(reasonOf(workErr)) + " " + tally + "."
	case !r.known:
		report.Outcome = workload.Failed
		report.Verdict = tally + "." + example(report.Failures)
	default:
		r.judgeFailures(report)
	}
}

// tally counts what became of the tasks: "3 of 5 tasks succeeded, 1 failed, 1
// did not end".
func tally(c workload.Counts) string {
	if c.Total == 0 {
		return "No task was run"
	}
	text := fmt.Sprintf("%d of %s succeeded", c.Succeeded, tasks(c.Total))
	if c.Failed > 0 {
		text += fmt.Sprintf(", %d failed", c.Failed)
	}
	if c.Unfinished > 0 {
		text += fmt.Sprintf(", %d did not end", c.Unfinished)
	}
	return text
}

// example names the first failure, for those who read one line only.
func example(failures []workload.Failure) string {
	if len(failures) == 0 {
		return ""
	}
	f := failures[0]
	why := f.Message
	if f.ExitCode != nil && *f.ExitCode != 0 {
		why = fmt.Sprintf("exit code %d", *f.ExitCode)
	}
	return fmt.Sprintf(" First: %q: %s.", f.Name, why)
}

// sentence makes one of a message.
func sentence(message string) string {
	if message == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(message)
	message = string(unicode.ToUpper(first)) + message[size:]
	if last := message[len(message)-1]; last == '.' || last == '!' {
		return message
	}
	return message + "."
}

func tasks(n int64) string { return count(n, "task") }
func files(n int64) string { return count(n, "file") }

func count(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// bytes writes a size as people say it.
func bytes(n int64) string {
	const unit = 1000
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, prefix := float64(n), -1
	for value >= unit && prefix < len("kMGTPE")-1 {
		value /= unit
		prefix++
	}
	return fmt.Sprintf("%.1f %cB", value, "kMGTPE"[prefix])
}
