package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/durabatch/durabatch/workload"
)

// eventsEvery is how often progress is told, when there is any.
const eventsEvery = time.Second

// events is a display for programs: one line of JSON for each thing that
// happens.
type events struct {
	out  io.Writer
	now  func() time.Time
	last string // the progress that was told last, and when
	at   time.Time
}

func newEvents(out io.Writer) *events { return &events{out: out, now: time.Now} }

// event is one line. Of message, progress and failure one is set, as Event
// says.
type event struct {
	Time     time.Time         `json:"time"`
	Event    string            `json:"event"`
	Message  string            `json:"message,omitempty"`
	Progress *panel            `json:"progress,omitempty"`
	Failure  *workload.Failure `json:"failure,omitempty"`
}

func (e *events) tell(line event) {
	line.Time = e.now().UTC()
	encoder := json.NewEncoder(e.out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(line) // whoever reads it is gone: the run goes on
}

// Write implements io.Writer: one message for each line.
func (e *events) Write(text []byte) (int, error) {
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimRight(line, "\n"); line != "" {
			e.tell(event{Event: "message", Message: line})
		}
	}
	return len(text), nil
}

func (e *events) printf(format string, args ...any) { fmt.Fprintf(e, format+"\n", args...) }

func (e *events) show(p panel) {
	text, err := json.Marshal(p)
	if err != nil || string(text) == e.last || e.now().Sub(e.at) < eventsEvery {
		return
	}
	e.last, e.at = string(text), e.now()
	e.tell(event{Event: "progress", Progress: &p})
}

func (e *events) failed(f workload.Failure) { e.tell(event{Event: "failure", Failure: &f}) }

func (e *events) ask(string)  {}
func (e *events) entered()    {}
func (e *events) withdraw()   {}
func (e *events) moves() bool { return false }
func (e *events) close()      {}
