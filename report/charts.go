package report

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/durabatch/durabatch/workload"
)

// content is what the page is made of.
type content struct {
	Run
	Files *summary
}

// phase is a step as a bar of the timeline: where it begins and how wide it is,
// in percent of the whole.
type phase struct {
	Step
	Left, Width float64
	Took        time.Duration
	Open        bool // it went on when the report was made
}

// Phases are the steps on one scale of time.
func (c content) Phases() []phase {
	whole := c.Made.Sub(c.Report.Started).Seconds()
	phases := make([]phase, 0, len(c.Steps))
	for _, step := range c.Steps {
		end, open := step.Ended, step.Ended.IsZero()
		if open {
			end = c.Made
		}
		p := phase{Step: step, Took: end.Sub(step.Started), Open: open}
		if whole > 0 {
			p.Left = percent(step.Started.Sub(c.Report.Started).Seconds() / whole)
			p.Width = max(min(percent(p.Took.Seconds()/whole), 100-p.Left), 0.3)
		}
		phases = append(phases, p)
	}
	return phases
}

func percent(share float64) float64 {
	return math.Round(max(min(share, 1), 0)*10000) / 100
}

// Elapsed is the time from the run's start to its verdict.
func (c content) Elapsed() time.Duration { return c.Report.Ended.Sub(c.Report.Started) }

// Cost estimates what the nodes cost, or says why it does not.
func (c content) Cost() string {
	hours := c.Report.NodeTime.Dedicated + c.Report.NodeTime.Spot
	switch {
	case c.Report.NodeTime.VMSize == "":
		return "not counted: the pool is not the run's own"
	case c.Price.Hourly == 0:
		return fmt.Sprintf("%.2f node-hours of %s, whose price is not known here", hours, c.Report.NodeTime.VMSize)
	case c.Report.NodeTime.Spot > 0:
		return fmt.Sprintf("$%.2f at most: %.2f node-hours, %.2f of them of spot nodes, which cost less; %s",
			hours*c.Price.Hourly, hours, c.Report.NodeTime.Spot, c.Price.From)
	default:
		return fmt.Sprintf("$%.2f: %.2f node-hours; %s", hours*c.Price.Hourly, hours, c.Price.From)
	}
}

// heatmap is the tasks that ran on each node over time.
type heatmap struct {
	Rows    []heatRow
	Columns int
	Most    float64 // tasks at once on a node, in the busiest cell
	Nodes   int     // of which a row has several, if there are more than rows
	Levels  []int
}

type heatRow struct {
	Name  string
	Y     int
	Cells []cell
	Marks []int // columns in which a task ended in failure
}

// cell is neighbouring cells of one level, which is 1 to the number of levels.
type cell struct{ X, Width, Level int }

const levels = 6

// Heatmap puts nodes together when there are too many for rows of their own.
func (c content) Heatmap() heatmap {
	nodes := c.Files.Usage.Nodes()
	each := (len(nodes) + maxRows - 1) / maxRows
	h := heatmap{Columns: c.Files.Usage.buckets(), Nodes: len(nodes)}
	for level := range levels {
		h.Levels = append(h.Levels, level+1)
	}
	var tables [][]float64
	for at := 0; at < len(nodes); at += each {
		group := nodes[at:min(at+each, len(nodes))]
		row, table := c.Files.Usage.together(group, h.Columns)
		row.Y = len(h.Rows)
		h.Rows, tables = append(h.Rows, row), append(tables, table)
		for _, value := range table {
			h.Most = max(h.Most, value)
		}
	}
	for i, table := range tables {
		h.Rows[i].Cells = cellsOf(table, h.Most)
	}
	return h
}

// together makes one row of nodes: tasks at once on each of them, on average.
func (u *usage) together(group []*row, columns int) (heatRow, []float64) {
	made := heatRow{Name: group[0].Name}
	if len(group) > 1 {
		made.Name += fmt.Sprintf(" and %d more", len(group)-1)
	}
	table := make([]float64, columns)
	failed := make([]bool, columns)
	for _, node := range group {
		for i, seconds := range node.busy {
			table[i] += seconds / u.width.Seconds() / float64(len(group))
			failed[i] = failed[i] || node.failed[i] > 0
		}
	}
	for column, did := range failed {
		if did {
			made.Marks = append(made.Marks, column)
		}
	}
	return made, table
}

func cellsOf(table []float64, most float64) []cell {
	var cells []cell
	for x, value := range table {
		level := int(math.Ceil(levels * value / most))
		if value == 0 || most == 0 {
			continue
		}
		if last := len(cells) - 1; last >= 0 && cells[last].Level == level && cells[last].X+cells[last].Width == x {
			cells[last].Width++
			continue
		}
		cells = append(cells, cell{X: x, Width: 1, Level: level})
	}
	return cells
}

// bar is what ended in one bucket of time, in percent of the highest bar.
type bar struct {
	X                 int
	Succeeded, Failed float64
}

// pace is how many files ended over time.
type pace struct {
	Bars    []bar
	Columns int
	Most    int64 // files in the highest bar
	Width   time.Duration
}

// Pace is drawn on the same scale of time as the heat map.
func (c content) Pace() pace {
	p := pace{Columns: c.Files.Usage.buckets(), Width: c.Files.Usage.width}
	for _, e := range c.Files.Usage.ends {
		p.Most = max(p.Most, e.succeeded+e.failed)
	}
	for x, e := range c.Files.Usage.ends {
		if e.succeeded+e.failed > 0 {
			p.Bars = append(p.Bars, bar{X: x, Succeeded: percent(float64(e.succeeded) / float64(p.Most)), Failed: percent(float64(e.failed) / float64(p.Most))})
		}
	}
	return p
}

// TimeAxis are the times at the begin, the middle and the end of both charts.
func (c content) TimeAxis() []string {
	whole := time.Duration(c.Files.Usage.buckets()) * c.Files.Usage.width
	return []string{"start", "+" + span(whole/2), "+" + span(whole)}
}

// slow is one of the slowest files.
type slow struct {
	workload.Result
	Took time.Duration
}

// Slowest are the slowest files, slowest first.
func (c content) Slowest() []slow {
	var rows []slow
	for _, r := range c.Files.Slowest {
		rows = append(rows, slow{r, tookOf(r)})
	}
	return rows
}

// maxNodes bounds the table of nodes.
const maxNodes = 1000

// nodeTotals is one node in the table.
type nodeTotals struct {
	*row
	Time time.Duration
}

// Nodes are the nodes of the table, and MoreNodes how many it leaves out.
func (c content) Nodes() []nodeTotals {
	var rows []nodeTotals
	for _, node := range c.Files.Usage.Nodes() {
		if len(rows) == maxNodes {
			break
		}
		rows = append(rows, nodeTotals{node, time.Duration(node.Seconds * float64(time.Second))})
	}
	return rows
}

// MoreNodes is how many nodes the table leaves out.
func (c content) MoreNodes() int64 { return max(int64(len(c.Files.Usage.nodes))-maxNodes, 0) }

// WorkloadText is the workload as people may write it.
func (c content) WorkloadText() (string, error) {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // the page escapes it
	encoder.SetIndent("", "  ")
	err := encoder.Encode(c.Workload)
	return text.String(), err
}
