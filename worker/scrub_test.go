package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"
)

const signature = "c2lnbmF0dXJl"

const leak = "PUT https://x.invalid/c/b?se=1&sig=" + signature + "&sv=2 failed"

type leaky struct {
	Address string `json:"address"`
}

// leaking does to Temporal all that an activity must not.
func leaking(ctx context.Context, how string) (*leaky, error) {
	activity.RecordHeartbeat(ctx, leaky{leak})
	switch how {
	case "error":
		return nil, fmt.Errorf("while uploading: %w", errors.New(leak+strings.Repeat("!", 5000)))
	case "application error":
		return nil, fmt.Errorf("while uploading: %w", temporal.NewApplicationErrorWithOptions(leak, "TooBad", temporal.ApplicationErrorOptions{
			NonRetryable: true, Cause: errors.New(leak), Details: []any{leaky{leak}, 7},
		}))
	case "panic":
		panic(leak)
	}
	return &leaky{leak}, nil
}

func leakingWorkflow(ctx workflow.Context, how string) (string, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute, HeartbeatTimeout: 10 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, MaximumAttempts: 2},
	})
	var result leaky
	err := workflow.ExecuteActivity(ctx, "leaking", how).Get(ctx, &result)
	return result.Address, err
}

func TestNoSecretReachesAHistory(t *testing.T) {
	t.Parallel()
	c := startTemporal(t, "").Client()
	options := options(func(err error) { t.Error(err) })
	w := worker.New(c, "leaks", options)
	w.RegisterWorkflow(leakingWorkflow)
	w.RegisterActivityWithOptions(leaking, activity.RegisterOptions{Name: "leaking"})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)

	play := func(t *testing.T, how string) (string, error) {
		t.Helper()
		t.Parallel()
		run, err := c.ExecuteWorkflow(context.Background(), client.StartWorkflowOptions{ID: how, TaskQueue: "leaks"}, leakingWorkflow, how)
		require.NoError(t, err)
		var result string
		failure := run.Get(context.Background(), &result)
		require.NotContains(t, historyOf(t, c, run), signature)
		return result, failure
	}
	t.Run("result", func(t *testing.T) {
		result, err := play(t, "result")
		require.NoError(t, err)
		require.Equal(t, strings.Replace(leak, signature, "REDACTED", 1), result)
	})
	t.Run("error", func(t *testing.T) {
		_, err := play(t, "error")
		app := (*temporal.ApplicationError)(nil)
		require.ErrorAs(t, err, &app)
		require.Contains(t, app.Message(), "while uploading: PUT https://x.invalid/c/b?se=1&sig=REDACTED&sv=2 failed!!!")
		require.LessOrEqual(t, len(app.Message()), maxMessage)
		require.False(t, app.NonRetryable())
	})
	t.Run("application error", func(t *testing.T) {
		_, err := play(t, "application error")
		app := (*temporal.ApplicationError)(nil)
		require.ErrorAs(t, err, &app)
		require.Equal(t, "TooBad", app.Type())
		require.True(t, app.NonRetryable())
		require.Equal(t, "while uploading: "+strings.Replace(leak, signature, "REDACTED", 1), app.Message())
		var detail leaky
		var number int
		require.NoError(t, app.Details(&detail, &number))
		require.Contains(t, detail.Address, "REDACTED")
		require.Equal(t, 7, number)
	})
	t.Run("panic", func(t *testing.T) {
		_, err := play(t, "panic")
		require.ErrorContains(t, err, "the activity panicked")
	})
}

