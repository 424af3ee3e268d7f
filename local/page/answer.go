package page

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

// failure is the body of an answer that is none.
type failure struct {
	Error string `json:"error"`
}

// badRequest is a request that the page's own scripts do not make.
type badRequest string

func (e badRequest) Error() string { return string(e) }

// json answers with what ask returns.
func (s *server) json(ask func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := ask(r)
		status := http.StatusOK
		if err != nil {
			status, body = s.explain(r, err)
		}
		text, err := json.Marshal(body)
		if err != nil {
			s.log.Error("an answer of the page cannot be written", "path", r.URL.Path, "error", err)
			http.Error(w, "see the log", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(text) // whoever asked has gone, if this fails
	})
}

// explain is what a failure means to people who look at the page.
func (s *server) explain(r *http.Request, err error) (status int, body failure) {
	var refused *azcore.ResponseError
	var bad badRequest
	switch {
	case errors.As(err, &bad):
		return http.StatusBadRequest, failure{bad.Error()}
	case errors.As(err, &refused) && isGone(err):
		return http.StatusNotFound, failure{"it is not there, or not any more (" + refused.ErrorCode + ")"}
	case refused != nil:
		return http.StatusBadGateway, failure{"the Batch service refused: " + refused.ErrorCode}
	default:
		s.log.Debug("the page got no answer from the Batch service", "path", r.URL.Path, "error", err)
		return http.StatusBadGateway, failure{"the Batch service does not answer; a stack starts it again by itself"}
	}
}

// isGone says that what was asked for is not there: a job that was deleted, the
// files of a task that has not begun or whose node has left.
func isGone(err error) bool {
	var refused *azcore.ResponseError
	return errors.As(err, &refused) && (refused.StatusCode == http.StatusNotFound || refused.StatusCode == http.StatusConflict)
}

// value is what p points at, or the zero value.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
