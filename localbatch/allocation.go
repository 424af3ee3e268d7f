package localbatch

import (
	"fmt"
	"time"

	"github.com/durabatch/durabatch/localbatch/store"
)

// allocation is what is decided of the nodes that a pool lacks while it is
// resized: some come later, others not at all. It is stored, so that neither
// the fault plan nor a quota is asked twice about one of them.
type allocation struct {
	Late    []lateNode    `json:"late,omitempty"`
	Refused []refusedNode `json:"refused,omitempty"`
}

// lateNode comes, or is refused, at a time to come.
type lateNode struct {
	Dedicated bool       `json:"dedicated"`
	At        store.Time `json:"at"`
	Code      string     `json:"code,omitempty"` // of the refusal
	Reason    string     `json:"reason,omitempty"`
}

// refusedNode stands for nodes that do not come, for one reason.
type refusedNode struct {
	Dedicated bool   `json:"dedicated"`
	Code      string `json:"code"`
	Reason    string `json:"reason"`
	Count     int    `json:"count"`
}

// allocateNodes gives a pool the nodes of a kind that it lacks, except for
// those that are late, or refused by the account's quotas or the fault plan.
func (c *change) allocateNodes(p *pool, dedicated bool, missing int) error {
	if p.Allocation == nil {
		p.Allocation = &allocation{}
	}
	a := p.Allocation
	come := a.takeDue(dedicated, c.now)
	undecided := missing - come - a.decided(dedicated)
	over := max(0, undecided-c.s.opts.MaxNodes) // these cannot come, whatever the fault plan says
	for range undecided - over {
		rule, fault := c.s.faults.Load().Allocation(p.ID, dedicated)
		if rule == nil {
			come++
			continue
		}
		reason := fmt.Sprintf("the fault plan's rule %s asks for it", fault.Rule)
		c.s.logFault(fault, "pool", p.ID, "dedicated", dedicated, "fail", rule.Fail, "delay", time.Duration(rule.Delay))
		if rule.Delay > 0 {
			a.Late = append(a.Late, lateNode{dedicated, c.now.Add(time.Duration(rule.Delay)), rule.Fail, reason})
			continue
		}
		a.refuse(dedicated, rule.Fail, reason, 1)
	}
	return c.addNodes(p, dedicated, come, over)
}

// addNodes adds count nodes to a pool, as far as the account's quotas go. That
// they do not go as far as for those over count is known.
func (c *change) addNodes(p *pool, dedicated bool, count, over int) error {
	room, reason, err := c.nodeRoom(p, dedicated)
	if err != nil {
		return err
	}
	for range min(room, count) {
		n := newNode(p, dedicated, c.now)
		if err := c.saveNode(n); err != nil {
			return err
		}
		c.then(func() { c.s.boot(n.Key) })
	}
	if refused := max(0, count-room) + over; refused > 0 {
		code := "AccountLowPriorityCoreQuotaReached"
		if dedicated {
			code = "AccountCoreQuotaReached"
		}
		p.Allocation.refuse(dedicated, code, reason, refused)
	}
	return nil
}

// takeDue is how many late nodes come now. Those that are refused now are moved.
func (a *allocation) takeDue(dedicated bool, now store.Time) int {
	var still []lateNode
	come := 0
	for _, n := range a.Late {
		switch {
		case n.Dedicated != dedicated || n.At > now:
			still = append(still, n)
		case n.Code != "":
			a.refuse(dedicated, n.Code, n.Reason, 1)
		default:
			come++
		}
	}
	a.Late = still
	return come
}

func (a *allocation) refuse(dedicated bool, code, reason string, count int) {
	for i, r := range a.Refused {
		if r.Dedicated == dedicated && r.Code == code && r.Reason == reason {
			a.Refused[i].Count += count
			return
		}
	}
	a.Refused = append(a.Refused, refusedNode{dedicated, code, reason, count})
}

// decided is how many nodes of a kind are late or refused.
func (a *allocation) decided(dedicated bool) int {
	sum := 0
	for _, n := range a.Late {
		if n.Dedicated == dedicated {
			sum++
		}
	}
	for _, r := range a.Refused {
		if r.Dedicated == dedicated {
			sum += r.Count
		}
	}
	return sum
}

// waits says whether nodes of a kind are late.
func (a *allocation) waits(dedicated bool) bool {
	if a == nil {
		return false
	}
	for _, n := range a.Late {
		if n.Dedicated == dedicated {
			return true
		}
	}
	return false
}

// next is when the next of the late nodes is due.
func (a *allocation) next() store.Time {
	due := store.Never
	if a != nil {
		for _, n := range a.Late {
			due = min(due, n.At)
		}
	}
	return due
}

// errors are what the pool says of the nodes that are refused.
func (a *allocation) errors() []resizeError {
	if a == nil {
		return nil
	}
	var errs []resizeError
	for _, r := range a.Refused {
		kind := "low priority"
		if r.Dedicated {
			kind = "dedicated"
		}
		errs = append(errs, resizeError{
			Code:    r.Code,
			Message: fmt.Sprintf("Desired number of %s nodes could not be allocated", kind),
			Values:  []nameValue{{"Nodes", fmt.Sprint(r.Count)}, {"Reason", r.Reason}},
		})
	}
	return errs
}
