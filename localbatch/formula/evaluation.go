package formula

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// DefaultSamplePeriod is how often the service takes samples ("Samples", Batch
// documentation).
const DefaultSamplePeriod = 30 * time.Second

// Pool is what a formula is evaluated on.
type Pool struct {
	// Now is the time of the evaluation.
	Now time.Time
	// The targets are the pool's before the evaluation.
	TargetDedicatedNodes, TargetLowPriorityNodes int32
	// SamplePeriod is how often samples are taken. Default: DefaultSamplePeriod.
	SamplePeriod time.Duration
	// Metric gives what is known of a read-only variable such as
	// "$ActiveTasks". It is called at most once for each variable; its error
	// ends the evaluation.
	Metric func(variable string) (Metric, error)
}

// Metric is a read-only variable. Its zero value has neither a present value
// nor samples.
type Metric struct {
	Now     *float64
	Samples []Sample // the oldest first
}

// Sample is what a variable was at a time.
type Sample struct {
	Time  time.Time
	Value float64
}

// Result is what became of a formula's variables.
type Result struct {
	TargetDedicatedNodes   int32
	TargetLowPriorityNodes int32
	// NodeDeallocationOption is requeue, terminate, taskcompletion or
	// retaineddata.
	NodeDeallocationOption string
	// Variables are the formula's own, in the order of their names.
	Variables []Variable
}

// Variable is a variable and its value, as the service prints it.
type Variable struct{ Name, Value string }

// String lists all variables as the service does, such as
// "$TargetDedicatedNodes=3;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue;x=1".
func (r Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s=%d;%s=%d;%s=%s", targetDedicated, r.TargetDedicatedNodes,
		targetLowPriority, r.TargetLowPriorityNodes, deallocationOption, r.NodeDeallocationOption)
	for _, v := range r.Variables {
		b.WriteString(";" + v.Name + "=" + v.Value)
	}
	return b.String()
}

// The most that one evaluation may do and report. They are ours: what formulas
// are for needs far less.
const (
	maxWork   = 250_000 // elements of vectors made or read
	maxReport = 256 << 10
)

// evaluation is one evaluation of a formula.
type evaluation struct {
	pool      Pool
	variables map[string]binding // that the formula has set
	metrics   map[string]Metric
	done      int // of maxWork
}

// binding is the value of a variable and where it was set.
type binding struct {
	position
	is value
}

// errStop is the error of stop(): it ends an evaluation that has succeeded.
var errStop = errors.New("the formula stops here")

// Evaluate runs the statements of f one after the other. Its error is an
// *Error of the kind Evaluation or InsufficientSamples, or one of pool.Metric.
// With an error too, the result has what the variables were then; a target
// that the formula has not set, or set to no number of nodes, is the pool's.
func (f *Formula) Evaluate(pool Pool) (Result, error) {
	pool.Now = pool.Now.UTC()
	if pool.SamplePeriod <= 0 {
		pool.SamplePeriod = DefaultSamplePeriod
	}
	e := &evaluation{pool: pool, variables: map[string]binding{}, metrics: map[string]Metric{}}
	err := e.run(f.statements)
	result, wrong := e.result()
	if err == nil {
		err = wrong
	}
	return result, err
}

func (e *evaluation) run(statements []statement) error {
	for _, s := range statements {
		v, err := s.value.evaluate(e)
		if err == nil && s.name != "" {
			err = e.assign(s, v)
		}
		if errors.Is(err, errStop) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// result reads the variables.
func (e *evaluation) result() (Result, error) {
	r := Result{NodeDeallocationOption: e.option()}
	var errs [3]error
	r.TargetDedicatedNodes, errs[0] = e.nodes(targetDedicated, e.pool.TargetDedicatedNodes)
	r.TargetLowPriorityNodes, errs[1] = e.nodes(targetLowPriority, e.pool.TargetLowPriorityNodes)
	r.Variables, errs[2] = e.own()
	return r, cmp.Or(errs[0], errs[1], errs[2])
}

// own lists the formula's own variables.
func (e *evaluation) own() ([]Variable, error) {
	var list []Variable
	length := 0
	for _, name := range slices.Sorted(maps.Keys(e.variables)) {
		if isTarget(name) || name == deallocationOption {
			continue
		}
		v := e.variables[name]
		shown := show(v.is)
		if length += len(name) + len(shown); length > maxReport {
			return list, v.fail(Evaluation, "the values of the variables are too long to be reported: %d characters are allowed", maxReport)
		}
		list = append(list, Variable{name, shown})
	}
	return list, nil
}

// nodes is a target as a number of nodes, and what it was before when it is
// none. A fraction is cut off, which formulas in the documentation count on:
// they add what makes them round up or to the nearest.
func (e *evaluation) nodes(name string, before int32) (int32, error) {
	target, set := e.target(name)
	n := math.Trunc(target)
	if math.IsNaN(n) || n < 0 || n > math.MaxInt32 {
		return before, set.fail(Evaluation, "%s is %s, which is no number of nodes", name, showNumber(target))
	}
	return int32(n), nil
}

func (e *evaluation) values(expressions []expression) ([]value, error) {
	values := make([]value, len(expressions))
	for i, x := range expressions {
		var err error
		if values[i], err = x.evaluate(e); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func (e *evaluation) metric(name string) (Metric, error) {
	name = newest(name)
	m, ok := e.metrics[name]
	if ok {
		return m, nil
	}
	m, err := e.pool.Metric(name)
	if err != nil {
		return m, fmt.Errorf("read the samples of %s: %w", name, err)
	}
	e.metrics[name] = m
	return m, nil
}

// work counts elements of vectors.
func (e *evaluation) work(elements int) error {
	if e.done += elements; e.done > maxWork {
		return errorf("the vectors are too long: an evaluation handles %d elements", maxWork)
	}
	return nil
}

// fault is an error that has no position yet.
type fault struct{ message string }

func (f *fault) Error() string { return f.message }

func errorf(format string, args ...any) error { return &fault{fmt.Sprintf(format, args...)} }

// insufficient is the lack of samples.
type insufficient struct {
	variable         string
	wanted, received int // percent
}

func (i *insufficient) Error() string {
	return fmt.Sprintf("Insufficient data from data set: %s wanted %d%%, received %d%%", i.variable, i.wanted, i.received)
}

// locate gives an error of the formula its position.
func (p position) locate(err error) error {
	if f := (*fault)(nil); errors.As(err, &f) {
		return p.fail(Evaluation, "%s", f.message)
	}
	if few := (*insufficient)(nil); errors.As(err, &few) {
		lack := p.fail(InsufficientSamples, "%s", few.Error())
		lack.Variable = newest(few.variable)
		return lack
	}
	return err
}
