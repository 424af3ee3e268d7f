package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workload"
)

// exitTolerated is the exit code of a run that bears its failures.
const exitTolerated = 5

// thousand is how many files the tests of failing files have, and failing how
// many of them cannot be done until they are mended.
const (
	thousand = 1000
	failing  = 37
)

// writeThousand writes so many files, of which some say that they are broken,
// and returns the names of these.
func writeThousand(t *testing.T, dir string) []string {
	t.Helper()
	var broken []string
	for n := range thousand {
		name, content := fmt.Sprintf("%04d.txt", n), fmt.Sprintf("file %d\n", n)
		if n%27 == 0 && n/27 < failing {
			broken, content = append(broken, name), "broken\n"
		}
		writeInput(t, dir, name, []byte(content))
	}
	return broken
}

// copyUnbroken fails for the files that are broken.
const copyUnbroken = `task:
  command: |
    if grep -q broken {{input}}; then echo {{name}} is broken >&2; exit 3; fi
    cp {{input}} {{output}}
  output: "{{stem}}.out"`

// manySlots is a pool whose nodes run many tasks at a time.
const manySlots = "pool: {vmSize: Standard_D4s_v3, " + image + ", dedicatedNodes: 2, taskSlots: 8}"

// TestFailuresAreToleratedToALimit: 37 of 1,000 files are more than 3%, where
// the run stops before it has tried every file.
func TestFailuresAreToleratedToALimit(t *testing.T) {
	t.Parallel()
	s := shared(t)
	dir := t.TempDir()
	writeThousand(t, dir)
	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}", manySlots, copyUnbroken, "failures: {tolerate: 3%}")
	report, _ := s.run(t, newID(t), file, exitFailed)
	require.Equal(t, workload.Failed, report.Outcome)
	require.Contains(t, report.Verdict, "The run was stopped: more files have failed than the 30 that failures.tolerate allows.")
	require.Greater(t, report.Counts.Failed, int64(30))
	require.Less(t, report.Counts.Completed(), int64(thousand))
	require.Equal(t, int64(thousand), report.Counts.Completed()+report.Counts.Unfinished)
	t.Logf("stopped after %d of %d tasks", report.Counts.Completed(), thousand)
	s.requireCleanedUp(t, report.Resources)
}

// TestThousandFiles: 37 failures are not more than 5%; once they are mended, a
// redrive runs exactly these; and a run with ten more files runs exactly the ten.
func TestThousandFiles(t *testing.T) {
	t.Parallel()
	s := shared(t)
	dir := t.TempDir()
	broken := writeThousand(t, dir)
	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}", manySlots, copyUnbroken,
		"failures: {tolerate: 5%}", "reuse: true")
	rename(t, file, "thousand-files")

	first := newID(t)
	s.start(t, first, file)
	status := s.untilApproval(t, first)
	require.Equal(t, workload.SucceededWithFailures, status.Report.Outcome)
	require.Equal(t, workload.Counts{Total: thousand, Succeeded: thousand - failing, Failed: failing}, status.Report.Counts)
	require.Contains(t, status.Report.Verdict, "963 of 1000 tasks succeeded, 37 failed; failures.tolerate: 5% allows 50.")

	for _, name := range broken {
		writeInput(t, dir, name, []byte("mended "+name+"\n"))
	}
	report, _ := s.redrive(t, first, newID(t), exitSucceeded)
	require.Equal(t, workload.Counts{Total: thousand, Succeeded: thousand}, report.Counts)
	require.ElementsMatch(t, broken, ran(s.results(t, report)))
	ended := s.starter(t, "watch", "--json", first)
	require.Equal(t, exitTolerated, ended.code, ended.stderr)
	s.requireCleanedUp(t, report.Resources)

	var added []string
	for n := range 10 {
		added = append(added, fmt.Sprintf("new-%d.txt", n))
		writeInput(t, dir, added[n], []byte("new\n"))
	}
	report, _ = s.run(t, newID(t), file, exitSucceeded)
	require.Equal(t, workload.Counts{Total: thousand + 10, Succeeded: thousand + 10}, report.Counts)
	require.ElementsMatch(t, added, ran(s.results(t, report)))
	require.Equal(t, []string{"10 files of 1010 had to be run: new (10); the results say it of each"}, report.Notes)
	s.requireCleanedUp(t, report.Resources)
}

// rename gives the workload in a file a name of its own, by which earlier runs
// are found.
func rename(t *testing.T, file, name string) {
	t.Helper()
	text := strings.Replace(string(readFile(t, file)), "name: e2e\n", "name: "+name+"\n", 1)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
}

// TestReuseRunsWhatIsNew: a run after a run does what is new or was changed, and
// says of each file why it had to be run.
func TestReuseRunsWhatIsNew(t *testing.T) {
	t.Parallel()
	s := shared(t)
	dir := t.TempDir()
	for _, name := range []string{"a.txt", "b.txt", "c.txt"} {
		writeInput(t, dir, name, []byte(name+"\n"))
	}
	sections := []string{"inputs: {dir: InputFiles}", poolOf(2), copyUnbroken, "outputs: {dir: OutputFiles}", "cleanup: {when: always}", "reuse: true"}
	file := writeWorkload(t, dir, sections...)
	rename(t, file, "reuse")
	report, _ := s.run(t, newID(t), file, exitSucceeded)
	require.Zero(t, report.Earlier)

	report, _ = s.run(t, newID(t), file, exitSucceeded)
	require.Equal(t, int64(3), report.Earlier, "nothing is run twice, and no pool is made")
	require.Equal(t, workload.Counts{Total: 3, Succeeded: 3}, report.Counts)
	require.Zero(t, s.created(t, report.Resources))

	writeInput(t, dir, "b.txt", []byte("another\n"))
	writeInput(t, dir, "d.txt", []byte("new\n"))
	report, _ = s.run(t, newID(t), file, exitSucceeded)
	require.Equal(t, int64(2), report.Earlier)
	why := map[string]string{}
	for _, result := range s.results(t, report) {
		if result.Earlier == nil {
			why[result.Name] = result.Why
		}
	}
	require.Equal(t, map[string]string{"b.txt": "its content changed", "d.txt": "new"}, why)
	require.Equal(t, []string{"2 files of 4 had to be run: its content changed (1), new (1); the results say it of each"}, report.Notes)
	require.ElementsMatch(t, []string{"a.out", "b.out", "c.out", "d.out"}, outputsIn(t, filepath.Join(dir, "OutputFiles")))
	require.Equal(t, "another\n", string(readFile(t, filepath.Join(dir, "OutputFiles", "b.out"))))

	text := strings.Replace(string(readFile(t, file)), "task:\n", "task:\n  toolVersion: \"2\"\n", 1)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	report, _ = s.run(t, newID(t), file, exitSucceeded)
	require.Zero(t, report.Earlier)
	require.Equal(t, []string{"4 files of 4 had to be run: the tool's version changed (4); the results say it of each"}, report.Notes)
}
