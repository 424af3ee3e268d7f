package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workload"
)

var (
	leaksLease  = flag.Bool("leaks.lease", false, "also wait for a lease of ten minutes to lapse")
	leaksReport = flag.String("leaks.report", "", "file for the seconds of TestLeaks, as Markdown")
)

// TestLeaks: however a run ends, its nodes go, and then its pool, its job and
// its inputs, by the run itself or by one sweep of the Janitor.
func TestLeaks(t *testing.T) {
	t.Parallel()
	lapsed := beginLapse(t)
	l := &leaks{stack: ownStack(t)} // a sweep sees the whole account
	t.Run("by itself", func(t *testing.T) {
		const copies = "cp {{input}} {{output}}"
		l.byItself(t, "success", exitSucceeded, copies, nil)
		l.byItself(t, "failure", exitFailed, "exit 3", nil)
		l.byItself(t, "timeout", exitFailed, "sleep 3600", nil)
		l.byItself(t, "cancel", exitCancelled, "sleep 3600", func(t *testing.T, id string) {
			require.Equal(t, exitSucceeded, l.starter(t, "cancel", id).code)
		})
	})
	t.Run("terminate", func(t *testing.T) {
		l.bySweep(t, "`temporal workflow terminate`", func(id string, _ workload.Resources) {
			l.temporalCLI(t, "workflow", "terminate", "--workflow-id", id, "--reason", "a test")
		})
	})
	t.Run("Temporal lost", func(t *testing.T) {
		l.bySweep(t, "Temporal's database is deleted", func(_ string, r workload.Resources) { l.loseTemporal(t, r) })
	})
	if lapsed != nil {
		l.rows = append(l.rows, lapsed())
	}
	l.tell(t)
}

// leaks measures how long after its end what of a run is gone.
type leaks struct {
	*stack
	rows []string
}

// gone is when the pool had no nodes any more, and when nothing was left.
type gone struct{ nodes, all time.Time }

// untilNothingLeft looks until pool, job and inputs of a run are gone.
func (l *leaks) untilNothingLeft(ctx context.Context, r workload.Resources) (gone, error) {
	var g gone
	for ctx.Err() == nil {
		pool, err := l.batch.GetPool(ctx, r.Pool, nil)
		empty := isNotFound(err) || err == nil && *pool.CurrentDedicatedNodes+*pool.CurrentLowPriorityNodes == 0
		if empty && g.nodes.IsZero() {
			g.nodes = time.Now()
		}
		_, noJob := l.batch.GetJob(ctx, r.Job, nil)
		_, noInputs := l.storage.Container(r.InputContainer).GetProperties(ctx, nil)
		if isNotFound(err) && isNotFound(noJob) && isNotFound(noInputs) {
			g.all = time.Now()
			return g, nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return g, fmt.Errorf("something of pool %s, job %s and container %s is still there: %w", r.Pool, r.Job, r.InputContainer, context.Cause(ctx))
}

// running starts a run of two tasks and returns when it has a node; its
// timeout is 20 seconds where the tasks do not end.
func (l *leaks) running(t *testing.T, command string, sections ...string) (string, workload.Resources) {
	t.Helper()
	dir := t.TempDir()
	writeNumbered(t, dir, 2)
	file := writeWorkload(t, dir, append([]string{"inputs: {dir: InputFiles}",
		fmt.Sprintf("task: {command: %q, output: '{{stem}}.out'}", command)}, sections...)...)
	id := newID(t)
	l.start(t, id, file)
	r := l.resources(t, id)
	until(t, runBound, "the run has a node, or had one", func() bool {
		pool, err := l.batch.GetPool(t.Context(), r.Pool, nil)
		return err == nil && *pool.CurrentLowPriorityNodes > 0
	})
	return id, r
}

// byItself has a run end in a way after which it cleans up itself. end, if
// there is one, ends it.
func (l *leaks) byItself(t *testing.T, way string, code int, command string, end func(t *testing.T, id string)) {
	t.Run(way, func(t *testing.T) {
		const timeout = 20 * time.Second
		id, r := l.running(t, command, poolOf(2), "cleanup: {when: always}", "timeout: "+timeout.String())
		var ended time.Time
		if end != nil {
			l.untilRunning(t, id, 1)
			ended = time.Now()
			end(t, id)
		}
		g := l.watch(t, r, runBound)()
		report := l.reportOf(t, id, code)
		require.Empty(t, report.Left)
		switch {
		case !ended.IsZero():
		case report.Outcome == workload.TimedOut:
			ended = report.Started.Add(timeout)
		default:
			for _, result := range l.results(t, report) {
				if result.Ended.After(ended) {
					ended = result.Ended
				}
			}
		}
		l.row(way, "the run itself", ended, g)
	})
}

// bySweep has a run end in a way after which nothing of it lives, and the
// Janitor sweep.
func (l *leaks) bySweep(t *testing.T, way string, end func(id string, r workload.Resources)) {
	t.Helper()
	id, r := l.running(t, "sleep 3600", poolOf(2))
	l.untilRunning(t, id, 1)
	end(id, r)
	ended := time.Now()
	watched := l.watch(t, r, runBound)
	l.sweepOnce(t, r.Pool)
	g := watched()
	require.True(t, l.containerExists(t, r.OutputContainer), "outputs are never swept")
	l.row(way, "one sweep of the Janitor, begun at once (grace 1 s)", ended, g)
}

// sweepOnce has the Janitor delete a pool and what else is without owner, of
// namespaces that are gone too, once the grace time is over.
func (l *leaks) sweepOnce(t *testing.T, pool string) {
	args := []string{"run", "--grace", "1s"}
	until(t, runBound, "the pool is without owner for the grace time", func() bool {
		dry := l.sweep(t, args...)
		for _, elsewhere := range dry.Foreign {
			args = append(args, "--lost", elsewhere.NamespaceID)
		}
		for _, leftover := range dry.Leftovers {
			if leftover.Name == pool {
				return true
			}
		}
		return false
	})
	swept := l.sweep(t, append(args, "--delete")...)
	require.Zero(t, swept.Failed, "%+v", swept.Leftovers)
}

// loseTemporal cuts the power and deletes Temporal's database before it comes
// back.
func (l *leaks) loseTemporal(t *testing.T, r workload.Resources) {
	t.Helper()
	l.untilAzuriteSaved(t, r.OutputContainer)
	l.cutPower(t)
	found, err := filepath.Glob(filepath.Join(l.dir, "temporal.db*"))
	require.NoError(t, err)
	require.NotEmpty(t, found)
	for _, file := range found {
		require.NoError(t, os.Remove(file))
	}
	require.NoError(t, l.up())
}

// watch is untilNothingLeft beside the test; watched waits for its end.
func (l *leaks) watch(t *testing.T, r workload.Resources, bound time.Duration) (watched func() gone) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	t.Cleanup(cancel)
	var g gone
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		g, err = l.untilNothingLeft(ctx, r)
	}()
	return func() gone {
		<-done
		require.NoError(t, err)
		return g
	}
}

