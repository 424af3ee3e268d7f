package activities

import (
	"context"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"go.temporal.io/sdk/activity"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/workload"
)

// Signatures of Entra ID last seven days. A run that may last longer has its
// tasks signed as they are added, so it adds them late: only so many ahead as
// its nodes can begin while half of a signature's life is left to run in. What
// still waits then, because nodes did not come, is signed anew.

// longest is how long a signature can last; zero: as long as it has to.
func (a *Activities) longest() time.Duration {
	if a.signaturesLast > 0 {
		return a.signaturesLast
	}
	return a.Storage.SignaturesLast()
}

// endsEarly says that signatures made at the beginning of the run would end
// before it.
func (a *Activities) endsEarly(access Access) bool {
	longest := a.longest()
	return access.Identity == "" && longest > 0 && access.total() > longest
}

// expiry is until when an address is signed that is made now. Those of a window
// share it for a while, since each new one costs a key.
func (a *Activities) expiry(access Access) time.Time {
	if !a.endsEarly(access) {
		return access.Until
	}
	longest := a.longest()
	last := time.Now().Add(longest).Truncate(longest / 64)
	if access.Until.Before(last) {
		return access.Until
	}
	return last
}

// taskNeeds is for how long a task needs its addresses once it has begun, with
// all of its tries; false: nobody knows.
func (a *Activities) taskNeeds(task workload.Task) (time.Duration, bool) {
	margin := min(AccessMargin, a.longest()/8)
	tries := time.Duration(1 + task.MaxRetries)
	if !task.Together() {
		tries *= time.Duration(task.GroupSize())
	}
	return time.Duration(task.Timeout)*tries + margin, task.Timeout > 0
}

// mayWait is how long a task may wait before its addresses are signed anew.
func (a *Activities) mayWait() time.Duration { return a.longest() / 2 }

// mayNeed is how much of the other half a task may need, less what clocks and
// looks may be off.
func (a *Activities) mayNeed() time.Duration { return a.longest()/2 - a.longest()/10 }

// checkWindow refuses a run whose tasks could outlive their signatures even if
// each was signed just before it began.
func (a *Activities) checkWindow(in ScanInput) error {
	if !a.endsEarly(in.Access) {
		return nil
	}
	needs, known := a.taskNeeds(in.Task)
	if known && needs <= a.mayNeed() {
		return nil
	}
	why := "no task.timeout bounds a task"
	if known {
		why = fmt.Sprintf("a task may need %s (task.timeout %s x %d tries + margin)", needs, in.Task.Timeout, (needs-AccessMargin)/time.Duration(in.Task.Timeout))
	}
	return refuse(InvalidWorkload, "timeout: the run's nodes need signed addresses that last %s, and those of the worker's Entra ID last %s at most (Azure's 7 days less 10 minutes). "+
		"They are renewed where no task needs them for more than %s, but %s: set a shorter task.timeout, shorten timeout and job.timeout, give the worker an account key (%s), or name an identity of the nodes (pool.identity)",
		in.Access.need(), a.longest(), a.mayNeed(), why, azure.EnvStorageConnectionString)
}

// window is a Submit whose tasks are signed as they are added. A nil window
// does nothing: signatures last.
type window struct {
	*Activities
	in        SubmitInput
	looked    time.Time // for tasks that waited too long
	startTask time.Time // when it was signed last; zero: who knows
}

// openWindow signs what the tasks of in share, and finishes what an attempt
// before this one may have left half done.
func (a *Activities) openWindow(ctx context.Context, in *SubmitInput) (*window, error) {
	if err := a.signOutputs(ctx, in); err != nil || !a.endsEarly(in.Access) {
		return nil, err
	}
	w := &window{Activities: a, in: *in}
	if activity.GetInfo(ctx).Attempt == 1 {
		w.startTask = time.Now() // with the pool
	}
	return w, w.resumeReissue(ctx)
}

func (a *Activities) signOutputs(ctx context.Context, in *SubmitInput) (err error) {
	in.outputsURL, err = a.containerAddress(ctx, in.OutputContainer, azure.Upload, in.Access)
	return fail(err, "sign the address of container %s", in.OutputContainer)
}

