package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"

	"github.com/durabatch/durabatch/workload"
)

// live is a display on a terminal: lines go into its scrollback, as those of
// any program, and the view below them is drawn anew in its place.
type live struct {
	program *tea.Program
	out     *os.File
	colours *colorprofile.Writer
	lines   chan string   // answers to questions; nil where there is no keyboard
	begin   func()        // has the view appear
	ended   chan struct{} // closed when the view is gone
	once    sync.Once

	mu       sync.Mutex
	begun    bool // there is, or was, a view
	question string
	answer   string // the latest key
}

// newLive takes the terminal over when there is something to show: keyboard,
// where there is one, is read key by key then, and interrupt is called for
// Ctrl-C. The terminal is given back by close.
func newLive(keyboard, out *os.File, environ environment, interrupt func()) *live {
	l := &live{out: out, colours: colorprofile.NewWriter(out, environ), ended: make(chan struct{})}
	options := []tea.ProgramOption{
		tea.WithOutput(out), tea.WithEnvironment(environ), tea.WithoutSignalHandler(), tea.WithFPS(20),
	}
	if keyboard == nil {
		options = append(options, tea.WithInput(nil))
	} else {
		l.lines = make(chan string, 1)
		options = append(options, tea.WithInput(keyboard))
	}
	l.program = tea.NewProgram(model{press: l.press, interrupt: interrupt, width: 80, height: 24}, options...)
	l.begin = func() {
		defer close(l.ended)
		if _, err := l.program.Run(); err != nil {
			interrupt()
		}
	}
	return l
}

// press takes the answer to an open question; one that nobody asked for yet is
// no answer to it.
func (l *live) press(answer string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.question == "" {
		return
	}
	select {
	case l.lines <- answer:
		l.answer = answer
	default:
	}
}

// Write implements io.Writer: whole lines of text, which stay. What could act
// on the terminal is quoted.
func (l *live) Write(text []byte) (int, error) {
	return l.write(text, lipgloss.NewStyle())
}

func (l *live) write(text []byte, style lipgloss.Style) (int, error) {
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for i, line := range lines {
		lines[i] = style.Render(printableLine(line))
	}
	if !l.above(strings.Join(lines, "\n")) {
		if _, err := fmt.Fprintln(l.colours, strings.Join(lines, "\n")); err != nil {
			return 0, err
		}
	}
	return len(text), nil
}

// above prints above the view, while there is one. Lines are broken here, since
// the renderer has to know how many there are.
func (l *live) above(text string) bool {
	if !l.visible() {
		return false
	}
	var plain strings.Builder
	writer := colorprofile.Writer{Forward: &plain, Profile: l.colours.Profile}
	_, _ = writer.WriteString(ansi.Wrap(text, max(l.width()-1, 10), " "))
	printed := make(chan struct{})
	go func() {
		l.program.Println(plain.String())
		close(printed)
	}()
	select {
	case <-printed:
		return true
	case <-l.ended:
		return false
	}
}

// visible says that there is a view.
func (l *live) visible() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.ended:
		return false
	default:
		return l.begun
	}
}

func (l *live) width() int {
	if width, _, err := term.GetSize(int(l.out.Fd())); err == nil && width > 1 {
		return width
	}
	return 80
}

// toned is live in a tone.
type toned struct {
	live *live
	tone tone
}

// Write implements io.Writer.
func (t toned) Write(text []byte) (int, error) { return t.live.write(text, styleOf(t.tone)) }

func (l *live) in(t tone) io.Writer { return toned{l, t} }

func (l *live) printf(format string, args ...any) { fmt.Fprintf(l, format+"\n", args...) }

func (l *live) show(p panel) {
	l.mu.Lock()
	if !l.begun {
		l.begun = true
		go l.begin()
	}
	l.mu.Unlock()
	l.program.Send(panelMsg(p))
}

func (l *live) failed(f workload.Failure) {
	name, rest, _ := strings.Cut(failureLine(f), ": ")
	line := badStyle.Render("✗ "+name) + ": " + rest
	if !l.above(line) {
		fmt.Fprintln(l.colours, line)
	}
}

func (l *live) ask(question string) {
	l.mu.Lock()
	l.question, l.answer = question, ""
	l.mu.Unlock()
	l.program.Send(questionMsg(question))
}

// entered leaves the question with its answer among the lines.
func (l *live) entered() {
	l.mu.Lock()
	question, answer := l.question, l.answer
	l.question = ""
	l.mu.Unlock()
	l.program.Send(questionMsg(""))
	l.printf("%s", strings.TrimRight(question+answer, " "))
}

func (l *live) withdraw() {
	l.mu.Lock()
	l.question = ""
	l.mu.Unlock()
	if l.visible() {
		l.program.Send(questionMsg(""))
	}
}

func (l *live) moves() bool { return true }

func (l *live) close() {
	if !l.visible() {
		return
	}
	l.once.Do(func() {
		l.program.Send(overMsg{})
		l.program.Quit()
		<-l.ended
	})
}

// These change what the view shows.
type (
	panelMsg    panel
	questionMsg string
	tickMsg     time.Time
	overMsg     struct{}
)

// model is the view's state.
type model struct {
	panel         panel
	question      string
	now           time.Time
	width, height int
	over          bool
	press         func(answer string)
	interrupt     func()
}

// Init implements tea.Model.
func (m model) Init() tea.Cmd { return tick() }

// tick has the clock go on between two looks at the run.
func tick() tea.Cmd {
	return tea.Tick(time.Second, func(now time.Time) tea.Msg { return tickMsg(now) })
}

// Update implements tea.Model.
func (m model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case panelMsg:
		m.panel, m.now = panel(msg), time.Now()
	case questionMsg:
		m.question = string(msg)
	case overMsg:
		m.over = true
	case tickMsg:
		m.now = time.Time(msg)
		return m, tick()
	case tea.KeyPressMsg:
		return m, m.key(msg.String())
	}
	return m, nil
}

func (m model) key(key string) tea.Cmd {
	switch key {
	case "ctrl+c":
		m.interrupt()
	case "ctrl+z":
		return tea.Suspend
	case "enter":
		m.press("")
	case "y", "Y", "n", "N":
		m.press(key)
	}
	return nil
}

// View implements tea.Model.
func (m model) View() tea.View {
	v := tea.NewView("")
	v.DisableBracketedPasteMode = true
	if m.over || m.now.IsZero() {
		return v
	}
	v.SetContent(view(m.panel, m.now, m.question, m.width, m.height))
	return v
}
