package formula

import (
	"regexp"
	"time"
)

func timeFunction(e *evaluation, arguments []value) (value, error) {
	if len(arguments) == 0 {
		return e.pool.Now, nil
	}
	text, ok := arguments[0].(string)
	if !ok {
		return nil, errorf("time takes a string, not a %s", typeOf(arguments[0]))
	}
	if text == "" {
		return e.pool.Now, nil
	}
	return parseTime(text)
}

// What time() reads are W3C-DTF, from a year to fractions of a second, and
// RFC 1123 ("Functions", Batch documentation).
var timeLayouts = []string{
	"2006", "2006-01", "2006-01-02",
	"2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z07:00", // a fraction is read with any layout
	time.RFC1123, time.RFC1123Z,
}

// fraction is one of more digits than a time of the service has: such text is
// refused there (nextflow-io/nextflow#3866).
var fraction = regexp.MustCompile(`\.\d{8}`)

func parseTime(text string) (value, error) {
	if !fraction.MatchString(text) {
		for _, layout := range timeLayouts {
			t, err := time.Parse(layout, text)
			if err == nil && t.UTC().Year() >= 1 && t.UTC().Year() <= 9999 {
				return t.UTC(), nil
			}
		}
	}
	return nil, errorf("%q is no time such as 2026-01-31T12:00:00Z or Sat, 31 Jan 2026 12:00:00 GMT", text)
}
