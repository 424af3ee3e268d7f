package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/durabatch/durabatch/activities"
	"github.com/durabatch/durabatch/workload"
)

// RedrivenSignal tells a run that another one does again what failed in it. It
// carries a Redriven; runs send it to each other.
const RedrivenSignal = "redriven"

// Redriven names the run that does again what failed, and what it has taken
// over.
type Redriven struct {
	By     string `json:"by"` // its workflow id
	Pool   bool   `json:"pool"`
	Inputs bool   `json:"inputs"`
}

// parent is the run that this one is a redrive of.
func (r *run) parent() activities.Owner {
	p := r.workload.Redrive
	return activities.Owner{WorkflowID: p.WorkflowID, RunID: p.RunID, Namespace: r.owner.Namespace}
}

// redriveInput says where the parent's records are; nil: there is no parent.
func (r *run) redriveInput() *activities.RedriveInput {
	if r.workload.Redrive == nil {
		return nil
	}
	p := r.parent()
	return &activities.RedriveInput{WorkflowID: p.WorkflowID, OutputContainer: workload.ResourceName(p.WorkflowID, p.RunID) + "-out"}
}

// adopt takes over of the parent what a redrive needs and still stands, and then
// tells the parent, which waits for nobody's approval any more.
func (r *run) adopt(ctx workflow.Context) error {
	if r.workload.Redrive == nil {
		return nil
	}
	p, in := r.workload.Redrive, activities.AdoptInput{Owner: r.owner, Parent: r.parent(), Pool: r.workload.Pool, Access: r.access()}
	name := workload.ResourceName(p.WorkflowID, p.RunID)
	if r.ownsPool() {
		in.PoolID = orElse(p.Pool, name)
	}
	if r.ownsInputs() {
		in.InputContainer = orElse(p.InputContainer, name+"-in")
	}
	var adopted activities.AdoptResult
	err := r.do(ctx, StepAdopt, shortly("take over what is left of run "+p.WorkflowID), act.Adopt, in, &adopted)
	r.adopted = adopted
	// After an error it is not known; what is not ours is not deleted anyway.
	if in.PoolID != "" && (adopted.Pool || err != nil) {
		r.status.Resources.Pool, r.exists.pool = in.PoolID, true
	}
	if in.InputContainer != "" && (adopted.Inputs || err != nil) {
		r.status.Resources.InputContainer = in.InputContainer
	}
	if err != nil {
		return err
	}
	// A parent that has ended cannot be told, and need not.
	_ = workflow.SignalExternalWorkflow(ctx, p.WorkflowID, "", RedrivenSignal,
		Redriven{By: r.owner.WorkflowID, Pool: adopted.Pool, Inputs: adopted.Inputs}).Get(ctx, nil)
	return nil
}

// What is todo is how many of the files this run does itself.
func (r *run) todo() int64 { return r.status.Files - r.status.Earlier }

// listed is how many files the list has; 0: as many as there are tasks.
func (r *run) listed() int64 {
	if r.status.Earlier == 0 {
		return 0
	}
	return r.status.Files
}

func orElse(name, otherwise string) string {
	if name != "" {
		return name
	}
	return otherwise
}

// listenForRedrive lets a run that waits for its approval end as soon as another
// run goes on from it.
func (r *run) listenForRedrive(ctx workflow.Context) {
	signals := workflow.GetSignalChannelWithOptions(ctx, RedrivenSignal, workflow.SignalChannelOptions{
		Description: "Sent by a run that does again what failed in this one.",
	})
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var redriven Redriven
			signals.Receive(ctx, &redriven)
			r.redriven(redriven)
		}
	})
}

// redriven leaves alone what the other run has taken over, and has the rest
// deleted.
func (r *run) redriven(by Redriven) {
	if r.cleanedUp || r.status.Report == nil {
		return
	}
	r.exists.pool = r.exists.pool && !by.Pool
	r.keptInputs = r.keptInputs && !by.Inputs
	note := "run " + by.By + " does again what failed"
	switch {
	case by.Pool && by.Inputs:
		note += "; it has taken the pool and the inputs over"
	case by.Pool:
		note += "; it has taken the pool over"
	case by.Inputs:
		note += "; it has taken the inputs over"
	}
	r.note(note)
	if r.decision == nil {
		both := NewApproval(true, true)
		r.decision = &both
	}
}

// keepsInputs says whether the inputs outlive the work: where something is left
// to redrive and a person is still to decide, or decided to keep everything.
// Runs that began before there were redrives deleted them at once.
func (r *run) keepsInputs(ctx workflow.Context, report *workload.Report) bool {
	return r.known && report.Results != "" && report.Counts.Succeeded < report.Counts.Total && r.keepsPoolForNow() &&
		workflow.GetVersion(ctx, "keep-inputs", workflow.DefaultVersion, 1) != workflow.DefaultVersion
}

// deleteKeptInputs does what was decided over inputs that were kept for a
// redrive.
func (r *run) deleteKeptInputs(ctx workflow.Context) {
	if !r.keptInputs {
		return
	}
	container := r.status.Resources.InputContainer
	left, command := "container "+container+", which costs its storage", "az storage container delete --name "+container
	if !r.decision.Inputs() {
		r.leave(fmt.Sprintf("%s: starter redrive %s uses it; delete it with: %s", left, r.owner.WorkflowID, command))
		return
	}
	err := r.do(ctx, StepDeleteInputs, withinBound("delete the inputs", cleanupBound), act.DeleteContainer,
		activities.DeleteContainerInput{Owner: r.owner, Container: container}, nil)
	if err != nil {
		r.leave(refusedToGo(left, err, command))
	}
}

// doneBefore says of the tasks of a verdict which of them runs before this one
// have done.
func doneBefore(report *workload.Report) string {
	if report.Earlier == 0 {
		return ""
	}
	if report.Parent != "" {
		return fmt.Sprintf(" %d of them were done by run %s already.", report.Earlier, report.Parent)
	}
	return fmt.Sprintf(" %d of them were done by earlier runs already.", report.Earlier)
}
