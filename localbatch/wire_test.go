package localbatch_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch"
)

// rawRequest is a request as a client other than azbatch might send it.
type rawRequest struct {
	method, path, query, body string
	headers                   map[string]string
	host                      string
	unsigned                  bool
	date                      time.Time
	signedPath                string // instead of path
	account                   string
	key                       []byte
}

const latest = "api-version=2024-07-01.20.0"

func (w *world) send(q rawRequest) *http.Response {
	w.t.Helper()
	if q.query == "" {
		q.query = latest
	}
	request, err := http.NewRequest(q.method, w.url+q.path+"?"+q.query, strings.NewReader(q.body))
	require.NoError(w.t, err)
	for name, value := range q.headers {
		request.Header.Set(name, value)
	}
	if q.host != "" {
		request.Host = q.host
	}
	if q.date.IsZero() {
		q.date = time.Now()
	}
	if !q.unsigned {
		q.sign(request)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(request) // follows no redirects
	require.NoError(w.t, err)
	w.t.Cleanup(func() { answer.Body.Close() })
	return answer
}

// sign is written from the REST reference's text, for queries whose parameters
// are in the order of their names.
func (q rawRequest) sign(r *http.Request) {
	if q.signedPath == "" {
		q.signedPath = q.path
	}
	if q.account == "" {
		q.account = account
	}
	if q.key == nil {
		q.key, _ = base64.StdEncoding.DecodeString(accountKey)
	}
	r.Header.Set("ocp-date", q.date.UTC().Format(http.TimeFormat))
	length := ""
	if len(q.body) > 0 {
		length = fmt.Sprint(len(q.body))
	}
	h := r.Header
	lines := []string{q.method, "", "", length, "", h.Get("Content-Type"), "",
		h.Get("If-Modified-Since"), h.Get("If-Match"), h.Get("If-None-Match"), h.Get("If-Unmodified-Since"), h.Get("Range")}
	for _, name := range []string{"ocp-date", "ocp-range"} {
		if value := h.Get(name); value != "" {
			lines = append(lines, name+":"+value)
		}
	}
	text := strings.Join(lines, "\n") + "\n/" + q.account + q.signedPath
	for parameter := range strings.SplitSeq(q.query, "&") {
		name, value, _ := strings.Cut(parameter, "=")
		name, _ = url.QueryUnescape(name)
		if value, err := url.QueryUnescape(value); err == nil {
			text += "\n" + strings.ToLower(name) + ":" + value
		}
	}
	mac := hmac.New(sha256.New, q.key)
	mac.Write([]byte(text))
	r.Header.Set("Authorization", "SharedKey "+q.account+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

type errorBody struct {
	Metadata string `json:"odata.metadata"`
	Code     string
	Message  struct{ Lang, Value string }
	Values   []struct{ Key, Value string }
}

func (w *world) requireError(q rawRequest, status int, code string) errorBody {
	w.t.Helper()
	answer := w.send(q)
	text, err := io.ReadAll(answer.Body)
	require.NoError(w.t, err)
	require.Equal(w.t, status, answer.StatusCode, "%s %s: %s", q.method, q.path, text)
	var body errorBody
	require.NoError(w.t, json.Unmarshal(text, &body), "%s", text)
	require.Equal(w.t, code, body.Code, "%s", text)
	require.Equal(w.t, code, answer.Header.Get("x-ms-error-code"))
	require.Contains(w.t, body.Metadata, "$metadata#")
	require.Equal(w.t, "en-US", body.Message.Lang)
	require.Contains(w.t, body.Message.Value, "RequestId:"+answer.Header.Get("request-id"))
	require.Equal(w.t, "3.0", answer.Header.Get("DataServiceVersion"))
	require.Contains(w.t, answer.Header.Get("Content-Type"), "application/json")
	return body
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	w := start(t)
	list := rawRequest{method: http.MethodGet, path: "/pools"}
	require.Equal(t, http.StatusOK, w.send(list).StatusCode)

	with := func(f func(*rawRequest)) rawRequest {
		q := list
		f(&q)
		return q
	}
	header := func(value string) rawRequest {
		return with(func(q *rawRequest) {
			q.unsigned, q.headers = true, map[string]string{"Authorization": value}
		})
	}
	const failed = "AuthenticationFailed"
	cases := map[string]struct {
		request rawRequest
		status  int
		code    string
	}{
		"none":          {with(func(q *rawRequest) { q.unsigned = true }), 400, "MissingRequiredHeader"},
		"bearer":        {header("Bearer abc"), 401, failed},
		"other scheme":  {header("Basic abc"), 400, "InvalidAuthenticationInfo"},
		"no signature":  {header("SharedKey " + account), 400, "InvalidAuthenticationInfo"},
		"not base64":    {header("SharedKey " + account + ":*"), 400, "InvalidAuthenticationInfo"},
		"no date":       {header("SharedKey " + account + ":YWJj"), 403, failed},
		"wrong key":     {with(func(q *rawRequest) { q.key = []byte("another") }), 403, failed},
		"wrong account": {with(func(q *rawRequest) { q.account = "another" }), 403, failed},
		"tampered path": {with(func(q *rawRequest) { q.path, q.signedPath = "/jobs", "/pools" }), 403, failed},
		"old":           {with(func(q *rawRequest) { q.date = time.Now().Add(-16 * time.Minute) }), 403, failed},
		"from tomorrow": {with(func(q *rawRequest) { q.date = time.Now().Add(24 * time.Hour) }), 403, failed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			body := w.requireError(c.request, c.status, c.code)
			for _, v := range body.Values {
				require.NotContains(t, v.Value, accountKey)
			}
		})
	}
	require.Equal(t, http.StatusOK, w.send(with(func(q *rawRequest) { q.date = time.Now().Add(-14 * time.Minute) })).StatusCode)
}

func TestRequestsAreChecked(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 1))
	w.job("job", "pool")
	w.add("one", "true")
	w.completed("one")
	type check struct {
		method, path, query, body string
		status                    int
		code                      string
	}
	for _, c := range []check{
		{"GET", "/pools", "x=y", "", 400, "UnsupportedQueryParameter"},
		{"GET", "/pools", "api-version=2016-01-01.1.0", "", 400, "UnsupportedRequestVersion"},
		{"GET", "/pools", "api-version=latest", "", 400, "UnsupportedRequestVersion"},
		{"GET", "/pools", "timeout=3", "", 400, "MissingRequiredQueryParameter"},
		{"GET", "/pools", latest + "&maxresults=0", "", 400, "OutOfRangeQueryParameterValue"},
		{"GET", "/pools", latest + "&maxresults=1001", "", 400, "OutOfRangeQueryParameterValue"},
		{"GET", "/pools", latest + "&maxresults=x", "", 400, "InvalidQueryParameterValue"},
		{"GET", "/nothing", "", "", 404, "ResourceNotFound"},
		{"GET", "/pools/pool/", "", "", 404, "ResourceNotFound"},
		{"PUT", "/pools/pool", "", "", 405, "UnsupportedHttpVerb"},
		{"GET", "/certificates(thumbprintAlgorithm=sha1,thumbprint=00)", "", "", 404, "CertificateNotFound"},
		{"GET", "/certificatesX)", "", "", 404, "ResourceNotFound"},
		{"GET", "/certificates(thumbprint=00)", "", "", 400, "InvalidUri"},
		{"PUT", "/certificates(thumbprintAlgorithm=sha1,thumbprint=00)", "", "", 404, "ResourceNotFound"},
		{"GET", "//pools", "", "", 400, "InvalidUri"},
		{"GET", "/pools/../jobs", "", "", 400, "InvalidUri"},
		{"GET", "/jobs/job/tasks/one/files/..%2F..%2F..%2F..%2F..%2Faccount.key", "", "", 404, "FileNotFound"},
		{"GET", "/jobs/job/tasks/one/files/%2Fetc%2Fpasswd", "", "", 404, "FileNotFound"},
		{"GET", "/jobs/job/tasks/one/files/..", "", "", 400, "InvalidUri"},
		{"POST", "/jobs", "", "", 400, "InvalidRequestBody"},
		{"POST", "/jobs", "", "[]", 400, "InvalidPropertyValue"},
		{"POST", "/jobs", "", "{} {}", 400, "InvalidRequestBody"},
		{"POST", "/jobs", "", "{", 400, "InvalidRequestBody"},
		{"POST", "/jobs", "", `{"poolInfo":{"poolId":"pool"}}`, 400, "MissingRequiredProperty"},
		{"POST", "/jobs", "", `{"id":"a b","poolInfo":{"poolId":"pool"}}`, 400, "InvalidPropertyValue"},
		{"POST", "/jobs", "", `{"id":"` + strings.Repeat("a", 65) + `","poolInfo":{"poolId":"pool"}}`, 400, "InvalidPropertyValue"},
		{"POST", "/jobs", "", `{"id":"a","poolInfo":{"poolId":"pool"},"priority":"high"}`, 400, "InvalidPropertyValue"},
		{"POST", "/jobs", "", `{"id":"a","poolInfo":{"poolId":"pool"},"invented":1}`, 400, "UnsupportedProperty"},
		{"POST", "/jobs", "", `{"id":"a","poolInfo":{"poolId":"pool"},"constraints":{"maxWallClockTime":"1h"}}`, 400, "InvalidPropertyValue"},
		{"POST", "/jobs", "", `{"id":"a","poolInfo":{"autoPoolSpecification":{"poolLifetimeOption":"job"}}}`, 400, "MissingRequiredProperty"},
		{"POST", "/jobs/job/tasks", "", `{"id":"a","commandLine":"true","dependsOn":{"taskIds":["b"]}}`, 400, "TaskDependenciesNotSpecifiedOnJob"},
		{"POST", "/jobs/job/tasks", "", `{"id":"a","commandLine":"  "}`, 400, "MissingRequiredProperty"},
		{"POST", "/jobs/job/tasks", "", `{"id":"a","commandLine":"x","resourceFiles":[{"httpUrl":"file:///etc/passwd","filePath":"x"}]}`, 400, "InvalidPropertyValue"},
		{"POST", "/jobs/job/tasks", "", `{"id":"a","commandLine":"x","resourceFiles":[{"httpUrl":"http://h/x","filePath":"../x"}]}`, 400, "InvalidPropertyValue"},
		{"POST", "/pools", "", `{"id":"p","vmSize":"x"}`, 400, "MissingRequiredProperty"},
		{"POST", "/pools", "", `{"id":"p","vmSize":"x","applicationLicenses":["maya"]}`, 400, "UnsupportedProperty"},
		{"POST", "/jobs/job/disable", "", `{"disableTasks":"later"}`, 400, "InvalidPropertyValue"},
		{"POST", "/jobs/job/enable", "", ``, 409, "OperationInvalidForCurrentState"},
		{"GET", "/jobs/job/jobpreparationandreleasetaskstatus", "", "", 409, "JobPreparationTaskNotSpecified"},
	} {
		t.Run(c.method+" "+c.path+" "+c.code, func(t *testing.T) {
			q := rawRequest{method: c.method, path: c.path, query: c.query, body: c.body}
			if c.query != "" && strings.Contains(c.query, "&") { // signed in the order of the names
				q.query = c.query
			}
			w.requireError(q, c.status, c.code)
		})
	}
	body := w.requireError(rawRequest{method: "POST", path: "/jobs", body: `{"id":"a","constraints":{"maxTaskRetryCount":1.5}}`}, 400, "InvalidPropertyValue")
	require.Equal(t, "PropertyName", body.Values[0].Key)
	require.Equal(t, "constraints.maxTaskRetryCount", body.Values[0].Value)
}

