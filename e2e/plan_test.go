package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// recorder stands before a service and keeps what is asked of it.
type recorder struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string // method and path, and "signed" where a node asks
}

func record(t *testing.T, target string) *recorder {
	t.Helper()
	to, err := url.Parse(target)
	require.NoError(t, err)
	r := &recorder{}
	proxy := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.Out.URL.Scheme, p.Out.URL.Host, p.Out.Host = to.Scheme, to.Host, p.In.Host
	}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		line := req.Method + " " + req.URL.Path
		if req.URL.Query().Has("sig") {
			line += " signed"
		}
		r.mu.Lock()
		r.asked = append(r.asked, line)
		r.mu.Unlock()
		proxy.ServeHTTP(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

// count is how many of what was asked is so.
func (r *recorder) count(is func(method, path string, signed bool) bool) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, line := range r.asked {
		method, path, _ := strings.Cut(line, " ")
		path, signed := strings.CutSuffix(path, " signed")
		if is(method, path, signed) {
			n++
		}
	}
	return n
}

func (r *recorder) writes() int {
	return r.count(func(method, _ string, _ bool) bool { return method != http.MethodGet && method != http.MethodHead })
}

// recorded is the stack with recorders before Batch and Blob.
func recorded(t *testing.T, s *stack) (behind *stack, batch, blob *recorder) {
	t.Helper()
	batch = record(t, s.env["AZURE_BATCH_ENDPOINT"])
	connection := s.env["AZURE_STORAGE_CONNECTION_STRING"]
	_, endpoint, found := strings.Cut(connection, "BlobEndpoint=")
	require.True(t, found, "the connection string names its endpoint")
	endpoint, _, _ = strings.Cut(endpoint, ";")
	u, err := url.Parse(endpoint)
	require.NoError(t, err)
	origin := u.Scheme + "://" + u.Host
	blob = record(t, origin)
	behind = &stack{dir: s.dir, temporal: s.temporal, batch: s.batch, storage: s.storage, stderr: s.stderr, env: map[string]string{}}
	for name, value := range s.env {
		behind.env[name] = value
	}
	behind.env["AZURE_BATCH_ENDPOINT"] = batch.URL
	behind.env["AZURE_STORAGE_CONNECTION_STRING"] = strings.ReplaceAll(connection, origin, blob.URL)
	return behind, batch, blob
}

type planned struct {
	CanRun       bool
	Files, Tasks int64
	Requests     struct{ AddTasks, Uploads, Lists, Nodes int }
	Estimate     struct{ Time, Basis string }
	Findings     []struct{ Check, State, Detail, Cure string }
}

func (s *stack) plan(t *testing.T, code int, args ...string) planned {
	t.Helper()
	got := s.starter(t, append([]string{"plan", "--json"}, args...)...)
	require.Equal(t, code, got.code, "%s%s", got.stdout, got.stderr)
	var p planned
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &p), got.stdout)
	return p
}

