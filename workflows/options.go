package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// heartbeatTimeout is how soon the death of a worker is noticed. Long
// activities heartbeat whenever something moves and with each look when they
// watch; one call to Batch, with its retry, takes less.
const heartbeatTimeout = 30 * time.Second

// shortly is for activities of a few calls: create, patch, look.
func shortly(summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		Summary:             summary,
		StartToCloseTimeout: time.Minute,
		RetryPolicy:         retryAlways(30 * time.Second),
		// A mutation must be over before the cleanup begins.
		WaitForCancellation: true,
	}
}

// atLength is for activities that move, submit or watch for as long as the run
// lets them. Their limit is the run's timeout, which cancels them.
func atLength(summary string) workflow.ActivityOptions {
	options := shortly(summary)
	options.StartToCloseTimeout = 30 * 24 * time.Hour
	options.HeartbeatTimeout = heartbeatTimeout
	return options
}

// withinBound is for what has to be done after the work, however often Azure
// fails to: retried until the bound.
func withinBound(summary string, bound time.Duration) workflow.ActivityOptions {
	options := atLength(summary)
	options.ScheduleToCloseTimeout = bound
	options.RetryPolicy = retryAlways(time.Minute)
	return options
}

// onHost moves an activity to the machine that has the files. It is waited for
// at most hostPatience where firstContact says that no worker of that machine
// has been seen yet; later a worker that is away, such as a laptop that sleeps,
// may take its time.
func onHost(options workflow.ActivityOptions, host string, firstContact bool) workflow.ActivityOptions {
	options.TaskQueue = HostTaskQueue(host)
	if firstContact {
		options.ScheduleToStartTimeout = hostPatience
	}
	return options
}

const hostPatience = 90 * time.Second

// retryAlways retries without an attempt limit: activities themselves say which
// errors no attempt can mend.
func retryAlways(slowest time.Duration) *temporal.RetryPolicy {
	return &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: slowest}
}
