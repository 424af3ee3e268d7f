// Package faults is about what goes wrong in a Batch service that was asked to
// let it go wrong: a [Plan] is the request, an [Injector] decides by it, call
// for call. The package knows nothing of pools, jobs and HTTP; the service asks
// it and carries out what it says.
//
// A plan is JSON. Each of its sections is a list of rules about one kind of
// event; of the rules that are about an event, the first that fires decides
// what goes wrong with it:
//
//	{
//	  "seed": 42,
//	  "requests": [
//	    {"name": "chaos", "probability": 0.3, "actions": [
//	      {"do": "tooManyRequests", "retryAfter": "2s"}, {"do": "errorAfter"}, {"do": "closeAfter"}]},
//	    {"operations": ["CreatePool"], "nth": 1, "actions": [{"do": "serverBusy"}]}],
//	  "allocations": [{"pools": ["gpu*"], "from": 3, "fail": "AllocationFailed"}],
//	  "startTasks": [{"times": 1, "exitCode": 7}],
//	  "nodes": [{"dedicated": false, "becomes": "preempted", "after": "5s", "for": "2s"}],
//	  "quotas": {"activeJobsAndSchedules": 10, "pools": 5, "dedicatedCores": 8, "lowPriorityCores": 0},
//	  "taskCountLag": "3s"
//	}
//
// What is left to chance is decided by the plan's seed: what becomes of the
// n-th event of one subject (an operation; a pool's nodes of one kind) depends
// on the seed, the rule, the subject and n alone. A plan with a seed therefore
// replays its decisions for the same sequence of calls, and calls of one
// operation more or less change nothing for the others.
package faults

import (
	"encoding/json"
	"fmt"
	"time"
)

// Plan says what goes wrong. The zero value lets everything go well.
type Plan struct {
	// Seed decides what is left to chance. 0: a new one each time the plan is set.
	Seed uint64 `json:"seed,omitempty"`
	// Requests are about calls of Batch's operations.
	Requests []RequestRule `json:"requests,omitempty"`
	// Allocations are about nodes that a pool is to be given.
	Allocations []AllocationRule `json:"allocations,omitempty"`
	// StartTasks are about tries of start tasks.
	StartTasks []StartTaskRule `json:"startTasks,omitempty"`
	// Nodes are about nodes that boot, for the first time or again.
	Nodes []NodeRule `json:"nodes,omitempty"`
	// Quotas take the place of the service's own while the plan is in force.
	Quotas Quotas `json:"quotas,omitzero"`
	// TaskCountLag is how old the answers of GetJobTaskCounts are.
	TaskCountLag Duration `json:"taskCountLag,omitempty"`
}

// When says which of the events that a rule is about it fires at. The zero
// value fires at each.
type When struct {
	// Name is what logs and reports call the rule. Default: its place, such as
	// requests[0].
	Name string `json:"name,omitempty"`
	// Probability of firing at an event, from 0 to 1. nil: 1.
	Probability *float64 `json:"probability,omitempty"`
	// Times is how often the rule fires at most. 0: without limit.
	Times int `json:"times,omitempty"`
	// Nth is the only event that the rule fires at, counted from 1.
	Nth int `json:"nth,omitempty"`
	// From and To are the first and last event that the rule may fire at,
	// counted from 1. 0: the first of all, and no last one.
	From int `json:"from,omitempty"`
	To   int `json:"to,omitempty"`
}

// RequestRule is about requests that are authenticated.
type RequestRule struct {
	When
	// Operations are names of operations as azbatch's client has them, lists
	// without New and Pager: CreatePool, ListTasks, PoolExists. * stands for any
	// text, and case does not count. Empty: every operation.
	Operations []string `json:"operations,omitempty"`
	// Actions are what may happen; which, is left to chance. One that is given
	// twice is twice as likely.
	Actions []Action `json:"actions"`
}

// Action is what a request gets.
type Action struct {
	Do Do `json:"do"`
	// RetryAfter is for TooManyRequests and ServerBusy. The header Retry-After
	// has it in whole seconds, rounded up; when it is none, x-ms-retry-after-ms
	// has it as well, which SDKs of Azure go by first. nil: one second.
	RetryAfter *Duration `json:"retryAfter,omitempty"`
	// Delay is how much later the answer is sent, or the connection closed.
	Delay Duration `json:"delay,omitempty"`
}

// Do is the kind of an action.
type Do string

// The kinds of actions. An effect is what the operation does in the service:
// "before" means that it has none, "after" that it has all of it, and only the
// answer is lost.
const (
	TooManyRequests Do = "tooManyRequests" // 429 with Retry-After, before the effect
	ServerBusy      Do = "serverBusy"      // 503 with Retry-After, before the effect
	ErrorBefore     Do = "errorBefore"     // 500 InternalError
	ErrorAfter      Do = "errorAfter"      // 500 InternalError
	CloseBefore     Do = "closeBefore"     // the connection is reset, without an answer
	CloseAfter      Do = "closeAfter"      // the connection is reset, without an answer
	Delay           Do = "delay"           // nothing but the action's delay
)

