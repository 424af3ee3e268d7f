package e2e

import (
	"path/filepath"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workload"
)

// redrive redrives a run to its end, says yes to the cleanup, and has it end
// with that exit code.
func (s *stack) redrive(t *testing.T, parent, id string, code int) (workload.Report, result) {
	t.Helper()
	s.tellIfFailed(t, id)
	got := s.starter(t, "redrive", parent, "--json", "--yes", "--id", id)
	require.Equal(t, code, got.code, "exit code of starter redrive:\n%s%s", got.stdout, got.stderr)
	return got.report(t), got
}

// ran are the names of the files that a run itself had a task for.
func ran(results []workload.Result) []string {
	var names []string
	for _, result := range results {
		if result.Earlier == nil {
			names = append(names, result.Name)
		}
	}
	return names
}

// TestRedriveOfWhatIsGone: with inputs and pool gone, a redrive uploads the files
// that it needs, as they are now, and makes a pool; and it can be redriven
// itself.
func TestRedriveOfWhatIsGone(t *testing.T) {
	t.Parallel()
	s := shared(t)
	dir := t.TempDir()
	for name, content := range map[string]string{"a.txt": "a", "b.txt": "broken", "c.txt": "c", "d.txt": "broken", "e.txt": "e"} {
		writeInput(t, dir, name, []byte(content+"\n"))
	}
	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}", poolOf(2), copyUnbroken,
		"outputs: {dir: OutputFiles}", "cleanup: {when: always}")
	first := newID(t)
	report, _ := s.run(t, first, file, exitFailed)
	require.Equal(t, workload.Counts{Total: 5, Succeeded: 3, Failed: 2}, report.Counts)
	s.requireCleanedUp(t, report.Resources)

	writeInput(t, dir, "b.txt", []byte("mended\n"))
	second := newID(t)
	report, told := s.redrive(t, first, second, exitFailed)
	require.Equal(t, workload.Counts{Total: 5, Succeeded: 4, Failed: 1}, report.Counts)
	require.Equal(t, first, report.Parent)
	require.Equal(t, []string{"b.txt", "d.txt"}, ran(s.results(t, report)))
	require.Contains(t, report.Verdict, "3 of them were done by run "+first+" already.")
	require.Equal(t, []string{`files have changed since run ` + first + `, and are run as they are now: ["b.txt"]`}, report.Notes)
	require.Contains(t, told.stderr, "Again, only what failed: starter redrive "+second)
	s.requireCleanedUp(t, report.Resources)

	writeInput(t, dir, "d.txt", []byte("mended too\n"))
	third := newID(t)
	report, _ = s.redrive(t, second, third, exitSucceeded)
	require.Equal(t, workload.Succeeded, report.Outcome)
	require.Equal(t, []string{"d.txt"}, ran(s.results(t, report)))
	require.Equal(t, int64(4), report.Earlier)
	s.requireCleanedUp(t, report.Resources)

	outputs := filepath.Join(dir, "fetched")
	got := s.starter(t, "outputs", third, "--to", outputs)
	require.Equal(t, exitSucceeded, got.code, got.stderr)
	require.ElementsMatch(t, []string{"a.out", "b.out", "c.out", "d.out", "e.out"}, outputsIn(t, outputs))
	require.Equal(t, "mended\n", string(readFile(t, filepath.Join(outputs, "b.out"))))

	logs := s.starter(t, "logs", third, "--json", "a.txt")
	require.Equal(t, exitSucceeded, logs.code, "the logs are in the container of the first run: %s", logs.stderr)
	require.Contains(t, logs.stdout, `"from":"blob"`)

	nothing := s.starter(t, "redrive", third)
	require.Equal(t, exitFailed, nothing.code)
	require.Contains(t, nothing.stderr, "there is nothing to redrive")
}

// tasksOf counts the tasks of a run's job.
func (s *stack) tasksOf(t *testing.T, job string) int {
	t.Helper()
	count := 0
	for pager := s.batch.NewListTasksPager(job, &azbatch.ListTasksOptions{SelectParam: []string{"id"}}); pager.More(); {
		page, err := pager.NextPage(t.Context())
		require.NoError(t, err)
		count += len(page.Value)
	}
	return count
}

// TestRedriveTakesOver: while the parent waits for its approval, a redrive takes
// over its inputs and its pool; the parent ends, and nothing is left of either.
func TestRedriveTakesOver(t *testing.T) {
	t.Parallel()
	s := shared(t)
	dir := t.TempDir()
	for name, content := range map[string]string{"a.txt": "a", "b.txt": "broken", "c.txt": "c"} {
		writeInput(t, dir, name, []byte(content+"\n"))
	}
	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}", poolOf(2), copyUnbroken, "outputs: {dir: OutputFiles}")
	first := newID(t)
	parent := s.begin(t, "run", "--json", "--id", first, file)
	status := s.untilApproval(t, first)
	require.True(t, s.containerExists(t, status.Resources.InputContainer), "the inputs are kept for a redrive")

	writeInput(t, dir, "b.txt", []byte("mended\n"))
	second := newID(t)
	s.tellIfFailed(t, second)
	started := s.starter(t, "redrive", first, "--no-wait", "--json", "--id", second)
	require.Equal(t, exitSucceeded, started.code, started.stderr)
	child := s.untilApproval(t, second)
	require.Equal(t, status.Resources.Pool, child.Resources.Pool)
	require.Equal(t, status.Resources.InputContainer, child.Resources.InputContainer)
	require.Equal(t, 1, s.tasksOf(t, child.Resources.Job))
	require.Equal(t, exitSucceeded, s.starter(t, "approve", second).code)

	ended := parent.wait(t)
	require.Equal(t, exitFailed, ended.code, ended.stderr)
	report := ended.report(t)
	require.Contains(t, report.Notes, "run "+second+" does again what failed; it has taken the pool and the inputs over")
	require.Empty(t, report.Left)
	s.requireCleanedUp(t, report.Resources)
	watched := s.starter(t, "watch", "--json", second)
	require.Equal(t, exitSucceeded, watched.code, watched.stderr)
	s.requireCleanedUp(t, watched.report(t).Resources)
	require.ElementsMatch(t, []string{"a.out", "b.out", "c.out"}, outputsIn(t, filepath.Join(dir, "OutputFiles")))
}

// TestRedriveIsRefused before anything is created.
func TestRedriveIsRefused(t *testing.T) {
	t.Parallel()
	s := shared(t)
	dir := t.TempDir()
	for name, content := range map[string]string{"a.txt": "a", "b.txt": "broken"} {
		writeInput(t, dir, name, []byte(content+"\n"))
	}
	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}", poolOf(1), copyUnbroken)
	first := newID(t)
	s.start(t, first, file)
	status := s.untilApproval(t, first)
	removeInput(t, dir, "b.txt")
	second := newID(t)
	got := s.starter(t, "redrive", first, "--id", second)
	require.Equal(t, exitUsage, got.code, got.stderr)
	require.Contains(t, got.stdout, `"b.txt", which did not succeed in run `+first+`, is not in `)
	require.True(t, s.containerExists(t, status.Resources.InputContainer), "what the parent has is left to it")
	require.True(t, s.poolExists(t, status.Resources.Pool))
	require.Equal(t, exitSucceeded, s.starter(t, "approve", first).code)
	s.requireCleanedUp(t, status.Resources)

	none := s.starter(t, "redrive", "no-such-run")
	require.Equal(t, exitUsage, none.code)
	require.Contains(t, none.stderr, "there is no run no-such-run")
}
