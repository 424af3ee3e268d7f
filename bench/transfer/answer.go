package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// row is one line of the table.
type row struct {
	What    string    `json:"what"`
	Ours    []figures `json:"durabatch"` // of each round
	Theirs  []figures `json:"rclone"`
	Options options   `json:"rcloneOptions"` // its best
	Ratio   float64   `json:"ratio"`         // median of those of the rounds
	Ratios  []float64 `json:"ratios"`
	Goal    float64   `json:"goal"` // at most
	Met     bool      `json:"met"`
}

// answer is the JSON.
type answer struct {
	Date    time.Time `json:"date"`
	System  string    `json:"system"`
	Cores   int       `json:"cores"`
	Go      string    `json:"go"`
	Node    string    `json:"node"`
	Azurite string    `json:"azurite"`
	Rclone  string    `json:"rclone"`
	Full    bool      `json:"full"`
	Rounds  int       `json:"rounds"`
	Rows    []row     `json:"rows"`
}

func (b *bench) setting(ctx context.Context) answer {
	first := func(program string, args ...string) string {
		out, err := exec.CommandContext(ctx, program, args...).Output()
		if err != nil {
			return "unknown"
		}
		line, _, _ := strings.Cut(string(out), "\n")
		return strings.TrimSpace(line)
	}
	a := answer{
		Date: time.Now().UTC().Truncate(time.Second), System: first("uname", "-srm"), Cores: runtime.NumCPU(), Go: runtime.Version(),
		Node: first("node", "--version"), Azurite: first("node", script, "--version"),
		Rclone: strings.TrimPrefix(first(filepath.Join(b.bin, "rclone"), "version"), "rclone "), Full: b.full, Rounds: b.rounds,
	}
	return a
}

func (r row) judged() row {
	for i := range r.Ours {
		r.Ratios = append(r.Ratios, r.Ours[i].Seconds/r.Theirs[i].Seconds)
	}
	r.Ratio = median(r.Ratios)
	r.Met = r.Ratio <= r.Goal
	return r
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func middle(all []figures, of func(figures) float64) float64 {
	values := make([]float64, len(all))
	for i, f := range all {
		values[i] = of(f)
	}
	return median(values)
}

func (a answer) print(out io.Writer, file string) error {
	fmt.Fprintf(out, "%s, %s, %d cores, %s, node %s, Azurite %s, rclone %s, %d rounds\n\n",
		a.Date.Format(time.DateOnly), a.System, a.Cores, a.Go, a.Node, a.Azurite, a.Rclone, a.Rounds)
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "median\tdurabatch\trclone\tratio\tgoal\tmet\teach round\tprocessor: ours, its Azurite\tpeer's, its Azurite\tmemory: ours, peer's\trclone's best")
	for _, r := range a.Rows {
		seconds := func(all []figures) float64 { return middle(all, func(f figures) float64 { return f.Seconds }) }
		cpu := func(all []figures) float64 { return middle(all, func(f figures) float64 { return f.CPU }) }
		azurite := func(all []figures) float64 { return middle(all, func(f figures) float64 { return f.Azurite }) }
		memory := func(all []figures) float64 { return middle(all, func(f figures) float64 { return f.Memory }) }
		fmt.Fprintf(table, "%s\t%.2f s\t%.2f s\t%.2f\t≤ %g\t%s\t%.2f\t%.1f s, %.1f s\t%.1f s, %.1f s\t%.0f MB, %.0f MB\t%s\n",
			r.What, seconds(r.Ours), seconds(r.Theirs), r.Ratio, r.Goal, map[bool]string{true: "yes", false: "no"}[r.Met], r.Ratios,
			cpu(r.Ours), azurite(r.Ours), cpu(r.Theirs), azurite(r.Theirs), memory(r.Ours), memory(r.Theirs), strings.Join(r.Options, " "))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if file != "" {
		if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(out, "%s\n", text)
	return err
}
