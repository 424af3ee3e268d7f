package main

import (
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"github.com/durabatch/durabatch/activities"
	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workflows"
)

// stopTimeout is how long activities may take to hand over when the worker is
// told to stop. They watch for it and need a moment only; without it every
// deploy would be a crash.
const stopTimeout = 30 * time.Second

// workers are the two that one process is: one for what any machine can do,
// one for the files of this one.
type workers struct {
	anywhere, here worker.Worker
	host           string
}

func newActivities(config azure.Config, limits transfer.Limits, counts *activities.Metrics) (*activities.Activities, error) {
	batch, err := azure.NewBatch(config)
	if err != nil {
		return nil, exitf(exitUsage, "the Batch account cannot be used: %w", err)
	}
	storage, err := azure.NewStorage(config)
	if err != nil {
		return nil, exitf(exitUsage, "the storage account cannot be used: %w", err)
	}
	acts := &activities.Activities{Batch: batch, Storage: storage, Transfers: transfer.NewBudget(limits), Metrics: counts}
	if config.BatchIsHere() {
		acts.SlowestPoll = 2 * time.Second
	}
	return acts, nil
}

// newWorkers registers everything. A worker that cannot go on says so on fatal.
func newWorkers(c client.Client, acts *activities.Activities, host string, fatal chan<- error) workers {
	options := options(func(err error) { fatal <- err })
	w := workers{anywhere: worker.New(c, workflows.TaskQueue, options), host: host}
	options.DisableWorkflowWorker = true
	w.here = worker.New(c, workflows.HostTaskQueue(host), options)
	w.anywhere.RegisterWorkflow(workflows.RunWorkload)
	w.anywhere.RegisterWorkflow(workflows.Janitor)
	w.anywhere.RegisterActivity(acts)
	w.here.RegisterActivity(acts)
	return w
}

func options(onFatal func(error)) worker.Options {
	return worker.Options{
		WorkerStopTimeout: stopTimeout,
		// Heartbeats are what people see of a run, and where it resumes: no more
		// than two seconds of either may be lost. Less would not do: the SDK gives
		// one heartbeat as long to arrive, and stops the attempt when it does not.
		MaxHeartbeatThrottleInterval: 2 * time.Second,
		// Plain limits, not the SDK's resource-based tuner: most activities are
		// waits, which use neither processor nor memory to speak of, so that the
		// tuner would see no reason ever to stop, and what moves bytes has limits of
		// its own over all runs. With too few slots the waits of many runs would keep
		// out the submissions they wait for: a run has two activities at a time
		// here, so this is for 2,500 runs, of some 50 kB each.
		MaxConcurrentActivityExecutionSize:     5000,
		MaxConcurrentWorkflowTaskExecutionSize: 20,
		// As many polls as there is work for: one poll brings one task.
		ActivityTaskPollerBehavior: worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{MaximumNumberOfPollers: 20}),
		WorkflowTaskPollerBehavior: worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{MaximumNumberOfPollers: 20}),
		Interceptors:               []interceptor.WorkerInterceptor{&scrubber{}},
		OnFatalError:               onFatal,
	}
}

func (w workers) queues() []string {
	return []string{workflows.TaskQueue, workflows.HostTaskQueue(w.host)}
}

func (w workers) start() error {
	if err := w.anywhere.Start(); err != nil {
		return err
	}
	if err := w.here.Start(); err != nil {
		w.anywhere.Stop()
		return err
	}
	return nil
}

// stop stops both at once, so that they share the time there is.
func (w workers) stop() {
	var both sync.WaitGroup
	both.Go(w.anywhere.Stop)
	both.Go(w.here.Stop)
	both.Wait()
}
