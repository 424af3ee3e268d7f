package localbatch

import (
	"cmp"
	"slices"

	"github.com/durabatch/durabatch/localbatch/store"
)

// settlePool brings a pool nearer to what is wanted of it: nodes are added or
// told to leave, and when that is done the pool is steady, or gone. It may be
// called at any time and does what is left to do.
func (s *Service) settlePool(key int64) {
	err := s.change(func(c *change) error {
		row, ok, err := c.PoolByKey(key)
		if err != nil || !ok {
			return err
		}
		p, err := readPool(row, ok, err)
		if err != nil {
			return err
		}
		nodes, err := c.poolNodes(p)
		if err != nil {
			return err
		}
		switch {
		case p.State == deleting && len(nodes) == 0:
			return c.DeletePool(p.key)
		case p.State == deleting:
			return c.leaveAll(nodes, requeueTasks)
		case p.AllocationState == steady:
			return nil
		}
		return c.resize(p, nodes)
	})
	if err != nil {
		s.log.Error("a pool could not be resized", "pool", key, "error", err)
	}
}

func (c *change) poolNodes(p *pool) ([]*computeNode, error) {
	rows, err := c.Nodes(p.key)
	if err != nil {
		return nil, err
	}
	nodes := make([]*computeNode, len(rows))
	for i, row := range rows {
		if nodes[i], err = readNode(row); err != nil {
			return nil, err
		}
	}
	return nodes, nil
}

func (c *change) leaveAll(nodes []*computeNode, option string) error {
	for _, n := range nodes {
		if err := c.leave(n, option); err != nil {
			return err
		}
	}
	return nil
}

// resize adds the nodes that are missing, has those leave that are too many,
// and makes the pool steady when none is leaving any more.
func (c *change) resize(p *pool, nodes []*computeNode) error {
	var errs []resizeError
	if p.AllocationState == resizing {
		for _, dedicated := range []bool{true, false} {
			target := p.TargetLowPriorityNodes
			if dedicated {
				target = p.TargetDedicatedNodes
			}
			staying := stayingNodes(nodes, dedicated)
			missing := int(target) - len(staying)
			if missing <= 0 {
				if err := c.leaveAll(leastBusy(staying, -missing), p.NodeDeallocationOption); err != nil {
					return err
				}
				continue
			}
			refused, err := c.addNodes(p, dedicated, missing)
			if err != nil {
				return err
			}
			if refused > 0 {
				errs = append(errs, quotaError(dedicated, missing, c.s.opts.MaxNodes))
			}
		}
	} else {
		errs = stoppedErrors(p, nodes)
	}
	leaving := slices.ContainsFunc(nodes, func(n *computeNode) bool { return n.State == leavingPool })
	if leaving && p.AllocationState == resizing {
		if c.now < p.resizeDeadline() {
			c.then(func() { c.s.watchResize(p) })
			return nil // the last one to leave calls again
		}
		errs = append(errs, timeoutErrors(nodes)...)
		if err := c.keepBusyNodes(p); err != nil {
			return err
		}
	}
	p.ResizeErrors = errs
	p.allocate(steady, c.now)
	return c.savePool(p)
}

func stayingNodes(nodes []*computeNode, dedicated bool) []*computeNode {
	var staying []*computeNode
	for _, n := range nodes {
		if n.Dedicated == dedicated && n.State != leavingPool {
			staying = append(staying, n)
		}
	}
	return staying
}

// leastBusy are the count nodes whose going costs least.
func leastBusy(nodes []*computeNode, count int) []*computeNode {
	byLoad := slices.Clone(nodes)
	slices.SortStableFunc(byLoad, func(a, b *computeNode) int {
		return cmp.Or(cmp.Compare(a.RunningTasks, b.RunningTasks), -cmp.Compare(a.Key, b.Key))
	})
	return byLoad[:count]
}

// addNodes adds count nodes, as far as the account's quota goes, and says how
// many it refused.
func (c *change) addNodes(p *pool, dedicated bool, count int) (refused int, err error) {
	have, err := c.CountNodes()
	if err != nil {
		return 0, err
	}
	allowed := max(0, min(count, c.s.opts.MaxNodes-have))
	for range allowed {
		n := newNode(p, dedicated, c.now)
		if err := c.saveNode(n); err != nil {
			return 0, err
		}
		c.then(func() { c.s.boot(n.Key) })
	}
	return count - allowed, nil
}

// resizeDeadline is when the resize of a pool that is being resized is given up.
func (p *pool) resizeDeadline() store.Time {
	limit, ok := p.ResizeTimeout.std()
	if !ok {
		return store.Never
	}
	return p.AllocationStateTransitionTime.Add(limit)
}

// watchResize has a resize given up when it takes too long.
func (s *Service) watchResize(p *pool) {
	s.resizes.set(p.key, &s.clock, p.resizeDeadline(), func() {
		s.spawn(func() { s.settlePool(p.key) })
	})
}

// timeoutErrors are what a resize ends with that has waited too long for the
// tasks of nodes, or for the time that these are kept.
func timeoutErrors(nodes []*computeNode) []resizeError {
	var errs []resizeError
	for _, kind := range nodeKinds {
		if slices.ContainsFunc(nodes, func(n *computeNode) bool { return n.State == leavingPool && n.Dedicated == kind.dedicated }) {
			errs = append(errs, resizeError{
				Code:    "AllocationTimedOut",
				Message: "Desired number of " + kind.name + " nodes could not be allocated as the resize timeout was reached",
			})
		}
	}
	return errs
}

// nodeKinds are the two kinds of nodes, as messages call them.
var nodeKinds = []struct {
	name      string
	dedicated bool
}{{"dedicated", true}, {"low priority", false}}

func stoppedErrors(p *pool, nodes []*computeNode) []resizeError {
	var errs []resizeError
	for _, kind := range nodeKinds {
		target := p.TargetLowPriorityNodes
		if kind.dedicated {
			target = p.TargetDedicatedNodes
		}
		if int(target) != len(stayingNodes(nodes, kind.dedicated)) {
			errs = append(errs, resizeError{
				Code:    "ResizeStopped",
				Message: "Desired number of " + kind.name + " nodes could not be allocated due to a stop resize operation",
			})
		}
	}
	return errs
}