// beginLapse terminates a run and leaves its pool to its lease of ten minutes,
// the shortest there is: of ours, nothing looks after it any more. The first
// lease is twice as long, less one evaluation of the formula, and Batch may
// take one more to notice. What is returned waits for that, has the Janitor
// sweep, and tells it; nil: nobody asked for it.
func beginLapse(t *testing.T) (lapsed func() string) {
	t.Helper()
	if !*leaksLease {
		return nil
	}
	l := &leaks{stack: ownStack(t)}
	pool := strings.Replace(poolOf(2), "spotNodes", "lease: 10m, spotNodes", 1)
	id, r := l.running(t, "sleep 3600", pool)
	l.untilRunning(t, id, 1)
	l.temporalCLI(t, "workflow", "terminate", "--workflow-id", id, "--reason", "a test")
	ended := time.Now()
	const bound = 25 * time.Minute
	watched := l.watch(t, r, bound+runBound)
	return func() string {
		until(t, bound-time.Since(ended), "the pool goes to zero nodes", func() bool {
			now, _ := l.nodes(t, r.Pool)
			return now == 0
		})
		l.sweepOnce(t, r.Pool)
		l.row("terminate, and no Janitor for as long as there are nodes", "the lease of the pool, `lease: 10m`; then one sweep", ended, watched())
		return l.rows[0]
	}
}

func (l *leaks) row(way, by string, ended time.Time, g gone) {
	l.rows = append(l.rows, fmt.Sprintf("| %s | %.1f s | %.1f s | %s |", way, g.nodes.Sub(ended).Seconds(), g.all.Sub(ended).Seconds(), by))
}

func (l *leaks) tell(t *testing.T) {
	t.Helper()
	text := "| ended by | no nodes after | nothing left after | what does it |\n|---|---|---|---|\n" + strings.Join(l.rows, "\n") + "\n"
	t.Logf("\n%s", text)
	if *leaksReport != "" {
		require.NoError(t, os.WriteFile(*leaksReport, []byte(text), 0o644))
	}
}
