package workload

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Failures says how many files may fail before the run has. Without it, every
// file is tried and one that fails makes the run Failed.
type Failures struct {
	// How many files may fail: a number, or a percentage of all files.
	Tolerate Tolerance `json:"tolerate"`
	// Whether the run stops as soon as more have failed, or goes on to the last
	// file; it is Failed in either case.
	OnExceeded string `json:"onExceeded,omitempty" jsonschema:"enum=stop,enum=continue,default=stop"`
}

// The values of Failures.OnExceeded.
const (
	OnExceededStop     = "stop"
	OnExceededContinue = "continue"
)

// Tolerance is a number of files, such as 10, or a percentage of all files,
// such as "5%" or "0.5%".
type Tolerance string

// Of is how many of so many files may fail: of a percentage what it comes to,
// rounded down.
func (t Tolerance) Of(files int64) int64 {
	if percentage, ok := strings.CutSuffix(string(t), "%"); ok {
		p, err := strconv.ParseFloat(percentage, 64)
		if err != nil {
			return 0
		}
		// A percentage is decimal and a float64 is not: 0.29% of 10,000 is 29.
		return int64(math.Floor(p*float64(files)/100 + 1e-9))
	}
	count, err := strconv.ParseInt(string(t), 10, 64)
	if err != nil {
		return 0
	}
	return count
}

// ToleranceFormat is the name of the schema's format for tolerances.
const ToleranceFormat = "durabatch-tolerance"

const wantedTolerance = "must be a number of files, such as 10, or a percentage of them from 0% to 100%, such as 5%"

// validTolerance judges text alone; what is not text is the schema's to judge.
func validTolerance(v any) error {
	s, ok := v.(string)
	if !ok {
		return nil
	}
	percentage, ok := strings.CutSuffix(s, "%")
	if p, err := strconv.ParseFloat(percentage, 64); !ok || err != nil || p < 0 || p > 100 {
		return fmt.Errorf("%s", wantedTolerance)
	}
	return nil
}

// MarshalJSON writes a count as a number and a percentage as text.
func (t Tolerance) MarshalJSON() ([]byte, error) {
	if strings.HasSuffix(string(t), "%") {
		return json.Marshal(string(t))
	}
	return json.Marshal(t.Of(0))
}

// UnmarshalJSON reads what MarshalJSON writes; the schema has judged it.
func (t *Tolerance) UnmarshalJSON(text []byte) error {
	var percentage string
	if json.Unmarshal(text, &percentage) == nil {
		*t = Tolerance(percentage)
		return nil
	}
	var count int64
	if err := json.Unmarshal(text, &count); err != nil {
		return fmt.Errorf("%s", wantedTolerance)
	}
	*t = Tolerance(strconv.FormatInt(count, 10))
	return nil
}
