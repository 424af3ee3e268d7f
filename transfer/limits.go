package transfer

import (
	"context"
	"fmt"
	"iter"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"
)

// Limits bound all transfers of a Budget together.
type Limits struct {
	// Files is how many files are under way at once. Default 32.
	Files int
	// Memory is how many bytes of file content are held at once; it bounds how
	// many blocks of large files are under way. Default 64 MiB, at least 8 MiB.
	Memory int64
	// Bandwidth is how many bytes of file content move in a second, up and down
	// together. 0: as many as will. At least LeastBandwidth: with less, a
	// connection would seem to have stalled.
	Bandwidth int64
}

const (
	defaultFiles  = 32
	defaultMemory = 64 << 20
	leastMemory   = 2 * leastBlock
)

// LeastBandwidth is the smallest bandwidth there may be, in bytes a second.
const LeastBandwidth = 64 << 10

func (l Limits) withDefaults() Limits {
	if l.Files <= 0 {
		l.Files = defaultFiles
	}
	if l.Memory <= 0 {
		l.Memory = defaultMemory
	}
	l.Memory = max(l.Memory, leastMemory)
	if l.Bandwidth > 0 {
		l.Bandwidth = max(l.Bandwidth, LeastBandwidth)
	}
	return l
}

// Budget is what the Uploaders and Downloaders that share it may use together,
// however many there are. Whoever waits is served in turn.
type Budget struct {
	files   *semaphore.Weighted
	buffers *buffers
	rate    *rate.Limiter // nil: no limit
}

// NewBudget makes a Budget of these limits; zero ones have defaults.
func NewBudget(limits Limits) *Budget {
	limits = limits.withDefaults()
	b := &Budget{files: semaphore.NewWeighted(int64(limits.Files)), buffers: newBuffers(limits.Memory)}
	if limits.Bandwidth > 0 {
		// A tenth of a second's worth at once is smooth, and 16 KiB cost little.
		b.rate = rate.NewLimiter(rate.Limit(limits.Bandwidth), int(max(limits.Bandwidth/10, 16<<10)))
	}
	return b
}

// piece is as much of p as may move at once.
func (b *Budget) piece(p []byte) []byte {
	if b.rate == nil {
		return p
	}
	return p[:min(len(p), b.rate.Burst())]
}

// pace waits until n bytes, no more than a piece, may move.
func (b *Budget) pace(ctx context.Context, n int) error {
	if b.rate == nil {
		return nil
	}
	if err := b.rate.WaitN(ctx, n); err != nil {
		return fmt.Errorf("wait for bandwidth: %w", err)
	}
	return nil
}

// each calls do for every item, in order, as the slots that calls share become
// free. The first error, of the items themselves too, cancels the others and is
// the answer.
func each[T any](ctx context.Context, slots *semaphore.Weighted, items iter.Seq2[T, error], do func(context.Context, int, T) error) error {
	group, groupCtx := errgroup.WithContext(ctx)
	i := 0
	for item, err := range items {
		if err != nil {
			group.Go(func() error { return err })
			break
		}
		if slots.Acquire(groupCtx, 1) != nil {
			break // either the group or the caller's context has ended
		}
		n := i
		group.Go(func() error {
			defer slots.Release(1)
			return do(groupCtx, n, item)
		})
		i++
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// listOf gives the items of a slice, none of which is an error.
func listOf[T any](items []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}
}
