package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// A task that waits cannot be changed: it is ended, which tells whether it had
// begun after all, deleted, and added again with fresh signatures. What goes on
// is written down first, so that whoever comes after a crash finishes it, and
// so that the results say of a task that had begun how often.

// reissueRecord is what is written down, in the output container. It holds no
// signatures.
type reissueRecord struct {
	Going    map[string]*reissued `json:"going,omitempty"`    // by task id
	Attempts map[string]int32     `json:"attempts,omitempty"` // that tasks had begun before they were added again
}

// reissued is one task on its way.
type reissued struct {
	Body     azbatch.CreateTaskContent `json:"body"` // without signatures
	Ended    bool                      `json:"ended,omitempty"`
	Attempts int32                     `json:"attempts,omitempty"` // that had begun, once it is ended
}

const (
	reissueBlob     = workload.Reserved + "reissued.json"
	reissuesAtATime = 100
)

// reissueOverdue signs the tasks anew that have waited too long, those that
// waited longest first.
func (w *window) reissueOverdue(ctx context.Context) error {
	for {
		overdue, err := w.overdue(ctx)
		if err != nil || len(overdue) == 0 {
			return err
		}
		record, err := w.readReissues(ctx)
		if err != nil {
			return err
		}
		record.Going = map[string]*reissued{}
		for _, task := range overdue {
			record.Going[value(task.ID)] = &reissued{Body: unsignedBody(task)}
		}
		if err := w.carryOut(ctx, record); err != nil {
			return err
		}
	}
}

// overdue are waiting tasks of the run's own that were added too long ago.
func (w *window) overdue(ctx context.Context) ([]azbatch.Task, error) {
	since := time.Now().Add(-w.mayWait()).UTC().Format(time.RFC3339Nano)
	pager := w.Batch.NewListTasksPager(w.in.Job, &azbatch.ListTasksOptions{
		Filter: to.Ptr(fmt.Sprintf("state eq 'active' and creationTime lt DateTime'%s' and id ge '%s' and id le '%s'",
			since, workload.TaskID(0), workload.TaskID(w.in.Files-1))),
		MaxResults: to.Ptr[int32](reissuesAtATime),
	})
	page, err := pager.NextPage(ctx)
	return page.Value, fail(err, "list the tasks of job %s that wait", w.in.Job)
}

// resumeReissue finishes what an attempt before this one had begun.
func (w *window) resumeReissue(ctx context.Context) error {
	record, err := w.readReissues(ctx)
	if err != nil || len(record.Going) == 0 {
		return err
	}
	return w.carryOut(ctx, record)
}

// carryOut ends the tasks that go, then deletes them, then adds them again.
// Each of the three can be done twice.
func (w *window) carryOut(ctx context.Context, record reissueRecord) error {
	if record.Attempts == nil {
		record.Attempts = map[string]int32{}
	}
	if err := w.writeReissues(ctx, record); err != nil {
		return err
	}
	if err := w.endGoing(ctx, record); err != nil {
		return err
	}
	if err := w.writeReissues(ctx, record); err != nil {
		return err
	}
	if err := w.addGoing(ctx, record); err != nil {
		return err
	}
	for id := range record.Going {
		record.settle(id)
	}
	return w.writeReissues(ctx, record)
}

// settle is done with a task, and keeps how often it had begun.
func (r reissueRecord) settle(id string) {
	if begun := r.Going[id].Attempts; begun > 0 {
		r.Attempts[id] += begun
	}
	delete(r.Going, id)
}

// endGoing ends the tasks, and lets those go that stay as they are.
func (w *window) endGoing(ctx context.Context, record reissueRecord) error {
	for id, going := range record.Going {
		info, state, err := w.lookAtTask(ctx, id)
		if err != nil {
			return err
		}
		if !going.Ended && state == azbatch.TaskStateActive {
			if info, err = w.endTask(ctx, id); err != nil {
				return err
			}
			state = azbatch.TaskStateCompleted
		}
		switch {
		case state == "": // it is deleted already
		case state != azbatch.TaskStateCompleted || !w.wasEnded(info):
			record.settle(id) // it began or ended by itself, or was added again before the crash
		case !going.Ended:
			going.Ended, going.Attempts = true, attemptsOf(info)
		}
	}
	return nil
}

// lookAtTask answers no state for a task that is not there.
func (w *window) lookAtTask(ctx context.Context, id string) (azbatch.TaskExecutionInfo, azbatch.TaskState, error) {
	task, err := w.Batch.GetTask(ctx, w.in.Job, id, &azbatch.GetTaskOptions{SelectParam: []string{"id", "state", "executionInfo"}})
	if hasCode(err, azure.CodeTaskNotFound) {
		return azbatch.TaskExecutionInfo{}, "", nil
	}
	return value(task.ExecutionInfo), value(task.State), fail(err, "look at task %s of job %s", id, w.in.Job)
}

// endTask ends a task that waits. It may have begun just now, and then takes a
// moment to end.
func (w *window) endTask(ctx context.Context, id string) (azbatch.TaskExecutionInfo, error) {
	_, err := w.Batch.TerminateTask(ctx, w.in.Job, id, nil)
	if err != nil && !hasCode(err, azure.CodeTaskCompleted) {
		return azbatch.TaskExecutionInfo{}, fail(err, "end task %s of job %s, to add it again", id, w.in.Job)
	}
	for began := time.Now(); ; {
		info, state, err := w.lookAtTask(ctx, id)
		if err != nil || state == azbatch.TaskStateCompleted {
			return info, err
		}
		if time.Since(began) > endPatience {
			return info, fail(errors.New("it does not end"), "end task %s of job %s, to add it again", id, w.in.Job)
		}
		if err := pause(ctx, 250*time.Millisecond); err != nil {
			return info, err
		}
	}
}

