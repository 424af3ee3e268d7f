package faults

import (
	"errors"
	"fmt"
	"path"
	"slices"
)

// Check says what makes no sense in p, or nil.
func (p Plan) Check() error {
	var errs []error
	at := func(section string, i int, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", place(section, i), err))
		}
	}
	for i, r := range p.Requests {
		at("requests", i, errors.Join(r.When.check(), r.check()))
	}
	for i, r := range p.Allocations {
		at("allocations", i, errors.Join(r.When.check(), r.Pools.check(), r.check()))
	}
	for i, r := range p.StartTasks {
		at("startTasks", i, errors.Join(r.When.check(), r.Pools.check(), r.check()))
	}
	for i, r := range p.Nodes {
		at("nodes", i, errors.Join(r.When.check(), r.Pools.check(), r.check()))
	}
	for _, quota := range []*int{p.Quotas.ActiveJobsAndSchedules, p.Quotas.Pools, p.Quotas.DedicatedCores, p.Quotas.LowPriorityCores} {
		if quota != nil && *quota < 0 {
			errs = append(errs, fmt.Errorf("quotas: %d is less than none", *quota))
		}
	}
	return errors.Join(append(errs, notNegative("taskCountLag", p.TaskCountLag))...)
}

func (w When) check() error {
	switch p := w.Probability; {
	case p != nil && !(*p >= 0 && *p <= 1): // written so that it refuses NaN
		return fmt.Errorf("the probability %v is not from 0 to 1", *p)
	case w.Times < 0 || w.Nth < 0 || w.From < 0 || w.To < 0:
		return errors.New("times, nth, from and to cannot be negative")
	case w.Nth > 0 && (w.From > 0 || w.To > 0):
		return errors.New("nth is one event, from and to are a span of them; only one of the two can be given")
	case w.To > 0 && w.To < w.From:
		return fmt.Errorf("to (%d) comes before from (%d)", w.To, w.From)
	}
	return nil
}

func (r RequestRule) check() error {
	if err := checkPatterns(r.Operations); err != nil {
		return err
	}
	if len(r.Actions) == 0 {
		return fmt.Errorf("actions is missing; each is a \"do\" of %v", kinds)
	}
	for _, a := range r.Actions {
		if err := a.check(); err != nil {
			return err
		}
	}
	return nil
}

func (a Action) check() error {
	throttles := a.Do == TooManyRequests || a.Do == ServerBusy
	switch {
	case !slices.Contains(kinds, a.Do):
		return fmt.Errorf("there is no action %q; there are %v", a.Do, kinds)
	case a.RetryAfter != nil && !throttles:
		return fmt.Errorf("retryAfter goes with %s and %s, not with %s", TooManyRequests, ServerBusy, a.Do)
	case a.RetryAfter != nil && *a.RetryAfter < 0:
		return errors.New("retryAfter cannot be negative")
	case a.Do == Delay && a.Delay == 0:
		return errors.New("the action delay needs a delay")
	}
	return notNegative("delay", a.Delay)
}

func (p Pools) check() error { return checkPatterns(p.Pools) }

func (r AllocationRule) check() error {
	if r.Fail == "" && r.Delay == 0 {
		return errors.New("fail, delay or both are missing")
	}
	return notNegative("delay", r.Delay)
}

func (r StartTaskRule) check() error {
	switch {
	case r.ExitCode == 0 && r.Delay == 0:
		return errors.New("exitCode, delay or both are missing")
	case r.ExitCode < 0 || r.ExitCode > 255:
		return fmt.Errorf("a process cannot exit with %d, but with 1 to 255", r.ExitCode)
	}
	return notNegative("delay", r.Delay)
}

func (r NodeRule) check() error {
	switch {
	case r.Becomes == "" && r.Delay == 0:
		return errors.New("becomes, delay or both are missing")
	case r.Becomes == "" && (r.After != 0 || r.For != 0):
		return errors.New("after and for go with becomes")
	case r.Becomes != "" && !slices.Contains(nodeStates, r.Becomes):
		return fmt.Errorf("a node cannot become %q, but %v", r.Becomes, nodeStates)
	case r.Becomes == Preempted && r.Dedicated != nil && *r.Dedicated:
		return errors.New("only low-priority nodes are preempted")
	}
	return errors.Join(notNegative("delay", r.Delay), notNegative("after", r.After), notNegative("for", r.For))
}

func notNegative(name string, d Duration) error {
	if d < 0 {
		return fmt.Errorf("%s cannot be negative", name)
	}
	return nil
}

func checkPatterns(patterns []string) error {
	for _, pattern := range patterns {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			return fmt.Errorf("the pattern %q cannot be understood", pattern)
		}
	}
	return nil
}
