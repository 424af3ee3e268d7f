package transfer

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Progress is how far one call has come.
type Progress struct {
	Files   int64 // done, those that were there already included
	Skipped int64 // of these, there already
	Bytes   int64 // moved, of files under way too; what a retry sends again counts once
}

// reportEvery keeps a fast transfer from reporting for each 32 KiB.
const reportEvery = 100 * time.Millisecond

// meter counts and reports: while bytes move about every 100 ms, and once at
// the end. A report that would have to wait for another one is left out.
type meter struct {
	report                func(Progress)
	files, skipped, bytes atomic.Int64

	mu   sync.Mutex
	last time.Time
}

func newMeter(report func(Progress)) *meter {
	if report == nil {
		report = func(Progress) {}
	}
	return &meter{report: report}
}

func (m *meter) move(n int) {
	m.bytes.Add(int64(n))
	m.maybeReport()
}

func (m *meter) done(skipped bool) {
	m.files.Add(1)
	if skipped {
		m.skipped.Add(1)
	}
	m.maybeReport()
}

// alive reports although nothing moved: a file is being read to compare it.
func (m *meter) alive() { m.maybeReport() }

func (m *meter) maybeReport() {
	if !m.mu.TryLock() {
		return
	}
	defer m.mu.Unlock()
	if now := time.Now(); now.Sub(m.last) >= reportEvery {
		m.last = now
		m.report(m.now())
	}
}

func (m *meter) finish() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.report(m.now())
}

func (m *meter) now() Progress {
	return Progress{Files: m.files.Load(), Skipped: m.skipped.Load(), Bytes: m.bytes.Load()}
}

// meteredBody is a request's body that counts what is sent of it. A retry
// rewinds it, which takes back what the failed try had counted.
type meteredBody struct {
	meter *meter

	mu      sync.Mutex
	data    *bytes.Reader
	sent    int
	stopped bool
}

func newMeteredBody(data []byte, m *meter) *meteredBody {
	return &meteredBody{meter: m, data: bytes.NewReader(data)}
}

func (b *meteredBody) Read(p []byte) (int, error) {
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

// meteredReader counts what is received.
type meteredReader struct {
	io.Reader
	meter *meter
}

func (r meteredReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.meter.move(n)
	return n, err
}
