package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

// scheduleFlags say when a workload runs.
type scheduleFlags struct {
	id, cron, timeZone, overlap string
	every, jitter, catchUp      workload.Duration
	paused, replace             bool
}

// overlaps are what may happen when a run is due and the one before it goes on,
// by the names that Temporal's own CLI has for it.
var overlaps = map[string]enumspb.ScheduleOverlapPolicy{
	"skip":       enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
	"buffer-one": enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE,
	"buffer-all": enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL,
	"cancel":     enumspb.SCHEDULE_OVERLAP_POLICY_CANCEL_OTHER,
	"allow-all":  enumspb.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL,
}

func (s *starter) scheduleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schedule",
		Short: "Run a workload again and again, by Temporal's own schedules",
		Long: `A schedule starts a run of a workload at its times, whether or not a starter, or
a worker, is there. It is one of Temporal's own: the web UI and the Temporal CLI
show and change it too. The workload is kept as it was when the schedule was
created; create it again with --replace when it has changed.`,
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(s.scheduleCreateCommand(), s.scheduleListCommand(),
		s.schedulePauseCommand(), s.scheduleUnpauseCommand(), s.scheduleDeleteCommand())
	return cmd
}

func (s *starter) scheduleCreateCommand() *cobra.Command {
	var f scheduleFlags
	cmd := &cobra.Command{
		Use:   "create FILE (--cron EXPRESSION | --every DURATION)",
		Short: "Have a workload run at certain times",
		Long: `Create checks the workload in FILE as validate does and makes a Temporal schedule
that starts a run of it at each of its times. The runs' workflow ids are the
schedule's id and the time.

A run that waits for its cleanup approval goes on, so that the next one is
skipped by default: say cleanup.when: always in a workload that nobody watches.`,
		Example: `  starter schedule create nightly.yaml --cron "0 2 * * *" --time-zone Europe/Berlin --jitter 10m
  starter schedule create inbox.yaml --id inbox --every 15m --overlap buffer-one`,
		Args: needs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			spec, overlap, err := f.spec()
			if err != nil {
				return err
			}
			return s.createSchedule(cmd.Context(), args[0], f, spec, overlap)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.id, "id", "", "id of the schedule (default: the workload's name)")
	flags.StringVar(&f.cron, "cron", "", "when: minute, hour, day of month, month, day of week")
	flags.TextVar(&f.every, "every", workload.Duration(0), "how often instead, counted from 1 January 1970")
	flags.StringVar(&f.timeZone, "time-zone", "", "time zone of --cron, such as Europe/Berlin (default UTC)")
	flags.TextVar(&f.jitter, "jitter", workload.Duration(0), "start each run up to so much later, by chance")
	flags.StringVar(&f.overlap, "overlap", "skip", "when a run is due while one goes on: "+strings.Join(slices.Sorted(maps.Keys(overlaps)), ", "))
	flags.TextVar(&f.catchUp, "catch-up", workload.Duration(time.Hour), "runs that were missed because Temporal was down are made up for, if they are not older")
	flags.BoolVar(&f.paused, "paused", false, "create it paused")
	flags.BoolVar(&f.replace, "replace", false, "change the schedule where there is one already")
	return cmd
}

// spec is when a schedule starts its runs. Temporal keeps a cron expression as
// a calendar, and its comment, which list shows.
func (f scheduleFlags) spec() (client.ScheduleSpec, enumspb.ScheduleOverlapPolicy, error) {
	spec := client.ScheduleSpec{Jitter: time.Duration(f.jitter), TimeZoneName: f.timeZone}
	overlap, known := overlaps[f.overlap]
	switch {
	case (f.cron == "") == (f.every == 0):
		return spec, 0, usagef("say when: either --cron \"0 2 * * *\" or --every 24h")
	case strings.Contains(f.cron, "#") || strings.ContainsFunc(f.cron, func(r rune) bool { return r < ' ' }):
		return spec, 0, usagef("--cron: %s holds a comment or a line break; leave it out", nameOf(f.cron))
	case f.every != 0 && f.timeZone != "":
		return spec, 0, usagef("--time-zone is for --cron; --every counts from 1 January 1970 UTC")
	case !known:
		return spec, 0, usagef("--overlap: %s is none of %s", nameOf(f.overlap), strings.Join(slices.Sorted(maps.Keys(overlaps)), ", "))
	case f.cron != "":
		spec.CronExpressions = []string{f.cron + " # " + f.cron}
	default:
		spec.Intervals = []client.ScheduleIntervalSpec{{Every: time.Duration(f.every)}}
	}
	return spec, overlap, nil
}

