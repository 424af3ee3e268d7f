package localbatch

import (
	"context"
	"fmt"
	"time"

	"github.com/durabatch/durabatch/localbatch/faults"
	"github.com/durabatch/durabatch/localbatch/node"
)

// mishap is what the fault plan has in store for a node that boots.
type mishap struct {
	plan *faults.Injector
	rule *faults.NodeRule // nil: nothing
	name string
}

// nodeMishap asks the plan about a node that boots.
func (s *Service) nodeMishap(poolID string, n *computeNode) mishap {
	plan := s.faults.Load()
	rule, fault := plan.Node(poolID, n.Dedicated)
	if rule != nil {
		s.logFault(fault, "pool", poolID, "node", n.ID, "delay", time.Duration(rule.Delay),
			"becomes", rule.Becomes, "after", time.Duration(rule.After), "for", time.Duration(rule.For))
	}
	return mishap{plan, rule, fault.Rule}
}

func (m mishap) delay() time.Duration {
	if m.rule == nil {
		return 0
	}
	return time.Duration(m.rule.Delay)
}

// befall has a node that has booted get the state that the plan has for it, in
// time, if the plan is in force then.
func (s *Service) befall(poolID string, n *computeNode, m mishap) {
	if m.rule == nil || m.rule.Becomes == "" {
		return
	}
	at := s.clock.now().Add(time.Duration(m.rule.After))
	s.mishaps.set(n.Key, &s.clock, at, func() {
		s.spawn(func() {
			if s.faults.Load() != m.plan {
				return
			}
			if err := s.put(poolID, n.ID, m); err != nil && s.ctx.Err() == nil {
				s.log.Info("a fault was not carried out", "rule", m.name, "node", n.ID, "error", err)
			}
		})
	})
}

// put gives a node the state that the plan has for it.
func (s *Service) put(poolID, nodeID string, m mishap) error {
	back := time.Duration(m.rule.For)
	if back == 0 {
		back = forever
	}
	switch m.rule.Becomes {
	case faults.Preempted:
		return s.preempt(poolID, nodeID, back)
	case faults.Offline:
		return s.takeOffline(poolID, nodeID, back)
	default:
		return s.breakNode(poolID, nodeID, string(m.rule.Becomes), back, nodeError{
			Code: "Unknown", Message: fmt.Sprintf("The node is %s because the fault plan's rule %s asks for it", m.rule.Becomes, m.name),
		})
	}
}

// takeOffline has a node take no new tasks, for some time or forever.
func (s *Service) takeOffline(poolID, nodeID string, back time.Duration) error {
	return s.change(func(c *change) error {
		_, n, err := findNode(c.Tx, poolID, nodeID)
		if err != nil || n.SchedulingState == disabled {
			return err
		}
		n.SchedulingState, n.Open = disabled, false
		settleNode(&n.Node, c.now)
		if back != forever {
			c.then(func() {
				s.mishaps.set(n.Key, &s.clock, c.now.Add(back), func() { s.spawn(func() { s.bringOnline(poolID, nodeID) }) })
			})
		}
		return c.saveNode(n)
	})
}

func (s *Service) bringOnline(poolID, nodeID string) {
	err := s.change(func(c *change) error {
		p, n, err := findNode(c.Tx, poolID, nodeID)
		if err != nil {
			return err
		}
		n.SchedulingState = enabled
		if n.State == offline || n.State == running {
			if err := c.open(n, p); err != nil {
				return err
			}
		}
		return c.saveNode(n)
	})
	if err != nil && s.ctx.Err() == nil {
		s.log.Info("a node that was offline could not be brought back", "node", nodeID, "error", err)
	}
}

// faultyStartTask is what a try of a start task runs: command, later perhaps,
// or what fails in its place as the fault plan says.
func (s *Service) faultyStartTask(ctx context.Context, poolID string, dedicated bool, command node.Task) (node.Task, error) {
	rule, fault := s.faults.Load().StartTask(poolID, dedicated)
	if rule == nil {
		return command, nil
	}
	s.logFault(fault, "pool", poolID, "directory", command.Dir, "exitCode", rule.ExitCode, "delay", time.Duration(rule.Delay))
	if rule.ExitCode != 0 {
		command.ResourceFiles = nil
		command.CommandLine = fmt.Sprintf(`/bin/sh -c 'echo "The fault plan has this start task fail." >&2; exit %d'`, rule.ExitCode)
	}
	return command, s.pause(ctx, time.Duration(rule.Delay))
}

// pause waits by the service's clock. An error: ctx is done.
func (s *Service) pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	over := make(chan struct{})
	stop := s.clock.AfterFunc(d, func() { close(over) })
	defer stop()
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
