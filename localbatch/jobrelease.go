package localbatch

import (
	"github.com/durabatch/durabatch/localbatch/node"
)

// releaseNodes runs the release task of a job that is ending on every node that the
// job has prepared, and says whether there is something to wait for. Nodes that
// are down hold nothing up; those that are booting do.
func (c *change) releaseNodes(j *job) (waiting bool, err error) {
	if j.JobPreparationTask == nil {
		return false, nil
	}
	going := c.s.jobTasks.ofJob(j.row.Key)
	if j.Forced || j.JobReleaseTask == nil {
		if j.Forced {
			c.stopJobTasks(going, terminate)
		}
		waiting = len(going) > 0
	} else if waiting, err = c.startReleases(j); err != nil {
		return false, err
	}
	if waiting {
		return true, nil
	}
	return false, c.endServices(j)
}

// startReleases starts the release tasks that have not run yet, where they can.
func (c *change) startReleases(j *job) (waiting bool, err error) {
	rows, err := c.Preparations(j.row.Key)
	if err != nil {
		return false, err
	}
	for _, row := range rows {
		record, err := readPreparation(row)
		if err != nil {
			return false, err
		}
		if record.Release != nil && record.Release.State == completed {
			continue
		}
		if c.s.jobTasks.at(jobNode{row.Job, row.Node}) != nil {
			waiting = true
			continue
		}
		n, ok, err := c.NodeByKey(row.Node)
		if err != nil {
			return false, err
		}
		if !ok {
			continue
		}
		switch n.State {
		case creating, starting, waitingForStartTask, rebooting:
			waiting = true // it calls when it is up
		case idle, running, offline:
			p, err := findPoolByKey(c.Tx, n.Pool)
			if err != nil {
				return false, err
			}
			if err := c.startRelease(record, j, c.s.releaseCommand(p, j, &n)); err != nil {
				return false, err
			}
			waiting = true
		}
	}
	return waiting, nil
}

// endServices ends what the job's preparation tasks have left running for its
// tasks: nothing of a job outlives it here, whether it has a release task that
// sees to that or not.
func (c *change) endServices(j *job) error {
	rows, err := c.Preparations(j.row.Key)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := node.EndOrphansBelow(c.s.taskDir(row.NodeID, j.ID, j.JobPreparationTask.ID)); err != nil {
			return err
		}
	}
	return nil
}

func (c *change) startRelease(record *preparation, j *job, command node.Task) error {
	record.Release = &jobTaskInfo{StartTime: c.now, State: running}
	if err := c.savePreparation(record); err != nil {
		return err
	}
	release := c.startJobTask(jobNode{record.Job, record.Node}, command, func(t *jobTask) {
		result := c.s.runJobTask(t)
		if c.s.ctx.Err() != nil {
			return // the next service finds it running, and has it run again
		}
		if err := c.s.change(func(c *change) error { return c.endRelease(t, *j.JobReleaseTask.RetentionTime, result) }); err != nil {
			c.s.log.Error("the end of a job release task could not be stored", "job", j.ID, "node", record.NodeID, "error", err)
		}
	})
	release.release = true
	return nil
}

// endRelease writes down what came of a release task. Whatever that is, its job
// may end.
func (c *change) endRelease(t *jobTask, retentionTime duration, result node.Result) error {
	record, err := c.preparation(t.jobNode)
	if err != nil {
		return err
	}
	if record == nil {
		return c.leaveJobTask(t)
	}
	record.Process = ""
	if t.ctx.Err() != nil && t.why() == lose && result.Failure != nil {
		record.Release = nil // it runs when the node is up again, if it ever is
	} else {
		record.Release.end(result, c.now)
		record.ReleaseFilesUntil = c.keepFiles(retentionTime)
	}
	if err := c.savePreparation(record); err != nil {
		return err
	}
	return c.leaveJobTask(t)
}

// settleReleases is for a node that has come up, or that will not any more:
// jobs may be waiting to release it.
func (c *change) settleReleases(nodeKey int64) error {
	rows, err := c.PreparationsOfNode(nodeKey)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := c.settleJob(row.Job); err != nil {
			return err
		}
	}
	return nil
}
