package activities

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"go.temporal.io/sdk/temporal"

	"github.com/durabatch/durabatch/workload"
)

// WaitInput names what to watch.
type WaitInput struct {
	Owner   Owner  `json:"owner"`
	Job     string `json:"job"`
	Pool    string `json:"pool"`
	OwnPool bool   `json:"ownPool"` // the run created it, so nobody else will mend it
	Files   int64  `json:"files"`
	// PerTask is how many files share a task; 0 is 1.
	PerTask int64 `json:"perTask,omitempty"`
	// Lease of a pool of the run's own is renewed while the wait lasts.
	Lease Lease `json:"lease,omitzero"`
	// Listed is how many inputs the list has, which task ids count, where it is
	// more than the run has tasks for.
	Listed int64 `json:"listed,omitempty"`
	// Tolerated is how many files may fail; one more ends the wait. Nil: any number.
	Tolerated *int64 `json:"tolerated,omitempty"`
	// Access tells whether Submit may have to add tasks again that never began.
	Access Access `json:"access,omitzero"`
	// OutputContainer gets what a start task that failed has written.
	OutputContainer string `json:"outputContainer,omitempty"`
}

// WaitResult is how the wait ended. Without Failure, every task is completed.
type WaitResult struct {
	Counts  workload.Counts   `json:"counts"`
	Failure *workload.Failure `json:"failure,omitempty"`
	Reason  string            `json:"reason,omitempty"` // why nothing moved when the wait was cancelled
	// NodeTime is what the nodes of a pool of the run's own were there for.
	NodeTime workload.NodeTime `json:"nodeTime,omitzero"`
}

// Wait watches the job until it is completed, or until nothing can complete it
// any more, or until it is cancelled, which it answers with what it last saw.
// Task counts are for progress and may lag; the end is told by the job's own
// state, which Submit has tied to its tasks.
func (a *Activities) Wait(ctx context.Context, in WaitInput) (WaitResult, error) {
	a.waiting.Add(1)
	defer a.waiting.Add(-1)
	now := time.Now()
	w := wait{Activities: a, in: in, nodeTime: resumeNodeTime(ctx), watch: watch{began: now, moved: now}}
	progress := &beat{ctx: ctx, progress: workload.Progress{Step: "wait", Total: in.Files, NodeTime: w.nodeTime}}
	defer progress.alive()()
	levels := watched{metrics: a.Metrics}
	defer levels.shows(ctx, sight{})
	for {
		seen, err := w.lookPatiently(ctx)
		if err != nil {
			return WaitResult{}, err
		}
		if seen.done {
			w.account(time.Now(), w.nodeTime.VMSize, w.paid)
		}
		levels.shows(ctx, seen)
		progress.reached(func(p *workload.Progress) {
			*p = workload.Progress{
				Step: "wait", Files: seen.counts.Completed(), Total: in.Files,
				Counts: seen.counts, Nodes: seen.nodes, Reason: seen.reason,
				NodeTime: w.nodeTime, Failures: w.recent.failures,
			}
		})
		if seen.failure != nil || seen.done {
			return WaitResult{Counts: seen.counts, Failure: seen.failure, NodeTime: w.nodeTime}, nil
		}
		err = pause(ctx, a.interval(w.watch.see(time.Now(), seen.counts).next()))
		if err != nil && temporal.IsCanceledError(context.Cause(ctx)) {
			return WaitResult{Counts: seen.counts, Reason: seen.reason, NodeTime: w.nodeTime}, nil
		}
		if err != nil {
			return WaitResult{}, err
		}
	}
}

// sight is what one look at job and pool shows.
type sight struct {
	counts  workload.Counts
	nodes   nodeCounts
	reason  string            // why nothing moves, when nothing does
	failure *workload.Failure // why nothing will move any more
	done    bool
}

// wait is one Wait at work.
type wait struct {
	*Activities
	in        WaitInput
	idleSince time.Time // when tasks were first seen to wait beside idle nodes
	nodeTime  workload.NodeTime
	paid      costlyNodes // at the last look
	recent    recent
	watch     watch
	health    sight // what the last look at job and pool showed
	looked    time.Time
	last      sight // that showed all
	patience  patience
}

// lookPatiently shows what the last look did where this one got no answer.
func (w *wait) lookPatiently(ctx context.Context) (sight, error) {
	seen, err := w.look(ctx)
	if !w.patience.bears(ctx, err) {
		return seen, err
	}
	if err == nil {
		w.last = seen
		return seen, nil
	}
	seen = w.last
	if app := (*temporal.ApplicationError)(nil); w.patience.missed > 1 && errors.As(err, &app) {
		seen.reason = "Batch does not answer just now: " + app.Message()
	}
	return seen, nil
}

