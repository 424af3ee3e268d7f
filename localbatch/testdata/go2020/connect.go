package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/go-autorest/autorest"
)

// sharedKey signs requests with a Batch account's key, for which this SDK has
// nothing: set it as the Authorizer of each client.
type sharedKey struct {
	account string
	key     []byte
}

// fromEnvironment is where the account is, and how to sign for it.
func fromEnvironment() (url string, authorizer autorest.Authorizer, err error) {
	key, err := base64.StdEncoding.DecodeString(os.Getenv("AZURE_BATCH_ACCOUNT_KEY"))
	return os.Getenv("AZURE_BATCH_ENDPOINT"), sharedKey{os.Getenv("AZURE_BATCH_ACCOUNT_NAME"), key}, err
}

// WithAuthorization implements autorest.Authorizer.
func (k sharedKey) WithAuthorization() autorest.PrepareDecorator {
	return func(next autorest.Preparer) autorest.Preparer {
		return autorest.PreparerFunc(func(r *http.Request) (*http.Request, error) {
			r, err := next.Prepare(r)
			if err != nil {
				return r, err
			}
			r.Header.Del("ocp-date")
			r.Header.Set("ocp-date", time.Now().UTC().Format(http.TimeFormat))
			mac := hmac.New(sha256.New, k.key)
			mac.Write([]byte(k.text(r)))
			r.Header.Set("Authorization", "SharedKey "+k.account+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
			return r, nil
		})
	}
}

// text is what is signed: verb and headers, then the account, path and query.
func (k sharedKey) text(r *http.Request) string {
	length := ""
	if r.ContentLength > 0 {
		length = strconv.FormatInt(r.ContentLength, 10)
	}
	h := r.Header
	lines := []string{
		r.Method, h.Get("Content-Encoding"), h.Get("Content-Language"), length, h.Get("Content-MD5"), h.Get("Content-Type"), "",
		h.Get("If-Modified-Since"), h.Get("If-Match"), h.Get("If-None-Match"), h.Get("If-Unmodified-Since"), h.Get("Range"),
	}
	var ocp, query []string
	for name := range h {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "ocp-") {
			ocp = append(ocp, lower+":"+h.Get(name))
		}
	}
	for name, values := range r.URL.Query() {
		query = append(query, strings.ToLower(name)+":"+strings.Join(values, ","))
	}
	slices.Sort(ocp)
	slices.Sort(query)
	lines = append(lines, ocp...)
	lines = append(lines, "/"+k.account+r.URL.EscapedPath())
	return strings.Join(append(lines, query...), "\n")
}
