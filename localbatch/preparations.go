package localbatch

import (
	"encoding/json"

	"github.com/durabatch/durabatch/localbatch/node"
	"github.com/durabatch/durabatch/localbatch/store"
)

// preparation is a row of what a job has prepared a node for, with its JSON.
type preparation struct {
	store.Preparation
	preparationInfo
}

// preparationInfo is what the row has no columns for.
type preparationInfo struct {
	Prep    jobTaskInfo  `json:"prep"`
	Release *jobTaskInfo `json:"release,omitempty"`

	// Until when the directories of the two tasks stay at least; 0: there is none
	// that could go.
	PrepFilesUntil    store.Time `json:"prepFilesUntil,omitzero"`
	ReleaseFilesUntil store.Time `json:"releaseFilesUntil,omitzero"`

	// Rerun says that the node has rebooted since, and has to be prepared again
	// before the job's next task.
	Rerun bool `json:"rerun,omitempty"`
}

// jobTaskInfo is how a preparation or release task is doing on a node.
type jobTaskInfo struct {
	StartTime     store.Time   `json:"startTime"`
	EndTime       store.Time   `json:"endTime,omitzero"`
	State         string       `json:"state"`
	ExitCode      *int32       `json:"exitCode,omitempty"`
	FailureInfo   *failureInfo `json:"failureInfo,omitempty"`
	RetryCount    *int32       `json:"retryCount,omitempty"` // nil for release tasks, which are tried once
	LastRetryTime store.Time   `json:"lastRetryTime,omitzero"`
	Result        string       `json:"result,omitempty"`
}

// end writes down what came of a try.
func (i *jobTaskInfo) end(result node.Result, now store.Time) {
	i.State, i.EndTime = completed, now
	i.ExitCode, i.FailureInfo, i.Result = result.ExitCode, failureOf(result.Failure), resultOf(result.Failure)
}

func readPreparation(row store.Preparation) (*preparation, error) {
	p := &preparation{Preparation: row}
	return p, json.Unmarshal(row.Body, &p.preparationInfo)
}

func (c *change) preparation(where jobNode) (*preparation, error) {
	row, ok, err := c.Tx.Preparation(where.job, where.node)
	if err != nil || !ok {
		return nil, err
	}
	return readPreparation(row)
}

func (c *change) savePreparation(p *preparation) (err error) {
	p.FilesUntil = p.PrepFilesUntil
	if until := p.ReleaseFilesUntil; until != 0 && (p.FilesUntil == 0 || until < p.FilesUntil) {
		p.FilesUntil = until
	}
	if p.Body, err = json.Marshal(p.preparationInfo); err != nil {
		return err
	}
	return c.PutPreparation(p.Preparation)
}

// prepare has j's preparation task run on n, if it has to. The result is what
// j's tasks there have to wait for; nil: nothing.
func (c *change) prepare(p *pool, j *job, n *store.Node) (*jobTask, error) {
	spec := j.JobPreparationTask
	if spec == nil {
		return nil, nil
	}
	where := jobNode{j.row.Key, n.Key}
	going := c.s.jobTasks.at(where)
	if going == nil {
		before, err := c.preparation(where)
		if err != nil {
			return nil, err
		}
		if before != nil && before.Prep.State == completed && !before.Rerun {
			return nil, nil
		}
		if going, err = c.startPreparation(p, j, n); err != nil {
			return nil, err
		}
	}
	if !*spec.WaitForSuccess {
		return nil, nil
	}
	return going, nil
}

func (c *change) startPreparation(p *pool, j *job, n *store.Node) (*jobTask, error) {
	record := &preparation{
		Preparation: store.Preparation{Job: j.row.Key, Node: n.Key, PoolID: p.ID, NodeID: n.ID},
		preparationInfo: preparationInfo{
			Prep: jobTaskInfo{StartTime: c.now, State: running, RetryCount: new(int32)},
		},
	}
	if err := c.savePreparation(record); err != nil {
		return nil, err
	}
	spec := j.JobPreparationTask
	command := c.s.preparationCommand(p, j, n)
	return c.startJobTask(jobNode{j.row.Key, n.Key}, command, func(t *jobTask) {
		for again := true; again; {
			result := c.s.runJobTask(t)
			if c.s.ctx.Err() != nil {
				return // the next service finds it running, and has it run again
			}
			err := c.s.change(func(c *change) (err error) {
				again, err = c.endPreparation(t, spec, result)
				return err
			})
			if err != nil {
				c.s.log.Error("the end of a job preparation task could not be stored", "job", j.ID, "node", n.ID, "error", err)
				return
			}
		}
	}), nil
}

// endPreparation writes down what came of a try and says whether there is
// another. Tasks that wait for it see to themselves.
func (c *change) endPreparation(t *jobTask, spec *preparationTask, result node.Result) (again bool, err error) {
	record, err := c.preparation(t.jobNode)
	if err != nil {
		return false, err
	}
	if record == nil { // the job was deleted by force
		return false, c.leaveJobTask(t)
	}
	record.Process = ""
	stopped := t.ctx.Err() != nil
	if stopped && t.why() == lose && result.Failure != nil {
		if err := c.DeletePreparation(t.job, t.node); err != nil {
			return false, err
		}
		return false, c.leaveJobTask(t)
	}
	info := &record.Prep
	info.end(result, c.now)
	if !stopped && retryable(result, *spec.Constraints.MaxTaskRetryCount, *info.RetryCount) {
		*info.RetryCount++
		info.State, info.StartTime, info.EndTime, info.LastRetryTime = running, c.now, 0, c.now
		return true, c.savePreparation(record)
	}
	t.succeeded = result.Failure == nil
	record.PrepFilesUntil = c.keepFiles(*spec.Constraints.RetentionTime)
	if err := c.savePreparation(record); err != nil {
		return false, err
	}
	return false, c.leaveJobTask(t)
}

