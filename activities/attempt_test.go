package activities

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/durabatch/durabatch/workload"
)

// longest is far more than any activity of these tests takes, and less than
// anybody waits for one that hangs.
const longest = 30 * time.Second

// attempt is what Temporal tells an activity, and hears from it.
type attempt struct {
	interceptor.WorkerInterceptorBase
	number int32
	from   *workload.Progress      // the last attempt's heartbeat
	heard  func(workload.Progress) // of each heartbeat, before the SDK throttles it
	within context.Context         // ends the attempt early
}

type option func(*attempt)

// again makes an attempt the second.
func again(a *attempt) { a.number = 2 }

// from makes an attempt the second, after one whose last heartbeat said this.
func from(last workload.Progress) option {
	return func(a *attempt) { a.number, a.from = 2, &last }
}

// heard passes on what each heartbeat says.
func heard(f func(workload.Progress)) option { return func(a *attempt) { a.heard = f } }

// within ends an attempt with ctx.
func within(ctx context.Context) option { return func(a *attempt) { a.within = ctx } }

// cancellable is a context that ends as when the workflow cancels an activity.
func cancellable(t *testing.T) (cancel func(), ctx context.Context) {
	ctx, end := context.WithCancelCause(t.Context())
	return func() { end(temporal.NewCanceledError()) }, ctx
}

// run executes an activity as a worker does: its input and its result travel as
// JSON.
func run[In, Out any](w *world, f func(context.Context, In) (Out, error), in In, options ...option) (out Out, err error) {
	w.t.Helper()
	encoded, err := execute(w, f, in, options...)
	if err == nil {
		err = encoded.Get(&out)
	}
	return out, err
}

// do is run for activities without a result.
func do[In any](w *world, f func(context.Context, In) error, in In, options ...option) error {
	w.t.Helper()
	_, err := execute(w, f, in, options...)
	return err
}

// mustRun is run for what a test takes for granted.
func mustRun[In, Out any](w *world, f func(context.Context, In) (Out, error), in In, options ...option) Out {
	w.t.Helper()
	out, err := run(w, f, in, options...)
	require.NoError(w.t, err)
	return out
}

func execute(w *world, f, in any, options ...option) (interface{ Get(any) error }, error) {
	w.t.Helper()
	a := &attempt{number: 1, within: w.t.Context()}
	for _, o := range options {
		o(a)
	}
	ctx, cancel := context.WithTimeout(a.within, longest)
	defer cancel()
	suite := testsuite.WorkflowTestSuite{}
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx, Interceptors: []interceptor.WorkerInterceptor{a}})
	if a.from != nil {
		env.SetHeartbeatDetails(*a.from)
	}
	env.RegisterActivity(f)
	return env.ExecuteActivity(f, in)
}

// requireRefused requires an error of that type that no other attempt follows.
func requireRefused(w *world, err error, kind string) {
	w.t.Helper()
	var app *temporal.ApplicationError
	require.ErrorAs(w.t, err, &app)
	require.Equal(w.t, kind, app.Type(), app.Error())
	require.True(w.t, app.NonRetryable())
}

func (a *attempt) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &inbound{ActivityInboundInterceptorBase: interceptor.ActivityInboundInterceptorBase{Next: next}, attempt: a}
}

type inbound struct {
	interceptor.ActivityInboundInterceptorBase
	attempt *attempt
}

func (i *inbound) Init(out interceptor.ActivityOutboundInterceptor) error {
	return i.Next.Init(&outbound{ActivityOutboundInterceptorBase: interceptor.ActivityOutboundInterceptorBase{Next: out}, attempt: i.attempt})
}

type outbound struct {
	interceptor.ActivityOutboundInterceptorBase
	attempt *attempt
}

func (o *outbound) GetInfo(ctx context.Context) activity.Info {
	info := o.Next.GetInfo(ctx)
	info.Attempt = o.attempt.number
	return info
}

func (o *outbound) RecordHeartbeat(ctx context.Context, details ...any) {
	if o.attempt.heard != nil {
		said := workload.Progress{}
		if len(details) > 0 {
			said, _ = details[0].(workload.Progress)
		}
		o.attempt.heard(said)
	}
	o.Next.RecordHeartbeat(ctx, details...)
}
