package localbatch_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch"
)

// TestAutoScaleGoesByTheSchedule: what was planned is kept over a restart.
func TestAutoScaleGoesByTheSchedule(t *testing.T) {
	t.Parallel()
	w, clock := startAhead(t)
	content := scaled("pool", "$TargetDedicatedNodes = $PendingTasks")
	content.AutoScaleEvaluationInterval = to.Ptr("PT5M")
	w.pool(content)
	w.job("job", "pool")
	created := *w.getPool("pool").AutoScaleRun.Timestamp
	w.add("one", "sleep 1000")
	clock.Advance(4 * time.Minute)
	require.Equal(t, created, *w.getPool("pool").AutoScaleRun.Timestamp)
	clock.Advance(time.Minute)
	p := w.evaluated("pool", created)
	require.WithinDuration(t, created.Add(5*time.Minute), *p.AutoScaleRun.Timestamp, 30*time.Second)
	w.until("one", azbatch.TaskStateRunning)

	w.close()
	clock.Advance(4 * time.Minute)
	w.open(func(o *localbatch.Options) { o.Clock = clock })
	require.Equal(t, *p.AutoScaleRun.Timestamp, *w.getPool("pool").AutoScaleRun.Timestamp)
	_, err := w.TerminateTask(ctx, "job", "one", nil)
	require.NoError(t, err)
	w.completed("one")
	clock.Advance(time.Minute)
	last := w.evaluated("pool", *p.AutoScaleRun.Timestamp)
	require.Zero(t, *last.TargetDedicatedNodes)

	w.close()
	clock.Advance(time.Hour)
	w.open(func(o *localbatch.Options) { o.Clock = clock })
	w.evaluated("pool", *last.AutoScaleRun.Timestamp) // at once, since it was missed
}

// TestPoolFollowsItsTasks: up when there are tasks, down to nothing after them.
func TestPoolFollowsItsTasks(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *localbatch.Options) { o.AutoScaleInterval = 50 * time.Millisecond })
	w.pool(scaled("pool", `
		$TargetDedicatedNodes = min(3, max(0, $PendingTasks.GetSample(1)));
		$NodeDeallocationOption = taskcompletion;`))
	w.job("job", "pool")
	var tasks []azbatch.CreateTaskContent
	for i := range 6 {
		tasks = append(tasks, taskContent(fmt.Sprint("task", i), "sleep 0.2"))
	}
	_, err := w.CreateTaskCollection(ctx, "job", azbatch.TaskGroup{Value: tasks}, nil)
	require.NoError(t, err)
	eventually(t, "the pool has grown", func() bool { return *w.getPool("pool").CurrentDedicatedNodes == 3 })
	for i := range 6 {
		task := w.completed(fmt.Sprint("task", i))
		require.Equal(t, azbatch.TaskExecutionResultSuccess, *task.ExecutionInfo.Result)
		require.Zero(t, *task.ExecutionInfo.RequeueCount)
	}
	eventually(t, "the pool is empty again", func() bool {
		p := w.getPool("pool")
		return *p.CurrentDedicatedNodes == 0 && *p.AllocationState == azbatch.AllocationStateSteady
	})
}

// TestLapsedLease: a pool that nobody renews goes to zero, whatever runs on it.
func TestLapsedLease(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *localbatch.Options) { o.AutoScaleInterval = 50 * time.Millisecond })
	lease := func(d time.Duration) string {
		return fmt.Sprintf(`$TargetDedicatedNodes = time() < time("%s") ? 1 : 0; $NodeDeallocationOption = requeue;`,
			time.Now().Add(d).UTC().Format("2006-01-02T15:04:05Z"))
	}
	w.pool(scaled("pool", lease(time.Hour)))
	w.job("job", "pool")
	w.add("one", "sleep 1000")
	w.until("one", azbatch.TaskStateRunning)
	w.steady("pool")
	_, err := w.EnablePoolAutoScale(ctx, "pool", azbatch.EnablePoolAutoScaleContent{AutoScaleFormula: to.Ptr(lease(0))}, nil)
	require.NoError(t, err)
	w.until("one", azbatch.TaskStateActive)
	eventually(t, "the pool is empty", func() bool { return len(w.nodes("pool")) == 0 })
}

