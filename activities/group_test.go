package activities

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workload"
)

// TestGroupsKeepResultsPerFile: some files succeed, one fails always, one the
// first time, one leaves nothing, and all names are awkward.
func TestGroupsKeepResultsPerFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.task = workload.Task{
		Command: `set -e
case {{stem}} in
bad*) echo "no good: $PWD" >&2; echo half > {{output}}; false; echo never ;;
twice*) if [ ! -e tried ]; then touch tried; exit 3; fi ;;
silent*) exit 0 ;;
esac
echo about {{name}}; cp {{input}} {{output}}`,
		Output: "{{stem}}.out", Files: 4, MaxRetries: 1,
	}
	names := []string{"a b.txt", "bad 'x'.txt", "c$(touch pwned).txt", "d/same.txt", "e/same.txt", "silent.txt", "twice.txt", "é\n.txt", "zz.txt"}
	scanned := w.ran(names...)
	require.EqualValues(t, len(names), scanned.Files)
	gathered := mustRun(w, w.Gather, w.gatherInput(scanned.Files))
	require.Equal(t, workload.Counts{Total: 9, Succeeded: 7, Failed: 2}, gathered.Counts)

	results := map[string]workload.Result{}
	for i, result := range w.results() {
		require.EqualValues(t, i, result.Index)
		require.Equal(t, workload.TaskID(int64(i/4*4)), result.TaskID, "the id of the group's first input")
		require.Equal(t, logsOf(result.TaskID), result.Logs)
		require.False(t, result.Started.IsZero() || result.Ended.Before(result.Started), result.Name)
		results[result.Name] = result
	}
	require.Len(t, results, len(names))
	for _, name := range []string{"a b.txt", "c$(touch pwned).txt", "d/same.txt", "e/same.txt", "twice.txt", "é\n.txt", "zz.txt"} {
		result := results[name]
		require.Equal(t, workload.TaskSucceeded, result.State, name)
		require.EqualValues(t, 0, *result.ExitCode)
		require.Len(t, result.Outputs, 1)
		require.EqualValues(t, len(name), result.Outputs[0].Size)
		require.Equal(t, strings.TrimSuffix(name, ".txt")+".out", result.Outputs[0].Name)
	}
	require.EqualValues(t, 1, results["a b.txt"].Attempts)
	require.EqualValues(t, 2, results["twice.txt"].Attempts, "only what failed is run again")

	bad := results["bad 'x'.txt"]
	require.Equal(t, workload.TaskFailed, bad.State)
	require.EqualValues(t, 1, *bad.ExitCode)
	require.EqualValues(t, 2, bad.Attempts)
	require.Equal(t, "FailureExitCode", bad.Failure.Code)
	require.Regexp(t, "^no good: .*/wd$", bad.Failure.Stderr, "its own stderr and nobody else's")
	require.Empty(t, bad.Outputs)
	require.False(t, w.hasBlob("bad 'x'.out"), "what a command that failed has left is no output")
	require.Equal(t, "OutputMissing", results["silent.txt"].Failure.Code)
}

// TestACommandTakesAGroup of files, and fails or succeeds for all of them.
func TestACommandTakesAGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.task = workload.Task{
		Command: `ins=({{inputs}}); outs=({{outputs}})
for i in "${!ins[@]}"; do [ "$(cat "${ins[i]}")" != "5 'e'.txt" ] || exit 9; cp "${ins[i]}" "${outs[i]}"; done`,
		Output: "{{stem}}.out", Files: 3, Each: workload.EachGroup,
	}
	scanned := w.ran("0.txt", "1 b.txt", "2.txt", "3$x.txt", "4.txt", "5 'e'.txt", "6.txt")
	gathered := mustRun(w, w.Gather, w.gatherInput(scanned.Files))
	require.Equal(t, workload.Counts{Total: 7, Succeeded: 4, Failed: 3}, gathered.Counts)
	for i, result := range w.results() {
		if i/3 == 1 {
			require.EqualValues(t, 9, *result.ExitCode)
			continue
		}
		require.Equal(t, workload.TaskSucceeded, result.State)
		require.EqualValues(t, len(result.Name), result.Outputs[0].Size)
	}
}

