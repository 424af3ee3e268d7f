// Package faultproxy stands between a Blob service and all that use it and has
// requests go wrong by a fault plan, as the Batch service of package localbatch
// does by itself. Only tests import it.
package faultproxy

import (
	"errors"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"github.com/durabatch/durabatch/localbatch/faults"
)

// Answer is one of the service's own, whatever the client was told instead.
type Answer struct {
	Operation string
	Path      string
	Status    int
}

// Proxy passes requests on to a Blob service. Requests, queries and signatures
// included, reach it as they were sent: it sees the client's Host, as shared
// keys and SAS need.
type Proxy struct {
	target   func() (*url.URL, error)
	answered func(Answer)
	forward  *httputil.ReverseProxy

	mu       sync.Mutex
	injector *faults.Injector
	requests int
	injected map[faults.Do]int
}

// New makes a proxy of the service at target, which is asked for with each
// request; its path counts for nothing. Until SetFaults is called, nothing goes
// wrong. answered, which may be nil, is told of every answer of the service's.
func New(target func() (*url.URL, error), answered func(Answer)) *Proxy {
	p := &Proxy{target: target, answered: answered, injected: map[faults.Do]int{}}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	transport.DisableCompression = true
	transport.MaxIdleConnsPerHost = 128
	p.forward = &httputil.ReverseProxy{
		Rewrite:        p.rewrite,
		Transport:      transport,
		ModifyResponse: p.observe,
		// A service that is down answers nothing, so its proxy does not either.
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0), // what is cut short is meant to be
	}
	return p
}

// SetFaults puts a plan in force, of which only the rules about requests count;
// operations are named as Operation names them. The zero Plan has nothing go
// wrong any more.
func (p *Proxy) SetFaults(plan faults.Plan) error {
	injector, err := faults.New(plan)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.injector = injector
	return nil
}

// Injected is how many requests there were, and how many of them went wrong in
// each way.
func (p *Proxy) Injected() (requests int, byKind map[faults.Do]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests, maps.Clone(p.injected)
}

// ServeHTTP passes a request on, unless the plan has it go wrong.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	action := p.decide(Operation(r))
	if action == nil {
		p.forward.ServeHTTP(w, r)
		return
	}
	switch {
	case action.Do == faults.Delay:
		hold(r, time.Duration(action.Delay))
		p.forward.ServeHTTP(w, r)
		return
	case action.Do == faults.CloseAfter && r.Method == http.MethodGet:
		p.forward.ServeHTTP(&cutShort{ResponseWriter: w}, r)
		return
	case action.Do.HasEffect():
		p.forward.ServeHTTP(&unsent{header: http.Header{}}, r)
	default:
		_, _ = io.Copy(io.Discard, r.Body) // clients see one kind of reset only: while they wait for the answer
	}
	hold(r, time.Duration(action.Delay))
	answer(w, r, action)
}

func (p *Proxy) decide(operation string) *faults.Action {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests++
	action, _ := p.injector.Request(operation)
	if action != nil {
		p.injected[action.Do]++
	}
	return action
}

func (p *Proxy) rewrite(r *httputil.ProxyRequest) {
	target, err := p.target()
	if err != nil {
		panic(http.ErrAbortHandler) // there is no service to reach yet
	}
	r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
	r.Out.URL.RawQuery = r.In.URL.RawQuery
	r.Out.Host = r.In.Host
}

func (p *Proxy) observe(r *http.Response) error {
	if p.answered != nil {
		p.answered(Answer{Operation: Operation(r.Request), Path: r.Request.URL.Path, Status: r.StatusCode})
	}
	return nil
}

func hold(r *http.Request, d time.Duration) {
	if d == 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
}

// unsent takes an answer that no client gets to see.
type unsent struct{ header http.Header }

func (u *unsent) Header() http.Header            { return u.header }
func (u *unsent) WriteHeader(int)                {}
func (u *unsent) Write(text []byte) (int, error) { return len(text), nil }

// cutShort sends the header of an answer and half of the first piece of its
// body.
type cutShort struct{ http.ResponseWriter }

var errCut = errors.New("the answer is cut short by the fault plan")

func (c *cutShort) Write(text []byte) (int, error) {
	n, err := c.ResponseWriter.Write(text[:len(text)/2])
	return n, errors.Join(errCut, err)
}

func (c *cutShort) Unwrap() http.ResponseWriter { return c.ResponseWriter }
