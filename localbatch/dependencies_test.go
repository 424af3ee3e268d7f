package localbatch_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/durabatch/durabatch/localbatch/store"
)

// dependent makes a pool of nodes and a job on it whose tasks may depend on each other.
func dependent(t testing.TB, nodes int32, adjust ...func(*azbatch.CreateJobContent)) *world {
	t.Helper()
	w := start(t)
	w.pool(poolContent("pool", nodes))
	w.job("job", "pool", append(adjust, usesDependencies)...)
	return w
}

func usesDependencies(c *azbatch.CreateJobContent) { c.UsesTaskDependencies = to.Ptr(true) }

func after(ids ...string) func(*azbatch.CreateTaskContent) {
	return func(c *azbatch.CreateTaskContent) { depend(c).TaskIDs = ids }
}

func afterRange(from, to int32) func(*azbatch.CreateTaskContent) {
	return func(c *azbatch.CreateTaskContent) {
		d := depend(c)
		d.TaskIDRanges = append(d.TaskIDRanges, azbatch.TaskIDRange{Start: &from, End: &to})
	}
}

func depend(c *azbatch.CreateTaskContent) *azbatch.TaskDependencies {
	if c.DependsOn == nil {
		c.DependsOn = &azbatch.TaskDependencies{}
	}
	return c.DependsOn
}

// otherwise has every failure of a task satisfy what depends on it.
func otherwise(action azbatch.DependencyAction) func(*azbatch.CreateTaskContent) {
	return func(c *azbatch.CreateTaskContent) {
		c.ExitConditions = &azbatch.ExitConditions{Default: &azbatch.ExitOptions{DependencyAction: &action}}
	}
}

// blocked requires that tasks still wait after others have had their turn.
func (w *world) blocked(ids ...string) {
	w.t.Helper()
	probe := fmt.Sprintf("probe-%s-%d", ids[0], *w.counts("job").Completed)
	w.add(probe, "true")
	w.completed(probe)
	for _, id := range ids {
		task := w.task(id)
		require.Equal(w.t, azbatch.TaskStateActive, *task.State, id)
		require.Nil(w.t, task.PreviousState, "it has never been anything else")
	}
}

func (w *world) terminateTask(id string) {
	w.t.Helper()
	_, err := w.TerminateTask(ctx, "job", id, nil)
	require.NoError(w.t, err)
}

func TestTasksRunAfterOthers(t *testing.T) {
	t.Parallel()
	w := dependent(t, 1)
	w.add("merge", "true", after("SUN", "rain")) // ids compare without case, and need not be there yet
	w.add("all", "true", after("merge"), afterRange(1, 3))
	w.blocked("merge", "all")
	w.add("Rain", "true")
	w.completed("rain")
	w.blocked("merge", "all")
	w.add("Sun", "true")
	merged := w.completed("merge")
	require.False(t, merged.ExecutionInfo.StartTime.Before(*w.task("sun").ExecutionInfo.EndTime))
	require.Equal(t, []string{"SUN", "rain"}, merged.DependsOn.TaskIDs)

	for _, id := range []string{"3", "01"} {
		w.add(id, "true")
		w.completed(id)
		w.blocked("all")
	}
	w.add("1", "true") // 01 was the same number
	w.completed("1")
	w.blocked("all")
	w.add("002", "true")
	w.completed("all")
	require.Equal(t, int32(1), *w.task("all").DependsOn.TaskIDRanges[0].Start)

	w.add("late", "true", after("rain", "002"), afterRange(1, 3)) // all is done already
	w.completed("late")
	w.add("too-far", "true", afterRange(1, 4))
	w.blocked("too-far")
}

func TestFailureBlocksUnlessItSatisfies(t *testing.T) {
	t.Parallel()
	w := dependent(t, 1)
	w.add("fails", "false")
	w.add("satisfies", "false", otherwise(azbatch.DependencyActionSatisfy))
	w.add("retries", "false", otherwise(azbatch.DependencyActionSatisfy), func(c *azbatch.CreateTaskContent) {
		c.Constraints = &azbatch.TaskConstraints{MaxTaskRetryCount: to.Ptr[int32](2)}
	})
	w.add("ended", "true", after("never"), otherwise(azbatch.DependencyActionSatisfy))
	w.add("1", "false")
	for _, parent := range []string{"fails", "satisfies", "retries", "ended"} {
		w.add("after-"+parent, "true", after(parent))
	}
	w.add("after-1", "true", afterRange(1, 1))
	w.completed("after-satisfies")
	w.completed("after-retries")
	require.Equal(t, int32(2), *w.task("retries").ExecutionInfo.RetryCount)
	w.terminateTask("ended")
	w.completed("after-ended")
	w.blocked("after-fails", "after-1")

	w.add("after-both", "true", after("satisfies", "fails"))
	w.blocked("after-both")
}

