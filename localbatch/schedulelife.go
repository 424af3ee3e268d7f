package localbatch

import (
	"time"

	"github.com/durabatch/durabatch/localbatch/store"
)

// advance does what is due of a schedule: it creates the next job, ends the
// schedule, or has itself called again when there is something to do. It may be
// called at any time, and saves the schedule.
func (c *change) advance(sch *jobSchedule) error {
	j, err := c.recentJob(sch)
	if err != nil {
		return err
	}
	busy := j != nil && j.State != completed
	switch {
	case sch.State == deleting:
		return c.removeSchedule(sch)
	case busy, sch.State == disabled, sch.State == completed: // the job's end calls again
	case sch.State == terminating, sch.over(c.now):
		return c.completeSchedule(sch)
	default:
		next := sch.next(c.now)
		if next != 0 && next <= c.now {
			return c.addScheduledJob(sch, next)
		}
		if next == 0 {
			next = store.Never
			if end := sch.times().DoNotRunAfter; end != 0 { // the schedule ends when that is past
				next = end + 1
			}
		}
		c.then(func() { c.s.watchSchedule(sch.row.Key, next) })
	}
	return c.saveSchedule(sch)
}

// recentJob is the job that a schedule has created last; nil: it has none, or
// that one is gone.
func (c *change) recentJob(sch *jobSchedule) (*job, error) {
	row, ok, err := c.JobByKey(sch.row.RecentJob)
	if err != nil || !ok {
		return nil, err
	}
	return readJob(row, ok, nil)
}

// addScheduledJob creates the job that is due since then.
func (c *change) addScheduledJob(sch *jobSchedule, then store.Time) error {
	sch.row.Jobs++
	sch.row.Served = then
	j := &job{jobSpec: sch.JobSpecification.jobSpec, row: store.Job{Schedule: sch.row.Key}}
	j.ID = sch.jobID(sch.row.Jobs)
	if err := c.addJob(j); err != nil {
		return err
	}
	sch.row.RecentJob = j.row.Key
	return c.advance(sch)
}

// failScheduledJob is for a job that cannot be started as its spec has it. If a
// job schedule wants it there is nobody to be told, so the job itself says why
// it is over.
func (c *change) failScheduledJob(j *job, err error) error {
	if j.row.Schedule == 0 {
		return err
	}
	if err := c.failToSchedule(j, err, "Unknown"); err != nil {
		return err
	}
	if err := c.dropPool(j); err != nil {
		return err
	}
	return c.saveJob(j)
}

func (c *change) completeSchedule(sch *jobSchedule) error {
	sch.moveTo(completed, c.now)
	sch.EndTime = c.now
	c.then(func() { c.s.schedules.forget(sch.row.Key) })
	if err := c.dropSchedulePool(sch); err != nil {
		return err
	}
	return c.saveSchedule(sch)
}

// removeSchedule removes a schedule that is being deleted, once its jobs are gone.
func (c *change) removeSchedule(sch *jobSchedule) error {
	jobs, err := c.JobsOfSchedule(sch.row.Key)
	if err != nil {
		return err
	}
	if len(jobs) > 0 {
		return c.saveSchedule(sch)
	}
	if err := c.dropSchedulePool(sch); err != nil {
		return err
	}
	c.then(func() { c.s.schedules.forget(sch.row.Key) })
	if err := c.s.discardWork(workRoot(sch.ID)); err != nil { // within the change: a schedule or job of the same id may follow at once
		return err
	}
	return c.DeleteSchedule(sch.row.Key)
}

// givePoolOfSchedule has a new job run on the pool that its schedule's jobs
// share. The first of them makes it.
func (c *change) givePoolOfSchedule(j *job) error {
	sch, ok, err := c.ScheduleByKey(j.row.Schedule)
	if err != nil || !ok {
		return err
	}
	row, ok, err := c.Pool(sch.PoolID)
	if err != nil {
		return err
	}
	if ok {
		shared, err := readPool(row, ok, nil)
		if err != nil {
			return err
		}
		if shared.State != deleting { // or its user has deleted it, and the job needs another one
			j.ExecutionInfo.PoolID = shared.ID
			return nil
		}
	}
	if err := c.givePoolOfJob(j); err != nil {
		return err
	}
	return c.SetSchedulePool(sch.Key, j.ExecutionInfo.PoolID)
}

// dropSchedulePool deletes the pool that the schedule's jobs have shared,
// unless it is to be kept.
func (c *change) dropSchedulePool(sch *jobSchedule) error {
	spec := sch.JobSpecification.PoolInfo.AutoPoolSpecification
	row, ok, err := c.ScheduleByKey(sch.row.Key)
	if err != nil || !ok || spec != nil && spec.KeepAlive {
		return err
	}
	return c.deleteAutoPool(row.PoolID)
}

// advanceBeside saves a schedule and has it advanced beside everything else.
func (c *change) advanceBeside(sch *jobSchedule) error {
	c.thenBeside(func() { c.s.advanceSchedule(sch.row.Key) })
	return c.saveSchedule(sch)
}

// advanceSchedule advances a schedule because its time has come, or because a
// job of it has ended.
func (s *Service) advanceSchedule(key int64) {
	err := s.change(func(c *change) error {
		row, ok, err := c.ScheduleByKey(key)
		if err != nil || !ok {
			return err
		}
		sch, err := readSchedule(row, ok, nil)
		if err != nil {
			return err
		}
		return c.advance(sch)
	})
	if err != nil && s.ctx.Err() == nil {
		s.log.Error("a job schedule could not be taken further", "schedule", key, "error", err)
	}
}

// watchSchedule has a schedule advanced at a time. It looks earlier as well: a
// machine that slept, or whose clock was set, must not miss it.
func (s *Service) watchSchedule(key int64, at store.Time) {
	soon := store.TimeOf(s.clock.Now().Add(time.Minute))
	s.schedules.set(key, &s.clock, min(at, soon), func() {
		s.spawn(func() { s.advanceSchedule(key) })
	})
}

func (c *change) recoverSchedules() error {
	rows, err := c.Schedules()
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.State != completed {
			c.thenBeside(func() { c.s.advanceSchedule(row.Key) })
		}
	}
	return nil
}
