package activities

import (
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/localbatch/faults"
	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

func TestWaitEndsOnABrokenPool(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool := w.poolInput(2)
	pool.Pool.StartTask = &workload.StartTask{Command: "echo no such codec >&2; exit 3"}
	require.NoError(t, do(w, w.CreatePool, pool))
	require.NoError(t, do(w, w.CreateJob, w.jobInput()))

	started := time.Now()
	waited := mustRun(w, w.Wait, w.waitInput(1))
	require.Less(t, time.Since(started), 10*time.Second)
	require.NotNil(t, waited.Failure)
	require.Equal(t, "StartTaskFailed", waited.Failure.Code)
	require.Contains(t, waited.Failure.Message, "with exit code 3")
	require.EqualValues(t, 3, *waited.Failure.ExitCode)
	require.Equal(t, "no such codec", waited.Failure.Stderr)
	require.NotEmpty(t, waited.Failure.Node)
}

// TestWaitKeepsWhatTheStartTaskWrote, which is gone with its node.
func TestWaitKeepsWhatTheStartTaskWrote(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.listed("a.txt")
	pool := w.poolInput(1)
	pool.Pool.StartTask = &workload.StartTask{Command: "echo installing; echo no such codec >&2; exit 3"}
	require.NoError(t, do(w, w.CreatePool, pool))
	require.NoError(t, do(w, w.CreateJob, w.jobInput()))
	in := w.waitInput(1)
	in.OutputContainer = w.out()

	failure := mustRun(w, w.Wait, in).Failure
	require.NotNil(t, failure)
	require.Equal(t, "_durabatch/logs/start-task/"+failure.Node, failure.Logs)
	for name, want := range map[string]string{"stdout.txt": "installing\n", "stderr.txt": "no such codec\n"} {
		text, err := transfer.Get(t.Context(), w.Storage.Container(w.out()), failure.Logs+"/"+name)
		require.NoError(t, err)
		require.Equal(t, want, string(text))
	}
}

// TestWaitSaysWhatBecameOfTheNodes: the run goes on where Batch, or somebody,
// may mend it, and ends where nobody will.
func TestWaitSaysWhatBecameOfTheNodes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rule          faults.NodeRule
		reason, fails string
	}{
		"unusable":  {faults.NodeRule{Becomes: faults.Unusable}, "", "NodesUnusable"},
		"unknown":   {faults.NodeRule{Becomes: faults.Unknown}, "no node of pool {} is ready yet: 2 unknown", ""},
		"offline":   {faults.NodeRule{Becomes: faults.Offline}, "no node of pool {} is ready yet: 2 offline", ""},
		"preempted": {faults.NodeRule{Becomes: faults.Preempted}, "no node of pool {} is ready yet: 2 preempted", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			require.NoError(t, w.batch.SetFaults(faults.Plan{Nodes: []faults.NodeRule{c.rule}}))
			pool := w.poolInput(0)
			pool.Pool.SpotNodes = 2
			require.NoError(t, do(w, w.CreatePool, pool))
			require.NoError(t, do(w, w.CreateJob, w.jobInput()))
			giveUp, ctx := cancellable(t)
			began := time.Now()
			waited := mustRun(w, w.Wait, w.waitInput(1), within(ctx), heard(func(p workload.Progress) {
				if c.reason != "" && p.Reason == strings.ReplaceAll(c.reason, "{}", w.id) {
					giveUp()
				}
			}))
			require.Less(t, time.Since(began), 15*time.Second)
			if c.fails != "" {
				require.NotNil(t, waited.Failure)
				require.Equal(t, c.fails, waited.Failure.Code)
				require.NotEmpty(t, waited.Failure.Node)
				return
			}
			require.Nil(t, waited.Failure)
			require.Equal(t, strings.ReplaceAll(c.reason, "{}", w.id), waited.Reason)
		})
	}
}

// TestSomeBrokenNodes do not end a run: the others do its work.
func TestSomeBrokenNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.batch.SetFaults(faults.Plan{StartTasks: []faults.StartTaskRule{{When: faults.When{Times: 1}, ExitCode: 7}}}))
	w.write("a.txt")
	scanned := mustRun(w, w.Scan, w.scanInput())
	mustRun(w, w.Upload, w.uploadInput(scanned))
	pool := w.poolInput(2)
	pool.Pool.StartTask = &workload.StartTask{Command: "true"}
	require.NoError(t, do(w, w.CreatePool, pool))
	require.NoError(t, do(w, w.CreateJob, w.jobInput()))
	w.eventually("a start task has failed", func() bool {
		counts, _, err := w.nodeCounts(t.Context(), w.id)
		return err == nil && counts.of(azbatch.NodeStateStartTaskFailed) == 1 && counts.of(azbatch.NodeStateIdle) == 1
	})
	_, err := w.Batch.DisableJob(t.Context(), w.id, azbatch.DisableJobContent{DisableTasks: to.Ptr(azbatch.DisableJobOptionWait)}, nil)
	require.NoError(t, err)
	seen := sight{}
	one := wait{Activities: w.Activities, in: w.waitInput(1)}
	require.NoError(t, one.lookAtPool(t.Context(), &seen))
	require.Equal(t, "1 of 2 nodes cannot run tasks (start task failed or unusable)", seen.reason)
	require.Nil(t, seen.failure)

	_, err = w.Batch.EnableJob(t.Context(), w.id, nil)
	require.NoError(t, err)
	mustRun(w, w.Submit, w.submitInput(1))
	require.Nil(t, mustRun(w, w.Wait, w.waitInput(1)).Failure)
}

