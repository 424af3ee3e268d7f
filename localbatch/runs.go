package localbatch

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/durabatch/durabatch/localbatch/node"
)

// intent says why a run was stopped, and so what becomes of its task.
type intent int

const (
	goOn      intent = iota // it was not stopped
	lose                    // its node is lost: the task waits again, and no count says so
	requeue                 // the task waits for a node again, by request
	terminate               // the task is completed, as failed
)

// run is one task on its node, or nodes, from its assignment until it has ended.
type run struct {
	task, job, node int64 // keys
	poolID, jobID   string
	slots           int32
	heeded          bool // its job, or other tasks of it, may have to do with the task's end
	manages         bool // it is its job's job manager task
	exclusive       bool // it has its node for itself
	command         node.Task
	spec            *taskSpec  // as it was when it began,
	body            []byte     // and what it was read from
	preparations    []*jobTask // what it waits for before it runs
	instances       []instance // of a multi-instance task
	ctx             context.Context
	cancel          context.CancelFunc
	ended           chan struct{} // closed when the end is written to the store

	preemptible atomic.Bool // as its job says now

	mu      sync.Mutex
	intent  intent
	madeFor *claim // for what it is being ended
}

// stop ends the run's processes. A stronger intent replaces a weaker one.
func (r *run) stop(why intent) {
	r.mu.Lock()
	r.intent = max(r.intent, why)
	r.mu.Unlock()
	r.cancel()
}

// makeWay has the task requeued for another one.
func (r *run) makeWay(c claim) {
	r.mu.Lock()
	if r.madeFor == nil {
		r.madeFor = &c
	}
	r.mu.Unlock()
	r.stop(requeue)
}

func (r *run) why() intent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.intent
}

// runs are the runs of this process. They are added and removed within
// changes, so a change sees exactly those that the store calls running.
type runs struct{ registry[int64, *run] } // by task

func (a *runs) ofJob(job int64) []*run {
	return a.where(func(r *run) bool { return r.job == job })
}

func (a *runs) ofNode(node int64) []*run {
	return a.where(func(r *run) bool { return r.on(node) })
}

// setPreemptible tells a job's runs whether they may be ended for others.
func (a *runs) setPreemptible(job int64, preemptible bool) {
	for _, r := range a.ofJob(job) {
		r.preemptible.Store(preemptible && r.instances == nil)
	}
}

// claims are on the nodes of a pool, by their keys, on which runs are ending to
// make room for tasks.
func (a *runs) claims(poolID string) map[int64][]claim {
	var claims map[int64][]claim
	for _, r := range a.where(func(r *run) bool { return r.poolID == poolID && r.preemptible.Load() }) {
		r.mu.Lock()
		if r.madeFor != nil {
			if claims == nil {
				claims = map[int64][]claim{}
			}
			claims[r.node] = append(claims[r.node], *r.madeFor)
		}
		r.mu.Unlock()
	}
	return claims
}

// stopAll has runs stopped when the change is committed.
func (c *change) stopAll(runs []*run, why intent) {
	c.then(func() {
		for _, r := range runs {
			r.stop(why)
		}
	})
}