// turn waits until more tasks may be added, and signs what they share.
func (w *window) turn(ctx context.Context, in *SubmitInput, tell func()) error {
	if w == nil {
		return nil
	}
	ahead, err := w.ahead(ctx)
	if err != nil {
		return err
	}
	err = w.until(ctx, tell, func() (bool, error) {
		counts, err := w.Batch.GetJobTaskCounts(ctx, w.in.Job, nil)
		if err != nil {
			return false, fail(err, "count the tasks of job %s", w.in.Job)
		}
		return int64(value(value(counts.TaskCounts).Active)) < ahead, nil
	})
	if err != nil {
		return err
	}
	return w.signOutputs(ctx, in)
}

// stay keeps signatures fresh until no task needs them any more.
func (w *window) stay(ctx context.Context, tell func()) error {
	if w == nil {
		return nil
	}
	own := wait{Activities: w.Activities, in: WaitInput{Job: w.in.Job, Files: w.in.Files}}
	return w.until(ctx, tell, func() (bool, error) {
		unfinished, err := own.hasUnfinishedTask(ctx)
		return !unfinished, err
	})
}

// until renews what is due until done says so.
func (w *window) until(ctx context.Context, tell func(), done func() (bool, error)) error {
	for started := time.Now(); ; {
		if err := w.renewDue(ctx); err != nil {
			return err
		}
		if ok, err := done(); ok || err != nil {
			return err
		}
		tell()
		if err := pause(ctx, pollInterval(time.Since(started))); err != nil {
			return err
		}
	}
}

// renewDue signs anew what has waited too long. It looks often enough that
// nothing is late by more than mayNeed leaves room for.
func (w *window) renewDue(ctx context.Context) error {
	if time.Since(w.looked) < w.longest()/40 {
		return nil
	}
	if err := w.reissueOverdue(ctx); err != nil {
		return err
	}
	w.looked = time.Now()
	return w.renewStartTask(ctx)
}

// renewStartTask gives nodes that join from now on a start task whose addresses
// they can still use.
func (w *window) renewStartTask(ctx context.Context) error {
	if w.in.StartTask == nil || time.Since(w.startTask) < w.mayWait() {
		return nil
	}
	task, err := w.batchStartTask(ctx, w.in.StartTask, w.in.Access)
	if err != nil {
		return err
	}
	_, err = w.Batch.UpdatePool(ctx, w.in.Pool, azbatch.UpdatePoolContent{StartTask: task}, nil)
	if err != nil {
		return fail(err, "renew the addresses of the start task of pool %s", w.in.Pool)
	}
	w.startTask = time.Now()
	return nil
}

// ahead is how many tasks may wait: as many as the pool's nodes, should they
// all be there, begin within the time that a task may wait.
func (w *window) ahead(ctx context.Context) (int64, error) {
	pool, err := w.Batch.GetPool(ctx, w.in.Pool, &azbatch.GetPoolOptions{SelectParam: []string{
		"id", "targetDedicatedNodes", "targetLowPriorityNodes", "currentDedicatedNodes", "currentLowPriorityNodes", "taskSlotsPerNode",
	}})
	if err != nil {
		return 0, fail(err, "look at pool %s", w.in.Pool)
	}
	nodes := max(value(pool.TargetDedicatedNodes), value(pool.CurrentDedicatedNodes)) + max(value(pool.TargetLowPriorityNodes), value(pool.CurrentLowPriorityNodes))
	atOnce := max(nodes, 1) * max(value(pool.TaskSlotsPerNode)/max(w.in.Task.Slots, 1), 1)
	needs, _ := w.taskNeeds(w.in.Task)
	return int64(atOnce) * max(int64(w.mayWait()/max(needs, time.Second)), 1), nil
}

// endWithTasks tells a job that has all of its tasks to end with them.
func (a *Activities) endWithTasks(ctx context.Context, job string) error {
	_, err := a.Batch.UpdateJob(ctx, job, azbatch.UpdateJobContent{
		OnAllTasksComplete: to.Ptr(azbatch.OnAllTasksCompleteTerminateJob),
	}, nil)
	if hasCode(err, azure.CodeJobCompleted, azure.CodeJobBeingTerminated) {
		err = nil // an earlier attempt told it, and it ended since
	}
	return fail(err, "tell job %s to end with its tasks", job)
}
