package node

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// confinedClient is base with redirects to other hosts refused: a task's
// addresses are given by whoever may submit tasks, and a host they name must
// not be able to send the service on to one that only the service can reach.
func confinedClient(base *http.Client) *http.Client {
	c := &http.Client{}
	if base != nil {
		*c = *base
	}
	if c.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		// Blobs are stored as they come, whatever their Content-Encoding.
		t.DisableCompression = true
		t.MaxIdleConnsPerHost = 16
		t.ResponseHeaderTimeout = 2 * time.Minute
		c.Transport = t
	}
	c.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		first := via[0].URL
		if next.URL.Host != first.Host || next.URL.Scheme != first.Scheme {
			return fmt.Errorf("%w: %s://%s", errRedirect, next.URL.Scheme, next.URL.Host)
		}
		if len(via) >= 5 {
			return fmt.Errorf("%w: more than five in a row", errRedirect)
		}
		return nil
	}
	return c
}

var errRedirect = errors.New("redirect refused")

// httpAddress refuses everything that is not http or https with a host.
func httpAddress(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("not a URL: %w", plain(err))
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, errors.New("not an http or https address")
	}
	return u, nil
}

// source names an address to people: without its query, which may hold a SAS
// or another service's secret, and without a password.
func source(text string) string {
	u, err := httpAddress(text)
	if err != nil {
		return "(an address that is not http or https)"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// containerClient reaches a container by the SAS in its address.
func (m *Machine) containerClient(address string) (*container.Client, error) {
	if _, err := httpAddress(address); err != nil {
		return nil, err
	}
	return container.NewClientWithNoCredential(address, &container.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport: m.client,
		Retry:     m.retryOptions(),
	}})
}

// containerClientFor reaches a container by the rights of an identity, if one
// is given.
func (m *Machine) containerClientFor(address, identity string) (*container.Client, error) {
	address, err := m.withAccess(address, identity)
	if err != nil {
		return nil, err
	}
	return m.containerClient(address)
}

const (
	maxPause   = 30 * time.Second
	tryTimeout = 15 * time.Minute // enough for 256 MB at 300 KB/s, the most that one request sends
)

func (m *Machine) retryOptions() policy.RetryOptions {
	opts := policy.RetryOptions{
		MaxRetries:    int32(m.tries - 1),
		TryTimeout:    tryTimeout,
		RetryDelay:    m.delay,
		MaxRetryDelay: maxPause,
	}
	if opts.MaxRetries == 0 {
		opts.MaxRetries = -1 // to the SDK, 0 is its default
	}
	return opts
}

// pause waits before the try that follows try, which counts from 0.
func (m *Machine) pause(ctx context.Context, try int, retryAfter time.Duration) {
	wait := min(m.delay<<try, maxPause)
	wait = max(wait/2+rand.N(wait/2+1), min(retryAfter, maxPause))
	select {
	case <-time.After(wait):
	case <-ctx.Done():
	}
}

// statusError is an answer that is not the file.
type statusError struct {
	status     int
	code       string
	retryAfter time.Duration
}

func newStatusError(resp *http.Response) *statusError {
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
	return &statusError{
		status:     resp.StatusCode,
		code:       resp.Header.Get("x-ms-error-code"),
		retryAfter: time.Duration(max(seconds, 0)) * time.Second,
	}
}

func (e *statusError) Error() string {
	text := fmt.Sprintf("the server answered %d %s", e.status, http.StatusText(e.status))
	if e.code != "" {
		text += " (" + e.code + ")"
	}
	return text
}

func retryableStatus(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
}

// statusOf is the HTTP status in an error, or 0.
func statusOf(err error) int {
	var denied *accessError
	if errors.As(err, &denied) {
		return http.StatusForbidden
	}
	var s *statusError
	if errors.As(err, &s) {
		return s.status
	}
	var r *azcore.ResponseError
	if errors.As(err, &r) {
		return r.StatusCode
	}
	return 0
}

// plain is what an error says without the address of the request, which the
// failure names elsewhere, or the dump of the answer.
func plain(err error) error {
	var r *azcore.ResponseError
	if errors.As(err, &r) {
		return &statusError{status: r.StatusCode, code: r.ErrorCode}
	}
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func timedOut(err error) bool {
	var n net.Error
	return errors.Is(err, errStalled) || errors.As(err, &n) && n.Timeout()
}
