package page_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/local/page"
	"github.com/durabatch/durabatch/localbatch/batchtest"
)

// deadline is a time that no working service comes near.
const deadline = 60 * time.Second

// world is a page in front of a Batch service, and what it asks of it.
type world struct {
	t     *testing.T
	batch *batchtest.Server
	url   string // of the page

	mu    sync.Mutex
	asked []string // paths with queries, since the last look
}

func start(t *testing.T) *world {
	w := &world{t: t, batch: batchtest.Start(t)}
	target, err := url.Parse(w.batch.URL)
	require.NoError(t, err)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	between := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.asked = append(w.asked, r.URL.RequestURI())
		w.mu.Unlock()
		proxy.ServeHTTP(answer, r)
	}))
	t.Cleanup(between.Close)
	handler, err := page.New(page.Options{
		BatchURL: between.URL, AccountName: w.batch.AccountName, AccountKey: w.batch.AccountKey,
		TemporalUI: "http://127.0.0.1:1", EnvFile: "/data/env", Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	require.NoError(t, err)
	served := httptest.NewServer(handler)
	t.Cleanup(served.Close)
	w.url = served.URL
	return w
}

// get asks the page; the body comes with the answer.
func (w *world) get(path string) (*http.Response, string) {
	w.t.Helper()
	resp, err := http.Get(w.url + path)
	require.NoError(w.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	return resp, string(body)
}

// look decodes the answer to path into v.
func (w *world) look(path string, v any) {
	w.t.Helper()
	resp, body := w.get(path)
	require.Equal(w.t, http.StatusOK, resp.StatusCode, body)
	require.Equal(w.t, "application/json", resp.Header.Get("Content-Type"))
	require.NoError(w.t, json.Unmarshal([]byte(body), v), body)
}

type taskView struct {
	ID, State, Node, Command string
	ExitCode                 *int32
	Files                    []struct {
		Name string
		Size int64
	}
}

type taskPage struct {
	Tasks []taskView
	More  bool
}

func (p taskPage) ids() (ids []string) {
	for _, t := range p.Tasks {
		ids = append(ids, t.ID)
	}
	return ids
}

type overview struct {
	TemporalUI, EnvFile string
	Pools               []struct {
		ID, State, VMSize               string
		Dedicated, Target, SlotsPerNode int32
	}
	Jobs []struct {
		ID, State, Pool string
		Tasks           struct{ Active, Running, Succeeded, Failed int32 }
	}
}

// run adds a pool, a job and tasks of these command lines.
func (w *world) run(commands ...string) {
	w.t.Helper()
	ctx, client := w.t.Context(), w.batch.Client
	_, err := client.CreatePool(ctx, azbatch.CreatePoolContent{
		ID: to.Ptr("pool"), VMSize: to.Ptr("Standard_A1_v2"), TargetDedicatedNodes: to.Ptr(int32(1)), TaskSlotsPerNode: to.Ptr(int32(2)),
		StartTask: &azbatch.StartTask{CommandLine: to.Ptr("/bin/sh -c 'echo prepared'"), WaitForSuccess: to.Ptr(true)},
		VirtualMachineConfiguration: &azbatch.VirtualMachineConfiguration{
			ImageReference: &azbatch.ImageReference{Publisher: to.Ptr("canonical"), Offer: to.Ptr("ubuntu-24_04-lts"), SKU: to.Ptr("server")},
			NodeAgentSKUID: to.Ptr("batch.node.ubuntu 24.04"),
		},
	}, nil)
	require.NoError(w.t, err)
	_, err = client.CreateJob(ctx, azbatch.CreateJobContent{ID: to.Ptr("job"), PoolInfo: &azbatch.PoolInfo{PoolID: to.Ptr("pool")}}, nil)
	require.NoError(w.t, err)
	var tasks []azbatch.CreateTaskContent
	for i, command := range commands {
		tasks = append(tasks, azbatch.CreateTaskContent{ID: to.Ptr(fmt.Sprintf("task-%03d", i)), CommandLine: to.Ptr(command)})
	}
	for len(tasks) > 0 {
		n := min(len(tasks), 100)
		_, err = client.CreateTaskCollection(ctx, "job", azbatch.TaskGroup{Value: tasks[:n]}, nil)
		require.NoError(w.t, err)
		tasks = tasks[n:]
	}
}

// until waits for an overview as it should be.
func (w *world) until(what string, is func(overview) bool) (o overview) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), deadline)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for w.look("/api/overview", &o); !is(o); w.look("/api/overview", &o) {
		select {
		case <-again.C:
		case <-ctx.Done():
			require.Fail(w.t, "it did not happen: "+what, "%+v", o)
		}
	}
	return o
}

