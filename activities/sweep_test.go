package activities

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/transfer/azuritetest"
	"github.com/durabatch/durabatch/workload"
)

// knownRuns are the runs of a Temporal that only this test knows.
type knownRuns struct {
	id    string
	known map[string]RunState // by first run id
	err   error
}

func (k *knownRuns) NamespaceID() string { return k.id }

func (k *knownRuns) State(_ context.Context, _, firstRunID string) (RunState, error) {
	return k.known[firstRunID], k.err
}

// estate is an account of its own, with what several runs have made.
type estate struct {
	*world
	runs   *knownRuns
	owners map[string]Owner
}

func newEstate(t *testing.T) *estate {
	t.Helper()
	storage, err := azuritetest.Start() // a sweep sees all that is there
	require.NoError(t, err)
	t.Cleanup(storage.Stop)
	w := newWorldOn(t, storage.ConnectionString())
	e := &estate{world: w, runs: &knownRuns{id: uuid.NewString(), known: map[string]RunState{}}, owners: map[string]Owner{}}
	w.Runs = e.runs
	return e
}

// has makes the resources of a run: pool, job, and both containers.
func (e *estate) has(name string, state RunState) {
	e.t.Helper()
	owner := Owner{WorkflowID: name + " of a test", RunID: uuid.NewString(), Namespace: "default"}
	e.owners[name], e.runs.known[owner.RunID] = owner, state
	pool, job := e.poolInput(0), e.jobInput()
	pool.Owner, pool.ID = owner, name
	job.Owner, job.ID, job.Pool = owner, name, name
	require.NoError(e.t, do(e.world, e.CreatePool, pool))
	require.NoError(e.t, do(e.world, e.CreateJob, job))
	for _, container := range []string{name + "-in", name + "-out"} {
		require.NoError(e.t, e.createContainer(e.t.Context(), container, owner))
	}
	e.steady(name)
}

func (e *estate) ids() []string {
	e.t.Helper()
	var found []string
	for pager := e.Batch.NewListPoolsPager(nil); pager.More(); {
		page, err := pager.NextPage(e.t.Context())
		require.NoError(e.t, err)
		for _, p := range page.Value {
			found = append(found, "pool "+*p.ID)
		}
	}
	for pager := e.Batch.NewListJobsPager(nil); pager.More(); {
		page, err := pager.NextPage(e.t.Context())
		require.NoError(e.t, err)
		for _, j := range page.Value {
			found = append(found, "job "+*j.ID)
		}
	}
	for pager := e.Storage.Containers(); pager.More(); {
		page, err := pager.NextPage(e.t.Context())
		require.NoError(e.t, err)
		for _, c := range page.ContainerItems {
			found = append(found, "container "+*c.Name)
		}
	}
	return found
}

func all(names ...string) []string {
	var ids []string
	for _, kind := range []string{"pool", "job"} {
		for _, name := range names {
			ids = append(ids, kind+" "+name)
		}
	}
	for _, name := range names {
		ids = append(ids, "container "+name+"-in", "container "+name+"-out")
	}
	return ids
}

func closed(ago time.Duration) RunState {
	return RunState{Closed: time.Now().Add(-ago), Status: "Terminated"}
}

