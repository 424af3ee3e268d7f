package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/durabatch/durabatch/codec"
	"github.com/durabatch/durabatch/workload"
)

// TestEncrypted: with a key, Temporal keeps nothing of a run that it could
// read. A worker without the key waits for it instead of failing the run, and a
// codec server lets those read who have it.
func TestEncrypted(t *testing.T) {
	t.Parallel()
	key, err := codec.NewKey("e2e")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "durabatch.key")
	require.NoError(t, os.WriteFile(file, []byte(key+"\n"), 0o600))

	s := ownStack(t) // its worker has no key
	id, dir := newID(t), t.TempDir()
	writeNumbered(t, dir, 2)
	workloadFile := writeWorkload(t, dir, "inputs: {dir: InputFiles}", poolOf(2),
		`task: {command: "cp {{input}} {{output}}", output: "{{stem}}.out"}`, "outputs: {dir: OutputFiles}", "cleanup: {when: always}")
	s.env[codec.KeyFileVariable] = file
	s.start(t, id, workloadFile)
	until(t, time.Minute, "a worker without the key cannot take the run", func() bool {
		return s.hasEvent(t, id, enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED)
	})
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, s.statusInTemporal(t, id))

	require.NoError(t, s.down())
	s.more = []string{codec.KeyFileVariable + "=" + file}
	require.NoError(t, s.up())
	require.Equal(t, workload.Succeeded, s.reportOf(t, id, exitSucceeded).Outcome)
	require.Len(t, outputsIn(t, filepath.Join(dir, "OutputFiles")), 2)

	require.NoError(t, replay(t.Context(), s.temporal, id, readsWith(t, file)))

	s.requireUnreadable(t, id, "InputFiles", "Standard_A1_v2", "{{input}}", numbered(0))
	delete(s.env, codec.KeyFileVariable)
	got := s.starter(t, "status", id)
	require.NotEqual(t, exitSucceeded, got.code)
	require.Contains(t, got.stderr, codec.KeyFileVariable)
}

// readsWith is the converter of a worker with the key in file.
func readsWith(t *testing.T, file string) converter.DataConverter {
	t.Helper()
	key, err := codec.FromEnvironment(func(name string) string {
		return map[string]string{codec.KeyFileVariable: file}[name]
	})
	require.NoError(t, err)
	var options client.Options
	key.ForWorker(&options)
	return options.DataConverter
}

// requireUnreadable: words of the run are nowhere in its history, nor in
// Temporal's database; a codec server makes them readable.
func (s *stack) requireUnreadable(t *testing.T, id string, words ...string) {
	t.Helper()
	history := s.rawHistory(t, id)
	for _, word := range words {
		require.NotContains(t, history, word)
	}
	databases, err := filepath.Glob(filepath.Join(s.dir, "temporal.db*"))
	require.NoError(t, err)
	require.NotEmpty(t, databases)
	for _, path := range databases {
		text := string(readFile(t, path))
		for _, word := range words {
			require.NotContains(t, text, word, filepath.Base(path))
		}
	}

	server := s.begin(t, "codec", "serve", "--listen", "127.0.0.1:0")
	address := regexp.MustCompile(`http://127\.0\.0\.1:\d+`)
	until(t, time.Minute, "the codec server listens", func() bool { return address.MatchString(server.stderr.String()) })
	result := []string{"workflow", "result", "--workflow-id", id}
	require.NotContains(t, string(s.temporalCLI(t, result...)), "verdict")
	require.Contains(t, string(s.temporalCLI(t, append(result, "--codec-endpoint", address.FindString(server.stderr.String()))...)), "verdict")
	require.NoError(t, server.Process.Signal(os.Interrupt))
	require.Equal(t, exitSucceeded, server.wait(t).code)
}

func (s *stack) hasEvent(t *testing.T, id string, kind enumspb.EventType) bool {
	t.Helper()
	events := s.temporal.GetWorkflowHistory(t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(t, err)
		if event.GetEventType() == kind {
			return true
		}
	}
	return false
}

func (s *stack) statusInTemporal(t *testing.T, id string) enumspb.WorkflowExecutionStatus {
	t.Helper()
	described, err := s.temporal.DescribeWorkflowExecution(t.Context(), id, "")
	require.NoError(t, err)
	return described.GetWorkflowExecutionInfo().GetStatus()
}
