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
				if err := c.leaveAll(c.leastBusy(staying, -missing), p.NodeDeallocationOption); err != nil {
					return err
				}
				continue
			}
			if err := c.allocateNodes(p, dedicated, missing); err != nil {
				return err
			}
		}
		errs = p.Allocation.errors()
	} else {
		errs = stoppedErrors(p, nodes)
	}
	if late := timeoutErrors(p, nodes); len(late) > 0 && p.AllocationState == resizing {
		if c.now < p.resizeDeadline() {
			c.then(func() { c.s.watchResize(p) })
			return c.savePool(p) // the last one to leave, or to come, calls again
		}
		errs = append(errs, late...)
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

// leastBusy are the count nodes whose going costs least. Those with job manager
// tasks go last (Batch REST reference, "JobManagerTask").
func (c *change) leastBusy(nodes []*computeNode, count int) []*computeNode {
	managers := map[int64]int{}
	for _, r := range c.s.runs.where(func(r *run) bool { return r.manages }) {
		managers[r.node]++
	}
	byLoad := slices.Clone(nodes)
	slices.SortStableFunc(byLoad, func(a, b *computeNode) int {
		return cmp.Or(cmp.Compare(managers[a.Key], managers[b.Key]), cmp.Compare(a.RunningTasks, b.RunningTasks), -cmp.Compare(a.Key, b.Key))
	})
	return byLoad[:count]
}

// resizeDeadline is when the resize of a pool that is being resized is given
// up, which is never with autoscale (Batch REST reference, "resizeTimeout").
func (p *pool) resizeDeadline() store.Time {
	limit, ok := p.ResizeTimeout.std()
	if !ok || p.EnableAutoScale {
		return store.Never
	}
	return p.AllocationStateTransitionTime.Add(limit)
}

// watchResize has a resize go on when the next late node is due, and given up
// when it takes too long.
func (s *Service) watchResize(p *pool) {
	s.resizes.set(p.key, &s.clock, min(p.resizeDeadline(), p.Allocation.next()), func() {
		s.spawn(func() { s.settlePool(p.key) })
	})
}

// timeoutErrors are what a resize ends with that has waited too long: for the
// tasks of nodes, for the time that these are kept, or for nodes to come.
func timeoutErrors(p *pool, nodes []*computeNode) []resizeError {
	var errs []resizeError
	for _, kind := range nodeKinds {
		leaving := slices.ContainsFunc(nodes, func(n *computeNode) bool { return n.State == leavingPool && n.Dedicated == kind.dedicated })
		if leaving || p.Allocation.waits(kind.dedicated) {
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
