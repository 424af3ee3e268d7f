package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/transfer"
)

// The types of the application errors that are not Azure's own codes.
const (
	InvalidWorkload = "InvalidWorkload" // the document, or the files it names, cannot be run
	NotOurs         = "NotOurs"         // a resource bears our name and not our mark
	TaskRefused     = "TaskRefused"     // Batch will not take a task as we describe it
	InputChanged    = "InputChanged"    // a file is not what it was when it was listed
	AccessDenied    = "AccessDenied"    // the credentials do not suffice for the first thing that was asked
	OutputChanged   = "OutputChanged"   // a blob is not what the results say of it
	RecordBroken    = "RecordBroken"    // what a run or its tasks have written for later is gone, or is something else
)

// fail says to Temporal what went wrong while doing something to a resource:
// in one line, under Azure's code, and whether another attempt can help.
// Credentials that were refused may be mended while the run waits.
func fail(err error, doing string, args ...any) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if app := (*temporal.ApplicationError)(nil); errors.As(err, &app) {
		return err
	}
	if errors.Is(err, transfer.ErrNoPart) || errors.Is(err, transfer.ErrBroken) {
		return refuse(RecordBroken, "%s: %v: somebody else deleted or changed it", fmt.Sprintf(doing, args...), err)
	}
	e := azure.Explain(err)
	options := temporal.ApplicationErrorOptions{
		NonRetryable: e.Kind == azure.Refused || e.Kind == azure.Gone || e.Kind == azure.Exists,
	}
	if e.Kind == azure.Wait {
		options.NextRetryDelay = 10 * time.Second
	}
	options.NextRetryDelay = max(options.NextRetryDelay, e.RetryAfter)
	return temporal.NewApplicationErrorWithOptions(fmt.Sprintf(doing, args...)+": "+e.String(), e.Code, options)
}

// failFirst is fail for the first things that a run asks of a service: where
// the credentials are refused already, waiting would only hide it. That tells
// the workflow that nothing was created, so it is for first attempts alone.
func failFirst(ctx context.Context, err error, doing string, args ...any) error {
	if e := azure.Explain(err); e.Kind == azure.Denied && activity.GetInfo(ctx).Attempt == 1 {
		return refuse(AccessDenied, "%s: %s", fmt.Sprintf(doing, args...), e)
	}
	return fail(err, doing, args...)
}

// refuse ends the run: another attempt would fare no better.
func refuse(kind, message string, args ...any) error {
	return temporal.NewNonRetryableApplicationError(fmt.Sprintf(message, args...), kind, nil)
}

// pause waits; it ends early with the context's error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