// look counts the tasks and, where none runs or it is time again, looks at the
// job and the pool.
func (w *wait) look(ctx context.Context) (sight, error) {
	seen, err := w.count(ctx)
	if err != nil || seen.failure != nil {
		return seen, err
	}
	w.noticeFailures(ctx, seen.counts.Failed)
	if seen.counts.Running > 0 && time.Since(w.looked) < w.interval(healthInterval) {
		seen.nodes, seen.reason = w.health.nodes, w.health.reason
		return seen, nil
	}
	if err := w.lookAround(ctx, &seen); err != nil {
		return seen, err
	}
	w.health, w.looked = seen, time.Now()
	return seen, nil
}

// count asks for the tasks by state.
func (w *wait) count(ctx context.Context) (seen sight, err error) {
	answer, err := w.Batch.GetJobTaskCounts(ctx, w.in.Job, nil)
	if gone := fail(err, "count the tasks of job %s", w.in.Job); isGone(gone) {
		seen.failure = w.jobGone()
		return seen, nil
	} else if gone != nil {
		return seen, gone
	}
	tasks := countsOf(answer.TaskCounts, w.in.Files)
	seen.counts = filesOf(tasks, w.in.PerTask)
	seen.failure, err = w.tooManyFailures(ctx, tasks) // of several files, one failed at least
	return seen, unlessGone(err)
}

func (w *wait) jobGone() *workload.Failure {
	return &workload.Failure{Code: "JobNotFound",
		Message: fmt.Sprintf("job %s does not exist any more: somebody deleted it, or the Batch service lost it", w.in.Job)}
}

// lookAround asks for the job first: whatever became of the pool, a job that is
// completed is the end.
func (w *wait) lookAround(ctx context.Context, seen *sight) error {
	if err := w.lookAtJob(ctx, seen); err != nil || seen.done || seen.failure != nil {
		return err
	}
	disabled := seen.reason
	if err := w.lookAtPool(ctx, seen); err != nil || seen.failure != nil {
		return err
	}
	if disabled != "" {
		seen.reason = disabled
	}
	w.noticeIdleNodes(seen)
	return w.noticeForeignTasks(ctx, seen)
}

func (w *wait) lookAtJob(ctx context.Context, seen *sight) error {
	in := w.in
	job, err := w.Batch.GetJob(ctx, in.Job, &azbatch.GetJobOptions{SelectParam: []string{"id", "state", "executionInfo"}})
	if gone := fail(err, "look at job %s", in.Job); isGone(gone) {
		seen.failure = w.jobGone()
		return nil
	} else if gone != nil {
		return gone
	}
	switch state := value(job.State); state {
	case azbatch.JobStateCompleted:
		seen.done = true
		seen.failure = endedEarly(in.Job, job.ExecutionInfo)
	case azbatch.JobStateDeleting:
		seen.failure = &workload.Failure{Code: "JobBeingDeleted", Message: fmt.Sprintf("somebody deletes job %s", in.Job)}
	case azbatch.JobStateDisabled, azbatch.JobStateDisabling:
		seen.reason = fmt.Sprintf("job %s is %s: somebody disabled it; its tasks go on when it is enabled", in.Job, state)
	}
	return nil
}

// idlePatience is how long tasks may wait beside idle nodes: Batch takes a
// moment to assign them, and its counts lag.
const idlePatience = 30 * time.Second

// noticeIdleNodes says so when tasks wait although nodes have nothing to do:
// no node has the slots that a task needs, or Batch does not assign them.
func (w *wait) noticeIdleNodes(seen *sight) {
	idle := seen.nodes.of(azbatch.NodeStateIdle)
	if idle == 0 || seen.counts.Active == 0 || seen.counts.Running > 0 || seen.reason != "" {
		w.idleSince = time.Time{}
		return
	}
	if w.idleSince.IsZero() {
		w.idleSince = time.Now()
	}
	if waited := time.Since(w.idleSince); waited >= idlePatience {
		seen.reason = fmt.Sprintf("%d tasks of job %s wait although %d nodes of pool %s have been idle for %s: does a node have the slots that a task needs?",
			seen.counts.Active, w.in.Job, idle, w.in.Pool, waited.Round(time.Second))
	}
}

// noticeForeignTasks tells tasks that others added to the run's job. They keep
// the job from ending, but not the run: it is done when its own tasks are.
func (w *wait) noticeForeignTasks(ctx context.Context, seen *sight) error {
	c := seen.counts
	foreign := c.Active + c.Running + c.Succeeded + c.Failed - w.in.Files
	if foreign <= 0 {
		return nil
	}
	if seen.reason == "" {
		seen.reason = fmt.Sprintf("%d tasks of job %s are not the run's: somebody added them", foreign, w.in.Job)
	}
	if c.Active+c.Running > foreign {
		return nil
	}
	unfinished, err := w.hasUnfinishedTask(ctx)
	seen.done = err == nil && !unfinished
	return err
}

// hasUnfinishedTask looks for one of the run's own tasks that is not completed.
func (w *wait) hasUnfinishedTask(ctx context.Context) (bool, error) {
	pager := w.Batch.NewListTasksPager(w.in.Job, &azbatch.ListTasksOptions{
		Filter: to.Ptr(fmt.Sprintf("(state eq 'active' or state eq 'preparing' or state eq 'running') and id ge '%s' and id le '%s'",
			workload.TaskID(0), workload.TaskID(max(w.in.Files, w.in.Listed)-1))),
		SelectParam: []string{"id"}, MaxResults: to.Ptr[int32](1),
	})
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return false, fail(err, "list the tasks of job %s", w.in.Job)
		}
		if len(page.Value) > 0 {
			return true, nil
		}
	}
	return false, nil
}

