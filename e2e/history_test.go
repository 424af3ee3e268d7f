package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"google.golang.org/protobuf/proto"

	"github.com/durabatch/durabatch/workflows"
)

// Bounds of the history of any run, be it of five files or a million.
const (
	maxEvents = 120
	maxBytes  = 24 << 10
)

// checkHistory looks at the history of a run that has ended: it is small, and
// holds no secret and none of the names, and the workflow replays it. With save,
// and -update, it becomes one of those that the replay test reads, unless there is
// one of that name.
func (s *stack) checkHistory(t *testing.T, id, save string, names ...string) {
	t.Helper()
	whole := s.rawHistory(t, id)
	shown := s.temporalCLI(t, "workflow", "show", "--workflow-id", id, "--output", "json")
	for where, text := range map[string]string{"the history": whole, "temporal workflow show": string(shown)} {
		for _, secret := range append(s.secrets(), names...) {
			require.NotContains(t, text, secret, where)
		}
	}
	described, err := s.temporal.DescribeWorkflowExecution(t.Context(), id, "")
	require.NoError(t, err)
	info := described.GetWorkflowExecutionInfo()
	t.Logf("history of %s: %d events, %d bytes", id, info.GetHistoryLength(), info.GetHistorySizeBytes())
	require.LessOrEqual(t, info.GetHistoryLength(), int64(maxEvents), "events")
	require.LessOrEqual(t, info.GetHistorySizeBytes(), int64(maxBytes), "bytes")
	require.NoError(t, replay(t.Context(), s.temporal, id, converter.GetDefaultDataConverter()))
	if *update && save != "" {
		file := filepath.Join(root, "workflows", "testdata", "history", save+".json")
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			require.NoError(t, os.WriteFile(file, shown, 0o644))
		}
	}
}

// replay runs the history of a run through the workflow again, which has to ask
// for the same at each place. The payloads are read by payloads.
func replay(ctx context.Context, c client.Client, id string, payloads converter.DataConverter) error {
	history := &historypb.History{}
	events := c.GetWorkflowHistory(ctx, id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return err
		}
		history.Events = append(history.Events, event)
	}
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{DataConverter: payloads})
	if err != nil {
		return err
	}
	replayer.RegisterWorkflow(workflows.RunWorkload)
	replayer.RegisterWorkflow(workflows.Janitor)
	return replayer.ReplayWorkflowHistory(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), history)
}

// rawHistory is a run's history as Temporal has it.
func (s *stack) rawHistory(t *testing.T, id string) string {
	t.Helper()
	var whole bytes.Buffer
	events := s.temporal.GetWorkflowHistory(t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(t, err)
		raw, err := proto.Marshal(event)
		require.NoError(t, err)
		whole.Write(raw)
	}
	return whole.String()
}

// untilClosed waits until the run has ended, however it does.
func (s *stack) untilClosed(t *testing.T, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runBound)
	defer cancel()
	_ = s.temporal.GetWorkflow(ctx, id, "").Get(ctx, nil) // a run that failed is an error too
	require.NoError(t, ctx.Err(), "the run did not end within %s", runBound)
}

// secrets are what must be nowhere but in the environment of the worker and in
// files of their own: the account keys, and the mark of a SAS.
func (s *stack) secrets() []string {
	secrets := []string{"sig=", "sig%3D", s.env["AZURE_BATCH_ACCOUNT_KEY"]}
	for field := range strings.SplitSeq(s.env["AZURE_STORAGE_CONNECTION_STRING"], ";") {
		if key, ok := strings.CutPrefix(field, "AccountKey="); ok {
			secrets = append(secrets, key)
		}
	}
	return secrets
}

// secretsInLogs looks for secrets in the logs of every part, in what local
// said, and in Temporal's database.
func (s *stack) secretsInLogs() error {
	if s.env == nil || s.planted {
		return nil
	}
	var files []string
	for _, pattern := range []string{"*.log", "*.log.old", "temporal.db*"} {
		found, err := filepath.Glob(filepath.Join(s.dir, pattern))
		if err != nil {
			return err
		}
		files = append(files, found...)
	}
	var all error
	look := func(where string, text []byte) {
		for i, secret := range s.secrets() {
			if bytes.Contains(text, []byte(secret)) {
				all = errors.Join(all, fmt.Errorf("secret %d of secrets() is in %s", i, where))
			}
		}
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		look(filepath.Base(file), text)
	}
	look("what local said", []byte(s.stderr.String()))
	return all
}

// requireNoSecretsInCommandLines looks at every process of the stack as any
// other user of the machine can.
func (s *stack) requireNoSecretsInCommandLines(t *testing.T) {
	t.Helper()
	found, err := processesWith(s.dir)
	require.NoError(t, err)
	require.NotEmpty(t, found)
	for _, p := range found {
		for _, secret := range s.secrets() {
			require.NotContains(t, p.command, secret)
		}
	}
}

// took is how long after a moment another one was.
func took(from, to time.Time) time.Duration { return to.Sub(from).Round(time.Millisecond) }
