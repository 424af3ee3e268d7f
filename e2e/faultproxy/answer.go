package faultproxy

import (
	"encoding/xml"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/durabatch/durabatch/localbatch/faults"
)

// blobError is the body of an error of Blob's (Storage REST reference, Status
// and error codes).
type blobError struct {
	XMLName xml.Name `xml:"Error"`
	Code    string
	Message string
}

// answer tells the client of what the plan has gone wrong.
func answer(w http.ResponseWriter, r *http.Request, action *faults.Action) {
	switch action.Do {
	case faults.TooManyRequests:
		retryAfter(w.Header(), action)
		fail(w, r, http.StatusTooManyRequests, "TooManyRequests", "Too many requests were made. Retry after some time.")
	case faults.ServerBusy:
		retryAfter(w.Header(), action)
		fail(w, r, http.StatusServiceUnavailable, "ServerBusy", "The server is currently unable to receive requests. Please retry your request.")
	case faults.ErrorBefore, faults.ErrorAfter:
		fail(w, r, http.StatusInternalServerError, "InternalError", "Server encountered an internal error. Please try again after some time.")
	default:
		hangUp(w)
	}
}

func fail(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	body, err := xml.Marshal(blobError{Code: code, Message: message})
	if err != nil {
		panic(err) // three strings
	}
	body = append([]byte(xml.Header), body...)
	h := w.Header()
	h.Set("Content-Type", "application/xml")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Server", "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0")
	h.Set("x-ms-error-code", code)
	h.Set("x-ms-request-id", "00000000-0000-0000-0000-000000000000")
	if version := r.Header.Get("x-ms-version"); version != "" {
		h.Set("x-ms-version", version)
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client may be gone
	}
}

// retryAfter sets what both generations of SDKs go by: whole seconds, and
// milliseconds where the wait is none of these.
func retryAfter(h http.Header, action *faults.Action) {
	wait := time.Second
	if action.RetryAfter != nil {
		wait = time.Duration(*action.RetryAfter)
	}
	seconds := (wait + time.Second - 1) / time.Second
	h.Set("Retry-After", strconv.Itoa(int(seconds)))
	if seconds*time.Second != wait {
		h.Set("x-ms-retry-after-ms", strconv.FormatInt(wait.Milliseconds(), 10))
	}
}

// hangUp resets the client's connection, as a server does that fell over.
func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}
