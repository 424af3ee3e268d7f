package activities

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"go.temporal.io/sdk/activity"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/workload"
)

// owns says whether a pool's or a job's metadata bear the owner's mark.
func (o Owner) owns(metadata []azbatch.MetadataItem) bool {
	for _, item := range metadata {
		if value(item.Name) == metadataRunID {
			return value(item.Value) == o.RunID
		}
	}
	return false
}

// CreatePoolInput describes the pool to create, or names the user's own.
type CreatePoolInput struct {
	Owner  Owner         `json:"owner"`
	ID     string        `json:"id"`
	Pool   workload.Pool `json:"pool"`
	Slots  int32         `json:"slots"`  // that each task needs
	Access Access        `json:"access"` // of the start task's resource files
}

// CreatePool creates the pool, or finds that an earlier attempt did. It does
// not wait for nodes: Wait watches them. A pool that the user named is only
// looked at.
func (a *Activities) CreatePool(ctx context.Context, in CreatePoolInput) error {
	if in.Pool.ID != "" {
		return a.checkPool(ctx, in)
	}
	content, err := a.poolContent(ctx, in)
	if err != nil {
		return err
	}
	_, err = a.Batch.CreatePool(ctx, content, nil)
	if !hasCode(err, azure.CodePoolExists, "PoolBeingCreated") {
		return failFirst(ctx, err, "create pool %s", in.ID)
	}
	return a.poolIsOurs(ctx, in.ID, in.Owner)
}

// checkPool refuses a pool of the user's that cannot run the tasks.
func (a *Activities) checkPool(ctx context.Context, in CreatePoolInput) error {
	pool, err := a.Batch.GetPool(ctx, in.Pool.ID, &azbatch.GetPoolOptions{SelectParam: []string{"id", "state", "taskSlotsPerNode", "identity"}})
	if err != nil {
		return failFirst(ctx, err, "look at pool %s (pool.id)", in.Pool.ID)
	}
	if value(pool.State) != azbatch.PoolStateActive {
		return refuse(InvalidWorkload, "pool %s is %s; name one that is active", in.Pool.ID, value(pool.State))
	}
	if slots := value(pool.TaskSlotsPerNode); slots < in.Slots {
		return refuse(InvalidWorkload, "pool %s has %d task slots on a node and each task needs %d (task.slots): none could ever run", in.Pool.ID, slots, in.Slots)
	}
	if identity := in.Pool.Identity; identity != "" && !has(pool.Identity, identity) {
		return refuse(InvalidWorkload, "pool %s does not have the identity %s (pool.identity): give it to the pool while it has no nodes, or name one that it has", in.Pool.ID, identity)
	}
	return nil
}

// has says whether the nodes of a pool have an identity. A service that tells
// nothing of the pool's identities is not held against it.
func has(identities *azbatch.PoolIdentity, identity string) bool {
	return identities == nil || slices.ContainsFunc(identities.UserAssignedIdentities, func(i azbatch.UserAssignedIdentity) bool {
		return strings.EqualFold(value(i.ResourceID), identity)
	})
}

func (a *Activities) poolIsOurs(ctx context.Context, id string, owner Owner) error {
	pool, err := a.Batch.GetPool(ctx, id, &azbatch.GetPoolOptions{SelectParam: []string{"id", "metadata"}})
	if err != nil {
		return fail(err, "look at pool %s", id)
	}
	if !owner.owns(pool.Metadata) {
		return refuse(NotOurs, "pool %s exists and is not this run's; nothing of it was touched. Start the run under another workflow id", id)
	}
	return nil
}

func (a *Activities) poolContent(ctx context.Context, in CreatePoolInput) (azbatch.CreatePoolContent, error) {
	p := in.Pool
	content := azbatch.CreatePoolContent{
		ID:               to.Ptr(in.ID),
		VMSize:           to.Ptr(p.VMSize),
		TaskSlotsPerNode: to.Ptr(max(p.TaskSlots, 1)),
		Metadata:         a.markOf(in.Owner).ofBatch(),
		VirtualMachineConfiguration: &azbatch.VirtualMachineConfiguration{
			ImageReference: imageReference(p.Image),
			NodeAgentSKUID: to.Ptr(p.NodeAgentSKU),
		},
	}
	a.setSize(&content, p)
	if p.StartTask == nil {
		return content, nil
	}
	task, err := a.batchStartTask(ctx, p.StartTask, in.Access)
	content.StartTask = task
	return content, err
}

func (a *Activities) batchStartTask(ctx context.Context, t *workload.StartTask, access Access) (*azbatch.StartTask, error) {
	files, err := a.resourceFiles(ctx, t.ResourceFiles, access)
	if err != nil {
		return nil, err
	}
	return &azbatch.StartTask{
		CommandLine:         to.Ptr(bash(t.Command)),
		WaitForSuccess:      to.Ptr(true),
		MaxTaskRetryCount:   to.Ptr(t.MaxRetries),
		EnvironmentSettings: environment(t.Environment),
		ResourceFiles:       files,
		UserIdentity:        userIdentity(t.Elevated),
	}, nil
}

