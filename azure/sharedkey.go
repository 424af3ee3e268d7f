package azure

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// sharedKeyPolicy signs each try of a Batch request with the account key,
// which azbatch cannot (source: Batch REST reference, Authenticate via Shared
// Key).
type sharedKeyPolicy struct {
	account string
	key     []byte
	now     func() time.Time
}

func newSharedKeyPolicy(account, key string, now func() time.Time) (*sharedKeyPolicy, error) {
	if account == "" {
		return nil, errors.New("the Batch account has a key but no name; set " + EnvBatchAccountName)
	}
	decoded, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		return nil, errors.New("the Batch account key is not valid base64; copy the whole key")
	}
	return &sharedKeyPolicy{account: account, key: decoded, now: now}, nil
}

// Do sets the date anew for each try: the service refuses one that is older
// than 15 minutes, and retries may wait.
func (p *sharedKeyPolicy) Do(req *policy.Request) (*http.Response, error) {
	raw := req.Raw()
	delete(raw.Header, "ocp-date") // where azbatch puts the option OCPDate, past Header's own spelling
	raw.Header.Set("ocp-date", p.now().UTC().Format(http.TimeFormat))
	mac := hmac.New(sha256.New, p.key)
	mac.Write([]byte(p.stringToSign(raw)))
	raw.Header.Set("Authorization", "SharedKey "+p.account+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return req.Next()
}

// stringToSign is the verb and eleven headers, each on its line, then the
// ocp- headers, then account, path and query. The Date header is empty, since
// ocp-date takes its place.
func (p *sharedKeyPolicy) stringToSign(r *http.Request) string {
	var b strings.Builder
	for _, value := range []string{
		r.Method,
		r.Header.Get("Content-Encoding"),
		r.Header.Get("Content-Language"),
		contentLength(r),
		r.Header.Get("Content-MD5"),
		r.Header.Get("Content-Type"),
		r.Header.Get("Date"),
		r.Header.Get("If-Modified-Since"),
		r.Header.Get("If-Match"),
		r.Header.Get("If-None-Match"),
		r.Header.Get("If-Unmodified-Since"),
		r.Header.Get("Range"),
	} {
		b.WriteString(value + "\n")
	}
	b.WriteString(canonicalHeaders(r.Header))
	b.WriteString(p.canonicalResource(r))
	return b.String()
}

// contentLength is the text net/http will send: a 0 for methods that usually
// have a body, nothing for the others.
func contentLength(r *http.Request) string {
	if r.ContentLength > 0 {
		return strconv.FormatInt(r.ContentLength, 10)
	}
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		return "0"
	}
	return ""
}

func canonicalHeaders(header http.Header) string {
	values := make(map[string]string)
	for name := range header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "ocp-") {
			values[lower] = strings.Join(header[name], ",")
		}
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		b.WriteString(name + ":" + values[name] + "\n")
	}
	return b.String()
}

// canonicalResource keeps the path as it is sent, so that an escaped slash in
// a file's name stays escaped; query values are decoded.
func (p *sharedKeyPolicy) canonicalResource(r *http.Request) string {
	values := make(map[string]string)
	for name, all := range r.URL.Query() {
		slices.Sort(all)
		values[strings.ToLower(name)] = strings.Join(all, ",")
	}
	var b strings.Builder
	b.WriteString("/" + p.account + r.URL.EscapedPath())
	for _, name := range slices.Sorted(maps.Keys(values)) {
		b.WriteString("\n" + name + ":" + values[name])
	}
	return b.String()
}
