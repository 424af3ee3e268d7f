package e2e

import (
	"fmt"
	"slices"
	"sync"
)

// moment is one at which a worker can be killed: right before or right after
// the nth effect of a name that a run has, or half-way through what it reads.
type moment struct {
	where  string // before, after or within
	effect string
	nth    int
}

const (
	before = "before"
	after  = "after"
	within = "within"
)

func (m moment) String() string { return fmt.Sprintf("%s %s, number %d", m.where, m.effect, m.nth) }

// trap sees every moment of a worker and kills it at one of them.
type trap struct {
	kill func() // returns when the worker is dead

	mu     sync.Mutex
	counts map[moment]int // with nth 0
	seen   []moment
	set    *moment // nil: it kills nobody, or has
	sprung bool
}

// reset forgets all that was seen and sets the trap, to no moment with nil.
func (t *trap) reset(at *moment) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts, t.seen, t.set, t.sprung = map[moment]int{}, nil, at, false
}

// passes tells the trap of a moment and answers whether the worker is dead.
func (t *trap) passes(where, effect string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := moment{where: where, effect: effect}
	t.counts[now]++
	now.nth = t.counts[now]
	t.seen = append(t.seen, now)
	if t.set == nil || *t.set != now {
		return false
	}
	t.set, t.sprung = nil, true
	t.kill()
	return true
}

// saw are the moments since the last reset, in their order.
func (t *trap) saw() []moment {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.seen)
}

func (t *trap) hasSprung() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sprung
}