// endedEarly is the failure of a job that something else ended than the last
// of its tasks.
func endedEarly(job string, info *azbatch.JobExecutionInfo) *workload.Failure {
	if info == nil {
		return nil
	}
	if e := info.SchedulingError; e != nil {
		return &workload.Failure{Code: value(e.Code), Message: fmt.Sprintf("Batch could not schedule job %s: %s", job, value(e.Message))}
	}
	switch reason := value(info.TerminationReason); reason {
	case "", "AllTasksComplete":
		return nil
	case "MaxWallClockTimeExpiry":
		return &workload.Failure{Code: reason, Message: fmt.Sprintf("job %s reached its own timeout (job.timeout)", job)}
	default:
		return &workload.Failure{Code: reason, Message: fmt.Sprintf("job %s was terminated before its tasks were done (%s)", job, reason)}
	}
}

// filesOf makes counts of tasks, each of several files, those of files: what the
// run's progress is told in. Which files of a task failed is not known before
// its record is read.
func filesOf(c workload.Counts, perTask int64) workload.Counts {
	left := c.Total
	take := func(tasks int64) int64 {
		n := min(tasks*perTask, left)
		left -= n
		return n
	}
	if perTask > 1 {
		c.Succeeded, c.Failed, c.Running, c.Active = take(c.Succeeded), take(c.Failed), take(c.Running), take(c.Active)
	}
	return c
}

func countsOf(c *azbatch.TaskCounts, total int64) workload.Counts {
	if c == nil {
		return workload.Counts{Total: total}
	}
	return workload.Counts{
		Total: total, Active: int64(value(c.Active)), Running: int64(value(c.Running)),
		Succeeded: int64(value(c.Succeeded)), Failed: int64(value(c.Failed)),
	}
}

// nodeCounts asks for the pool's nodes by state, dedicated and spot together,
// and for those of either kind that cost something.
func (a *Activities) nodeCounts(ctx context.Context, pool string) (nodeCounts, costlyNodes, error) {
	pager := a.Batch.NewListPoolNodeCountsPager(&azbatch.ListPoolNodeCountsOptions{Filter: to.Ptr("poolId eq '" + pool + "'")})
	sum, paid := nodeCounts{}, costlyNodes{}
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return nil, paid, fail(err, "count the nodes of pool %s", pool)
		}
		for _, counts := range page.Value {
			sum.add(counts.Dedicated)
			sum.add(counts.LowPriority)
			paid.dedicated += costly(counts.Dedicated)
			paid.spot += costly(counts.LowPriority)
		}
	}
	return sum, paid, nil
}

// nodeCounts are nodes by state; states that no node is in are absent.
type nodeCounts map[string]int32

func (n nodeCounts) add(c *azbatch.NodeCounts) {
	if c == nil {
		return
	}
	for _, state := range []struct {
		name  azbatch.NodeState
		count *int32
	}{
		{azbatch.NodeStateCreating, c.Creating},
		{azbatch.NodeStateStarting, c.Starting},
		{azbatch.NodeStateWaitingForStartTask, c.WaitingForStartTask},
		{azbatch.NodeStateStartTaskFailed, c.StartTaskFailed},
		{azbatch.NodeStateIdle, c.Idle},
		{azbatch.NodeStateRunning, c.Running},
		{azbatch.NodeStateOffline, c.Offline},
		{azbatch.NodeStatePreempted, c.Preempted},
		{azbatch.NodeStateRebooting, c.Rebooting},
		{azbatch.NodeStateReimaging, c.Reimaging},
		{azbatch.NodeStateUpgradingOS, c.UpgradingOS},
		{azbatch.NodeStateUnusable, c.Unusable},
		{azbatch.NodeStateUnknown, c.Unknown},
		{azbatch.NodeStateLeavingPool, c.LeavingPool},
		{azbatch.NodeStateDeallocating, c.Deallocating},
		{azbatch.NodeStateDeallocated, c.Deallocated},
	} {
		if value(state.count) > 0 {
			n[string(state.name)] += *state.count
		}
	}
}

// String lists the states in the order of their names: "2 starting, 1 unusable".
func (n nodeCounts) String() string {
	var parts []string
	for _, state := range slices.Sorted(maps.Keys(n)) {
		parts = append(parts, fmt.Sprintf("%d %s", n[state], state))
	}
	return strings.Join(parts, ", ")
}

func (n nodeCounts) of(states ...azbatch.NodeState) int32 {
	var sum int32
	for _, state := range states {
		sum += n[string(state)]
	}
	return sum
}

func (n nodeCounts) total() int32 {
	var sum int32
	for _, count := range n {
		sum += count
	}
	return sum
}
