package localbatch

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// maxBody is the size of the largest request body that Batch reads.
const maxBody = 1 << 20

// handler answers one operation.
type handler func(*http.Request) (reply, error)

// adapt makes an http.Handler of a route: all that operations have in common.
func (s *Service) adapt(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := uuid.NewString()
		x := exchange{w: w, r: r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id)), id: id, base: s.baseURL(r)}
		answer, err := s.answer(x, rt)
		if err != nil {
			answer = s.failure(x, err)
		}
		s.log.Debug("answered", "request-id", id, "operation", rt.operation(r.Method), "method", r.Method, "path", r.URL.Path, "status", answer.status)
		if err := answer.write(x); err != nil {
			s.log.Debug("an answer could not be sent", "request-id", id, "error", err)
		}
	})
}

type requestIDKey struct{}

// requestID is what the answer to r is known by.
func requestID(r *http.Request) string {
	id, _ := r.Context().Value(requestIDKey{}).(string)
	return id
}

func (s *Service) answer(x exchange, rt route) (answer reply, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("panic while answering", "operation", rt.pattern, "panic", p, "stack", string(debug.Stack()))
			err = errors.New("panic")
		}
	}()
	if err := s.authenticate(x.r); err != nil {
		return reply{}, err
	}
	return s.faulty(x, rt, func() (reply, error) {
		if err := checkQuery(x.r.URL, rt); err != nil {
			return reply{}, err
		}
		if x.r.Method == http.MethodHead && rt.head == "" {
			return reply{}, wrongVerb()
		}
		x.r.Body = http.MaxBytesReader(x.w, x.r.Body, maxBody)
		return rt.handle(x.r)
	})
}

// failure makes an answer of an error. What is not an answer already is the
// service's own fault: it is logged here, and the client learns no more than that.
func (s *Service) failure(x exchange, err error) reply {
	var known *apiError
	if !errors.As(err, &known) {
		s.log.Error("a request failed", "request-id", x.id, "method", x.r.Method, "path", x.r.URL.Path, "error", err)
		known = &apiError{
			status:  http.StatusInternalServerError,
			code:    "InternalError",
			message: "Server encountered an internal error. Please try again after some time.",
		}
	}
	return reply{status: known.status, failure: known, headers: known.headers}
}

// guard lets only those requests through to routes that this service is meant
// to get, as they were sent: ServeMux would redirect a path that is not clean,
// and the redirected request's signature would be wrong.
func (s *Service) guard(routes http.Handler) http.Handler {
	refuse := func(err *apiError) http.Handler {
		return s.adapt(route{name: noOperation, head: noOperation, pattern: "refused", open: true, handle: func(*http.Request) (reply, error) {
			return reply{}, err
		}})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next := routes
		escaped := r.URL.EscapedPath()
		switch {
		case !s.knowsHost(r.Host):
			refused := badRequest("InvalidHeaderValue", "The value provided for one of the HTTP headers was not in the correct format.")
			refused.values = []errorValue{{"HeaderName", "Host"}}
			next = refuse(refused.because("the service is not reached under this name"))
		case !strings.HasPrefix(escaped, "/") || (path.Clean(escaped) != escaped && path.Clean(escaped)+"/" != escaped):
			next = refuse(badRequest("InvalidUri", "The requested URI does not represent any resource on the server."))
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Service) knowsHost(host string) bool {
	name := (&url.URL{Host: host}).Hostname()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hosts[strings.ToLower(name)] || isLoopback(name)
}

// baseURL is what the URLs in answers begin with.
func (s *Service) baseURL(r *http.Request) string {
	if s.public != nil {
		return s.public.String()
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// checkQuery refuses what rt would have to ignore.
func checkQuery(u *url.URL, rt route) error {
	if rt.open {
		return nil
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return badRequest("RequestUrlFailedToParse", "The url in the request could not be parsed.")
	}
	for name, values := range query {
		if !slices.Contains(commonParameters, name) && !slices.Contains(rt.parameters, name) {
			e := badRequest("UnsupportedQueryParameter", "One of the query parameters specified in the request URI is not supported.")
			e.values = []errorValue{{"QueryParameterName", name}}
			return e
		}
		if len(values) > 1 {
			return invalidQuery(name, strings.Join(values, ","), "it is given more than once")
		}
	}
	if err := checkExpand(query.Get("$expand")); err != nil {
		return err
	}
	return checkVersion(query.Get("api-version"), rt)
}

// Every operation takes these. How long the service may take is for the client
// to say in both spellings; no answer takes that long here.
var commonParameters = []string{"api-version", "timeOut", "timeout"}

func wrongVerb() *apiError {
	return &apiError{
		status:  http.StatusMethodNotAllowed,
		code:    "UnsupportedHttpVerb",
		message: "The resource doesn't support the specified HTTP verb.",
	}
}
