package localbatch

import (
	"encoding/json"
	"net/http"

	"github.com/durabatch/durabatch/localbatch/store"
)

// taskDocument is what a task's row adds to its spec when it is shown.
type taskDocument struct {
	ID           string     `json:"id"`
	URL          string     `json:"url"`
	ETag         string     `json:"eTag"`
	CreationTime store.Time `json:"creationTime"`
	LastModified store.Time `json:"lastModified"`
	stateChange
	ExecutionInfo taskExecutionInfo `json:"executionInfo"`
	NodeInfo      *taskNodeInfo     `json:"nodeInfo,omitempty"`
}

type taskExecutionInfo struct {
	StartTime       store.Time      `json:"startTime,omitzero"`
	EndTime         store.Time      `json:"endTime,omitzero"`
	ExitCode        *int32          `json:"exitCode,omitempty"`
	ContainerInfo   json.RawMessage `json:"containerInfo,omitempty"`
	FailureInfo     json.RawMessage `json:"failureInfo,omitempty"`
	Result          string          `json:"result,omitempty"`
	RetryCount      int32           `json:"retryCount"`
	LastRetryTime   store.Time      `json:"lastRetryTime,omitzero"`
	RequeueCount    int32           `json:"requeueCount"`
	LastRequeueTime store.Time      `json:"lastRequeueTime,omitzero"`
}

type taskNodeInfo struct {
	AffinityID           string `json:"affinityId"`
	NodeURL              string `json:"nodeUrl"`
	PoolID               string `json:"poolId"`
	NodeID               string `json:"nodeId"`
	TaskRootDirectory    string `json:"taskRootDirectory"`
	TaskRootDirectoryURL string `json:"taskRootDirectoryUrl"`
}

// Properties that come from a task's row alone: a list of nothing else leaves
// the specs of its tasks alone.
var rowProperties = map[string]bool{
	"id": true, "url": true, "eTag": true, "creationTime": true, "lastModified": true, "state": true,
	"stateTransitionTime": true, "previousState": true, "previousStateTransitionTime": true,
	"executionInfo": true, "nodeInfo": true,
}

func rowAnswers(fields []string) bool {
	for _, name := range fields {
		if !rowProperties[name] {
			return false
		}
	}
	return len(fields) > 0
}

func (s *Service) taskDocument(r *http.Request, jobID string, t *task) taskDocument {
	base := s.baseURL(r)
	document := taskDocument{
		ID: t.ID, URL: base + "/jobs/" + jobID + "/tasks/" + t.ID, ETag: etag(t.Modified),
		CreationTime: t.Created, LastModified: t.Modified,
		stateChange: stateChange{t.State, t.StateTime, t.PreviousState, t.PreviousStateTime},
		ExecutionInfo: taskExecutionInfo{
			StartTime: t.Started, EndTime: t.Ended, ExitCode: t.ExitCode, FailureInfo: t.Failure, ContainerInfo: t.Container, Result: t.Result,
			RetryCount: t.Retries, LastRetryTime: t.LastRetry, RequeueCount: t.Requeues, LastRequeueTime: t.LastRequeue,
		},
	}
	if t.NodeID != "" {
		document.NodeInfo = nodeInfoOf(base, t.PoolID, t.NodeID, taskRoot(jobID, t.ID))
	}
	return document
}

// nodeInfoOf is where a task runs, or has run, and where its directory is there.
func nodeInfoOf(base, poolID, nodeID, root string) *taskNodeInfo {
	nodeURL := base + "/pools/" + poolID + "/nodes/" + nodeID
	return &taskNodeInfo{
		AffinityID: affinityOf(nodeID), NodeURL: nodeURL, PoolID: poolID, NodeID: nodeID,
		TaskRootDirectory: root, TaskRootDirectoryURL: nodeURL + "/files/" + root,
	}
}

// showTask is the document of a task as JSON: the row's part, then the stored
// spec as it is, without a detour through its structs.
func (s *Service) showTask(r *http.Request, jobID string, t *task, fields []string) (json.RawMessage, error) {
	document := s.taskDocument(r, jobID, t)
	if rowAnswers(fields) {
		return project(document, fields)
	}
	text, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	joined := make(json.RawMessage, 0, len(text)+len(t.Body))
	joined = append(joined, text[:len(text)-1]...)
	if len(t.Body) > len("{}") {
		joined = append(append(joined, ','), t.Body[1:]...)
	} else {
		joined = append(joined, '}')
	}
	if len(fields) == 0 {
		return joined, nil
	}
	return project(joined, fields)
}

var taskFields = fields{
	"id": nameKind, "state": choiceKind, "stateTransitionTime": timeKind, "creationTime": timeKind,
	"lastModifiedTime": timeKind, "lastModified": timeKind,
	"executionInfo/startTime": timeKind, "executionInfo/endTime": timeKind,
	"executionInfo/exitCode": numberKind, "executionInfo/result": choiceKind,
}

// taskColumns has the column of each of taskFields.
var taskColumns = map[string]store.Column{
	"id": store.ID, "state": store.State, "stateTransitionTime": store.StateTime, "creationTime": store.Created,
	"lastModifiedTime": store.Modified, "lastModified": store.Modified,
	"executionInfo/startTime": store.Started, "executionInfo/endTime": store.Ended,
	"executionInfo/exitCode": store.ExitCode, "executionInfo/result": store.Result,
}
