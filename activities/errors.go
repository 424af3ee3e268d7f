package activities

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/durabatch/durabatch/azure"
)

// The types of the application errors that are not Azure's own codes.
const (
	InvalidWorkload = "InvalidWorkload" // the document, or the files it names, cannot be run
	NotOurs         = "NotOurs"         // a resource bears our name and not our mark
	TaskRefused     = "TaskRefused"     // Batch will not take a task as we describe it
	InputChanged    = "InputChanged"    // a file is not what it was when it was listed
	LocalFile       = "LocalFile"       // the worker's own file system refused
)

// fail says to Temporal what went wrong while doing something to a resource:
// in one line, under Azure's code, and whether another attempt can help.
// Credentials that were refused may be mended while the run waits.
func fail(err error, doing string, args ...any) error {
	return explain(err, fmt.Sprintf(doing, args...), azure.Refused, azure.Gone, azure.Exists)
}

// failFirst is fail for the first things that a run asks of a service: where
// the credentials are refused already, waiting would only hide it.
func failFirst(err error, doing string, args ...any) error {
	return explain(err, fmt.Sprintf(doing, args...), azure.Refused, azure.Gone, azure.Exists, azure.Denied)
}

func explain(err error, doing string, final ...azure.Kind) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if app := (*temporal.ApplicationError)(nil); errors.As(err, &app) {
		return err
	}
	if local := (*fs.PathError)(nil); errors.As(err, &local) {
		return refuse(LocalFile, "%s: %v", doing, err)
	}
	e := azure.Explain(err)
	options := temporal.ApplicationErrorOptions{NonRetryable: slices.Contains(final, e.Kind)}
	if e.Kind == azure.Wait {
		options.NextRetryDelay = 10 * time.Second
	}
	return temporal.NewApplicationErrorWithOptions(doing+": "+e.String(), e.Code, options)
}

// refuse ends the run: another attempt would fare no better.
func refuse(kind, message string, args ...any) error {
	return temporal.NewNonRetryableApplicationError(fmt.Sprintf(message, args...), kind, nil)
}

// pause waits, heartbeating nothing; it ends early with the context's error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-activity.GetWorkerStopChannel(ctx):
		return errStopping
	}
}

// errStopping hands an activity over to the next worker when this one is told
// to stop; the last heartbeat says where to go on.
var errStopping = temporal.NewApplicationErrorWithOptions("the worker is stopping; another one goes on",
	"WorkerStopping", temporal.ApplicationErrorOptions{Category: temporal.ApplicationErrorCategoryBenign})
