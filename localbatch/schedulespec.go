package localbatch

import (
	"fmt"

	"github.com/durabatch/durabatch/localbatch/store"
)

// scheduleSpec is what a job schedule is created from.
type scheduleSpec struct {
	ID               string            `json:"id"`
	DisplayName      string            `json:"displayName,omitempty"`
	Schedule         *recurrence       `json:"schedule,omitempty"`
	JobSpecification *jobSpecification `json:"jobSpecification,omitempty"`
	Metadata         metadata          `json:"metadata,omitempty"`
}

// jobSpecification is the spec of jobs that have their ids from the service.
type jobSpecification struct {
	jobSpec
	ID unsupported `json:"id,omitzero"`
}

// recurrence says when jobs are created.
type recurrence struct {
	DoNotRunUntil      store.Time `json:"doNotRunUntil,omitzero"`
	DoNotRunAfter      store.Time `json:"doNotRunAfter,omitzero"`
	StartWindow        *duration  `json:"startWindow,omitempty"`
	RecurrenceInterval *duration  `json:"recurrenceInterval,omitempty"`
}

// minRecurrence is the shortest startWindow and recurrenceInterval.
const minRecurrence = duration(60 * ticksPerSecond)

// complete checks the spec of a new schedule and fills in the service's defaults.
func (s *scheduleSpec) complete() error {
	if err := checkID(s.ID); err != nil {
		return err
	}
	if err := checkDisplayName(s.DisplayName); err != nil {
		return err
	}
	if s.Schedule == nil {
		return missingProperty("schedule")
	}
	if err := s.completeProperties(); err != nil {
		return err
	}
	return within("jobSpecification", s.JobSpecification.PoolInfo.mustHavePasswords())
}

// completeProperties is complete for what can be changed later.
func (s *scheduleSpec) completeProperties() error {
	if err := within("schedule", s.Schedule.check()); err != nil {
		return err
	}
	if s.JobSpecification == nil {
		return missingProperty("jobSpecification")
	}
	if err := within("jobSpecification", s.JobSpecification.completeProperties(true)); err != nil {
		return err
	}
	return s.Metadata.check()
}

func (r *recurrence) check() error {
	if r == nil {
		return nil
	}
	if r.DoNotRunAfter != 0 && r.DoNotRunAfter <= r.DoNotRunUntil {
		return invalidProperty("doNotRunAfter", r.DoNotRunAfter.String(), "it is not after doNotRunUntil")
	}
	for _, length := range []struct {
		name  string
		value *duration
	}{{"startWindow", r.StartWindow}, {"recurrenceInterval", r.RecurrenceInterval}} {
		if length.value == nil {
			continue
		}
		if err := between(length.name, *length.value, minRecurrence, unlimited); err != nil {
			return err
		}
	}
	return nil
}

// jobSchedule is a job schedule as it is stored, and but for URL, ETag and
// execution info as it is shown.
type jobSchedule struct {
	scheduleSpec
	stateChange
	CreationTime store.Time `json:"creationTime"`
	LastModified store.Time `json:"lastModified"`
	EndTime      store.Time `json:"endTime,omitzero"`

	row store.Schedule
}

// scheduleDocument is a job schedule as it is shown.
type scheduleDocument struct {
	*jobSchedule
	URL           string                `json:"url"`
	ETag          string                `json:"eTag"`
	ExecutionInfo scheduleExecutionInfo `json:"executionInfo"`

	// EndTime is always 0: it hides the schedule's own, which executionInfo has.
	EndTime store.Time `json:"endTime,omitzero"`
}

type scheduleExecutionInfo struct {
	NextRunTime store.Time `json:"nextRunTime,omitzero"`
	RecentJob   *recentJob `json:"recentJob,omitempty"`
	EndTime     store.Time `json:"endTime,omitzero"`
}

type recentJob struct {
	URL string `json:"url"`
	ID  string `json:"id"`
}

var scheduleFields = fields{
	"id": nameKind, "state": choiceKind, "stateTransitionTime": timeKind,
	"creationTime": timeKind, "lastModified": timeKind, "executionInfo/endTime": timeKind,
	"schedule/doNotRunUntil": timeKind, "schedule/doNotRunAfter": timeKind,
}

func (s *jobSchedule) property(name string) any {
	r := s.times()
	return map[string]any{
		"id": s.ID, "state": s.State, "stateTransitionTime": s.StateTransitionTime,
		"creationTime": s.CreationTime, "lastModified": s.LastModified, "executionInfo/endTime": s.EndTime,
		"schedule/doNotRunUntil": r.DoNotRunUntil, "schedule/doNotRunAfter": r.DoNotRunAfter,
	}[name]
}

// times are those of a schedule, which an update can have removed.
func (s *jobSchedule) times() recurrence {
	if s.Schedule == nil {
		return recurrence{}
	}
	return *s.Schedule
}

// jobID is the id of the schedule's nth job (recorded traffic of the Python SDK).
func (s *jobSchedule) jobID(n int64) string { return fmt.Sprintf("%s:job-%d", s.ID, n) }

// due is the first time that no job was created for; 0 when there is none. It
// may be past, and it may come too late for doNotRunAfter.
func (s *jobSchedule) due() store.Time {
	r := s.times()
	first := max(s.CreationTime, r.DoNotRunUntil)
	switch {
	case first > s.row.Served:
		return first
	case r.RecurrenceInterval == nil:
		return 0
	}
	return r.RecurrenceInterval.after(s.row.Served)
}

// next is the time that the next job is created for, if none is active until
// then; 0 when there will be none. It is past for a job that could be created
// now. Of several recurrences that went by only the last counts: a job that was
// due in one is not carried forward into the next (Batch REST reference,
// "startWindow").
func (s *jobSchedule) next(now store.Time) store.Time {
	r, due := s.times(), s.due()
	if due == 0 {
		return 0
	}
	every, recurs := unlimited, r.RecurrenceInterval != nil
	if recurs {
		every = *r.RecurrenceInterval
	}
	if late := now - due; recurs && late > 0 {
		due += late / store.Time(every) * store.Time(every)
	}
	if r.StartWindow != nil && now > r.StartWindow.after(due) {
		if !recurs {
			return 0
		}
		due = every.after(due)
	}
	if r.DoNotRunAfter != 0 && max(due, now) > r.DoNotRunAfter || due == store.Never {
		return 0
	}
	return due
}

// over says that no job is to come any more.
func (s *jobSchedule) over(now store.Time) bool {
	r := s.times()
	switch {
	case s.next(now) != 0:
		return false
	case r.RecurrenceInterval == nil:
		return true
	}
	return r.DoNotRunAfter != 0 && now > r.DoNotRunAfter
}
