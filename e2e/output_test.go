package e2e

import (
	"bytes"
	"sync"
)

// output keeps what a program writes, to be read while it still writes.
type output struct {
	line chan struct{} // closed when the first line is whole

	mu   sync.Mutex
	text bytes.Buffer
	told bool
}

func newOutput() *output { return &output{line: make(chan struct{})} }

func (o *output) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.told && bytes.ContainsRune(text, '\n') {
		o.told = true
		close(o.line)
	}
	return o.text.Write(text)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
