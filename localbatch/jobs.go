package localbatch

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/durabatch/durabatch/localbatch/store"
)

func (s *Service) createJob(r *http.Request) (reply, error) {
	j := &job{}
	if err := readBody(r, &j.jobSpec); err != nil {
		return reply{}, err
	}
	if err := j.complete(); err != nil {
		return reply{}, err
	}
	err := s.change(func(c *change) error {
		if err := c.idIsFree("Job", j.ID); err != nil {
			return err
		}
		if err := c.mayAddJob(); err != nil {
			return err
		}
		return c.addJob(j)
	})
	return reply{status: http.StatusCreated, version: j.LastModified, created: "/jobs/" + j.ID}, err
}

// addJob creates a job whose id is free: one that was asked for, or a job
// schedule's. The pool that it names may be missing: its tasks wait for one of
// that id (Batch REST reference, "poolInfo"; live tests of the .NET SDK).
func (c *change) addJob(j *job) error {
	j.CreationTime, j.LastModified = c.now, c.now
	j.stateChange = stateChange{State: active, StateTransitionTime: c.now}
	j.ExecutionInfo = jobExecutionInfo{StartTime: c.now}
	if err := c.givePool(j); err != nil {
		return err
	}
	if err := c.saveJob(j); err != nil || j.State == completed {
		return err
	}
	if err := c.addManager(j); err != nil {
		return c.failScheduledJob(j, err)
	}
	c.then(func() { c.s.watchDeadline(j) })
	return c.endIfComplete(j) // one without tasks is complete
}

// jobDocument shows why a job ended only when it has (Batch REST reference,
// "terminateReason").
func (s *Service) jobDocument(r *http.Request, j *job) jobDocument {
	if j.ExecutionInfo.EndTime == 0 {
		ending := *j
		ending.ExecutionInfo.TerminateReason = ""
		j = &ending
	}
	return jobDocument{job: j, URL: s.baseURL(r) + "/jobs/" + j.ID, ETag: etag(j.LastModified)}
}

func (s *Service) getJob(r *http.Request) (reply, error) {
	var j *job
	err := s.store.View(func(tx *store.Tx) (err error) {
		j, err = findJob(tx, r.PathValue("job"))
		return err
	})
	if err != nil {
		return reply{}, err
	}
	if err := checkConditions(r, j.LastModified, true); err != nil {
		return reply{}, err
	}
	document, err := project(s.jobDocument(r, j), selected(r.URL.Query()))
	return reply{status: http.StatusOK, meta: "jobs/@Element", body: document, version: j.LastModified}, err
}

func (s *Service) listJobs(r *http.Request) (reply, error) {
	return s.list(r, "jobs", jobFields, func(tx *store.Tx, _ listQuery) ([]listed, error) {
		var items []listed
		rows, err := tx.Jobs()
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			j, err := readJob(row, true, nil)
			if err != nil {
				return nil, err
			}
			items = append(items, listed{strings.ToLower(j.ID), s.jobDocument(r, j), j.property})
		}
		return items, nil
	})
}

// changeJob applies f, which saves the job, to the job that r names, after its
// conditions. By force, its end waits for nothing that runs on nodes, and a job
// that is ending already can be changed to that.
func (s *Service) changeJob(r *http.Request, status int, f func(*change, *job) error) (reply, error) {
	force, err := boolParameter(r, "force")
	if err != nil {
		return reply{}, err
	}
	var j *job
	err = s.change(func(c *change) (err error) {
		if j, err = findJob(c.Tx, r.PathValue("job")); err != nil {
			return err
		}
		if err := checkConditions(r, j.LastModified, true); err != nil {
			return err
		}
		if j.State == deleting && !force {
			return beingDeleted("Job")
		}
		j.LastModified = c.now
		j.Forced = j.Forced || force
		return f(c, j)
	})
	if err != nil {
		return reply{}, err
	}
	return reply{status: status, version: j.LastModified}, nil
}