// TestSweep deletes what is nobody's, all of it and nothing else.
func TestSweep(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	e.has("alive", RunState{Alive: true})
	e.has("ended", closed(2*time.Hour))
	e.has("recent", closed(10*time.Minute))
	e.has("kept", closed(100*time.Hour))
	require.NoError(t, do(e.world, e.Keep, KeepInput{Owner: e.owners["kept"], OutputContainer: "kept-out", Job: true, Pool: true}))
	here := e.runs.id
	e.runs.id = uuid.NewString()
	e.has("elsewhere", closed(100*time.Hour))
	there := e.runs.id
	e.runs.id = here
	e.strangers(nil, nil)
	before := e.ids()

	in := SweepInput{Grace: workload.Duration(time.Hour)}
	dry := mustRun(e.world, e.Sweep, in)
	require.Equal(t, before, e.ids(), "a dry run deletes nothing")
	require.False(t, dry.Deleted)
	require.Equal(t, []int{1, 1, 2}, []int{dry.Pools, dry.Jobs, dry.Inputs})
	require.Equal(t, []int{3, 3, 2}, []int{dry.Alive, dry.Recent, dry.Kept})
	require.Equal(t, []Elsewhere{{Namespace: "default", NamespaceID: there, Resources: 3}}, dry.Foreign)
	for _, l := range dry.Leftovers {
		require.Contains(t, l.Why, map[string]string{"ended": "2h0m0s ago (Terminated)", "kept": "100h0m0s ago"}[l.WorkflowID[:len(l.WorkflowID)-len(" of a test")]])
	}

	in.Delete = true
	swept := mustRun(e.world, e.Sweep, in)
	require.True(t, swept.Deleted)
	require.Zero(t, swept.Failed)
	gone := []string{"pool ended", "job ended", "container ended-in", "container kept-in"}
	after := slices.DeleteFunc(slices.Clone(before), func(id string) bool { return slices.Contains(gone, id) })
	require.Equal(t, after, e.ids())

	again := mustRun(e.world, e.Sweep, in)
	require.Zero(t, again.Pools+again.Jobs+again.Inputs)

	in.Lost, in.Grace = []string{there}, workload.Duration(time.Second)
	e.eventually("what is lost has been there for the grace time, and is deleted", func() bool {
		mustRun(e.world, e.Sweep, in)
		return !slices.Contains(e.ids(), "pool elsewhere")
	})
	require.Contains(t, e.ids(), "container elsewhere-out", "outputs are never deleted")
	require.Contains(t, e.ids(), "pool "+e.id, "what bears no mark is never deleted")
}

// TestSweepOfRunsThatTemporalForgot goes by the age of what they left.
func TestSweepOfRunsThatTemporalForgot(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	e.has("forgotten", RunState{})
	young := mustRun(e.world, e.Sweep, SweepInput{Delete: true, Grace: workload.Duration(time.Hour)})
	require.Equal(t, 3, young.Recent)
	e.eventually("they are old enough, and deleted", func() bool {
		mustRun(e.world, e.Sweep, SweepInput{Delete: true, Grace: workload.Duration(time.Second)})
		return slices.Equal([]string{"container forgotten-out"}, e.ids())
	})
}

// TestSweepDeletesNothingWithoutTemporal: an owner that cannot be asked is
// taken for alive.
func TestSweepDeletesNothingWithoutTemporal(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	e.has("ended", closed(2*time.Hour))
	e.runs.err = errors.New("no route to host")
	_, err := run(e.world, e.Sweep, SweepInput{Delete: true, Grace: workload.Duration(time.Hour)})
	require.ErrorContains(t, err, "no route to host")
	require.Equal(t, all("ended"), e.ids())
	e.Runs = nil
	_, err = run(e.world, e.Sweep, SweepInput{Delete: true, Grace: workload.Duration(time.Hour)})
	requireRefused(e.world, err, "NoTemporal")
}

func TestSweepTellsWhatLeftoversCost(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	e.has("ended", closed(2*time.Hour))
	_, err := e.Batch.ResizePool(t.Context(), "ended", azbatch.ResizePoolContent{TargetDedicatedNodes: to.Ptr[int32](2)}, nil)
	require.NoError(t, err)
	e.steady("ended")
	got := mustRun(e.world, e.Sweep, SweepInput{Grace: workload.Duration(time.Hour)})
	require.InDelta(t, 48, got.NodeHours, 1e-9)
	require.InDelta(t, 48*0.043, got.Cost, 1e-9)
}

// TestAMarkComesBackFromMetadata, however it is spelled there.
func TestAMarkComesBackFromMetadata(t *testing.T) {
	t.Parallel()
	want := mark{Owner: Owner{WorkflowID: "a run, ünnamed", RunID: "r", Namespace: "n s"}, namespaceID: "id"}
	got, ok := markOnBatch(want.ofBatch())
	require.True(t, ok)
	require.Equal(t, want, got)
	upper := map[string]*string{}
	for name, text := range maps.All(want.ofContainer()) {
		upper[string(name[0]-32)+name[1:]] = text
	}
	got, kept, ok := markOnContainer(upper)
	require.True(t, ok)
	require.Empty(t, kept)
	require.Equal(t, want, got)
	_, ok = markOnBatch(nil)
	require.False(t, ok)
}
