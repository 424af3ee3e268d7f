package localbatch

import "net/http"

func (s *Service) deleteJob(r *http.Request) (reply, error) {
	answer, err := s.changeJob(r, http.StatusAccepted, func(c *change, j *job) error { return c.deleteJob(j) })
	answer.version = 0 // of what is going there is no version
	return answer, err
}

// deleteJob ends what runs of a job, which then goes with all its tasks.
func (c *change) deleteJob(j *job) error {
	if j.State != deleting { // else it is being forced
		j.moveTo(deleting, c.now)
	}
	c.stopAll(c.s.runs.ofJob(j.row.Key), terminate)
	c.stopPreparations(j)
	c.assign(j.ExecutionInfo.PoolID) // room may have been kept for it
	c.thenBeside(func() { c.s.settleJob(j.row.Key) })
	return c.saveJob(j)
}

func (s *Service) terminateJob(r *http.Request) (reply, error) {
	var body struct {
		TerminateReason string `json:"terminateReason"`
	}
	if err := readOptionalBody(r, &body); err != nil {
		return reply{}, err
	}
	if body.TerminateReason == "" {
		body.TerminateReason = userTerminate
	}
	return s.changeJob(r, http.StatusAccepted, func(c *change, j *job) error {
		if j.State == terminating && j.Forced {
			c.thenBeside(func() { s.settleJob(j.row.Key) })
			return c.saveJob(j)
		}
		if err := j.mustTakeTasks(); err != nil {
			return err
		}
		return c.terminateJob(j, body.TerminateReason)
	})
}

func (s *Service) disableJob(r *http.Request) (reply, error) {
	const wait = "wait"
	var body struct {
		DisableTasks string `json:"disableTasks"`
	}
	if err := readBody(r, &body); err != nil {
		return reply{}, err
	}
	if body.DisableTasks == "" {
		return reply{}, missingProperty("disableTasks")
	}
	if err := oneOf("disableTasks", &body.DisableTasks, requeueTasks, terminateTasks, wait); err != nil {
		return reply{}, err
	}
	return s.changeJob(r, http.StatusAccepted, func(c *change, j *job) error {
		if err := j.mustTakeTasks(); err != nil {
			return err
		}
		if j.State == enabling {
			return conflict("JobNotActive", "The specified job is not active.")
		}
		return c.disable(j, body.DisableTasks)
	})
}

// disable takes a job's tasks off the nodes, but for the option to wait for them.
func (c *change) disable(j *job, option string) error {
	switch option {
	case requeueTasks:
		c.stopAll(c.s.runs.ofJob(j.row.Key), requeue)
	case terminateTasks:
		c.stopAll(c.s.runs.ofJob(j.row.Key), terminate)
	}
	if j.State == active || j.State == enabling {
		j.moveTo(disabling, c.now)
	}
	c.assign(j.ExecutionInfo.PoolID) // room may have been kept for it
	c.thenBeside(func() { c.s.settleJob(j.row.Key) })
	return c.saveJob(j)
}

func (s *Service) enableJob(r *http.Request) (reply, error) {
	return s.changeJob(r, http.StatusAccepted, func(c *change, j *job) error {
		if err := j.mustTakeTasks(); err != nil {
			return err
		}
		if j.State != disabled && j.State != disabling {
			return wrongState("the job is not disabled")
		}
		if j.State == disabled { // and so is not counted
			if err := c.mayAddJob(); err != nil {
				return err
			}
		}
		j.moveTo(enabling, c.now)
		c.thenBeside(func() { s.settleJob(j.row.Key) })
		return c.saveJob(j)
	})
}
