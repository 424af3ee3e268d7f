package localbatch_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch"
)

// scaled is the content of a pool with a formula.
func scaled(id, formula string) azbatch.CreatePoolContent {
	content := poolContent(id, 0)
	content.TargetDedicatedNodes = nil
	content.EnableAutoScale, content.AutoScaleFormula = to.Ptr(true), &formula
	return content
}

// evaluated waits until a pool's formula was evaluated after a time.
func (w *world) evaluated(id string, after time.Time) azbatch.Pool {
	w.t.Helper()
	var p azbatch.Pool
	eventually(w.t, "the formula is evaluated", func() bool {
		p = w.getPool(id)
		return p.AutoScaleRun != nil && p.AutoScaleRun.Timestamp.After(after)
	})
	return p
}

func (w *world) evaluate(id, formula string) azbatch.AutoScaleRun {
	w.t.Helper()
	run, err := w.EvaluatePoolAutoScale(ctx, id, azbatch.EvaluatePoolAutoScaleContent{AutoScaleFormula: &formula}, nil)
	require.NoError(w.t, err)
	return run.AutoScaleRun
}

func TestPoolIsCreatedWithAutoScale(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(scaled("pool", "size = 2; $TargetDedicatedNodes = size; $TargetLowPriorityNodes = 1"))
	p := w.getPool("pool")
	require.True(t, *p.EnableAutoScale)
	require.Equal(t, "PT15M", *p.AutoScaleEvaluationInterval)
	require.Equal(t, "size = 2; $TargetDedicatedNodes = size; $TargetLowPriorityNodes = 1", *p.AutoScaleFormula)
	require.Equal(t, "$TargetDedicatedNodes=2;$TargetLowPriorityNodes=1;$NodeDeallocationOption=requeue;size=2", *p.AutoScaleRun.Results)
	require.Equal(t, *p.CreationTime, *p.AutoScaleRun.Timestamp, "it is evaluated at once")
	require.Nil(t, p.AutoScaleRun.Error)
	require.Equal(t, []int32{2, 1, 2, 1}, []int32{*p.TargetDedicatedNodes, *p.TargetLowPriorityNodes, *p.CurrentDedicatedNodes, *p.CurrentLowPriorityNodes})

	_, err := w.ResizePool(ctx, "pool", azbatch.ResizePoolContent{TargetDedicatedNodes: to.Ptr[int32](1)}, nil)
	require.Contains(t, refused(t, err, http.StatusConflict, "OperationNotValidOnPool"), "autoscale is enabled")
	_, err = w.RemoveNodes(ctx, "pool", azbatch.RemoveNodeContent{NodeList: []string{*w.nodes("pool")[0].ID}}, nil)
	refused(t, err, http.StatusConflict, "OperationNotValidOnPool")
	_, err = w.UpdatePool(ctx, "pool", azbatch.UpdatePoolContent{DisplayName: to.Ptr("still a pool")}, nil)
	require.NoError(t, err)
	require.True(t, *w.getPool("pool").EnableAutoScale)
}

func TestAutoScaleSettingsAreChecked(t *testing.T) {
	t.Parallel()
	w := start(t)
	for name, test := range map[string]struct {
		code   string
		adjust func(*azbatch.CreatePoolContent)
	}{
		"a size too":      {"InvalidAutoScalingSettings", func(c *azbatch.CreatePoolContent) { c.TargetDedicatedNodes = to.Ptr[int32](1) }},
		"a spot size too": {"InvalidAutoScalingSettings", func(c *azbatch.CreatePoolContent) { c.TargetLowPriorityNodes = to.Ptr[int32](1) }},
		"no formula":      {"InvalidAutoScalingSettings", func(c *azbatch.CreatePoolContent) { c.AutoScaleFormula = nil }},
		"a formula only":  {"InvalidAutoScalingSettings", func(c *azbatch.CreatePoolContent) { c.EnableAutoScale = nil }},
		"an interval only": {"InvalidAutoScalingSettings", func(c *azbatch.CreatePoolContent) {
			c.EnableAutoScale, c.AutoScaleFormula, c.AutoScaleEvaluationInterval = nil, nil, to.Ptr("PT5M")
		}},
		"too short a time":    {"InvalidPropertyValue", func(c *azbatch.CreatePoolContent) { c.AutoScaleEvaluationInterval = to.Ptr("PT4M59S") }},
		"too long a time":     {"InvalidPropertyValue", func(c *azbatch.CreatePoolContent) { c.AutoScaleEvaluationInterval = to.Ptr("PT168H1S") }},
		"no formula's text":   {"AutoScalingFormulaSyntaxError", func(c *azbatch.CreatePoolContent) { c.AutoScaleFormula = to.Ptr("$TargetDedicatedNodes = (1") }},
		"too long a formula":  {"AutoScalingFormulaTooLong", func(c *azbatch.CreatePoolContent) { c.AutoScaleFormula = to.Ptr("x = 1" + strings.Repeat(" ", 8192)) }},
		"an unknown function": {"AutoScalingFormulaSyntaxError", func(c *azbatch.CreatePoolContent) { c.AutoScaleFormula = to.Ptr("x = average(1)") }},
	} {
		content := scaled("pool", "$TargetDedicatedNodes = 0")
		test.adjust(&content)
		_, err := w.CreatePool(ctx, content, nil)
		refused(t, err, http.StatusBadRequest, test.code)
		require.False(t, w.exists("pool"), name)
	}
	content := scaled("pool", "$TargetDedicatedNodes = 0")
	content.AutoScaleEvaluationInterval = to.Ptr("PT168H")
	w.pool(content)
	require.Equal(t, "P7D", *w.getPool("pool").AutoScaleEvaluationInterval)
}