// awaitPreparation returns when r's nodes are prepared and r is a running task,
// or false when it ended before it could run.
func (s *Service) awaitPreparation(r *run) bool {
	prepared := true
	for _, t := range r.preparations {
		select {
		case <-t.ended:
			prepared = prepared && t.succeeded
		case <-r.ctx.Done():
		}
	}
	if s.ctx.Err() != nil {
		return false
	}
	going := false
	err := s.change(func(c *change) error {
		if r.ctx.Err() != nil {
			return c.finish(r, endedUnrun)
		}
		if !prepared {
			return c.returnUnprepared(r)
		}
		row, ok, err := c.TaskByKey(r.task)
		if err != nil || !ok {
			return err
		}
		t := &task{row}
		t.move(running, c.now)
		t.Started = c.now
		going = true
		if t.Instances > 0 {
			err := c.moveSubtasks(t, func(_ int32, info *subtaskInfo) {
				info.moveTo(running, c.now)
				info.StartTime = c.now
			})
			if err != nil {
				return err
			}
		}
		return c.UpdateTask(t.Task)
	})
	if err != nil {
		s.log.Error("a task could not be taken on after the job preparation task", "job", r.jobID, "error", err)
		return false
	}
	return going
}

// returnUnprepared gives a task back whose node could not be prepared. No retry
// and no requeue is counted: nothing of the task has run.
func (c *change) returnUnprepared(r *run) error {
	c.s.runs.remove(r.task)
	c.assign(r.poolID)
	if err := c.leaveNodes(r, false); err != nil {
		return err
	}
	row, ok, err := c.TaskByKey(r.task)
	if err != nil || !ok {
		return err
	}
	t := &task{row}
	if err := c.waitAgain(t); err != nil {
		return err
	}
	if r.manages {
		if err := c.putFirst(t); err != nil {
			return err
		}
	}
	return c.settleJob(r.job)
}

// barred are the nodes on which j's preparation task has failed: no task of
// the job runs there, and those of other jobs do (Batch REST reference,
// "JobPreparationTask").
func (c *change) barred(j *job) (map[int64]bool, error) {
	if j.JobPreparationTask == nil || !*j.JobPreparationTask.WaitForSuccess {
		return nil, nil
	}
	rows, err := c.Preparations(j.row.Key)
	if err != nil {
		return nil, err
	}
	barred := map[int64]bool{}
	for _, row := range rows {
		p, err := readPreparation(row)
		if err != nil {
			return nil, err
		}
		if p.Prep.State == completed && p.Prep.Result == failed {
			barred[p.Node] = true
		}
	}
	return barred, nil
}

// stopPreparations ends the preparation tasks of a job that is ending itself. A
// job that was terminating and is deleted now may have release tasks running:
// they may finish.
func (c *change) stopPreparations(j *job) {
	if j.PreviousState != terminating {
		c.stopJobTasks(c.s.jobTasks.ofJob(j.row.Key), terminate)
	}
}

// rebootPreparations is for a node that boots, maybe again: what was running is
// to be run again, and what has succeeded too if its job wants it.
func (c *change) rebootPreparations(nodeKey int64) error {
	c.stopJobTasks(c.s.jobTasks.ofNode(nodeKey), lose)
	rows, err := c.PreparationsOfNode(nodeKey)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if c.s.jobTasks.at(jobNode{row.Job, row.Node}) != nil {
			continue // it sees to itself
		}
		if err := c.rebootPreparation(row); err != nil {
			return err
		}
	}
	return nil
}

func (c *change) rebootPreparation(row store.Preparation) error {
	p, err := readPreparation(row)
	if err != nil {
		return err
	}
	if p.Prep.State == running {
		return c.DeletePreparation(p.Job, p.Node)
	}
	if p.Release != nil && p.Release.State == running {
		p.Release = nil
	}
	jobRow, ok, err := c.JobByKey(p.Job)
	if err != nil || !ok {
		return err
	}
	j, err := readJob(jobRow, ok, nil)
	if err != nil {
		return err
	}
	p.Process = ""
	p.Rerun = p.Prep.Result == success && *j.JobPreparationTask.RerunOnNodeRebootAfterSuccess
	return c.savePreparation(p)
}

// wipePreparations is for a node that has lost what was on its disk: it is as
// if nothing had been prepared there, so nothing is released either.
func (c *change) wipePreparations(nodeKey int64) error {
	rows, err := c.PreparationsOfNode(nodeKey)
	if err != nil {
		return err
	}
	for _, row := range rows {
		p, err := readPreparation(row)
		if err != nil {
			return err
		}
		if p.Release != nil && p.Release.State == completed { // it is history
			p.PrepFilesUntil, p.ReleaseFilesUntil = 0, 0
			err = c.savePreparation(p)
		} else {
			err = c.DeletePreparation(p.Job, p.Node)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
