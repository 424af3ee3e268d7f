package localbatch_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
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

	text, err := io.ReadAll(w.send(rawRequest{method: "GET", path: "/pools/pool"}).Body)
	require.NoError(t, err)
	require.NotContains(t, string(text), "autoScaleSchedule", "it is the service's own")

	_, err = w.ResizePool(ctx, "pool", azbatch.ResizePoolContent{TargetDedicatedNodes: to.Ptr[int32](1)}, nil)
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
