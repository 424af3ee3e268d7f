package localbatch

import (
	"encoding/json"
	"maps"

	"github.com/durabatch/durabatch/localbatch/store"
)

// jobSpec is what a job is created from.
type jobSpec struct {
	ID                        string           `json:"id"`
	DisplayName               string           `json:"displayName,omitempty"`
	UsesTaskDependencies      bool             `json:"usesTaskDependencies"`
	Priority                  int32            `json:"priority"`
	MaxParallelTasks          *int32           `json:"maxParallelTasks,omitempty"`
	AllowTaskPreemption       bool             `json:"allowTaskPreemption"`
	Constraints               *jobConstraints  `json:"constraints,omitempty"`
	JobManagerTask            *jobManagerTask  `json:"jobManagerTask,omitempty"`
	JobPreparationTask        *preparationTask `json:"jobPreparationTask,omitempty"`
	JobReleaseTask            *releaseTask     `json:"jobReleaseTask,omitempty"`
	CommonEnvironmentSettings []nameValue      `json:"commonEnvironmentSettings,omitempty"`
	PoolInfo                  *poolInfo        `json:"poolInfo,omitempty"`
	OnAllTasksComplete        string           `json:"onAllTasksComplete,omitempty"`
	OnTaskFailure             string           `json:"onTaskFailure,omitempty"`
	NetworkConfiguration      json.RawMessage  `json:"networkConfiguration,omitempty"`
	Metadata                  metadata         `json:"metadata,omitempty"`
}

type poolInfo struct {
	PoolID                string    `json:"poolId,omitempty"`
	AutoPoolSpecification *autoPool `json:"autoPoolSpecification,omitempty"`
}

// complete checks that there is one way to a pool, and fills in the service's
// defaults; scheduled says that it is of a job schedule.
func (i *poolInfo) complete(scheduled bool) error {
	switch {
	case i == nil, i.PoolID == "" && i.AutoPoolSpecification == nil:
		return missingProperty("poolId")
	case i.AutoPoolSpecification == nil:
		return nil
	case i.PoolID != "":
		return invalidProperty("poolId", i.PoolID, "there is an autoPoolSpecification as well")
	}
	return within("autoPoolSpecification", i.AutoPoolSpecification.complete(scheduled))
}

type jobConstraints struct {
	MaxWallClockTime  *duration `json:"maxWallClockTime,omitempty"`
	MaxTaskRetryCount *int32    `json:"maxTaskRetryCount,omitempty"`
}

const (
	noAction     = "noaction"
	terminateJob = "terminatejob"
)

// complete checks the spec of a job that is created by itself, and fills in
// the service's defaults.
func (j *jobSpec) complete() error {
	if err := checkID(j.ID); err != nil {
		return err
	}
	if err := j.completeProperties(false); err != nil {
		return err
	}
	return j.PoolInfo.mustHavePasswords()
}

// completeProperties is complete but for the id, which the service itself gives
// to a job of a job schedule.
func (j *jobSpec) completeProperties(scheduled bool) error {
	if err := checkDisplayName(j.DisplayName); err != nil {
		return err
	}
	if err := within("poolInfo", j.PoolInfo.complete(scheduled)); err != nil {
		return err
	}
	if err := j.completeLimits(); err != nil {
		return err
	}
	if err := oneOf("onAllTasksComplete", &j.OnAllTasksComplete, noAction, terminateJob); err != nil {
		return err
	}
	if err := oneOf("onTaskFailure", &j.OnTaskFailure, noAction, performJobAction); err != nil {
		return err
	}
	if err := checkEnvironment("commonEnvironmentSettings", j.CommonEnvironmentSettings); err != nil {
		return err
	}
	if err := within("jobManagerTask", j.JobManagerTask.complete(*j.Constraints.MaxTaskRetryCount)); err != nil {
		return err
	}
	if err := j.completePreparation(); err != nil {
		return err
	}
	if j.JobManagerTask != nil {
		if err := j.mayHaveTask(j.JobManagerTask.ID); err != nil {
			return err
		}
	}
	return j.Metadata.check()
}

func (j *jobSpec) completeLimits() error {
	if j.Priority < -1000 || j.Priority > 1000 {
		return badRequest("OutOfRangePriority", "The priority is out of range: it is from -1000 to 1000.")
	}
	orDefault(&j.MaxParallelTasks, -1)
	if n := *j.MaxParallelTasks; n != -1 {
		if err := between("maxParallelTasks", n, 1, 1<<30); err != nil {
			return err
		}
	}
	if j.Constraints == nil {
		j.Constraints = &jobConstraints{}
	}
	orDefault(&j.Constraints.MaxWallClockTime, unlimited)
	orDefault(&j.Constraints.MaxTaskRetryCount, 0)
	return checkRetries("constraints.maxTaskRetryCount", j.Constraints.MaxTaskRetryCount)
}

// job is a job as it is stored, and but for URL and ETag as it is shown.
type job struct {
	jobSpec
	stateChange
	CreationTime  store.Time       `json:"creationTime"`
	LastModified  store.Time       `json:"lastModified"`
	ExecutionInfo jobExecutionInfo `json:"executionInfo"`

	// Forced says that the end waits for no release task; it is not shown.
	Forced bool `json:"forced,omitempty"`

	row store.Job
}

type jobExecutionInfo struct {
	StartTime       store.Time   `json:"startTime,omitzero"`
	EndTime         store.Time   `json:"endTime,omitzero"`
	PoolID          string       `json:"poolId,omitempty"` // of the pool it runs on, an auto pool too
	SchedulingError *failureInfo `json:"schedulingError,omitempty"`
	TerminateReason string       `json:"terminateReason,omitempty"`
}

// jobDocument is a job as it is shown.
type jobDocument struct {
	*job
	URL  string `json:"url"`
	ETag string `json:"eTag"`

	// Forced is always false: it hides the job's own.
	Forced bool `json:"forced,omitempty"`
}

var jobFields = fields{
	"id": nameKind, "state": choiceKind, "stateTransitionTime": timeKind,
	"creationTime": timeKind, "lastModified": timeKind, "executionInfo/startTime": timeKind,
	"executionInfo/endTime": timeKind, "executionInfo/poolId": nameKind,
}

// scheduledJobFields are those of a job schedule's jobs.
var scheduledJobFields = func() fields {
	but := maps.Clone(jobFields)
	delete(but, "id")
	return but
}()

func (j *job) property(name string) any {
	return map[string]any{
		"id": j.ID, "state": j.State, "stateTransitionTime": j.StateTransitionTime,
		"creationTime": j.CreationTime, "lastModified": j.LastModified,
		"executionInfo/startTime": j.ExecutionInfo.StartTime,
		"executionInfo/endTime":   j.ExecutionInfo.EndTime,
		"executionInfo/poolId":    j.ExecutionInfo.PoolID,
	}[name]
}

// deadline is when the job's own wall clock ends it; store.Never without one.
func (j *job) deadline() store.Time {
	limit, ok := j.Constraints.MaxWallClockTime.std()
	if !ok {
		return store.Never
	}
	return j.CreationTime.Add(limit)
}
