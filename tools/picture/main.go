// Picture makes the picture of a run on a terminal that the documentation
// shows: it starts the stack with bin/local, runs a workload of twenty small
// files on a real pseudo-terminal, and draws the emulator's screen as SVG when
// the run is in the middle of its work.
//
//	go run ./tools/picture docs/images/terminal.svg
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// The size of the terminal.
const (
	columns = 96
	rows    = 34
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return errors.New("usage: picture FILE.svg")
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "durabatch-picture-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file, err := writeWorkload(dir)
	if err != nil {
		return err
	}
	// bin/local run is the stack and the run in one: it needs no environment.
	cmd := exec.CommandContext(ctx, filepath.Join("bin", "local"), "run", "--data", filepath.Join(dir, "data"), "--yes", file)
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "COLORTERM=")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: columns, Rows: rows})
	if err != nil {
		return err
	}
	defer tty.Close()
	t := &terminal{screen: vt.NewEmulator(columns, rows)}
	go func() { _, _ = io.Copy(tty, t.screen) }()
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(t, tty)
	}()
	err = t.draw(ctx, args[0])
	<-read
	return errors.Join(err, ignoreExit(cmd.Wait()))
}

// ignoreExit: some of the files are meant to fail.
func ignoreExit(err error) error {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 1 {
		return nil
	}
	return err
}

// writeWorkload writes twenty files, two of them broken, that take a second or
// two each.
func writeWorkload(dir string) (string, error) {
	in := filepath.Join(dir, "videos")
	if err := os.Mkdir(in, 0o755); err != nil {
		return "", err
	}
	for n := range 20 {
		name := fmt.Sprintf("interview-%02d.mp4", n+1)
		if err := os.WriteFile(filepath.Join(in, name), make([]byte, 30_000+2000*n), 0o600); err != nil {
			return "", err
		}
	}
	file := filepath.Join(dir, "interviews.yaml")
	return file, os.WriteFile(file, []byte(workloadText), 0o644)
}

const workloadText = `name: interviews
inputs: {dir: videos, match: ["*.mp4"]}
pool:
  vmSize: Standard_D2s_v3
  image: {publisher: canonical, offer: ubuntu-24_04-lts, sku: server}
  nodeAgentSku: batch.node.ubuntu 24.04
  spotNodes: 4
  taskSlots: 2
task:
  command: |
    index={{index}}; sleep $((1 + 10#$index % 3))
    case {{stem}} in
      interview-05) echo '[mov,mp4,m4a,3gp,3g2,mj2] moov atom not found' >&2; exit 1;;
      interview-11) echo 'interview-11.mp4: Invalid data found when processing input' >&2; exit 183;;
    esac
    cp {{input}} {{output}}
  output: "{{stem}}.mp3"
`

// terminal is the emulator, between the one who writes and the one who looks.
type terminal struct {
	mu     sync.Mutex
	screen *vt.Emulator
}

// Write implements io.Writer.
func (t *terminal) Write(text []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.screen.Write(text)
}

// draw waits for the middle of the run and writes the picture.
func (t *terminal) draw(ctx context.Context, file string) error {
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			t.mu.Lock()
			defer t.mu.Unlock()
			return fmt.Errorf("the view was not there in time; the terminal shows:\n%s", t.screen)
		case <-look.C:
		}
		t.mu.Lock()
		text := t.screen.String()
		t.mu.Unlock()
		if strings.Contains(text, "x 2 failed") && strings.Contains(text, " running · ") && strings.Contains(text, " left · ") && strings.Contains(text, "cost") {
			break
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return os.WriteFile(file, []byte(svg(t.screen)), 0o644)
}
