package localbatch

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/durabatch/durabatch/localbatch/store"
)

// taskDependencies are what a task waits for: tasks by their ids, and ranges
// of tasks whose ids are integers.
type taskDependencies struct {
	TaskIDs      []string      `json:"taskIds,omitempty"`
	TaskIDRanges []taskIDRange `json:"taskIdRanges,omitempty"`
}

// taskIDRange has both ends included.
type taskIDRange struct {
	Start *int32 `json:"start"`
	End   *int32 `json:"end"`
}

// maxDependencyText is how long the ids of a task's dependencies may be
// together (Batch REST reference, "TaskDependencies"). What its ranges may be
// is not published: here, as long when written as "start-end".
const maxDependencyText = 64_000

func (d *taskDependencies) len() int {
	if d == nil {
		return 0
	}
	return len(d.TaskIDs) + len(d.TaskIDRanges)
}

func (d *taskDependencies) check() error {
	if d == nil {
		return nil
	}
	length := 0
	for _, id := range d.TaskIDs {
		if err := checkID(id); err != nil {
			return invalidProperty("dependsOn.taskIds", id, "it is not the id of a task")
		}
		length += len(id)
	}
	if length > maxDependencyText {
		return badRequest("TaskDependencyListTooLong", "The list of the ids of tasks that the task depends on is too long.").
			because("the ids have %d characters together, at most %d are allowed; use taskIdRanges", length, maxDependencyText)
	}
	length = 0
	for _, r := range d.TaskIDRanges {
		if r.Start == nil || r.End == nil {
			return missingProperty("dependsOn.taskIdRanges.start and end")
		}
		text := fmt.Sprintf("%d-%d", *r.Start, *r.End)
		if *r.Start > *r.End {
			return invalidProperty("dependsOn.taskIdRanges", text, "a range begins with its lower end")
		}
		length += len(text)
	}
	if length > maxDependencyText {
		return badRequest("TaskDependencyRangesTooLong", "The list of the ranges of ids of tasks that the task depends on is too long.").
			because("the %d ranges have %d characters together, at most %d are allowed", len(d.TaskIDRanges), length, maxDependencyText)
	}
	return nil
}

// unmet finds a dependency that is not satisfied for the task whose key is by:
// the dependency at, or one before it. nil: all of these are.
//
// Nothing is counted. A task waits for one thing at a time, which is looked at
// from the end, where what takes longest is most often: so 100,000 tasks that
// complete one after the other cost a task that waits for them all one look,
// not 100,000.
func (c *change) unmet(job int64, d *taskDependencies, at int, by int64) (*store.Wait, error) {
	for ; at >= 0; at-- {
		if at < len(d.TaskIDs) {
			satisfied, err := c.Satisfied(job, d.TaskIDs[at], by)
			if err != nil || !satisfied {
				return &store.Wait{Job: job, Parent: d.TaskIDs[at], Rest: at}, err
			}
			continue
		}
		r := d.TaskIDRanges[at-len(d.TaskIDs)]
		n, unmet, err := c.highestUnmet(job, int64(*r.Start), int64(*r.End), by)
		if err != nil || unmet {
			return &store.Wait{Job: job, Parent: numberName(n), Rest: at, Low: int64(*r.Start)}, err
		}
	}
	return nil, nil
}

// highestUnmet finds the highest number from low to high that no task has
// satisfied; false: all are.
func (c *change) highestUnmet(job, low, high, by int64) (int64, bool, error) {
	for n := high; n >= low; n-- {
		run, found, err := c.NumberRun(job, n)
		if err != nil {
			return n, false, err
		}
		if found {
			n = run.First
			continue
		}
		formerly, err := c.NumberSatisfied(job, n, by)
		if err != nil || !formerly {
			return n, true, err
		}
	}
	return 0, false, nil
}

// taskNumber is what ranges know a task by. Leading zeros do not count.
func taskNumber(id string) (int64, bool) {
	n, err := strconv.ParseInt(id, 10, 32)
	return n, err == nil
}

// numberName is a number as a parent that is waited for. It is no task's id.
func numberName(n int64) string { return "#" + strconv.FormatInt(n, 10) }

// satisfy lets go on what waits for t, which is completed.
func (c *change) satisfy(t *task) error {
	n, isNumber := taskNumber(t.ID)
	if !isNumber {
		if err := c.Satisfy(t.Job, t.ID, nil); err != nil {
			return err
		}
		return c.release(store.Release{Job: t.Job, Parent: t.ID})
	}
	if err := c.Satisfy(t.Job, t.ID, &n); err != nil {
		return err
	}
	if err := c.release(store.Release{Job: t.Job, Parent: t.ID}); err != nil {
		return err
	}
	_, first, err := c.AddNumber(t.Job, n)
	if err != nil || !first {
		return err // 4 has satisfied what 04 would
	}
	return c.release(store.Release{Job: t.Job, Parent: numberName(n)})
}

