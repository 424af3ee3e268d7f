package activities

import (
	"cmp"
	"context"
	"crypto/md5"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// outputIndex remembers what is in the output container, in 32 bytes a blob
// and not by name, so that a million of them take some 32 MB. It is filled
// first, then sorted, then asked.
type outputIndex struct {
	seed    maphash.Seed
	buckets [256][]indexed // by the first byte of the hash: none has to be copied as a whole when it grows
}

type indexed struct {
	name uint64 // its hash
	size int64  // its complement, where the service keeps no MD5
	md5  [md5.Size]byte
}

func (i indexed) bytes() int64 { return max(i.size, ^i.size) }

// hash is the content's MD5, or nil where the service keeps none.
func (i indexed) hash() []byte {
	if i.size < 0 {
		return nil
	}
	return i.md5[:]
}

func newOutputIndex() *outputIndex { return &outputIndex{seed: maphash.MakeSeed()} }

func (o *outputIndex) add(blob transfer.Blob) {
	entry := indexed{name: maphash.String(o.seed, blob.Blob), size: ^blob.Size}
	if len(blob.MD5) == md5.Size {
		entry.size = blob.Size
		copy(entry.md5[:], blob.MD5)
	}
	bucket := &o.buckets[entry.name>>56]
	*bucket = append(*bucket, entry)
}

func (o *outputIndex) sort() {
	for _, bucket := range o.buckets {
		slices.SortFunc(bucket, func(a, b indexed) int { return cmp.Compare(a.name, b.name) })
	}
}

func (o *outputIndex) get(blob string) (indexed, bool) {
	name := maphash.String(o.seed, blob)
	bucket := o.buckets[name>>56]
	at, found := slices.BinarySearchFunc(bucket, name, func(i indexed, name uint64) int { return cmp.Compare(i.name, name) })
	if !found {
		return indexed{}, false
	}
	return bucket[at], true
}

func (o *outputIndex) has(blob string) bool {
	_, ok := o.get(blob)
	return ok
}

// indexOutputs lists the output container once; asking for every output by
// itself would cost a request each. Of what is the run's own it keeps only what
// Gather asks for.
func (a *Activities) indexOutputs(ctx context.Context, container string, progress *beat) (*outputIndex, error) {
	index := newOutputIndex()
	err := transfer.WalkContainer(ctx, a.Storage.Container(container), "", nil, func(blob transfer.Blob) error {
		progress.again()
		if !strings.HasPrefix(blob.Blob, logsPrefix) || strings.HasSuffix(blob.Blob, "/stderr.txt") || strings.HasSuffix(blob.Blob, "/files.txt") {
			index.add(blob)
		}
		return nil
	})
	index.sort()
	return index, fail(err, "list container %s", container)
}

// blobsBelow lists what a pattern's files became.
func (g *gathering) blobsBelow(ctx context.Context, directory string) ([]workload.OutputBlob, error) {
	var found []workload.OutputBlob
	prefix := workload.BlobName(directory) + "/"
	container := g.in.OutputContainer
	err := transfer.WalkContainer(ctx, g.Storage.Container(container), prefix, nil, func(blob transfer.Blob) error {
		name := directory + "/" + strings.TrimPrefix(blob.Blob, prefix)
		g.progress.again()
		found = append(found, workload.OutputBlob{Name: name, Blob: blob.Blob, Size: blob.Size, MD5: blob.MD5})
		return nil
	})
	return found, fail(err, "list container %s", container)
}
