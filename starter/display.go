package main

import (
	"io"
	"os"

	"github.com/durabatch/durabatch/workload"
)

// display is where a run that is followed is shown: lines that stay, and below
// them what moves. There are three: live for a terminal, screen for plain
// lines, and events for programs.
type display interface {
	io.Writer // whole lines, which stay
	printf(format string, args ...any)
	show(p panel)              // what moves
	failed(f workload.Failure) // a task that failed just now
	ask(question string)       // is closed by entered or withdraw
	entered()
	withdraw()
	moves() bool // what moves is shown in its place; otherwise it is a line like others
	close()      // takes away what moves; what is written after it stays
}

// tone is what a line means; a terminal shows it as a colour.
type tone int

const (
	good tone = iota + 1
	bad
	notice
)

// colourful is a place that can show tones.
type colourful interface{ in(tone) io.Writer }

// inTone is out in a tone, where it has any.
func inTone(out io.Writer, t tone) io.Writer {
	if place, ok := out.(colourful); ok {
		return place.in(t)
	}
	return out
}

// display chooses how a run is shown, on stdout, or with --json on stderr:
// stdout is then the report's alone. keys is where the answers to questions
// come from; nil where nobody is asked.
func (s *starter) display(interrupt func()) (d display, keys <-chan string) {
	out := s.stdout
	if s.json {
		out = s.stderr
	}
	terminal, ok := out.(*os.File)
	switch {
	case ok && isTerminal(out) && s.environ.Get("TERM") != "dumb":
		var keyboard *os.File
		if s.terminal && !s.json {
			keyboard, _ = s.stdin.(*os.File)
		}
		l := newLive(keyboard, terminal, s.environ, interrupt)
		if isTerminal(s.stderr) {
			s.log.divert(l)
		}
		return l, l.lines
	case s.json:
		return newEvents(out), nil
	}
	return newScreen(out, false), nil
}
