package activities

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workload"
)

// TestWaitTellsFailuresAsTheyCome, while other tasks still run, and how long
// the nodes were there.
func TestWaitTellsFailuresAsTheyCome(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	release := filepath.Join(t.TempDir(), "go")
	w.task.Command = `case {{stem}} in last) until test -e ` + release + `; do sleep 0.05; done; cp {{input}} {{output}};; *) echo; echo went wrong >&2; echo moov atom not found >&2; exit 4; esac`
	scanned := w.prepared(1, "bad one.txt", "last.txt")
	mustRun(w, w.Submit, w.submitInput(scanned.Files))

	in := w.waitInput(scanned.Files)
	in.OutputContainer = w.out()
	var told []workload.Failure
	waited := mustRun(w, w.Wait, in, heard(func(p workload.Progress) {
		if len(p.Failures) > 0 && told == nil {
			told = p.Failures
			require.NoError(t, os.WriteFile(release, nil, 0o600))
		}
	}))
	require.Nil(t, waited.Failure)
	require.Len(t, told, 1)
	require.Equal(t, "bad one.txt", told[0].Name)
	require.Equal(t, "task-00000000", told[0].TaskID)
	require.EqualValues(t, 4, *told[0].ExitCode)
	require.Equal(t, "moov atom not found", told[0].Stderr)
	require.NotEmpty(t, told[0].Node)

	require.Equal(t, "Standard_A1_v2", waited.NodeTime.VMSize)
	require.Positive(t, waited.NodeTime.Dedicated)
	require.Zero(t, waited.NodeTime.Spot)
}

func TestOnlyTheNewestFailuresAreKept(t *testing.T) {
	t.Parallel()
	var r recent
	for i := range int64(maxRecent + 3) {
		r.add(workload.Failure{TaskID: workload.TaskID(i)})
	}
	require.Len(t, r.failures, maxRecent)
	require.Equal(t, workload.TaskID(3), r.failures[0].TaskID)
	require.Equal(t, workload.TaskID(7), r.failures[4].TaskID)
}

func TestTheLastLineThatSaysSomething(t *testing.T) {
	t.Parallel()
	require.Equal(t, "second", lastLine("first\nsecond\r\n\n  \n"))
	require.Empty(t, lastLine(""))
	require.NotContains(t, lastLine("GET https://x.blob.core.windows.net/c?sig=c2VjcmV0c2VjcmV0c2VjcmV0"), "c2VjcmV0")
	long := lastLine(strings.Repeat("ü", 400))
	require.LessOrEqual(t, len(long), maxRecentLine+len("…"))
	require.True(t, strings.HasSuffix(long, "ü…"))
}

// TestNodeTimeGoesOnAfterAnAttemptThatDied.
func TestNodeTimeGoesOnAfterAnAttemptThatDied(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	w := wait{in: WaitInput{OwnPool: true}, nodeTime: workload.NodeTime{Dedicated: 1, Until: at}}
	w.account(at.Add(30*time.Minute), "Standard_A1_v2", costlyNodes{dedicated: 2, spot: 4})
	require.Equal(t, workload.NodeTime{VMSize: "Standard_A1_v2", Dedicated: 2, Spot: 2, Until: at.Add(30 * time.Minute)}, w.nodeTime)

	theirs := wait{}
	theirs.account(at, "Standard_A1_v2", costlyNodes{dedicated: 2})
	require.Zero(t, theirs.nodeTime, "a pool of the user's own is not this run's alone")
}