func TestNothingRuns(t *testing.T) {
	t.Parallel()
	w := start(t)
	_, body := w.get("/api/overview")
	require.JSONEq(t, `{"temporalUI": "http://127.0.0.1:1", "envFile": "/data/env", "pools": [], "jobs": []}`, body)
}

func TestWhatRuns(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.run("/bin/sh -c 'echo hello; printf 0123456789 > data.bin'", "/bin/sh -c 'echo broken >&2; exit 3'", "/bin/sh -c 'sleep 600'")
	o := w.until("two tasks have ended, one runs", func(o overview) bool {
		return o.Jobs[0].Tasks.Succeeded == 1 && o.Jobs[0].Tasks.Failed == 1 && o.Jobs[0].Tasks.Running == 1
	})
	require.Len(t, o.Pools, 1)
	require.Equal(t, int32(1), o.Pools[0].Dedicated)
	require.Equal(t, int32(2), o.Pools[0].SlotsPerNode)
	require.Equal(t, "Standard_A1_v2", o.Pools[0].VMSize)
	require.Equal(t, "pool", o.Jobs[0].Pool)

	var nodes struct {
		Nodes []struct {
			ID, State         string
			Slots, Tasks, Run int32
		}
	}
	w.look("/api/pools/pool/nodes", &nodes)
	require.Len(t, nodes.Nodes, 1)
	node := nodes.Nodes[0]
	require.Equal(t, "running", node.State)
	require.Equal(t, int32(1), node.Slots)

	var details struct {
		StartTask struct {
			State, Result string
			ExitCode      *int32
		}
		Recent []struct{ Job, Task, State string }
	}
	w.look("/api/pools/pool/nodes/"+node.ID, &details)
	require.Equal(t, "completed", details.StartTask.State)
	require.Equal(t, to.Ptr(int32(0)), details.StartTask.ExitCode)
	require.Len(t, details.Recent, 3)
	_, said := w.get("/files/pools/pool/nodes/" + node.ID + "/startup/stdout.txt")
	require.Equal(t, "prepared\n", said)

	for state, id := range map[string]string{"succeeded": "task-000", "failed": "task-001", "running": "task-002"} {
		var list taskPage
		w.look("/api/jobs/job/tasks?state="+state, &list)
		require.Equal(t, []string{id}, list.ids(), state)
		require.Equal(t, state, list.Tasks[0].State)
		require.Equal(t, node.ID, list.Tasks[0].Node)
	}
	var failed taskView
	w.look("/api/jobs/job/tasks/task-001", &failed)
	require.Equal(t, to.Ptr(int32(3)), failed.ExitCode)
	require.Equal(t, "/bin/sh -c 'echo broken >&2; exit 3'", failed.Command)
	_, said = w.get("/files/jobs/job/tasks/task-001/stderr.txt")
	require.Equal(t, "broken\n", said)
}

// TestFiles: the end of a file, an empty one, and what a browser must not take
// for anything but a file.
func TestFiles(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.run("/bin/sh -c 'echo 0123456789; echo \"<script>x</script>\" > page.html'")
	w.until("the task has ended", func(o overview) bool { return o.Jobs[0].Tasks.Succeeded == 1 })
	var task taskView
	w.look("/api/jobs/job/tasks/task-000", &task)
	var names []string
	for _, f := range task.Files {
		names = append(names, f.Name)
	}
	require.Subset(t, names, []string{"stdout.txt", "stderr.txt", "wd/page.html"})

	const files = "/files/jobs/job/tasks/task-000/"
	resp, text := w.get(files + "stdout.txt?tail=5")
	require.Equal(t, "6789\n", text)
	require.Equal(t, "text/plain; charset=utf-8", resp.Header.Get("Content-Type"))
	_, text = w.get(files + "stdout.txt?tail=5000")
	require.Equal(t, "0123456789\n", text)
	resp, text = w.get(files + "stderr.txt?tail=5")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Empty(t, text)

	resp, text = w.get(files + "wd/page.html")
	require.Equal(t, "<script>x</script>\n", text)
	require.Equal(t, "application/octet-stream", resp.Header.Get("Content-Type"))
	require.Equal(t, "attachment", resp.Header.Get("Content-Disposition"))
	require.Contains(t, resp.Header.Get("Content-Security-Policy"), "sandbox")
	require.Equal(t, "nosniff", resp.Header.Get("X-Content-Type-Options"))

	for path, status := range map[string]int{
		files + "none.txt":            http.StatusNotFound,
		files + "stdout.txt?tail=x":   http.StatusBadRequest,
		files + "stdout.txt?tail=0":   http.StatusBadRequest,
		"/api/jobs/none/tasks":        http.StatusNotFound,
		"/api/jobs/job/tasks/none":    http.StatusNotFound,
		"/api/pools/none/nodes":       http.StatusNotFound,
		"/api/jobs/job/tasks?state=x": http.StatusBadRequest,
		"/none":                       http.StatusNotFound,
	} {
		resp, _ := w.get(path)
		require.Equal(t, status, resp.StatusCode, path)
	}
}

