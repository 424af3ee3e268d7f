package activities

import (
	"time"

	"github.com/durabatch/durabatch/workload"
)

// How often a run is looked at. Each look is a request that counts the tasks;
// every healthInterval, and whenever no task runs, it asks for the job, the pool
// and its nodes too.
const (
	fastestPoll    = time.Second
	slowestPoll    = time.Minute
	stillPoll      = 5 * time.Second // nothing runs: what ends the run then is to be told in seconds
	healthInterval = 30 * time.Second
	// looksAhead is how many looks the rest of a run is worth. The end is told
	// within one of them, and they come closer the nearer it is.
	looksAhead = 20
	// lookShare keeps all the runs of a worker together at 50 looks a second.
	lookShare = 20 * time.Millisecond
)

// pace is how a run goes.
type pace struct {
	waited  time.Duration // since the wait began
	working time.Duration // since a task was first seen to run or to be done
	since   time.Duration // since another task was seen to be done, or since the wait began
	done    int64         // tasks
	left    int64
	running int64
}

// next is how long to wait for the next look: as long as the rest of the run is
// likely to take, by how long what is done took, divided by looksAhead; where the
// next task is overdue, by how long it has been waited for.
func (p pace) next() time.Duration {
	switch {
	case p.left == 0:
		return fastestPoll
	case p.running == 0:
		return clamp(p.waited/looksAhead, fastestPoll, stillPoll)
	case p.done == 0:
		return clamp(p.waited/looksAhead, fastestPoll, slowestPoll)
	}
	rest := time.Duration(float64(p.working) * float64(p.left) / float64(p.done))
	return clamp(max(rest, p.since)/looksAhead, fastestPoll, slowestPoll)
}

// interval bounds the time between two looks of one run by what this account's
// service can bear: from above where it can be asked often, from below where many
// runs ask at the same time.
func (a *Activities) interval(d time.Duration) time.Duration {
	if a.SlowestPoll > 0 {
		d = min(d, a.SlowestPoll)
	}
	return max(d, time.Duration(a.waiting.Load())*lookShare)
}

func clamp(d, least, most time.Duration) time.Duration { return min(max(d, least), most) }

// watch keeps what pace is told by.
type watch struct {
	began, worked, moved time.Time
	done                 int64
}

// see takes in what a look at now counted.
func (w *watch) see(now time.Time, c workload.Counts) pace {
	if w.worked.IsZero() && c.Running+c.Completed() > 0 {
		w.worked = now
	}
	if c.Completed() != w.done {
		w.done, w.moved = c.Completed(), now
	}
	p := pace{
		waited: now.Sub(w.began), since: now.Sub(w.moved),
		done: c.Completed(), left: max(c.Total-c.Completed(), 0), running: c.Running,
	}
	if !w.worked.IsZero() {
		p.working = now.Sub(w.worked)
	}
	return p
}