func TestHostsAreChecked(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *localbatch.Options) { o.Hosts = []string{"batch.test"} })
	for host, status := range map[string]int{
		"localhost:1": 200, "127.0.0.1": 200, "[::1]:80": 200, "BATCH.test:99": 200, "evil.example": 400, "127.0.0.1.evil.example": 400,
	} {
		require.Equal(t, status, w.send(rawRequest{method: "GET", path: "/pools", host: host}).StatusCode, host)
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	w := start(t)
	answer := w.send(rawRequest{method: "POST", path: "/pools", headers: map[string]string{
		"Content-Type": "application/json; odata=minimalmetadata; charset=utf-8", "client-request-id": "me", "return-client-request-id": "true",
	}, body: `{"id":"Pool","vmSize":"small","certificateReferences":[],"virtualMachineConfiguration":{"imageReference":{"publisher":"p","offer":"o","sku":"s"},"nodeAgentSKUId":"batch.node.ubuntu 24.04"}}`})
	require.Equal(t, http.StatusCreated, answer.StatusCode)
	require.Regexp(t, `^0x8D[0-9A-F]{13}$`, answer.Header.Get("ETag"))
	require.Equal(t, w.url+"/pools/Pool", answer.Header.Get("Location"))
	require.Equal(t, w.url+"/pools/Pool", answer.Header.Get("DataServiceId"))
	require.Equal(t, "me", answer.Header.Get("client-request-id"))
	_, err := time.Parse(http.TimeFormat, answer.Header.Get("Last-Modified"))
	require.NoError(t, err)
	require.Empty(t, read(t, answer))

	answer = w.send(rawRequest{method: "HEAD", path: "/pools/pool"})
	require.Equal(t, http.StatusOK, answer.StatusCode)
	answer = w.send(rawRequest{method: "HEAD", path: "/pools/none"})
	require.Equal(t, http.StatusNotFound, answer.StatusCode)
	require.Equal(t, "PoolNotFound", answer.Header.Get("x-ms-error-code"))
	answer = w.send(rawRequest{method: "HEAD", path: "/jobs"})
	require.Equal(t, http.StatusMethodNotAllowed, answer.StatusCode)

	text := read(t, w.send(rawRequest{method: "GET", path: "/pools"}))
	require.True(t, strings.HasPrefix(text, `{"odata.metadata":"`+w.url+`/$metadata#pools","value":[{`), text)
	require.NotContains(t, text, "nextLink")
	require.NotContains(t, text, "nodeDeallocationOption")
	text = read(t, w.send(rawRequest{method: "GET", path: "/pools/Pool", query: "$select=id,state&" + latest}))
	require.JSONEq(t, `{"odata.metadata":"`+w.url+`/$metadata#pools/@Element","id":"Pool","state":"active"}`, text)
}

func read(t testing.TB, answer *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(text)
}
