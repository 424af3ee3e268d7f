package localbatch_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the answers of TestWire to testdata/wire instead of comparing them")

const wireDir = "testdata/wire"

// pin is a request whose answer is kept as a file, named after the pin.
type pin struct {
	name    string
	prepare func(*stage) // what has to be so before the request; may be nil
	request rawRequest
}

// stage is the service that the pins' requests go to. In its paths and bodies
// {node} stands for the id of the one node of the pool "pool".
type stage struct {
	*world
	node string
}

// reads is a GET request; its query is in the order of the parameters' names.
func reads(path string, query ...string) rawRequest {
	if len(query) == 0 {
		query = []string{latest}
	}
	return rawRequest{method: http.MethodGet, path: path, query: strings.Join(query, "&")}
}

func posts(path, body string) rawRequest { return sends(http.MethodPost, path, body) }

func sends(method, path, body string, headers ...string) rawRequest {
	q := rawRequest{method: method, path: path, query: latest, body: body, headers: map[string]string{}}
	if body != "" {
		q.headers["Content-Type"] = "application/json; odata=minimalmetadata"
	}
	for i := 0; i < len(headers); i += 2 {
		q.headers[headers[i]] = headers[i+1]
	}
	return q
}

// TestWire holds answers, byte for byte but for ids and times, against the
// files in testdata/wire, which were read against the REST reference and
// recorded traffic of the real service.
func TestWire(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	all := slices.Concat(answerPins, errorPins)
	names := map[string]bool{"InternalError": true}
	for _, p := range all {
		require.False(t, names[p.name], "two pins are called %s", p.name)
		names[p.name] = true
		t.Run(p.name, func(t *testing.T) {
			if p.prepare != nil {
				p.prepare(s)
			}
			s.compare(t, p)
		})
	}
	files, err := filepath.Glob(filepath.Join(wireDir, "*.txt"))
	require.NoError(t, err)
	for _, file := range files {
		require.True(t, names[strings.TrimSuffix(filepath.Base(file), ".txt")], "%s belongs to no pin", file)
	}
}

func newStage(t *testing.T) *stage {
	t.Helper()
	w := ready(t, 1)
	w.pool(poolContent("empty", 0))
	w.job("waiting", "empty")
	_, err := w.CreateTask(ctx, "waiting", taskContent("active", "true"), nil)
	require.NoError(t, err)
	w.add("good", shell("printf 0123456789; mkdir dir; echo x > 'dir/a file'"))
	w.completed("good")
	w.add("bad", "/bin/sh -c 'exit 3'")
	w.completed("bad")
	w.job("over", "pool")
	_, err = w.TerminateJob(ctx, "over", nil)
	require.NoError(t, err)
	w.jobState("over", azbatch.JobStateCompleted)
	s := &stage{world: w}
	eventually(t, "the node is idle", func() bool {
		n := w.nodes("pool")[0]
		s.node = *n.ID
		return *n.State == azbatch.NodeStateIdle
	})
	return s
}

func (s *stage) compare(t *testing.T, p pin) {
	q := p.request
	for _, text := range []*string{&q.path, &q.body} {
		*text = strings.ReplaceAll(*text, "{node}", s.node)
	}
	answer := s.send(q)
	got := s.transcript(t, q, answer)
	if code := answer.Header.Get("x-ms-error-code"); code != "" {
		name, _, _ := strings.Cut(p.name, "-")
		require.Equal(t, name, code, got)
	}
	file := filepath.Join(wireDir, p.name+".txt")
	if *update {
		require.NoError(t, os.MkdirAll(wireDir, 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "write it with: go test ./localbatch -run TestWire -update")
	require.Equal(t, string(want), got)
}

// volatile is what differs from one run to the next, and what stands for it.
var volatile = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`http://127\.0\.0\.1:\d+`), "http://<host>"},
	{regexp.MustCompile(`http%3A%2F%2F127\.0\.0\.1%3A\d+`), "http%3A%2F%2F<host>"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "<guid>"},
	{regexp.MustCompile(`tvmps_[0-9a-f]{64}`), "tvmps_<64 hex>"},
	{regexp.MustCompile(`0x8D[0-9A-F]{13}`), "<etag>"},
	{regexp.MustCompile(`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,6}[1-9])?Z`), "<time>"},
	{regexp.MustCompile(`Retry-After: (2[0-9]|30)\b`), "Retry-After: <up to 30>"},
	{regexp.MustCompile(`(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} 20\d\d \d\d:\d\d:\d\d GMT`), "<date>"},
}

func (s *stage) transcript(t *testing.T, q rawRequest, answer *http.Response) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s?%s HTTP/1.1\n", q.method, q.path, q.query)
	for _, name := range slices.Sorted(maps.Keys(q.headers)) {
		fmt.Fprintf(&b, "%s: %s\n", name, q.headers[name])
	}
	if !q.unsigned {
		b.WriteString("ocp-date: <date>\nAuthorization: SharedKey " + account + ":<signature>\n")
	}
	b.WriteString("\n")
	if q.body != "" {
		b.WriteString(readable(q.body) + "\n\n")
	}
	fmt.Fprintf(&b, "HTTP/1.1 %s\n", answer.Status)
	body := read(t, answer)
	answer.Header.Del("Date")
	if strings.Contains(answer.Header.Get("Content-Type"), "json") {
		if q.method != http.MethodHead {
			require.Equal(t, fmt.Sprint(len(body)), answer.Header.Get("Content-Length"))
		}
		answer.Header.Set("Content-Length", "<length>") // it goes with the ids and times
		body = readable(body)
	}
	for _, name := range slices.Sorted(maps.Keys(answer.Header)) {
		for _, value := range answer.Header[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	b.WriteString("\n" + body)
	text := b.String()
	for _, v := range volatile {
		text = v.pattern.ReplaceAllString(text, v.name)
	}
	return strings.TrimRight(text, "\n") + "\n"
}

// readable indents JSON and cuts short what nobody would read.
func readable(body string) string {
	const most = 10_000
	if len(body) > most {
		return fmt.Sprintf("%s... (%d bytes)", body[:60], len(body))
	}
	var indented bytes.Buffer
	if json.Indent(&indented, []byte(body), "", "  ") != nil {
		return body
	}
	return indented.String()
}

// broken makes the service one that cannot read its store.
func (s *stage) broken() {
	handler := s.service.Handler()
	s.close()
	server := httptest.NewServer(handler)
	s.t.Cleanup(server.Close)
	s.url = server.URL
}
