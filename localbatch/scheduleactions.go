package localbatch

import "net/http"

// changeSchedule applies f, which saves the schedule, to the job schedule that
// r names, after its conditions. By force, a schedule that is ending already can
// be changed to one whose jobs wait for nothing that runs on nodes.
func (s *Service) changeSchedule(r *http.Request, status int, f func(c *change, sch *jobSchedule, force bool) error) (reply, error) {
	force, err := boolParameter(r, "force")
	if err != nil {
		return reply{}, err
	}
	var sch *jobSchedule
	err = s.change(func(c *change) (err error) {
		if sch, err = findSchedule(c.Tx, r.PathValue("schedule")); err != nil {
			return err
		}
		if err := checkConditions(r, sch.LastModified, true); err != nil {
			return err
		}
		if sch.State == deleting && !force {
			return beingDeleted("JobSchedule")
		}
		sch.LastModified = c.now
		return f(c, sch, force)
	})
	if err != nil {
		return reply{}, err
	}
	return reply{status: status, version: sch.LastModified}, nil
}

// mustGoOn: a schedule can be changed until it is being ended.
func (s *jobSchedule) mustGoOn() error {
	switch s.State {
	case deleting:
		return beingDeleted("JobSchedule")
	case terminating:
		return conflict("JobScheduleBeingTerminated", "The specified job schedule is being terminated.")
	case completed:
		return conflict("JobScheduleCompleted", "The specified job schedule is already in completed state.")
	}
	return nil
}

func (s *Service) disableSchedule(r *http.Request) (reply, error) {
	return s.changeSchedule(r, http.StatusNoContent, func(c *change, sch *jobSchedule, _ bool) error {
		if err := sch.mustGoOn(); err != nil {
			return err
		}
		if sch.State == disabled {
			return conflict("JobScheduleDisabled", "The specified job schedule is disabled.")
		}
		sch.moveTo(disabled, c.now)
		c.then(func() { s.schedules.forget(sch.row.Key) })
		return c.saveSchedule(sch)
	})
}

func (s *Service) enableSchedule(r *http.Request) (reply, error) {
	return s.changeSchedule(r, http.StatusNoContent, func(c *change, sch *jobSchedule, _ bool) error {
		if err := sch.mustGoOn(); err != nil {
			return err
		}
		if sch.State != disabled {
			return wrongState("the job schedule is not disabled")
		}
		if err := c.mayAddJob(); err != nil { // disabled, it is not counted
			return err
		}
		sch.moveTo(active, c.now)
		return c.advance(sch)
	})
}

// terminateSchedule ends a schedule, and the job of it that is active.
func (s *Service) terminateSchedule(r *http.Request) (reply, error) {
	return s.changeSchedule(r, http.StatusAccepted, func(c *change, sch *jobSchedule, force bool) error {
		again := force && sch.State == terminating
		if err := sch.mustGoOn(); err != nil && !again {
			return err
		}
		if !again {
			sch.moveTo(terminating, c.now)
		}
		j, err := c.recentJob(sch)
		if err != nil {
			return err
		}
		if err := c.endJobOfSchedule(j, force); err != nil {
			return err
		}
		return c.advanceBeside(sch)
	})
}

// endJobOfSchedule terminates a schedule's job, if there is one that is not
// ending already.
func (c *change) endJobOfSchedule(j *job, force bool) error {
	switch {
	case j == nil:
		return nil
	case j.mustTakeTasks() == nil:
		j.Forced = force
		return c.terminateJob(j, terminateJobSchedule)
	case j.State == terminating && force:
		j.Forced = true
		c.thenBeside(func() { c.s.settleJob(j.row.Key) })
		return c.saveJob(j)
	}
	return nil
}

// deleteSchedule deletes a schedule with all its jobs.
func (s *Service) deleteSchedule(r *http.Request) (reply, error) {
	answer, err := s.changeSchedule(r, http.StatusAccepted, func(c *change, sch *jobSchedule, force bool) error {
		if sch.State != deleting {
			sch.moveTo(deleting, c.now)
		}
		rows, err := c.JobsOfSchedule(sch.row.Key)
		if err != nil {
			return err
		}
		for _, row := range rows {
			j, err := readJob(row, true, nil)
			if err != nil {
				return err
			}
			if j.State == deleting && !force {
				continue
			}
			j.LastModified, j.Forced = c.now, j.Forced || force
			if err := c.deleteJob(j); err != nil {
				return err
			}
		}
		return c.advanceBeside(sch)
	})
	answer.version = 0 // of what is going there is no version
	return answer, err
}