func TestAutoScaleIsEnabledAndDisabled(t *testing.T) {
	t.Parallel()
	w, clock := startAhead(t)
	w.pool(poolContent("pool", 1))
	_, err := w.EvaluatePoolAutoScale(ctx, "pool", azbatch.EvaluatePoolAutoScaleContent{AutoScaleFormula: to.Ptr("x = 1")}, nil)
	require.Contains(t, refused(t, err, http.StatusConflict, "OperationNotValidOnPool"), "autoscale is not enabled")
	enable := func(formula, interval *string) error {
		_, err := w.EnablePoolAutoScale(ctx, "pool", azbatch.EnablePoolAutoScaleContent{AutoScaleFormula: formula, AutoScaleEvaluationInterval: interval}, nil)
		return err
	}
	refused(t, enable(nil, nil), http.StatusBadRequest, "MissingRequiredProperty")
	refused(t, enable(nil, to.Ptr("PT5M")), http.StatusBadRequest, "MissingRequiredProperty")
	refused(t, enable(to.Ptr("$TargetDedicatedNodes = 2"), to.Ptr("PT1M")), http.StatusBadRequest, "InvalidPropertyValue")
	require.Contains(t, refused(t, enable(to.Ptr("$TargetDedicatedNodes ="), nil), http.StatusBadRequest, "AutoScalingFormulaSyntaxError"),
		"Line 1, Col 24: a value is expected, not the end")

	require.NoError(t, enable(to.Ptr("$TargetDedicatedNodes=2"), to.Ptr("PT6M")))
	p := w.getPool("pool")
	require.Equal(t, "$TargetDedicatedNodes=2;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue", *p.AutoScaleRun.Results)
	require.Equal(t, *p.LastModified, *p.AutoScaleRun.Timestamp)
	require.Equal(t, "PT6M", *p.AutoScaleEvaluationInterval)
	w.steady("pool")
	require.Len(t, w.nodes("pool"), 2)

	clock.Advance(31 * time.Second)
	require.NoError(t, enable(nil, to.Ptr("PT10M")))
	p = w.getPool("pool")
	require.Equal(t, "$TargetDedicatedNodes=2", *p.AutoScaleFormula)
	require.Equal(t, "PT10M", *p.AutoScaleEvaluationInterval)
	clock.Advance(31 * time.Second)
	require.NoError(t, enable(to.Ptr("$TargetDedicatedNodes=1"), nil))
	require.Equal(t, "PT10M", *w.getPool("pool").AutoScaleEvaluationInterval)
	w.steady("pool")
	require.Len(t, w.nodes("pool"), 1)

	_, err = w.DisablePoolAutoScale(ctx, "pool", nil)
	require.NoError(t, err)
	p = w.getPool("pool")
	require.False(t, *p.EnableAutoScale)
	require.Nil(t, p.AutoScaleFormula)
	require.Nil(t, p.AutoScaleEvaluationInterval)
	require.Nil(t, p.AutoScaleRun)
	require.Equal(t, int32(1), *p.TargetDedicatedNodes)
	_, err = w.ResizePool(ctx, "pool", azbatch.ResizePoolContent{TargetDedicatedNodes: to.Ptr[int32](0)}, nil)
	require.NoError(t, err)
	w.steady("pool")
	clock.Advance(time.Hour)
	require.Empty(t, w.nodes("pool"), "nothing is evaluated any more")
}

func TestAutoScaleIsNotEnabledTooOften(t *testing.T) {
	t.Parallel()
	w, clock := startAhead(t)
	w.pool(poolContent("pool", 0))
	q := rawRequest{method: "POST", path: "/pools/pool/enableautoscale", body: `{"autoScaleFormula":"$TargetDedicatedNodes=0"}`,
		headers: map[string]string{"Content-Type": "application/json; odata=minimalmetadata"}}
	require.Equal(t, http.StatusOK, w.send(q).StatusCode)
	w.requireError(q, http.StatusServiceUnavailable, "TooManyEnableAutoScaleRequests")
	retryAfter := w.send(q).Header.Get("Retry-After")
	require.Contains(t, []string{"29", "30"}, retryAfter)
	w.close()
	w.open(func(o *localbatch.Options) { o.Clock = clock })
	w.requireError(q, http.StatusServiceUnavailable, "TooManyEnableAutoScaleRequests")
	clock.Advance(30 * time.Second)
	q.date = clock.Now().Add(-30 * time.Second)
	require.Equal(t, http.StatusOK, w.send(q).StatusCode)
}

