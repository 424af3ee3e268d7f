package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/durabatch/durabatch/workload"
)

// scheduled is one schedule in a list.
type scheduled struct {
	ID     string      `json:"id"`
	When   string      `json:"when"`
	Paused bool        `json:"paused"`
	Note   string      `json:"note,omitempty"` // why it is paused
	Next   []time.Time `json:"next,omitempty"` // times, before their jitter; none while it is paused
	Runs   []dueRun    `json:"runs,omitempty"` // the latest, oldest first
}

// dueRun is a run that a schedule has started.
type dueRun struct {
	WorkflowID string    `json:"workflowId"`
	Started    time.Time `json:"started"`
}

func (s *starter) scheduleListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the schedules of workloads, with their next and latest runs",
		Long: `List shows the schedules that start runs of workloads. Temporal may take seconds
to list what was created or changed just now. With --json it answers one array.`,
		Example: `  starter schedule list`,
		Args:    nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.withServer(cmd.Context(), func(t *server) error { return s.listSchedules(cmd.Context(), t) })
		},
	}
}

func (s *starter) listSchedules(ctx context.Context, t *server) error {
	call, cancel := context.WithTimeout(ctx, 2*callTimeout)
	defer cancel()
	list := []scheduled{}
	entries, err := t.ScheduleClient().List(call, client.ScheduleListOptions{PageSize: 100})
	if err != nil {
		return t.explainSchedule(err, "", "list")
	}
	for entries.HasNext() {
		entry, err := entries.Next()
		if err != nil {
			return t.explainSchedule(err, "", "list")
		}
		if entry.WorkflowType.Name == workflowType {
			list = append(list, scheduledOf(entry))
		}
	}
	if s.json {
		return s.answer(list)
	}
	return s.printSchedules(list)
}

func scheduledOf(entry *client.ScheduleListEntry) scheduled {
	answer := scheduled{ID: entry.ID, When: whenOf(entry.Spec), Paused: entry.Paused, Note: entry.Note}
	if !entry.Paused {
		answer.Next = entry.NextActionTimes
	}
	for _, recent := range entry.RecentActions {
		run := dueRun{Started: recent.ActualTime}
		if recent.StartWorkflowResult != nil {
			run.WorkflowID = recent.StartWorkflowResult.WorkflowID
		}
		answer.Runs = append(answer.Runs, run)
	}
	return answer
}

// whenOf says when a schedule is due, as its creator said it.
func whenOf(spec *client.ScheduleSpec) string {
	if spec == nil {
		return ""
	}
	when := "at times of its own"
	switch {
	case len(spec.Intervals) == 1:
		when = "every " + workload.Duration(spec.Intervals[0].Every).String()
	case len(spec.Calendars) == 1 && spec.Calendars[0].Comment != "":
		when = spec.Calendars[0].Comment
	}
	if spec.TimeZoneName != "" {
		when += " " + spec.TimeZoneName
	}
	return when
}

func (s *starter) printSchedules(list []scheduled) error {
	if len(list) == 0 {
		fmt.Fprintln(s.stdout, "There are no schedules. Create one: starter schedule create FILE --every 24h")
		return nil
	}
	table := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SCHEDULE\tWHEN\tNEXT\tLATEST RUN")
	for _, e := range list {
		next, latest := "-", "-"
		if len(e.Next) > 0 {
			next = timeOf(e.Next[0])
		}
		if e.Paused {
			next = "paused"
		}
		if len(e.Runs) > 0 {
			latest = nameOf(e.Runs[len(e.Runs)-1].WorkflowID)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", nameOf(e.ID), sentenceOf(e.When, 100), next, latest)
	}
	return table.Flush()
}

func (s *starter) schedulePauseCommand() *cobra.Command {
	var note string
	cmd := &cobra.Command{
		Use:     "pause ID",
		Short:   "Have a schedule start no more runs for now; those that go on go on",
		Example: `  starter schedule pause nightly --note "moving the archive"`,
		Args:    needs("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.changeSchedule(cmd.Context(), args[0], "pause", "paused", "Schedule %s is paused. Go on: starter schedule unpause %s",
				func(ctx context.Context, h client.ScheduleHandle) error {
					return h.Pause(ctx, client.SchedulePauseOptions{Note: note})
				})
		},
	}
	cmd.Flags().StringVar(&note, "note", "", "why, for those who look at it")
	return cmd
}

func (s *starter) scheduleUnpauseCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "unpause ID",
		Aliases: []string{"resume"},
		Short:   "Have a paused schedule start runs again",
		Example: `  starter schedule unpause nightly`,
		Args:    needs("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.changeSchedule(cmd.Context(), args[0], "unpause", "unpaused", "Schedule %s starts runs again. Pause it: starter schedule pause %s",
				func(ctx context.Context, h client.ScheduleHandle) error {
					return h.Unpause(ctx, client.ScheduleUnpauseOptions{})
				})
		},
	}
}

func (s *starter) scheduleDeleteCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "delete ID",
		Short:   "Delete a schedule; its runs, and what they left, stay",
		Example: `  starter schedule delete nightly`,
		Args:    needs("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.changeSchedule(cmd.Context(), args[0], "delete", "deleted", "Schedule %s is deleted. Runs that it has started go on.%.0s",
				func(ctx context.Context, h client.ScheduleHandle) error { return h.Delete(ctx) })
		},
	}
}

// changeSchedule does one thing to a schedule of runs; told takes its name and
// its name for a shell.
func (s *starter) changeSchedule(ctx context.Context, id, doing, done, told string, change func(context.Context, client.ScheduleHandle) error) error {
	return s.withServer(ctx, func(t *server) error {
		call, cancel := context.WithTimeout(ctx, 2*callTimeout)
		defer cancel()
		handle := t.ScheduleClient().GetHandle(call, id)
		described, err := handle.Describe(call)
		if err == nil && !isOfRuns(described.Schedule.Action) {
			return usagef("schedule %s starts something else than runs of workloads, and was left alone", nameOf(id))
		}
		if err == nil {
			err = change(call, handle)
		}
		if err != nil {
			return t.explainSchedule(err, id, doing)
		}
		return s.told(map[string]any{done: id}, fmt.Sprintf(told, nameOf(id), shellWord(id)))
	})
}
