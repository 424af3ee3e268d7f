package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/durabatch/durabatch/workload"
)

// plainEvery is how often the progress is printed where it cannot be
// rewritten in place.
const plainEvery = 5 * time.Second

// screen prints lines and, below them, one line of progress that moves: in
// place on a terminal, and otherwise as a line of its own when it changed.
// While a question is open it stands there instead of the progress.
type screen struct {
	out      io.Writer
	terminal bool
	now      func() time.Time

	drawn    string // what stands below the lines on the terminal
	question string
	printed  string // the progress that was printed last, and when
	at       time.Time
}

func newScreen(out io.Writer, terminal bool) *screen {
	return &screen{out: out, terminal: terminal, now: time.Now}
}

// Write prints whole lines above the progress or the question.
func (s *screen) Write(text []byte) (int, error) {
	s.clear()
	n, err := s.out.Write(text)
	if s.question != "" {
		s.draw(s.question)
	}
	return n, err
}

func (s *screen) printf(format string, args ...any) {
	fmt.Fprintf(s, format+"\n", args...)
}

// progress shows what changes all the time. Where it cannot be rewritten, a
// change of the clock alone is none.
func (s *screen) progress(line string, clock time.Duration) {
	s.change(line, line+" · "+clockOf(clock))
}

// show shows the progress of a run, with the clock, the pace and the cost,
// whose change alone is none either.
func (s *screen) show(p panel) {
	if p.line == "" {
		return
	}
	words := append([]string{p.line, clockOf(s.now().Sub(p.Started))}, paceWords(panel{Rate: p.Rate, Left: p.Left}, s.now())...)
	if p.Cost.Dollars > 0 {
		words = append(words, p.Cost.String()+" so far")
	}
	s.change(p.line, strings.Join(words, " · "))
}

func (s *screen) failed(f workload.Failure) { s.printf("%s", failureLine(f)) }

func (s *screen) moves() bool { return s.terminal }

func (s *screen) close() { s.withdraw() }

// change shows whole, where line is what matters of it.
func (s *screen) change(line, whole string) {
	switch {
	case s.question != "":
	case s.terminal:
		if whole = s.fit(whole); whole != s.drawn {
			s.clear()
			s.draw(whole)
		}
	case line != s.printed && s.now().Sub(s.at) >= plainEvery:
		s.printed, s.at = line, s.now()
		fmt.Fprintln(s.out, whole)
	}
}

// ask opens a question. It is closed by the person's Enter, of which the
// terminal makes a new line, or withdrawn.
func (s *screen) ask(question string) {
	s.clear()
	s.question = question
	s.draw(question)
}

// entered says that the person pressed Enter.
func (s *screen) entered() { s.question, s.drawn = "", "" }

// withdraw takes an open question away.
func (s *screen) withdraw() {
	s.clear()
	s.question = ""
}

func (s *screen) draw(line string) {
	fmt.Fprint(s.out, line)
	s.drawn = line
}

// clear takes away what stands below the lines.
func (s *screen) clear() {
	if s.drawn != "" {
		fmt.Fprint(s.out, "\r\x1b[K")
		s.drawn = ""
	}
}

// fit keeps a line within the terminal: one that wraps cannot be rewritten.
func (s *screen) fit(line string) string {
	if width := s.width(); utf8.RuneCountInString(line) >= width {
		return string([]rune(line)[:width-1])
	}
	return line
}

func (s *screen) width() int {
	if file, ok := s.out.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 1 {
			return width
		}
	}
	return 80
}
