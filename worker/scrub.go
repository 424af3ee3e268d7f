package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"strings"
	"unicode/utf8"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"github.com/durabatch/durabatch/azure"
)

// maxMessage bounds an error's message, which history holds twice and more.
const maxMessage = 1 << 10

// scrubber stands between the activities and Temporal: no signature, key or
// token in an error, a heartbeat or a result gets past it into a history. It
// is the last line; activities are not to put them there in the first place.
type scrubber struct {
	interceptor.WorkerInterceptorBase
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (*scrubber) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	inbound := &scrubbedActivity{}
	inbound.Next = next
	return inbound
}

type scrubbedActivity struct {
	interceptor.ActivityInboundInterceptorBase
}

// Init implements interceptor.ActivityInboundInterceptor.
func (s *scrubbedActivity) Init(outbound interceptor.ActivityOutboundInterceptor) error {
	heartbeats := &scrubbedHeartbeats{}
	heartbeats.Next = outbound
	return s.Next.Init(heartbeats)
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor. A panic
// becomes an error here, since the SDK would send its text as it is.
func (s *scrubbedActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (result any, err error) {
	defer func() {
		if thrown := recover(); thrown != nil {
			activity.GetLogger(ctx).Error("activity panicked", "panic", fmt.Sprint(thrown), "stack", string(debug.Stack()))
			result, err = nil, scrubError(fmt.Errorf("the activity panicked, which is a defect of durabatch (the worker's log has the stack): %v", thrown))
		}
	}()
	ctx, done := untilStopped(ctx)
	defer done()
	result, err = s.Next.ExecuteActivity(ctx, in)
	if activity.GetInfo(ctx).ActivityType.Name != echo {
		result = scrubValue(result)
	}
	return result, scrubError(whyStopped(ctx, err))
}

// echo is the activity whose result is the user's own document, which history
// holds already as its user wrote it. To rewrite it would run another command.
const echo = "Check"

// untilStopped ends an activity as soon as the worker is told to stop: what it
// did not get done, the next attempt does, from the last heartbeat on.
func untilStopped(ctx context.Context) (context.Context, func()) {
	stop := activity.GetWorkerStopChannel(ctx)
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-stop:
			cancel(worker.ErrWorkerShutdown)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// whyStopped tells a cancellation that somebody asked for from a context that
// ended for another reason, after which the next attempt goes on. Neither is a
// fault.
func whyStopped(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	switch {
	case !errors.Is(err, context.Canceled), cause == nil, temporal.IsCanceledError(cause),
		errors.Is(cause, activity.ErrActivityPaused), errors.Is(cause, activity.ErrActivityReset):
		return err
	case errors.Is(cause, worker.ErrWorkerShutdown):
		return stopped("WorkerStopping", "the worker is stopping; another one goes on")
	}
	return stopped("HeartbeatLost", "Temporal did not take a heartbeat for a moment; the step goes on where it stood")
}

func stopped(kind, message string) error {
	return temporal.NewApplicationErrorWithOptions(message, kind, temporal.ApplicationErrorOptions{Category: temporal.ApplicationErrorCategoryBenign})
}

type scrubbedHeartbeats struct {
	interceptor.ActivityOutboundInterceptorBase
}

// RecordHeartbeat implements interceptor.ActivityOutboundInterceptor.
func (s *scrubbedHeartbeats) RecordHeartbeat(ctx context.Context, details ...any) {
	s.Next.RecordHeartbeat(ctx, scrubValues(details)...)
}

// scrubError keeps what Temporal and workflows decide by (type, retry, delay,
// category, details, cancellation) and rewrites what people read. The cause is
// left out: its text is in the message already.
func scrubError(err error) error {
	if err == nil || errors.Is(err, activity.ErrResultPending) {
		return err
	}
	if canceled := (*temporal.CanceledError)(nil); errors.As(err, &canceled) {
		return canceled
	}
	if errors.Is(err, context.Canceled) {
		return context.Canceled
	}
	app := (*temporal.ApplicationError)(nil)
	if !errors.As(err, &app) {
		return temporal.NewApplicationError(shorten(azure.Scrub(err.Error())), typeOf(err))
	}
	// What is wrapped around the error stays; what it says of its own type, which
	// Temporal shows anyway, does not.
	message := strings.Replace(err.Error(), app.Error(), app.Message(), 1)
	return temporal.NewApplicationErrorWithOptions(shorten(azure.Scrub(message)), app.Type(), temporal.ApplicationErrorOptions{
		NonRetryable:   app.NonRetryable(),
		NextRetryDelay: app.NextRetryDelay(),
		Category:       app.Category(),
		Details:        scrubValues(detailsOf(app)),
	})
}

// detailsOf takes the details out of an error that was made in this process.
func detailsOf(app *temporal.ApplicationError) []any {
	if !app.HasDetails() {
		return nil
	}
	var details []any
	for {
		next := make([]any, len(details)+1)
		into := make([]any, len(next))
		for i := range next {
			into[i] = &next[i]
		}
		if app.Details(into...) != nil {
			return details
		}
		details = next
	}
}

// typeOf names the kind of an error as the SDK does: by its Go type, and by
// nothing for those that have no type of their own.
func typeOf(err error) string {
	t := reflect.TypeOf(err)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Name() {
	case "errorString", "wrapError", "wrapErrors", "joinError":
		return ""
	}
	return t.Name()
}

func scrubValues(values []any) []any {
	scrubbed := make([]any, len(values))
	for i, value := range values {
		scrubbed[i] = scrubValue(value)
	}
	return scrubbed
}

// scrubValue answers value itself where there is nothing to hide in it, and
// otherwise its JSON without what is to be hidden.
func scrubValue(value any) any {
	if value == nil {
		return nil
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // \u0026 would hide the & that a signature stands behind
	if err := encoder.Encode(value); err != nil {
		return value // which Temporal cannot encode either
	}
	scrubbed := azure.Scrub(text.String())
	if scrubbed == text.String() {
		return value
	}
	if !json.Valid([]byte(scrubbed)) {
		return nil
	}
	return json.RawMessage(scrubbed)
}

// shorten cuts a message at a whole character.
func shorten(message string) string {
	if len(message) <= maxMessage {
		return message
	}
	end := maxMessage - len("…")
	for !utf8.RuneStart(message[end]) {
		end--
	}
	return message[:end] + "…"
}
