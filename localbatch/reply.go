package localbatch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/durabatch/durabatch/localbatch/store"
)

// exchange is one request and the way to its answer.
type exchange struct {
	w    http.ResponseWriter
	r    *http.Request
	id   string // request-id
	base string // what URLs in the answer begin with
}

// reply is what an operation answers.
type reply struct {
	status  int
	body    any        // JSON; nil for none
	meta    string     // what body is: the fragment of odata.metadata
	version store.Time // the resource's last modification; 0: nothing is said about it
	created string     // the path of what was created
	headers http.Header
	content io.ReadCloser // instead of body: the bytes of a file
	failure *apiError
	hangUp  bool // nothing is answered: the connection is reset
}

const jsonType = "application/json; odata=minimalmetadata"

func (a reply) write(x exchange) error {
	if a.hangUp {
		return hangUp(x.w)
	}
	h := x.w.Header()
	for name, values := range a.headers {
		h[name] = values
	}
	h.Set("request-id", x.id)
	h.Set("DataServiceVersion", "3.0")
	h.Set("X-Content-Type-Options", "nosniff") // a task's file must not become a web page of ours
	if id := x.r.Header.Get("client-request-id"); id != "" && x.r.Header.Get("return-client-request-id") == "true" {
		h.Set("client-request-id", id)
	}
	if a.version != 0 {
		h.Set("ETag", etag(a.version))
		h.Set("Last-Modified", httpTime(a.version))
	}
	switch {
	case a.failure != nil, x.r.Method == http.MethodGet, x.r.Method == http.MethodHead, x.r.Method == http.MethodDelete:
	default:
		h.Set("DataServiceId", x.base+x.r.URL.EscapedPath())
	}
	if a.created != "" {
		h.Set("DataServiceId", x.base+a.created)
		h.Set("Location", x.base+a.created)
	}
	if a.content != nil {
		defer a.content.Close()
		x.w.WriteHeader(a.status)
		if x.r.Method == http.MethodHead {
			return nil
		}
		_, err := io.Copy(x.w, a.content)
		return err
	}
	return a.writeJSON(x)
}

func (a reply) writeJSON(x exchange) error {
	body, meta := a.body, a.meta
	if a.failure != nil {
		x.w.Header().Set("x-ms-error-code", a.failure.code) // all that a HEAD request gets to see
		body, meta = a.failure.document(x.id), "Microsoft.Azure.Batch.Protocol.Entities.Container.errors/@Element"
	}
	if body == nil || a.status == http.StatusNotModified {
		x.w.WriteHeader(a.status)
		return nil
	}
	var text bytes.Buffer
	if err := encode(&text, x.base+"/$metadata#"+meta, body); err != nil {
		x.w.WriteHeader(http.StatusInternalServerError)
		return fmt.Errorf("encode %s: %w", meta, err)
	}
	shown := withoutPasswords(text.Bytes())
	x.w.Header().Set("Content-Type", jsonType)
	x.w.Header().Set("Content-Length", strconv.Itoa(len(shown)))
	x.w.WriteHeader(a.status)
	if x.r.Method == http.MethodHead {
		return nil
	}
	_, err := x.w.Write(shown)
	return err
}

var (
	passwordKey = []byte(`"password":`)
	password    = regexp.MustCompile(`,"password":"(?:[^"\\]|\\.)*"|"password":"(?:[^"\\]|\\.)*",?`)
)

// withoutPasswords takes the passwords out of an answer, such as those of
// container registries: they are stored with what they belong to, because tasks
// need them, and nobody gets to see them again. A quote within a text of the
// answer is escaped, so that nothing but a member's name looks like one.
func withoutPasswords(answer []byte) []byte {
	if !bytes.Contains(answer, passwordKey) {
		return answer
	}
	return password.ReplaceAll(answer, nil)
}

// encode writes body, a JSON object, with odata.metadata before its members.
func encode(w *bytes.Buffer, metadata string, body any) error {
	quoted, err := json.Marshal(metadata)
	if err != nil {
		return err
	}
	w.WriteString(`{"odata.metadata":`)
	w.Write(quoted)
	if p, ok := body.(page); ok {
		return p.encode(w)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if len(text) > len("{}") {
		w.WriteByte(',')
	}
	w.Write(text[1:])
	return nil
}

type errorDocument struct {
	Code    string       `json:"code"`
	Message errorMessage `json:"message"`
	Values  []errorValue `json:"values,omitempty"`
}

type errorMessage struct {
	Lang  string `json:"lang"`
	Value string `json:"value"`
}

func (e *apiError) document(requestID string) errorDocument {
	text := fmt.Sprintf("%s\nRequestId:%s\nTime:%s", e.message, requestID, store.TimeOf(time.Now()))
	return errorDocument{Code: e.code, Message: errorMessage{"en-US", text}, Values: e.values}
}

// etag is unquoted, as the real service's: the time in hexadecimal, counted
// from the year 1 as .NET does.
func etag(version store.Time) string {
	const ticksToUnixEpoch = 621355968000000000
	return fmt.Sprintf("0x%X", int64(version)+ticksToUnixEpoch)
}

func httpTime(t store.Time) string { return t.Std().Format(http.TimeFormat) }
