package localbatch_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch"
	"github.com/durabatch/durabatch/localbatch/faults"
)

const faultsPath = "/_localbatch/faults"

// setFaults puts a plan in force as a client of any language does.
func (w *world) setFaults(plan string) faults.Report {
	w.t.Helper()
	answer := w.send(rawRequest{method: "PUT", path: faultsPath, body: plan})
	text := read(w.t, answer)
	require.Equal(w.t, 200, answer.StatusCode, text)
	return w.report(text)
}

func (w *world) report(text string) faults.Report {
	w.t.Helper()
	var report faults.Report
	require.NoError(w.t, json.Unmarshal([]byte(text), &report), text)
	return report
}

func TestFaultPlanByEndpoint(t *testing.T) {
	t.Parallel()
	w := start(t)
	require.Empty(t, w.report(read(t, w.send(rawRequest{method: "GET", path: faultsPath}))).Rules)

	report := w.setFaults(`{"seed": 5, "requests": [{"name": "busy", "operations": ["listpools"], "times": 1, "actions": [{"do": "serverBusy"}]}]}`)
	require.Equal(t, []faults.RuleReport{{Section: "requests", Name: "busy"}}, report.Rules)
	require.Equal(t, uint64(5), report.Plan.Seed)
	w.requireError(rawRequest{method: "GET", path: "/pools"}, 503, "ServerBusy")
	require.Equal(t, 200, w.send(rawRequest{method: "GET", path: "/pools"}).StatusCode)
	report = w.report(read(t, w.send(rawRequest{method: "GET", path: faultsPath})))
	require.Equal(t, []faults.RuleReport{{Section: "requests", Name: "busy", Matched: 2, Fired: 1}}, report.Rules)

	for plan, want := range map[string]string{
		`{"requests": [{"operation": "x"}]}`:                                              `requests[0]: there is no key "operation"`,
		`{"requests": [{"operations": ["MakePool"], "actions": [{"do": "errorAfter"}]}]}`: `requests[0]: no operation is named "MakePool"; there are`,
	} {
		body := w.requireError(rawRequest{method: "PUT", path: faultsPath, body: plan}, 400, "InvalidRequestBody")
		require.Contains(t, body.Values[0].Value, want)
	}
	require.Len(t, w.report(read(t, w.send(rawRequest{method: "GET", path: faultsPath}))).Rules, 1, "a refused plan changes nothing")

	w.requireError(rawRequest{method: "GET", path: faultsPath, unsigned: true}, 400, "MissingRequiredHeader")
	w.requireError(rawRequest{method: "PUT", path: faultsPath, key: []byte("another")}, 403, "AuthenticationFailed")
	w.requireError(rawRequest{method: "POST", path: faultsPath}, 405, "UnsupportedHttpVerb")

	w.setFaults(`{"requests": [{"actions": [{"do": "errorBefore"}]}]}`)
	w.requireError(rawRequest{method: "GET", path: "/pools"}, 500, "InternalError")
	require.Equal(t, 404, w.send(rawRequest{method: "GET", path: "/nothing"}).StatusCode, "no operation, no fault")
	require.Equal(t, 204, w.send(rawRequest{method: "DELETE", path: faultsPath}).StatusCode)
	require.Equal(t, 200, w.send(rawRequest{method: "GET", path: "/pools"}).StatusCode)
}

