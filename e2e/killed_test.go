package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

// killing is a run in which something is killed. Its tasks write down, outside
// of their working directories, that they began, and wait at a gate.
type killing struct {
	*stack
	id, file, dir string
	began, gate   string // files
	inputs        []string
}

// newKilling writes the workload of a run with so many small inputs. With
// large, there is one more, the last, which takes seconds to upload: until it
// is there, the upload and the submission cannot end.
func newKilling(t *testing.T, s *stack, files int, large bool) *killing {
	t.Helper()
	k := &killing{stack: s, id: newID(t), dir: t.TempDir()}
	k.began, k.gate = filepath.Join(k.dir, "began"), filepath.Join(k.dir, "gate")
	k.inputs = writeNumbered(t, k.dir, files)
	if large {
		last := "last.bin"
		k.inputs = append(k.inputs, last)
		writeInput(t, k.dir, last, nil)
		require.NoError(t, os.Truncate(filepath.Join(k.dir, "InputFiles", last), 256<<20))
	}
	k.file = writeWorkload(t, k.dir, "inputs: {dir: InputFiles}", poolOf(4), fmt.Sprintf(`
task:
  command: |
    echo {{name}} >> '%s'
    while ! [ -e '%s' ]; do sleep 0.2; done
    { echo output of {{name}}; head -c 100 {{input}}; } > {{output}}
  output: "{{stem}}.out"
outputs: {dir: OutputFiles}`, k.began, k.gate))
	return k
}

func (k *killing) open(t *testing.T) {
	t.Helper()
	require.NoError(t, os.WriteFile(k.gate, nil, 0o644))
}

// requireWhole: every output is there and right, and each task began as often
// as its result says.
func (k *killing) requireWhole(t *testing.T, report workload.Report) (mostAttempts int32) {
	t.Helper()
	require.Equal(t, workload.Succeeded, report.Outcome, report.Verdict)
	require.Equal(t, int64(len(k.inputs)), report.Counts.Succeeded)
	require.Len(t, outputsIn(t, filepath.Join(k.dir, "OutputFiles")), len(k.inputs))
	for _, input := range k.inputs {
		stem := strings.TrimSuffix(input, filepath.Ext(input))
		text := readFile(t, filepath.Join(k.dir, "OutputFiles", stem+".out"))
		require.True(t, strings.HasPrefix(string(text), "output of "+input+"\n"), input)
	}
	began := map[string]int32{}
	for line := range strings.Lines(string(readFile(t, k.began))) {
		began[strings.TrimSpace(line)]++
	}
	results := k.results(t, report)
	require.Len(t, results, len(k.inputs))
	for _, result := range results {
		require.Equal(t, began[result.Name], result.Attempts, "%s: its attempts are as often as it began", result.Name)
		mostAttempts = max(mostAttempts, result.Attempts)
	}
	return mostAttempts
}

// TestKilled kills each part in the middle of its work, as a power cut does.
// The run goes on with what is there: nothing is created twice, and no task
// runs twice without saying so.
func TestKilled(t *testing.T) {
	t.Parallel()
	s := ownStack(t)
	t.Run("worker in upload", s.killWorkerInUpload)
	t.Run("worker in submission", s.killWorkerInSubmission)
	t.Run("worker in wait", func(t *testing.T) {
		s.interruptWait(t, "worker-killed", 1, func(workload.Resources) { s.kill(t, "worker") })
	})
	t.Run("temporal in wait", func(t *testing.T) {
		s.interruptWait(t, "temporal-killed", 1, func(workload.Resources) { s.kill(t, "temporal") })
	})
	t.Run("batch in wait", func(t *testing.T) {
		s.interruptWait(t, "batch-killed", 2, func(workload.Resources) { s.kill(t, "batch") })
	})
	t.Run("worker in approval", s.killWorkerInApproval)
	t.Run("everything in wait", func(t *testing.T) {
		s.interruptWait(t, "all-killed", 2, func(r workload.Resources) {
			s.untilAzuriteSaved(t, r.OutputContainer)
			s.powerCut(t)
		})
	})
}

