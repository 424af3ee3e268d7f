package localbatch

import (
	"errors"
	"time"

	"github.com/durabatch/durabatch/localbatch/formula"
	"github.com/durabatch/durabatch/localbatch/store"
)

// autoScale evaluates a pool's formula, has the pool resized to what comes out
// of it, and the formula evaluated again when it is time to. The caller saves
// the pool.
func (c *change) autoScale(p *pool) error {
	f, err := formula.Parse(p.AutoScaleFormula)
	if err != nil {
		return err // it was checked before it was stored
	}
	result, run, err := c.s.runFormula(c.Tx, c.now, p, f)
	if err != nil {
		return err
	}
	p.AutoScaleRun = run
	p.AutoScaleSchedule.advance(c.now, c.s.evaluationInterval(p))
	c.planEvaluation(p)
	if run.Error != nil {
		return nil
	}
	return c.resizeTo(p, result)
}

// advance sets the next evaluation, unless that is still to come: another
// formula keeps the schedule. Evaluations that were missed are not made up for.
func (a *autoScaleSchedule) advance(now store.Time, interval time.Duration) {
	if a.Next > now {
		return
	}
	if a.Next = a.Next.Add(interval); a.Next <= now {
		a.Next = now.Add(interval)
	}
}

func (s *Service) evaluationInterval(p *pool) time.Duration {
	if s.opts.AutoScaleInterval > 0 {
		return s.opts.AutoScaleInterval
	}
	interval, _ := p.AutoScaleEvaluationInterval.std() // it is a week at most
	return interval
}

// runFormula evaluates f on a pool.
func (s *Service) runFormula(tx *store.Tx, now store.Time, p *pool, f *formula.Formula) (formula.Result, *autoScaleRun, error) {
	source := &metricSource{tx: tx, known: &s.histories, pool: p}
	result, err := f.Evaluate(formula.Pool{
		Now:                    now.Std(),
		TargetDedicatedNodes:   p.TargetDedicatedNodes,
		TargetLowPriorityNodes: p.TargetLowPriorityNodes,
		SamplePeriod:           s.samplePeriod(),
		Metric:                 source.metric,
	})
	run := &autoScaleRun{Timestamp: now, Results: result.String()}
	var wrong *formula.Error
	if errors.As(err, &wrong) {
		run.Error = failedRun(wrong)
		err = nil
	}
	return result, run, err
}

// resizeTo has a pool resized as an evaluation says. That may be while it is
// being resized already.
func (c *change) resizeTo(p *pool, to formula.Result) error {
	changed := p.TargetDedicatedNodes != to.TargetDedicatedNodes || p.TargetLowPriorityNodes != to.TargetLowPriorityNodes
	if !changed {
		if p.AllocationState != steady {
			return nil
		}
		if complete, err := c.hasItsNodes(p); complete || err != nil {
			return err
		}
	}
	if changed {
		p.TargetDedicatedNodes, p.TargetLowPriorityNodes = to.TargetDedicatedNodes, to.TargetLowPriorityNodes
		p.LastModified, p.Allocation = c.now, nil
	}
	p.NodeDeallocationOption, p.ResizeErrors = to.NodeDeallocationOption, nil
	p.allocate(resizing, c.now)
	c.thenBeside(func() { c.s.settlePool(p.key) })
	return nil
}

// hasItsNodes says whether there are as many nodes as the targets say: a
// resize may have failed.
func (c *change) hasItsNodes(p *pool) (bool, error) {
	counts, err := c.CountNodeStates(p.key)
	dedicated, lowPriority := p.TargetDedicatedNodes, p.TargetLowPriorityNodes
	for _, n := range counts {
		switch {
		case n.State == leavingPool:
		case n.Dedicated:
			dedicated -= n.Count
		default:
			lowPriority -= n.Count
		}
	}
	return dedicated == 0 && lowPriority == 0, err
}

// planEvaluation has a pool's formula evaluated at its time.
func (c *change) planEvaluation(p *pool) {
	s := c.s
	c.then(func() {
		s.evaluations.set(p.key, &s.clock, p.AutoScaleSchedule.Next, func() {
			s.spawn(func() { s.evaluateDue(p.key) })
		})
	})
}

func (s *Service) evaluateDue(key int64) {
	err := s.change(func(c *change) error {
		row, ok, err := c.PoolByKey(key)
		if err != nil || !ok {
			return err
		}
		p, err := readPool(row, ok, nil)
		if err != nil || p.State == deleting || !p.EnableAutoScale {
			return err
		}
		if c.now < p.AutoScaleSchedule.Next { // it has another schedule meanwhile, or a clock was set back
			c.planEvaluation(p)
			return nil
		}
		if err := c.autoScale(p); err != nil {
			return err
		}
		return c.savePool(p)
	})
	if err != nil && s.ctx.Err() == nil {
		s.log.Error("the autoscale formula of a pool could not be evaluated", "pool", key, "error", err)
	}
}
