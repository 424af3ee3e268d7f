package transfer

import (
	"bytes"
	"context"
	"io"
	"sync"
)

// unlimited is for what is too small to be bounded.
var unlimited = &Budget{}

// meteredBody is a request's body that keeps to the bandwidth and counts what is
// sent of it. A retry rewinds it, which takes back what the failed try had
// counted.
type meteredBody struct {
	ctx    context.Context // of the request
	budget *Budget
	meter  *meter

	mu      sync.Mutex
	data    *bytes.Reader
	sent    int
	stopped bool
}

func newMeteredBody(ctx context.Context, data []byte, budget *Budget, m *meter) *meteredBody {
	return &meteredBody{ctx: ctx, budget: budget, meter: m, data: bytes.NewReader(data)}
}

func (b *meteredBody) Read(p []byte) (int, error) {
	n, err := b.next(b.budget.piece(p))
	if n > 0 {
		if err := b.budget.pace(b.ctx, n); err != nil {
			return n, err
		}
	}
	return n, err
}

func (b *meteredBody) next(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return 0, io.ErrClosedPipe
	}
	n, err := b.data.Read(p)
	b.sent += n
	b.meter.move(n)
	return n, err
}

func (b *meteredBody) Seek(offset int64, whence int) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if offset == 0 && whence == io.SeekStart {
		b.meter.bytes.Add(int64(-b.sent))
		b.sent = 0
	}
	return b.data.Seek(offset, whence)
}

// Close does nothing: azcore closes a body between tries.
func (b *meteredBody) Close() error { return nil }

// stop ends all reading, so that the memory may be used for something else:
// net/http may go on reading a body after the request has returned.
func (b *meteredBody) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
}

// meteredReader is an answer's body that keeps to the bandwidth and counts what
// is received.
type meteredReader struct {
	io.Reader
	ctx    context.Context // of the request
	budget *Budget
	meter  *meter
}

func (r meteredReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(r.budget.piece(p))
	r.meter.move(n)
	if n > 0 {
		if err := r.budget.pace(r.ctx, n); err != nil {
			return n, err
		}
	}
	return n, err
}
