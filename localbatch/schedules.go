package localbatch

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/durabatch/durabatch/localbatch/store"
)

func (s *Service) createSchedule(r *http.Request) (reply, error) {
	sch := &jobSchedule{}
	if err := readBody(r, &sch.scheduleSpec); err != nil {
		return reply{}, err
	}
	if err := sch.complete(); err != nil {
		return reply{}, err
	}
	err := s.change(func(c *change) error {
		if err := c.idIsFree("JobSchedule", sch.ID); err != nil {
			return err
		}
		if err := c.mayAddJob(); err != nil {
			return err
		}
		sch.CreationTime, sch.LastModified = c.now, c.now
		sch.stateChange = stateChange{State: active, StateTransitionTime: c.now}
		if err := c.saveSchedule(sch); err != nil {
			return err
		}
		return c.advance(sch)
	})
	return reply{status: http.StatusCreated, version: sch.LastModified, created: "/jobschedules/" + sch.ID}, err
}

// idIsFree: jobs and job schedules have their ids from one namespace.
func (c *change) idIsFree(kind, id string) error {
	job, isJob, err := c.Job(id)
	if err != nil {
		return err
	}
	schedule, isSchedule, err := c.Schedule(id)
	switch {
	case err != nil:
		return err
	case isJob && kind != "Job":
		return conflict("JobWithSameIdExists", "A job with the specified job schedule id exists. Job and job schedule cannot have the same id.")
	case isSchedule && kind == "Job":
		return conflict("JobScheduleWithSameIdExists", "A job schedule with the specified job id exists. Job and job schedule cannot have the same id.")
	case isJob && job.State == deleting, isSchedule && schedule.State == deleting:
		return beingDeleted(kind)
	case isJob, isSchedule:
		return exists(kind)
	}
	return nil
}

func findSchedule(tx *store.Tx, id string) (*jobSchedule, error) {
	row, ok, err := tx.Schedule(id)
	return readSchedule(row, ok, err)
}

func readSchedule(row store.Schedule, ok bool, err error) (*jobSchedule, error) {
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, notFound("JobSchedule")
	}
	sch := &jobSchedule{row: row}
	return sch, json.Unmarshal(row.Body, sch)
}

func (c *change) saveSchedule(sch *jobSchedule) error {
	body, err := json.Marshal(sch)
	if err != nil {
		return err
	}
	sch.row.ID, sch.row.State, sch.row.Body = sch.ID, sch.State, body
	if sch.row.Key != 0 {
		return c.UpdateSchedule(sch.row)
	}
	sch.row.Key, err = c.InsertSchedule(sch.row)
	return err
}

func (s *Service) scheduleDocument(r *http.Request, sch *jobSchedule) scheduleDocument {
	base := s.baseURL(r)
	document := scheduleDocument{
		jobSchedule: sch, URL: base + "/jobschedules/" + sch.ID, ETag: etag(sch.LastModified),
		ExecutionInfo: scheduleExecutionInfo{EndTime: sch.EndTime},
	}
	if sch.State == active || sch.State == disabled {
		document.ExecutionInfo.NextRunTime = sch.next(store.TimeOf(s.clock.Now()))
	}
	if n := sch.row.Jobs; n > 0 {
		id := sch.jobID(n)
		document.ExecutionInfo.RecentJob = &recentJob{URL: base + "/jobs/" + id, ID: id}
	}
	return document
}

func (s *Service) getSchedule(r *http.Request) (reply, error) {
	var sch *jobSchedule
	err := s.store.View(func(tx *store.Tx) (err error) {
		sch, err = findSchedule(tx, r.PathValue("schedule"))
		return err
	})
	if err != nil {
		return reply{}, err
	}
	if err := checkConditions(r, sch.LastModified, true); err != nil {
		return reply{}, err
	}
	document, err := project(s.scheduleDocument(r, sch), selected(r.URL.Query()))
	return reply{status: http.StatusOK, meta: "jobschedules/@Element", body: document, version: sch.LastModified}, err
}

func (s *Service) listSchedules(r *http.Request) (reply, error) {
	return s.list(r, "jobschedules", scheduleFields, func(tx *store.Tx, _ listQuery) ([]listed, error) {
		var items []listed
		rows, err := tx.Schedules()
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			sch, err := readSchedule(row, true, nil)
			if err != nil {
				return nil, err
			}
			items = append(items, listed{strings.ToLower(sch.ID), s.scheduleDocument(r, sch), sch.property})
		}
		return items, nil
	})
}

// listScheduledJobs lists a schedule's jobs in the order of their creation.
func (s *Service) listScheduledJobs(r *http.Request) (reply, error) {
	return s.list(r, "jobs", scheduledJobFields, func(tx *store.Tx, _ listQuery) ([]listed, error) {
		var items []listed
		sch, err := findSchedule(tx, r.PathValue("schedule"))
		if err != nil {
			return nil, err
		}
		rows, err := tx.JobsOfSchedule(sch.row.Key)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			j, err := readJob(row, true, nil)
			if err != nil {
				return nil, err
			}
			items = append(items, listed{fmt.Sprintf("%020d", row.Key), s.jobDocument(r, j), j.property})
		}
		return items, nil
	})
}

// schedulePatch has the properties of a job schedule that can be changed: what
// is absent stays, an empty list clears.
type schedulePatch struct {
	Schedule         *recurrence       `json:"schedule"`
	JobSpecification *jobSpecification `json:"jobSpecification"`
	Metadata         *metadata         `json:"metadata"`
}

func (s *Service) patchSchedule(r *http.Request) (reply, error) {
	var patch schedulePatch
	if err := readBody(r, &patch); err != nil {
		return reply{}, err
	}
	return s.updateSchedule(r, func(sch *jobSchedule) {
		if patch.Schedule != nil {
			sch.Schedule = patch.Schedule
		}
		if patch.JobSpecification != nil {
			sch.JobSpecification = patch.JobSpecification
		}
		replace(&sch.Metadata, patch.Metadata)
	})
}

// putScheduleBody is a whole job schedule, as clients send it back after they
// have read and changed it. What cannot be updated is not looked at.
type putScheduleBody struct {
	scheduleDocument
	Stats unsupported `json:"stats"`
}

func (s *Service) putSchedule(r *http.Request) (reply, error) {
	body := putScheduleBody{scheduleDocument: scheduleDocument{jobSchedule: &jobSchedule{}}}
	if err := readBody(r, &body); err != nil {
		return reply{}, err
	}
	given := body.scheduleSpec
	return s.updateSchedule(r, func(sch *jobSchedule) {
		sch.Schedule, sch.JobSpecification, sch.Metadata = given.Schedule, given.JobSpecification, given.Metadata
	})
}

// updateSchedule changes what the jobs from the next one on are created from,
// and when they are.
func (s *Service) updateSchedule(r *http.Request, f func(*jobSchedule)) (reply, error) {
	return s.changeSchedule(r, http.StatusOK, func(c *change, sch *jobSchedule, _ bool) error {
		if err := sch.mustGoOn(); err != nil {
			return err
		}
		f(sch)
		if err := sch.completeProperties(); err != nil {
			return err
		}
		return c.advance(sch)
	})
}
