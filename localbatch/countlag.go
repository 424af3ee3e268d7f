package localbatch

import (
	"sort"
	"sync"
	"time"

	"github.com/durabatch/durabatch/localbatch/store"
)

// countLag remembers what the task counts of jobs were, for as long as the
// fault plan has the answers lag behind.
type countLag struct {
	mu    sync.Mutex
	lag   time.Duration // 0: nothing is remembered
	byJob map[int64][]pastCounts
}

// pastCounts are a job's counts until a moment, and from the end of those
// before them.
type pastCounts struct {
	until        store.Time
	tasks, slots store.Counts
}

func (l *countLag) set(lag time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lag, l.byJob = lag, map[int64][]pastCounts{}
}

func (l *countLag) isSet() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lag > 0
}

// remember is for counts that change now. It drops what is too old to be asked for.
func (l *countLag) remember(job store.Job, now store.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	past := l.byJob[job.Key]
	past = past[endedBy(past, now.Add(-l.lag)):]
	l.byJob[job.Key] = append(past, pastCounts{until: now, tasks: job.Tasks, slots: job.Slots})
}

func (l *countLag) forget(job int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byJob, job)
}

// apply gives job the counts that are answered now.
func (l *countLag) apply(job *store.Job, now store.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	past := l.byJob[job.Key]
	if i := endedBy(past, now.Add(-l.lag)); i < len(past) {
		job.Tasks, job.Slots = past[i].tasks, past[i].slots
	}
}

// endedBy is how many of the counts had ended by then.
func endedBy(past []pastCounts, then store.Time) int {
	return sort.Search(len(past), func(i int) bool { return past[i].until > then })
}

// AddCounts adds to a job's counts, of which those so far may still have to be
// answered for a while. What a failed change leaves remembered is true as well.
func (c *change) AddCounts(job int64, tasks, slots store.Counts) error {
	if c.s.counts.isSet() {
		row, ok, err := c.JobByKey(job)
		if err != nil {
			return err
		}
		if ok {
			c.s.counts.remember(row, c.now)
		}
	}
	return c.Tx.AddCounts(job, tasks, slots)
}
