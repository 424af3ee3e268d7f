package main

import (
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/durabatch/durabatch/workload"
)

// labelWidth is the column that the rows of the view begin in.
const labelWidth = 7

// row is a part of the view. Where the terminal is too low for all, those of
// the least weight are left out.
type row struct {
	label  string
	lines  []string
	weight int
}

// view draws a panel for a terminal of that size, in one line less than it
// has: a view that fills the screen would push the lines above it away.
func view(p panel, now time.Time, question string, width, height int) string {
	width = max(width-1, 10) // the last column is where terminals wrap
	rows := rowsOf(p, now, width-labelWidth)
	if question != "" {
		rows = append(rows, row{lines: []string{strongStyle.Render(ansi.Truncate(question, width, "…"))}, weight: 100})
	}
	var lines []string
	for _, r := range fit(rows, height-1) {
		for i, line := range r.lines {
			label := ""
			if i == 0 {
				label = r.label
			}
			if r.label != "" {
				line = faintStyle.Render(fmt.Sprintf("%-*s", labelWidth, label)) + line
			}
			lines = append(lines, ansi.Truncate(line, width, "…"))
		}
	}
	return strings.Join(lines, "\n")
}

func rowsOf(p panel, now time.Time, width int) []row {
	var rows []row
	add := func(label string, weight int, lines ...string) {
		if len(lines) > 0 {
			rows = append(rows, row{label: label, lines: lines, weight: weight})
		}
	}
	add("run", 3, flow(phaseWords(p.Phases), " ", width)...)
	for _, m := range p.Moves {
		add(m.Step, 5, moveLine(m, width))
	}
	if p.Counts.Total > 0 {
		add("tasks", 9, bar(p.Counts, width))
		add(" ", 8, flow(countWords(p.Counts), " · ", width)...)
	}
	add("pace", 6, flow(paceWords(p, now), " · ", width)...)
	add("nodes", 4, flow(nodeWords(p.Nodes), " · ", width)...)
	if p.Cost.Dollars > 0 {
		add("cost", 2, p.Cost.String()+" so far")
	}
	if p.Reason != "" {
		add("waits", 7, noticeLines(p.Reason, width)...)
	}
	return rows
}

// fit leaves rows out until the rest is not higher than that.
func fit(rows []row, height int) []row {
	for {
		total, least := 0, 0
		for i, r := range rows {
			total += len(r.lines)
			if r.weight < rows[least].weight {
				least = i
			}
		}
		if total <= max(height, 1) || len(rows) <= 1 {
			return rows
		}
		rows = append(rows[:least:least], rows[least+1:]...)
	}
}

// flow sets words into lines of a width.
func flow(words []string, between string, width int) []string {
	var lines []string
	for _, word := range words {
		last := len(lines) - 1
		if last >= 0 && lipgloss.Width(lines[last])+lipgloss.Width(between)+lipgloss.Width(word) <= width {
			lines[last] += faintStyle.Render(between) + word
			continue
		}
		lines = append(lines, word)
	}
	return lines
}

func phaseWords(phases []phase) []string {
	words := make([]string, 0, len(phases))
	for _, p := range phases {
		switch p.State {
		case going:
			words = append(words, runningStyle.Bold(true).Render("● "+p.Name))
		case ended:
			words = append(words, goodStyle.Render("✓")+" "+p.Name)
		case wentWrong:
			words = append(words, badStyle.Render("✗ "+p.Name))
		default:
			words = append(words, faintStyle.Render("· "+p.Name))
		}
	}
	return words
}

// share is a state of tasks in the bar. Each has a sign of its own, for
// terminals without colours and eyes that cannot tell them.
type share struct {
	count int64
	word  string
	sign  string
	style lipgloss.Style
}

func sharesOf(c workload.Counts) []share {
	waiting := max(c.Total-c.Completed()-c.Running-c.Unfinished, 0)
	return []share{
		{c.Succeeded, "succeeded", "█", goodStyle},
		{c.Failed, "failed", "x", badStyle},
		{c.Running, "running", "▒", runningStyle},
		{waiting, "waiting", "░", faintStyle},
		{c.Unfinished, "unfinished", "-", noticeStyle},
	}
}

