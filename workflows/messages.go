package workflows

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/durabatch/durabatch/activities"
	"github.com/durabatch/durabatch/workload"
)

// Names that the Temporal CLI, the web UI and other programs use.
const (
	// TaskQueue is where workflows and most activities run.
	TaskQueue = "durabatch"
	// ApprovalSignal carries an Approval; it answers nothing.
	ApprovalSignal = "cleanup-approval"
	// ApprovalUpdate carries an Approval and answers a CleanupResult when the
	// cleanup is done. It is refused when there is nothing left to decide.
	ApprovalUpdate = "approve-cleanup"
	// StatusQuery takes nothing and answers a Status.
	StatusQuery = "status"

	// InvalidWorkload is the type of the application error of a run whose
	// workload was refused, before anything was created.
	InvalidWorkload = activities.InvalidWorkload
)

// HostTaskQueue is the task queue of the activities that need files of one
// machine.
func HostTaskQueue(host string) string { return TaskQueue + "@" + host }

// Approval decides over the job and the pool of a finished run, and over the
// inputs of one that a redrive is possible of. A field that is missing is true:
// {} approves the deletion of all.
type Approval struct {
	Approve      *bool `json:"approve,omitempty"`
	DeleteJob    *bool `json:"deleteJob,omitempty"`
	DeletePool   *bool `json:"deletePool,omitempty"`
	DeleteInputs *bool `json:"deleteInputs,omitempty"`
}

// UnmarshalJSON refuses a key that it does not know: with a missing field
// true, a misspelt refusal would approve.
func (a *Approval) UnmarshalJSON(text []byte) error {
	type plain Approval
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode((*plain)(a)); err != nil {
		return fmt.Errorf("an approval is {\"approve\": true, \"deleteJob\": true, \"deletePool\": true}: %w", err)
	}
	return nil
}

// NewApproval spells an Approval out.
func NewApproval(deleteJob, deletePool bool) Approval {
	approve := deleteJob || deletePool
	return Approval{Approve: &approve, DeleteJob: &deleteJob, DeletePool: &deletePool}
}

// Job says whether the job is to be deleted.
func (a Approval) Job() bool { return isTrue(a.Approve) && isTrue(a.DeleteJob) }

// Pool says whether the pool is to be deleted.
func (a Approval) Pool() bool { return isTrue(a.Approve) && isTrue(a.DeletePool) }

// Inputs says whether the inputs, if there are any left, are to be deleted.
func (a Approval) Inputs() bool { return isTrue(a.Approve) && isTrue(a.DeleteInputs) }

func isTrue(b *bool) bool { return b == nil || *b }

// CleanupResult is what a cleanup did.
type CleanupResult struct {
	JobDeleted  bool     `json:"jobDeleted"`
	PoolDeleted bool     `json:"poolDeleted"`
	Left        []string `json:"left,omitempty"` // what still exists, and what it costs
}

// The steps of a run, in the order in which they usually begin. Upload, pool
// and what follows overlap.
const (
	StepScan         = "scan"
	StepAdopt        = "take over"
	StepUpload       = "upload"
	StepPool         = "pool"
	StepJob          = "job"
	StepSubmit       = "submit"
	StepWait         = "wait"
	StepEndJob       = "end job"
	StepGather       = "gather"
	StepReport       = "report"
	StepFetch        = "fetch"
	StepDeleteInputs = "delete inputs"
	StepEmptyPool    = "empty pool"
	StepApproval     = "approval"
	StepDeleteJob    = "delete job"
	StepDeletePool   = "delete pool"
	StepKeep         = "note what is kept"
)

// Step is one step that began.
type Step struct {
	Name    string    `json:"name"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`  // zero: it goes on
	Error   string    `json:"error,omitempty"` // why it did not do its work
}

// Status is what a run knows of itself. What its activities are doing this
// very second is in their heartbeats, as a workload.Progress.
type Status struct {
	WorkflowID string             `json:"workflowId"`
	RunID      string             `json:"runId"`
	Name       string             `json:"name,omitempty"`
	Phase      string             `json:"phase"` // the latest step that goes on, or "done"
	Steps      []Step             `json:"steps"`
	Parent     string             `json:"parent,omitempty"`  // workflow id of the run that this one is a redrive of
	Files      int64              `json:"files,omitempty"`   // counted by the scan
	Earlier    int64              `json:"earlier,omitempty"` // of these, what runs before this one have done
	Bytes      int64              `json:"bytes,omitempty"`
	Counts     workload.Counts    `json:"counts,omitzero"` // once gathered
	Resources  workload.Resources `json:"resources"`       // the names, before and after they exist
	Timeout    workload.Duration  `json:"timeout,omitzero"`
	Deadline   time.Time          `json:"deadline,omitzero"` // of the work
	// Ignored says why an approval signal was not followed.
	Ignored string `json:"ignored,omitempty"`
	// ApprovalUntil is set while the run waits for its approval.
	ApprovalUntil time.Time        `json:"approvalUntil,omitzero"`
	Report        *workload.Report `json:"report,omitempty"` // once there is a verdict, so before the approval
}

// Step finds a step by its name; the zero Step has not begun.
func (s Status) Step(name string) Step {
	for _, step := range s.Steps {
		if step.Name == name {
			return step
		}
	}
	return Step{}
}

// ReportOf takes the report out of the error of a run that did not succeed.
// It answers false where the run ended without one: refused, terminated, or
// lost.
func ReportOf(err error) (workload.Report, bool) {
	var report workload.Report
	if app := (*temporal.ApplicationError)(nil); errors.As(err, &app) && app.HasDetails() {
		return report, app.Details(&report) == nil && report.Outcome != ""
	}
	if canceled := (*temporal.CanceledError)(nil); errors.As(err, &canceled) && canceled.HasDetails() {
		return report, canceled.Details(&report) == nil && report.Outcome != ""
	}
	return report, false
}
