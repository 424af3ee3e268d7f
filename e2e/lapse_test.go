package e2e

import (
	"context"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/localbatch"
	"github.com/durabatch/durabatch/workload"
)

// onClock is a stack whose Batch service goes by a clock of the test's own.
func (s *stack) onClock(t *testing.T) (*stack, *localbatch.TestClock) {
	t.Helper()
	clock := &localbatch.TestClock{}
	service, err := localbatch.New(localbatch.Options{
		DataDir: t.TempDir(), AccountName: s.env["AZURE_BATCH_ACCOUNT_NAME"], AccountKey: s.env["AZURE_BATCH_ACCOUNT_KEY"], Clock: clock,
	})
	require.NoError(t, err)
	server := httptest.NewServer(service.Handler())
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		require.NoError(t, service.Close())
	})
	other := &stack{dir: s.dir, env: maps.Clone(s.env), temporal: s.temporal, storage: s.storage}
	other.env["AZURE_BATCH_ENDPOINT"] = server.URL
	config, err := azure.ConfigFromEnv(func(name string) string { return other.env[name] })
	require.NoError(t, err)
	other.batch, err = azure.NewBatch(config)
	require.NoError(t, err)
	return other, clock
}

// TestNothingOfOursAlive kills the worker of three runs for good while they
// wait for their tasks. Batch does what is left to do by itself, as each run has
// told it to: a job ends with its last task, or at its own timeout, and a pool
// goes to zero nodes within twice its lease of 20 minutes, which is how long the
// first one is. A pool of the user's keeps its nodes.
func TestNothingOfOursAlive(t *testing.T) {
	t.Parallel()
	s, clock := shared(t).onClock(t)
	ctx, cancel := context.WithTimeout(t.Context(), runBound)
	defer cancel()
	v, err := newVictim(ctx, s, 1000)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, v.stop()) })
	s.createPool(t, "lapse-mine", 1)

	gated := `"task": {"command": "while ! [ -e 'DIR/gate' ]; do sleep 0.2; done; cp {{input}} {{output}}", "output": "{{stem}}.out"}`
	began := time.Now()
	ends, dir := v.lost(ctx, t, "ends", killedPool, gated)
	sleeps, _ := v.lost(ctx, t, "sleeps", killedPool, sleepingTask)
	mine, _ := v.lost(ctx, t, "mine", `"pool": {"id": "lapse-mine"}`, sleepingTask)
	v.stayDead()

	require.NoError(t, os.WriteFile(filepath.Join(dir, "gate"), nil, 0o644))
	s.untilJobEnds(t, ends.Job, "AllTasksComplete")

	const first = 35 * time.Minute // two leases, less the five minutes that Batch may take to look
	clock.Advance(first - time.Since(began) - time.Minute)
	s.untilNodes(t, ends.Pool, 2)
	s.untilNodes(t, sleeps.Pool, 2)
	clock.Advance(6 * time.Minute)
	s.untilNodes(t, ends.Pool, 0)
	s.untilNodes(t, sleeps.Pool, 0)
	s.untilNodes(t, "lapse-mine", 1)

	clock.Advance(time.Minute) // past the run's timeout of 30 minutes and ten more
	s.untilJobEnds(t, sleeps.Job, "MaxWallClockTimeExpiry")
	s.untilJobEnds(t, mine.Job, "MaxWallClockTimeExpiry")
}

// lost starts a run and returns when it waits for its tasks, all of which run.
func (v *victim) lost(ctx context.Context, t *testing.T, name, pool, task string) (workload.Resources, string) {
	t.Helper()
	id, dir := fmt.Sprintf("lapse-%s", name), t.TempDir()
	writeNumbered(t, dir, 1)
	p := path{workload: document(killedInputs, pool, task)}
	_, err := p.start(ctx, v.temporal, id, dir)
	require.NoError(t, err)
	require.NoError(t, untilWaits(ctx, v.temporal, id))
	r, err := names(ctx, v.temporal, id)
	require.NoError(t, err)
	until(t, time.Minute, "its task runs", func() bool {
		counts, err := v.batch.GetJobTaskCounts(ctx, r.Job, nil)
		return err == nil && *counts.TaskCounts.Running == 1
	})
	job, err := v.batch.GetJob(ctx, r.Job, nil)
	require.NoError(t, err)
	require.Equal(t, to.Ptr(azbatch.OnAllTasksCompleteTerminateJob), job.OnAllTasksComplete, "the last task is in")
	return r, dir
}

func (s *stack) untilJobEnds(t *testing.T, job, reason string) {
	t.Helper()
	until(t, time.Minute, "job "+job+" ends", func() bool {
		got, err := s.batch.GetJob(t.Context(), job, nil)
		require.NoError(t, err)
		return *got.State == azbatch.JobStateCompleted && *got.ExecutionInfo.TerminationReason == reason
	})
}

func (s *stack) untilNodes(t *testing.T, pool string, nodes int32) {
	t.Helper()
	until(t, time.Minute, fmt.Sprintf("pool %s has %d nodes", pool, nodes), func() bool {
		now, target := s.nodes(t, pool)
		return now == nodes && target == nodes
	})
}