// TestFaultPlansAndRestarts: a plan that a service is started with begins anew
// each time, and takes the place of one that was set for good.
func TestFaultPlansAndRestarts(t *testing.T) {
	t.Parallel()
	own := func(o *localbatch.Options) {
		o.Faults = faults.Plan{Requests: []faults.RequestRule{{
			When: faults.When{Name: "own", Times: 1}, Actions: []faults.Action{{Do: faults.ErrorBefore}},
		}}}
	}
	w := start(t, own)
	w.requireError(rawRequest{method: "GET", path: "/pools"}, 500, "InternalError")
	require.Equal(t, 200, w.send(rawRequest{method: "GET", path: "/pools"}).StatusCode)
	w.setFaults(`{"requests": [{"actions": [{"do": "serverBusy"}]}]}`)
	w.close()
	w.open(own)
	w.requireError(rawRequest{method: "GET", path: "/pools"}, 500, "InternalError")
	require.Equal(t, 200, w.send(rawRequest{method: "GET", path: "/pools"}).StatusCode)
	w.close()
	w.open()
	require.Equal(t, 200, w.send(rawRequest{method: "GET", path: "/pools"}).StatusCode)

	opts := options(t.TempDir())
	opts.Faults = faults.Plan{Requests: []faults.RequestRule{{}}}
	_, err := localbatch.New(opts)
	require.ErrorContains(t, err, "requests[0]: actions is missing")
}

func TestFaultsAreLogged(t *testing.T) {
	t.Parallel()
	log, err := os.Create(t.TempDir() + "/log")
	require.NoError(t, err)
	defer log.Close()
	w := start(t, func(o *localbatch.Options) { o.Logger = slog.New(slog.NewTextHandler(log, nil)) })
	w.setFaults(`{"seed": 99, "requests": [{"name": "busy", "nth": 2, "actions": [{"do": "serverBusy"}]}]}`)
	for range 2 {
		w.send(rawRequest{method: "GET", path: "/jobs"})
	}
	text, err := os.ReadFile(log.Name())
	require.NoError(t, err)
	require.Contains(t, string(text), `msg="a fault plan is in force" seed=99`)
	require.Contains(t, string(text), `msg="a fault was injected" rule=busy seed=99 number=1 event=2 operation=ListJobs action=serverBusy`)
}

// A file's bytes are read only by those who get them.
func TestFaultsOfFiles(t *testing.T) {
	t.Parallel()
	w := ready(t, 1)
	w.add("one", shell("echo text"))
	w.completed("one")
	get := rawRequest{method: "GET", path: "/jobs/job/tasks/one/files/stdout.txt"}
	for _, do := range []string{"errorAfter", "closeAfter", "delay"} {
		w.setFaults(`{"requests": [{"operations": ["GetTaskFile"], "actions": [{"do": "` + do + `", "delay": "1ms"}]}]}`)
		switch do {
		case "errorAfter":
			w.requireError(get, 500, "InternalError")
		case "closeAfter":
			_, err := w.GetTaskFile(ctx, "job", "one", "stdout.txt", nil)
			require.Error(t, err)
		default:
			text, err := io.ReadAll(w.send(get).Body)
			require.NoError(t, err)
			require.Equal(t, "text\n", string(text))
		}
	}
}

func TestTaskCountsThatLag(t *testing.T) {
	t.Parallel()
	clock := &localbatch.TestClock{}
	w := start(t, func(o *localbatch.Options) { o.Clock = clock })
	w.pool(poolContent("pool", 1))
	w.job("job", "pool")
	counts := func() string {
		c := w.counts("job")
		return strings.Repeat("a", int(*c.Active)) + strings.Repeat("r", int(*c.Running)) + strings.Repeat("c", int(*c.Completed))
	}
	w.add("before", "true")
	w.completed("before")
	require.Equal(t, "c", counts())

	w.setFaults(`{"taskCountLag": "1h"}`)
	require.Equal(t, "c", counts(), "what was there is there")
	w.add("one", "true")
	w.completed("one")
	clock.Advance(30 * time.Minute)
	w.add("two", "sleep 1000")
	w.until("two", azbatch.TaskStateRunning)
	require.Equal(t, "c", counts())
	clock.Advance(31 * time.Minute)
	require.Equal(t, "cc", counts())
	clock.Advance(30 * time.Minute)
	require.Equal(t, "rcc", counts())

	w.add("three", "true")
	require.Equal(t, "rcc", counts())
	require.Equal(t, 204, w.send(rawRequest{method: "DELETE", path: faultsPath}).StatusCode)
	require.Equal(t, "arcc", counts())
}
