package e2e

import (
	"fmt"
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

// writeThousand writes so many files, of which some say that they are broken.
func writeThousand(t *testing.T, dir string) {
	t.Helper()
	for n := range thousand {
		content := fmt.Sprintf("file %d\n", n)
		if n%27 == 0 && n/27 < failing {
			content = "broken\n"
		}
		writeInput(t, dir, fmt.Sprintf("%04d.txt", n), []byte(content))
	}
}

// copyUnbroken fails for the files that are broken.
const copyUnbroken = `task:
  command: |
    if grep -q broken {{input}}; then echo {{name}} is broken >&2; exit 3; fi
    cp {{input}} {{output}}
  output: "{{stem}}.out"`

// manySlots is a pool whose nodes run many tasks at a time.
const manySlots = "pool: {vmSize: Standard_D4s_v3, " + image + ", dedicatedNodes: 2, taskSlots: 8}"

// TestFailuresAreToleratedToALimit: 37 of 1,000 files are not more than 5%, and
// more than 3%, where the run stops before it has tried every file.
func TestFailuresAreToleratedToALimit(t *testing.T) {
	t.Parallel()
	s := shared(t)
	dir := t.TempDir()
	writeThousand(t, dir)

	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}", manySlots, copyUnbroken, "failures: {tolerate: 5%}")
	report, told := s.run(t, newID(t), file, exitTolerated)
	require.Equal(t, workload.SucceededWithFailures, report.Outcome)
	require.Equal(t, workload.Counts{Total: thousand, Succeeded: thousand - failing, Failed: failing}, report.Counts)
	require.Contains(t, report.Verdict, "963 of 1000 tasks succeeded, 37 failed; failures.tolerate: 5% allows 50.")
	require.Contains(t, told.stderr, "and 17 more")
	s.requireCleanedUp(t, report.Resources)

	file = writeWorkload(t, dir, "inputs: {dir: InputFiles}", manySlots, copyUnbroken, "failures: {tolerate: 3%}")
	report, _ = s.run(t, newID(t), file, exitFailed)
	require.Equal(t, workload.Failed, report.Outcome)
	require.Contains(t, report.Verdict, "The run was stopped: more files have failed than the 30 that failures.tolerate allows.")
	require.Greater(t, report.Counts.Failed, int64(30))
	require.Less(t, report.Counts.Completed(), int64(thousand))
	require.Equal(t, int64(thousand), report.Counts.Completed()+report.Counts.Unfinished)
	t.Logf("stopped after %d of %d tasks", report.Counts.Completed(), thousand)
	s.requireCleanedUp(t, report.Resources)
}
