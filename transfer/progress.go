package transfer

import (
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
