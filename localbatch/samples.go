package localbatch

import (
	"sync"
	"time"

	"github.com/durabatch/durabatch/localbatch/formula"
	"github.com/durabatch/durabatch/localbatch/store"
)

// keptSamples is how many samples are kept of a pool: a day's, at Batch's period.
const keptSamples = 24 * 3600 / 30

// samplePeriod is how often samples are taken: as often as formulas are
// evaluated at least.
func (s *Service) samplePeriod() time.Duration {
	if s.opts.AutoScaleInterval > 0 {
		return min(formula.DefaultSamplePeriod, s.opts.AutoScaleInterval)
	}
	return formula.DefaultSamplePeriod
}

// planSamples has the next samples taken.
func (s *Service) planSamples(at store.Time) {
	s.sampling.set(0, &s.clock, at, func() {
		s.spawn(func() { s.takeSamples(at) })
	})
}

// takeSamples writes down what there is of every pool. Samples have the times
// they were planned for, so that a window of ten minutes has as many as fit.
func (s *Service) takeSamples(at store.Time) {
	period := s.samplePeriod()
	if now := s.clock.now(); now > at.Add(period) { // the machine has slept, or a clock was put forward
		at = now
	}
	cpu := s.processors.used()
	err := s.store.Update(func(tx *store.Tx) error {
		pools, err := tx.Pools()
		if err != nil {
			return err
		}
		for _, p := range pools {
			sample, err := countPool(tx, p.Key, p.ID)
			if err != nil {
				return err
			}
			sample.Time = at
			if sample.Usable > 0 {
				sample.CPU = cpu
			}
			if err := tx.InsertSample(sample); err != nil {
				return err
			}
			if err := tx.DeleteSamples(p.Key, at.Add(-keptSamples*period)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && s.ctx.Err() == nil {
		s.log.Error("samples for autoscale could not be taken", "error", err)
	}
	if s.ctx.Err() == nil {
		s.planSamples(at.Add(period))
	}
}

// countPool counts a pool's tasks and nodes. The active tasks of jobs that are
// disabled, or over, wait for no node.
func countPool(tx *store.Tx, key int64, id string) (store.Sample, error) {
	sample := store.Sample{Pool: key}
	var err error
	if sample.Tasks, err = tx.PoolTasks(id, active); err != nil {
		return sample, err
	}
	nodes, err := tx.CountNodeStates(key)
	for _, n := range nodes {
		if n.Dedicated {
			sample.Dedicated += n.Count
		} else {
			sample.LowPriority += n.Count
		}
		switch n.State {
		case idle, running:
			sample.Usable += n.Count
		case preempted:
			sample.Preempted += n.Count
		}
	}
	return sample, err
}

// histories are the samples that formulas have asked for: each is read from
// the store once.
type histories struct {
	mu     sync.Mutex
	byPool map[int64][]store.Sample
}

// of lists the samples of a pool, the oldest first.
func (h *histories) of(tx *store.Tx, pool int64) ([]store.Sample, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	samples := h.byPool[pool]
	var last store.Time
	if len(samples) > 0 {
		last = samples[len(samples)-1].Time
	}
	newer, err := tx.Samples(pool, last)
	if err != nil {
		return nil, err
	}
	samples = append(samples, newer...)
	samples = samples[max(0, len(samples)-keptSamples):]
	if h.byPool == nil {
		h.byPool = map[int64][]store.Sample{}
	}
	h.byPool[pool] = samples
	return samples, nil
}

func (h *histories) forget(pool int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.byPool, pool)
}

// sampled are the read-only variables of formulas that samples are taken of.
// Of one machine's memory, disk and network no part is a node's: the variables
// of these have no samples.
var sampled = map[string]func(store.Sample) (float64, bool){
	"$CPUPercent":              func(s store.Sample) (float64, bool) { return known(s.CPU) },
	"$ActiveTasks":             func(s store.Sample) (float64, bool) { return number(s.Tasks.Active) },
	"$RunningTasks":            func(s store.Sample) (float64, bool) { return number(s.Tasks.Running) },
	"$PendingTasks":            func(s store.Sample) (float64, bool) { return number(s.Tasks.Active + s.Tasks.Running) },
	"$SucceededTasks":          func(s store.Sample) (float64, bool) { return number(s.Tasks.Succeeded) },
	"$FailedTasks":             func(s store.Sample) (float64, bool) { return number(s.Tasks.Failed) },
	"$CurrentDedicatedNodes":   func(s store.Sample) (float64, bool) { return number(s.Dedicated) },
	"$CurrentLowPriorityNodes": func(s store.Sample) (float64, bool) { return number(s.LowPriority) },
	"$SampleNodeCount":         func(s store.Sample) (float64, bool) { return number(s.Dedicated + s.LowPriority) },
	"$UsableNodeCount":         func(s store.Sample) (float64, bool) { return number(s.Usable) },
	"$PreemptedNodeCount":      func(s store.Sample) (float64, bool) { return number(s.Preempted) },
}

func number(n int32) (float64, bool) { return float64(n), true }

func known(n *float64) (float64, bool) {
	if n == nil {
		return 0, false
	}
	return *n, true
}

func isSampled(variable string) bool { return sampled[variable] != nil }

// metricSource is where a formula's read-only variables come from.
type metricSource struct {
	tx      *store.Tx
	known   *histories
	pool    *pool
	loaded  bool
	present store.Sample
	history []store.Sample
}

func (m *metricSource) metric(variable string) (formula.Metric, error) {
	if variable == "$TaskSlotsPerNode" {
		return formula.Metric{Now: new(float64(m.pool.TaskSlotsPerNode))}, nil
	}
	read := sampled[variable]
	if read == nil {
		return formula.Metric{}, nil
	}
	if err := m.load(); err != nil {
		return formula.Metric{}, err
	}
	metric := formula.Metric{Samples: make([]formula.Sample, 0, len(m.history))}
	if now, ok := read(m.present); ok {
		metric.Now = &now
	}
	for _, s := range m.history {
		if v, ok := read(s); ok {
			metric.Samples = append(metric.Samples, formula.Sample{Time: s.Time.Std(), Value: v})
		}
	}
	return metric, nil
}

func (m *metricSource) load() (err error) {
	if m.loaded {
		return nil
	}
	m.loaded = true
	if m.present, err = countPool(m.tx, m.pool.key, m.pool.ID); err != nil {
		return err
	}
	m.history, err = m.known.of(m.tx, m.pool.key)
	return err
}
