package formula

import (
	"math"
	"sort"
	"time"
)

// method is a method of the read-only variables ("Obtain sample data", Batch
// documentation) and how many arguments it takes.
type method struct {
	least, most int
	call        func(e *evaluation, m Metric, arguments []value) (value, error)
}

var methods = map[string]method{
	"GetSample":        {1, 3, getSample},
	"GetSamplePercent": {1, 2, getSamplePercent},
	"GetSamplePeriod": {0, 0, func(e *evaluation, _ Metric, _ []value) (value, error) {
		return e.pool.SamplePeriod, nil
	}},
	"Count": {0, 0, func(_ *evaluation, m Metric, _ []value) (value, error) {
		return float64(len(m.Samples)), nil
	}},
	"HistoryBeginTime": {0, 0, func(_ *evaluation, m Metric, _ []value) (value, error) {
		if len(m.Samples) == 0 {
			return nil, &insufficient{wanted: 100}
		}
		return m.Samples[0].Time.UTC(), nil
	}},
}

// getSample is GetSample(count), GetSample(start [, percent]) and
// GetSample(start, end [, percent]). Only where a percentage is asked for is
// it an error that samples are missing: without, there are fewer, or none.
func getSample(e *evaluation, m Metric, arguments []value) (value, error) {
	if count, ok := arguments[0].(float64); ok {
		if len(arguments) > 1 || math.IsNaN(count) || count < 0 {
			return nil, errorf("a number of samples is not negative and has no other arguments beside it")
		}
		last := m.Samples[len(m.Samples)-int(min(count, float64(len(m.Samples)))):]
		return e.valuesOf(last)
	}
	wanted := 0.0
	window := arguments
	if percent, ok := arguments[len(arguments)-1].(float64); ok {
		wanted, window = percent, arguments[:len(arguments)-1]
	} else if len(arguments) == 3 {
		return nil, errorf("a percentage of samples is a double, not a %s", typeOf(arguments[2]))
	}
	found, percent, err := e.within(m, window)
	if err != nil {
		return nil, err
	}
	if math.IsNaN(wanted) || percent < wanted {
		return nil, &insufficient{wanted: int(min(wanted, 100)), received: int(percent)}
	}
	return e.valuesOf(found)
}

func getSamplePercent(e *evaluation, m Metric, arguments []value) (value, error) {
	_, percent, err := e.within(m, arguments)
	return percent, err
}

// within finds the samples of a window, and how many of those that can be in
// it they are, in percent. An interval counts back from now. Which side of the
// window is named first makes no difference: the documentation has both.
func (e *evaluation) within(m Metric, window []value) ([]Sample, float64, error) {
	from, to := e.pool.Now, e.pool.Now
	sides := []*time.Time{&from, &to}
	for i, v := range window {
		switch v := v.(type) {
		case time.Time:
			*sides[i] = v
		case time.Duration:
			*sides[i] = e.pool.Now.Add(-v)
		default:
			return nil, 0, errorf("samples are asked for by timestamps and timeintervals, not by a %s", typeOf(v))
		}
	}
	if to.Before(from) {
		from, to = to, from
	}
	first := sort.Search(len(m.Samples), func(i int) bool { return m.Samples[i].Time.After(from) })
	end := sort.Search(len(m.Samples), func(i int) bool { return m.Samples[i].Time.After(to) })
	found := m.Samples[first:end]
	possible := max(1, int(to.Sub(from)/e.pool.SamplePeriod))
	return found, min(100, 100*float64(len(found))/float64(possible)), nil
}

func (e *evaluation) valuesOf(samples []Sample) (value, error) {
	if err := e.work(len(samples)); err != nil {
		return nil, err
	}
	values := make(vector, len(samples))
	for i, s := range samples {
		values[i] = s.Value
	}
	return values, nil
}
