package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/workload"
)

// accounts are those of the environment; what is nil is not set up.
type accounts struct {
	batch      *azbatch.Client
	endpoint   string // of Batch
	storage    *azure.Storage
	storageKey bool // it is reached with its account key
}

// accounts makes clients of what the environment names, and says what it does
// not.
func (s *starter) accounts(f *forecast) accounts {
	var a accounts
	if config, err := azure.StorageConfigFromEnv(s.environ.Get); err != nil {
		f.say("storage account", unknown, "", "nothing that is in it was looked at: %v", err)
	} else if a.storage, err = azure.NewStorage(config); err != nil {
		f.say("storage account", failing, "", "%v", err)
	} else {
		a.storageKey = config.StorageConnectionString != ""
	}
	if config, err := azure.BatchConfigFromEnv(s.environ.Get); err != nil {
		f.say("Batch account", unknown, "", "nothing that is in it was looked at: %v", err)
	} else if a.batch, err = azure.NewBatch(config); err != nil {
		f.say("Batch account", failing, "", "%v", err)
	} else {
		a.endpoint = config.BatchEndpoint
	}
	return a
}

// lookAtPool finds out whether the account can have the pool, or has the one
// that is named.
func (s *starter) lookAtPool(ctx context.Context, w *workload.Workload, a accounts, f *forecast) {
	if a.batch == nil {
		return
	}
	if err := s.lookAtUse(ctx, a, f); err != nil {
		e := azure.Explain(err)
		f.say("Batch account", failing, e.Advice, "%s", e.Message)
		return
	}
	if w.Pool.ID != "" {
		lookAtOwnPool(ctx, w, a, f)
		return
	}
	if w.Pool.Image.ID == "" {
		lookAtImage(ctx, w, a, f, time.Now())
	} else {
		f.say("image", unknown, "", "%s is an image of a gallery, which the data plane does not list", w.Pool.Image.ID)
	}
	if _, known := azure.TemporaryDisk(w.Pool.VMSize); known {
		f.say("VM size", fine, "", "%s is a size that Azure has; whether this region and account have it shows when the pool is created", w.Pool.VMSize)
	} else if _, priced := azure.HourlyPrice(w.Pool.VMSize); priced {
		f.say("VM size", fine, "", "%s is a size that Azure has; whether this region and account have it shows when the pool is created", w.Pool.VMSize)
	} else {
		f.say("VM size", unknown, "az batch location list-skus --location REGION", "%s is not known here, and the data plane has no list of sizes", w.Pool.VMSize)
	}
}