func TestDependenciesOfDeletedAndReactivatedTasks(t *testing.T) {
	t.Parallel()
	w := dependent(t, 1)
	for _, id := range []string{"a", "1", "2"} {
		w.add(id, "true")
		w.completed(id)
	}
	w.add("failed", "false", otherwise(azbatch.DependencyActionSatisfy))
	w.completed("failed")
	w.add("early", "true", after("a", "failed", "last"), afterRange(1, 3))
	for _, id := range []string{"a", "1", "2"} {
		_, err := w.DeleteTask(ctx, "job", id, nil)
		require.NoError(t, err)
	}
	w.add("late", "true", after("a"), afterRange(1, 2))
	w.blocked("early", "late")
	w.add("last", "true")
	w.completed("last")
	w.add("3", "true")
	w.completed("early") // what is deleted had satisfied it
	w.blocked("late")    // but not this one, which came later
	w.add("01", "true")
	w.add("2", "true")
	w.completed("2")
	w.blocked("late")
	w.add("A", "true")
	w.completed("late")

	w.add("gate", "true", after("nothing"))
	w.add("again", "false", after("gate"), otherwise(azbatch.DependencyActionSatisfy))
	w.terminateTask("again")
	_, err := w.ReactivateTask(ctx, "job", "again", nil)
	require.NoError(t, err)
	w.add("after-again", "true", after("again"))
	w.blocked("after-again") // it waits for its gate as before
	require.Equal(t, azbatch.TaskStateActive, *w.task("again").State)
	w.add("nothing", "true")
	w.completed("after-again")
	_, err = w.ReactivateTask(ctx, "job", "again", nil)
	require.NoError(t, err)
	w.until("again", azbatch.TaskStateCompleted)
	require.Zero(t, *w.task("again").ExecutionInfo.RetryCount)
	require.Zero(t, *w.task("after-again").ExecutionInfo.RequeueCount, "it ran once")
}

func TestCyclesNeverRun(t *testing.T) {
	t.Parallel()
	w := dependent(t, 1)
	w.add("itself", "true", after("itself"))
	w.add("7", "true", afterRange(1, 9))
	w.add("hen", "true", after("egg"))
	w.add("egg", "true", after("hen"))
	w.blocked("itself", "7", "hen", "egg")
	terminate := azbatch.UpdateJobContent{OnAllTasksComplete: to.Ptr(azbatch.OnAllTasksCompleteTerminateJob)}
	_, err := w.UpdateJob(ctx, "job", terminate, nil)
	require.NoError(t, err)
	w.blocked("itself") // and keep their job alive
	for _, id := range []string{"itself", "7", "hen"} {
		w.terminateTask(id)
	}
	w.jobState("job", azbatch.JobStateActive)
	_, err = w.DeleteTask(ctx, "job", "egg", nil)
	require.NoError(t, err)
	require.Equal(t, "AllTasksComplete", *w.jobState("job", azbatch.JobStateCompleted).ExecutionInfo.TerminationReason)
}

func TestDependenciesAreChecked(t *testing.T) {
	t.Parallel()
	w := dependent(t, 0)
	w.job("plain", "pool")
	cases := map[string]struct {
		job    string
		adjust func(*azbatch.CreateTaskContent)
		code   string
	}{
		"job without dependencies": {"plain", after("a"), "TaskDependenciesNotSpecifiedOnJob"},
		"and without ranges":       {"plain", afterRange(1, 2), "TaskDependenciesNotSpecifiedOnJob"},
		"too many ids":             {"job", after(longIDs(1001)...), "TaskDependencyListTooLong"},
		"too many ranges":          {"job", func(c *azbatch.CreateTaskContent) { manyRanges(c, 6000) }, "TaskDependencyRangesTooLong"},
		"no id":                    {"job", after("a b"), "InvalidPropertyValue"},
		"backward range":           {"job", afterRange(2, 1), "InvalidPropertyValue"},
		"half a range": {"job", func(c *azbatch.CreateTaskContent) {
			depend(c).TaskIDRanges = []azbatch.TaskIDRange{{Start: to.Ptr[int32](1)}}
		}, "MissingRequiredProperty"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := w.CreateTask(ctx, c.job, taskContent("task", "true", c.adjust), nil)
			refused(t, err, http.StatusBadRequest, c.code)
		})
	}
	for _, content := range []azbatch.CreateTaskContent{
		taskContent("longest", "true", after(longIDs(1000)...)),
		taskContent("many", "true", func(c *azbatch.CreateTaskContent) { manyRanges(c, 5000) }),
	} {
		_, err := w.CreateTask(ctx, "job", content, nil)
		require.NoError(t, err)
	}
	_, err := w.CreateTask(ctx, "plain", taskContent("none", "true", func(c *azbatch.CreateTaskContent) { depend(c) }), nil)
	require.NoError(t, err)
}

func longIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%064d", i)
	}
	return ids
}

func manyRanges(c *azbatch.CreateTaskContent, n int32) {
	for i := range n {
		afterRange(10_000+i, 20_000+i)(c)
	}
}

