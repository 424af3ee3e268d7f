package activities

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/durabatch/durabatch/workload"
)

// resume starts a step's progress where the last attempt's heartbeat left it.
// A heartbeat that cannot be read starts from the beginning, which every step
// can bear.
func resume(ctx context.Context, step string, total int64) workload.Progress {
	var last workload.Progress
	if activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &last); err != nil || last.Step != step {
			last = workload.Progress{}
		}
	}
	return workload.Progress{Step: step, Total: total, Part: last.Part, Files: last.Files, Bytes: last.Bytes, Counts: last.Counts}
}

// beat heartbeats the progress of work that many hands do at once, at most a
// few times a second.
type beat struct {
	ctx context.Context

	mu       sync.Mutex
	progress workload.Progress
	last     time.Time
}

// breath is how long a step goes without a heartbeat at most.
const breath = 5 * time.Second

// alive heartbeats every few seconds until what it answers is called, for steps
// that wait: for their turn behind those of other runs, for a service that is
// slow to answer, for the next page of a list of which nothing counts. It hides
// no hang: a call to Batch ends in time, and a connection on which nothing moves
// is given up, see package azure.
func (b *beat) alive() (over func()) {
	ctx, stop := context.WithCancel(b.ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.keep(ctx)
	}()
	return func() {
		stop()
		<-ended
	}
}

// alive is that of a step which begins each attempt anew.
func alive(ctx context.Context) (over func()) { return (&beat{ctx: ctx}).alive() }

func (b *beat) keep(ctx context.Context) {
	ticker := time.NewTicker(breath)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			b.again()
		case <-ctx.Done():
			return
		}
	}
}

// again heartbeats what is known already.
func (b *beat) again() { b.update(func(*workload.Progress) {}) }

// reached changes the progress to what an attempt after this one resumes at,
// and tells Temporal of it in any case.
func (b *beat) reached(change func(*workload.Progress)) {
	b.mu.Lock()
	b.last = time.Time{}
	b.mu.Unlock()
	b.update(change)
}

// update changes the progress and tells Temporal of it.
func (b *beat) update(change func(*workload.Progress)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.progress)
	if now := time.Now(); now.Sub(b.last) >= 200*time.Millisecond {
		b.last = now
		activity.RecordHeartbeat(b.ctx, b.progress)
	}
}
