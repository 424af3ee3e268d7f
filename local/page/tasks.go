package page

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
)

// tasksPerPage is how many tasks the page shows at a time.
const tasksPerPage = 50

// filters select tasks by state; those that ended, by result.
var filters = map[string]string{
	"":          "",
	"active":    "state eq 'active'",
	"running":   "state eq 'running'",
	"succeeded": "executionInfo/result eq 'success'",
	"failed":    "executionInfo/result eq 'failure'",
}

type taskList struct {
	Tasks []task `json:"tasks"`
	More  bool   `json:"more,omitempty"`
}

type task struct {
	ID       string    `json:"id"`
	State    string    `json:"state"` // active, preparing, running, succeeded or failed
	Node     string    `json:"node,omitempty"`
	ExitCode *int32    `json:"exitCode,omitempty"`
	Started  time.Time `json:"started,omitzero"`
	Ended    time.Time `json:"ended,omitzero"`
	Retries  int32     `json:"retries,omitempty"`
	Requeues int32     `json:"requeues,omitempty"`
}

type taskDetails struct {
	task
	Pool      string    `json:"pool,omitempty"`
	Name      string    `json:"name,omitempty"`
	Created   time.Time `json:"created"`
	Command   string    `json:"command"`
	Failure   *fault    `json:"failure,omitempty"`
	Files     []file    `json:"files"`
	MoreFiles bool      `json:"moreFiles,omitempty"`
}

// tasks lists a page of a job's tasks: those behind the id in after, of the
// state in state.
func (s *server) tasks(r *http.Request) (any, error) {
	query := r.URL.Query()
	state, known := filters[query.Get("state")]
	if !known {
		return nil, badRequest("state is active, running, succeeded or failed, or absent")
	}
	var conditions []string
	if after := query.Get("after"); after != "" {
		conditions = append(conditions, "id gt '"+strings.ReplaceAll(after, "'", "''")+"'")
	}
	if state != "" {
		conditions = append(conditions, state)
	}
	o := &azbatch.ListTasksOptions{
		MaxResults: to.Ptr(int32(tasksPerPage)), SelectParam: []string{"id", "state", "executionInfo", "nodeInfo"},
	}
	if len(conditions) > 0 {
		o.Filter = to.Ptr(strings.Join(conditions, " and "))
	}
	page, more, err := firstPage(r.Context(), s.batch.NewListTasksPager(r.PathValue("job"), o),
		func(p azbatch.ListTasksResponse) *string { return p.NextLink })
	list := taskList{Tasks: []task{}, More: more}
	for _, t := range page.Value {
		list.Tasks = append(list.Tasks, taskOf(t))
	}
	return list, err
}

func taskOf(t azbatch.Task) task {
	shown := task{ID: value(t.ID), State: stateOf(t.State, t.ExecutionInfo)}
	if t.NodeInfo != nil {
		shown.Node = value(t.NodeInfo.NodeID)
	}
	if info := t.ExecutionInfo; info != nil {
		shown.ExitCode, shown.Started, shown.Ended = info.ExitCode, value(info.StartTime), value(info.EndTime)
		shown.Retries, shown.Requeues = value(info.RetryCount), value(info.RequeueCount)
	}
	return shown
}

// stateOf is a task's state, or how it ended.
func stateOf(state *azbatch.TaskState, info *azbatch.TaskExecutionInfo) string {
	if value(state) != azbatch.TaskStateCompleted || info == nil {
		return string(value(state))
	}
	if value(info.Result) == azbatch.TaskExecutionResultSuccess {
		return "succeeded"
	}
	return "failed"
}

func (s *server) task(r *http.Request) (any, error) {
	job, id := r.PathValue("job"), r.PathValue("task")
	answer, err := s.batch.GetTask(r.Context(), job, id, &azbatch.GetTaskOptions{
		SelectParam: []string{"id", "displayName", "state", "creationTime", "commandLine", "executionInfo", "nodeInfo"},
	})
	if err != nil {
		return nil, err
	}
	t := answer.Task
	shown := taskDetails{
		task: taskOf(t), Name: value(t.DisplayName), Created: value(t.CreationTime), Command: value(t.CommandLine),
	}
	if t.NodeInfo != nil {
		shown.Pool = value(t.NodeInfo.PoolID)
	}
	if t.ExecutionInfo != nil && t.ExecutionInfo.FailureInfo != nil {
		shown.Failure = &fault{value(t.ExecutionInfo.FailureInfo.Code), value(t.ExecutionInfo.FailureInfo.Message)}
	}
	shown.Files, shown.MoreFiles, err = s.filesOf(r.Context(), job, id)
	return shown, err
}

// filesOf lists files of a task; none, where it has not begun or its node has
// gone.
func (s *server) filesOf(ctx context.Context, job, task string) ([]file, bool, error) {
	page, more, err := firstPage(ctx, s.batch.NewListTaskFilesPager(job, task, &azbatch.ListTaskFilesOptions{
		MaxResults: to.Ptr(int32(mostFiles)), Recursive: to.Ptr(true),
	}), func(p azbatch.ListTaskFilesResponse) *string { return p.NextLink })
	files := []file{}
	if isGone(err) {
		return files, false, nil
	}
	for _, f := range page.Value {
		if !value(f.IsDirectory) && f.Properties != nil {
			files = append(files, file{value(f.Name), value(f.Properties.ContentLength)})
		}
	}
	return files, more, err
}