// TestQuotasAreWaitedFor: another attempt may find room.
func TestQuotasAreWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	quotas := func(q faults.Quotas) { require.NoError(t, w.batch.SetFaults(faults.Plan{Quotas: q})) }
	quotas(faults.Quotas{Pools: to.Ptr(0), ActiveJobsAndSchedules: to.Ptr(0)})
	for code, err := range map[string]error{
		"PoolQuotaReached":                 do(w, w.CreatePool, w.poolInput(0)),
		"ActiveJobAndScheduleQuotaReached": do(w, w.CreateJob, w.jobInput()),
	} {
		var app *temporal.ApplicationError
		require.ErrorAs(t, err, &app)
		require.Equal(t, code, app.Type())
		require.False(t, app.NonRetryable())
		require.Equal(t, 10*time.Second, app.NextRetryDelay())
	}
	quotas(faults.Quotas{})
	require.NoError(t, do(w, w.CreatePool, w.poolInput(0)))
	require.NoError(t, do(w, w.CreateJob, w.jobInput()))
}

// TestWaitTellsCapacityFromWhatNeverComes: the one is waited for, the other
// ends the run, unless the pool is the user's.
func TestWaitTellsCapacityFromWhatNeverComes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		plan    faults.Plan
		code    string
		patient bool
	}{
		"capacity":       {faults.Plan{Allocations: []faults.AllocationRule{{Fail: "AllocationFailed"}}}, "AllocationFailed", true},
		"quota":          {faults.Plan{Quotas: faults.Quotas{DedicatedCores: to.Ptr(0)}}, "AccountCoreQuotaReached", true},
		"no such size":   {faults.Plan{Allocations: []faults.AllocationRule{{Fail: "UnsupportedVMSize"}}}, "UnsupportedVMSize", false},
		"policy forbids": {faults.Plan{Allocations: []faults.AllocationRule{{Fail: "OperationsRestrictedByPolicy"}}}, "OperationsRestrictedByPolicy", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			require.NoError(t, w.batch.SetFaults(c.plan))
			require.NoError(t, do(w, w.CreatePool, w.poolInput(2)))
			require.NoError(t, do(w, w.CreateJob, w.jobInput()))
			giveUp, ctx := cancellable(t)
			began := time.Now()
			waited := mustRun(w, w.Wait, w.waitInput(1), within(ctx), heard(func(p workload.Progress) {
				if c.patient && strings.Contains(p.Reason, c.code) {
					giveUp()
				}
			}))
			require.Less(t, time.Since(began), 15*time.Second)
			if c.patient {
				require.Nil(t, waited.Failure)
				require.Contains(t, waited.Reason, "pool "+w.id+" got no nodes: "+c.code)
				return
			}
			require.NotNil(t, waited.Failure)
			require.Equal(t, c.code, waited.Failure.Code)
		})
	}
}

// TestWaitSaysWhatBecameOfTheJob at the hands of others.
func TestWaitSaysWhatBecameOfTheJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	scanned := w.prepared(0, "a.txt")
	mustRun(w, w.Submit, w.submitInput(scanned.Files))
	_, err := w.Batch.DisableJob(t.Context(), w.id, azbatch.DisableJobContent{DisableTasks: to.Ptr(azbatch.DisableJobOptionRequeue)}, nil)
	require.NoError(t, err)
	giveUp, ctx := cancellable(t)
	waited := mustRun(w, w.Wait, w.waitInput(1), within(ctx), heard(func(p workload.Progress) {
		if strings.Contains(p.Reason, "is disabled") {
			giveUp()
		}
	}))
	require.Contains(t, waited.Reason, "somebody disabled it")
	_, err = w.Batch.EnableJob(t.Context(), w.id, nil)
	require.NoError(t, err)

	_, err = w.Batch.TerminateJob(t.Context(), w.id, &azbatch.TerminateJobOptions{
		Parameters: &azbatch.TerminateJobContent{TerminationReason: to.Ptr("LunchBreak")}})
	require.NoError(t, err)
	waited = mustRun(w, w.Wait, w.waitInput(1))
	require.NotNil(t, waited.Failure)
	require.Equal(t, "LunchBreak", waited.Failure.Code)
	require.Contains(t, waited.Failure.Message, "was terminated before its tasks were done")
}