// setSize has the pool keep its nodes by a lease.
func (a *Activities) setSize(content *azbatch.CreatePoolContent, p workload.Pool) {
	lease := Lease{Length: p.Lease, DedicatedNodes: p.DedicatedNodes, SpotNodes: p.SpotNodes}
	if lease.Length == 0 {
		content.TargetDedicatedNodes, content.TargetLowPriorityNodes = to.Ptr(p.DedicatedNodes), to.Ptr(p.SpotNodes)
		return
	}
	content.EnableAutoScale = to.Ptr(true)
	content.AutoScaleFormula = to.Ptr(lease.formula(a.firstLease(lease)))
	content.AutoScaleEvaluationInterval = to.Ptr(iso8601(shortestEvaluation))
}

func imageReference(i workload.Image) *azbatch.ImageReference {
	if i.ID != "" {
		return &azbatch.ImageReference{VirtualMachineImageID: to.Ptr(i.ID)}
	}
	return &azbatch.ImageReference{Publisher: to.Ptr(i.Publisher), Offer: to.Ptr(i.Offer), SKU: to.Ptr(i.SKU), Version: to.Ptr(i.Version)}
}

func userIdentity(elevated bool) *azbatch.UserIdentity {
	level := azbatch.ElevationLevelNonAdmin
	if elevated {
		level = azbatch.ElevationLevelAdmin
	}
	return &azbatch.UserIdentity{AutoUser: &azbatch.AutoUserSpecification{
		Scope: to.Ptr(azbatch.AutoUserScopePool), ElevationLevel: to.Ptr(level),
	}}
}

// PoolInput names a pool of the run's own.
type PoolInput struct {
	Owner Owner  `json:"owner"`
	Pool  string `json:"pool"`
}

// EmptyPool takes all nodes from the pool, so that it costs nothing while a
// person decides over it, and answers when the last node is gone. A pool that
// is gone, or going, has none.
func (a *Activities) EmptyPool(ctx context.Context, in PoolInput) error {
	defer alive(ctx)()
	if err := a.poolIsOurs(ctx, in.Pool, in.Owner); err != nil {
		return unlessGone(err)
	}
	var patience patience
	for started := time.Now(); ; {
		empty, err := a.shrink(ctx, in)
		if empty || !patience.bears(ctx, err) {
			return unlessGone(err)
		}
		activity.RecordHeartbeat(ctx)
		if err := pause(ctx, pollInterval(time.Since(started))); err != nil {
			return err
		}
	}
}

// shrink moves the pool a step towards no nodes and says whether it is there.
// It asks first what goes on: the resize may be its own, and a resize that
// ended may have left nodes behind.
func (a *Activities) shrink(ctx context.Context, in PoolInput) (empty bool, err error) {
	id := in.Pool
	pool, err := a.Batch.GetPool(ctx, id, &azbatch.GetPoolOptions{SelectParam: []string{
		"id", "state", "metadata", "allocationState", "enableAutoScale", "targetDedicatedNodes", "targetLowPriorityNodes", "currentDedicatedNodes", "currentLowPriorityNodes",
	}})
	if err != nil {
		return false, fail(err, "look at pool %s", id)
	}
	wanted := value(pool.TargetDedicatedNodes) + value(pool.TargetLowPriorityNodes)
	nodes := value(pool.CurrentDedicatedNodes) + value(pool.CurrentLowPriorityNodes)
	steady := value(pool.AllocationState) == azbatch.AllocationStateSteady
	switch {
	case !in.Owner.owns(pool.Metadata): // a redrive has taken it over
		return true, nil
	case value(pool.State) == azbatch.PoolStateDeleting, steady && wanted == 0 && nodes == 0:
		return true, nil
	case steady && value(pool.EnableAutoScale):
		_, err = a.setFormula(ctx, id, noNodes)
	case steady:
		_, err = a.Batch.ResizePool(ctx, id, azbatch.ResizePoolContent{
			TargetDedicatedNodes:   to.Ptr[int32](0),
			TargetLowPriorityNodes: to.Ptr[int32](0),
			NodeDeallocationOption: to.Ptr(azbatch.NodeDeallocationOptionTerminate),
		}, nil)
	case wanted > 0:
		_, err = a.Batch.StopPoolResize(ctx, id, nil)
	}
	if hasCode(err, azure.CodePoolBeingResized, azure.CodePoolBeingDeleted) {
		return false, nil // it changed meanwhile: the next look tells
	}
	return false, fail(err, "take the nodes from pool %s", id)
}

// DeletePool deletes the pool and answers when it is gone; one that is gone
// already is success.
func (a *Activities) DeletePool(ctx context.Context, in PoolInput) error {
	defer alive(ctx)()
	if err := a.poolIsOurs(ctx, in.Pool, in.Owner); err != nil {
		return unlessGone(err)
	}
	_, err := a.Batch.DeletePool(ctx, in.Pool, nil)
	if err := fail(err, "delete pool %s", in.Pool); err != nil && !isGone(err) && !hasCode(err, azure.CodePoolBeingDeleted) {
		return err
	}
	return untilGone(ctx, func(ctx context.Context) error {
		return a.poolIsOurs(ctx, in.Pool, in.Owner)
	})
}