func TestSamplesAreTaken(t *testing.T) {
	t.Parallel()
	w, clock := startAhead(t)
	w.pool(scaled("pool", "$TargetDedicatedNodes = 1"))
	w.job("job", "pool")
	w.job("blocked", "pool", func(c *azbatch.CreateJobContent) { c.UsesTaskDependencies = to.Ptr(true) })
	_, err := w.CreateTask(ctx, "blocked", taskContent("never", "true", func(c *azbatch.CreateTaskContent) {
		c.DependsOn = &azbatch.TaskDependencies{TaskIDs: []string{"nobody"}}
	}), nil)
	require.NoError(t, err)
	w.add("one", "sleep 1000")
	w.until("one", azbatch.TaskStateRunning)
	count := func() string {
		results := *w.evaluate("pool", "n = $RunningTasks.Count()").Results
		return results[strings.LastIndex(results, "=")+1:]
	}
	var before string
	for range 4 {
		before = count()
		clock.Advance(30 * time.Second)
		eventually(t, "a sample is taken", func() bool { return count() != before })
	}
	run := w.evaluate("pool", `r = $RunningTasks.GetSample(2 * TimeInterval_Minute, 50); a = $ActiveTasks.GetSample(1);
		cpu = $CPUPercent.GetSample(1); idle = min(cpu) >= 0 && max(cpu) <= 1 && len(cpu) == 1;
		period = $RunningTasks.GetSamplePeriod(); young = $RunningTasks.HistoryBeginTime() > time() + -TimeInterval_Hour;`)
	require.Nil(t, run.Error)
	require.Contains(t, *run.Results, ";a=[0];", "tasks that wait for others are not ready")
	require.Contains(t, *run.Results, ";idle=1;period=00:00:30;r=[1,")
	require.Contains(t, *run.Results, ";young=1")

	w.close()
	w.open(func(o *localbatch.Options) { o.Clock = clock })
	require.GreaterOrEqual(t, count(), before, "samples outlive the service")
}

func TestAutoPoolWithAutoScale(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *localbatch.Options) { o.AutoScaleInterval = 50 * time.Millisecond })
	withFormula := func(formula string, adjust ...func(*azbatch.PoolSpecification)) *azbatch.PoolInfo {
		return autoPool(0, func(a *azbatch.AutoPoolSpecification) {
			a.Pool.TargetDedicatedNodes, a.Pool.EnableAutoScale, a.Pool.AutoScaleFormula = nil, to.Ptr(true), &formula
			for _, f := range adjust {
				f(a.Pool)
			}
		})
	}
	pool := w.autoPoolJob("job", withFormula("$TargetDedicatedNodes = $PendingTasks"))
	require.Zero(t, *w.getPool(pool).CurrentDedicatedNodes)
	w.add("one", "true")
	w.completed("one")
	_, err := w.DeleteJob(ctx, "job", nil)
	require.NoError(t, err)
	w.untilPoolIsGone(pool)

	for id, info := range map[string]*azbatch.PoolInfo{
		"no-formula":   withFormula(""),
		"bad-formula":  withFormula("$TargetDedicatedNodes = "),
		"long-formula": withFormula("x = 1" + strings.Repeat(" ", 9000)),
		"sized":        withFormula("x = 1", func(p *azbatch.PoolSpecification) { p.TargetDedicatedNodes = to.Ptr[int32](3) }),
	} {
		_, err := w.CreateJob(ctx, azbatch.CreateJobContent{ID: &id, PoolInfo: info}, nil)
		require.NoError(t, err, id)
		job := w.jobState(id, azbatch.JobStateCompleted)
		require.Equal(t, "InvalidAutoScaleFormulaInAutoPool", *job.ExecutionInfo.SchedulingError.Code, id)
	}
}

