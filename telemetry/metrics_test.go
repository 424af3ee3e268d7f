package telemetry_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/telemetry"
)

// TestMetrics are as promtool wants them, whoever records them: promlint is
// what promtool check metrics asks.
func TestMetrics(t *testing.T) {
	t.Parallel()
	metrics, err := telemetry.NewMetrics()
	require.NoError(t, err)
	counter, err := metrics.Meter().Int64Counter("durabatch_example")
	require.NoError(t, err)
	counter.Add(t.Context(), 0)
	handler := metrics.Temporal().WithTags(map[string]string{"outcome": "Succeeded"})
	handler.Counter("durabatch_runs").Inc(2)
	handler.Counter("temporal_request").Inc(1)
	handler.Timer("temporal_request_latency").Record(300 * time.Millisecond)
	handler.Gauge("temporal_num_pollers").Update(3)

	server := httptest.NewServer(metrics.Handler())
	t.Cleanup(server.Close)
	problems, text := lint(t, server.URL)
	require.Equal(t, []promlint.Problem{{Metric: "durabatch_example_total", Text: "no help text"}}, problems,
		"the lint finds what is wrong, and nothing else is")
	require.Contains(t, text, "# HELP durabatch_runs_total Runs that have ended, by outcome.\n")
	require.Contains(t, text, `durabatch_runs_total{outcome="Succeeded"} 2`)
	require.Contains(t, text, `temporal_request_latency_seconds_bucket{outcome="Succeeded",le="0.5"} 1`)
	require.Contains(t, text, `temporal_num_pollers{outcome="Succeeded"} 3`)
	require.Contains(t, text, "process_resident_memory_bytes")
	require.Contains(t, text, "go_goroutines")
}

func lint(t *testing.T, url string) ([]promlint.Problem, string) {
	t.Helper()
	response, err := http.Get(url)
	require.NoError(t, err)
	defer response.Body.Close()
	text := read(t, response.Body)
	problems, err := promlint.New(reader(text)).Lint()
	require.NoError(t, err)
	return problems, text
}
