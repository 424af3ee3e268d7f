package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"golang.org/x/sync/errgroup"
)

const tasksPerRun = 5

// runs are many runs at once on one worker and one pool that they share,
// against some of the same one after the other, from which the rest is reckoned.
func (b *bench) runs(ctx context.Context) (rows []row, err error) {
	dir, err := os.MkdirTemp(b.dir, "stack-")
	if err != nil {
		return nil, err
	}
	s, err := start(ctx, b.bin, dir, true, b.log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop(), os.RemoveAll(dir)) }()
	document, err := s.shared(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.run(ctx, "warm", document); err != nil {
		return nil, err
	}
	const alone = 10
	began := time.Now()
	for n := range alone {
		if err := s.run(ctx, fmt.Sprintf("alone-%d", n), document); err != nil {
			return nil, err
		}
	}
	each := time.Since(began).Seconds() / alone
	b.say("one run of %d tasks alone takes %.1f s", tasksPerRun, each)
	many := b.size(1000, 100)
	calls := s.calls.Load()
	began = time.Now()
	at, all := errgroup.WithContext(ctx)
	for n := range many {
		at.Go(func() error { return s.run(all, fmt.Sprintf("beside-%d", n), document) })
	}
	if err := at.Wait(); err != nil {
		return nil, err
	}
	r := row{What: fmt.Sprintf("%d runs at once, beside one after the other (reckoned from %d)", many, alone), Files: many * tasksPerRun, Seconds: time.Since(began).Seconds(),
		Calls: float64(s.calls.Load()-calls) / float64(many*tasksPerRun), Peer: each * float64(many), Goal: "0.25; 1024 MiB"}
	r.Ratio = r.Seconds / r.Peer
	if r.Memory, err = s.peak(); err != nil {
		return nil, err
	}
	b.say("%s: %.1f s, %.2f, %.0f MiB", r.What, r.Seconds, r.Ratio, r.Memory)
	return []row{r}, nil
}

// shared makes the pool and the manifest that all runs share.
func (s *stack) shared(ctx context.Context) (map[string]any, error) {
	_, err := s.batch.CreatePool(ctx, azbatch.CreatePoolContent{
		ID: to.Ptr("shared"), VMSize: to.Ptr("Standard_A1_v2"), TargetDedicatedNodes: to.Ptr[int32](4), TaskSlotsPerNode: to.Ptr[int32](4),
		VirtualMachineConfiguration: &azbatch.VirtualMachineConfiguration{
			ImageReference: &azbatch.ImageReference{Publisher: to.Ptr("canonical"), Offer: to.Ptr("ubuntu-24_04-lts"), SKU: to.Ptr("server")},
			NodeAgentSKUID: to.Ptr("batch.node.ubuntu 24.04"),
		},
	}, nil)
	if err != nil {
		return nil, err
	}
	var items strings.Builder
	for i := range tasksPerRun {
		fmt.Fprintf(&items, `{"name": "%d.bin", "url": "http://127.0.0.1:1/%d"}`+"\n", i, i)
	}
	lists := s.storage.Container("lists")
	if _, err := lists.Create(ctx, nil); err != nil {
		return nil, err
	}
	if _, err := lists.NewBlockBlobClient("items.jsonl").UploadBuffer(ctx, []byte(items.String()), nil); err != nil {
		return nil, err
	}
	return workload(map[string]any{"container": "lists", "manifest": "items.jsonl"}, map[string]any{"id": "shared"}), nil
}
