package activities

import (
	"context"
	"crypto/md5"
	"hash/maphash"
	"strings"

	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// outputIndex remembers what is in the output container, in 40 bytes a blob
// and not by name, so that a million of them take some 50 MB.
type outputIndex struct {
	seed  maphash.Seed
	blobs map[uint64]indexed
}

type indexed struct {
	size   int64
	md5    [md5.Size]byte
	hashed bool
}

// hash is the content's MD5, or nil where the service keeps none.
func (i indexed) hash() []byte {
	if !i.hashed {
		return nil
	}
	return i.md5[:]
}

func (o outputIndex) get(blob string) (indexed, bool) {
	found, ok := o.blobs[maphash.String(o.seed, blob)]
	return found, ok
}

func (o outputIndex) has(blob string) bool {
	_, ok := o.get(blob)
	return ok
}

// indexOutputs lists the output container once; asking for every output by
// itself would cost a request each.
func (a *Activities) indexOutputs(ctx context.Context, container string, progress *beat) (outputIndex, error) {
	index := outputIndex{seed: maphash.MakeSeed(), blobs: map[uint64]indexed{}}
	err := transfer.WalkContainer(ctx, a.Storage.Container(container), "", nil, func(blob transfer.Blob) error {
		entry := indexed{size: blob.Size, hashed: len(blob.MD5) == md5.Size}
		copy(entry.md5[:], blob.MD5)
		index.blobs[maphash.String(index.seed, blob.Blob)] = entry
		progress.update(func(*workload.Progress) {})
		return nil
	})
	return index, fail(err, "list container %s", container)
}

// blobsBelow lists what a pattern's files became.
func (g *gathering) blobsBelow(ctx context.Context, directory string) ([]workload.OutputBlob, error) {
	var found []workload.OutputBlob
	prefix := workload.BlobName(directory) + "/"
	container := g.in.OutputContainer
	err := transfer.WalkContainer(ctx, g.Storage.Container(container), prefix, nil, func(blob transfer.Blob) error {
		name := directory + "/" + strings.TrimPrefix(blob.Blob, prefix)
		g.progress.update(func(*workload.Progress) {})
		found = append(found, workload.OutputBlob{Name: name, Blob: blob.Blob, Size: blob.Size, MD5: blob.MD5})
		return nil
	})
	return found, fail(err, "list container %s", container)
}
