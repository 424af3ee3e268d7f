// Worker hosts the workflows and the activities of durabatch. It takes work
// from the task queue durabatch, and, for files of this machine, from
// durabatch@<its name>. All of a run's state is in Temporal and in Azure: a
// worker can be killed, moved and multiplied at will.
//
// It is the only program that needs Azure's credentials. They stay in it: it
// starts no process, and what it logs or tells Temporal is scrubbed.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/durabatch/durabatch/activities"
	"github.com/durabatch/durabatch/azure"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}

// Exit codes.
const (
	exitStopped     = 0 // told to stop, and stopped
	exitFailed      = 1
	exitUsage       = 2 // arguments or settings
	exitUnreachable = 3 // Temporal never answered
)

// run works until ctx ends, which is SIGTERM or Ctrl-C, and answers the exit
// code.
func run(ctx context.Context, args, environ []string, _ io.Reader, _, stderr io.Writer) int {
	logger := newLogger(stderr, environment(environ).Get("DURABATCH_LOG_FORMAT"))
	settings, err := settingsFrom(args, environment(environ))
	if err == nil {
		err = serve(ctx, settings, logger)
	}
	if err == nil {
		return exitStopped
	}
	fmt.Fprintf(stderr, "worker: %s\n", azure.Scrub(err.Error()))
	exit := (*exitError)(nil)
	if errors.As(err, &exit) {
		return exit.code
	}
	return exitFailed
}

// serve connects, works and stops.
func serve(ctx context.Context, settings settings, logger *slog.Logger) error {
	watched, err := newMonitor(settings, logger)
	if err != nil {
		return err
	}
	defer watched.close()
	if err := watched.observe(&settings); err != nil {
		return err
	}
	acts, err := newActivities(settings.azure, settings.limits, watched.counts)
	if err != nil {
		return err
	}
	c, err := dial(ctx, settings.temporal, dialPatience, logger)
	if err != nil || c == nil {
		return err
	}
	defer c.Close()
	if acts.Runs, err = activities.NewTemporalRuns(ctx, c, settings.temporal.Namespace); err != nil {
		return exitf(exitUnreachable, "%w; does it exist, and may this worker use it?", err)
	}
	fatal := make(chan error, 2)
	workers := newWorkers(c, acts, settings.host, fatal)
	if err := workers.start(); err != nil {
		return fmt.Errorf("the worker cannot start: %w", err)
	}
	watched.ready(c)
	logger.Info("worker is ready", "temporal", settings.temporal.HostPort, "namespace", settings.temporal.Namespace,
		"taskQueues", workers.queues(), "azure", settings.azure)
	select {
	case <-ctx.Done():
		logger.Info("worker is stopping", "atMost", stopTimeout)
	case err = <-fatal:
		err = fmt.Errorf("the worker cannot go on: %w", err)
	}
	watched.stopping()
	workers.stop()
	return err
}

// dialPatience is how long Temporal may take to come up beside the worker.
const dialPatience = 2 * time.Minute
