package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

var (
	killPoints = flag.Int("kill-points", 20, "at how many moments, drawn by lot, TestAKillAtEveryStep kills a worker; 0: at all")
	killSeed   = flag.Uint64("kill-seed", 0, "the seed of the lot; 0: another one each time")
	killSlots  = flag.Int("kill-slots", 10, "how many workers are killed at a time: their runs mostly wait for Temporal to notice")
	killPath   = flag.String("kill-path", "", "the one path to kill on")
)

// point is one moment on one path.
type point struct {
	path path
	moment
}

func (p point) String() string { return p.path.name + ": " + p.moment.String() }

// TestAKillAtEveryStep kills the worker, as a power cut does, right before and
// right after each thing that it does to the world: a request that changes
// something in Batch or Blob, an output that it fetches, an activity and a
// workflow task that it is given or says is done. Another worker comes, and the
// run ends as if nothing had happened: the same verdict, each task begun once,
// the right outputs, nothing left.
//
// A run without a kill shows the moments of a path. The trap lies between the
// worker and its services, so the worker is the one that people run, and the
// moments are those at which anybody but itself can tell whether it has done
// something.
func TestAKillAtEveryStep(t *testing.T) {
	t.Parallel()
	s := ownStack(t)
	k := &killer{T: t, stack: s, dir: t.TempDir()}
	k.prepare()
	victims := k.victims(*killSlots)
	points := k.points(victims)
	chosen := k.choose(points)

	began := time.Now()
	outcomes := inParallel(victims, chosen, k.at)
	sum := map[outcome]int{}
	for i, o := range outcomes {
		sum[o]++
		sum[outcome(chosen[i].path.name+": "+string(o))]++
	}
	for _, name := range slices.Sorted(maps.Keys(sum)) {
		t.Logf("%s: %d", name, sum[name])
	}
	t.Logf("kill points: %d of %d moments, %d workers killed, %d moments not met again, %d runs wrong, in %s",
		len(chosen), len(points), sum[killed], sum[missed], sum[wrong], time.Since(began).Round(time.Second))
	require.Less(t, sum[missed], 1+len(chosen)/10, "runs come to the same moments each time, but for what timing does")
}

// killer has workers killed.
type killer struct {
	*testing.T
	*stack
	dir string
}

// outcome is what came of one attempt to kill a worker.
type outcome string

const (
	killed outcome = "killed" // and the run ended as it should
	missed outcome = "missed" // the run did not come to the moment
	wrong  outcome = "wrong"  // something is not as it should be
)

// prepare makes what the paths use that is not the runs'.
func (k *killer) prepare() {
	k.createPool(k.T, "killed-pool", 2)
	container := k.storage.Container("killed-inputs")
	_, err := container.Create(k.Context(), nil)
	require.NoError(k, err)
	for name, content := range killedFiles() {
		_, err := container.NewBlockBlobClient(name).UploadBuffer(k.Context(), content, nil)
		require.NoError(k, err)
	}
}

func (k *killer) victims(slots int) []*victim {
	ctx, cancel := context.WithTimeout(k.Context(), time.Minute)
	defer cancel()
	victims := make([]*victim, slots)
	for i := range victims {
		v, err := newVictim(ctx, k.stack, i)
		require.NoError(k, err)
		k.Cleanup(func() { require.NoError(k, v.stop()) })
		victims[i] = v
	}
	return victims
}

// points runs each path once, with nobody killed, and answers its moments.
func (k *killer) points(victims []*victim) []point {
	paths := slices.DeleteFunc(killedPaths(), func(p path) bool { return *killPath != "" && p.name != *killPath })
	type dry struct {
		moments []moment
		err     error
	}
	found := inParallel(victims, paths, func(v *victim, p path) dry {
		_, err := k.one(v, p, nil)
		return dry{v.trap.saw(), err}
	})
	var points []point
	for i, d := range found {
		require.NoError(k, d.err, paths[i].name)
		k.Logf("%s: %d moments", paths[i].name, len(d.moments))
		for _, m := range d.moments {
			points = append(points, point{paths[i], m})
		}
	}
	return points
}

// choose draws points by lot.
func (k *killer) choose(points []point) []point {
	if *killPoints == 0 || *killPoints >= len(points) {
		return points
	}
	seed := *killSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	k.Logf("-kill-points=%d -kill-seed=%d", *killPoints, seed)
	lot := rand.New(rand.NewPCG(seed, 0))
	lot.Shuffle(len(points), func(i, j int) { points[i], points[j] = points[j], points[i] })
	return points[:*killPoints]
}

// at has one run killed at one point.
func (k *killer) at(v *victim, p point) outcome {
	sprung, err := k.one(v, p.path, &p.moment)
	switch {
	case err != nil:
		k.Errorf("killed %s: %v", p, err)
		return wrong
	case sprung:
		return killed
	}
	k.Logf("the run did not come to: %s", p)
	return missed
}

// one runs a path to its end and looks at all that it did.
func (k *killer) one(v *victim, p path, at *moment) (sprung bool, err error) {
	ctx, cancel := context.WithTimeout(k.Context(), runBound)
	defer cancel()
	dir, err := os.MkdirTemp(k.dir, "run-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	if err := prepareDirectory(dir); err != nil {
		return false, err
	}
	id := fmt.Sprintf("killed-%d", ids.Add(1))
	if p.janitor {
		err = k.sweeps(ctx, v, p, at, id, dir)
	} else {
		err = k.runs(ctx, v, p, at, id, dir)
	}
	if err != nil {
		err = fmt.Errorf("run %s in %s: %w", id, v.namespace, err)
	}
	return v.trap.hasSprung(), err
}

func (k *killer) runs(ctx context.Context, v *victim, p path, at *moment, id, dir string) error {
	v.trap.reset(at)
	run, err := p.start(ctx, v.temporal, id, dir)
	if err != nil {
		return err
	}
	if p.drive != nil {
		if err := p.drive(ctx, v.temporal, id); err != nil {
			return err
		}
	}
	var report workload.Report
	if err := run.Get(ctx, &report); err != nil {
		var ok bool
		if report, ok = workflows.ReportOf(err); !ok {
			return fmt.Errorf("it ended without a report: %w", err)
		}
	}
	return errors.Join(k.check(ctx, p, report, dir), replay(ctx, v.temporal, id, converter.GetDefaultDataConverter()))
}

// sweeps has a run terminated, and the Janitor clean up after it.
func (k *killer) sweeps(ctx context.Context, v *victim, p path, at *moment, id, dir string) error {
	v.trap.reset(nil)
	run, err := p.start(ctx, v.temporal, id, dir)
	if err != nil {
		return err
	}
	if err := p.drive(ctx, v.temporal, id); err != nil {
		return err
	}
	v.trap.reset(at)
	const grace = time.Second
	janitor, err := v.temporal.ExecuteWorkflow(ctx,
		client.StartWorkflowOptions{ID: id + "-janitor", TaskQueue: workflows.TaskQueue, StartDelay: 2 * grace},
		"Janitor", workflows.SweepInput{Delete: true, Grace: workload.Duration(grace)})
	if err != nil {
		return err
	}
	var swept workflows.SweepResult
	if err := janitor.Get(ctx, &swept); err != nil {
		return err
	}
	if swept.Failed > 0 {
		return fmt.Errorf("the Janitor left something: %+v", swept.Leftovers)
	}
	name := workload.ResourceName(id, run.GetRunID())
	return k.checkLeft(ctx, p, workload.Resources{Pool: name, Job: name, InputContainer: name + "-in"})
}
