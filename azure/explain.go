package azure

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// Codes of errors that never reached a service or came from signing in.
const (
	CodeNetwork     = "Network"
	CodeTimeout     = "Timeout"
	CodeCertificate = "Certificate"
	CodeCredential  = "Credential"
	CodeCancelled   = "Cancelled"
	CodeFile        = "LocalFile"
)

// Explanation is an error as a program and a person need it.
type Explanation struct {
	Code    string // the service's own, or one of CodeNetwork to CodeFile; may be empty
	Status  int    // of HTTP; 0 when no service answered
	Kind    Kind
	Message string // what happened, on one line of at most 1 KiB, without secrets
	Advice  string // what a person can do; empty when there is nothing
	// RetryAfter is how long the service asked to wait; 0: it did not say.
	RetryAfter time.Duration
}

// Retryable says whether the same request may succeed later without anybody
// changing it. An error that nobody knows counts as one that may.
func (e Explanation) Retryable() bool {
	switch e.Kind {
	case Retry, Wait, Deleting, Unknown:
		return true
	}
	return false
}

// String is the message and the advice, on one line.
func (e Explanation) String() string {
	if e.Advice == "" {
		return e.Message
	}
	return e.Message + "; " + e.Advice
}

// Explain finds out what err means: an answer of Batch or Blob, a failure to
// sign in with Entra ID, an expired or cancelled context, or the network. What
// callers wrapped around it stays in the message; the dumps of requests that
// azcore and azidentity make of themselves do not. A nil err explains to the
// zero Explanation.
func Explain(err error) Explanation {
	if err == nil {
		return Explanation{}
	}
	for _, explain := range []func(error) (Explanation, bool){
		explainResponse, explainSignIn, explainContext, explainFile, explainCertificate, explainNetwork,
	} {
		if e, ok := explain(err); ok {
			e.Message = oneLine(e.Message)
			return e
		}
	}
	return Explanation{Kind: Unknown, Message: oneLine(err.Error())}
}

// Is says whether err is an answer of a service with one of the codes.
func Is(err error, codes ...string) bool {
	response, ok := errors.AsType[*azcore.ResponseError](err)
	return ok && slices.Contains(codes, response.ErrorCode)
}

func explainResponse(err error) (Explanation, bool) {
	response, ok := errors.AsType[*azcore.ResponseError](err)
	if !ok {
		return Explanation{}, false
	}
	e := Explanation{Code: response.ErrorCode, Status: response.StatusCode, RetryAfter: retryAfter(response.RawResponse)}
	if known, ok := codes[response.ErrorCode]; ok {
		e.Kind, e.Advice = known.kind, known.advice
	} else {
		e.Kind, e.Advice = byStatus(response.StatusCode)
	}
	text := summary(response)
	if response.StatusCode == http.StatusForbidden && strings.Contains(text, "failed to authenticate") {
		e.Advice = adviceKey // whatever the code: Azurite's for a wrong key is Azure's for a firewall
	}
	e.Message = strings.Replace(err.Error(), response.Error(), text, 1)
	return e, true
}

// retryAfter reads the header in its form of seconds, which is what Batch and
// Blob send. No more than a minute is believed, as azcore does.
func retryAfter(response *http.Response) time.Duration {
	if response == nil {
		return 0
	}
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, time.Minute)
}

// byStatus classes what is not in the table: codes that are newer than it, and
// answers to HEAD, which have no code.
func byStatus(status int) (Kind, string) {
	switch {
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= 500 && status != http.StatusNotImplemented:
		return Retry, adviceLater
	case status == http.StatusNotFound, status == http.StatusGone:
		return Gone, ""
	case status == http.StatusUnauthorized:
		return Denied, adviceKey
	case status == http.StatusForbidden:
		return Denied, adviceKey + "; with Entra ID, " + adviceRole
	case status >= 300:
		return Refused, ""
	}
	return Unknown, ""
}

// credentialError is what azidentity's errors have in common: most of their
// types are not exported, but none is worth another try.
type credentialError interface {
	error
	NonRetriable()
}