func (s *starter) createSchedule(ctx context.Context, file string, f scheduleFlags, spec client.ScheduleSpec, overlap enumspb.ScheduleOverlapPolicy) error {
	p, err := s.plan(ctx, file)
	if err != nil {
		return err
	}
	id := f.id
	if id == "" {
		id = p.workload.Name
	}
	if !isPrintable(id) || len(id) > 200 || strings.HasPrefix(id, "-") {
		return usagef("--id: %s cannot name a schedule; use at most 200 printable characters, and no dash at the beginning", nameOf(id))
	}
	if p.workload.Cleanup.When == workload.CleanupOnApproval && overlap != enumspb.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL {
		fmt.Fprintf(s.stderr, "Warning: each run waits up to %s for its cleanup approval, and the next waits for that or is skipped; cleanup.when: always asks nobody.\n",
			p.workload.Cleanup.Deadline)
	}
	return s.withServer(ctx, func(t *server) error {
		s.warnOfMissingWorkers(ctx, t, p.workload.Inputs.Host)
		if err := t.createSchedule(ctx, id, p, f, spec, overlap); err != nil {
			return err
		}
		return s.told(map[string]any{"created": id},
			fmt.Sprintf("Schedule %s is created. Its runs: starter schedule list. Stop it: starter schedule delete %s", nameOf(id), shellWord(id)))
	})
}

// createSchedule makes the schedule. Like a run of start, its runs have no
// timeout of Temporal's.
func (t *server) createSchedule(ctx context.Context, id string, p *plan, f scheduleFlags, spec client.ScheduleSpec, overlap enumspb.ScheduleOverlapPolicy) error {
	ctx, cancel := context.WithTimeout(ctx, 2*callTimeout)
	defer cancel()
	action := &client.ScheduleWorkflowAction{
		ID: id, Workflow: workflows.RunWorkload, TaskQueue: workflows.TaskQueue,
		Args:          []any{workload.DocumentOf(p.workload)},
		StaticSummary: sentenceOf(markup.ReplaceAllString(p.workload.Name+" on "+p.place()+", by schedule "+id, "?"), 200),
		StaticDetails: details,
	}
	_, err := t.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID: id, Spec: spec, Action: action, Overlap: overlap, CatchupWindow: time.Duration(f.catchUp), Paused: f.paused,
	})
	if errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		if !f.replace {
			return usagef("there is a schedule %s already. Change it with --replace, or choose another --id", nameOf(id))
		}
		err = t.ScheduleClient().GetHandle(ctx, id).Update(ctx, client.ScheduleUpdateOptions{
			DoUpdate: func(old client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
				if !isOfRuns(old.Description.Schedule.Action) {
					return nil, usagef("schedule %s starts something else than runs of workloads; choose another --id", nameOf(id))
				}
				schedule := old.Description.Schedule
				schedule.Spec, schedule.Action = &spec, action
				schedule.Policy.Overlap, schedule.Policy.CatchupWindow = overlap, time.Duration(f.catchUp)
				schedule.State.Paused = schedule.State.Paused || f.paused
				return &client.ScheduleUpdate{Schedule: &schedule}, nil
			},
		})
	}
	return t.explainSchedule(err, id, "create")
}

func isOfRuns(action client.ScheduleAction) bool {
	a, ok := action.(*client.ScheduleWorkflowAction)
	return ok && a.Workflow == workflowType
}

// explainSchedule turns an error of a call about a schedule into one that says
// what to do.
func (t *server) explainSchedule(err error, id, doing string) error {
	exit := (*exitError)(nil)
	missing, invalid, exists := (*serviceerror.NotFound)(nil), (*serviceerror.InvalidArgument)(nil), (*serviceerror.NamespaceNotFound)(nil)
	switch {
	case err == nil || errors.As(err, &exit):
		return err
	case errors.As(err, &exists):
		return t.noNamespace()
	case errors.As(err, &missing):
		return usagef("there is no schedule %s in namespace %s at %s. See which there are: starter schedule list", nameOf(id), t.namespace, t.address)
	case errors.As(err, &invalid):
		return usagef("Temporal takes no such schedule: %s", invalid.Error())
	case isUnreachable(err):
		return unreachablef("could not %s schedule %s: Temporal at %s does not answer: %w. Try again when it is back", doing, nameOf(id), t.address, err)
	}
	return failedf("could not %s schedule %s: %w", doing, nameOf(id), err)
}
