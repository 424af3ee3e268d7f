package activities

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workload"
)

func TestGatherOfAJobThatIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.listed("a.txt", "b.txt")
	gathered := mustRun(w, w.Gather, w.gatherInput(2))
	require.Equal(t, workload.Counts{Total: 2, Unfinished: 2}, gathered.Counts)
	require.Len(t, gathered.Failures, 2)
	results := w.results()
	require.Len(t, results, 2)
	for i, result := range results {
		require.Equal(t, []string{"a.txt", "b.txt"}[i], result.Name)
		require.Equal(t, workload.TaskUnfinished, result.State)
		require.Equal(t, "Unfinished", result.Failure.Code)
	}
}

func TestGatherTellsMissingOutput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.task.Command = `case {{stem}} in a) cp {{input}} {{output}};; b) true;; *) echo went wrong >&2; exit 4; esac`
	scanned := w.ran("a.txt", "b.txt", "c.txt")
	gathered := mustRun(w, w.Gather, w.gatherInput(scanned.Files))
	require.Equal(t, workload.Counts{Total: 3, Succeeded: 1, Failed: 2}, gathered.Counts)
	results := w.results()
	require.Len(t, results, 3)

	fine, missing, failed := results[0], results[1], results[2]
	require.Equal(t, workload.TaskSucceeded, fine.State)
	require.Nil(t, fine.Failure)
	require.Len(t, fine.Outputs, 1)
	require.Equal(t, "a.out", fine.Outputs[0].Name)
	require.EqualValues(t, len("a.txt"), fine.Outputs[0].Size)

	require.Equal(t, workload.TaskFailed, missing.State)
	require.EqualValues(t, 0, *missing.ExitCode)
	require.Equal(t, "OutputMissing", missing.Failure.Code)
	require.Contains(t, missing.Failure.Message, "b.out")

	require.Equal(t, workload.TaskFailed, failed.State)
	require.EqualValues(t, 4, *failed.ExitCode)
	require.Equal(t, "went wrong", failed.Failure.Stderr)
	require.EqualValues(t, 1, failed.Attempts)
	require.Equal(t, []workload.Failure{*missing.Failure, *failed.Failure}, gathered.Failures)
}

// TestGatherTellsATaskThatRanOutOfTime from one that was ended with its job,
// which did not fail.
func TestGatherTellsATaskThatRanOutOfTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.task.Command = "sleep 300"
	w.task.Timeout = workload.Duration(time.Second)
	scanned := w.ran("a.txt")
	gathered := mustRun(w, w.Gather, w.gatherInput(scanned.Files))
	require.Equal(t, workload.Counts{Total: 1, Failed: 1}, gathered.Counts)
	require.Equal(t, "TaskEnded", gathered.Failures[0].Code)
	w.task.Timeout = workload.Duration(time.Hour)
	gathered = mustRun(w, w.Gather, w.gatherInput(scanned.Files))
	require.Equal(t, workload.Counts{Total: 1, Unfinished: 1}, gathered.Counts)
}

// TestGatherHeartbeatsWithinAPart, on a storage account that answers slowly.
func TestGatherHeartbeatsWithinAPart(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, slowly(t, 250*time.Millisecond))
	w.task = workload.Task{Command: "true", Outputs: []workload.Output{{Pattern: "*.png", To: "frames/{{stem}}"}}}
	w.listed("a.txt", "b.txt", "c.txt")
	w.inContainer("a.txt", "b.txt", "c.txt")
	require.NoError(t, do(w, w.CreatePool, w.poolInput(1)))
	require.NoError(t, do(w, w.CreateJob, w.jobInput()))
	submit := w.submitInput(3)
	submit.FollowList = true
	mustRun(w, w.Submit, submit)
	require.Nil(t, mustRun(w, w.Wait, w.waitInput(3)).Failure)

	early := false
	gathered := mustRun(w, w.Gather, w.gatherInput(3), heard(func(p workload.Progress) {
		early = early || p.Files > 0 && p.Files < 3
	}))
	require.EqualValues(t, 3, gathered.Counts.Succeeded)
	require.True(t, early, "a heartbeat tells of a file before its part is done")
}

// slowly is the connection string of a storage account whose lists of frames
// take so long.
func slowly(t *testing.T, each time.Duration) string {
	t.Helper()
	target, err := url.Parse(azurite.Endpoint)
	require.NoError(t, err)
	target.Path = ""
	transport := http.DefaultTransport.(*http.Transport).Clone()
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: transport}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Query().Get("prefix"), "frames/") {
			_ = pause(r.Context(), each) // a request that is given up ends at the proxy
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		transport.CloseIdleConnections()
	})
	return strings.Replace(azurite.ConnectionString(), target.String(), server.URL, 1)
}

// TestReportOfBinaryStderrStaysSmall, though JSON makes six bytes of each.
func TestReportOfBinaryStderrStaysSmall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.task.Command = `head -c 2000 /dev/zero | tr '\0' '\1' >&2; exit 1`
	files := make([]string, 20)
	for i := range files {
		files[i] = fmt.Sprintf("%02d.bin", i)
	}
	scanned := w.ran(files...)
	gathered := mustRun(w, w.Gather, w.gatherInput(scanned.Files))
	require.EqualValues(t, 20, gathered.Counts.Failed)
	require.Contains(t, gathered.Failures[0].Stderr, "\x01\x01\x01")
	text, err := json.Marshal(gathered)
	require.NoError(t, err)
	require.Less(t, len(text), maxToldBytes+2<<10)
	require.Len(t, w.results(), 20, "the results hold them all")
}

// TestGatherGoesOn after the parts that an attempt before it has written: it
// needs nothing of them but the failures that the report tells.
func TestGatherGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.prepared(1, "a.txt", "b.txt", "c.txt")
	var heartbeats []workload.Progress
	whole := mustRun(w, w.Gather, w.gatherInput(3), heard(func(p workload.Progress) { heartbeats = append(heartbeats, p) }))
	require.Equal(t, 3, heartbeats[len(heartbeats)-1].Part)
	_, err := w.Storage.Container(w.out()).NewBlobClient(listPrefix+"/part-00000.jsonl").Delete(t.Context(), nil)
	require.NoError(t, err)

	_, err = run(w, w.Gather, w.gatherInput(3), again)
	require.Error(t, err, "it begins anew without a heartbeat")
	seen := map[int]bool{}
	for _, last := range heartbeats {
		if last.Part > 0 {
			require.Equal(t, whole, mustRun(w, w.Gather, w.gatherInput(3), from(last)))
			seen[last.Part] = true
		}
	}
	require.Len(t, seen, 3)
	require.Len(t, w.results(), 3)
}
