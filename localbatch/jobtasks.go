package localbatch

import (
	"context"
	"sync"

	"github.com/durabatch/durabatch/localbatch/node"
	"github.com/durabatch/durabatch/localbatch/store"
)

// jobTask is a job's preparation or release task that is running on a node.
type jobTask struct {
	jobNode
	command node.Task
	release bool // not a preparation task
	ctx     context.Context
	cancel  context.CancelFunc
	ended   chan struct{} // closed when the end is written to the store

	// succeeded is for those that wait for ended.
	succeeded bool

	mu     sync.Mutex
	intent intent
}

// jobNode is a job on a node. At most one of its preparation and release tasks
// runs there at a time.
type jobNode struct{ job, node int64 } // keys

// stop ends the task's processes. lose is for a node that goes down: it is as if
// the task had not run there. terminate is for the end of the job.
func (t *jobTask) stop(why intent) {
	t.mu.Lock()
	t.intent = max(t.intent, why)
	t.mu.Unlock()
	t.cancel()
}

func (t *jobTask) why() intent {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.intent
}

// jobTasks are those of this process, added and removed within changes.
type jobTasks struct{ registry[jobNode, *jobTask] }

func (a *jobTasks) ofJob(job int64) []*jobTask {
	return a.where(func(t *jobTask) bool { return t.job == job })
}

func (a *jobTasks) ofNode(node int64) []*jobTask {
	return a.where(func(t *jobTask) bool { return t.node == node })
}

// stopJobTasks has tasks stopped when the change is committed.
func (c *change) stopJobTasks(tasks []*jobTask, why intent) {
	for _, t := range tasks {
		c.then(func() { t.stop(why) })
	}
}

// stopIdlePreparations is for a node that is to go down and on which no task
// runs any more, so that none waits for it to be prepared. Release tasks may end.
func (c *change) stopIdlePreparations(tasks []*jobTask) {
	for _, t := range tasks {
		if !t.release {
			c.then(func() { t.stop(lose) })
		}
	}
}

// startJobTask has command run when the change is committed; execute is given
// what runs it.
func (c *change) startJobTask(where jobNode, command node.Task, execute func(*jobTask)) *jobTask {
	t := &jobTask{jobNode: where, command: command, ended: make(chan struct{})}
	t.ctx, t.cancel = context.WithCancel(c.s.ctx)
	c.s.jobTasks.add(t.jobNode, t)
	c.otherwise(func() { c.s.jobTasks.remove(t.jobNode) })
	c.thenBeside(func() {
		defer close(t.ended)
		defer t.cancel()
		execute(t)
	})
	return t
}

// runJobTask runs t once.
func (s *Service) runJobTask(t *jobTask) node.Result {
	if t.command.Elevated { // it may be installing something, as start tasks do
		select {
		case s.elevated <- struct{}{}:
			defer func() { <-s.elevated }()
		case <-t.ctx.Done():
		}
	}
	return s.machine.Run(t.ctx, t.command, func(pgid int) {
		s.recordProcess(pgid, func(tx *store.Tx, process string) error {
			return tx.SetPreparationProcess(t.job, t.node, process)
		})
	})
}

// leaveJobTask takes an ended task off its node, which may have been waiting
// for it to leave its pool, as its job may have been waiting to end.
func (c *change) leaveJobTask(t *jobTask) error {
	c.s.jobTasks.remove(t.jobNode)
	n, ok, err := c.NodeByKey(t.node)
	if err != nil {
		return err
	}
	if ok && isDown(n.State) && n.RunningTasks == 0 {
		c.thenBeside(func() { c.s.takeDown(n.Key) })
	}
	return c.settleJob(t.job)
}