// jobPatch has the properties of a job that can be changed: what is absent
// stays, an empty list clears.
type jobPatch struct {
	Priority             *int32          `json:"priority"`
	MaxParallelTasks     *int32          `json:"maxParallelTasks"`
	AllowTaskPreemption  *bool           `json:"allowTaskPreemption"`
	Constraints          *jobConstraints `json:"constraints"`
	PoolInfo             *poolInfo       `json:"poolInfo"`
	OnAllTasksComplete   *string         `json:"onAllTasksComplete"`
	Metadata             *metadata       `json:"metadata"`
	NetworkConfiguration json.RawMessage `json:"networkConfiguration"`
}

func (s *Service) patchJob(r *http.Request) (reply, error) {
	var patch jobPatch
	if err := readBody(r, &patch); err != nil {
		return reply{}, err
	}
	return s.updateJob(r, func(j *job) error {
		replace(&j.Priority, patch.Priority)
		replace(&j.AllowTaskPreemption, patch.AllowTaskPreemption)
		replace(&j.OnAllTasksComplete, patch.OnAllTasksComplete)
		replace(&j.Metadata, patch.Metadata)
		if patch.MaxParallelTasks != nil {
			j.MaxParallelTasks = patch.MaxParallelTasks
		}
		if patch.Constraints != nil { // given, it replaces both limits
			j.Constraints = patch.Constraints
		}
		if patch.NetworkConfiguration != nil {
			j.NetworkConfiguration = patch.NetworkConfiguration
		}
		return j.moveToPool(patch.PoolInfo)
	})
}

// putBody is a whole job, as clients send it back after they have read and
// changed it. What cannot be updated is not looked at; what can and is missing
// is reset.
type putBody struct {
	jobDocument
	Stats unsupported `json:"stats"`
}

func (s *Service) putJob(r *http.Request) (reply, error) {
	body := putBody{jobDocument: jobDocument{job: &job{}}}
	if err := readBody(r, &body); err != nil {
		return reply{}, err
	}
	given := body.jobSpec
	if given.PoolInfo == nil {
		return reply{}, missingProperty("poolInfo")
	}
	return s.updateJob(r, func(j *job) error {
		j.Priority, j.MaxParallelTasks, j.Constraints = given.Priority, given.MaxParallelTasks, given.Constraints
		j.Metadata, j.AllowTaskPreemption = given.Metadata, given.AllowTaskPreemption
		j.OnAllTasksComplete = given.OnAllTasksComplete
		return j.moveToPool(given.PoolInfo)
	})
}

func (s *Service) updateJob(r *http.Request, f func(*job) error) (reply, error) {
	return s.changeJob(r, http.StatusOK, func(c *change, j *job) error {
		if err := j.mustTakeTasks(); err != nil {
			return err
		}
		before := j.OnAllTasksComplete
		if err := f(j); err != nil {
			return err
		}
		if err := j.completeProperties(j.row.Schedule != 0); err != nil {
			return err
		}
		if before == terminateJob && j.OnAllTasksComplete == noAction {
			return invalidProperty("onAllTasksComplete", noAction, "once it is terminatejob it cannot be changed back")
		}
		c.then(func() { s.watchDeadline(j) })
		c.assign(j.ExecutionInfo.PoolID)
		if err := c.saveJob(j); err != nil {
			return err
		}
		s.runs.setPreemptible(j.row.Key, j.AllowTaskPreemption) // before they are looked at
		return c.endIfComplete(j)
	})
}

func (s *Service) taskCounts(r *http.Request) (reply, error) {
	var row store.Job
	err := s.store.View(func(tx *store.Tx) error {
		found, ok, err := tx.Job(r.PathValue("job"))
		if err == nil && !ok {
			err = notFound("Job")
		}
		row = found
		return err
	})
	s.counts.apply(&row, store.TimeOf(s.clock.Now()))
	body := map[string]any{"taskCounts": countsDocument(row.Tasks), "taskSlotCounts": countsDocument(row.Slots)}
	return reply{status: http.StatusOK, meta: "taskcounts/@Element", body: body}, err
}

func countsDocument(c store.Counts) map[string]int32 {
	return map[string]int32{
		"active": c.Active, "running": c.Running, "completed": c.Succeeded + c.Failed,
		"succeeded": c.Succeeded, "failed": c.Failed,
	}
}
