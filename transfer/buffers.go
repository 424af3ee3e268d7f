package transfer

import (
	"context"
	"math/bits"
	"sync"

	"golang.org/x/sync/semaphore"
)

// buffers lends memory, all of it together at most its limit. Nobody may wait
// for one buffer while holding another that is freed only afterwards.
//
// It keeps what comes back as long as anything is lent, and lets the collector
// have what would take it over its limit: a sync.Pool would hold as much again
// until the next collection.
type buffers struct {
	limit int64
	free  *semaphore.Weighted

	mu         sync.Mutex
	idle       [64][][]byte // by the power of two that is their size
	lent, kept int64        // bytes
}

func newBuffers(limit int64) *buffers {
	return &buffers{limit: limit, free: semaphore.NewWeighted(limit)}
}

// buffer is lent memory; release gives it back.
type buffer struct {
	data    []byte
	release func()
}

// get waits until size bytes, rounded up to a power of two, are free.
func (b *buffers) get(ctx context.Context, size int64) (buffer, error) {
	class := bits.Len64(uint64(max(size, 1<<10) - 1))
	weight := min(int64(1)<<class, b.limit)
	if err := b.free.Acquire(ctx, weight); err != nil {
		return buffer{}, err
	}
	memory := b.take(class)
	return buffer{data: memory[:size], release: func() {
		b.putBack(class, memory)
		b.free.Release(weight)
	}}, nil
}

func (b *buffers) take(class int) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	size := int64(1) << class
	b.lent += size
	if n := len(b.idle[class]); n > 0 {
		memory := b.idle[class][n-1]
		b.idle[class] = b.idle[class][:n-1]
		b.kept -= size
		return memory
	}
	if b.lent+b.kept > b.limit {
		b.drop()
	}
	return make([]byte, size)
}

func (b *buffers) putBack(class int, memory []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lent -= int64(len(memory))
	if b.lent == 0 {
		b.drop()
		return
	}
	b.idle[class] = append(b.idle[class], memory)
	b.kept += int64(len(memory))
}

func (b *buffers) drop() {
	b.idle = [64][][]byte{}
	b.kept = 0
}
