package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

// janitorFlags are the flags of the janitor's verbs.
type janitorFlags struct {
	grace, every workload.Duration
	lost         []string
	delete       bool
}

func (s *starter) janitorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "janitor",
		Short: "Delete what runs left that were terminated, or whose cleanup failed",
		Long: `Runs clean up after themselves, but not when somebody terminates them, or when
Azure refuses to the end. The Janitor finds the pools, jobs and input containers
that bear durabatch's mark, asks Temporal whether their run lives, and deletes
what nobody has owned for a grace time. It never touches what lacks the mark,
what another namespace's runs own, outputs, or what somebody decided to keep.`,
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(s.janitorRunCommand(), s.janitorInstallCommand(), s.janitorRemoveCommand())
	return cmd
}

func (f *janitorFlags) add(cmd *cobra.Command) {
	cmd.Flags().TextVar(&f.grace, "grace", workload.Duration(time.Hour), "how long nobody must have owned what is deleted")
	cmd.Flags().StringArrayVar(&f.lost, "lost", nil, "id of a Temporal namespace that is gone for good, whose leftovers are deleted too; a dry run shows it")
}

func (s *starter) janitorRunCommand() *cobra.Command {
	var f janitorFlags
	cmd := &cobra.Command{
		Use:   "run [--delete]",
		Short: "Look for leftovers once, and tell; with --delete, delete them",
		Example: `  starter janitor run
  starter janitor run --delete --grace 10m`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			in := f.input(f.delete)
			return s.withServer(cmd.Context(), func(t *server) error {
				_, err := s.sweep(cmd.Context(), t, in)
				return err
			})
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&f.delete, "delete", false, "delete what is found")
	return cmd
}

func (s *starter) janitorInstallCommand() *cobra.Command {
	var f janitorFlags
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Show the leftovers, then have them deleted on a schedule",
		Long: `Install shows what the Janitor would delete now, and makes the Temporal schedule
` + workflows.JanitorSchedule + `, which deletes such things from then on. Installing it again
changes its settings.`,
		Example: `  starter janitor install --every 15m --grace 1h`,
		Args:    nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.every < workload.Duration(time.Minute) {
				return usagef("--every is %s; it is a minute at least", f.every)
			}
			return s.withServer(cmd.Context(), func(t *server) error {
				return s.installJanitor(cmd.Context(), t, f.input(true), time.Duration(f.every))
			})
		},
	}
	f.add(cmd)
	cmd.Flags().TextVar(&f.every, "every", workload.Duration(15*time.Minute), "how often, a minute or more")
	return cmd
}

func (s *starter) janitorRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "remove",
		Short:   "Delete the Janitor's schedule",
		Example: `  starter janitor remove`,
		Args:    nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.withServer(cmd.Context(), func(t *server) error {
				ctx, cancel := context.WithTimeout(cmd.Context(), 2*callTimeout)
				defer cancel()
				err := t.ScheduleClient().GetHandle(ctx, workflows.JanitorSchedule).Delete(ctx)
				if missing := (*serviceerror.NotFound)(nil); errors.As(err, &missing) {
					return usagef("the Janitor is not installed in namespace %s", t.namespace)
				}
				if err != nil {
					return t.explain(err, workflows.JanitorSchedule, "remove")
				}
				return s.told(map[string]any{"removed": workflows.JanitorSchedule}, "The Janitor is removed.")
			})
		},
	}
}

func (f *janitorFlags) input(deletes bool) workflows.SweepInput {
	return workflows.SweepInput{Delete: deletes, Grace: f.grace, Lost: f.lost}
}

func (s *starter) withServer(ctx context.Context, f func(*server) error) error {
	t, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer t.Close()
	return f(t)
}