// bar shows the tasks by state and, behind it, how many are completed. A state
// that has a task has a sign.
func bar(c workload.Counts, width int) string {
	percent := fmt.Sprintf(" %3d%%", 100*c.Completed()/c.Total)
	room := int64(min(width-len(percent), 72))
	shares := sharesOf(c)
	cells := make([]int64, len(shares))
	left, widest := room, 0
	for i, s := range shares {
		if s.count > 0 {
			cells[i] = max(s.count*room/c.Total, 1)
		}
		left -= cells[i]
		if cells[i] > cells[widest] {
			widest = i
		}
	}
	cells[widest] += left
	var b strings.Builder
	for i, s := range shares {
		b.WriteString(s.style.Render(strings.Repeat(s.sign, int(max(cells[i], 0)))))
	}
	return b.String() + percent
}

// countWords say how many tasks are in each state that there is one in.
func countWords(c workload.Counts) []string {
	var words []string
	for _, s := range sharesOf(c) {
		if s.count > 0 || s.word == "succeeded" {
			words = append(words, fmt.Sprintf("%s %d %s", s.style.Render(s.sign), s.count, s.word))
		}
	}
	return append(words, fmt.Sprintf("of %d", c.Total))
}

func moveLine(m movement, width int) string {
	text := fmt.Sprintf("%d of %d", m.Done, m.Total)
	if m.Bytes > 0 {
		text += ", " + sizeOf(m.Bytes)
	}
	if m.Rate > 0 {
		text += " · " + sizeOf(int64(m.Rate)) + "/s"
	}
	return ansi.Truncate(text, width, "…")
}

// paceWords say how fast it goes, when that will have done it, and for how
// long it has been going on.
func paceWords(p panel, now time.Time) []string {
	var words []string
	if p.Rate > 0 {
		words = append(words, rateOf(p.Rate))
	}
	if p.Left > 0 {
		words = append(words, "about "+clockOf(p.Left.Round(time.Second))+" left")
	}
	if !p.Started.IsZero() {
		words = append(words, clockOf(now.Sub(p.Started))+" so far")
	}
	return words
}

// rateOf writes tasks a second, or a minute or an hour where that would be
// less than one.
func rateOf(perSecond float64) string {
	for _, unit := range []struct {
		name    string
		seconds float64
	}{{"s", 1}, {"min", 60}} {
		if rate := perSecond * unit.seconds; rate >= 1 {
			return fmt.Sprintf("%.3g tasks/%s", rate, unit.name)
		}
	}
	return fmt.Sprintf("%.2g tasks/h", perSecond*3600)
}

func nodeWords(nodes map[string]int32) []string {
	var words []string
	for _, state := range nodesByState(nodes) {
		if nodes[state] > 0 {
			words = append(words, fmt.Sprintf("%d %s", nodes[state], printableLine(state)))
		}
	}
	return words
}

// noticeLines are three lines at most.
func noticeLines(text string, width int) []string {
	lines := strings.Split(ansi.Wrap(sentenceOf(text, 500), max(width, 10), ""), "\n")
	if len(lines) > 3 {
		lines = append(lines[:2:2], ansi.Truncate(strings.Join(lines[2:], " "), width, "…"))
	}
	for i := range lines {
		lines[i] = noticeStyle.Render(lines[i])
	}
	return lines
}

// failureLine tells of a failed task on one line.
func failureLine(f workload.Failure) string {
	facts := f.TaskID
	if f.ExitCode != nil {
		facts += fmt.Sprintf(", exit code %d", *f.ExitCode)
	}
	why := f.Stderr
	if why == "" {
		why = f.Message
	}
	return fmt.Sprintf("Failed: %s (%s): %s", nameOf(f.Name), facts, sentenceOf(why, 300))
}
