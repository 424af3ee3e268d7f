// Package activities holds the steps of a run: what RunWorkload asks of Blob
// and of Batch. An activity can run twice and can be killed at any
// instruction: names are given from outside and computed, "exists and is
// ours" is success, and a heartbeat says where to resume.
package activities

import (
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// Activities reach Azure with one set of credentials. They keep no state of a
// run: that is in Temporal and in Azure. They may not be copied.
type Activities struct {
	Batch   *azbatch.Client
	Storage *azure.Storage
	// Transfers bounds the files, the memory and the bandwidth of all uploads and
	// fetches together.
	Transfers *transfer.Budget
	// Evaluation is how often Batch evaluates the formulas of pools. Default: the
	// shortest interval there is, five minutes, which is what is asked for.
	Evaluation time.Duration
	// Metrics count what is done. Default: nothing is counted.
	Metrics *Metrics
	// SlowestPoll bounds how long a run is not looked at. Default: a minute. A
	// service on this machine, which bills and throttles nobody, can be asked more often.
	SlowestPoll time.Duration
	waiting     atomic.Int64 // Waits at work
	// Runs is Temporal. Without it nothing that is created names its namespace's
	// id, and Sweep refuses to work.
	Runs Runs

	signaturesLast time.Duration // shorter than Azure's, for tests; zero: as Azure says
}

// Owner is written on everything a run creates, so that it is never taken for
// somebody else's.
type Owner struct {
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"` // the first run id, the same over resets and continue-as-new
	Namespace  string `json:"namespace"`
}

// Where the records of a run are in the output container. Everything else in
// it is the users' outputs.
const (
	listPrefix     = workload.Reserved + "list"
	manifestPrefix = workload.Reserved + "manifest"
	resultsPrefix  = workload.Reserved + "results"
	logsPrefix     = workload.Reserved + "logs/"
)

// logsOf is where a task's stdout.txt and stderr.txt are in the output
// container.
func logsOf(taskID string) string { return logsPrefix + taskID }

// pollInterval is how long to wait for the next look at something that has
// been watched for so long: often at first, so that short work is not made
// long, then less often, so that long work costs fewer calls. Each look
// heartbeats, so the interval stays well below the heartbeat timeout.
func pollInterval(watched time.Duration) time.Duration {
	return min(max(watched/20, 500*time.Millisecond), 5*time.Second)
}
