package localbatch

import (
	"time"

	"github.com/durabatch/durabatch/localbatch/store"
)

// What becomes of the tasks of a node that goes down. loseTasks is nobody's
// request: the node is lost, and its tasks wait for another one.
const (
	requeueTasks   = "requeue"
	terminateTasks = "terminate"
	awaitTasks     = "taskcompletion"
	awaitData      = "retaineddata" // of completed tasks too, until their retention times are over
	loseTasks      = "lose"
)

// awaits says whether a node that goes down with this option may take its time.
func awaits(option string) bool { return option == awaitTasks || option == awaitData }

// isDown is true of the states of a node that is going down, or is down: it
// takes no tasks and boots no further.
func isDown(state string) bool {
	switch state {
	case leavingPool, rebooting, deallocating, deallocated, preempted, unusable, unknown:
		return true
	}
	return false
}

// goDown has a node go down: state says what for, option what becomes of the
// tasks that run on it. takeDown does the rest, once none does.
func (c *change) goDown(n *computeNode, state, option string) error {
	if n.State != state {
		n.Before = n.State
	}
	n.TaskOption, n.Open = option, false
	n.move(state, c.now)
	runs := c.s.runs.ofNode(n.Key)
	switch option {
	case terminateTasks:
		c.stopAll(runs, terminate)
	case requeueTasks:
		c.stopAll(runs, requeue)
	case loseTasks:
		c.stopAll(runs, lose)
	}
	if !awaits(option) {
		c.stopJobTasks(c.s.jobTasks.ofNode(n.Key), lose)
	}
	c.thenBeside(func() { c.s.takeDown(n.Key) })
	return c.saveNode(n)
}

// leave has a node leave its pool. One that takes its time over it can be told
// to make haste.
func (c *change) leave(n *computeNode, option string) error {
	if n.State == leavingPool && (awaits(option) || !awaits(n.TaskOption)) {
		return nil
	}
	return c.goDown(n, leavingPool, option)
}

// takeDown does with a node what it goes down for, once nothing runs on it. It
// may be called at any time and does what is left to do.
func (s *Service) takeDown(key int64) {
	if !s.endBoot(key) {
		return
	}
	err := s.change(func(c *change) error {
		n, err := c.emptiedNode(key)
		if err != nil || n == nil {
			return err
		}
		if n.TaskOption == awaitData {
			if kept, err := c.HasTaskFiles(n.Key, n.ID, c.now); err != nil || kept {
				c.comeBackTo(n, c.now.Add(time.Second))
				return err
			}
		}
		return c.takeDown(n)
	})
	if err != nil && s.ctx.Err() == nil {
		s.log.Error("a node could not be taken down", "node", key, "error", err)
	}
}

func (c *change) takeDown(n *computeNode) error {
	if err := c.settleReleases(n.Key); err != nil {
		return err
	}
	switch n.State {
	case leavingPool:
		if err := c.s.endDaemons(n.ID); err != nil {
			return err
		}
		c.s.discard(c.s.nodeDir(n.ID)) // before the pool can be seen to be gone
		c.then(func() { c.s.nodeLogs.remove(n.ID) })
		c.thenBeside(func() { c.s.settlePool(n.Pool) })
		return c.DeleteNode(n.Key)
	case rebooting:
		return c.bootAgain(n, starting)
	case deallocating:
		n.nodePlan = nodePlan{}
		n.move(deallocated, c.now)
		return c.wipe(n)
	case preempted:
		if err := c.wipe(n); err != nil {
			return err
		}
		return c.comeBack(n, creating)
	case unusable, unknown:
		return c.comeBack(n, starting)
	}
	return nil
}

// comeBack boots a node again when it is time to.
func (c *change) comeBack(n *computeNode, state string) error {
	switch {
	case n.Back == 0:
		return nil
	case n.Back <= c.now:
		return c.bootAgain(n, state)
	}
	c.comeBackTo(n, n.Back)
	return nil
}

// endBoot ends the boot of a node that is to go down, if nothing else is in
// its way. It is false when something is: that calls takeDown at its own end.
func (s *Service) endBoot(key int64) bool {
	b := s.boots.of(key)
	if b == nil {
		return true
	}
	var n *computeNode
	err := s.change(func(c *change) (err error) {
		n, err = c.emptiedNode(key)
		return err
	})
	if err != nil || n == nil {
		return false
	}
	b.cancel()
	select {
	case <-b.ended:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// emptiedNode is a node that is down and has nothing to run any more; nil: it
// is gone, up, or busy.
func (c *change) emptiedNode(key int64) (*computeNode, error) {
	row, ok, err := c.NodeByKey(key)
	if err != nil || !ok || !isDown(row.State) || row.RunningTasks > 0 || len(c.s.runs.ofNode(key)) > 0 {
		return nil, err
	}
	if going := c.s.jobTasks.ofNode(key); len(going) > 0 {
		c.stopIdlePreparations(going)
		return nil, nil
	}
	return readNode(row)
}

// comeBackTo has takeDown called again at a time.
func (c *change) comeBackTo(n *computeNode, at store.Time) {
	s, key := c.s, n.Key
	c.then(func() {
		s.comebacks.set(key, &s.clock, at, func() { s.spawn(func() { s.takeDown(key) }) })
	})
}

// bootAgain starts a node that nothing runs on.
func (c *change) bootAgain(n *computeNode, state string) error {
	n.RunningTasks, n.RunningSlots, n.Exclusive, n.Open, n.Process = 0, 0, false, false, ""
	n.nodePlan, n.Errors = nodePlan{}, nil
	n.move(state, c.now)
	c.then(func() { c.s.boot(n.Key) })
	return c.saveNode(n)
}

// wipe takes from a node what was on its disk.
func (c *change) wipe(n *computeNode) error {
	if err := c.s.endDaemons(n.ID); err != nil {
		return err
	}
	c.s.discard(c.s.nodeDir(n.ID))
	if err := c.ForgetNodeFiles(n.ID); err != nil {
		return err
	}
	if err := c.wipePreparations(n.Key); err != nil {
		return err
	}
	return c.saveNode(n)
}
