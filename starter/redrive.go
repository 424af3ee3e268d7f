package main

import (
	"context"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/durabatch/durabatch/workload"
)

// redriveFlags say how a run is done again.
type redriveFlags struct {
	id, file     string
	yes, returns bool
}

func (s *starter) redriveCommand() *cobra.Command {
	var f redriveFlags
	cmd := &cobra.Command{
		Use:   "redrive ID",
		Short: "Run again only what failed in a run, or never finished, and follow it",
		Long: `Redrive starts a new run of the files that did not succeed in the run ID, and of
no others, and follows it to its end as run does. It takes over the inputs and
the pool of that run where they still stand: they do as long as it waits for its
cleanup approval, or as they were kept. Otherwise it uploads the files it needs
anew, and creates a pool.

A file that was mended since is run as it is now. A workload that was mended is
named with --workload; it must have the same inputs. The results and outputs of
the new run are of all files.`,
		Example: `  starter redrive mp4-to-mp3-20261123-104500-1f2e
  starter redrive mp4-to-mp3-20261123-104500-1f2e --workload mended.yaml`,
		Args: needs("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.withServer(cmd.Context(), func(t *server) error { return s.redrive(cmd.Context(), t, args[0], f) })
		},
	}
	addIDFlag(cmd, &f.id)
	addYesFlag(cmd, &f.yes)
	cmd.Flags().StringVar(&f.file, "workload", "", "workload file to use instead of the one that the run was started with")
	cmd.Flags().BoolVar(&f.returns, "no-wait", false, "return as start does, instead of following the run")
	return cmd
}

func (s *starter) redrive(ctx context.Context, t *server, parent string, f redriveFlags) error {
	redrive, err := t.redriveOf(ctx, parent)
	if err != nil {
		return err
	}
	w, err := s.workloadOf(ctx, t, parent, f.file)
	if err != nil {
		return err
	}
	w.Redrive = redrive
	id, err := runID(f.id, w.Name)
	if err != nil {
		return err
	}
	s.warnOfMissingWorkers(ctx, t, w.Inputs.Host)
	p := &plan{workload: w}
	run, err := t.start(ctx, p, id)
	if err != nil {
		return err
	}
	if f.returns {
		return s.tellStarted(t, run)
	}
	return s.follow(ctx, t, run, p, f.yes)
}

// redriveOf looks at a run and refuses what cannot be redriven.
func (t *server) redriveOf(ctx context.Context, id string) (*workload.Redrive, error) {
	answer, err := t.runStatus(ctx, id)
	if err != nil {
		return nil, t.explain(err, id, "redrive")
	}
	word := shellWord(id)
	switch {
	case answer.Report == nil && answer.Execution == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING.String():
		return nil, failedf("run %s has no verdict yet, or no worker answers for it. Wait for it: starter watch %s; or stop it: starter cancel %s", nameOf(id), word, word)
	case answer.Report == nil || answer.Report.Results == "":
		return nil, failedf("run %s left no results to go on from. Start a new one: starter run FILE", nameOf(id))
	case answer.Report.Counts.Total > 0 && answer.Report.Counts.Succeeded == answer.Report.Counts.Total:
		return nil, failedf("every file of run %s succeeded: there is nothing to redrive", nameOf(id))
	}
	seen, err := t.describe(ctx, id, "")
	if err != nil {
		return nil, t.explain(err, id, "redrive")
	}
	r := answer.Report.Resources
	redrive := &workload.Redrive{WorkflowID: id, RunID: seen.firstRunID}
	if name := workload.ResourceName(id, seen.firstRunID); r.Pool != name {
		redrive.Pool = r.Pool
	}
	if name := workload.ResourceName(id, seen.firstRunID) + "-in"; r.InputContainer != name {
		redrive.InputContainer = r.InputContainer
	}
	return redrive, nil
}

// workloadOf is the workload of a file or, where none is named, the one that the
// run was started with.
func (s *starter) workloadOf(ctx context.Context, t *server, id, file string) (*workload.Workload, error) {
	if file != "" {
		p, err := s.plan(ctx, file)
		if err != nil {
			return nil, err
		}
		return p.workload, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*callTimeout)
	defer cancel()
	history := t.GetWorkflowHistory(ctx, id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	if !history.HasNext() {
		return nil, failedf("Temporal has no history of run %s any more; name its workload with --workload FILE", nameOf(id))
	}
	event, err := history.Next()
	if err != nil {
		return nil, t.explain(err, id, "look at")
	}
	var doc workload.Document
	input := event.GetWorkflowExecutionStartedEventAttributes().GetInput()
	if err := t.converter.FromPayloads(input, &doc); err != nil {
		return nil, failedf("the workload of run %s cannot be read: %w. Name it with --workload FILE", nameOf(id), err)
	}
	w, err := doc.Parse()
	if err != nil {
		return nil, usagef("the workload of run %s cannot be run:\n%w", nameOf(id), err)
	}
	return w, nil
}
