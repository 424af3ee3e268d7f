package activities

import (
	"context"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"go.temporal.io/sdk/activity"

	"github.com/durabatch/durabatch/workload"
)

// costlyNodes are nodes that stand and are paid for, in use or not.
type costlyNodes struct{ dedicated, spot int32 }

// costly counts them: preempted and deallocated nodes have no machine (Azure
// Batch documentation, "Batch node states"); a node that is unusable has one.
func costly(c *azbatch.NodeCounts) int32 {
	if c == nil {
		return 0
	}
	return max(value(c.Total)-value(c.Preempted)-value(c.Deallocated), 0)
}

// resumeNodeTime goes on counting where the last attempt stopped; the time
// between them is counted with the nodes that are seen next.
func resumeNodeTime(ctx context.Context) workload.NodeTime {
	var last workload.Progress
	if activity.HasHeartbeatDetails(ctx) && activity.GetHeartbeatDetails(ctx, &last) == nil {
		return last.NodeTime
	}
	return workload.NodeTime{}
}

// account adds the time since the last look. Nodes of a pool of the user's own
// are not this run's alone, so theirs is not counted.
func (w *wait) account(now time.Time, vmSize string, nodes costlyNodes) {
	if !w.in.OwnPool {
		return
	}
	t := &w.nodeTime
	if !t.Until.IsZero() && now.After(t.Until) {
		hours := now.Sub(t.Until).Hours()
		t.Dedicated += hours * float64(nodes.dedicated)
		t.Spot += hours * float64(nodes.spot)
	}
	t.VMSize, t.Until, w.paid = vmSize, now, nodes
}
