package azure

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
)

var testTime = time.Date(2026, 11, 23, 9, 8, 7, 0, time.FixedZone("CET", 3600))

// TestStringToSign holds the policy against strings that were written by hand
// from Batch's description of them.
func TestStringToSign(t *testing.T) {
	t.Parallel()
	p, err := newSharedKeyPolicy("myaccount", testKey, func() time.Time { return testTime })
	require.NoError(t, err)
	for name, test := range map[string]struct {
		method, url, body string
		header            map[string]string
		want              string
	}{
		"a list with a filter": {
			http.MethodGet, testBatch + "/jobs/j/tasks?api-version=2024-07-01.20.0&%24filter=state+eq+%27active%27&timeOut=30&maxresults=5", "", nil,
			"GET\n\n\n\n\n\n\n\n\n\n\n\nocp-date:Mon, 23 Nov 2026 08:08:07 GMT\n/myaccount/jobs/j/tasks\n$filter:state eq 'active'\napi-version:2024-07-01.20.0\nmaxresults:5\ntimeout:30",
		},
		"a body": {
			http.MethodPost, testBatch + "/jobs?api-version=1", `{"id":"j"}`,
			map[string]string{"Content-Type": "application/json; odata=minimalmetadata"},
			"POST\n\n\n10\n\napplication/json; odata=minimalmetadata\n\n\n\n\n\n\nocp-date:Mon, 23 Nov 2026 08:08:07 GMT\n/myaccount/jobs\napi-version:1",
		},
		"a post without a body": {
			http.MethodPost, testBatch + "/jobs/j/terminate?api-version=1", "", nil,
			"POST\n\n\n0\n\n\n\n\n\n\n\n\nocp-date:Mon, 23 Nov 2026 08:08:07 GMT\n/myaccount/jobs/j/terminate\napi-version:1",
		},
		"a file's range and conditions": {
			http.MethodGet, testBatch + "/jobs/j/tasks/t/files/wd%2Fa%20b.txt?api-version=1", "",
			map[string]string{"ocp-range": "bytes=0-9", "If-Match": "0x1", "If-None-Match": "0x2", "If-Modified-Since": "Sun, 22 Nov 2026 00:00:00 GMT", "If-Unmodified-Since": "Mon, 23 Nov 2026 00:00:00 GMT", "client-request-id": "x"},
			"GET\n\n\n\n\n\n\nSun, 22 Nov 2026 00:00:00 GMT\n0x1\n0x2\nMon, 23 Nov 2026 00:00:00 GMT\n\nocp-date:Mon, 23 Nov 2026 08:08:07 GMT\nocp-range:bytes=0-9\n/myaccount/jobs/j/tasks/t/files/wd%2Fa%20b.txt\napi-version:1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), test.method, test.url, strings.NewReader(test.body))
			require.NoError(t, err)
			for k, v := range test.header {
				req.Header.Set(k, v)
			}
			req.Header.Set("ocp-date", testTime.UTC().Format(http.TimeFormat))
			require.Equal(t, test.want, p.stringToSign(req))
		})
	}
}

// verifier is a Batch service that only checks signatures. It is written from
// the description, on what net/http received, and shares nothing with the
// policy.
type verifier struct {
	t       *testing.T
	account string
	key     string
	dates   []string
	fail    int // how many requests to answer with 503 first
}

func (v *verifier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	date, err := http.ParseTime(r.Header.Get("ocp-date"))
	if err != nil || time.Since(date).Abs() > 15*time.Minute {
		http.Error(w, "date", http.StatusForbidden)
		return
	}
	v.dates = append(v.dates, r.Header.Get("ocp-date"))
	length := ""
	if values := r.Header["Content-Length"]; len(values) > 0 {
		length = values[0]
	} else if r.ContentLength > 0 || r.ContentLength == 0 && r.Method == http.MethodPost || r.Method == http.MethodPatch {
		length = fmt.Sprint(r.ContentLength)
	}
	h := r.Header.Get
	text := r.Method + "\n" + h("Content-Encoding") + "\n" + h("Content-Language") + "\n" + length + "\n" + h("Content-MD5") + "\n" +
		h("Content-Type") + "\n" + h("Date") + "\n" + h("If-Modified-Since") + "\n" + h("If-Match") + "\n" + h("If-None-Match") + "\n" +
		h("If-Unmodified-Since") + "\n" + h("Range") + "\n"
	var ocp []string
	for name := range r.Header {
		if strings.HasPrefix(name, "Ocp-") {
			ocp = append(ocp, name)
		}
	}
	sort.Strings(ocp)
	for _, name := range ocp {
		text += strings.ToLower(name) + ":" + h(name) + "\n"
	}
	path, query, _ := strings.Cut(r.RequestURI, "?")
	text += "/" + v.account + path
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		name, _ = url.QueryUnescape(name)
		value, _ = url.QueryUnescape(value)
		pairs[i] = strings.ToLower(name) + ":" + value
	}
	sort.Strings(pairs)
	text += "\n" + strings.Join(pairs, "\n")

	key, err := base64.StdEncoding.DecodeString(v.key)
	if err != nil {
		v.t.Error(err)
	}
	mac := hmac.New(sha256.New, key)
	_, _ = io.WriteString(mac, text)
	want := "SharedKey " + v.account + ":" + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if h("Authorization") != want {
		v.t.Logf("signed otherwise: %q", text)
		http.Error(w, "signature", http.StatusForbidden)
		return
	}
	if v.fail > 0 {
		v.fail--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	switch {
	case r.Method == http.MethodPost && strings.HasSuffix(path, "/jobs"):
		w.WriteHeader(http.StatusCreated)
	case r.Method == http.MethodPost && strings.HasSuffix(path, "/addtaskcollection"), r.Method == http.MethodPatch:
		fmt.Fprint(w, `{"value":[]}`)
	case r.Method == http.MethodPost, r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusAccepted)
	case r.Method == http.MethodGet && strings.Contains(path, "/files/"):
		fmt.Fprint(w, "content")
	default:
		fmt.Fprint(w, `{"value":[]}`)
	}
}

