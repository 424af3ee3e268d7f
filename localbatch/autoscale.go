package localbatch

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/durabatch/durabatch/localbatch/store"
)

func (s *Service) enableAutoScale(r *http.Request) (reply, error) {
	var body struct {
		AutoScaleFormula            string    `json:"autoScaleFormula"`
		AutoScaleEvaluationInterval *duration `json:"autoScaleEvaluationInterval"`
	}
	if err := readBody(r, &body); err != nil {
		return reply{}, err
	}
	if body.AutoScaleFormula != "" {
		if _, err := parseFormula(body.AutoScaleFormula); err != nil {
			return reply{}, err
		}
	}
	if interval := body.AutoScaleEvaluationInterval; interval != nil {
		if err := checkEvaluationInterval(*interval); err != nil {
			return reply{}, err
		}
	}
	p, err := s.changePool(r, func(c *change, p *pool) error {
		if allowed := p.AutoScaleSchedule.Enabled.Add(s.enablePause()); allowed > c.now {
			return tooManyEnableAutoScaleRequests(allowed.Std().Sub(c.now.Std()))
		}
		if err := p.mustBeSteady(); err != nil {
			return err
		}
		if body.AutoScaleFormula == "" && (!p.EnableAutoScale || body.AutoScaleEvaluationInterval == nil) {
			return missingProperty("autoScaleFormula")
		}
		if body.AutoScaleFormula != "" {
			p.AutoScaleFormula = body.AutoScaleFormula
		}
		if body.AutoScaleEvaluationInterval != nil || !p.EnableAutoScale { // a new schedule begins
			p.AutoScaleEvaluationInterval, p.AutoScaleSchedule.Next = body.AutoScaleEvaluationInterval, 0
			orDefault(&p.AutoScaleEvaluationInterval, defaultEvaluationInterval)
		}
		p.EnableAutoScale, p.AutoScaleSchedule.Enabled, p.LastModified = true, c.now, c.now
		return c.autoScale(p)
	})
	return reply{status: http.StatusOK, version: version(p)}, err
}

// enablePause is what lies between two successful calls of enableautoscale for
// one pool: 30 s (Batch REST reference, "Pool - Enable Auto Scale"), and less
// where the intervals between evaluations are shorter.
func (s *Service) enablePause() time.Duration {
	const pause = 30 * time.Second
	if s.opts.AutoScaleInterval > 0 {
		return min(pause, s.opts.AutoScaleInterval)
	}
	return pause
}

func tooManyEnableAutoScaleRequests(wait time.Duration) *apiError {
	return &apiError{
		status:  http.StatusServiceUnavailable,
		code:    "TooManyEnableAutoScaleRequests",
		message: "Too many Enable Pool AutoScale requests are issued on the pool.",
		headers: http.Header{"Retry-After": {strconv.Itoa(int(math.Ceil(wait.Seconds())))}},
	}
}

func (s *Service) disableAutoScale(r *http.Request) (reply, error) {
	p, err := s.changePool(r, func(c *change, p *pool) error {
		p.EnableAutoScale, p.AutoScaleFormula, p.AutoScaleEvaluationInterval, p.AutoScaleRun = false, "", nil, nil
		p.LastModified = c.now
		c.then(func() { s.evaluations.forget(p.key) })
		return nil
	})
	return reply{status: http.StatusOK, version: version(p)}, err
}

// evaluateAutoScale says what a formula would make of a pool, without making it.
func (s *Service) evaluateAutoScale(r *http.Request) (reply, error) {
	var body struct {
		AutoScaleFormula string `json:"autoScaleFormula"`
	}
	if err := readBody(r, &body); err != nil {
		return reply{}, err
	}
	if body.AutoScaleFormula == "" {
		return reply{}, missingProperty("autoScaleFormula")
	}
	f, err := parseFormula(body.AutoScaleFormula)
	if err != nil {
		return reply{}, err
	}
	var run *autoScaleRun
	err = s.store.View(func(tx *store.Tx) error {
		p, err := findPool(tx, r.PathValue("pool"))
		if err != nil {
			return err
		}
		if p.State == deleting {
			return beingDeleted("Pool")
		}
		if !p.EnableAutoScale {
			return notValidOnPool("autoscale is not enabled on the pool")
		}
		_, run, err = s.runFormula(tx, s.clock.now(), p, f)
		return err
	})
	return reply{status: http.StatusOK, meta: "Microsoft.Azure.Batch.Protocol.Entities.AutoScaleRun", body: run}, err
}

// mustHaveFixedSize: the nodes of a pool with autoscale are the formula's.
func (p *pool) mustHaveFixedSize() error {
	if p.EnableAutoScale {
		return notValidOnPool("autoscale is enabled on the pool; disable it first, or change the formula")
	}
	return nil
}
