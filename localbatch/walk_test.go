package localbatch_test

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch"
	"github.com/durabatch/durabatch/localbatch/sharedkey"
)

var (
	walkSeed  = flag.Uint64("walk-seed", 0, "seed of TestRandomWalk; 0: new ones")
	walkSteps = flag.Int("walk-steps", 150, "steps of each walker of TestRandomWalk")
	walkers   = flag.Int("walkers", 4, "walkers of TestRandomWalk; one alone makes the same calls again")
)

// walker calls whatever comes to its mind on a few pools, jobs, schedules and tasks.
type walker struct {
	*world
	*rand.Rand
	credential *sharedkey.Credential
	client     *http.Client
}

func (w walker) someNode(pool string) string {
	page, err := w.NewListNodesPager(pool, nil).NextPage(ctx)
	if err != nil || len(page.Value) == 0 {
		return "none"
	}
	return *page.Value[w.IntN(len(page.Value))].ID
}

// step makes a call and says what it was, how it was answered, and what is
// wrong with the answer.
func (w walker) step(bag []walkCall, statuses map[string]int) (log string, wrong error) {
	c := bag[w.IntN(len(bag))]
	q := rawRequest{method: c.method, query: latest}
	one := func(texts []string) string {
		if len(texts) == 0 {
			return ""
		}
		return texts[w.IntN(len(texts))]
	}
	// One pick for all, so that a node is one of the pool that is named with it.
	filled := strings.Split(w.fill(c.path+"\n"+one(append(c.query, ""))+"\n"+one(c.bodies)), "\n")
	q.path, q.body = filled[0], filled[2]
	if filled[1] != "" {
		name, value, _ := strings.Cut(filled[1], "=")
		q.query = url.Values{name: {value}}.Encode() + "&" + latest
	}
	spoiled := w.IntN(8) == 0
	if spoiled {
		w.spoil(&q)
	}
	log = fmt.Sprintf("%s %s?%s %.200s", q.method, q.path, q.query, q.body)
	request, err := http.NewRequest(q.method, w.url+q.path+"?"+q.query, strings.NewReader(q.body))
	if err != nil {
		return log, err
	}
	for name, value := range q.headers {
		request.Header.Set(name, value)
	}
	w.credential.Sign(request, time.Now())
	answer, err := w.client.Do(request)
	if err != nil {
		return log, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	log += " -> " + outcome(answer)
	switch {
	case err != nil:
		return log, err
	case outcome(answer) == "503 TooManyEnableAutoScaleRequests":
		return log, nil // Batch's own answer to what cannot be had so soon
	case answer.StatusCode >= 500:
		return log, fmt.Errorf("it failed by the service's own fault: %s", body)
	case answer.StatusCode >= 300 && answer.Header.Get("x-ms-error-code") == "":
		return log, fmt.Errorf("it was refused without a code: %s", body)
	case answer.StatusCode < 300 && !spoiled && answer.StatusCode != statuses[c.operation]:
		return log, fmt.Errorf("%s worked and answered %d", c.operation, answer.StatusCode)
	}
	return log, nil
}

// TestRandomWalk makes legal and illegal calls of every operation, from several
// sides at once. No call may fail by the service's own fault, no state may
// follow one that it cannot follow, what is counted must be there, and in the
// end nothing is left.
func TestRandomWalk(t *testing.T) {
	t.Parallel()
	seeds := []uint64{*walkSeed}
	if *walkSeed == 0 {
		seeds = []uint64{1, 2, uint64(time.Now().UnixNano())} // two that others have walked as well
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			walk(t, seed)
		})
	}
}

func TestWalkCallsEveryOperation(t *testing.T) {
	t.Parallel()
	called := map[string]bool{}
	for _, c := range walkCalls {
		called[c.operation] = true
	}
	for _, o := range localbatch.Operations() {
		require.True(t, called[o.Name], o.Name)
		require.True(t, o.Head == "" || called[o.Head], o.Head)
	}
}

func walk(t *testing.T, seed uint64) {
	w := start(t)
	watcher := w.watch()
	var bag []walkCall
	for _, c := range walkCalls {
		bag = append(bag, slices.Repeat([]walkCall{c}, c.times)...)
	}
	statuses := successes()
	credential, err := sharedkey.New(account, accountKey)
	require.NoError(t, err)
	client := &http.Client{}
	defer client.CloseIdleConnections()
	var group sync.WaitGroup
	logs := make([][]string, *walkers)
	defer watcher.tell(seed, logs)
	for i := range logs {
		group.Go(func() {
			walker := walker{w, rand.New(rand.NewPCG(seed, uint64(i))), credential, client}
			for range *walkSteps {
				log, wrong := walker.step(bag, statuses)
				logs[i] = append(logs[i], time.Now().Format("05.000 ")+log)
				if wrong != nil {
					t.Errorf("%s: %v", log, wrong)
				}
				for _, transition := range watcher.check() {
					t.Errorf("after %s: %s", log, transition)
				}
			}
		})
	}
	group.Wait()
	w.settle()
	w.requireConsistent()
	w.close()
	w.open()
	w.settle()
	w.requireConsistent()
	w.deleteAll()
	require.Empty(t, watcher.check())
	w.close()
	require.Empty(t, processesBelow(t, w.dir))
}

