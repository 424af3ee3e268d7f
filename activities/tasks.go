package activities

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/workload"
)

// Batch takes at most 100 tasks and less than 1 MB in one add-collection
// request (Batch REST reference, Add Task Collection).
const (
	maxTasksPerRequest = 100
	maxBytesPerRequest = 900_000
	submittersAtOnce   = 8
	maxAddAttempts     = 5 // then Temporal tries
)

// SubmitInput says which tasks there are to be, one for each input or for each
// group of inputs.
type SubmitInput struct {
	Job             string        `json:"job"`
	Task            workload.Task `json:"task"`
	InputContainer  string        `json:"inputContainer"` // of the user's, or the run's own
	OutputContainer string        `json:"outputContainer"`
	FollowList      bool          `json:"followList,omitempty"` // nothing is uploaded: the list itself is what to run
	Files           int64         `json:"files"`
	Access          Access        `json:"access"`
	// Pool is what the tasks run on, and StartTask what its nodes begin with where
	// the pool is the run's own: both for runs that outlive a signature.
	Pool      string              `json:"pool,omitempty"`
	StartTask *workload.StartTask `json:"startTask,omitempty"`

	outputsURL string // with its signature, so never part of the input
}

// SubmitResult counts the inputs that the job's tasks are for.
type SubmitResult struct {
	Tasks int64 `json:"tasks"`
}

// Submit follows the manifest's parts as they appear and adds a task for each
// input; a task that is there already is success. When the last is in, the job
// is told to end with its tasks.
func (a *Activities) Submit(ctx context.Context, in SubmitInput) (SubmitResult, error) {
	progress := &beat{ctx: ctx, progress: resume(ctx, "submit", in.Files)}
	defer progress.alive()()
	window, err := a.openWindow(ctx, &in)
	if err != nil {
		return SubmitResult{}, err
	}
	added, err := a.submitAll(ctx, in, window, progress)
	if hasCode(err, azure.CodeJobCompleted, azure.CodeJobBeingTerminated) {
		return SubmitResult{Tasks: added}, nil // Wait finds out what ended it
	}
	if err != nil {
		return SubmitResult{}, err
	}
	if err := window.stay(ctx, progress.again); err != nil {
		return SubmitResult{}, err
	}
	return SubmitResult{Tasks: added}, a.endWithTasks(ctx, in.Job)
}

// addTasks sends one request and reads its answer task by task. What the
// service could not take just now is sent again; a request that is too large
// is halved.
func (a *Activities) addTasks(ctx context.Context, job string, tasks []azbatch.CreateTaskContent) error {
	for attempt := 1; ; attempt++ {
		answer, err := a.Batch.CreateTaskCollection(ctx, job, azbatch.TaskGroup{Value: tasks}, nil)
		if isTooLarge(err) && len(tasks) > 1 {
			half := len(tasks) / 2
			if err := a.addTasks(ctx, job, tasks[:half]); err != nil {
				return err
			}
			return a.addTasks(ctx, job, tasks[half:])
		}
		if err != nil {
			return fail(err, "add %d tasks to job %s", len(tasks), job)
		}
		again, there, err := sortOut(job, tasks, answer.Value)
		if err != nil {
			return err
		}
		if err := a.tasksAreOurs(ctx, job, there); err != nil || len(again) == 0 {
			return err
		}
		if attempt == maxAddAttempts {
			return fail(errors.New("Batch did not take all of the tasks, again and again"), "add %d tasks to job %s", len(again), job)
		}
		if err := pause(ctx, time.Duration(attempt)*500*time.Millisecond); err != nil {
			return err
		}
		tasks = again
	}
}

// sortOut answers which of the tasks to send again, those that met an error of
// the service's and those that the answer does not name, and which were there
// already.
func sortOut(job string, tasks []azbatch.CreateTaskContent, results []azbatch.TaskAddResult) (again, there []azbatch.CreateTaskContent, err error) {
	added, existed := map[string]bool{}, map[string]bool{}
	for _, result := range results {
		id, code := value(result.TaskID), ""
		if result.Error != nil {
			code = value(result.Error.Code)
		}
		switch {
		case strings.EqualFold(string(value(result.Status)), string(azbatch.TaskAddStatusSuccess)):
			added[id] = true
		case code == azure.CodeTaskExists:
			existed[id] = true
		case strings.EqualFold(string(value(result.Status)), string(azbatch.TaskAddStatusClientError)):
			return nil, nil, refuse(TaskRefused, "job %s takes no task %s: %s: %s", job, id, code, addError(result.Error))
		}
	}
	for _, task := range tasks {
		switch id := value(task.ID); {
		case existed[id]:
			there = append(there, task)
		case !added[id]:
			again = append(again, task)
		}
	}
	return again, there, nil
}

func addError(e *azbatch.Error) string {
	if e == nil || e.Message == nil {
		return "no reason was given"
	}
	text, _, _ := strings.Cut(value(e.Message.Value), "\n")
	for _, detail := range e.Values {
		text += "; " + value(detail.Key) + ": " + value(detail.Value)
	}
	return azure.Scrub(text)
}

func isTooLarge(err error) bool {
	var response *azcore.ResponseError
	return errors.As(err, &response) && response.StatusCode == http.StatusRequestEntityTooLarge
}
