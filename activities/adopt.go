package activities

import (
	"context"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"go.temporal.io/sdk/activity"

	"github.com/durabatch/durabatch/workload"
)

// AdoptInput names what a redrive may take over of its parent.
type AdoptInput struct {
	Owner          Owner         `json:"owner"`
	Parent         Owner         `json:"parent"`
	PoolID         string        `json:"poolId,omitempty"`         // of the parent's; empty: none is wanted
	Pool           workload.Pool `json:"pool"`                     // as it is wanted
	InputContainer string        `json:"inputContainer,omitempty"` // of the parent's; empty: none is wanted
	Access         Access        `json:"access"`
}

// AdoptResult says what is the redrive's own now. What it did not take over is
// gone, is on its way to be, or is another's.
type AdoptResult struct {
	Pool   bool `json:"pool"`
	Inputs bool `json:"inputs"`
}

// Adopt writes a redrive's mark over that of its parent, on the parent's input
// container and on its pool, if that is what the redrive needs. From then on
// they are the redrive's to delete, and not the parent's: each run looks for its
// mark before it deletes.
func (a *Activities) Adopt(ctx context.Context, in AdoptInput) (AdoptResult, error) {
	var adopted AdoptResult
	var err error
	if in.InputContainer != "" {
		if adopted.Inputs, err = a.adoptContainer(ctx, in); err != nil {
			return adopted, err
		}
	}
	if in.PoolID != "" {
		adopted.Pool, err = a.adoptPool(ctx, in)
	}
	return adopted, err
}

func (a *Activities) adoptContainer(ctx context.Context, in AdoptInput) (bool, error) {
	client := a.Storage.Container(in.InputContainer)
	properties, err := client.GetProperties(ctx, nil)
	if err := fail(err, "look at container %s", in.InputContainer); err != nil {
		return false, unlessGone(err)
	}
	m, _, marked := markOnContainer(properties.Metadata)
	switch {
	case marked && m.RunID == in.Owner.RunID:
		return true, nil
	case !marked || m.RunID != in.Parent.RunID:
		return false, nil
	}
	_, err = client.SetMetadata(ctx, &container.SetMetadataOptions{Metadata: a.markOf(in.Owner).ofContainer()})
	if err := fail(err, "take container %s over", in.InputContainer); err != nil {
		return false, unlessGone(err)
	}
	return true, nil
}

// adoptPool gives the pool the start task too, whose resource files are signed
// anew: the parent's signatures end with the parent.
func (a *Activities) adoptPool(ctx context.Context, in AdoptInput) (bool, error) {
	pool, err := a.Batch.GetPool(ctx, in.PoolID, &azbatch.GetPoolOptions{SelectParam: []string{
		"id", "state", "metadata", "vmSize", "taskSlotsPerNode", "virtualMachineConfiguration", "startTask",
	}})
	if err := fail(err, "look at pool %s", in.PoolID); err != nil {
		return false, unlessGone(err)
	}
	if in.Owner.owns(pool.Metadata) {
		return true, nil
	}
	content, err := a.poolContent(ctx, CreatePoolInput{Owner: in.Owner, ID: in.PoolID, Pool: in.Pool, Access: in.Access})
	if err != nil || value(pool.State) != azbatch.PoolStateActive || !in.Parent.owns(pool.Metadata) || !isLike(pool.Pool, content) {
		return false, err
	}
	_, err = a.Batch.UpdatePool(ctx, in.PoolID, azbatch.UpdatePoolContent{Metadata: content.Metadata, StartTask: content.StartTask}, nil)
	if err := fail(err, "take pool %s over", in.PoolID); err != nil {
		return false, unlessGone(err)
	}
	return true, nil
}

// isLike says whether a pool has the nodes that content asks for.
func isLike(pool azbatch.Pool, content azbatch.CreatePoolContent) bool {
	is, wanted := value(pool.VirtualMachineConfiguration), value(content.VirtualMachineConfiguration)
	isImage, wantedImage := value(is.ImageReference), value(wanted.ImageReference)
	return value(pool.VMSize) == value(content.VMSize) &&
		value(pool.TaskSlotsPerNode) == value(content.TaskSlotsPerNode) &&
		value(is.NodeAgentSKUID) == value(wanted.NodeAgentSKUID) &&
		value(isImage.VirtualMachineImageID) == value(wantedImage.VirtualMachineImageID) &&
		value(isImage.Publisher) == value(wantedImage.Publisher) && value(isImage.Offer) == value(wantedImage.Offer) &&
		value(isImage.SKU) == value(wantedImage.SKU) && value(isImage.Version) == value(wantedImage.Version) &&
		value(value(pool.StartTask).CommandLine) == value(value(content.StartTask).CommandLine)
}

// FillPool gives a pool that was taken over its nodes, by a lease. It answers as
// soon as Batch has taken that; Wait watches the nodes.
func (a *Activities) FillPool(ctx context.Context, in CreatePoolInput) error {
	if err := a.poolIsOurs(ctx, in.ID, in.Owner); err != nil {
		return err
	}
	lease := Lease{Length: in.Pool.Lease, DedicatedNodes: in.Pool.DedicatedNodes, SpotNodes: in.Pool.SpotNodes}
	for started := time.Now(); ; {
		taken, err := a.setFormula(ctx, in.ID, lease.formula(a.firstLease(lease)))
		if err != nil || taken {
			return fail(err, "ask for the nodes of pool %s", in.ID)
		}
		activity.RecordHeartbeat(ctx)
		if err := pause(ctx, pollInterval(time.Since(started))); err != nil {
			return err
		}
	}
}

// firstLease is twice as long as the others: it cannot be renewed while nodes
// are being allocated.
func (a *Activities) firstLease(lease Lease) time.Time {
	return lease.until(time.Now(), a.evaluation()).Add(time.Duration(lease.Length))
}
