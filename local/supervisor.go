package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// part is one program of the stack.
type part struct {
	name string   // of its files: <name>.pid, <name>.log
	path string   // of the executable
	args []string // without the program's name
	env  []string
	// answers returns nil once the part does its work. It is asked again and
	// again, each time with a context that ends soon.
	answers func(ctx context.Context) error
	// grace is how long the part may take to stop when asked to, before it is
	// killed with all of its process group.
	grace time.Duration
	// orphaned is what Linux sends the part should this program be killed:
	// SIGKILL to what loses nothing by it, SIGTERM to what has to tidy up.
	orphaned syscall.Signal
}

// supervisor starts parts, starts them again when they die, and stops them in
// reverse order. One goroutine calls its methods.
type supervisor struct {
	dir      string // where the parts' files go
	log      *slog.Logger
	backoff  func(failures int) time.Duration // before the next start, after so many short lives in a row
	patience time.Duration                    // how long a part may take to answer for the first time
	keepers  []*keeper                        // in order of start
}

// settled is how long a process must have lived for its death to count as the
// first of its kind.
const settled = 10 * time.Second

// probeInterval and probeTimeout space the questions whether a part answers.
const (
	probeInterval = 50 * time.Millisecond
	probeTimeout  = 2 * time.Second
)

// doubling is the backoff of a stack: 100 ms, 200 ms, and so on to 5 s.
func doubling(failures int) time.Duration {
	return min(100*time.Millisecond<<min(failures, 10), 5*time.Second)
}

// start starts parts at the same time and returns when each of them answers.
// A part that ends first, or that does not answer in time, is an error with
// the end of its log. What was started stays for stop to end.
func (s *supervisor) start(ctx context.Context, parts ...part) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range parts {
		k := newKeeper(p, s.dir, s.log, s.backoff)
		s.keepers = append(s.keepers, k)
		go k.keep()
		g.Go(func() error { return s.await(ctx, k) })
	}
	return g.Wait()
}

// await returns when k's part answers.
func (s *supervisor) await(ctx context.Context, k *keeper) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.patience, fmt.Errorf("no answer within %s", s.patience))
	defer cancel()
	again := time.NewTicker(probeInterval)
	defer again.Stop()
	for {
		probe, cancelProbe := context.WithTimeout(ctx, probeTimeout)
		err := k.answers(probe)
		cancelProbe()
		if err == nil && k.settle() {
			return nil
		}
		select {
		case end := <-k.unsettled:
			return k.cannotStart(end)
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return k.cannotStart(fmt.Errorf("%w: %w", context.Cause(ctx), err))
			}
			return ctx.Err()
		case <-again.C:
		}
	}
}

// stop ends every part, the last started first, each within its grace, or at
// once when ctx ends. When it returns, no process of theirs is left.
func (s *supervisor) stop(ctx context.Context) {
	for _, k := range slices.Backward(s.keepers) {
		k.stop(ctx)
	}
	s.keepers = nil
}
