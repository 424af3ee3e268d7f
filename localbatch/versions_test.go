package localbatch_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch"
)

var oldVersions = []string{
	"2020-09-01.12.0", "2021-06-01.14.0", "2022-01-01.15.0", "2022-10-01.16.0", "2023-05-01.17.0", "2023-11-01.18.0", "2024-02-01.19.0",
}

func TestAPIVersions(t *testing.T) {
	t.Parallel()
	s := &scene{world: ready(t, 1)}
	node := "/pools/pool/nodes/" + s.idle("pool", 1)[0]
	for _, version := range oldVersions {
		in := func(method, path string) rawRequest {
			return rawRequest{method: method, path: path, query: "api-version=" + version}
		}
		for _, path := range []string{"/pools", "/pools/pool", "/jobs", "/jobs/job", "/nodecounts", node} {
			require.Equal(t, http.StatusOK, s.send(in(http.MethodGet, path)).StatusCode, "%s of %s", path, version)
		}
		body := s.requireError(in(http.MethodPost, node+"/deallocate"), 404, "ResourceNotFound")
		require.Contains(t, body.Values[0].Value, "from 2024-07-01.20.0 on")
		s.requireError(in(http.MethodPost, node+"/start"), 404, "ResourceNotFound")
		s.requireError(in(http.MethodGet, node+"/rdp"), 409, "OperationNotValidOnNode") // it is there, and there is no desktop
	}
	body := s.requireError(reads(node+"/rdp"), 404, "ResourceNotFound")
	require.Contains(t, body.Values[0].Value, "up to 2024-02-01.19.0")
	for _, version := range []string{"2019-08-01.10.0", "2020-09-01", "2020-09-01.13.0", "2024-07-01.20.1", "2025-06-01", "latest"} {
		body := s.requireError(rawRequest{method: "GET", path: "/pools", query: "api-version=" + version}, 400, "UnsupportedRequestVersion")
		require.Contains(t, body.Values[0].Value, "2020-09-01.12.0, ")
	}
}

// Pools of before virtual machine configurations are no more, in Azure either.
func TestCloudServicePoolsAreRefused(t *testing.T) {
	t.Parallel()
	w := start(t)
	body := w.requireError(rawRequest{method: "POST", path: "/pools", query: "api-version=2020-09-01.12.0",
		body: `{"id":"old","vmSize":"small","cloudServiceConfiguration":{"osFamily":"5"}}`}, 400, "UnsupportedProperty")
	require.Equal(t, "cloudServiceConfiguration", body.Values[0].Value)
}

// TestClientsDiffer sends what one client or another of the official ones sends.
func TestClientsDiffer(t *testing.T) {
	t.Parallel()
	w := ready(t, 1)
	const charset = "application/json; odata=minimalmetadata; charset=utf-8"
	for name, q := range map[string]rawRequest{
		"timeOut":                {method: "GET", path: "/jobs/job", query: latest + "&timeOut=30"},
		"timeout":                {method: "GET", path: "/jobs/job", query: latest + "&timeout=30"},
		"a body's type on a GET": sends("GET", "/jobs/job", "", "Content-Type", charset),
		"charset":                sends("PATCH", "/jobs/job", `{"priority":1}`, "Content-Type", charset),
		"no type of the body":    {method: "PATCH", path: "/jobs/job", query: latest, body: `{"priority":2}`},
		"UTC for GMT":            sends("GET", "/jobs/job", "", "If-Modified-Since", "Mon, 02 Jan 2006 15:04:05 UTC"),
		"any type of the answer": sends("GET", "/jobs/job", "", "Accept", "*/*", "Accept-Language", "en-US"),
		"ids in any case":        reads("/jobs/JOB"),
	} {
		answer := w.send(q)
		require.Equal(t, http.StatusOK, answer.StatusCode, "%s: %s", name, read(t, answer))
	}
	for name, q := range map[string]rawRequest{
		"no body":    posts("/jobs/job/terminate", ""),
		"typed null": sends("POST", "/jobs/job/enable", "", "Content-Type", charset),
	} {
		require.Contains(t, []int{202, 409}, w.send(q).StatusCode, name)
	}
}

// A file's name is one segment, escaped, or several: clients differ.
func TestFilesAreNamedInEveryWay(t *testing.T) {
	t.Parallel()
	w := ready(t, 1)
	w.add("one", shell(`mkdir -p 'a b'; echo x > 'a b/c'; echo y > 'd\e'`))
	w.completed("one")
	for path, want := range map[string]string{
		"wd%2Fa%20b%2Fc": "x\n", "wd/a%20b/c": "x\n", "wd%2fa%20b/c": "x\n", `wd%2Fd%5Ce`: "y\n",
	} {
		answer := w.send(reads("/jobs/job/tasks/one/files/" + path))
		require.Equal(t, http.StatusOK, answer.StatusCode, path)
		require.Equal(t, want, read(t, answer), path)
	}
}

// Of a page's link everything is used again as it is: by azbatch, which adds
// nothing to it, and by the JavaScript SDK, which adds what is there already.
func TestLinksToPagesAreWhole(t *testing.T) {
	t.Parallel()
	w := start(t)
	for _, id := range []string{"one", "two", "three"} {
		w.pool(poolContent(id, 0))
	}
	seen := 0
	for link := w.url + "/pools?$filter=state+eq+'active'&$select=id&" + latest + "&maxresults=1"; link != ""; seen++ {
		path, query, _ := strings.Cut(strings.TrimPrefix(link, w.url), "?")
		var page struct {
			Value []struct{ ID, State string }
			Next  string `json:"odata.nextLink"`
		}
		answer := w.send(rawRequest{method: "GET", path: path, query: query})
		require.NoError(t, json.Unmarshal([]byte(read(t, answer)), &page))
		require.Equal(t, http.StatusOK, answer.StatusCode)
		require.Len(t, page.Value, 1)
		require.Empty(t, page.Value[0].State)
		link = page.Next
	}
	require.Equal(t, 3, seen)
}

// Behind a proxy the address that clients use is not the one that the service
// listens on: what it answers, and what tasks get, begins with the first.
func TestPublicURL(t *testing.T) {
	t.Parallel()
	const public = "https://batch.test:8443/account"
	w := start(t, func(o *localbatch.Options) { o.PublicURL = public + "/" })
	w.pool(poolContent("pool", 1))
	w.job("job", "pool")
	w.job("job2", "pool")
	w.add("one", shell("echo $AZ_BATCH_ACCOUNT_URL"))
	w.completed("one")
	require.Equal(t, public+"/\n", w.file("one", "stdout.txt", nil))
	require.Equal(t, public+"/jobs/job/tasks/one", *w.task("one").URL)
	answer := w.send(rawRequest{method: "GET", path: "/jobs", query: latest + "&maxresults=1", host: "batch.test:8443"})
	require.Contains(t, read(t, answer), `"odata.nextLink":"`+public+`/jobs?`)
}
