// Package sharedkey signs requests to Azure Batch with an account's key. The
// clients of azbatch take a credential of Entra ID alone; with none, and a
// [Credential] of this package among their policies, they use the key:
//
//	credential, err := sharedkey.New(account, key)
//	...
//	client, err := azbatch.NewClient(url, nil, &azbatch.ClientOptions{ClientOptions: azcore.ClientOptions{
//		PerRetryPolicies: []policy.Policy{credential},
//	}})
//
// Any other request can be signed with [Credential.Sign]. The package needs
// nothing of the service, and works against Azure as well.
package sharedkey

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// Credential is the name and key of a Batch account. It is a policy of azcore,
// which signs each try of a request.
type Credential struct {
	account string
	key     []byte
}

// New makes a credential of an account's name and its key, in base64 as Azure
// shows it.
func New(account, key string) (*Credential, error) {
	if account == "" {
		return nil, errors.New("the name of the Batch account is missing")
	}
	decoded, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(decoded) == 0 {
		return nil, errors.New("the key of the Batch account is not base64; copy the whole key") // without the key itself
	}
	return &Credential{account: account, key: decoded}, nil
}

// Do implements policy.Policy. Each try is signed anew: the service refuses a
// date that is more than 15 minutes old.
func (c *Credential) Do(req *policy.Request) (*http.Response, error) {
	c.Sign(req.Raw(), time.Now())
	return req.Next()
}

// Sign signs a request that is complete and about to be sent.
func (c *Credential) Sign(r *http.Request, now time.Time) {
	delete(r.Header, "ocp-date") // where azbatch puts the option OCPDate, past Header's own spelling
	r.Header.Set("ocp-date", now.UTC().Format(http.TimeFormat))
	mac := hmac.New(sha256.New, c.key)
	mac.Write([]byte(StringToSign(r, c.account, sentLength(r))))
	r.Header.Set("Authorization", "SharedKey "+c.account+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// sentLength is the Content-Length that net/http will send: a 0 for methods
// that usually have a body, nothing for the others.
func sentLength(r *http.Request) string {
	if r.ContentLength > 0 {
		return strconv.FormatInt(r.ContentLength, 10)
	}
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		return "0"
	}
	return ""
}

// StringToSign is what a client of account signs for r, whose header
// Content-Length has, or is going to have, this text (Batch REST reference,
// "Authenticate requests to the Azure Batch service").
func StringToSign(r *http.Request, account, contentLength string) string {
	var b strings.Builder
	line := func(text string) { b.WriteString(text); b.WriteByte('\n') }
	h := r.Header
	date := h.Get("Date")
	if h.Get("ocp-date") != "" {
		date = ""
	}
	line(r.Method)
	line(h.Get("Content-Encoding"))
	line(h.Get("Content-Language"))
	line(contentLength)
	line(h.Get("Content-MD5"))
	line(h.Get("Content-Type"))
	line(date)
	line(h.Get("If-Modified-Since"))
	line(h.Get("If-Match"))
	line(h.Get("If-None-Match"))
	line(h.Get("If-Unmodified-Since"))
	line(h.Get("Range"))
	for _, text := range canonicalHeaders(h) {
		line(text)
	}
	b.WriteString("/" + account + escapedPath(r) + canonicalQuery(r.URL))
	return b.String()
}

// escapedPath is the request's path as it was or will be sent: a server would
// otherwise escape what a client has not.
func escapedPath(r *http.Request) string {
	if path, _, _ := strings.Cut(r.RequestURI, "?"); strings.HasPrefix(path, "/") {
		return path
	}
	return r.URL.EscapedPath()
}

func canonicalHeaders(h http.Header) []string {
	var lines []string
	for name, values := range h {
		if name := strings.ToLower(name); strings.HasPrefix(name, "ocp-") {
			lines = append(lines, name+":"+strings.Join(values, ","))
		}
	}
	slices.Sort(lines)
	return lines
}

func canonicalQuery(u *url.URL) string {
	merged := map[string][]string{}
	for name, values := range u.Query() {
		name = strings.ToLower(name)
		merged[name] = append(merged[name], values...)
	}
	var names []string
	for name := range merged {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		slices.Sort(merged[name])
		b.WriteString("\n" + name + ":" + strings.Join(merged[name], ","))
	}
	return b.String()
}
