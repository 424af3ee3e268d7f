package localbatch

import (
	"crypto/rand"
	"encoding/hex"
	"path/filepath"
	"slices"
	"strings"

	"github.com/durabatch/durabatch/localbatch/store"
)

// computeNode is a row of a node with its JSON.
type computeNode struct {
	store.Node
	nodeInfo
	nodePlan

	noted string // the state that is in the node's log
}

// nodePlan is what is to become of a node that is going down. It is not shown.
type nodePlan struct {
	// TaskOption says what becomes of its tasks.
	TaskOption string `json:"taskOption,omitempty"`
	// Before is the state it was in.
	Before string `json:"before,omitempty"`
	// Back is when it comes back by itself; 0: not at all.
	Back store.Time `json:"back,omitzero"`
}

// nodeBody is the JSON of a node's row.
type nodeBody struct {
	*nodeInfo
	*nodePlan
}

// nodeInfo is what a node's row has no columns for.
type nodeInfo struct {
	AllocationTime  store.Time     `json:"allocationTime"`
	LastBootTime    store.Time     `json:"lastBootTime,omitzero"`
	VMSize          string         `json:"vmSize"`
	SchedulingState string         `json:"schedulingState"`
	StartTask       *startTask     `json:"startTask,omitempty"` // the pool's when the node last booted
	StartTaskInfo   *startTaskInfo `json:"startTaskInfo,omitempty"`
	Errors          []nodeError    `json:"errors,omitempty"`

	// CertificateReferences are the pool's when the node last booted.
	CertificateReferences certificateReferences `json:"certificateReferences,omitempty"`
}

// nodeError is something that is wrong with a node now.
type nodeError struct {
	Code         string      `json:"code"`
	Message      string      `json:"message"`
	ErrorDetails []nameValue `json:"errorDetails,omitempty"`
}

type startTaskInfo struct {
	State         string       `json:"state"`
	StartTime     store.Time   `json:"startTime"`
	EndTime       store.Time   `json:"endTime,omitzero"`
	ExitCode      *int32       `json:"exitCode,omitempty"`
	FailureInfo   *failureInfo `json:"failureInfo,omitempty"`
	RetryCount    int32        `json:"retryCount"`
	LastRetryTime store.Time   `json:"lastRetryTime,omitzero"`
	Result        string       `json:"result,omitempty"`
}

func affinityOf(nodeID string) string { return "TVM:" + nodeID }

var nodeFields = fields{
	"state": choiceKind, "stateTransitionTime": timeKind, "lastBootTime": timeKind, "allocationTime": timeKind,
	"startTaskInfo/state": equalKind, "startTaskInfo/result": choiceKind, "startTaskInfo/exitCode": numberKind,
	"startTaskInfo/startTime": timeKind, "startTaskInfo/endTime": timeKind,
}

func (n *computeNode) property(name string) any {
	values := map[string]any{
		"state": n.State, "stateTransitionTime": n.StateTime,
		"lastBootTime": n.LastBootTime, "allocationTime": n.AllocationTime,
	}
	if info := n.StartTaskInfo; info != nil {
		values["startTaskInfo/state"] = info.State
		values["startTaskInfo/startTime"] = info.StartTime
		values["startTaskInfo/endTime"] = info.EndTime
		if info.Result != "" {
			values["startTaskInfo/result"] = info.Result
		}
		if info.ExitCode != nil {
			values["startTaskInfo/exitCode"] = int64(*info.ExitCode)
		}
	}
	return values[name]
}

// newNode is a node that a pool has just been given.
func newNode(p *pool, dedicated bool, now store.Time) *computeNode {
	random := make([]byte, 32)
	rand.Read(random) // never fails
	suffix := "_p"
	if dedicated {
		suffix = "_d"
	}
	return &computeNode{
		Node: store.Node{
			Pool: p.key, ID: "tvmps_" + hex.EncodeToString(random) + suffix, Dedicated: dedicated,
			State: creating, StateTime: now,
		},
		nodeInfo: nodeInfo{AllocationTime: now, VMSize: p.VMSize, SchedulingState: enabled},
	}
}

func (n *computeNode) move(state string, now store.Time) {
	if n.State != state {
		n.State, n.StateTime = state, now
	}
}

// mustBe is the error of an operation on a node in none of these states (Batch
// REST reference, "Batch Status and Error Codes").
func (n *computeNode) mustBe(states ...string) error {
	if slices.Contains(states, n.State) {
		return nil
	}
	switch n.State {
	case creating:
		return conflict("NodeBeingCreated", "The specified node is being created.")
	case starting, waitingForStartTask:
		return conflict("NodeBeingStarted", "The specified node is being started.")
	case rebooting:
		return conflict("NodeBeingRebooted", "The specified node is being rebooted.")
	case unusable:
		return conflict("NodeStateUnusable", "The state of the specified node is unusable.")
	}
	return notValidOnNode("the node is %s; it has to be %s", n.State, strings.Join(states, " or "))
}

// settleNode gives a node that can have tasks the state that goes with those
// it has. A node that is starting or leaving keeps its own.
func settleNode(n *store.Node, now store.Time) {
	want := n.State
	switch n.State {
	case idle, running, offline:
		switch {
		case n.RunningTasks > 0:
			want = running
		case n.Open:
			want = idle
		default:
			want = offline
		}
	}
	if n.State != want {
		n.State, n.StateTime = want, now
	}
}

func (s *Service) nodeDir(nodeID string) string { return filepath.Join(s.nodesDir(), nodeID) }
