package localbatch

import (
	"encoding/json"
	"net/http"

	"github.com/durabatch/durabatch/localbatch/store"
)

func (s *Service) getTask(r *http.Request) (reply, error) {
	var j *job
	var t *task
	err := s.store.View(func(tx *store.Tx) (err error) {
		j, t, err = findTask(tx, r.PathValue("job"), r.PathValue("task"))
		return err
	})
	if err != nil {
		return reply{}, err
	}
	if err := checkConditions(r, t.Modified, true); err != nil {
		return reply{}, err
	}
	document, err := s.showTask(r, j.ID, t, selected(r.URL.Query()))
	return reply{status: http.StatusOK, meta: "tasks/@Element", body: document, version: t.Modified}, err
}

func (s *Service) listTasks(r *http.Request) (reply, error) {
	list, err := parseList(r, taskFields)
	if err != nil {
		return reply{}, err
	}
	var where store.Where
	if list.filter != nil {
		where = list.filter.where(taskColumns)
	}
	var job store.Job
	var tasks []store.Task
	err = s.store.View(func(tx *store.Tx) error {
		row, ok, err := tx.Job(r.PathValue("job"))
		if err != nil {
			return err
		}
		if !ok {
			return notFound("Job")
		}
		job = row
		tasks, err = tx.Tasks(job.Key, where, list.after, list.limit+1)
		return err
	})
	if err != nil {
		return reply{}, err
	}
	var p page
	more := len(tasks) > list.limit
	for _, row := range tasks[:min(len(tasks), list.limit)] {
		document, err := s.showTask(r, job.ID, &task{row}, list.fields)
		if err != nil {
			return reply{}, err
		}
		p.value = append(p.value, document)
	}
	last := ""
	if more {
		last = tasks[list.limit-1].ID
	}
	return s.listReply(r, "tasks", p, more, last), nil
}

// changeTask applies f to the task that r names, after its conditions.
func (s *Service) changeTask(r *http.Request, status int, f func(*change, *job, *task) error) (reply, error) {
	var t *task
	err := s.change(func(c *change) (err error) {
		var j *job
		if j, t, err = findTask(c.Tx, r.PathValue("job"), r.PathValue("task")); err != nil {
			return err
		}
		if err := checkConditions(r, t.Modified, true); err != nil {
			return err
		}
		if j.State == deleting {
			return beingDeleted("Job")
		}
		return f(c, j, t)
	})
	if err != nil {
		return reply{}, err
	}
	return reply{status: status, version: t.Modified}, nil
}

// putTask: of a task only its constraints can be changed. Clients may send the
// whole task that they have read, so nothing else is looked at.
func (s *Service) putTask(r *http.Request) (reply, error) {
	text, err := readAll(r)
	if err != nil {
		return reply{}, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return reply{}, invalidBody("it is not a JSON object")
	}
	var given struct {
		Constraints *taskConstraints `json:"constraints"`
	}
	if constraints, ok := members["constraints"]; ok {
		if err := decode([]byte(`{"constraints":`+string(constraints)+`}`), &given); err != nil {
			return reply{}, err
		}
	}
	return s.changeTask(r, http.StatusOK, func(c *change, j *job, t *task) error {
		if t.State == completed {
			return conflict("TaskCompleted", "The specified task is already in a completed state.")
		}
		spec, err := t.spec()
		if err != nil {
			return err
		}
		spec.Constraints, err = given.Constraints.complete(*j.Constraints.MaxTaskRetryCount)
		if err != nil {
			return err
		}
		if t.Body, err = json.Marshal(storedSpec{taskSpec: spec}); err != nil {
			return err
		}
		t.Modified = c.now
		return c.UpdateTaskBody(t.Task)
	})
}

func (s *Service) terminateTask(r *http.Request) (reply, error) {
	return s.changeTask(r, http.StatusNoContent, func(c *change, j *job, t *task) error {
		switch t.State {
		case completed:
			return conflict("TaskCompleted", "The specified task is already in a completed state.")
		case running, preparing:
			c.stopAll(s.runs.where(func(r *run) bool { return r.task == t.Key }), terminate)
			return nil
		}
		if err := c.completeUnrun(t); err != nil {
			return err
		}
		c.assign(j.ExecutionInfo.PoolID) // it may have been what others waited for
		if err := c.concludeUnrun(j, t); err != nil {
			return err
		}
		return c.settleJob(t.Job)
	})
}

func (s *Service) reactivateTask(r *http.Request) (reply, error) {
	return s.changeTask(r, http.StatusNoContent, func(c *change, j *job, t *task) error {
		switch {
		case t.State != completed:
			return conflict("TaskNotCompleted", "The specified task is not in a completed state.")
		case t.Result == success:
			return conflict("TaskSucceeded", "The specified task has succeeded, and so cannot be reactivated.")
		}
		if err := j.mustTakeTasks(); err != nil {
			return err
		}
		t.Retries, t.LastRetry = 0, 0
		c.assign(j.ExecutionInfo.PoolID)
		if err := c.waitAgain(t); err != nil {
			return err
		}
		if j.UsesTaskDependencies {
			if err := c.unsatisfy(t); err != nil {
				return err
			}
			if err := c.awaitAgain(t); err != nil {
				return err
			}
		}
		if j.manages(t) {
			return c.putFirst(t)
		}
		return nil
	})
}

// deleteTask ends a running task before it is removed, so that nothing writes
// to its directory any more when a task of the same id comes.
func (s *Service) deleteTask(r *http.Request) (reply, error) {
	for {
		var going *run
		_, err := s.changeTask(r, http.StatusOK, func(c *change, j *job, t *task) error {
			if going = s.runs.at(t.Key); going != nil {
				return nil
			}
			if t.NodeID != "" {
				if err := c.discardTask(j.ID, t); err != nil { // before a task of the same id can follow
					return err
				}
			}
			if t.Instances > 0 {
				if err := c.DeleteSubtasks(t.Key); err != nil {
					return err
				}
			}
			if err := c.DeleteTask(t.Key); err != nil {
				return err
			}
			if j.UsesTaskDependencies {
				if err := c.forgetDependencies(t); err != nil {
					return err
				}
			}
			if err := c.count(t, t.counted(), ""); err != nil {
				return err
			}
			c.assign(j.ExecutionInfo.PoolID) // room may have been kept for it
			return c.settleJob(t.Job)
		})
		if err != nil || going == nil {
			return reply{status: http.StatusOK}, err
		}
		going.stop(terminate)
		select {
		case <-going.ended:
		case <-r.Context().Done():
			return reply{}, r.Context().Err()
		case <-s.ctx.Done():
			return reply{}, s.ctx.Err()
		}
	}
}
