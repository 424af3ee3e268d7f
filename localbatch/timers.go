package localbatch

import (
	"sync"

	"github.com/durabatch/durabatch/localbatch/store"
)

// timers call something when its time has come: at most one thing for each
// key, such as the end of a job whose maxWallClockTime is over.
type timers struct {
	mu    sync.Mutex
	byKey map[int64]func() bool // stops the timer
}

// set has due called at a time, and nothing that was set for key before.
func (t *timers) set(key int64, clock *clock, at store.Time, due func()) {
	t.forget(key)
	if at == store.Never {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byKey == nil {
		t.byKey = map[int64]func() bool{}
	}
	t.byKey[key] = clock.AfterFunc(clock.until(at), due)
}

func (t *timers) forget(key int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if stop := t.byKey[key]; stop != nil {
		stop()
		delete(t.byKey, key)
	}
}

func (t *timers) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, stop := range t.byKey {
		stop()
	}
}
