package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

// started is what a start answers.
type started struct {
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"`
}

func (s *starter) startCommand() *cobra.Command {
	var id string
	cmd := &cobra.Command{
		Use:   "start FILE",
		Short: "Start a run and return",
		Long: `Start checks the workload in FILE as validate does, starts its run and returns.
With --json it answers {"workflowId": ..., "runId": ...}.`,
		Example: `  starter start workload.yaml
  starter start --id nightly-2026-11-23 workload.yaml`,
		Args: needs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			t, run, _, err := s.begin(ctx, args[0], id)
			if err != nil {
				return err
			}
			defer t.Close()
			return s.tellStarted(t, run)
		},
	}
	addIDFlag(cmd, &id)
	return cmd
}

// tellStarted says how to come back to a run that nobody follows yet.
func (s *starter) tellStarted(t *server, run started) error {
	if s.json {
		return s.answer(run)
	}
	fmt.Fprintf(s.stdout, "Run %s started.\n", nameOf(run.WorkflowID))
	if page := t.page(run.WorkflowID, run.RunID); page != "" {
		fmt.Fprintf(s.stdout, "Web UI: %s\n", page)
	}
	fmt.Fprintf(s.stdout, "Follow it: starter watch %s\n", shellWord(run.WorkflowID))
	return nil
}

func addIDFlag(cmd *cobra.Command, id *string) {
	cmd.Flags().StringVar(id, "id", "", "workflow id of the run (default: name, time and four random digits)")
}

// begin checks a workload, connects to Temporal and starts the run.
func (s *starter) begin(ctx context.Context, file, id string) (*server, started, *plan, error) {
	p, err := s.plan(ctx, file)
	if err != nil {
		return nil, started{}, nil, err
	}
	if id, err = runID(id, p.workload.Name); err != nil {
		return nil, started{}, nil, err
	}
	t, err := s.connect(ctx)
	if err != nil {
		return nil, started{}, nil, err
	}
	s.warnOfMissingWorkers(ctx, t, p.workload.Inputs.Host)
	run, err := t.start(ctx, p, id)
	if err != nil {
		t.Close()
		return nil, started{}, nil, err
	}
	return t, run, p, nil
}

// runID is the workflow id of a run to start: the one that was asked for, or one
// that people find in a list.
func runID(asked, name string) (string, error) {
	if asked == "" {
		return newID(name, time.Now()), nil
	}
	if !isPrintable(asked) || len(asked) > 255 || strings.HasPrefix(asked, "-") {
		return "", usagef("--id: %s cannot name a run; use at most 255 printable characters, and no dash at the beginning", nameOf(asked))
	}
	return asked, nil
}

// start starts the run. It has no run or execution timeout: Temporal would end
// it without its cleanup. The run keeps its own deadline.
func (t *server) start(ctx context.Context, p *plan, id string) (started, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*callTimeout)
	defer cancel()
	run, err := t.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                       id,
		TaskQueue:                workflows.TaskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		// Without it a start under the id of a running run answers that run.
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary:                            p.summary(),
		StaticDetails:                            details,
		Memo:                                     p.memo(),
	}, workflows.RunWorkload, workload.DocumentOf(p.workload))
	if already := (*serviceerror.WorkflowExecutionAlreadyStarted)(nil); errors.As(err, &already) {
		return started{}, usagef("there is a run %s already. Follow it with: starter watch %s; or start another one under another --id", nameOf(id), shellWord(id))
	}
	if isUnreachable(err) {
		return started{}, unreachablef("Temporal at %s did not answer the start of run %s: %w. It may have started; see: starter status %s", t.address, nameOf(id), err, shellWord(id))
	}
	if err != nil {
		return started{}, t.explain(err, id, "start")
	}
	return started{WorkflowID: run.GetID(), RunID: run.GetRunID()}, nil
}

// details are Markdown in the web UI, and so hold nothing of the user's.
const details = "Query `status` says what the run is doing. Update `approve-cleanup`, or signal `cleanup-approval`, decides over its job and pool: `{\"approve\": true}` deletes both."

// memo names the run that a redrive comes from, in lists of Temporal's.
func (p *plan) memo() map[string]any {
	if p.workload.Redrive == nil {
		return nil
	}
	return map[string]any{"redriveOf": p.workload.Redrive.WorkflowID}
}

// summary says in one line what the run is. It is Markdown in the web UI.
func (p *plan) summary() string {
	line := p.workload.Name + ": " + p.size() + " on " + p.place()
	return sentenceOf(markup.ReplaceAllString(line, "?"), 200)
}

var markup = regexp.MustCompile(`[^\w .,:()@-]`)

// newID names a run so that people find it in a list.
func newID(name string, now time.Time) string {
	random := make([]byte, 2)
	_, _ = rand.Read(random) // never fails
	return name + now.Format("-20060102-150405-") + hex.EncodeToString(random)
}

// warnOfMissingWorkers says so where no worker would take the run up. It is
// not an error: one may come, and the run waits for it.
func (s *starter) warnOfMissingWorkers(ctx context.Context, t *server, host string) {
	queues := map[string]enumspb.TaskQueueType{workflows.TaskQueue: enumspb.TASK_QUEUE_TYPE_WORKFLOW}
	if host != "" {
		queues[workflows.HostTaskQueue(host)] = enumspb.TASK_QUEUE_TYPE_ACTIVITY
	}
	for queue, kind := range queues {
		if polled, err := t.polled(ctx, queue, kind); err == nil && !polled {
			fmt.Fprintf(s.stderr, "Warning: no worker polls the task queue %s; the run waits until one does.%s\n", nameOf(queue), startOne(queue, host))
		}
	}
}

func startOne(queue, host string) string {
	if queue == workflows.TaskQueue {
		return " Start one: bin/worker"
	}
	return " Start one on " + nameOf(host) + ", where the files are: bin/worker"
}

// shellWord writes an id so that it can be pasted into a shell.
func shellWord(id string) string {
	if plainWord.MatchString(id) {
		return id
	}
	return "'" + strings.ReplaceAll(id, "'", `'\''`) + "'"
}

var plainWord = regexp.MustCompile(`^[\w@%+=:,./][\w@%+=:,./-]*$`)
