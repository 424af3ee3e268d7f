package localbatch_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
)

var graphSeed = flag.Uint64("graph-seed", 0, "seed of TestRandomGraph; 0: a new one")

// graphTask is a task of a random graph, and whether its end satisfies others.
type graphTask struct {
	id        string
	ids       []string
	ranges    [][2]int32
	exitCode  int
	satisfies bool
}

func (g graphTask) content() azbatch.CreateTaskContent {
	content := taskContent(g.id, shell(fmt.Sprint("exit ", g.exitCode)))
	for _, r := range g.ranges {
		afterRange(r[0], r[1])(&content)
	}
	if g.ids != nil {
		after(g.ids...)(&content)
	}
	if g.satisfies != (g.exitCode == 0) {
		action := azbatch.DependencyActionBlock
		if g.satisfies {
			action = azbatch.DependencyActionSatisfy
		}
		options := &azbatch.ExitOptions{DependencyAction: &action}
		content.ExitConditions = &azbatch.ExitConditions{ExitCodes: []azbatch.ExitCodeMapping{exitCode(int32(g.exitCode), options)}}
	}
	return content
}

// randomGraph has numbers for ids, some with leading zeros. Most tasks depend
// on tasks with lower numbers; a few on higher ones, which makes cycles.
func randomGraph(random *rand.Rand, size int) []graphTask {
	name := func(n int) string { return fmt.Sprintf("%0*d", 1+random.IntN(4), n) }
	tasks := make([]graphTask, size)
	for i := range tasks {
		tasks[i].id = name(i)
		tasks[i].exitCode = max(0, random.IntN(8)-6)
		tasks[i].satisfies = random.IntN(8) > 0
	}
	for i := 1; i < size; i++ {
		for range random.IntN(3) {
			if random.IntN(2) == 0 {
				parent := random.IntN(i)
				if random.IntN(25) == 0 {
					parent = random.IntN(size)
				}
				tasks[i].ids = append(tasks[i].ids, tasks[parent].id)
			} else {
				low := random.IntN(i)
				high := low + random.IntN(min(4, i-low))
				tasks[i].ranges = append(tasks[i].ranges, [2]int32{int32(low), int32(high)})
			}
		}
	}
	return tasks
}

// completable are the tasks that run sooner or later.
func completable(tasks []graphTask) map[string]bool {
	completed, ids, numbers := map[string]bool{}, map[string]bool{}, map[int32]bool{}
	ready := func(g graphTask) bool {
		for _, id := range g.ids {
			if !ids[id] {
				return false
			}
		}
		for _, r := range g.ranges {
			for n := r[0]; n <= r[1]; n++ {
				if !numbers[n] {
					return false
				}
			}
		}
		return true
	}
	for more := true; more; {
		more = false
		for _, g := range tasks {
			if completed[g.id] || !ready(g) {
				continue
			}
			completed[g.id], more = true, true
			if g.satisfies {
				n, _ := strconv.Atoi(g.id)
				ids[g.id], numbers[int32(n)] = true, true
			}
		}
	}
	return completed
}

// TestRandomGraph adds the tasks of a random graph in a random order while they
// run, restarts the service in between, and holds what has run against what
// had to.
func TestRandomGraph(t *testing.T) {
	t.Parallel()
	seed := *graphSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	tasks := randomGraph(random, 60)
	want := completable(tasks)
	w := dependent(t, 3)
	for i, place := range random.Perm(len(tasks)) {
		_, err := w.CreateTask(ctx, "job", tasks[place].content(), nil)
		require.NoError(t, err)
		if i == 20 || i == 45 {
			w.close()
			w.open()
		}
	}
	eventually(t, "all that can run has", func() bool { return int(*w.counts("job").Completed) >= len(want) })
	pager := w.NewListTasksPager("job", &azbatch.ListTasksOptions{SelectParam: []string{"id", "state", "executionInfo"}})
	for _, page := range get(t, pager.More, pager.NextPage) {
		for _, task := range page.Value {
			require.Equal(t, want[*task.ID], *task.State == azbatch.TaskStateCompleted, *task.ID)
			require.Zero(t, *task.ExecutionInfo.RetryCount)
		}
	}
	_, err := w.UpdateJob(ctx, "job", azbatch.UpdateJobContent{OnAllTasksComplete: to.Ptr(azbatch.OnAllTasksCompleteTerminateJob)}, nil)
	require.NoError(t, err)
	if len(want) == len(tasks) {
		w.jobState("job", azbatch.JobStateCompleted)
	} else {
		w.jobState("job", azbatch.JobStateActive)
	}
}