// TestAGroupThatBatchEnds tells which of its files were done, and leaves
// nothing of the one that was cut off.
func TestAGroupThatBatchEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.listed("a.txt", "b.txt", "c.txt")
	w.inContainer("a.txt", "b.txt", "c.txt")
	w.task = workload.Task{Command: "true", Output: "{{stem}}.out", Files: 3}
	w.put("a.out", "a")
	w.put("b.out", "half")
	w.put(recordOf(workload.TaskID(0)), "begin 0 1 1700000000.5 10 20\nend 0 1 1700000001.5 10 20 0\nbegin 1 1 1700000001.6 30 40\n")
	g := &gathering{Activities: w.Activities, in: w.gatherInput(3), progress: &beat{ctx: t.Context()}}
	var err error
	g.blobs, err = w.indexOutputs(t.Context(), w.out(), &beat{ctx: t.Context(), last: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	g.progress.last = time.Now().Add(time.Hour)
	group := []workload.Input{{Index: 0, Name: "a.txt"}, {Index: 1, Name: "b.txt"}, {Index: 2, Name: "c.txt"}}
	records, err := g.recordsOf(t.Context(), [][]workload.Input{group})
	require.NoError(t, err)
	ended := azbatch.Task{State: p(azbatch.TaskStateCompleted), ExecutionInfo: &azbatch.TaskExecutionInfo{
		StartTime: p(time.Now()), RequeueCount: p[int32](1),
		Result: p(azbatch.TaskExecutionResultFailure), FailureInfo: &azbatch.TaskFailureInfo{Code: p("TaskEnded")},
	}}
	var states []string
	for _, input := range group {
		result, err := g.resultOf(t.Context(), input, workload.TaskID(0), ended, records[workload.TaskID(0)])
		require.NoError(t, err)
		states = append(states, fmt.Sprintf("%s %d", result.State, result.Attempts))
	}
	require.Equal(t, []string{"succeeded 2", "unfinished 2", "unfinished 1"}, states, "Batch moved the task once, and its first record is lost")
	require.True(t, w.hasBlob("a.out"))
	require.False(t, w.hasBlob("b.out"))
}

func p[T any](v T) *T { return &v }

func (w *world) hasBlob(name string) bool {
	w.t.Helper()
	_, err := w.Storage.Container(w.out()).NewBlobClient(name).GetProperties(w.t.Context(), nil)
	return err == nil
}

// TestAGroupThatIsRunAgain where it was does not do again what is done.
func TestAGroupThatIsRunAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	task := workload.Task{Command: "echo x >> {{output}}; [ {{name}} != b ] || [ -e mended ]", Output: "{{name}}.log", Files: 3}
	script, _, err := groupScript(task, []workload.Input{{Index: 7, Name: "a"}, {Index: 8, Name: "b"}, {Index: 9, Name: "c"}})
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, workload.Reserved), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, scriptFile), []byte(script), 0o600))
	once := func() (record, error) {
		cmd := exec.CommandContext(t.Context(), "/bin/bash", scriptFile)
		cmd.Dir = dir
		failed := cmd.Run()
		text, err := os.ReadFile(filepath.Join(dir, recordFile))
		require.NoError(t, err)
		record, err := parseRecord(text)
		require.NoError(t, err)
		return record, failed
	}
	first, err := once()
	require.Error(t, err)
	require.EqualValues(t, 1, first[8].code)
	require.NoFileExists(t, filepath.Join(dir, "b.log"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "mended"), nil, 0o600))
	second, err := once()
	require.NoError(t, err)
	require.EqualValues(t, 2, second[8].runs)
	require.EqualValues(t, 1, second[7].runs)
	text, err := os.ReadFile(filepath.Join(dir, "a.log"))
	require.NoError(t, err)
	require.Equal(t, "x\n", string(text))
}

// TestAFileOfAGroupRunsOutOfTime, and its neighbours do not.
func TestAFileOfAGroupRunsOutOfTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.task = workload.Task{Command: "[ {{stem}} != b ] || sleep 60; cp {{input}} {{output}}", Output: "{{stem}}.out", Files: 3, Timeout: workload.Duration(time.Second)}
	scanned := w.ran("a.txt", "b.txt", "c.txt")
	gathered := mustRun(w, w.Gather, w.gatherInput(scanned.Files))
	require.Equal(t, workload.Counts{Total: 3, Succeeded: 2, Failed: 1}, gathered.Counts)
	require.Equal(t, "TaskEnded", gathered.Failures[0].Code)
	require.Contains(t, gathered.Failures[0].Message, "task.timeout")
}

// TestGroupsFitWhatBatchTakes, however long names are.
func TestGroupsFitWhatBatchTakes(t *testing.T) {
	t.Parallel()
	a := testActivities(t)
	task := workload.Task{Command: "cp {{input}} {{output}}", Output: "{{stem}}.out", Files: 50}
	inputs := make([]workload.Input, 120)
	for i := range inputs {
		name := fmt.Sprintf("%s/%d.txt", strings.Repeat("n", 200), i)
		inputs[i] = workload.Input{Index: int64(i), Name: name, Blob: name}
	}
	groups, err := a.groupsOf(task, "in", "out", inputs)
	require.NoError(t, err)
	total := 0
	for _, group := range groups {
		require.EqualValues(t, total, group[0].Index)
		total += len(group)
		require.Less(t, len(group), 50)
	}
	require.Equal(t, len(inputs), total)
	short, err := a.groupsOf(task, "in", "out", []workload.Input{{Index: 0, Name: "a", Blob: "a"}, {Index: 1, Name: "b", Blob: "b"}})
	require.NoError(t, err)
	require.Len(t, short, 1)
}

func TestARecordThatIsNoneIsAnError(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"nonsense\n", "begin x 1 1 - -\n", "end 1 1 1 - - x\n", "other 1 1 1 - -\n"} {
		_, err := parseRecord([]byte(text))
		require.Error(t, err, text)
	}
	record, err := parseRecord([]byte("begin 1 1 1 - -\nend 1 1 2 - - 0\nbegin 2 1"))
	require.NoError(t, err, "the last line may be cut off")
	require.Len(t, record, 1)
	require.Nil(t, record[1].stdout)
}
