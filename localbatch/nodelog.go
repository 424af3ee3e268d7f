package localbatch

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/durabatch/durabatch/localbatch/node"
	"github.com/durabatch/durabatch/localbatch/store"
)

// nodeLogs are what befell the nodes: their states, and the runs of start tasks
// and tasks, one line each. Lines are written a moment after they are noted,
// many at once: of a node that runs short tasks they are a good deal.
type nodeLogs struct {
	dir string
	log *slog.Logger

	mu      sync.Mutex
	pending map[string]*bytes.Buffer // by the node's id
	timer   *time.Timer              // writes what is pending
	closed  bool
}

const (
	nodeLogDelay = 100 * time.Millisecond
	maxNodeLog   = 1 << 20 // a log that has this many bytes is put aside, in place of the one before
)

// note adds a line to a node's log.
func (l *nodeLogs) note(nodeID string, at store.Time, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	if l.pending == nil {
		l.pending = map[string]*bytes.Buffer{}
		l.timer = time.AfterFunc(nodeLogDelay, l.flush)
	}
	lines := l.pending[nodeID]
	if lines == nil {
		lines = &bytes.Buffer{}
		l.pending[nodeID] = lines
	}
	fmt.Fprintf(lines, "%s "+format+"\n", append([]any{at}, args...)...)
}

func (l *nodeLogs) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, lines := range l.pending {
		if err := l.write(id, lines.Bytes()); err != nil {
			l.log.Warn("the log of a node could not be written", "node", id, "error", err)
		}
	}
	l.pending = nil
}

func (l *nodeLogs) write(nodeID string, lines []byte) error {
	current, aside := l.names(nodeID)
	file, err := os.OpenFile(current, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(lines)
	info, statErr := file.Stat()
	if err := errors.Join(err, statErr, file.Close()); err != nil {
		return err
	}
	if info.Size() < maxNodeLog {
		return nil
	}
	return os.Rename(current, aside)
}

func (l *nodeLogs) names(nodeID string) (current, aside string) {
	return filepath.Join(l.dir, nodeID+".log"), filepath.Join(l.dir, nodeID+".1.log")
}

// remove is for a node that is gone.
func (l *nodeLogs) remove(nodeID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pending, nodeID)
	for _, name := range l.both(nodeID) {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			l.log.Warn("the log of a node could not be removed", "node", nodeID, "error", err)
		}
	}
}

func (l *nodeLogs) both(nodeID string) []string {
	current, aside := l.names(nodeID)
	return []string{aside, current}
}

func (l *nodeLogs) close() {
	l.flush()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.timer != nil {
		l.timer.Stop()
	}
}

// between lists those of a node's logs that have a line between two times.
func (l *nodeLogs) between(nodeID string, from, to store.Time) (map[string][]byte, error) {
	l.flush()
	found := map[string][]byte{}
	for _, name := range l.both(nodeID) {
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if hasLineBetween(text, from, to) {
			found[filepath.Base(name)] = text
		}
	}
	return found, nil
}

func hasLineBetween(text []byte, from, to store.Time) bool {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		stamp, _, _ := bytes.Cut(lines.Bytes(), []byte(" "))
		at, err := time.Parse(time.RFC3339Nano, string(stamp))
		if err == nil && from <= store.TimeOf(at) && store.TimeOf(at) <= to {
			return true
		}
	}
	return false
}

// noteState notes a node's state, if it is another one than was noted last.
func (c *change) noteState(n *computeNode) {
	if n.State == n.noted {
		return
	}
	n.noted = n.State
	id, at, state, option := n.ID, c.now, n.State, n.TaskOption
	if option != "" {
		state += ", tasks: " + option
	}
	c.then(func() { c.s.nodeLogs.note(id, at, "state: %s", state) })
}

// noteRun notes something about the run of a start task or a task in dir.
func (s *Service) noteRun(dir, what string) {
	below, _ := filepath.Rel(s.nodesDir(), dir) // both are absolute
	nodeID, dir, _ := strings.Cut(filepath.ToSlash(below), "/")
	s.nodeLogs.note(nodeID, s.clock.now(), "%s: %s", dir, what)
}

// outcome is what came of a run, for a node's log.
func outcome(result node.Result) string {
	switch {
	case result.Failure == nil:
		return "success"
	case result.ExitCode != nil:
		return fmt.Sprintf("%s, exit code %d", result.Failure.Code, *result.ExitCode)
	}
	return result.Failure.Code
}
