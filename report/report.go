// Package report makes the report of a run: one HTML file that needs nothing
// else, neither from the network nor beside it, and that stays small however
// many files the run had. It knows the words of package workload and neither
// Azure nor Temporal.
package report

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"iter"
	"time"

	"github.com/durabatch/durabatch/workload"
)

// Run is all that a report tells besides the results of the files.
type Run struct {
	Report   workload.Report
	Workload workload.Workload
	Steps    []Step // that began before the report was made
	Price    Price
	Versions []Version
	Made     time.Time
	// Stderr is asked for the end of what a failed file's command said, when its
	// result does not tell it. Nil: nothing more is told.
	Stderr func(workload.Result) string
}

// Step is a phase of the run.
type Step struct {
	Name    string    `json:"name"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"` // zero: it goes on
	Error   string    `json:"error,omitempty"`
}

// Price is what a node of the pool costs.
type Price struct {
	Hourly float64 // dollars; 0: it is not known
	From   string  // which prices those are
}

// Version is of a program that took part.
type Version struct{ Name, Version string }

// Write writes the report. It reads the results once, in constant memory; an
// error of theirs ends it.
func Write(to io.Writer, run Run, results iter.Seq2[workload.Result, error]) error {
	seen := newSummary(run.Report.Started)
	for result, err := range results {
		if err != nil {
			return err
		}
		seen.add(result)
	}
	if run.Stderr != nil {
		seen.tell(run.Stderr)
	}
	return page.Execute(to, content{Run: run, Files: seen})
}

//go:embed page.html style.css
var files embed.FS

var page = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"count": count, "size": size, "span": span, "moment": moment, "css": css,
}).ParseFS(files, "page.html"))

// css is the style sheet, which is ours and needs no escaping.
func css() (template.CSS, error) {
	text, err := files.ReadFile("style.css")
	return template.CSS(text), err
}

// count writes a number with a space between thousands, which reads the same
// everywhere: 12 345.
func count(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}

func size(bytes int64) string {
	const unit = 1024
	if bytes < unit {
		return fmt.Sprintf("%d B", bytes)
	}
	value, exponent := float64(bytes)/unit, 0
	for value >= unit && exponent < 4 {
		value /= unit
		exponent++
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGTP"[exponent])
}

// span writes a duration with two units at most: 3 h 20 min, 4.2 s, 120 ms.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "–"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	case d < 48*time.Hour:
		d = d.Round(time.Minute)
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	default:
		d = d.Round(time.Hour)
		return fmt.Sprintf("%d d %d h", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	}
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}
