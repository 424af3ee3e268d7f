package localbatch

import (
	"net/http"
	"strings"
	"time"

	"github.com/durabatch/durabatch/localbatch/store"
)

// checkConditions holds a request's conditional headers against the version of
// the resource it is about. A file has no ETag: for it, tagged is false.
func checkConditions(r *http.Request, version store.Time, tagged bool) error {
	given := 0
	for _, name := range []string{"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"} {
		if r.Header.Get(name) != "" {
			given++
		}
	}
	if given > 1 {
		return badRequest("MultipleConditionHeadersNotSupported", "Multiple condition headers are not supported.")
	}
	met := true
	if match := r.Header.Get("If-Match"); match != "" && tagged {
		met = matchesTag(match, version)
	}
	if match := r.Header.Get("If-None-Match"); match != "" && tagged {
		met = !matchesTag(match, version)
	}
	for name, want := range map[string]bool{"If-Modified-Since": true, "If-Unmodified-Since": false} {
		text := r.Header.Get(name)
		if text == "" {
			continue
		}
		since, err := http.ParseTime(strings.Replace(text, "UTC", "GMT", 1))
		if err != nil {
			e := badRequest("InvalidHeaderValue", "The value provided for one of the HTTP headers was not in the correct format.")
			e.values = []errorValue{{"HeaderName", name}, {"HeaderValue", text}}
			return e
		}
		// The header has seconds only, as does the Last-Modified it comes from.
		modified := version.Std().Truncate(time.Second).After(since)
		met = modified == want
	}
	if met {
		return nil
	}
	status := http.StatusPreconditionFailed
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		status = http.StatusNotModified
	}
	return &apiError{
		status:  status,
		code:    "ConditionNotMet",
		message: "The condition specified using HTTP conditional header(s) is not met.",
	}
}

func matchesTag(header string, version store.Time) bool {
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.Trim(strings.TrimPrefix(strings.TrimSpace(tag), "W/"), `"`)
		if tag == "*" || tag == etag(version) {
			return true
		}
	}
	return false
}
