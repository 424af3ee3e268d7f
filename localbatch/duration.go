package localbatch

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/durabatch/durabatch/localbatch/store"
)

// duration is a length of time as Batch has it: ticks of 100 ns, in JSON an
// ISO 8601 duration. The largest, .NET's TimeSpan.MaxValue, means no limit.
type duration int64

const (
	unlimited      duration = math.MaxInt64
	ticksPerSecond          = 10_000_000
	week                    = duration(7 * 24 * 3600 * ticksPerSecond)
)

var (
	isoDuration = regexp.MustCompile(`^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,7})\d*)?S)?)?$`)
	unitSeconds = [...]uint64{365 * 86400, 30 * 86400, 86400, 3600, 60, 1} // as .NET reads them
	errDuration = errors.New("it is not an ISO 8601 duration such as PT15M or P7D")
	errTooLong  = errors.New("it is longer than Batch's longest, P10675199DT2H48M5.4775807S")
)

func parseDuration(text string) (duration, error) {
	parts := isoDuration.FindStringSubmatch(text)
	if parts == nil || strings.HasSuffix(text, "P") || strings.HasSuffix(text, "T") {
		return 0, errDuration
	}
	var seconds uint64
	for i, unit := range unitSeconds {
		if parts[i+1] == "" {
			continue
		}
		n, err := strconv.ParseUint(parts[i+1], 10, 40)
		if err != nil {
			return 0, errTooLong
		}
		seconds += n * unit
	}
	fraction, _ := strconv.ParseUint((parts[7] + "0000000")[:7], 10, 64) // the pattern admits digits only
	if seconds > math.MaxInt64/ticksPerSecond || seconds*ticksPerSecond+fraction > math.MaxInt64 {
		return 0, errTooLong
	}
	return duration(seconds*ticksPerSecond + fraction), nil
}

func (d duration) String() string {
	if d == 0 {
		return "PT0S"
	}
	ticks := uint64(d)
	seconds, fraction := ticks/ticksPerSecond, ticks%ticksPerSecond
	var b strings.Builder
	b.WriteByte('P')
	part := func(n uint64, unit string) {
		if n > 0 {
			b.WriteString(strconv.FormatUint(n, 10) + unit)
		}
	}
	part(seconds/86400, "D")
	if seconds%86400 == 0 && fraction == 0 {
		return b.String()
	}
	b.WriteByte('T')
	part(seconds%86400/3600, "H")
	part(seconds%3600/60, "M")
	if fraction == 0 {
		part(seconds%60, "S")
		return b.String()
	}
	digits := strconv.FormatUint(ticksPerSecond+fraction, 10)[1:]
	b.WriteString(strconv.FormatUint(seconds%60, 10) + "." + strings.TrimRight(digits, "0") + "S")
	return b.String()
}

// std is d for the standard library; false when there is no limit, or one of
// more than the 292 years that a time.Duration can hold.
func (d duration) std() (time.Duration, bool) {
	if d > math.MaxInt64/100 {
		return 0, false
	}
	return time.Duration(d) * 100, true
}

// after is the time d after t; store.Never if that is more than a time can hold.
func (d duration) after(t store.Time) store.Time {
	if sum := t + store.Time(d); sum >= t {
		return sum
	}
	return store.Never
}

// MarshalText implements encoding.TextMarshaler.
func (d duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalJSON implements json.Unmarshaler.
func (d *duration) UnmarshalJSON(text []byte) error {
	quoted := strings.TrimSpace(string(text))
	if quoted == "null" {
		return nil
	}
	parsed, err := parseDuration(strings.Trim(quoted, `"`))
	if err != nil {
		return badValue(err.Error())
	}
	*d = parsed
	return nil
}
