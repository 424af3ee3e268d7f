package page

import (
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
)

// mostNodes of a pool are on its map: what one request can list.
const mostNodes = 1000

// nodeList is what a map of a pool shows.
type nodeList struct {
	Nodes []node `json:"nodes"`
	More  bool   `json:"more,omitempty"`
}

type node struct {
	ID         string `json:"id"`
	State      string `json:"state"`
	Spot       bool   `json:"spot,omitempty"`
	Scheduling string `json:"scheduling,omitempty"` // when it is not enabled
	Slots      int32  `json:"slots"`                // that are taken
	Tasks      int32  `json:"tasks"`                // that run
	Run        int32  `json:"run"`                  // tasks since it was there
}

// nodeDetails are about one node.
type nodeDetails struct {
	node
	Since     time.Time    `json:"since"`
	Booted    time.Time    `json:"booted,omitzero"`
	Succeeded int32        `json:"succeeded"`
	Errors    []fault      `json:"errors,omitempty"`
	StartTask *startTask   `json:"startTask,omitempty"`
	Recent    []recentTask `json:"recent"`
}

type startTask struct {
	State    string `json:"state"`
	Result   string `json:"result,omitempty"`
	ExitCode *int32 `json:"exitCode,omitempty"`
}

type recentTask struct {
	Job   string `json:"job"`
	Task  string `json:"task"`
	State string `json:"state"`
}

var nodeProperties = []string{"id", "state", "isDedicated", "schedulingState", "runningTasksCount", "runningTaskSlotsCount", "totalTasksRun"}

func (s *server) nodes(r *http.Request) (any, error) {
	page, more, err := firstPage(r.Context(), s.batch.NewListNodesPager(r.PathValue("pool"), &azbatch.ListNodesOptions{
		MaxResults: to.Ptr(int32(mostNodes)), SelectParam: nodeProperties,
	}), func(p azbatch.ListNodesResponse) *string { return p.NextLink })
	list := nodeList{Nodes: []node{}, More: more}
	for _, n := range page.Value {
		list.Nodes = append(list.Nodes, nodeOf(n))
	}
	return list, err
}

func nodeOf(n azbatch.Node) node {
	shown := node{
		ID: value(n.ID), State: string(value(n.State)), Spot: !value(n.IsDedicated),
		Slots: value(n.RunningTaskSlotsCount), Tasks: value(n.RunningTasksCount), Run: value(n.TotalTasksRun),
	}
	if scheduling := value(n.SchedulingState); scheduling != azbatch.SchedulingStateEnabled {
		shown.Scheduling = string(scheduling)
	}
	return shown
}

func (s *server) node(r *http.Request) (any, error) {
	answer, err := s.batch.GetNode(r.Context(), r.PathValue("pool"), r.PathValue("node"), nil)
	if err != nil {
		return nil, err
	}
	n := answer.Node
	shown := nodeDetails{
		node: nodeOf(n), Since: value(n.StateTransitionTime), Booted: value(n.LastBootTime),
		Succeeded: value(n.TotalTasksSucceeded), Recent: []recentTask{},
	}
	for _, e := range n.Errors {
		shown.Errors = append(shown.Errors, fault{value(e.Code), value(e.Message)})
	}
	if info := n.StartTaskInfo; info != nil {
		shown.StartTask = &startTask{string(value(info.State)), string(value(info.Result)), info.ExitCode}
	}
	for _, t := range n.RecentTasks {
		shown.Recent = append(shown.Recent, recentTask{value(t.JobID), value(t.TaskID), stateOf(t.TaskState, t.ExecutionInfo)})
	}
	return shown, nil
}
