package localbatch

import (
	"fmt"
	"net/http"
)

type resizeBody struct {
	TargetDedicatedNodes   *int32    `json:"targetDedicatedNodes"`
	TargetLowPriorityNodes *int32    `json:"targetLowPriorityNodes"`
	ResizeTimeout          *duration `json:"resizeTimeout"`
	NodeDeallocationOption string    `json:"nodeDeallocationOption"`
}

func checkDeallocation(option *string, timeout *duration) error {
	if err := oneOf("nodeDeallocationOption", option, requeueTasks, terminateTasks, awaitTasks, awaitData); err != nil {
		return err
	}
	if timeout == nil {
		return nil
	}
	return between("resizeTimeout", *timeout, minResizeTimeout, unlimited)
}

func (s *Service) resizePool(r *http.Request) (reply, error) {
	var body resizeBody
	if err := readBody(r, &body); err != nil {
		return reply{}, err
	}
	if body.TargetDedicatedNodes == nil && body.TargetLowPriorityNodes == nil {
		return reply{}, missingProperty("targetDedicatedNodes")
	}
	if err := checkDeallocation(&body.NodeDeallocationOption, body.ResizeTimeout); err != nil {
		return reply{}, err
	}
	return s.startResize(r, func(_ *change, p *pool) error {
		replace(&p.TargetDedicatedNodes, body.TargetDedicatedNodes)
		replace(&p.TargetLowPriorityNodes, body.TargetLowPriorityNodes)
		p.ResizeTimeout, p.NodeDeallocationOption = body.ResizeTimeout, body.NodeDeallocationOption
		return checkTargets(p.TargetDedicatedNodes, p.TargetLowPriorityNodes)
	})
}

// startResize makes a steady pool a resizing one.
func (s *Service) startResize(r *http.Request, f func(*change, *pool) error) (reply, error) {
	p, err := s.changePool(r, func(c *change, p *pool) error {
		if err := p.mustHaveFixedSize(); err != nil {
			return err
		}
		if err := p.mustBeSteady(); err != nil {
			return err
		}
		if err := f(c, p); err != nil {
			return err
		}
		orDefault(&p.ResizeTimeout, defaultResizeTimeout) // the property is the latest resize's
		p.LastModified, p.ResizeErrors = c.now, nil
		p.allocate(resizing, c.now)
		c.thenBeside(func() { s.settlePool(p.key) })
		return nil
	})
	return reply{status: http.StatusAccepted, version: version(p)}, err
}

func (s *Service) stopResize(r *http.Request) (reply, error) {
	p, err := s.changePool(r, func(c *change, p *pool) error {
		if p.AllocationState != resizing {
			return wrongState("the pool is not being resized")
		}
		p.allocate(stopping, c.now)
		c.thenBeside(func() { s.settlePool(p.key) })
		return c.keepBusyNodes(p)
	})
	return reply{status: http.StatusAccepted, version: version(p)}, err
}

// keepBusyNodes gives a pool the nodes back that were to leave after their
// tasks, or the time these are kept.
func (c *change) keepBusyNodes(p *pool) error {
	nodes, err := c.poolNodes(p)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		wasUp := n.Before == idle || n.Before == running || n.Before == offline
		if n.State != leavingPool || !awaits(n.TaskOption) || !wasUp {
			continue
		}
		n.nodePlan = nodePlan{}
		if err := c.open(n, p); err != nil {
			return err
		}
		if err := c.saveNode(n); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) removeNodes(r *http.Request) (reply, error) {
	var body struct {
		NodeList               []string  `json:"nodeList"`
		ResizeTimeout          *duration `json:"resizeTimeout"`
		NodeDeallocationOption string    `json:"nodeDeallocationOption"`
	}
	if err := readBody(r, &body); err != nil {
		return reply{}, err
	}
	if len(body.NodeList) == 0 {
		return reply{}, missingProperty("nodeList")
	}
	if n := len(body.NodeList); n > 100 {
		return reply{}, invalidProperty("nodeList", fmt.Sprint(n, " nodes"), "at most 100 nodes can be removed at a time")
	}
	if err := checkDeallocation(&body.NodeDeallocationOption, body.ResizeTimeout); err != nil {
		return reply{}, err
	}
	return s.startResize(r, func(c *change, p *pool) error {
		p.ResizeTimeout, p.NodeDeallocationOption = body.ResizeTimeout, body.NodeDeallocationOption
		for _, id := range body.NodeList {
			_, n, err := findNode(c.Tx, p.ID, id)
			if err != nil {
				return err
			}
			if n.State == leavingPool {
				continue
			}
			if err := c.leave(n, body.NodeDeallocationOption); err != nil {
				return err
			}
			if n.Dedicated {
				p.TargetDedicatedNodes--
			} else {
				p.TargetLowPriorityNodes--
			}
		}
		p.TargetDedicatedNodes, p.TargetLowPriorityNodes = max(0, p.TargetDedicatedNodes), max(0, p.TargetLowPriorityNodes)
		return nil
	})
}