func batchAt(t *testing.T, handler http.Handler, key string) *azbatch.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client, err := newBatchWithKey(Config{BatchEndpoint: server.URL, BatchAccountName: "myaccount", BatchAccountKey: key}, testOptions(t))
	require.NoError(t, err)
	return client
}

func testOptions(t *testing.T) azcore.ClientOptions {
	t.Helper()
	options := clientOptions(Config{}, BatchService)
	options.Retry.RetryDelay = time.Millisecond
	t.Cleanup(options.Transport.(*http.Client).CloseIdleConnections)
	return options
}

func TestSignaturesAreTakenByAVerifier(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(context.Context, *azbatch.Client) error{
		"create a job": func(ctx context.Context, c *azbatch.Client) error {
			_, err := c.CreateJob(ctx, azbatch.CreateJobContent{ID: to.Ptr("j\u00e4"), PoolInfo: &azbatch.PoolInfo{PoolID: to.Ptr("p")}}, nil)
			return err
		},
		"add tasks": func(ctx context.Context, c *azbatch.Client) error {
			_, err := c.CreateTaskCollection(ctx, "j", azbatch.TaskGroup{Value: []azbatch.CreateTaskContent{{ID: to.Ptr("t"), CommandLine: to.Ptr("true")}}}, nil)
			return err
		},
		"patch a job": func(ctx context.Context, c *azbatch.Client) error {
			_, err := c.UpdateJob(ctx, "j", azbatch.UpdateJobContent{Priority: to.Ptr[int32](1)}, &azbatch.UpdateJobOptions{IfMatch: to.Ptr(azcore.ETag("0x1"))})
			return err
		},
		"terminate without a body": func(ctx context.Context, c *azbatch.Client) error {
			_, err := c.TerminateJob(ctx, "j", nil)
			return err
		},
		"delete": func(ctx context.Context, c *azbatch.Client) error {
			_, err := c.DeletePool(ctx, "p", &azbatch.DeletePoolOptions{Timeout: to.Ptr[int32](30)})
			return err
		},
		"list with a filter": func(ctx context.Context, c *azbatch.Client) error {
			_, err := c.NewListTasksPager("j", &azbatch.ListTasksOptions{
				Filter: to.Ptr("state eq 'completed' and executionInfo/exitCode ne 0"), SelectParam: []string{"id", "state"}, MaxResults: to.Ptr[int32](1000),
			}).NextPage(ctx)
			return err
		},
		"a file's range": func(ctx context.Context, c *azbatch.Client) error {
			_, err := c.GetTaskFile(ctx, "j", "t", "wd/a b+c%.txt", &azbatch.GetTaskFileOptions{OCPRange: to.Ptr("bytes=0-9"), OCPDate: to.Ptr(time.Now())})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := &verifier{t: t, account: "myaccount", key: testKey}
			require.NoError(t, call(t.Context(), batchAt(t, v, testKey)))
			wrong := batchAt(t, v, base64.StdEncoding.EncodeToString([]byte("wrong")))
			require.ErrorContains(t, call(t.Context(), wrong), "403")
		})
	}
}

func TestEachTryIsSignedAnew(t *testing.T) {
	t.Parallel()
	v := &verifier{t: t, account: "myaccount", key: testKey, fail: 2}
	server := httptest.NewServer(v)
	t.Cleanup(server.Close)
	options := testOptions(t)
	now := time.Now()
	signer, err := newSharedKeyPolicy("myaccount", testKey, func() time.Time { now = now.Add(time.Minute); return now })
	require.NoError(t, err)
	options.PerRetryPolicies = []policy.Policy{signer}
	client, err := azbatch.NewClient(server.URL, nil, &azbatch.ClientOptions{ClientOptions: options})
	require.NoError(t, err)
	_, err = client.CreateJob(t.Context(), azbatch.CreateJobContent{ID: to.Ptr("j"), PoolInfo: &azbatch.PoolInfo{}}, nil)
	require.NoError(t, err)
	require.Len(t, v.dates, 3)
	require.NotEqual(t, v.dates[0], v.dates[2])
}

func TestNewSharedKeyPolicyRefuses(t *testing.T) {
	t.Parallel()
	_, err := newSharedKeyPolicy("", testKey, time.Now)
	require.ErrorContains(t, err, EnvBatchAccountName)
	_, err = newSharedKeyPolicy("a", "not base64!", time.Now)
	require.ErrorContains(t, err, "not valid base64")
	require.NotContains(t, err.Error(), "not base64!")
}