// TestPlanOfTheExample: what it predicts is what a run then does, request by
// request, and about how long that takes.
func TestPlanOfTheExample(t *testing.T) {
	t.Parallel()
	s, batch, blob := recorded(t, shared(t))
	namespace := newID(t)
	s.temporalCLI(t, "operator", "namespace", "create", "--namespace", namespace, "--retention", "1d")
	s.env["TEMPORAL_NAMESPACE"] = namespace
	worker := exec.CommandContext(t.Context(), filepath.Join(bin, "worker"))
	worker.Env = s.environ()
	child, err := startChild(worker)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = child.Process.Signal(os.Interrupt)
		<-child.ended
	})
	until(t, 30*time.Second, "the worker of the namespace polls", func() bool {
		return strings.Contains(s.starter(t, "doctor").stdout, "one polls the task queue durabatch\n")
	})
	dir := t.TempDir()
	for _, sample := range samples(t) {
		writeInput(t, dir, filepath.Base(sample), readFile(t, sample))
	}
	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}", poolOf(5), mp3)

	before := batch.writes() + blob.writes()
	first := s.plan(t, exitSucceeded, file)
	require.Equal(t, before, batch.writes()+blob.writes(), "plan only reads")
	require.EqualValues(t, 5, first.Tasks)

	got := s.starter(t, "run", "--json", "--yes", file)
	require.Equal(t, exitSucceeded, got.code, got.stderr)
	of := func(path, piece string) bool { return strings.Contains(path, piece) }
	require.Equal(t, first.Requests.AddTasks, batch.count(func(method, path string, _ bool) bool {
		return method == "POST" && strings.HasSuffix(path, "/addtaskcollection")
	}), "requests that add tasks")
	require.Equal(t, first.Requests.Uploads, blob.count(func(method, path string, signed bool) bool {
		return method == "PUT" && !signed && of(path, "-in/")
	}), "uploads")
	require.Equal(t, first.Requests.Lists, blob.count(func(method, path string, signed bool) bool {
		return method == "PUT" && !signed && of(path, "-out/_durabatch/")
	}), "the run's lists")
	require.Equal(t, first.Requests.Nodes, blob.count(func(method, path string, signed bool) bool {
		return method == "PUT" && signed
	}), "blobs of nodes")

	again := s.plan(t, exitSucceeded, file)
	require.Contains(t, again.Estimate.Basis, "as in run e2e-")
	predicted, err := time.ParseDuration(again.Estimate.Time)
	require.NoError(t, err)
	run := s.starter(t, "run", "--json", "--yes", file)
	report := run.report(t)
	took := report.Ended.Sub(report.Started)
	require.Greater(t, 2*predicted, took, "predicted %s, took %s", predicted, took)
	require.Less(t, predicted, 2*took, "predicted %s, took %s", predicted, took)
}

// TestPlanOfHazards names every one of them, and writes nothing.
func TestPlanOfHazards(t *testing.T) {
	t.Parallel()
	s, batch, blob := recorded(t, shared(t))
	dir := t.TempDir()
	for _, name := range []string{"a.txt", "a.md", "-rf $(x).txt", "tab\there.txt"} {
		writeInput(t, dir, name, []byte(name))
	}
	large := filepath.Join(dir, "InputFiles", "large.bin")
	require.NoError(t, os.WriteFile(large, nil, 0o600))
	require.NoError(t, os.Truncate(large, 5<<30))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "InputFiles", "dangling.txt")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "InputFiles", "latin-\xe9.txt"), nil, 0o600))
	file := writeWorkload(t, dir, "inputs: {dir: InputFiles}", `
pool:
  vmSize: Standard_B1s
  image: {publisher: canonical, offer: ubuntu-24_04-lts, sku: sever, version: latest}
  nodeAgentSku: batch.node.ubuntu 24.04
  spotNodes: 2
task: {command: "cp {{input}} {{output}}", output: "{{stem}}.out"}
timeout: 1h`)
	p := s.plan(t, exitUsage, "--task-time", "30m", file)
	require.False(t, p.CanRun)
	for _, want := range [][2]string{
		{"error", `dangling.txt" is a symbolic link to nothing`},
		{"error", "latin-\\xe9.txt"},
		{"error", `input "a.txt" and input "a.md" would both write "a.out"`},
		{"error", "Batch does not support canonical ubuntu-24_04-lts sever"},
		{"error", "of temporary disk, and the inputs of the 1 task that it runs at once may need 5.4 GB"},
		{"warning", `"tab\there.txt"`},
		{"warning", "-rf $(x).txt"},
		{"warning", "the run is estimated to take"},
		{"unknown", "what its quotas leave is told by Azure's management plane alone"},
		{"ok", "they hold to the worst-case end of the run, 3h10m from its start"},
	} {
		found := false
		for _, f := range p.Findings {
			found = found || f.State == want[0] && strings.Contains(f.Detail, want[1])
		}
		require.True(t, found, "%v is not among %+v", want, p.Findings)
	}
	require.Zero(t, batch.writes()+blob.writes(), "plan only reads")
}