// TestFailedEvaluationChangesNothing: the next one may succeed, as this one
// does when there is a sample.
func TestFailedEvaluationChangesNothing(t *testing.T) {
	t.Parallel()
	w, clock := startAhead(t)
	w.pool(scaled("pool", "x = 7; $TargetDedicatedNodes = 1 + avg($ActiveTasks.GetSample(1))"))
	p := w.getPool("pool")
	require.Equal(t, "AutoScalingFormulaEvaluationError", *p.AutoScaleRun.Error.Code)
	require.Equal(t, "Line 1, Col 36: of a vector without elements there is no value", *p.AutoScaleRun.Error.Values[0].Value)
	require.Equal(t, "$TargetDedicatedNodes=0;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue;x=7", *p.AutoScaleRun.Results)
	require.Zero(t, *p.CurrentDedicatedNodes)
	clock.Advance(30 * time.Second)
	eventually(t, "a sample is taken", func() bool {
		return w.evaluate("pool", "x = avg($ActiveTasks.GetSample(1))").Error == nil
	})
	clock.Advance(15 * time.Minute)
	p = w.evaluated("pool", *p.AutoScaleRun.Timestamp)
	require.Nil(t, p.AutoScaleRun.Error)
	w.steady("pool")
	require.Len(t, w.nodes("pool"), 1)
}

// TestAutoScaleTriesAgain: what the account has no room for comes at a later
// evaluation.
func TestAutoScaleTriesAgain(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *localbatch.Options) {
		o.MaxNodes, o.AutoScaleInterval = 2, 50*time.Millisecond
	})
	w.pool(poolContent("other", 1))
	w.pool(scaled("pool", "$TargetDedicatedNodes = 2"))
	var p azbatch.Pool
	eventually(t, "the quota is reached", func() bool { // it is not shown while another try goes on
		p = w.getPool("pool")
		return slices.Equal([]string{"AccountCoreQuotaReached"}, resizeCodes(p))
	})
	require.Equal(t, []int32{1, 2}, []int32{*p.CurrentDedicatedNodes, *p.TargetDedicatedNodes})
	_, err := w.DeletePool(ctx, "other", nil)
	require.NoError(t, err)
	eventually(t, "the other node has come", func() bool {
		p = w.getPool("pool")
		return *p.CurrentDedicatedNodes == 2 && *p.AllocationState == azbatch.AllocationStateSteady
	})
	require.Empty(t, p.ResizeErrors)
}

func TestTargetsBeyondEveryQuota(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *localbatch.Options) { o.MaxNodes = 1 })
	w.pool(scaled("pool", "$TargetDedicatedNodes = 2000000000; $TargetLowPriorityNodes = $TargetDedicatedNodes"))
	p := w.getPool("pool")
	require.Equal(t, []int32{1, 0, 2_000_000_000}, []int32{*p.CurrentDedicatedNodes, *p.CurrentLowPriorityNodes, *p.TargetDedicatedNodes})
	require.Equal(t, []string{"AccountCoreQuotaReached", "AccountLowPriorityCoreQuotaReached"}, resizeCodes(p))
}

// TestAutoScaleTakesItsTime: no resizeTimeout ends the wait for a task.
func TestAutoScaleTakesItsTime(t *testing.T) {
	t.Parallel()
	w, clock := startAhead(t)
	w.pool(scaled("pool", `$TargetDedicatedNodes = $SucceededTasks + $FailedTasks < 1 && $RunningTasks == 0 ? 1 : 0;
		$NodeDeallocationOption = taskcompletion;`))
	w.job("job", "pool")
	w.add("one", "sleep 1000")
	w.until("one", azbatch.TaskStateRunning)
	created := *w.getPool("pool").AutoScaleRun.Timestamp
	clock.Advance(15 * time.Minute)
	w.evaluated("pool", created)
	w.allNodes("pool", azbatch.NodeStateLeavingPool)
	clock.Advance(14 * time.Minute)
	clock.Advance(2 * time.Minute)
	p := w.evaluated("pool", created.Add(20*time.Minute))
	require.Equal(t, azbatch.AllocationStateResizing, *p.AllocationState)
	require.Equal(t, azbatch.TaskStateRunning, *w.task("one").State)
	_, err := w.TerminateTask(ctx, "job", "one", nil)
	require.NoError(t, err)
	w.steady("pool")
	require.Empty(t, w.nodes("pool"))
}