// TestALookAtManyTasks: what the page asks for does not grow with the job.
func TestALookAtManyTasks(t *testing.T) {
	t.Parallel()
	w := start(t)
	commands := []string{"/bin/sh -c 'sleep 600'", "/bin/sh -c 'sleep 600'"}
	for range 118 {
		commands = append(commands, "/bin/true")
	}
	w.run(commands...)
	w.until("two tasks run", func(o overview) bool { return o.Jobs[0].Tasks.Running == 2 && o.Jobs[0].Tasks.Active == 118 })

	w.mu.Lock()
	w.asked = nil
	w.mu.Unlock()
	var o overview
	w.look("/api/overview", &o)
	var first, second, third, waiting taskPage
	w.look("/api/jobs/job/tasks", &first)
	w.mu.Lock()
	require.Len(t, w.asked, 4, "pools, jobs, the counts of one job, and a page of tasks: %q", w.asked)
	require.Contains(t, w.asked[3], "maxresults=50")
	require.Contains(t, w.asked[3], "%24select=")
	w.mu.Unlock()

	require.Len(t, first.Tasks, 50)
	require.True(t, first.More)
	require.Equal(t, "task-000", first.Tasks[0].ID)
	w.look("/api/jobs/job/tasks?after="+first.Tasks[49].ID, &second)
	require.Equal(t, "task-050", second.Tasks[0].ID)
	w.look("/api/jobs/job/tasks?after="+second.Tasks[49].ID, &third)
	require.Len(t, third.Tasks, 20)
	require.False(t, third.More)
	w.look("/api/jobs/job/tasks?state=active&after=task-100", &waiting)
	require.Equal(t, third.ids()[1:], waiting.ids())
	w.look("/api/jobs/job/tasks?after="+url.QueryEscape("it's"), &waiting)
	require.NotEmpty(t, waiting.ids(), "a quote is text, and before every task")
}

func TestThePageItself(t *testing.T) {
	t.Parallel()
	w := start(t)
	resp, body := w.get("/")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Contains(t, resp.Header.Get("Content-Type"), "text/html")
	require.Contains(t, resp.Header.Get("Content-Security-Policy"), "default-src 'none'")
	require.Empty(t, resp.Header.Get("Access-Control-Allow-Origin"))
	require.NotContains(t, body, "//", "nothing comes from elsewhere")
	resp, _ = w.get("/main.js")
	require.Contains(t, resp.Header.Get("Content-Type"), "javascript")

	resp, err := http.Post(w.url+"/api/overview", "application/json", strings.NewReader("{}"))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
}

// TestForeignNames: a web page that has a name of its own point here gets nothing.
func TestForeignNames(t *testing.T) {
	t.Parallel()
	w := start(t)
	for host, status := range map[string]int{
		"127.0.0.1:8234": 200, "localhost": 200, "[::1]:1": 200, "LocalHost:80": 200,
		"evil.example": 421, "127.0.0.1.evil.example": 421, "192.0.2.1:8234": 421, "localhost.evil.example:80": 421,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/api/overview", nil)
		require.NoError(t, err)
		req.Host = host
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, status, resp.StatusCode, host)
	}
}

// TestWithoutAService: the page says so, and goes on when the service is there again.
func TestWithoutAService(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.batch.Close()
	resp, body := w.get("/api/overview")
	require.Equal(t, http.StatusBadGateway, resp.StatusCode)
	require.Contains(t, body, "the Batch service")
	require.NotContains(t, body, w.batch.AccountKey)
}
