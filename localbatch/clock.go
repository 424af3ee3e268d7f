package localbatch

import (
	"sync/atomic"
	"time"

	"github.com/durabatch/durabatch/localbatch/store"
)

// clock gives times that only ever rise, so that no two versions of a resource
// have one ETag, which is made from the time of its modification.
type clock struct{ last atomic.Int64 }

func (c *clock) now() store.Time {
	for {
		last, now := c.last.Load(), int64(store.TimeOf(time.Now()))
		if now <= last {
			now = last + 1
		}
		if c.last.CompareAndSwap(last, now) {
			return store.Time(now)
		}
	}
}