func (s *stack) killWorkerInUpload(t *testing.T) {
	k := newKilling(t, s, 100, true)
	k.start(t, k.id, k.file)
	until(t, time.Minute, "the upload goes on", func() bool {
		progress, ok := k.progress(t, k.id, "Upload")
		return ok && progress.Bytes > 0
	})
	thaw := k.freeze(t, "azurite")
	k.kill(t, "worker")
	progress, ok := k.progress(t, k.id, "Upload")
	require.True(t, ok, "the worker was killed after the upload")
	require.Less(t, progress.Files, int64(len(k.inputs)))
	thaw()
	k.goOn(t, created{})
}

func (s *stack) killWorkerInSubmission(t *testing.T) {
	k := newKilling(t, s, 100, true)
	k.start(t, k.id, k.file)
	r := k.resources(t, k.id)
	until(t, time.Minute, "tasks are added", func() bool { return k.tasks(t, r.Job) > 0 })
	thaw := k.freeze(t, "azurite")
	before := k.created(t, r)
	k.kill(t, "worker")
	added := k.tasks(t, r.Job)
	require.Positive(t, added)
	require.Less(t, added, int64(len(k.inputs)), "the worker was killed after the submission")
	_, ok := k.progress(t, k.id, "Submit")
	require.True(t, ok, "the worker was killed after the submission")
	t.Logf("killed when %d of %d tasks had been added", added, len(k.inputs))
	thaw()
	k.goOn(t, before)
}

// killWorkerInApproval: what the run asks is still asked, and an answer is taken
// by the worker that comes next.
func (s *stack) killWorkerInApproval(t *testing.T) {
	k := newKilling(t, s, 2, false)
	k.open(t)
	k.start(t, k.id, k.file)
	k.untilApproval(t, k.id)
	k.kill(t, "worker")
	k.goOn(t, created{})
}

// goOn has the run end and looks at all that it did.
func (k *killing) goOn(t *testing.T, before created) {
	t.Helper()
	k.open(t)
	status := k.untilApproval(t, k.id)
	after := k.created(t, status.Resources)
	if !before.pool.IsZero() {
		require.Equal(t, before, after, "pool and job are those of before the kill")
	}
	got := k.starter(t, "approve", k.id)
	require.Equal(t, exitSucceeded, got.code, got.stderr)
	report := k.reportOf(t, k.id, exitSucceeded)
	require.Equal(t, int32(1), k.requireWhole(t, report))
	k.requireCleanedUp(t, report.Resources)
	k.checkHistory(t, k.id, "", numbered(0), "last.bin")
}

// interruptWait interrupts a run while its tasks run and somebody follows it.
// In the end some task has begun so many times, and none more often.
func (s *stack) interruptWait(t *testing.T, name string, attempts int32, interrupt func(workload.Resources)) {
	t.Helper()
	k := newKilling(t, s, 6, false)
	s.tellIfFailed(t, k.id)
	follower := k.begin(t, "run", "--json", "--yes", "--id", k.id, k.file)
	k.untilRunning(t, k.id, 4)
	resources := k.resources(t, k.id)
	before := k.created(t, resources)

	interrupt(resources)

	var status workflows.Status
	until(t, runBound, "the run answers again", func() bool {
		var ok bool
		status, ok = k.status(t, k.id)
		return ok
	})
	require.Equal(t, workflows.StepWait, status.Phase)
	until(t, runBound, "Batch answers again, and has pool and job", func() bool {
		_, err := k.batch.GetJob(t.Context(), status.Resources.Job, nil)
		return err == nil
	})
	require.Equal(t, before, k.created(t, status.Resources), "pool and job are those of before the kill")
	k.open(t)

	ended := follower.wait(t)
	require.Equal(t, exitSucceeded, ended.code, ended.stderr)
	report := ended.report(t)
	require.Equal(t, attempts, k.requireWhole(t, report))
	k.requireCleanedUp(t, report.Resources)
	k.checkHistory(t, k.id, name, numbered(0))
	t.Logf("the run took %s", took(report.Started, report.Ended))
}

// tasks is how many tasks a job has; none where there is no job yet.
func (s *stack) tasks(t *testing.T, job string) int64 {
	t.Helper()
	counts, err := s.batch.GetJobTaskCounts(t.Context(), job, nil)
	if notFound(t, err) {
		return 0
	}
	c := counts.TaskCounts
	return int64(*c.Active) + int64(*c.Running) + int64(*c.Completed)
}