// unsatisfy is for a task that is deleted or reactivated: tasks that are added
// from now on wait until a task of its id is completed again.
func (c *change) unsatisfy(t *task) error {
	if err := c.Unsatisfy(t.Job, t.ID); err != nil {
		return err
	}
	n, isNumber := taskNumber(t.ID)
	if !isNumber {
		return nil
	}
	another, err := c.NumberSatisfied(t.Job, n, store.Newest)
	if err != nil || another {
		return err
	}
	return c.RemoveNumber(t.Job, n)
}

// forgetDependencies is for a task that is deleted.
func (c *change) forgetDependencies(t *task) error {
	if err := c.DeleteWait(t.Key); err != nil {
		return err
	}
	return c.unsatisfy(t)
}

// releaseStep is how many tasks a change releases at most, so that one task
// that very many wait for does not hold up everybody else's changes.
const releaseStep = 1000

// release lets go on the tasks that wait for a parent. If they are many, the
// rest of them follows beside everything else.
func (c *change) release(r store.Release) error {
	more, err := c.releaseSome(r)
	if err != nil || !more {
		return err
	}
	c.thenBeside(func() { c.s.releaseRest(r) })
	return c.AddRelease(r)
}

func (s *Service) releaseRest(r store.Release) {
	for more := true; more && s.ctx.Err() == nil; {
		err := s.change(func(c *change) (err error) {
			if more, err = c.releaseSome(r); err != nil {
				return err
			}
			job, ok, err := c.JobByKey(r.Job)
			if err != nil {
				return err
			}
			if ok {
				c.assign(job.PoolID)
			}
			if more {
				return nil
			}
			return c.DeleteRelease(r)
		})
		if err != nil {
			if s.ctx.Err() == nil {
				s.log.Error("tasks could not be released that wait for another", "job", r.Job, "parent", r.Parent, "error", err)
			}
			return
		}
	}
}

// releaseSome releases a step's tasks and says whether there are more.
func (c *change) releaseSome(r store.Release) (more bool, err error) {
	waits, err := c.Waits(r.Job, r.Parent, 1)
	if err != nil || len(waits) == 0 {
		return false, err
	}
	low := int64(0)
	if number, isNumber := strings.CutPrefix(r.Parent, "#"); isNumber {
		if low, err = strconv.ParseInt(number, 10, 64); err != nil {
			return false, err
		}
		run, found, err := c.NumberRun(r.Job, low)
		if err != nil {
			return false, err
		}
		if found {
			low = run.First
		}
	}
	released, err := c.ReleaseTasks(r.Job, r.Parent, low, c.now, releaseStep)
	if err != nil || released == releaseStep {
		return true, err
	}
	if waits, err = c.Waits(r.Job, r.Parent, releaseStep); err != nil {
		return false, err
	}
	for _, w := range waits {
		if err := c.waitOn(w); err != nil {
			return false, err
		}
	}
	return len(waits) == releaseStep, nil
}

// waitOn has a task wait for the next of its dependencies, or for a node.
func (c *change) waitOn(w store.Wait) error {
	row, ok, err := c.TaskByKey(w.Task)
	if err != nil || !ok {
		return err
	}
	t := &task{row}
	spec, err := t.spec()
	if err != nil {
		return err
	}
	return c.awaitFrom(t, spec.DependsOn, w.Rest)
}

// awaitFrom has an active task wait for the dependency at, or one before it;
// if none of these is unmet, for a node.
func (c *change) awaitFrom(t *task, d *taskDependencies, at int) error {
	wait, err := c.unmet(t.Job, d, at, t.Key)
	if err != nil {
		return err
	}
	if wait != nil {
		wait.Task = t.Key
		return c.SetWait(*wait)
	}
	if err := c.DeleteWait(t.Key); err != nil {
		return err
	}
	t.Ready = c.now
	return c.SetTaskReady(t.Task)
}

// awaitAgain is for an active task that waits for a node, but may have lost
// its dependencies before they were satisfied: it waits for these first.
func (c *change) awaitAgain(t *task) error {
	spec, err := t.spec()
	if err != nil || spec.DependsOn.len() == 0 {
		return err
	}
	t.Ready = 0
	if err := c.SetTaskReady(t.Task); err != nil {
		return err
	}
	return c.awaitFrom(t, spec.DependsOn, spec.DependsOn.len()-1)
}

// recoverReleases takes up the releases that an earlier service had not ended.
func (c *change) recoverReleases() error {
	releases, err := c.Releases()
	for _, r := range releases {
		c.thenBeside(func() { c.s.releaseRest(r) })
	}
	return err
}