// lookAtUse counts what the account has, since its quotas leave the rest.
func (s *starter) lookAtUse(ctx context.Context, a accounts, f *forecast) error {
	var pools, jobs int
	var nodes int32
	pager := a.batch.NewListPoolsPager(&azbatch.ListPoolsOptions{SelectParam: []string{"id", "currentDedicatedNodes", "currentLowPriorityNodes"}})
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, pool := range page.Value {
			pools++
			nodes += deref(pool.CurrentDedicatedNodes) + deref(pool.CurrentLowPriorityNodes)
		}
	}
	active := a.batch.NewListJobsPager(&azbatch.ListJobsOptions{Filter: to.Ptr("state eq 'active'"), SelectParam: []string{"id"}})
	for active.More() {
		page, err := active.NextPage(ctx)
		if err != nil {
			return err
		}
		jobs += len(page.Value)
	}
	f.say("quotas", unknown, "az batch account show --name ACCOUNT --resource-group GROUP --query '{cores:dedicatedCoreQuota,spot:lowPriorityCoreQuota,pools:poolQuota,jobs:activeJobAndJobScheduleQuota}'",
		"the account has %s with %s and %s; what its quotas leave is told by Azure's management plane alone. The run needs one pool and one job more",
		countOf(int64(pools), "pool"), countOf(int64(nodes), "node"), countOf(int64(jobs), "active job"))
	return nil
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// lookAtOwnPool looks at a pool of the user's.
func lookAtOwnPool(ctx context.Context, w *workload.Workload, a accounts, f *forecast) {
	pool, err := a.batch.GetPool(ctx, w.Pool.ID, &azbatch.GetPoolOptions{SelectParam: []string{
		"id", "state", "vmSize", "taskSlotsPerNode", "currentDedicatedNodes", "currentLowPriorityNodes", "enableAutoScale",
	}})
	if err != nil {
		e := azure.Explain(err)
		cure := e.Advice
		if e.Kind == azure.Gone {
			cure = "correct pool.id, or leave it out and describe a pool to create"
		}
		f.say("pool", failing, cure, "pool %s: %s", w.Pool.ID, e.Message)
		return
	}
	nodes := deref(pool.CurrentDedicatedNodes) + deref(pool.CurrentLowPriorityNodes)
	switch slots := max(w.Task.Slots, 1); {
	case deref(pool.State) != azbatch.PoolStateActive:
		f.say("pool", failing, "name one that is active", "pool %s is %s", w.Pool.ID, deref(pool.State))
	case deref(pool.TaskSlotsPerNode) < slots:
		f.say("pool", failing, "name a pool with more slots, or lower task.slots", "a node of pool %s has %s, and a task needs %d", w.Pool.ID, countOf(int64(deref(pool.TaskSlotsPerNode)), "slot"), slots)
	case nodes == 0 && !deref(pool.EnableAutoScale):
		f.say("pool", warning, "resize it before the run", "pool %s has no nodes, and nothing that would give it some", w.Pool.ID)
	default:
		f.say("pool", fine, "", "pool %s has %s %s", w.Pool.ID, countOf(int64(nodes), "node"), deref(pool.VMSize))
	}
}

// soon is how long before an image's end people want to know of it.
const soon = 90 * 24 * time.Hour

// lookAtImage holds the image against those that Batch supports.
func lookAtImage(ctx context.Context, w *workload.Workload, a accounts, f *forecast, now time.Time) {
	image := w.Pool.Image
	name := strings.Join([]string{image.Publisher, image.Offer, image.SKU}, " ")
	var near []string
	pager := a.batch.NewListSupportedImagesPager(nil)
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			e := azure.Explain(err)
			f.say("image", unknown, e.Advice, "the supported images could not be listed: %s", e.Message)
			return
		}
		for _, supported := range page.Value {
			ref := deref(supported.ImageReference)
			if !strings.EqualFold(deref(ref.Publisher), image.Publisher) || !strings.EqualFold(deref(ref.Offer), image.Offer) {
				continue
			}
			if strings.EqualFold(deref(ref.SKU), image.SKU) && strings.EqualFold(deref(supported.NodeAgentSKUID), w.Pool.NodeAgentSKU) {
				sayImage(f, name, supported, now)
				return
			}
			near = append(near, fmt.Sprintf("sku %s with %s", deref(ref.SKU), deref(supported.NodeAgentSKUID)))
		}
	}
	cure := "choose one of: az batch pool supported-images list"
	if len(near) > 0 {
		cure = "of this publisher and offer there are: " + listOf(near, 5)
	}
	f.say("image", failing, cure, "Batch does not support %s with the node agent %q here", name, w.Pool.NodeAgentSKU)
}

func sayImage(f *forecast, name string, supported azbatch.SupportedImage, now time.Time) {
	end := supported.BatchSupportEndOfLife
	switch {
	case end == nil:
		f.say("image", fine, "", "Batch supports %s, and names no end of that", name)
	case end.Before(now):
		f.say("image", failing, "choose a newer image: az batch pool supported-images list", "Batch takes no new pools with %s since %s", name, end.Format(time.DateOnly))
	case end.Before(now.Add(soon)):
		f.say("image", warning, "choose a newer image: az batch pool supported-images list", "Batch takes new pools with %s until %s only", name, end.Format(time.DateOnly))
	default:
		f.say("image", fine, "", "Batch supports %s until %s", name, end.Format(time.DateOnly))
	}
}