// tell logs where a walk has come by, and after a failure its way.
func (h *watcher) tell(seed uint64, logs [][]string) {
	for _, transition := range slices.Sorted(maps.Keys(h.seen)) {
		h.t.Logf("%5d %s", h.seen[transition], transition)
	}
	if h.t.Failed() {
		for i, log := range logs {
			h.t.Logf("walker %d of the seed %d:\n%s", i, seed, strings.Join(log, "\n"))
		}
	}
}

// deleteAll deletes what there is and waits until it is gone.
func (w *world) deleteAll() {
	w.t.Helper()
	schedules, err := w.NewListJobSchedulesPager(nil).NextPage(ctx)
	require.NoError(w.t, err)
	for _, s := range schedules.Value {
		_, _ = w.DeleteJobSchedule(ctx, *s.ID, nil) // it may be on its way out
	}
	jobs, err := w.NewListJobsPager(nil).NextPage(ctx)
	require.NoError(w.t, err)
	for _, j := range jobs.Value {
		_, _ = w.DeleteJob(ctx, *j.ID, nil) // it may have gone with its schedule
	}
	pools, err := w.NewListPoolsPager(nil).NextPage(ctx)
	require.NoError(w.t, err)
	for _, p := range pools.Value {
		_, err := w.DeletePool(ctx, *p.ID, nil)
		require.NoError(w.t, err)
	}
	eventually(w.t, "everything is gone", func() bool {
		schedules, err := w.NewListJobSchedulesPager(nil).NextPage(ctx)
		require.NoError(w.t, err)
		jobs, err := w.NewListJobsPager(nil).NextPage(ctx)
		require.NoError(w.t, err)
		pools, err := w.NewListPoolsPager(nil).NextPage(ctx)
		require.NoError(w.t, err)
		return len(schedules.Value)+len(jobs.Value)+len(pools.Value) == 0
	})
}

// settle ends what would go on for ever and waits for every transition to end.
func (w *world) settle() {
	w.t.Helper()
	for i := range 3 {
		_, _ = w.DisableJobSchedule(ctx, fmt.Sprint("schedule", i), nil) // if it can be
		_, _ = w.StopPoolResize(ctx, fmt.Sprint("pool", i), nil)         // one that waits for retained data waits for a week
	}
	passing := map[string]bool{
		"disabling": true, "enabling": true, "terminating": true, "deleting": true, "resizing": true, "stopping": true,
		"creating": true, "starting": true, "waitingforstarttask": true, "running": true, "rebooting": true, "deallocating": true, "leavingpool": true,
	}
	var waitFor []string
	defer func() {
		if w.t.Failed() {
			w.t.Logf("what has not settled: %v", waitFor)
		}
	}()
	require.Eventually(w.t, func() bool {
		waitFor = nil
		jobs, err := w.NewListJobsPager(nil).NextPage(ctx)
		require.NoError(w.t, err)
		for _, j := range jobs.Value {
			if *j.State == azbatch.JobStateActive || *j.State == azbatch.JobStateDisabling { // which may wait for its tasks
				option := azbatch.DisableJobOptionRequeue
				_, _ = w.DisableJob(ctx, *j.ID, azbatch.DisableJobContent{DisableTasks: &option}, nil) // unless it has just ended
			}
			if passing[string(*j.State)] || *j.State == azbatch.JobStateActive {
				waitFor = append(waitFor, fmt.Sprintf("job %s is %s", *j.ID, *j.State))
			}
		}
		pools, err := w.NewListPoolsPager(nil).NextPage(ctx)
		require.NoError(w.t, err)
		for _, p := range pools.Value {
			if passing[string(*p.State)] || passing[string(*p.AllocationState)] {
				waitFor = append(waitFor, fmt.Sprintf("pool %s is %s, %s", *p.ID, *p.State, *p.AllocationState))
			}
			for _, n := range w.nodes(*p.ID) {
				if passing[string(*n.State)] {
					waitFor = append(waitFor, fmt.Sprintf("node %s of %s is %s", *n.ID, *p.ID, *n.State))
				}
			}
		}
		return len(waitFor) == 0
	}, time.Minute, 20*time.Millisecond, "everything has settled")
}

func (w *world) requireConsistent() {
	w.t.Helper()
	jobs, err := w.NewListJobsPager(nil).NextPage(ctx)
	require.NoError(w.t, err)
	for _, j := range jobs.Value {
		want := map[string]int32{}
		pager := w.NewListTasksPager(*j.ID, nil)
		for _, page := range get(w.t, pager.More, pager.NextPage) {
			for _, task := range page.Value {
				want[string(*task.State)]++
				want["slots"] += *task.RequiredSlots
				if *task.State == azbatch.TaskStateCompleted {
					want[string(*task.ExecutionInfo.Result)]++
				}
			}
		}
		answer, err := w.GetJobTaskCounts(ctx, *j.ID, nil)
		require.NoError(w.t, err)
		c, s := answer.TaskCounts, answer.TaskSlotCounts
		got := []int32{*c.Active, *c.Running, *c.Completed, *c.Succeeded, *c.Failed, *s.Active + *s.Running + *s.Completed}
		require.Equal(w.t, []int32{want["active"], want["running"], want["completed"], want["success"], want["failure"], want["slots"]}, got, *j.ID)
	}
	pools, err := w.NewListPoolsPager(nil).NextPage(ctx)
	require.NoError(w.t, err)
	for _, p := range pools.Value {
		for _, n := range w.nodes(*p.ID) {
			require.Zero(w.t, *n.RunningTasksCount)
			require.Zero(w.t, *n.RunningTaskSlotsCount)
		}
	}
}
