package faults

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// Injector decides by a plan. It is safe for concurrent use; a nil one lets
// everything go well.
type Injector struct {
	plan Plan

	mu          sync.Mutex
	requests    []*counter
	allocations []*counter
	startTasks  []*counter
	nodes       []*counter

	counted func() // nil: nobody wants to know
}

// counter is one rule's memory.
type counter struct {
	When
	section string
	place   string
	matched int
	fired   int
	events  map[string]uint64 // by subject
}

// Fault is one firing of a rule.
type Fault struct {
	Rule   string // its name, or its place
	Seed   uint64
	Number int // of the rule's firings, from 1
	Event  int // which of the events that the rule is about, from 1

	chance uint64 // for what else is left to chance
}

// New makes an injector of a plan, which must pass Check; of one by which
// nothing goes wrong, nil. A plan without seed gets one, small enough for every
// JSON reader.
func New(p Plan) (*Injector, error) {
	if reflect.DeepEqual(p, Plan{Seed: p.Seed}) {
		return nil, nil
	}
	if err := p.Check(); err != nil {
		return nil, fmt.Errorf("the fault plan cannot be used: %w", err)
	}
	if p.Seed == 0 {
		p.Seed = 1 + rand.Uint64N(1<<53-1)
	}
	in := &Injector{plan: p}
	for i, r := range p.Requests {
		in.requests = append(in.requests, newCounter("requests", i, r.When))
	}
	for i, r := range p.Allocations {
		in.allocations = append(in.allocations, newCounter("allocations", i, r.When))
	}
	for i, r := range p.StartTasks {
		in.startTasks = append(in.startTasks, newCounter("startTasks", i, r.When))
	}
	for i, r := range p.Nodes {
		in.nodes = append(in.nodes, newCounter("nodes", i, r.When))
	}
	return in, nil
}

func newCounter(section string, i int, when When) *counter {
	c := &counter{When: when, section: section, place: place(section, i), events: map[string]uint64{}}
	if c.Name == "" {
		c.Name = c.place
	}
	return c
}

// Seed is what the plan's chance depends on.
func (in *Injector) Seed() uint64 { return in.plan.Seed }

// Request decides what happens to a request. nil: nothing.
func (in *Injector) Request(operation string) (*Action, Fault) {
	if in == nil {
		return nil, Fault{}
	}
	i, fault := in.decide(in.requests, operation, func(i int) bool {
		return matches(in.plan.Requests[i].Operations, operation)
	})
	if i < 0 {
		return nil, Fault{}
	}
	actions := in.plan.Requests[i].Actions
	return &actions[fault.chance%uint64(len(actions))], fault
}

// Allocation decides what happens to a node that a pool is to be given.
func (in *Injector) Allocation(pool string, dedicated bool) (*AllocationRule, Fault) {
	if in == nil {
		return nil, Fault{}
	}
	i, fault := in.decide(in.allocations, nodesOf(pool, dedicated), func(i int) bool {
		return in.plan.Allocations[i].covers(pool, dedicated)
	})
	if i < 0 {
		return nil, Fault{}
	}
	return &in.plan.Allocations[i], fault
}

// StartTask decides what happens to a try of a start task.
func (in *Injector) StartTask(pool string, dedicated bool) (*StartTaskRule, Fault) {
	if in == nil {
		return nil, Fault{}
	}
	i, fault := in.decide(in.startTasks, nodesOf(pool, dedicated), func(i int) bool {
		return in.plan.StartTasks[i].covers(pool, dedicated)
	})
	if i < 0 {
		return nil, Fault{}
	}
	return &in.plan.StartTasks[i], fault
}

// Node decides what happens to a node that boots. A dedicated node is not
// preempted, whatever the rules say.
func (in *Injector) Node(pool string, dedicated bool) (*NodeRule, Fault) {
	if in == nil {
		return nil, Fault{}
	}
	i, fault := in.decide(in.nodes, nodesOf(pool, dedicated), func(i int) bool {
		rule := in.plan.Nodes[i]
		return rule.covers(pool, dedicated) && !(dedicated && rule.Becomes == Preempted)
	})
	if i < 0 {
		return nil, Fault{}
	}
	return &in.plan.Nodes[i], fault
}

// decide counts an event for every rule that is about it, so that what is said
// of the n-th one holds whatever other rules do, and returns the first that
// fires; -1: none does.
func (in *Injector) decide(rules []*counter, subject string, about func(i int) bool) (int, Fault) {
	decided, fault, counted := in.count(rules, strings.ToLower(subject), about)
	if counted && in.counted != nil {
		in.counted()
	}
	return decided, fault
}

func (in *Injector) count(rules []*counter, subject string, about func(i int) bool) (decided int, fault Fault, counted bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	decided = -1
	for i, rule := range rules {
		if !about(i) {
			continue
		}
		counted = true
		rule.matched++
		rule.events[subject]++
		fires, chance := rule.draw(in.plan.Seed, subject)
		if decided >= 0 || !fires {
			continue
		}
		rule.fired++
		decided = i
		fault = Fault{Rule: rule.Name, Seed: in.plan.Seed, Number: rule.fired, Event: rule.matched, chance: chance}
	}
	return decided, fault, counted
}

// draw says whether the rule fires at the event that was counted last.
func (c *counter) draw(seed uint64, subject string) (fires bool, chance uint64) {
	n := c.matched
	switch {
	case c.Times > 0 && c.fired >= c.Times,
		c.Nth > 0 && n != c.Nth,
		n < c.From,
		c.To > 0 && n > c.To:
		return false, 0
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %s %d", seed, c.place, subject, c.events[subject]))
	roll := float64(binary.BigEndian.Uint64(sum[:8])>>11) / (1 << 53) // from 0 to below 1
	return c.Probability == nil || roll < *c.Probability, binary.BigEndian.Uint64(sum[8:])
}

func (p Pools) covers(pool string, dedicated bool) bool {
	return matches(p.Pools, pool) && (p.Dedicated == nil || *p.Dedicated == dedicated)
}

// matches: no pattern at all is about everything.
func matches(patterns []string, name string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(pattern string) bool { return Match(pattern, name) })
}

// Match says whether name matches one of a plan's patterns, in any case of
// letters. One that makes no sense matches nothing.
func Match(pattern, name string) bool {
	ok, err := path.Match(strings.ToLower(pattern), strings.ToLower(name))
	return ok && err == nil
}

func nodesOf(pool string, dedicated bool) string { return fmt.Sprint(pool, " ", dedicated) }

// Quotas are the plan's.
func (in *Injector) Quotas() Quotas {
	if in == nil {
		return Quotas{}
	}
	return in.plan.Quotas
}

// TaskCountLag is the plan's.
func (in *Injector) TaskCountLag() Duration {
	if in == nil {
		return 0
	}
	return in.plan.TaskCountLag
}