// endPatience is how long a task that is told to end may take, before another
// attempt shows that it is waited for.
const endPatience = 15 * time.Second

// wasEnded says that a task was ended from outside. One that never began cannot
// have ended otherwise, whatever its code.
func (w *window) wasEnded(info azbatch.TaskExecutionInfo) bool {
	return attemptsOf(info) == 0 || value(value(info.FailureInfo).Code) == "TaskEnded" && !ranOutOfTime(info, time.Duration(w.in.Task.Timeout))
}

// attemptsOf is how often a task began, by what Batch counts.
func attemptsOf(info azbatch.TaskExecutionInfo) int32 {
	if value(info.StartTime).IsZero() {
		return 0
	}
	return 1 + value(info.RetryCount) + value(info.RequeueCount)
}

// addGoing deletes the tasks and adds them again, signed anew.
func (w *window) addGoing(ctx context.Context, record reissueRecord) error {
	var tasks []azbatch.CreateTaskContent
	for _, id := range slices.Sorted(maps.Keys(record.Going)) {
		if _, err := w.Batch.DeleteTask(ctx, w.in.Job, id, nil); err != nil && !hasCode(err, azure.CodeTaskNotFound) {
			return fail(err, "delete task %s of job %s, to add it again", id, w.in.Job)
		}
		body, err := w.signBody(ctx, record.Going[id].Body)
		if err != nil {
			return err
		}
		tasks = append(tasks, body)
	}
	if len(tasks) == 0 {
		return nil
	}
	return w.addTasks(ctx, w.in.Job, tasks)
}

// unsignedBody is a task as it was added, less its signatures.
func unsignedBody(task azbatch.Task) azbatch.CreateTaskContent {
	body := azbatch.CreateTaskContent{
		ID: task.ID, CommandLine: task.CommandLine, EnvironmentSettings: task.EnvironmentSettings,
		RequiredSlots: task.RequiredSlots, UserIdentity: task.UserIdentity, Constraints: task.Constraints,
		ContainerSettings: task.ContainerSettings, DisplayName: task.DisplayName,
		ResourceFiles: slices.Clone(task.ResourceFiles), OutputFiles: slices.Clone(task.OutputFiles),
	}
	for i, f := range body.ResourceFiles {
		body.ResourceFiles[i].HTTPURL, body.ResourceFiles[i].StorageContainerURL = withoutSignature(f.HTTPURL), withoutSignature(f.StorageContainerURL)
	}
	for i, f := range body.OutputFiles {
		destination := *f.Destination.Container
		destination.ContainerURL = withoutSignature(destination.ContainerURL)
		body.OutputFiles[i].Destination = &azbatch.OutputFileDestination{Container: &destination}
	}
	return body
}

// withoutSignature leaves alone what bears none: an address of somebody else's.
func withoutSignature(address *string) *string {
	if before, query, ok := strings.Cut(value(address), "?"); ok && strings.Contains(query, "sig=") {
		return &before
	}
	return address
}

// signBody signs what is in the run's own storage account.
func (w *window) signBody(ctx context.Context, body azbatch.CreateTaskContent) (azbatch.CreateTaskContent, error) {
	body.ResourceFiles = slices.Clone(body.ResourceFiles) // what is written down stays unsigned
	body.OutputFiles = slices.Clone(body.OutputFiles)
	expiry := w.expiry(w.in.Access)
	var failed error
	sign := func(address *string, permissions azure.Permissions) *string {
		signed, err := w.Storage.Sign(ctx, value(address), permissions, expiry)
		if err != nil {
			failed = fail(err, "sign the addresses of task %s", value(body.ID))
		}
		return &signed
	}
	for i, f := range body.ResourceFiles {
		switch {
		case f.HTTPURL != nil:
			body.ResourceFiles[i].HTTPURL = sign(f.HTTPURL, azure.Read)
		case f.StorageContainerURL != nil:
			body.ResourceFiles[i].StorageContainerURL = sign(f.StorageContainerURL, azure.ReadList)
		}
	}
	for i, f := range body.OutputFiles {
		destination := *f.Destination.Container
		destination.ContainerURL = sign(destination.ContainerURL, azure.Upload)
		body.OutputFiles[i].Destination = &azbatch.OutputFileDestination{Container: &destination}
	}
	return body, failed
}

// reissuesOf reads what is written down, which usually is nothing.
func (a *Activities) reissuesOf(ctx context.Context, outputContainer string) (reissueRecord, error) {
	var record reissueRecord
	text, err := transfer.Get(ctx, a.Storage.Container(outputContainer), reissueBlob)
	if azure.Is(err, azure.CodeBlobNotFound) {
		return record, nil
	}
	if err == nil && json.Unmarshal(text, &record) != nil {
		err = transfer.ErrBroken
	}
	return record, fail(err, "read %s in container %s", reissueBlob, outputContainer)
}

func (w *window) readReissues(ctx context.Context) (reissueRecord, error) {
	return w.reissuesOf(ctx, w.in.OutputContainer)
}

func (w *window) writeReissues(ctx context.Context, record reissueRecord) error {
	text, err := json.Marshal(record)
	if err == nil {
		err = transfer.Put(ctx, w.Storage.Container(w.in.OutputContainer), reissueBlob, text, "application/json")
	}
	return fail(err, "write %s to container %s", reissueBlob, w.in.OutputContainer)
}