// historyOf is all that Temporal keeps of a run, heartbeats of the end too.
func historyOf(t *testing.T, c client.Client, run client.WorkflowRun) string {
	t.Helper()
	var text strings.Builder
	events := c.GetWorkflowHistory(context.Background(), run.GetID(), run.GetRunID(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(t, err)
		line, err := protojson.Marshal(event)
		require.NoError(t, err)
		text.Write(line)
		fmt.Fprintf(&text, "%v\n", event) // payloads as text, which JSON has in base64
	}
	return text.String()
}

func TestHeartbeatsAreScrubbed(t *testing.T) {
	t.Parallel()
	sent := scrubValues([]any{leaky{leak}, "sig=" + signature, 7, nil})
	require.NotContains(t, fmt.Sprintf("%s", sent), signature)
	require.Equal(t, []any{7, nil}, sent[2:])
	clean := leaky{"nothing to hide"}
	require.Equal(t, clean, scrubValue(clean))
}

func TestWhatTemporalDecidesByIsKept(t *testing.T) {
	t.Parallel()
	require.NoError(t, scrubError(nil))
	require.Equal(t, activity.ErrResultPending, scrubError(activity.ErrResultPending))
	require.Equal(t, context.Canceled, scrubError(fmt.Errorf("%s: %w", leak, context.Canceled)))
	require.True(t, temporal.IsCanceledError(scrubError(fmt.Errorf("%s: %w", leak, temporal.NewCanceledError()))))

	stopping := temporal.NewApplicationErrorWithOptions("stopping", "WorkerStopping", temporal.ApplicationErrorOptions{
		NextRetryDelay: 10 * time.Second, Category: temporal.ApplicationErrorCategoryBenign,
	})
	kept := (*temporal.ApplicationError)(nil)
	require.ErrorAs(t, scrubError(stopping), &kept)
	require.Equal(t, "stopping", kept.Message())
	require.Equal(t, 10*time.Second, kept.NextRetryDelay())
	require.Equal(t, temporal.ApplicationErrorCategoryBenign, kept.Category())
}

func TestAStopIsNoFault(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cause error
		kind  string // of the application error; empty: the error stays
	}{
		{nil, ""},
		{temporal.NewCanceledError(), ""},
		{activity.ErrActivityPaused, ""},
		{worker.ErrWorkerShutdown, "WorkerStopping"},
		{context.DeadlineExceeded, "HeartbeatLost"},
	} {
		ctx, cancel := context.WithCancelCause(context.Background())
		if c.cause != nil {
			cancel(c.cause)
		}
		err := whyStopped(ctx, context.Canceled)
		cancel(nil)
		app := (*temporal.ApplicationError)(nil)
		if c.kind == "" {
			require.Equal(t, context.Canceled, err)
			continue
		}
		require.ErrorAs(t, err, &app)
		require.Equal(t, c.kind, app.Type())
		require.Equal(t, temporal.ApplicationErrorCategoryBenign, app.Category())
		require.ErrorIs(t, whyStopped(ctx, errStumble), errStumble)
	}
}

var errStumble = errors.New("stumbled")

func TestLogsAreScrubbed(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		var out strings.Builder
		logger := newLogger(&out, format)
		logger.Info(leak, "error", errors.New(leak), "text", leak, "struct", leaky{leak}, "pointer", &leaky{leak})
		logger.With("at", leak).WithGroup("g").Warn("x", "y", leak)
		require.NotContains(t, out.String(), signature, format)
		require.Contains(t, out.String(), "REDACTED")
	}
}

// TestAnActivityEndsWhenTheWorkerIsToldTo lets an activity wait for nothing but
// its context.
func TestAnActivityEndsWhenTheWorkerIsToldTo(t *testing.T) {
	t.Parallel()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&scrubber{}}})
	stop := make(chan struct{})
	env.SetWorkerStopChannel(stop)
	wait := func(ctx context.Context) error {
		close(stop)
		<-ctx.Done()
		return ctx.Err()
	}
	env.RegisterActivityWithOptions(wait, activity.RegisterOptions{Name: "wait"})
	_, err := env.ExecuteActivity("wait")
	app := (*temporal.ApplicationError)(nil)
	require.ErrorAs(t, err, &app)
	require.Equal(t, "WorkerStopping", app.Type())
	require.False(t, app.NonRetryable(), "another worker goes on")
}
