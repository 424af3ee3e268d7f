package localbatch

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/durabatch/durabatch/localbatch/store"
)

// Reasons of a job's end, as Batch gives them.
const (
	allTasksComplete       = "AllTasksComplete"
	maxWallClockTimeExpiry = "MaxWallClockTimeExpiry"
	terminateJobSchedule   = "TerminateJobSchedule"
	userTerminate          = "UserTerminate"
)

// terminateJob ends a job: its running tasks are completed as failed, its
// active ones stay active for good.
func (c *change) terminateJob(j *job, reason string) error {
	j.moveTo(terminating, c.now)
	j.ExecutionInfo.TerminateReason = reason
	j.LastModified = c.now
	c.stopAll(c.s.runs.ofJob(j.row.Key), terminate)
	c.stopPreparations(j)
	c.assign(j.ExecutionInfo.PoolID) // room may have been kept for it
	c.thenBeside(func() { c.s.settleJob(j.row.Key) })
	return c.saveJob(j)
}

// endIfComplete terminates a job all of whose tasks are completed, if that is
// what onAllTasksComplete says; one without tasks too.
func (c *change) endIfComplete(j *job) error {
	counts := j.row.Tasks
	if j.State != active || j.OnAllTasksComplete != terminateJob || counts.Active+counts.Running > 0 {
		return nil
	}
	return c.terminateJob(j, allTasksComplete)
}

// settleJob is for a change that has taken a task out of the active or
// running ones: it may have been the last that its job was waiting for.
func (c *change) settleJob(key int64) error {
	row, ok, err := c.JobByKey(key)
	if err != nil || !ok || row.Tasks.Running > 0 {
		return err
	}
	switch row.State {
	case active:
		if row.Tasks.Active > 0 {
			return nil
		}
		j, err := readJob(row, ok, nil)
		if err != nil {
			return err
		}
		return c.endIfComplete(j)
	case disabling, terminating, deleting:
		c.thenBeside(func() { c.s.settleJob(key) })
	}
	return nil
}

// settleJob takes a job out of a state that only lasts until its running tasks
// have ended. It may be called at any time and does what is left to do.
func (s *Service) settleJob(key int64) {
	gone := false
	err := s.change(func(c *change) error {
		row, ok, err := c.JobByKey(key)
		if err != nil || !ok || row.Tasks.Running > 0 && row.State != enabling {
			return err
		}
		j, err := readJob(row, ok, nil)
		if err != nil {
			return err
		}
		switch j.State {
		case disabling:
			j.moveTo(disabled, c.now)
		case enabling:
			j.moveTo(active, c.now)
			c.assign(j.ExecutionInfo.PoolID)
		case terminating:
			if waiting, err := c.releaseNodes(j); err != nil || waiting {
				return err
			}
			j.moveTo(completed, c.now)
			j.ExecutionInfo.EndTime = c.now
			c.then(func() { s.deadlines.forget(key) })
			c.then(func() { s.retention.add(c.now) }) // what its preparation tasks have left may go now
			if err := c.dropPool(j); err != nil {
				return err
			}
			c.endOfScheduled(j)
		case deleting:
			if waiting, err := c.releaseNodes(j); err != nil || waiting {
				return err
			}
			gone = true
			c.then(func() { s.deadlines.forget(key) })
			return nil
		default:
			return nil
		}
		if err := c.saveJob(j); err != nil {
			return err
		}
		return c.endIfComplete(j)
	})
	if err == nil && gone {
		err = s.purgeJob(key)
	}
	if err != nil && s.ctx.Err() == nil {
		s.log.Error("a job could not be taken to its next state", "job", key, "error", err)
	}
}

// purgeStep is how many tasks are deleted at a time, so that a large job does
// not hold up everybody else's changes.
const purgeStep = 2000

// purgeJob removes a job that is being deleted with all that belongs to it.
func (s *Service) purgeJob(key int64) error {
	for left := int64(purgeStep); left == purgeStep && s.ctx.Err() == nil; {
		err := s.store.Update(func(tx *store.Tx) (err error) {
			left, err = tx.DeleteTasks(key, purgeStep)
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := s.purgeDependencies(key); err != nil {
		return err
	}
	return s.change(func(c *change) error {
		row, ok, err := c.JobByKey(key)
		if err != nil || !ok {
			return err
		}
		if err := s.discardWork(workRoot(row.ID)); err != nil { // within the change: a job of the same id may follow at once
			return err
		}
		j, err := readJob(row, ok, nil)
		if err != nil {
			return err
		}
		if err := c.dropPool(j); err != nil {
			return err
		}
		c.then(func() { s.counts.forget(key) })
		c.endOfScheduled(j)
		return c.DeleteJob(key)
	})
}

// discardWork removes a directory of tasks from all nodes.
func (s *Service) discardWork(root string) error {
	nodes, err := os.ReadDir(s.nodesDir())
	for _, n := range nodes {
		s.discard(filepath.Join(s.nodeDir(n.Name()), filepath.FromSlash(root)))
	}
	return err
}

// endOfScheduled tells the job schedule of a job, if it has one, that the job
// has ended.
func (c *change) endOfScheduled(j *job) {
	if key := j.row.Schedule; key != 0 {
		c.thenBeside(func() { c.s.advanceSchedule(key) })
	}
}

func (s *Service) purgeDependencies(key int64) error {
	for left := int64(purgeStep); left == purgeStep && s.ctx.Err() == nil; {
		err := s.store.Update(func(tx *store.Tx) (err error) {
			left, err = tx.DeleteDependencies(key, purgeStep)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// watchDeadline has a job ended when its time is over.
func (s *Service) watchDeadline(j *job) {
	key := j.row.Key
	s.deadlines.set(key, &s.clock, j.deadline(), func() {
		s.spawn(func() {
			if err := s.change(func(c *change) error { return c.expire(key) }); err != nil && s.ctx.Err() == nil {
				s.log.Error("a job whose time is over could not be terminated", "job", key, "error", err)
			}
		})
	})
}

func (c *change) expire(key int64) error {
	row, ok, err := c.JobByKey(key)
	if err != nil || !ok {
		return err
	}
	j, err := readJob(row, ok, nil)
	if err != nil {
		return err
	}
	switch j.State {
	case active, disabling, disabled, enabling:
	default:
		return nil
	}
	if c.now < j.deadline() { // it was given more time meanwhile, or a clock was set back
		c.then(func() { c.s.watchDeadline(j) })
		return nil
	}
	return c.terminateJob(j, maxWallClockTimeExpiry)
}

// mustTakeTasks: a job takes new tasks until it is being ended.
func (j *job) mustTakeTasks() error {
	switch j.State {
	case deleting:
		return beingDeleted("Job")
	case terminating:
		return conflict("JobBeingTerminated", "The specified job is being terminated.")
	case completed:
		return conflict("JobCompleted", fmt.Sprintf("The specified job %s is already in a completed state.", j.ID))
	}
	return nil
}
