package e2e

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

// terminal is a starter on a terminal: a real pseudo-terminal, and an emulator
// of what a person would see on it.
type terminal struct {
	*child
	tty    *os.File // the emulator's side
	closed chan struct{}

	mu     sync.Mutex
	screen *vt.Emulator
	raw    bytes.Buffer
}

// onTerminal starts bin/starter with args on a terminal of that size. more are
// variables of its environment.
func (s *stack) onTerminal(t *testing.T, width, height int, more []string, args ...string) *terminal {
	t.Helper()
	tty, theirs, err := pty.Open()
	require.NoError(t, err)
	term := &terminal{tty: tty, screen: vt.NewEmulator(width, height), closed: make(chan struct{})}
	term.size(t, width, height)
	ctx, cancel := context.WithTimeout(t.Context(), runBound)
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "starter"), args...)
	cmd.Env = append(append(s.environ(), "TERM=xterm-256color", "NO_COLOR=", "TZ=UTC"), more...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	term.child, err = startChild(cmd)
	require.NoError(t, err)
	require.NoError(t, theirs.Close())
	go term.read()
	go func() { _, _ = io.Copy(tty, term.screen) }() // what a terminal answers when it is asked
	t.Cleanup(func() {
		cancel()
		<-term.ended
		<-term.closed
		_ = term.screen.Close()
		_ = tty.Close()
		if t.Failed() {
			t.Logf("the terminal:\n%s", term.text())
		}
	})
	return term
}

// read shows what comes until the last process that has the terminal is gone.
func (term *terminal) read() {
	defer close(term.closed)
	buffer := make([]byte, 4096)
	for {
		n, err := term.tty.Read(buffer)
		term.mu.Lock()
		term.raw.Write(buffer[:n])
		_, _ = term.screen.Write(buffer[:n])
		term.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (term *terminal) size(t *testing.T, width, height int) {
	t.Helper()
	term.mu.Lock()
	defer term.mu.Unlock()
	term.screen.Resize(width, height)
	require.NoError(t, pty.Setsize(term.tty, &pty.Winsize{Cols: uint16(width), Rows: uint16(height)}))
}

// rows are the lines of the scrollback and of the screen, from the top.
func (term *terminal) rows() []string {
	term.mu.Lock()
	defer term.mu.Unlock()
	var rows []string
	for y := range term.screen.ScrollbackLen() {
		rows = append(rows, rowOf(term.screen.Width(), func(x int) string {
			if cell := term.screen.ScrollbackCellAt(x, y); cell != nil {
				return cell.Content
			}
			return ""
		}))
	}
	for y := range term.screen.Height() {
		rows = append(rows, rowOf(term.screen.Width(), func(x int) string {
			if cell := term.screen.CellAt(x, y); cell != nil {
				return cell.Content
			}
			return ""
		}))
	}
	return rows
}

func rowOf(width int, content func(x int) string) string {
	var b strings.Builder
	for x := range width {
		b.WriteString(content(x))
	}
	return strings.TrimRight(b.String(), " ")
}

func (term *terminal) text() string { return strings.TrimRight(strings.Join(term.rows(), "\n"), "\n") }

func (term *terminal) bytes() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.raw.String()
}

// shows waits for a text, wherever its lines are broken.
func (term *terminal) shows(t *testing.T, text string) {
	t.Helper()
	until(t, 90*time.Second, "the terminal shows "+text, func() bool { return strings.Contains(unbroken(term.text()), unbroken(text)) })
}

func unbroken(text string) string { return strings.Join(strings.Fields(text), "") }

func (term *terminal) press(t *testing.T, keys string) {
	t.Helper()
	_, err := term.tty.WriteString(keys)
	require.NoError(t, err)
}

// code waits for the end.
func (term *terminal) code(t *testing.T) int {
	t.Helper()
	<-term.ended
	<-term.closed
	return term.ProcessState.ExitCode()
}
