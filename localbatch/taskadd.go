package localbatch

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/durabatch/durabatch/localbatch/store"
)

// maxCollection is how many tasks one request can add.
const maxCollection = 100

// storedSpec is a task's spec as it is stored, behind what its row holds.
type storedSpec struct {
	*taskSpec
	ID string `json:"id,omitempty"` // always empty: the row has it
}

func (s *Service) addTask(r *http.Request) (reply, error) {
	text, err := readAll(r)
	if err != nil {
		return reply{}, err
	}
	var spec taskSpec
	if err := decode(text, &spec); err != nil {
		return reply{}, err
	}
	var added *task
	var jobID string
	err = s.change(func(c *change) error {
		j, err := c.jobForTasks(r)
		if err != nil {
			return err
		}
		jobID = j.ID
		if added, err = c.add(j, spec); err != nil {
			return err
		}
		return c.countAdded(j, []*task{added})
	})
	if err != nil {
		return reply{}, err
	}
	return reply{
		status: http.StatusCreated, version: added.Modified, created: "/jobs/" + jobID + "/tasks/" + added.ID,
	}, nil
}

// jobForTasks is the job that r names, if it takes tasks.
func (c *change) jobForTasks(r *http.Request) (*job, error) {
	j, err := findJob(c.Tx, r.PathValue("job"))
	if err != nil {
		return nil, err
	}
	return j, j.mustTakeTasks()
}

// add adds a task, which is not yet counted.
func (c *change) add(j *job, spec taskSpec) (*task, error) {
	if err := spec.complete(*j.Constraints.MaxTaskRetryCount); err != nil {
		return nil, err
	}
	if err := spec.checkFor(j); err != nil {
		return nil, c.unlessTaken(j, spec.ID, err)
	}
	if err := j.mayHaveTask(spec.ID); err != nil {
		return nil, err
	}
	if err := c.checkAccount(j, spec.UserIdentity); err != nil {
		return nil, err
	}
	body, err := json.Marshal(storedSpec{taskSpec: &spec})
	if err != nil {
		return nil, err
	}
	t := &task{store.Task{
		Job: j.row.Key, ID: spec.ID, State: active, StateTime: c.now, Created: c.now, Modified: c.now,
		Slots: spec.RequiredSlots, Instances: spec.instances(), Ready: c.now, Body: body,
	}}
	wait, err := c.unmet(t.Job, spec.DependsOn, spec.DependsOn.len()-1, store.Newest)
	if err != nil {
		return nil, err
	}
	if wait != nil {
		t.Ready = 0
	}
	key, added, err := c.InsertTask(t.Task)
	if err != nil {
		return nil, err
	}
	if !added {
		return nil, exists("Task")
	}
	t.Key = key
	if least := &j.row.LeastSlots; *least == 0 || t.Slots < *least {
		*least = t.Slots
		if err := c.SetLeastSlots(t.Job, t.Slots); err != nil {
			return nil, err
		}
	}
	if wait != nil {
		wait.Task = key
		return t, c.SetWait(*wait)
	}
	return t, nil
}

// unlessTaken is what refuses a task that its job cannot have: that its id is
// taken comes before what else is wrong with it.
func (c *change) unlessTaken(j *job, id string, refusal error) error {
	_, taken, err := c.Task(j.row.Key, id)
	switch {
	case err != nil:
		return err
	case taken:
		return exists("Task")
	}
	return refusal
}

// countAdded counts added tasks, all at once, and has them assigned.
func (c *change) countAdded(j *job, added []*task) error {
	var tasks, slots store.Counts
	for _, t := range added {
		tasks.Active++
		slots.Active += t.Slots
	}
	c.assign(j.ExecutionInfo.PoolID)
	return c.AddCounts(j.row.Key, tasks, slots)
}

// taskAddResult is what became of one task of a collection.
type taskAddResult struct {
	Status       string         `json:"status"`
	TaskID       string         `json:"taskId"`
	ETag         string         `json:"eTag,omitempty"`
	LastModified store.Time     `json:"lastModified,omitzero"`
	Location     string         `json:"location,omitempty"`
	Error        *errorDocument `json:"error,omitempty"`
}

func (s *Service) addTasks(r *http.Request) (reply, error) {
	var body struct {
		Value []json.RawMessage `json:"value"`
	}
	if err := readBody(r, &body); err != nil {
		return reply{}, err
	}
	switch n := len(body.Value); {
	case n == 0:
		return reply{}, missingProperty("value")
	case n > maxCollection:
		return reply{}, invalidProperty("value", fmt.Sprint(n, " tasks"), "at most %d tasks can be added at a time", maxCollection)
	}
	specs, refused := make([]taskSpec, len(body.Value)), make([]error, len(body.Value))
	for i, text := range body.Value { // decoding is done before the change, which holds up others
		refused[i] = decode(text, &specs[i])
	}
	results := make([]taskAddResult, len(specs))
	err := s.change(func(c *change) error {
		j, err := c.jobForTasks(r)
		if err != nil {
			return err
		}
		var added []*task
		for i, spec := range specs {
			t, err := (*task)(nil), refused[i]
			if err == nil {
				t, err = c.add(j, spec)
			}
			if results[i], err = s.addResult(r, j.ID, spec.ID, t, err); err != nil {
				return err
			}
			if t != nil {
				added = append(added, t)
			}
		}
		return c.countAdded(j, added)
	})
	return reply{status: http.StatusOK, meta: "taskaddresult", body: map[string]any{"value": results}}, err
}

func (s *Service) addResult(r *http.Request, jobID, taskID string, t *task, err error) (taskAddResult, error) {
	if err == nil {
		return taskAddResult{
			Status: "success", TaskID: t.ID, ETag: etag(t.Modified), LastModified: t.Modified,
			Location: s.baseURL(r) + "/jobs/" + jobID + "/tasks/" + t.ID,
		}, nil
	}
	var refused *apiError
	if !errors.As(err, &refused) {
		return taskAddResult{}, err
	}
	document := refused.document(requestID(r))
	return taskAddResult{Status: "clienterror", TaskID: taskID, Error: &document}, nil
}
