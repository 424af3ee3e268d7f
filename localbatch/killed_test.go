package localbatch_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
)

var (
	killSeed = flag.Uint64("kill-seed", 0, "seed of TestFiftyKills; 0: a new one")
	kills    = flag.Int("kills", 50, "how often TestFiftyKills kills its service")
)

// Every task of TestFiftyKills writes a line for each of its starts, and then
// ends at once, takes a moment, leaves a daemon behind, or fails twice.
const logStart = `echo start >> "$AZ_BATCH_NODE_ROOT_DIR/../$AZ_BATCH_TASK_ID"; `

var mortalTasks = []string{
	logStart,
	logStart + "sleep 0.1",
	logStart + "(sleep 0.3; true) & wait",
	logStart + "setsid sleep 1000 &",
	logStart + `test "$(wc -l < "$AZ_BATCH_NODE_ROOT_DIR/../$AZ_BATCH_TASK_ID")" -gt 2`,
}

// persistent is a client that adds tasks to a service that is killed time and
// again. It repeats a request until it is answered.
type persistent struct {
	t    *testing.T
	rand *rand.Rand
	name string
	url  *atomic.Value // of the service that runs now
}

// add adds a collection and returns when each of its tasks is acknowledged.
func (p persistent) add(ctx context.Context, job string, ids []string) error {
	var tasks []map[string]any
	for _, id := range ids {
		tasks = append(tasks, map[string]any{
			"id": id, "commandLine": shell(mortalTasks[p.rand.IntN(len(mortalTasks))]),
			"constraints": map[string]any{"maxTaskRetryCount": 2},
		})
	}
	body, err := json.Marshal(map[string]any{"value": tasks})
	if err != nil {
		return err
	}
	for {
		err := p.try(ctx, rawRequest{method: http.MethodPost, path: "/jobs/" + job + "/addtaskcollection", query: latest, body: string(body)})
		if err == nil || ctx.Err() != nil {
			return err
		}
		var broken *brokenOff
		if !errors.As(err, &broken) {
			return err
		}
		select { // the service is down
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// brokenOff is the error of a request without an answer: who knows what came of it.
type brokenOff struct{ error }

func (p persistent) try(ctx context.Context, q rawRequest) error {
	request, err := http.NewRequestWithContext(ctx, q.method, p.url.Load().(string)+q.path+"?"+q.query, strings.NewReader(q.body))
	if err != nil {
		return err
	}
	q.date = time.Now()
	q.sign(request)
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return &brokenOff{err}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return &brokenOff{err}
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", answer.Status, text)
	}
	var results struct {
		Value []struct {
			TaskID, Status string
			Error          struct{ Code string }
		}
	}
	if err := json.Unmarshal(text, &results); err != nil {
		return err
	}
	for _, r := range results.Value { // one of a request that was broken off may exist
		if r.Status != "success" && r.Error.Code != "TaskExists" {
			return fmt.Errorf("task %s: %s %s", r.TaskID, r.Status, r.Error.Code)
		}
	}
	return nil
}

// addAll adds collections until ctx is done and returns the ids of the
// acknowledged tasks. Only a request that was never answered is given up.
func (p persistent) addAll(ctx context.Context) []string {
	var acknowledged []string
	for n := 0; ctx.Err() == nil; n++ {
		ids := make([]string, 1+p.rand.IntN(10))
		for i := range ids {
			ids[i] = fmt.Sprintf("%s-%d-%d", p.name, n, i)
		}
		switch err := p.add(ctx, "job"+strconv.Itoa(p.rand.IntN(2)), ids); {
		case err == nil:
			acknowledged = append(acknowledged, ids...)
		case ctx.Err() == nil:
			p.t.Error(err)
			return acknowledged
		}
		select {
		case <-time.After(time.Duration(p.rand.IntN(200)) * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return acknowledged
}

// TestFiftyKills kills a service again and again while clients add tasks and
// tasks run. What was acknowledged is run to its end, and what ran more than
// once says so.
func TestFiftyKills(t *testing.T) {
	t.Parallel()
	seed := *killSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	v := &victim{t: t, dir: t.TempDir()}
	w := v.start()
	t.Cleanup(func() { _ = v.command.Process.Kill() }) // unless it has been by then
	content := poolContent("pool", 3)
	content.TaskSlotsPerNode = to.Ptr(int32(2))
	content.StartTask = startTask("true")
	w.pool(content)
	w.job("job0", "pool")
	w.job("job1", "pool", func(j *azbatch.CreateJobContent) { j.Priority = to.Ptr(int32(5)) })

	var url atomic.Value
	url.Store(w.url)
	clients, stop := context.WithCancel(t.Context())
	defer stop()
	var group sync.WaitGroup
	var acknowledged [4][]string
	for i := range acknowledged {
		client := persistent{t: t, rand: rand.New(rand.NewPCG(seed, uint64(i+1))), name: fmt.Sprint("client", i), url: &url}
		group.Go(func() { acknowledged[i] = client.addAll(clients) })
	}
	for range *kills {
		<-time.After(time.Duration(random.IntN(300)) * time.Millisecond)
		v.kill()
		w = v.start()
		url.Store(w.url)
	}
	stop()
	group.Wait()
	w.requireEachRun(acknowledged[:]...)

	v.kill()
	w.open() // here, so that it can be closed
	w.close()
	require.Empty(t, processesBelow(t, w.dir))
}

// requireEachRun holds the tasks of job0 and job1 against what was acknowledged
// and what they have written.
func (w *world) requireEachRun(acknowledged ...[]string) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		return *w.counts("job0").Active+*w.counts("job0").Running+*w.counts("job1").Active+*w.counts("job1").Running == 0
	}, time.Minute, 20*time.Millisecond, "every task is completed")
	tasks, requeued, retried := map[string]azbatch.Task{}, 0, 0
	for _, job := range []string{"job0", "job1"} {
		pager := w.NewListTasksPager(job, nil)
		for _, page := range get(w.t, pager.More, pager.NextPage) {
			for _, task := range page.Value {
				tasks[*task.ID] = task
				log, err := os.ReadFile(filepath.Join(w.dir, "nodes", *task.ID))
				require.NoError(w.t, err)
				starts := strings.Count(string(log), "start")
				requeues, retries := int(*task.ExecutionInfo.RequeueCount), int(*task.ExecutionInfo.RetryCount)
				requeued, retried = requeued+requeues, retried+retries
				require.Equal(w.t, azbatch.TaskExecutionResultSuccess, *task.ExecutionInfo.Result, *task.ID)
				// A kill may come between the decision to run a task and its first word.
				require.LessOrEqual(w.t, starts, 1+requeues+retries, *task.ID)
				require.GreaterOrEqual(w.t, starts, 1+retries, *task.ID)
			}
		}
	}
	all := 0
	for _, ids := range acknowledged {
		all += len(ids)
		for _, id := range ids {
			require.Contains(w.t, tasks, id, "it was acknowledged")
		}
	}
	w.t.Logf("%d tasks, %d of them acknowledged; %d requeues, %d retries", len(tasks), all, requeued, retried)
	require.NotZero(w.t, requeued, "no task was running when the service was killed")
	require.NotZero(w.t, retried)
}

// processesBelow lists the processes of tasks whose directories are below dir.
// Only Linux shows them.
func processesBelow(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	require.NoError(t, err)
	var found []string
	for _, file := range files {
		environment, err := os.ReadFile(file)
		if err == nil && strings.Contains("\x00"+string(environment), "\x00AZ_BATCH_TASK_DIR="+dir+"/") {
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
			found = append(found, file+" "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}
