package localbatch

import "github.com/durabatch/durabatch/localbatch/node"

// taskFailed is the reason of a job's end that a task's exit conditions asked for.
const taskFailed = "TaskFailed"

// heedsEndOf says whether the end of t can matter to anything but its job's
// counts. That of most tasks does not, and their jobs are not read for it.
func (j *job) heedsEndOf(t *task) bool {
	return j.UsesTaskDependencies || j.OnTaskFailure != noAction || j.manages(t)
}

// conclude does what the completion of a task means for the tasks that depend
// on it and for its job.
func (c *change) conclude(j *job, t *task, spec *taskSpec, result node.Result) error {
	options := spec.ExitConditions.optionsFor(result)
	if j.UsesTaskDependencies && options.DependencyAction == satisfyDependents {
		if err := c.satisfy(t); err != nil {
			return err
		}
	}
	acts := j.OnTaskFailure != noAction
	switch {
	case !j.canHeed(result):
		return nil
	case acts && options.JobAction == terminateJobAction:
		return c.terminateJob(j, taskFailed)
	case j.manages(t) && *j.JobManagerTask.KillJobOnCompletion:
		return c.terminateJob(j, jobManagerComplete)
	case acts && options.JobAction == disableJobAction:
		j.LastModified = c.now
		return c.disable(j, requeueTasks)
	}
	return nil
}

// canHeed says whether a job can still do what the end of a task asks for. One
// that is being disabled ends tasks itself, which is no failure of theirs.
func (j *job) canHeed(result node.Result) bool {
	switch j.State {
	case active, enabling:
		return true
	case disabling, disabled:
		return result.Failure == nil || result.Failure.Code != node.TaskEnded
	}
	return false
}

// concludeUnrun is conclude for a task that completeUnrun has completed.
func (c *change) concludeUnrun(j *job, t *task) error {
	if !j.heedsEndOf(t) {
		return nil
	}
	if err := c.DeleteWait(t.Key); err != nil {
		return err
	}
	spec, err := t.spec()
	if err != nil {
		return err
	}
	return c.conclude(j, t, spec, endedUnrun)
}
