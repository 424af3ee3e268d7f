package localbatch

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"

	"github.com/durabatch/durabatch/localbatch/node"
	"github.com/durabatch/durabatch/localbatch/store"
)

// task is the row of a task.
type task struct{ store.Task }

func (t *task) move(state string, now store.Time) {
	t.PreviousState, t.PreviousStateTime = t.State, t.StateTime
	t.State, t.StateTime = state, now
}

// spec is what t was created from.
func (t *task) spec() (*taskSpec, error) {
	spec := &taskSpec{}
	err := json.Unmarshal(t.Body, spec)
	spec.ID = t.ID
	return spec, err
}

// count moves t from one state to another in its job's counts. A completed
// task is counted by its result.
func (c *change) count(t *task, from, to string) error {
	var tasks, slots store.Counts
	add := func(state string, n int32) {
		tasks, slots = plus(tasks, state, n), plus(slots, state, n*t.Slots)
	}
	if from != "" {
		add(from, -1)
	}
	if to != "" {
		add(to, 1)
	}
	return c.AddCounts(t.Job, tasks, slots)
}

func plus(counts store.Counts, state string, n int32) store.Counts {
	switch state {
	case active:
		counts.Active += n
	case running, preparing:
		counts.Running += n
	case success:
		counts.Succeeded += n
	case failed:
		counts.Failed += n
	}
	return counts
}

// counted is where a job's counts have t.
func (t *task) counted() string {
	if t.State == completed {
		return t.Result
	}
	return t.State
}

// execute runs r and writes down what came of it.
func (s *Service) execute(r *run) {
	defer close(r.ended)
	defer r.cancel()
	if r.preparations != nil && !s.awaitPreparation(r) {
		return
	}
	s.noteRun(r.command.Dir, "begins")
	result := s.runTask(r)
	s.noteRun(r.command.Dir, outcome(result))
	if s.ctx.Err() != nil {
		return // the next service finds it running, and requeues it
	}
	if err := s.change(func(c *change) error { return c.finish(r, result) }); err != nil {
		s.log.Error("the end of a task could not be stored", "job", r.jobID, "directory", r.command.Dir, "error", err)
	}
}

func (s *Service) runTask(r *run) node.Result {
	if r.instances != nil {
		return s.runInstances(r)
	}
	return s.machine.Run(r.ctx, r.command, func(pgid int) { s.records.add(r.task, pgid) })
}

// finish takes r off its node and completes, retries or requeues its task.
func (c *change) finish(r *run, result node.Result) error {
	c.s.runs.remove(r.task)
	c.s.records.forget(r.task)
	c.assign(r.poolID)
	row, ok, err := c.TaskByKey(r.task)
	if err != nil {
		return err
	}
	succeeded := result.Failure == nil
	if err := c.leaveNodes(r, succeeded); err != nil || !ok {
		return err
	}
	t := &task{row}
	spec := r.spec
	if !bytes.Equal(t.Body, r.body) { // it was changed meanwhile
		if spec, err = t.spec(); err != nil {
			return err
		}
	}
	t.Process = ""
	stopped := result.Failure != nil && result.Failure.Code == node.TaskEnded && r.ctx.Err() != nil
	switch {
	case stopped && r.why() == requeue:
		err = c.requeue(t)
	case stopped && r.why() == lose:
		err = c.waitAgain(t)
	case r.why() != terminate && t.mayRetry(spec, result):
		err = c.retry(t)
	default:
		if err = c.complete(t, spec, result, r.instances...); err == nil && r.heeded {
			err = c.concludeRun(t, spec, result)
		}
	}
	if err == nil && r.manages && t.State == active {
		err = c.putFirst(t)
	}
	if err != nil {
		return err
	}
	return c.settleJob(t.Job)
}

func (c *change) concludeRun(t *task, spec *taskSpec, result node.Result) error {
	row, ok, err := c.JobByKey(t.Job)
	if err != nil || !ok {
		return err
	}
	j, err := readJob(row, ok, nil)
	if err != nil {
		return err
	}
	return c.conclude(j, t, spec, result)
}