// TestWaitIsNotHeldUpByTasksOfOthers that were put into the run's job.
func TestWaitIsNotHeldUpByTasksOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	scanned := w.prepared(1, "a.txt")
	_, err := w.Batch.CreateTask(t.Context(), w.id, azbatch.CreateTaskContent{ID: to.Ptr("a-stranger"), CommandLine: to.Ptr("sleep 600")}, nil)
	require.NoError(t, err)
	mustRun(w, w.Submit, w.submitInput(scanned.Files))
	told := false
	waited := mustRun(w, w.Wait, w.waitInput(1), heard(func(p workload.Progress) {
		told = told || p.Reason == "1 tasks of job "+w.id+" are not the run's: somebody added them"
	}))
	require.True(t, told)
	require.Nil(t, waited.Failure)
	require.EqualValues(t, 1, waited.Counts.Succeeded)
}

// TestWaitSaysThatTasksWaitBesideIdleNodes when they have for a while.
func TestWaitSaysThatTasksWaitBesideIdleNodes(t *testing.T) {
	t.Parallel()
	w := wait{in: WaitInput{Job: "j", Pool: "p"}}
	stuck := func() *sight {
		return &sight{counts: workload.Counts{Active: 2}, nodes: nodeCounts{"idle": 3}}
	}
	seen := stuck()
	w.noticeIdleNodes(seen)
	require.Empty(t, seen.reason, "Batch takes a moment to assign tasks")
	w.idleSince = w.idleSince.Add(-idlePatience)
	seen = stuck()
	w.noticeIdleNodes(seen)
	require.Contains(t, seen.reason, "2 tasks of job j wait although 3 nodes of pool p have been idle for 30s")
	seen = stuck()
	seen.counts.Running = 1
	w.noticeIdleNodes(seen)
	require.Empty(t, seen.reason)
	require.Zero(t, w.idleSince)
}

// TestWaitIsPatientWithAPoolOfTheUsers, which its owner may mend: it says what
// it waits for, also when the wait is given up.
func TestWaitIsPatientWithAPoolOfTheUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pool := w.poolInput(1)
	pool.Pool.StartTask = &workload.StartTask{Command: "exit 3"}
	require.NoError(t, do(w, w.CreatePool, pool))
	require.NoError(t, do(w, w.CreateJob, w.jobInput()))

	in := w.waitInput(1)
	in.OwnPool = false
	giveUp, ctx := cancellable(t)
	waited := mustRun(w, w.Wait, in, within(ctx), heard(func(p workload.Progress) {
		if strings.Contains(p.Reason, "start task") {
			giveUp()
		}
	}))
	require.Nil(t, waited.Failure)
	require.Contains(t, waited.Reason, "the start task (pool.startTask) failed on every node")
}

func TestWaitTellsADeletedJobAndPool(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, do(w, w.CreatePool, w.poolInput(0)))
	require.NoError(t, do(w, w.CreateJob, w.jobInput()))

	_, err := w.Batch.DeletePool(t.Context(), w.id, nil)
	require.NoError(t, err)
	w.eventually("the pool is gone", func() bool {
		exists, err := azure.PoolExists(t.Context(), w.Batch, w.id)
		return err == nil && !exists
	})
	waited := mustRun(w, w.Wait, w.waitInput(1))
	require.NotNil(t, waited.Failure)
	require.Equal(t, "PoolNotFound", waited.Failure.Code)

	require.NoError(t, do(w, w.DeleteJob, JobInput{Owner: w.owner, Job: w.id}))
	waited = mustRun(w, w.Wait, w.waitInput(1))
	require.NotNil(t, waited.Failure)
	require.Equal(t, "JobNotFound", waited.Failure.Code)
}

// TestWaitSaysWhyNothingMoves while it waits, and when the wait is given up.
func TestWaitSaysWhyNothingMoves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	scanned := w.prepared(0, "a.txt")
	mustRun(w, w.Submit, w.submitInput(scanned.Files))
	giveUp, ctx := cancellable(t)
	waited := mustRun(w, w.Wait, w.waitInput(1), within(ctx), heard(func(p workload.Progress) {
		if p.Counts.Active == 1 && p.Reason != "" {
			giveUp()
		}
	}))
	require.Nil(t, waited.Failure)
	require.Equal(t, "pool "+w.id+" has no nodes", waited.Reason)
	require.Equal(t, workload.Counts{Total: 1, Active: 1}, waited.Counts)
}
