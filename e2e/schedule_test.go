package e2e

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workload"
)

// listedSchedule is what starter schedule list says of one schedule.
type listedSchedule struct {
	ID, When string
	Paused   bool
	Note     string
	Next     []time.Time
	Runs     []struct{ WorkflowID string }
}

// TestSchedule: a schedule starts runs at its times, no more while it is paused,
// and is gone once it is deleted.
func TestSchedule(t *testing.T) {
	t.Parallel()
	s := shared(t)
	id := newID(t)
	dir := t.TempDir()
	writeNumbered(t, dir, 1)
	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}", poolOf(1),
		`task: {command: "cp {{input}} {{output}}", output: "{{stem}}.out"}`, "cleanup: {when: always}")

	create := []string{"schedule", "create", file, "--id", id, "--every", "15s", "--jitter", "1s", "--json"}
	created := s.starter(t, create...)
	require.Equal(t, exitSucceeded, created.code, created.stderr)
	require.JSONEq(t, `{"created": "`+id+`"}`, created.stdout)
	t.Cleanup(func() { _ = s.temporal.ScheduleClient().GetHandle(t.Context(), id).Delete(t.Context()) })
	again := s.starter(t, create...)
	require.Equal(t, exitUsage, again.code)
	require.Contains(t, again.stderr, "there is a schedule "+id+" already. Change it with --replace")

	var first string
	until(t, time.Minute, "the schedule starts a run", func() bool {
		found := s.schedule(t, id)
		if found == nil || len(found.Runs) == 0 {
			return false
		}
		require.Equal(t, "every 15s", found.When)
		first = found.Runs[0].WorkflowID
		return first != ""
	})
	require.Regexp(t, "^"+id+"-.+", first, "the time is behind the schedule's id")
	watched := s.starter(t, "watch", "--json", first)
	require.Equal(t, exitSucceeded, watched.code, watched.stderr)
	report := watched.report(t)
	require.Equal(t, workload.Succeeded, report.Outcome)
	require.Regexp(t, `^[a-z0-9]+(-[a-z0-9]+)*-out$`, report.Resources.OutputContainer)

	paused := s.starter(t, "schedule", "pause", id, "--note", "nobody is here")
	require.Equal(t, exitSucceeded, paused.code, paused.stderr)
	until(t, 30*time.Second, "the list says that it is paused", func() bool {
		found := s.schedule(t, id)
		return found.Paused && found.Note == "nobody is here" && len(found.Next) == 0
	})

	replaced := s.starter(t, "schedule", "create", file, "--id", id, "--cron", "0 2 * * MON-FRI", "--time-zone", "Europe/Berlin", "--replace")
	require.Equal(t, exitSucceeded, replaced.code, replaced.stderr)
	require.Equal(t, exitSucceeded, s.starter(t, "schedule", "unpause", id).code)
	until(t, 30*time.Second, "the list says what it was changed to", func() bool {
		found := s.schedule(t, id)
		return !found.Paused && found.When == "0 2 * * MON-FRI Europe/Berlin" && len(found.Next) > 0
	})

	deleted := s.starter(t, "schedule", "delete", id)
	require.Equal(t, exitSucceeded, deleted.code, deleted.stderr)
	until(t, 30*time.Second, "it is not listed any more", func() bool { return s.schedule(t, id) == nil })
	gone := s.starter(t, "schedule", "pause", id)
	require.Equal(t, exitUsage, gone.code)
	require.Contains(t, gone.stderr, "there is no schedule "+id)
}

// TestScheduleThatCannotBe: what Temporal or the workload refuses creates none.
func TestScheduleThatCannotBe(t *testing.T) {
	t.Parallel()
	s := shared(t)
	dir := t.TempDir()
	writeNumbered(t, dir, 1)
	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}", poolOf(1),
		`task: {command: "cp {{input}} {{output}}", output: "{{stem}}.out"}`)
	for want, args := range map[string][]string{
		"say when":                          {},
		"--overlap: sometimes is none of":   {"--every", "1h", "--overlap", "sometimes"},
		"--time-zone is for --cron":         {"--every", "1h", "--time-zone", "UTC"},
		"Temporal takes no such schedule":   {"--cron", "every night"},
		"cleanup.when: always asks nobody.": {"--cron", "0 2 * * *", "--time-zone", "Nowhere/Land"},
	} {
		got := s.starter(t, append([]string{"schedule", "create", file, "--id", newID(t)}, args...)...)
		require.Equal(t, exitUsage, got.code, got.stderr)
		require.Contains(t, got.stderr, want)
	}
}

// schedule finds a schedule in the list; nil: it is not there.
func (s *stack) schedule(t *testing.T, id string) *listedSchedule {
	t.Helper()
	got := s.starter(t, "schedule", "list", "--json")
	require.Equal(t, exitSucceeded, got.code, got.stderr)
	var list []listedSchedule
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &list))
	for i := range list {
		if list[i].ID == id {
			return &list[i]
		}
	}
	return nil
}
