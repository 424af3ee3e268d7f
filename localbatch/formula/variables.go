package formula

import "time"

// The variables that a formula gives values to for the service to act on.
const (
	targetDedicated    = "$TargetDedicatedNodes"
	targetLowPriority  = "$TargetLowPriorityNodes"
	deallocationOption = "$NodeDeallocationOption"
)

// aliases are the older names of the targets. The newer name wins where a
// formula sets both.
var aliases = map[string]string{
	targetDedicated:   "$TargetDedicated",
	targetLowPriority: "$TargetLowPriority",
}

func isTarget(name string) bool {
	for full, alias := range aliases {
		if name == full || name == alias {
			return true
		}
	}
	return false
}

// metrics are the service's read-only variables.
var metrics = map[string]bool{
	"$ActiveTasks": true, "$RunningTasks": true, "$PendingTasks": true, "$SucceededTasks": true, "$FailedTasks": true,
	"$TaskSlotsPerNode": true, "$CurrentDedicatedNodes": true, olderCurrentDedicated: true,
	"$CurrentLowPriorityNodes": true, "$PreemptedNodeCount": true, "$UsableNodeCount": true, "$SampleNodeCount": true,
	"$CPUPercent": true, "$WallClockSeconds": true, "$MemoryBytes": true,
	"$DiskBytes": true, "$DiskReadBytes": true, "$DiskWriteBytes": true, "$DiskReadOps": true, "$DiskWriteOps": true,
	"$NetworkInBytes": true, "$NetworkOutBytes": true,
}

const olderCurrentDedicated = "$CurrentDedicated"

// newest is the newer name of a read-only variable that has two.
func newest(name string) string {
	if name == olderCurrentDedicated {
		return "$CurrentDedicatedNodes"
	}
	return name
}

// constants are names with a value of their own: intervals, and what
// $NodeDeallocationOption can be.
var constants = map[string]value{
	"TimeInterval_Zero":        time.Duration(0),
	"TimeInterval_100ns":       100 * time.Nanosecond,
	"TimeInterval_Microsecond": time.Microsecond,
	"TimeInterval_Millisecond": time.Millisecond,
	"TimeInterval_Second":      time.Second,
	"TimeInterval_Minute":      time.Minute,
	"TimeInterval_Hour":        time.Hour,
	"TimeInterval_Day":         24 * time.Hour,
	"TimeInterval_Week":        7 * 24 * time.Hour,
	"TimeInterval_Year":        365 * 24 * time.Hour,

	"requeue": "requeue", "terminate": "terminate",
	"taskcompletion": "taskcompletion", "retaineddata": "retaineddata",
}

func checkAssignable(name token) error {
	if _, ok := constants[name.text]; ok {
		return name.fail(Syntax, "%s is a constant", name.text)
	}
	if metrics[name.text] {
		return name.fail(Syntax, "%s can only be read", name.text)
	}
	return nil
}

// assign gives the variable of a statement its value.
func (e *evaluation) assign(s statement, v value) error {
	switch {
	case isTarget(s.name):
		if _, ok := v.(float64); !ok {
			return s.fail(Evaluation, "%s takes a double, not a %s", s.name, typeOf(v))
		}
	case s.name == deallocationOption:
		option, _ := v.(string)
		if constants[option] != v {
			return s.fail(Evaluation, "%s takes requeue, terminate, taskcompletion or retaineddata", s.name)
		}
	}
	e.variables[s.name] = binding{s.position, v}
	return nil
}

// read is a variable's value.
func (e *evaluation) read(name string) (value, error) {
	if v, ok := constants[name]; ok {
		return v, nil
	}
	if v, ok := e.variables[name]; ok {
		return v.is, nil
	}
	if metrics[name] {
		return e.present(name)
	}
	for full, alias := range aliases {
		if name == full || name == alias {
			target, _ := e.target(full)
			return target, nil
		}
	}
	if name == deallocationOption {
		return e.option(), nil
	}
	return nil, errorf("the variable %s has no value", name)
}

// target is what the formula has set a target to, and where; one that it has
// not set has the pool's.
func (e *evaluation) target(name string) (float64, position) {
	for _, name := range []string{name, aliases[name]} {
		if set, ok := e.variables[name]; ok {
			return set.is.(float64), set.position
		}
	}
	if name == targetDedicated {
		return float64(e.pool.TargetDedicatedNodes), position{1, 1}
	}
	return float64(e.pool.TargetLowPriorityNodes), position{1, 1}
}

func (e *evaluation) option() string {
	if set, ok := e.variables[deallocationOption]; ok {
		return set.is.(string)
	}
	return "requeue"
}

// present is what a read-only variable is now; one that the service only has
// samples of is the last of them.
func (e *evaluation) present(name string) (value, error) {
	m, err := e.metric(name)
	if err != nil {
		return nil, err
	}
	switch {
	case m.Now != nil:
		return *m.Now, nil
	case len(m.Samples) > 0:
		return m.Samples[len(m.Samples)-1].Value, nil
	}
	return nil, &insufficient{name, 100, 0}
}