// TestDependenciesSurviveReopening closes the service between whatever can be
// known about dependencies and its use.
func TestDependenciesSurviveReopening(t *testing.T) {
	t.Parallel()
	w := dependent(t, 2)
	reopen := func() {
		w.close()
		w.open()
	}
	w.add("child", "true", after("a", "b"), afterRange(1, 2))
	w.add("1", "true")
	w.completed("1")
	reopen()
	w.add("2", "sleep 1000")
	w.until("2", azbatch.TaskStateRunning)
	reopen()
	w.until("2", azbatch.TaskStateRunning)
	w.blocked("child")
	w.terminateTask("2")
	w.completed("2")
	_, err := w.DeleteTask(ctx, "job", "2", nil)
	require.NoError(t, err)
	w.add("2", "true")
	w.completed("2")
	reopen()
	w.blocked("child")
	w.add("b", "true")
	w.completed("b")
	_, err = w.DeleteTask(ctx, "job", "1", nil)
	require.NoError(t, err)
	reopen()
	w.add("a", "true")
	require.Zero(t, *w.completed("child").ExecutionInfo.RequeueCount)
}

// TestKilledServiceKeepsOrder kills a service while it works through a graph,
// several times, and requires that nothing ran before what it depends on.
func TestKilledServiceKeepsOrder(t *testing.T) {
	t.Parallel()
	v := &victim{t: t, dir: t.TempDir()}
	w := v.start()
	w.pool(poolContent("pool", 2))
	w.job("job", "pool", usesDependencies)
	const layers, width = 8, 6
	log := func(id int) string {
		return shell(fmt.Sprintf("echo %d >> $AZ_BATCH_NODE_ROOT_DIR/../order", id))
	}
	var batch []azbatch.CreateTaskContent
	for id := range layers * width {
		content := taskContent(fmt.Sprint(id), log(id))
		if below := int32(id / width * width); below > 0 {
			afterRange(below-width, below-1)(&content)
		}
		batch = append(batch, content)
	}
	_, err := w.CreateTaskCollection(ctx, "job", azbatch.TaskGroup{Value: batch}, nil)
	require.NoError(t, err)
	for kill := range 3 {
		eventually(t, "some have run", func() bool { return *w.counts("job").Succeeded > int32(10*kill) })
		v.kill()
		w = v.start()
	}
	defer v.kill()
	eventually(t, "all have run", func() bool { return *w.counts("job").Succeeded == layers*width })
	seen := map[int]bool{}
	for line := range strings.FieldsSeq(w.written("order")) {
		var id int
		_, err := fmt.Sscan(line, &id)
		require.NoError(t, err)
		for parent := id/width*width - width; parent >= 0 && parent < id/width*width; parent++ {
			require.True(t, seen[parent], "%d ran before %d", id, parent)
		}
		seen[id] = true
	}
	require.Len(t, seen, layers*width)
}

// TestManyWaitForOne has more tasks released than one change does, with a
// restart in the middle. All but the last of them are too large for the pool.
func TestManyWaitForOne(t *testing.T) {
	t.Parallel()
	const tasks = 1100
	w := dependent(t, 1)
	w.add("root", "true", after("never"), otherwise(azbatch.DependencyActionSatisfy))
	var group errgroup.Group
	group.SetLimit(4)
	for from := 0; from < tasks; from += 100 {
		group.Go(func() error {
			var batch []azbatch.CreateTaskContent
			for i := from; i < from+100; i++ {
				content := taskContent(fmt.Sprintf("task-%d", i), "true", slots(2), after("root"))
				if i%11 == 0 {
					after("root", "ROOT")(&content) // which is looked at twice
				}
				batch = append(batch, content)
			}
			_, err := w.CreateTaskCollection(ctx, "job", azbatch.TaskGroup{Value: batch}, nil)
			return err
		})
	}
	require.NoError(t, group.Wait())
	w.add("last", "true", after("root"))
	w.blocked("last")
	w.terminateTask("root")
	w.close()
	w.open()
	w.completed("last")
	w.add("later", "true", after("root"))
	w.completed("later")
	w.close()

	s, err := store.Open(w.dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	require.NoError(t, s.View(func(tx *store.Tx) error {
		job, _, err := tx.Job("job")
		require.NoError(t, err)
		ready, err := tx.ReadyTasks(job.Key, 2, store.Task{}, tasks+1)
		require.NoError(t, err)
		require.Len(t, ready, tasks)
		releases, err := tx.Releases()
		require.Empty(t, releases)
		return err
	}))
}

// TestChains runs tasks each of which waits for the one before it.
func TestChains(t *testing.T) {
	t.Parallel()
	w := dependent(t, 2)
	const links = 40
	var batch []azbatch.CreateTaskContent
	for i := range int32(links) {
		content := taskContent(fmt.Sprint(i), "true", after(fmt.Sprint(i+1)))
		if i%2 == 0 {
			content = taskContent(fmt.Sprint(i), "true", afterRange(i+1, i+1))
		}
		batch = append(batch, content)
	}
	_, err := w.CreateTaskCollection(ctx, "job", azbatch.TaskGroup{Value: batch}, nil)
	require.NoError(t, err)
	w.blocked("0")
	w.add(fmt.Sprint(links), "true")
	w.completed("0")
}