// mayRetry: only an exit code is retried, neither what went wrong before the
// process nor an upload (Batch REST reference, "maxTaskRetryCount").
func (t *task) mayRetry(spec *taskSpec, result node.Result) bool {
	return retryable(result, *spec.Constraints.MaxTaskRetryCount, t.Retries)
}

func retryable(result node.Result, limit, retries int32) bool {
	exited := result.Failure != nil && result.Failure.Code == node.FailureExitCode
	return exited && (limit < 0 || retries < limit)
}

func (c *change) requeue(t *task) error {
	t.Requeues++
	t.LastRequeue = c.now
	return c.waitAgain(t)
}

func (c *change) retry(t *task) error {
	t.Retries++
	t.LastRetry = c.now
	return c.waitAgain(t)
}

// waitAgain makes a running or completed task an active one.
func (c *change) waitAgain(t *task) error {
	if err := c.count(t, t.counted(), active); err != nil {
		return err
	}
	t.move(active, c.now)
	t.Ready, t.Started, t.Ended, t.ExitCode, t.Result, t.Failure, t.Container = c.now, 0, 0, nil, "", nil, nil
	t.PoolID, t.NodeID, t.Process, t.FilesUntil = "", "", "", 0
	if t.Instances > 0 {
		if err := c.DeleteSubtasks(t.Key); err != nil {
			return err
		}
	}
	return c.UpdateTask(t.Task)
}

// complete makes t a completed task; instances are those of a multi-instance
// task that have run.
func (c *change) complete(t *task, spec *taskSpec, result node.Result, instances ...instance) error {
	from := t.counted()
	t.move(completed, c.now)
	t.Ready, t.Ended, t.ExitCode, t.Result = 0, c.now, result.ExitCode, resultOf(result.Failure)
	if t.Failure = nil; result.Failure != nil {
		text, err := json.Marshal(failureOf(result.Failure))
		if err != nil {
			return err
		}
		t.Failure = text
	}
	if t.Container = nil; result.Container != nil {
		text, err := json.Marshal(containerInfoOf(result.Container))
		if err != nil {
			return err
		}
		t.Container = text
	}
	if t.NodeID != "" {
		t.FilesUntil = c.keepFiles(*spec.Constraints.RetentionTime)
	}
	if t.Instances > 0 {
		if err := c.endSubtasks(t, instances); err != nil {
			return err
		}
	}
	if err := c.UpdateTask(t.Task); err != nil {
		return err
	}
	return c.count(t, from, t.Result)
}

// completeUnrun completes a task that is ended while nothing of it runs.
func (c *change) completeUnrun(t *task) error {
	spec, err := t.spec()
	if err != nil {
		return err
	}
	return c.complete(t, spec, endedUnrun)
}

var endedUnrun = node.Result{Failure: &node.Failure{
	Category: node.UserError, Code: node.TaskEnded,
	Message: "The task was ended by a request of the user or by the end of its job",
}}

// discardTask removes the directories of a task that has ended.
func (c *change) discardTask(jobID string, t *task) error {
	c.s.discard(c.s.taskDir(t.NodeID, jobID, t.ID))
	if t.Instances == 0 {
		return nil
	}
	subtasks, err := c.Subtasks(t.Key)
	for _, sub := range subtasks {
		c.s.discard(c.s.taskDir(sub.NodeID, jobID, t.ID))
	}
	return err
}

// taskDir is the directory of a task, below its node's.
func (s *Service) taskDir(nodeID, jobID, taskID string) string {
	return filepath.Join(s.nodeDir(nodeID), filepath.FromSlash(taskRoot(jobID, taskID)))
}

// taskRoot is where Batch has a task's directory on its node.
func taskRoot(jobID, taskID string) string {
	if strings.Contains(jobID, ":") {
		return workRoot(jobID) + "/" + taskID
	}
	return workRoot(jobID) + "/job-1/" + taskID
}

// workRoot is what a node has for one job. The jobs of a job schedule, whose
// ids are the schedule's, a colon and theirs, are below their schedule.
func workRoot(jobID string) string { return "workitems/" + strings.Replace(jobID, ":", "/", 1) }
