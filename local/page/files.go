package page

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
)

// mostFiles of a task are listed.
const mostFiles = 100

// file is one that a task has in its directory.
type file struct {
	Name string `json:"name"` // with slashes
	Size int64  `json:"size"` // bytes
}

// source reads a file of a task or of a node.
type source struct {
	size func(ctx context.Context) (*int64, error)
	read func(ctx context.Context, byteRange *string) (io.ReadCloser, error)
}

func (s *server) taskFile(r *http.Request) source {
	job, task, name := r.PathValue("job"), r.PathValue("task"), r.PathValue("file")
	return source{
		size: func(ctx context.Context) (*int64, error) {
			answer, err := s.batch.GetTaskFileProperties(ctx, job, task, name, nil)
			return answer.ContentLength, err
		},
		read: func(ctx context.Context, byteRange *string) (io.ReadCloser, error) {
			answer, err := s.batch.GetTaskFile(ctx, job, task, name, &azbatch.GetTaskFileOptions{OCPRange: byteRange})
			return answer.Body, err
		},
	}
}

func (s *server) nodeFile(r *http.Request) source {
	pool, node, name := r.PathValue("pool"), r.PathValue("node"), r.PathValue("file")
	return source{
		size: func(ctx context.Context) (*int64, error) {
			answer, err := s.batch.GetNodeFileProperties(ctx, pool, node, name, nil)
			return answer.ContentLength, err
		},
		read: func(ctx context.Context, byteRange *string) (io.ReadCloser, error) {
			answer, err := s.batch.GetNodeFile(ctx, pool, node, name, &azbatch.GetNodeFileOptions{OCPRange: byteRange})
			return answer.Body, err
		},
	}
}

// mostTail bounds what of a file the page itself shows, in bytes.
const mostTail = 64 << 10

// file answers with a file, or with its end where tail says how many bytes.
// What tasks write is never more than text to a browser: it could be a page
// with scripts.
func (s *server) file(of func(*http.Request) source) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, err := open(r, of(r))
		if err != nil {
			status, body := s.explain(r, err)
			http.Error(w, body.Error, status)
			return
		}
		defer content.Close()
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
		h.Set("Content-Type", "text/plain; charset=utf-8")
		if name := path.Base(r.PathValue("file")); !strings.HasSuffix(name, ".txt") {
			h.Set("Content-Type", "application/octet-stream")
			h.Set("Content-Disposition", "attachment")
		}
		_, _ = io.Copy(w, content) // whoever asked has gone, or sees that it is cut short
	})
}

func open(r *http.Request, of source) (io.ReadCloser, error) {
	text := r.URL.Query().Get("tail")
	if text == "" {
		return of.read(r.Context(), nil)
	}
	tail, err := strconv.ParseInt(text, 10, 64)
	if err != nil || tail < 1 || tail > mostTail {
		return nil, badRequest(fmt.Sprintf("tail is a number of bytes, 1 to %d", mostTail))
	}
	size, err := of.size(r.Context())
	if err != nil {
		return nil, err
	}
	if value(size) == 0 {
		return http.NoBody, nil // a range of nothing is refused
	}
	byteRange := fmt.Sprintf("bytes=%d-%d", max(*size-tail, 0), *size-1)
	return of.read(r.Context(), &byteRange)
}
