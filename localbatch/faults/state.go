package faults

import (
	"errors"
	"maps"
	"slices"
)

// State is an injector's plan and memory, for one that is to go on from there
// after a restart. It is JSON.
type State struct {
	Plan  Plan        `json:"plan"` // with the seed that is used
	Rules []RuleState `json:"rules"`
}

// RuleState is what a rule has counted.
type RuleState struct {
	Matched int               `json:"matched"`
	Fired   int               `json:"fired"`
	Events  map[string]uint64 `json:"events"` // by subject
}

// Resume makes an injector that goes on from a state.
func Resume(s State) (*Injector, error) {
	in, err := New(s.Plan)
	if err != nil {
		return nil, err
	}
	if in == nil || len(in.counters()) != len(s.Rules) {
		return nil, errors.New("the state of the fault plan is damaged")
	}
	for i, c := range in.counters() {
		rule := s.Rules[i]
		c.matched, c.fired = rule.Matched, rule.Fired
		maps.Copy(c.events, rule.Events)
	}
	return in, nil
}

// State is what the injector has come to.
func (in *Injector) State() State {
	in.mu.Lock()
	defer in.mu.Unlock()
	s := State{Plan: in.plan}
	for _, c := range in.counters() {
		s.Rules = append(s.Rules, RuleState{Matched: c.matched, Fired: c.fired, Events: maps.Clone(c.events)})
	}
	return s
}

// OnCount has counted called whenever the injector's state has changed. It is to
// be set before the injector is used.
func (in *Injector) OnCount(counted func()) { in.counted = counted }

func (in *Injector) counters() []*counter {
	return slices.Concat(in.requests, in.allocations, in.startTasks, in.nodes)
}
