package localbatch

import (
	"fmt"
	"slices"
	"time"
)

// forever is how long a node stays away that does not come back by itself.
const forever = time.Duration(-1)

// preempt takes a low-priority node away, as Azure does when it wants the
// capacity back: what runs on it waits for another node, with neither retry nor
// requeue counted, and its disk is lost. It stays in its pool and comes back
// empty, under the same id, after the time back.
func (s *Service) preempt(poolID, nodeID string, back time.Duration) error {
	return s.loseNode(poolID, nodeID, preempted, back, nil)
}

// breakNode makes a node unusable, or unknown as if it could not be reached
// any more. It boots again after the time back, unless that is forever; until
// then it shows errs. What runs on it waits for another node.
func (s *Service) breakNode(poolID, nodeID, state string, back time.Duration, errs ...nodeError) error {
	if state != unusable && state != unknown {
		return fmt.Errorf("break node %s: a broken node is %s or %s, not %s", nodeID, unusable, unknown, state)
	}
	return s.loseNode(poolID, nodeID, state, back, errs)
}

func (s *Service) loseNode(poolID, nodeID, state string, back time.Duration, errs []nodeError) error {
	return s.change(func(c *change) error {
		_, n, err := findNode(c.Tx, poolID, nodeID)
		if err != nil {
			return err
		}
		if state == preempted && n.Dedicated {
			return notValidOnNode("only nodes of low priority are preempted")
		}
		if err := n.mustBe(idle, running, offline, startTaskFailed, starting, waitingForStartTask, rebooting); err != nil {
			return err
		}
		n.Back, n.Errors = 0, slices.Clone(errs)
		if back != forever {
			n.Back = c.now.Add(back)
		}
		return c.goDown(n, state, loseTasks)
	})
}
