package e2e

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
)

var errDead = errors.New("the worker that asked is dead")

// throughTrap serves what target serves and tells the trap of the effects that
// name finds: before a request goes on, and before its answer is known to the
// worker. The bytes of requests and answers are as they were.
func (t *trap) throughTrap(target string, name func(*http.Request) string) (*httptest.Server, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	to = &url.URL{Scheme: to.Scheme, Host: to.Host}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression, transport.MaxIdleConnsPerHost = true, 100
	proxy := &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1,
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ModifyResponse: func(answer *http.Response) error {
			effect := name(answer.Request)
			if effect == "" {
				return nil
			}
			if t.passes(after, effect) {
				return errDead
			}
			if answer.Request.Method == http.MethodGet {
				answer.Body = &halfRead{ReadCloser: answer.Body, trap: t, effect: effect}
			}
			return nil
		},
		ErrorLog:     log.New(io.Discard, "", 0),
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if effect := name(r); effect != "" && t.passes(before, effect) {
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	})), nil
}

// halfRead is an answer whose reader passes a moment between its halves.
type halfRead struct {
	io.ReadCloser
	trap   *trap
	effect string
	reads  int
}

func (h *halfRead) Read(p []byte) (int, error) {
	h.reads++
	switch h.reads {
	case 1:
		return h.ReadCloser.Read(p[:1])
	case 2:
		if h.trap.passes(within, h.effect) {
			return 0, errDead
		}
	}
	return h.ReadCloser.Read(p)
}

var batchID = regexp.MustCompile(`^/(pools|jobs)/[^/]+`)

// batchEffect names a request to Batch that changes something.
func batchEffect(r *http.Request) string {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return ""
	}
	return "Batch " + r.Method + " " + batchID.ReplaceAllString(r.URL.Path, "/$1/ID")
}

var runContainer = regexp.MustCompile(`^/[^/]+/[^/]*-(in|out)(/.*)?$`)

// blobEffect names a request of the worker's to Blob that changes something, or
// that fetches an output, which changes what is on the disk. Nodes come with a
// signature.
func blobEffect(r *http.Request) string {
	query := r.URL.Query()
	parts := runContainer.FindStringSubmatch(r.URL.Path)
	if parts == nil || query.Has("sig") || r.Method == http.MethodHead {
		return ""
	}
	container, blob := "Blob "+r.Method+" "+parts[1], strings.TrimPrefix(parts[2], "/")
	kind, _, record := strings.Cut(strings.TrimPrefix(blob, "_durabatch/"), "/")
	switch {
	case r.Method == http.MethodGet && (parts[1] == "in" || blob == "" || strings.HasPrefix(blob, "_durabatch/")):
		return ""
	case blob == "":
		kind = query.Get("comp")
	case !record:
		kind = "file"
	}
	return strings.TrimSpace(container + " " + kind + " " + query.Get("comp"))
}
