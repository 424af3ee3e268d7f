package sharedkey_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch/sharedkey"
)

var key = base64.StdEncoding.EncodeToString([]byte("only tests know this key"))

const date = "Mon, 02 Jan 2006 15:04:05 GMT"

func credential(t *testing.T) *sharedkey.Credential {
	t.Helper()
	c, err := sharedkey.New("account", key)
	require.NoError(t, err)
	return c
}

func request(t *testing.T, method, url, body string, headers ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// The texts follow the reference's description: the verb and eleven headers,
// each with a line of its own, the ocp- headers in order, then the account with
// the path as it is sent, and the query in order and decoded.
func TestSign(t *testing.T) {
	t.Parallel()
	now, err := http.ParseTime(date)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		request *http.Request
		want    string
	}{
		"a list": {
			request(t, "GET", "http://h/pools?maxresults=5&api-version=1&$filter=state%20eq%20'active'&timeOut=30", ""),
			"GET\n\n\n\n\n\n\n\n\n\n\n\nocp-date:" + date + "\n/account/pools\n$filter:state eq 'active'\napi-version:1\nmaxresults:5\ntimeout:30",
		},
		"a body": {
			request(t, "POST", "http://h/pools?api-version=1", `{"a":1}`, "Content-Type", "application/json; odata=minimalmetadata"),
			"POST\n\n\n7\n\napplication/json; odata=minimalmetadata\n\n\n\n\n\n\nocp-date:" + date + "\n/account/pools\napi-version:1",
		},
		"no body": {
			request(t, "POST", "http://h/jobs/j/enable?api-version=1", "", "If-Match", "0x8D"),
			"POST\n\n\n0\n\n\n\n\n0x8D\n\n\n\nocp-date:" + date + "\n/account/jobs/j/enable\napi-version:1",
		},
		"an escaped path and a range": {
			request(t, "GET", "http://h/jobs/j/tasks/t/files/wd%2Fa%20b.txt?api-version=1&x=2&x=1", "", "ocp-range", "bytes=0-9", "Range", "bytes=1-2", "Date", "yesterday"),
			"GET\n\n\n\n\n\n\n\n\n\n\nbytes=1-2\nocp-date:" + date + "\nocp-range:bytes=0-9\n/account/jobs/j/tasks/t/files/wd%2Fa%20b.txt\napi-version:1\nx:1,2",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			credential(t).Sign(c.request, now)
			secret, err := base64.StdEncoding.DecodeString(key)
			require.NoError(t, err)
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(c.want))
			require.Equal(t, "SharedKey account:"+base64.StdEncoding.EncodeToString(mac.Sum(nil)), c.request.Header.Get("Authorization"))
		})
	}
}

func TestDatesAreTheCredentialsOwn(t *testing.T) {
	t.Parallel()
	seen := make(chan http.Header, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(server.Close)
	client, err := azbatch.NewClient(server.URL, nil, &azbatch.ClientOptions{ClientOptions: azcore.ClientOptions{
		PerRetryPolicies: []policy.Policy{credential(t)},
	}})
	require.NoError(t, err)
	_, err = client.GetPool(t.Context(), "pool", &azbatch.GetPoolOptions{OCPDate: to.Ptr(time.Now().Add(-time.Hour))})
	require.Error(t, err)
	h := <-seen
	require.Len(t, h.Values("ocp-date"), 1)
	sent, err := http.ParseTime(h.Get("ocp-date"))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), sent, time.Minute, "one that the service takes")
	require.True(t, strings.HasPrefix(h.Get("Authorization"), "SharedKey account:"))
}

func TestBadCredentials(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{{"", key}, {"account", ""}, {"account", "secret*"}} {
		_, err := sharedkey.New(c[0], c[1])
		require.Error(t, err)
		require.NotContains(t, err.Error(), "secret*")
	}
}
