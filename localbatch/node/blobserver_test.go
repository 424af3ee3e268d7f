package node

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// blobServer speaks as much of the Blob REST protocol as tasks need: it gets,
// lists in pages of two, puts whole blobs and blocks, and knows one SAS.
type blobServer struct {
	*httptest.Server
	mu         sync.Mutex
	containers map[string]*blobContainer
	faults     map[string][]http.HandlerFunc // by method and path; each is used once
	held       map[string]bool
	requests   []string
	release    chan struct{}
}

type blobContainer struct {
	blobs  map[string]blobContent
	blocks map[string][]byte
}

type blobContent struct {
	data   string
	header http.Header
}

const sas = "sv=2026-01-01&sp=rwl&sig=dont%2Btell%3D"

func newBlobServer(t *testing.T) *blobServer {
	s := &blobServer{
		containers: map[string]*blobContainer{},
		faults:     map[string][]http.HandlerFunc{},
		held:       map[string]bool{},
		release:    make(chan struct{}),
	}
	s.Server = httptest.NewServer(s)
	t.Cleanup(func() {
		close(s.release)
		s.Close()
	})
	return s
}

func (s *blobServer) machine() *Machine {
	return NewMachine(Options{HTTPClient: s.Client(), RetryDelay: time.Millisecond})
}

func (s *blobServer) container(name string) *blobContainer {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &blobContainer{blobs: map[string]blobContent{}, blocks: map[string][]byte{}}
	s.containers[name] = c
	return c
}

// put is for blobs that are there before anybody asks.
func (c *blobContainer) put(name, data string) *blobContainer {
	sum := md5.Sum([]byte(data))
	c.blobs[name] = blobContent{data, http.Header{"Content-Md5": {base64.StdEncoding.EncodeToString(sum[:])}}}
	return c
}

func (s *blobServer) url(container string) string { return s.URL + "/" + container + "?" + sas }

func (s *blobServer) blobURL(container, name string) string {
	return s.URL + "/" + container + "/" + url.PathEscape(name) + "?" + sas
}

// fail has the next requests of that method and path answered by handlers.
func (s *blobServer) fail(method, path string, handlers ...http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[method+" "+path] = append(s.faults[method+" "+path], handlers...)
}

// hold keeps every request for path waiting until the test is over.
func (s *blobServer) hold(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[path] = true
}

func (s *blobServer) names(container string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.containers[container].names()
}

func (c *blobContainer) names() []string {
	var names []string
	for name := range c.blobs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (s *blobServer) blob(container, name string) blobContent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.containers[container].blobs[name]
}

func (s *blobServer) count(request string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, r := range s.requests {
		if r == request {
			n++
		}
	}
	return n
}

func (s *blobServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	key := r.Method + " " + r.URL.Path
	s.requests = append(s.requests, key)
	held := s.held[r.URL.Path]
	if faults := s.faults[key]; len(faults) > 0 {
		s.faults[key] = faults[1:]
		s.mu.Unlock()
		faults[0](w, r)
		return
	}
	s.mu.Unlock()
	if held {
		select {
		case <-s.release:
		case <-r.Context().Done():
		}
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer(w, r, body)
}

func (s *blobServer) answer(w http.ResponseWriter, r *http.Request, body []byte) {
	query := r.URL.Query()
	name, blob, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	c := s.containers[name]
	switch {
	case query.Get("sig") != "dont+tell=":
		answerError(w, http.StatusForbidden, "AuthenticationFailed")
	case c == nil:
		answerError(w, http.StatusNotFound, "ContainerNotFound")
	case r.Method == http.MethodGet && query.Get("comp") == "list":
		c.list(w, query.Get("prefix"), query.Get("marker"))
	case r.Method == http.MethodGet:
		c.get(w, blob)
	case r.Method == http.MethodPut && query.Get("comp") == "block":
		c.blocks[query.Get("blockid")] = body
		w.WriteHeader(http.StatusCreated)
	case r.Method == http.MethodPut && query.Get("comp") == "blocklist":
		c.commit(w, r, blob, body)
	case r.Method == http.MethodPut:
		c.blobs[blob] = blobContent{string(body), r.Header.Clone()}
		w.WriteHeader(http.StatusCreated)
	default:
		answerError(w, http.StatusMethodNotAllowed, "UnsupportedHttpVerb")
	}
}

func (c *blobContainer) get(w http.ResponseWriter, name string) {
	blob, ok := c.blobs[name]
	if !ok {
		answerError(w, http.StatusNotFound, "BlobNotFound")
		return
	}
	w.Header().Set("Content-MD5", blob.header.Get("Content-Md5"))
	_, _ = io.WriteString(w, blob.data)
}

// list answers two names a page, the marker being the next page's first.
func (c *blobContainer) list(w http.ResponseWriter, prefix, marker string) {
	type item struct{ Name string }
	page := struct {
		XMLName    xml.Name `xml:"EnumerationResults"`
		Blobs      []item   `xml:"Blobs>Blob"`
		NextMarker string
	}{}
	for _, name := range c.names() {
		if !strings.HasPrefix(name, prefix) || name < marker {
			continue
		}
		if len(page.Blobs) == 2 {
			page.NextMarker = name
			break
		}
		page.Blobs = append(page.Blobs, item{name})
	}
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(page)
}

func (c *blobContainer) commit(w http.ResponseWriter, r *http.Request, name string, body []byte) {
	var list struct {
		Latest []string `xml:"Latest"`
	}
	if err := xml.Unmarshal(body, &list); err != nil {
		answerError(w, http.StatusBadRequest, "InvalidXmlDocument")
		return
	}
	var data strings.Builder
	for _, id := range list.Latest {
		data.Write(c.blocks[id])
	}
	c.blobs[name] = blobContent{data.String(), r.Header.Clone()}
	w.WriteHeader(http.StatusCreated)
}

func answerError(w http.ResponseWriter, status int, code string) {
	w.Header().Set("x-ms-error-code", code)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
}

func answering(status int, code string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { answerError(w, status, code) }
}

// hangUp closes the connection in the middle of an answer.
func hangUp(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	_, _ = io.WriteString(w, "half")
	panic(http.ErrAbortHandler)
}
