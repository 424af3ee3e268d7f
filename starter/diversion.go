package main

import (
	"io"
	"sync"
)

// diversion is a writer whose target changes: what libraries log goes to
// stderr, and while a terminal shows what moves, above that.
type diversion struct {
	mu sync.Mutex
	to io.Writer
}

func (d *diversion) divert(to io.Writer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.to = to
}

// Write implements io.Writer.
func (d *diversion) Write(p []byte) (int, error) {
	d.mu.Lock()
	to := d.to
	d.mu.Unlock()
	return to.Write(p)
}