const adviceSignIn = "sign in (az login), give this machine a managed identity, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET; an account key works too: " + EnvBatchAccountKey + " and " + EnvStorageConnectionString

func explainSignIn(err error) (Explanation, bool) {
	if errors.Is(err, context.Canceled) {
		return Explanation{}, false
	}
	if failed, ok := errors.AsType[*azidentity.AuthenticationFailedError](err); ok {
		e := Explanation{Code: CodeCredential, Kind: Denied, Advice: adviceSignIn}
		what := "Entra ID could not be asked: " + failed.Error()
		switch response := failed.RawResponse; {
		case response != nil:
			e.Status = response.StatusCode
			what = fmt.Sprintf("Entra ID refused to sign in (HTTP %d): %s", response.StatusCode, signInMessage(response))
			if kind, _ := byStatus(e.Status); kind == Retry {
				e.Kind, e.Advice = Retry, adviceLater
			}
		case looksLikeNetwork(failed.Error()):
			e.Kind, e.Advice = Retry, "check this machine's way to login.microsoftonline.com"
		}
		e.Message = strings.Replace(err.Error(), failed.Error(), what, 1)
		return e, true
	}
	if unavailable, ok := errors.AsType[credentialError](err); ok {
		return Explanation{Code: CodeCredential, Kind: Denied, Advice: adviceSignIn,
			Message: strings.Replace(err.Error(), unavailable.Error(), "no credential for Entra ID: "+firstLine(unavailable.Error()), 1)}, true
	}
	return Explanation{}, false
}

// looksLikeNetwork reads the text, because azidentity does not wrap the cause.
func looksLikeNetwork(text string) bool {
	for _, sign := range []string{"dial tcp", "i/o timeout", "no such host", "connection re", "EOF", "TLS handshake", "network is unreachable"} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}

func explainContext(err error) (Explanation, bool) {
	switch {
	case errors.Is(err, context.Canceled):
		return Explanation{Code: CodeCancelled, Kind: Cancelled, Message: err.Error()}, true
	case errors.Is(err, context.DeadlineExceeded):
		return Explanation{Code: CodeTimeout, Kind: Retry, Message: err.Error()}, true
	}
	return Explanation{}, false
}

// explainFile must come before explainNetwork: the errno in a file's error has
// the methods of a net.Error.
func explainFile(err error) (Explanation, bool) {
	_, path := errors.AsType[*fs.PathError](err)
	_, link := errors.AsType[*os.LinkError](err)
	if !path && !link {
		return Explanation{}, false
	}
	return Explanation{Code: CodeFile, Kind: Refused, Message: err.Error(),
		Advice: "look at this machine's file of that name, its directory, and the space and rights there"}, true
}

func explainCertificate(err error) (Explanation, bool) {
	_, verification := errors.AsType[*tls.CertificateVerificationError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, hostname := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	if !verification && !authority && !hostname && !invalid {
		return Explanation{}, false
	}
	return Explanation{Code: CodeCertificate, Kind: Refused, Message: err.Error(),
		Advice: "check the endpoint, this machine's clock, and that its certificate store knows a proxy's certificate (SSL_CERT_FILE)"}, true
}

func explainNetwork(err error) (Explanation, bool) {
	e := Explanation{Code: CodeNetwork, Kind: Retry, Message: err.Error()}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		e.Advice = "check the endpoint's name: no host is called " + dns.Name
		return e, true
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		e.Advice = "check the endpoint, and that the service runs there"
		return e, true
	}
	failure, ok := errors.AsType[net.Error](err)
	if ok && failure.Timeout() {
		e.Code = CodeTimeout
	}
	return e, ok || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// maxMessage keeps an error small enough for a history that holds each twice.
const maxMessage = 1 << 10

func oneLine(s string) string {
	s = Scrub(strings.Join(strings.Fields(strings.ToValidUTF8(s, "\uFFFD")), " "))
	if len(s) <= maxMessage {
		return s
	}
	end := maxMessage - len("…")
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return strings.TrimSpace(line)
}
