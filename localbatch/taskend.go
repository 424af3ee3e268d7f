package localbatch

import "github.com/durabatch/durabatch/localbatch/node"

// taskFailed is the reason of a job's end that a task's exit conditions asked for.
const taskFailed = "TaskFailed"

// heedsTaskEnds says whether the end of a task can matter to anything but the
// job's counts. Most jobs' do not, and are not read for it.
func (j *job) heedsTaskEnds() bool {
	return j.UsesTaskDependencies || j.OnTaskFailure != noAction
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
	if j.OnTaskFailure == noAction || !j.heeds(result) {
		return nil
	}
	switch options.JobAction {
	case terminateJobAction:
		return c.terminateJob(j, taskFailed)
	case disableJobAction:
		j.LastModified = c.now
		return c.disable(j, requeueTasks)
	}
	return nil
}

// heeds says whether a job can still do what a task's exit conditions ask for.
// One that is being disabled ends tasks itself, which is no failure of theirs.
func (j *job) heeds(result node.Result) bool {
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
	if !j.heedsTaskEnds() {
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
