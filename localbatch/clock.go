package localbatch

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/durabatch/durabatch/localbatch/store"
)

// Clock is what a Service has time from, but for the dates of signatures, the
// processes of tasks and the transfer of files.
type Clock interface {
	// Now is the time of day.
	Now() time.Time
	// AfterFunc calls f in a goroutine of its own once d has passed. stop keeps
	// it from being called, and says whether it did.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) AfterFunc(d time.Duration, f func()) func() bool {
	return time.AfterFunc(d, f).Stop
}

// TestClock is a Clock that goes like the system's and can be put forward, for
// tests that cannot wait for the next day's job. The zero value shows the
// system's time. One TestClock can serve several services, one after the other
// as well as beside each other.
type TestClock struct {
	mu     sync.Mutex
	ahead  time.Duration
	timers map[*testTimer]struct{}
}

type testTimer struct {
	due   time.Time
	timer *time.Timer
}

// Now implements Clock.
func (c *TestClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

// AfterFunc implements Clock.
func (c *TestClock) AfterFunc(d time.Duration, f func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &testTimer{due: time.Now().Add(c.ahead + d)}
	t.timer = time.AfterFunc(d, func() {
		if c.take(t) {
			f()
		}
	})
	if c.timers == nil {
		c.timers = map[*testTimer]struct{}{}
	}
	c.timers[t] = struct{}{}
	return func() bool {
		t.timer.Stop()
		return c.take(t)
	}
}

// take says whether t has still to be called, which it then has not any more.
func (c *TestClock) take(t *testTimer) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, waiting := c.timers[t]
	delete(c.timers, t)
	return waiting
}

// Advance puts the clock forward by d. What was to happen meanwhile happens now.
func (c *TestClock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
	for t := range c.timers {
		t.timer.Reset(time.Until(t.due) - c.ahead)
	}
}

// clock gives times that only ever rise, so that no two versions of a resource
// have one ETag, which is made from the time of its modification.
type clock struct {
	Clock
	last atomic.Int64
}

func (c *clock) now() store.Time {
	for {
		last, now := c.last.Load(), int64(store.TimeOf(c.Now()))
		if now <= last {
			now = last + 1
		}
		if c.last.CompareAndSwap(last, now) {
			return store.Time(now)
		}
	}
}

// until is the time left until then; none when then is past.
func (c *clock) until(then store.Time) time.Duration {
	return max(0, then.Std().Sub(c.Now()))
}
