package store

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"
)

// Time is a point in time as Batch keeps it: ticks of 100 ns since the Unix
// epoch. 0 is no time at all. In JSON it is RFC 3339 in UTC, with as many
// fractional digits as it needs (recorded traffic of the real service).
type Time int64

// Never is later than every other time.
const Never = Time(1<<63 - 1)

const (
	ticksPerSecond = int64(time.Second / 100)
	wireLayout     = "2006-01-02T15:04:05.9999999Z"
)

// TimeOf rounds t down to a tick.
func TimeOf(t time.Time) Time {
	return Time(t.Unix()*ticksPerSecond + int64(t.Nanosecond())/100)
}

// Std is t in UTC.
func (t Time) Std() time.Time {
	return time.Unix(int64(t)/ticksPerSecond, int64(t)%ticksPerSecond*100).UTC()
}

// Add is t and d after it; a sum that no Time can hold is Never.
func (t Time) Add(d time.Duration) Time {
	sum := t + Time(d/100)
	if d > 0 && sum < t {
		return Never
	}
	return sum
}

func (t Time) String() string { return t.Std().Format(wireLayout) }

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) {
	return append(t.Std().AppendFormat([]byte{'"'}, wireLayout), '"'), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *Time) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	parsed, err := time.Parse(time.RFC3339Nano, strings.Trim(string(text), `"`))
	if err != nil {
		return &json.UnmarshalTypeError{Value: "string that is no RFC 3339 time", Type: reflect.TypeFor[Time]()}
	}
	*t = TimeOf(parsed)
	return nil
}