func TestAutoScaleWaitsForAResize(t *testing.T) {
	t.Parallel()
	w := ready(t, 1)
	w.add("one", "sleep 1000")
	w.until("one", azbatch.TaskStateRunning)
	_, err := w.ResizePool(ctx, "pool", azbatch.ResizePoolContent{
		TargetDedicatedNodes: to.Ptr[int32](0), NodeDeallocationOption: to.Ptr(azbatch.NodeDeallocationOptionTaskCompletion),
	}, nil)
	require.NoError(t, err)
	_, err = w.EnablePoolAutoScale(ctx, "pool", azbatch.EnablePoolAutoScaleContent{AutoScaleFormula: to.Ptr("$TargetDedicatedNodes=1")}, nil)
	refused(t, err, http.StatusConflict, "PoolBeingResized")
}

func TestFormulasAreEvaluated(t *testing.T) {
	t.Parallel()
	w := start(t)
	content := scaled("pool", "$TargetDedicatedNodes = 2")
	content.TaskSlotsPerNode = to.Ptr[int32](2)
	w.pool(content)
	w.allNodes("pool", azbatch.NodeStateIdle)
	w.job("job", "pool")
	for i := range 5 {
		w.add(fmt.Sprint("task", i), "sleep 1000")
	}
	w.add("quick", "true", func(c *azbatch.CreateTaskContent) { c.RequiredSlots = to.Ptr[int32](2) })
	run := w.evaluate("pool", `a = $ActiveTasks; r = $RunningTasks; p = $PendingTasks; s = $TaskSlotsPerNode;
		n = [$CurrentDedicatedNodes, $CurrentLowPriorityNodes, $UsableNodeCount, $PreemptedNodeCount, $SampleNodeCount];
		done = $SucceededTasks + $FailedTasks; $TargetDedicatedNodes = p / s; $NodeDeallocationOption = taskcompletion;`)
	require.Nil(t, run.Error)
	require.Equal(t, "$TargetDedicatedNodes=3;$TargetLowPriorityNodes=0;$NodeDeallocationOption=taskcompletion;a=2;done=0;n=[2,0,2,0,2];p=6;r=4;s=2", *run.Results)
	require.Equal(t, int32(2), *w.getPool("pool").TargetDedicatedNodes, "nothing was resized")

	run = w.evaluate("pool", "$something_useless")
	require.Equal(t, "AutoScalingFormulaEvaluationError", *run.Error.Code)
	require.Equal(t, "$TargetDedicatedNodes=2;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue", *run.Results)
	require.Equal(t, "Message", *run.Error.Values[0].Name)
	require.Equal(t, "Line 1, Col 1: the variable $something_useless has no value", *run.Error.Values[0].Value)

	run = w.evaluate("pool", "x = $RunningTasks.GetSample(TimeInterval_Hour, 70)")
	require.Equal(t, "InsufficientSampleData", *run.Error.Code)
	require.Contains(t, *run.Error.Values[0].Value, "Insufficient data from data set: $RunningTasks wanted 70%, received")
	require.Len(t, run.Error.Values, 1)
	run = w.evaluate("pool", "x = avg($NetworkInBytes.GetSample(TimeInterval_Minute, 1))")
	require.Equal(t, "InsufficientSampleData", *run.Error.Code)
	require.Equal(t, "localbatch takes no samples of $NetworkInBytes on this machine", *run.Error.Values[1].Value)

	for formula, code := range map[string]string{"x =": "AutoScalingFormulaSyntaxError", "": "MissingRequiredProperty", "x=1" + strings.Repeat(" ", 9000): "AutoScalingFormulaTooLong"} {
		_, err := w.EvaluatePoolAutoScale(ctx, "pool", azbatch.EvaluatePoolAutoScaleContent{AutoScaleFormula: &formula}, nil)
		refused(t, err, http.StatusBadRequest, code)
	}
	answer := w.send(rawRequest{method: "POST", path: "/pools/pool/evaluateautoscale", body: `{"autoScaleFormula":"$TargetDedicatedNodes=3"}`})
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	var body map[string]any
	require.NoError(t, json.Unmarshal(text, &body))
	require.Equal(t, w.url+"/$metadata#Microsoft.Azure.Batch.Protocol.Entities.AutoScaleRun", body["odata.metadata"])
	require.Equal(t, "$TargetDedicatedNodes=3;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue", body["results"])
	require.NotContains(t, body, "error")
	require.Empty(t, answer.Header.Get("ETag"))
}

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