// sweep has the Janitor look once, and shows what it answers.
func (s *starter) sweep(ctx context.Context, t *server, in workflows.SweepInput) (workflows.SweepResult, error) {
	s.warnOfMissingWorkers(ctx, t, "")
	var result workflows.SweepResult
	run, err := t.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.JanitorID + "-" + uuid.NewString()[:8], TaskQueue: workflows.TaskQueue,
		StaticSummary: "the Janitor, by hand",
	}, workflows.Janitor, in)
	if err == nil {
		err = run.Get(ctx, &result)
	}
	if ctx.Err() != nil {
		return result, exitWith(exitInterrupted)
	}
	if app := (*temporal.ApplicationError)(nil); errors.As(err, &app) {
		return result, failedf("the Janitor could not look: %s", app.Message())
	}
	if err != nil {
		return result, t.explain(err, workflows.JanitorID, "follow")
	}
	if s.json {
		err = s.answer(result)
	} else {
		s.showSweep(result)
	}
	if err == nil && result.Failed > 0 {
		err = exitWith(exitFailed)
	}
	return result, err
}

func (s *starter) showSweep(r workflows.SweepResult) {
	for _, l := range r.Leftovers {
		line := fmt.Sprintf("%-9s %s  %s", l.Kind, l.Name, l.Why)
		if l.Nodes > 0 {
			line += fmt.Sprintf("; %d nodes %s", l.Nodes, l.VMSize)
		}
		if l.Error != "" {
			line += "; NOT deleted: " + l.Error
		}
		fmt.Fprintln(s.stdout, sentenceOf(line, 1000))
	}
	total, did := r.Pools+r.Jobs+r.Inputs, "would be deleted"
	if r.Deleted {
		did = "deleted"
		total -= r.Failed
	}
	fmt.Fprintf(s.stdout, "%s %s: %s, %s, %s in all.", countOf(int64(total), "leftover"), did,
		countOf(int64(r.Pools), "pool"), countOf(int64(r.Jobs), "job"), countOf(int64(r.Inputs), "input container"))
	if r.NodeHours > 0 {
		fmt.Fprintf(s.stdout, " Another day of them would cost %.0f node-hours, $%.2f at list price.", r.NodeHours, r.Cost)
	}
	fmt.Fprintf(s.stdout, "\nLeft alone: %d resources of runs that live, %d of runs that ended lately, %d that somebody keeps.\n", r.Alive, r.Recent, r.Kept)
	for _, e := range r.Foreign {
		fmt.Fprintf(s.stdout, "%d of namespace %s with the id %s, which is not this one. If that Temporal is gone for good: --lost %s\n",
			e.Resources, nameOf(e.Namespace), nameOf(e.NamespaceID), shellWord(e.NamespaceID))
	}
}

// installJanitor shows a dry run first, so that nobody is surprised by what the
// first sweep deletes.
func (s *starter) installJanitor(ctx context.Context, t *server, in workflows.SweepInput, every time.Duration) error {
	dry := in
	dry.Delete = false
	if !s.json {
		if _, err := s.sweep(ctx, t, dry); err != nil {
			return err
		}
	}
	call, cancel := context.WithTimeout(ctx, 2*callTimeout)
	defer cancel()
	spec := client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: every}}, Jitter: min(every/10, time.Minute)}
	action := &client.ScheduleWorkflowAction{
		ID: workflows.JanitorID, Workflow: workflows.Janitor, TaskQueue: workflows.TaskQueue, Args: []any{in},
	}
	_, err := t.ScheduleClient().Create(call, client.ScheduleOptions{
		ID: workflows.JanitorSchedule, Spec: spec, Action: action,
		Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: time.Minute,
		Note: "durabatch: deletes what runs left that do not live any more",
	})
	if errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		err = t.ScheduleClient().GetHandle(call, workflows.JanitorSchedule).Update(call, client.ScheduleUpdateOptions{
			DoUpdate: func(old client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
				schedule := old.Description.Schedule
				schedule.Spec, schedule.Action = &spec, action
				return &client.ScheduleUpdate{Schedule: &schedule}, nil
			},
		})
	}
	if err != nil {
		return t.explain(err, workflows.JanitorSchedule, "install")
	}
	return s.told(map[string]any{"installed": workflows.JanitorSchedule, "every": every.String(), "grace": in.Grace},
		fmt.Sprintf("The Janitor looks every %s and deletes what nobody has owned for %s. Stop it: starter janitor remove", workload.Duration(every), in.Grace))
}

// told answers a value with --json, and a sentence otherwise.
func (s *starter) told(value any, sentence string) error {
	if s.json {
		return s.answer(value)
	}
	fmt.Fprintln(s.stdout, sentence)
	return nil
}
