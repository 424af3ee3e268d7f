package activities

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"go.temporal.io/sdk/activity"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/workload"
)

// A pool of the run's own keeps its nodes by a lease: an autoscale formula that
// Batch itself evaluates, and that wants no nodes any more once a time a little
// ahead has come. The run moves that time on while it lives. Should everything
// of ours be gone, the nodes go too.

// Lease is how many nodes a pool is to have, and for how long after the last
// sign of life of its run.
type Lease struct {
	Length         workload.Duration `json:"length,omitzero"` // zero: the pool is of a fixed size
	DedicatedNodes int32             `json:"dedicatedNodes"`
	SpotNodes      int32             `json:"spotNodes"`
}

// shortestEvaluation is the shortest interval at which Batch evaluates a
// formula (Batch REST reference, autoScaleEvaluationInterval).
const shortestEvaluation = 5 * time.Minute

// evaluation is how often the formulas of pools are evaluated.
func (a *Activities) evaluation() time.Duration {
	if a.Evaluation > 0 {
		return a.Evaluation
	}
	return shortestEvaluation
}

// until is the time in a formula that is renewed at now: a lease's length ahead,
// less the time that Batch may take to notice.
func (l Lease) until(now time.Time, evaluation time.Duration) time.Time {
	return now.Add(time.Duration(l.Length) - evaluation)
}

// formula wants the nodes until then, and none after.
func (l Lease) formula(until time.Time) string {
	at := until.UTC().Format(time.RFC3339)
	return fmt.Sprintf(`$TargetDedicatedNodes = (time() < time("%s")) ? %d : 0;
$TargetLowPriorityNodes = (time() < time("%s")) ? %d : 0;
$NodeDeallocationOption = requeue;`, at, l.DedicatedNodes, at, l.SpotNodes)
}

var leasePattern = regexp.MustCompile(`^\$TargetDedicatedNodes = \(time\(\) < time\("([^"]+)"\)\) \? \d+ : 0;`)

// leaseIn reads the time out of a formula; false: the formula is not a lease.
func leaseIn(formula string) (time.Time, bool) {
	parts := leasePattern.FindStringSubmatch(formula)
	if parts == nil {
		return time.Time{}, false
	}
	until, err := time.Parse(time.RFC3339, parts[1])
	return until, err == nil
}

// noNodes is the formula of a pool that is not to have nodes any more.
const noNodes = `$TargetDedicatedNodes = 0;
$TargetLowPriorityNodes = 0;
$NodeDeallocationOption = requeue;`

// setFormula gives the pool a formula, which Batch evaluates at once. false:
// not just now, since the pool is being resized or got a formula less than 30
// seconds ago (Batch REST reference, Enable Automatic Scaling). The client does
// not wait for that: the caller looks again anyway.
func (a *Activities) setFormula(ctx context.Context, pool, formula string) (bool, error) {
	once := policy.WithRetryOptions(ctx, policy.RetryOptions{MaxRetries: -1})
	_, err := a.Batch.EnablePoolAutoScale(once, pool, azbatch.EnablePoolAutoScaleContent{
		AutoScaleFormula: to.Ptr(formula), AutoScaleEvaluationInterval: to.Ptr(iso8601(shortestEvaluation)),
	}, nil)
	if hasCode(err, azure.CodePoolBeingResized, "TooManyEnableAutoScaleRequests") {
		return false, nil
	}
	return err == nil, err
}

// renew moves the lease of a steady pool on when a third of it is over, and
// says for how long nodes are wanted then. A pool that somebody gave another
// formula, or a fixed size, is left as they want it.
func (w *wait) renew(ctx context.Context, pool azbatch.Pool, seen *sight) {
	if w.in.Lease.Length == 0 || !w.in.OwnPool {
		return
	}
	until, leased := leaseIn(value(pool.AutoScaleFormula))
	if !value(pool.EnableAutoScale) || !leased {
		if seen.reason != "" {
			return
		}
		seen.reason = fmt.Sprintf("somebody changed how pool %s scales; the run leaves it so, and the pool keeps its nodes until it is deleted", w.in.Pool)
		return
	}
	now := time.Now()
	whole := w.in.Lease.until(now, w.evaluation()).Sub(now)
	if until.Sub(now) > whole*2/3 || value(pool.AllocationState) != azbatch.AllocationStateSteady {
		return
	}
	if lapsed := now.Sub(until); lapsed > 0 {
		seen.reason = fmt.Sprintf("the lease of pool %s lapsed %s ago, and Batch took its nodes: they are asked for again", w.in.Pool, lapsed.Round(time.Second))
	}
	renewed, err := w.setFormula(ctx, w.in.Pool, w.in.Lease.formula(w.in.Lease.until(now, w.evaluation())))
	if renewed || err != nil {
		w.Metrics.renewed(ctx, err)
	}
	if err != nil {
		activity.GetLogger(ctx).Warn("the lease of a pool could not be renewed; the next look tries again", "pool", w.in.Pool, "until", until, "error", err)
		return
	}
	if renewed {
		activity.GetLogger(ctx).Debug("the lease of a pool is renewed", "pool", w.in.Pool)
	}
}
