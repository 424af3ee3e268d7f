package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"

	commonpb "go.temporal.io/api/common/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// maxBody bounds a request: Temporal's own limit of a message is 4 MiB, and
// JSON in base64 makes a third more of it.
const maxBody = 8 << 20

// Handler answers Temporal's codec server protocol: POST /encode and /decode
// of payloads in JSON. It reads for everyone who reaches it, so it is to be
// reached by those alone who may read: bind it to loopback, or put what checks
// its callers before it. Pages of origins (such as http://localhost:8233, the
// web UI's) may call it; those of others may not.
func (c *Codec) Handler(origins ...string) http.Handler {
	mux := http.NewServeMux()
	for path, work := range map[string]func([]*commonpb.Payload) ([]*commonpb.Payload, error){
		"/encode": c.Encode, "/decode": c.Decode,
	} {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) { answer(w, r, work) })
		mux.HandleFunc("OPTIONS "+path, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Every POST of a page has an Origin, and no other client's has.
		origin := r.Header.Get("Origin")
		if origin != "" && !slices.Contains(origins, origin) {
			http.Error(w, "pages of "+origin+" may not use this codec server; start it with --ui "+origin, http.StatusForbidden)
			return
		}
		if origin != "" {
			h := w.Header()
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Allow-Methods", "POST")
			h.Set("Access-Control-Allow-Headers", "Content-Type, X-Namespace")
			h.Set("Vary", "Origin")
		}
		mux.ServeHTTP(w, r)
	})
}

func answer(w http.ResponseWriter, r *http.Request, work func([]*commonpb.Payload) ([]*commonpb.Payload, error)) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		http.Error(w, "the payloads are too large", http.StatusRequestEntityTooLarge)
		return
	}
	payloads := &commonpb.Payloads{}
	if err == nil {
		err = protojson.Unmarshal(text, payloads)
	}
	if err == nil {
		payloads.Payloads, err = work(payloads.GetPayloads())
	}
	if err == nil {
		text, err = protojson.Marshal(payloads)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var compact bytes.Buffer // protojson's blanks differ from run to run by design
	if json.Compact(&compact, text) == nil {
		text = compact.Bytes()
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text) // the client that is gone cannot be told
}