var kinds = []Do{TooManyRequests, ServerBusy, ErrorBefore, ErrorAfter, CloseBefore, CloseAfter, Delay}

// HasEffect says whether the operation is carried out.
func (d Do) HasEffect() bool { return d == ErrorAfter || d == CloseAfter || d == Delay }

// Pools says which pools' nodes a rule is about. The zero value is about all.
type Pools struct {
	// Pools are ids of pools; * stands for any text, and case does not count.
	// Empty: every pool.
	Pools []string `json:"pools,omitempty"`
	// Dedicated restricts the rule to dedicated nodes, or to low-priority ones.
	Dedicated *bool `json:"dedicated,omitempty"`
}

// AllocationRule is about nodes that a pool lacks and is to be given. Each of
// them is one event, at each resize.
type AllocationRule struct {
	When
	Pools
	// Fail is the code of the resize error that the pool gets instead of the
	// node, such as AllocationFailed, AllocationTimedOut or UnsupportedVMSize.
	Fail string `json:"fail,omitempty"`
	// Delay is how much later the node comes, or fails to. The pool is resizing
	// until then, or until its resizeTimeout is over: AllocationTimedOut.
	Delay Duration `json:"delay,omitempty"`
}

// StartTaskRule is about tries of start tasks.
type StartTaskRule struct {
	When
	Pools
	// ExitCode is what the start task exits with instead of running. 0: it runs.
	ExitCode int32 `json:"exitCode,omitempty"`
	// Delay is how much later it runs, or fails.
	Delay Duration `json:"delay,omitempty"`
}

// NodeRule is about nodes that boot.
type NodeRule struct {
	When
	Pools
	// Delay is how much longer the node is starting.
	Delay Duration `json:"delay,omitempty"`
	// Becomes is the state that the node gets once it has booted, that is, when
	// its start task is over if the pool waits for that.
	Becomes NodeState `json:"becomes,omitempty"`
	// After is how long after its boot the node gets there.
	After Duration `json:"after,omitempty"`
	// For is how long the node stays in that state, before it boots anew or, if
	// it was offline, takes tasks again. 0: for good.
	For Duration `json:"for,omitempty"`
}

// NodeState is a state that a node can be put in.
type NodeState string

// The states that nodes can be put in, as the wire has them.
const (
	Unusable  NodeState = "unusable"  // tasks cannot run on it
	Unknown   NodeState = "unknown"   // the service has lost contact with it
	Offline   NodeState = "offline"   // it takes no new tasks, as after DisableNodeScheduling
	Preempted NodeState = "preempted" // it was taken away; low-priority nodes only
)

var nodeStates = []NodeState{Unusable, Unknown, Offline, Preempted}

// Quotas are the account's. nil: as many as the machine bears.
type Quotas struct {
	// ActiveJobsAndSchedules bounds the jobs and job schedules that are not
	// completed. A further one is refused: ActiveJobAndScheduleQuotaReached.
	ActiveJobsAndSchedules *int `json:"activeJobsAndSchedules,omitempty"`
	// Pools bounds the pools. A further one is refused: PoolQuotaReached.
	Pools *int `json:"pools,omitempty"`
	// DedicatedCores and LowPriorityCores bound the cores of all nodes of a kind.
	// Nodes beyond it become resize errors of their pool:
	// AccountCoreQuotaReached and AccountLowPriorityCoreQuotaReached.
	DedicatedCores   *int `json:"dedicatedCores,omitempty"`
	LowPriorityCores *int `json:"lowPriorityCores,omitempty"`
}

// Or has q's quotas and, where q has none, those of other.
func (q Quotas) Or(other Quotas) Quotas {
	return Quotas{
		ActiveJobsAndSchedules: first(q.ActiveJobsAndSchedules, other.ActiveJobsAndSchedules),
		Pools:                  first(q.Pools, other.Pools),
		DedicatedCores:         first(q.DedicatedCores, other.DedicatedCores),
		LowPriorityCores:       first(q.LowPriorityCores, other.LowPriorityCores),
	}
}

func first(a, b *int) *int {
	if a != nil {
		return a
	}
	return b
}

// Duration is a time.Duration that is written as Go writes it: "1m30s", "250ms".
type Duration time.Duration

// MarshalJSON implements json.Marshaler.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON implements json.Unmarshaler.
func (d *Duration) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("%s is no duration; write it like \"1m30s\" or \"250ms\"", text)
	}
	parsed, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("%q is no duration; write it like \"1m30s\" or \"250ms\"", s)
	}
	*d = Duration(parsed)
	return nil
}
