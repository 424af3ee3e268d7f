package workload

import (
	"fmt"
	"strings"
	"time"
)

// Duration is a time.Duration that reads and writes as people do: "30m",
// "1h30m". The zero Duration means that the document does not say.
type Duration time.Duration

// String gives the shortest form: "30m", not "30m0s".
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText writes the form that UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// The bounds of every duration in a document. Batch completes no task later than
// 180 days after it was added (Batch documentation: quotas and limits).
const (
	minDuration = time.Second
	maxDuration = 180 * 24 * time.Hour
)

// UnmarshalText reads Go's duration syntax; it refuses what is below a second
// or above 180 days.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration; write one such as 30s, 10m or 24h", shorten(string(text)))
	}
	if v < minDuration || v > maxDuration {
		return fmt.Errorf("%q is out of bounds; a duration is from 1s to %s, which is 180 days",
			shorten(string(text)), Duration(maxDuration))
	}
	*d = Duration(v)
	return nil
}
