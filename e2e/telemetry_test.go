package e2e

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/durabatch/durabatch/workload"
)

// TestWatchedFromOutside: a run shows in the worker's metrics, as one trace
// from starter to Batch, and in a log whose lines name it.
func TestWatchedFromOutside(t *testing.T) {
	t.Parallel()
	spans := collectSpans(t)
	s := ownStack(t)
	require.NoError(t, s.down())
	s.more = []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + spans.URL, "DURABATCH_LOG_FORMAT=json"}
	require.NoError(t, s.up())
	s.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = spans.URL

	dir := t.TempDir()
	writeNumbered(t, dir, 3)
	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}", poolOf(2),
		`task: {command: "cp {{input}} {{output}}", output: "{{stem}}.out"}`, "outputs: {dir: OutputFiles}", "cleanup: {when: always}")
	got := s.starter(t, "run", "--json", file)
	require.Equal(t, exitSucceeded, got.code, got.stderr)
	report := got.report(t)
	require.Equal(t, workload.Succeeded, report.Outcome)

	metrics := get(t, s.env["DURABATCH_METRICS"])
	problems, err := promlint.New(strings.NewReader(metrics)).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
	for _, line := range []string{
		`durabatch_runs_total{*outcome="Succeeded"*} 1`,
		`durabatch_tasks_total{*state="succeeded"*} 3`,
		`durabatch_moved_bytes_total{direction="sent"} *`,
		`durabatch_moved_bytes_total{direction="received"} *`,
		`durabatch_watched_tasks{state="running"} 0`,
		`temporal_activity_execution_latency_seconds_count{*activity_type="Upload"*} 1`,
	} {
		require.True(t, hasLine(t, metrics, line), "no line %s in\n%s", line, metrics)
	}

	requireDocumented(t, metrics)

	// Both programs send the last spans when they end.
	require.NoError(t, s.down())
	of := spans.traceOf(t, report.WorkflowID)
	requireOneTree(t, of)
	for _, name := range []string{"StartWorkflow:RunWorkload", "RunWorkflow:RunWorkload", "RunActivity:Upload", "Client.CreatePool", "Client.CreateTaskCollection"} {
		require.Contains(t, of.names(), name)
	}
	requireLogged(t, string(readFile(t, filepath.Join(s.dir, "worker.log"))))
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	return string(text)
}

// hasLine says whether a line matches; * stands for anything.
func hasLine(t *testing.T, text, pattern string) bool {
	t.Helper()
	pieces := strings.Split(pattern, "*")
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), pieces[0])
		for _, piece := range pieces[1:] {
			_, after, found := strings.Cut(rest, piece)
			rest, ok = after, ok && found
		}
		if ok && (rest == "" || strings.HasSuffix(pattern, "*")) {
			return true
		}
	}
	return false
}

// requireLogged: every line is JSON, and those of an activity name its run.
func requireLogged(t *testing.T, log string) {
	t.Helper()
	for line := range strings.Lines(log) {
		var record map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &record), line)
		if record["ActivityType"] != nil {
			require.NotEmpty(t, record["WorkflowID"], line)
			require.NotEmpty(t, record["RunID"], line)
		}
	}
}

// spanCollector takes spans as an OpenTelemetry collector does.
type spanCollector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*trace.Span
}

func collectSpans(t *testing.T) *spanCollector {
	t.Helper()
	c := &spanCollector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := c.take(r); err != nil {
			t.Error(err)
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *spanCollector) take(r *http.Request) error {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = gzip.NewReader(r.Body); err != nil {
			return err
		}
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var request collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(data, &request); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
	return nil
}

// spanTree are the spans of one trace, by their ids.
type spanTree map[string]*trace.Span

// traceOf is the whole trace that the workflow of that id ran in.
func (c *spanCollector) traceOf(t *testing.T, workflowID string) spanTree {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := map[string]bool{}
	for _, span := range c.spans {
		for _, a := range span.GetAttributes() {
			if a.GetKey() == "temporalWorkflowID" && a.GetValue().GetStringValue() == workflowID {
				ids[string(span.GetTraceId())] = true
			}
		}
	}
	require.Len(t, ids, 1, "the run is in one trace")
	tree := spanTree{}
	for _, span := range c.spans {
		if ids[string(span.GetTraceId())] {
			tree[string(span.GetSpanId())] = span
		}
	}
	return tree
}

func (s spanTree) names() []string {
	var names []string
	for _, span := range s {
		names = append(names, span.GetName())
	}
	return names
}

// requireOneTree: one root, and every other span's parent is there.
func requireOneTree(t *testing.T, spans spanTree) {
	t.Helper()
	var roots []string
	for _, span := range spans {
		parent := string(span.GetParentSpanId())
		if parent == "" {
			roots = append(roots, span.GetName())
			continue
		}
		require.Contains(t, spans, parent, "%s is an orphan", span.GetName())
	}
	require.Equal(t, []string{"StartWorkflow:RunWorkload"}, roots)
}

var ownMetric = regexp.MustCompile(`durabatch_[a-z_]*[a-z]`)

// requireDocumented: documentation, alerts and dashboard name metrics that
// there are, and the documentation names them all.
func requireDocumented(t *testing.T, metrics string) {
	t.Helper()
	there := map[string]bool{}
	for line := range strings.Lines(metrics) {
		if name := ownMetric.FindString(line); strings.HasPrefix(line, "durabatch_") {
			there[name] = true
		}
	}
	require.NotEmpty(t, there)
	for _, file := range []string{"operations.md", "operations/alerts.yaml", "operations/dashboard.json"} {
		text := string(readFile(t, filepath.Join(root, "docs", file)))
		for _, name := range ownMetric.FindAllString(text, -1) {
			require.True(t, there[name], "%s names %s, which the worker does not have", file, name)
		}
	}
	for name := range there {
		require.Contains(t, string(readFile(t, filepath.Join(root, "docs/operations.md"))), "`"+name+"`")
	}
}
