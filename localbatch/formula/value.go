package formula

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// value is a float64, a vector, a string, a time.Time in UTC or a time.Duration.
type value any

type vector []float64

func typeOf(v value) string {
	switch v.(type) {
	case float64:
		return "double"
	case vector:
		return "doubleVec"
	case string:
		return "string"
	case time.Time:
		return "timestamp"
	}
	return "timeinterval"
}

// show is v as the service prints it in the results of an evaluation. Numbers,
// vectors and timestamps are as documentation and recorded answers have them,
// intervals as .NET prints them.
func show(v value) string {
	switch v := v.(type) {
	case float64:
		return showNumber(v)
	case vector:
		numbers := make([]string, len(v))
		for i, n := range v {
			numbers[i] = showNumber(n)
		}
		return "[" + strings.Join(numbers, ",") + "]"
	case time.Time:
		return v.Format("2006-01-02T15:04:05.000Z")
	case time.Duration:
		return showInterval(v)
	}
	return fmt.Sprint(v)
}

func showNumber(n float64) string {
	switch {
	case math.IsInf(n, 1):
		return "Infinity"
	case math.IsInf(n, -1):
		return "-Infinity"
	case n == 0: // and not -0
		return "0"
	case math.Abs(n) >= 1e15 || math.Abs(n) < 1e-5:
		return strconv.FormatFloat(n, 'E', -1, 64)
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}

func showInterval(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign = "-"
	}
	rest := uint64(d)
	if d < 0 {
		rest = -rest
	}
	part := func(unit time.Duration) uint64 {
		n := rest / uint64(unit)
		rest %= uint64(unit)
		return n
	}
	if days := part(24 * time.Hour); days > 0 {
		sign += fmt.Sprintf("%d.", days)
	}
	text := fmt.Sprintf("%s%02d:%02d:%02d", sign, part(time.Hour), part(time.Minute), part(time.Second))
	if ticks := rest / 100; ticks > 0 {
		text += fmt.Sprintf(".%07d", ticks)
	}
	return text
}
