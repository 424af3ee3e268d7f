package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// What chaos is made of. The defaults are those of every run of the tests; make
// chaos asks for more.
var (
	chaosSeed   = flag.Uint64("chaos.seed", 1, "seed of the contents, faults and kills")
	chaosRuns   = flag.Int("chaos.runs", 3, "runs")
	chaosTasks  = flag.Int("chaos.tasks", 200, "tasks of each run")
	chaosAtOnce = flag.Int("chaos.at-once", 3, "runs that go on at the same time")
	chaosKill   = flag.Duration("chaos.kill", 10*time.Second, "mean time between kills")
	chaosBound  = flag.Duration("chaos.bound", 15*time.Minute, "how long a run may take before it counts as hanging")
	chaosWithin = flag.Duration("chaos.within", 0, "begin no run after this time (0: begin them all)")
	chaosReport = flag.String("chaos.report", "", "file for the figures, as Markdown")
)

// TestChaos: while worker, Temporal, Azurite and the Batch service are killed
// at random moments, and three of ten calls of Azure fail, each run ends with a
// verdict, its outputs are right, nothing of it was created twice, no task ran
// more often than its result says, and nothing is left but the outputs.
func TestChaos(t *testing.T) {
	t.Parallel()
	t.Logf("seed %d", *chaosSeed)
	c := newChaosStack(t, *chaosSeed)
	k := newChaosKiller(c.stack, *chaosSeed, *chaosKill)
	ctx, stop := context.WithCancel(t.Context())
	var background sync.WaitGroup
	background.Go(func() { k.keepKilling(ctx, t) })
	background.Go(func() { c.watchCreations(ctx) })
	began := time.Now()
	runs, asked, err := c.runAll(t)
	took := time.Since(began)
	stop()
	background.Wait()
	c.calm(t)

	c.tell(t, figures{seed: *chaosSeed, began: began, took: took, runs: runs, asked: asked, killer: k})
	require.NoError(t, err)
	c.requireCreatedOnce(t)
	pools, jobs, containers := c.leftovers(t)
	require.Empty(t, pools)
	require.Empty(t, jobs)
	require.Empty(t, containers, "the output containers were looked at and deleted")
	for _, r := range runs {
		history := c.rawHistory(t, r.id)
		for _, secret := range c.secrets() {
			require.NotContains(t, history, secret)
		}
	}
}

// runAll runs all of the runs for which there is time. It answers those that
// ended well, how many were begun, and what is wrong.
func (c *chaosStack) runAll(t *testing.T) (succeeded []*chaosRun, begun int, wrong error) {
	t.Helper()
	dir := t.TempDir()
	var (
		mu    sync.Mutex
		group errgroup.Group
		began = time.Now()
	)
	group.SetLimit(*chaosAtOnce)
	for n := range *chaosRuns {
		if *chaosWithin > 0 && time.Since(began) > *chaosWithin {
			break
		}
		begun++
		group.Go(func() error {
			ctx, cancel := context.WithTimeoutCause(t.Context(), *chaosBound, errors.New("the run hangs"))
			defer cancel()
			r, err := newChaosRun(c, dir, *chaosSeed, n, *chaosTasks)
			if err == nil {
				err = r.run(ctx)
			}
			if err == nil {
				err = r.forget(ctx)
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				wrong = errors.Join(wrong, fmt.Errorf("run %d: %w", n, err))
				t.Logf("run %d: %v", n, err)
				return nil
			}
			succeeded = append(succeeded, r)
			t.Logf("%s succeeded after %s: %d of %d runs", r.id, r.took.Round(time.Second), len(succeeded), *chaosRuns)
			return nil
		})
	}
	_ = group.Wait() // no function answers an error: one run's must not stop the others
	return succeeded, begun, wrong
}

// figures are what there is to tell of a chaos.
type figures struct {
	seed   uint64
	began  time.Time
	took   time.Duration
	runs   []*chaosRun // that succeeded
	asked  int         // runs that were begun
	killer *chaosKiller
}

// tell logs the figures and writes them where they were asked for.
func (c *chaosStack) tell(t *testing.T, f figures) {
	t.Helper()
	var b strings.Builder
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "| %s | %s |\n", name, fmt.Sprintf(format, args...))
	}
	b.WriteString("| what | figure |\n|---|---|\n")
	row("date, seed", "%s, %d", f.began.UTC().Format(time.DateOnly), f.seed)
	row("wall time", "%s, %d runs at once", f.took.Round(time.Second), *chaosAtOnce)
	row("runs", "%d of %d ended `Succeeded`, with %d of %d outputs right", len(f.runs), f.asked, len(f.runs)**chaosTasks, f.asked**chaosTasks)
	if len(f.runs) > 0 {
		var times []time.Duration
		var begun, counted int64
		again := 0
		for _, r := range f.runs {
			times = append(times, r.took.Round(time.Second))
			begun, counted, again = begun+r.begun, counted+r.counted, again+r.again
		}
		slices.Sort(times)
		row("time of a run", "%s, median %s, at most %s", times[0], times[len(times)/2], times[len(times)-1])
		row("tasks", "%d; their commands began %d times, by the results %d", len(f.runs)**chaosTasks, begun, counted)
		row("`starter` found no Temporal and was started again", "%d times", again)
		activities, attempts := c.attempts(t, f.runs)
		row("activities", "%d, in %d attempts", activities, attempts)
	}
	for _, part := range parts {
		row("`kill -9` of "+part, "%d", f.killer.kills[part])
	}
	row("of these, of all four at once", "%d times", f.killer.all)
	requests, injected := c.proxy.Injected()
	row("calls of Blob", "%d, of which went wrong: %s", requests, byKind(injected))
	row("calls of Batch that went wrong", "%s", byKind(c.batchFaults(t)))
	t.Logf("\n%s", b.String())
	if *chaosReport != "" {
		require.NoError(t, os.WriteFile(*chaosReport, []byte(b.String()), 0o644))
	}
}
