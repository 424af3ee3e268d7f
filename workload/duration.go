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

// UnmarshalText reads Go's duration syntax; it refuses what is not above zero.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration; write one such as 30s, 10m or 24h", text)
	}
	if v <= 0 {
		return fmt.Errorf("%q is not above zero", text)
	}
	*d = Duration(v)
	return nil
}
