// Command batch measures localbatch, the Batch service that bin/local batch
// runs, beside its peers in one run: tasks of true and conversions of a video
// against xargs, and what a job of a million tasks costs. It prints a table for
// people and, as its last line, JSON.
//
//	go run ./bench/batch [-runs N] [-tasks N] [-media FILE] [-dir DIR] [true] [media] [large]
//
// The names are what to measure; without any it is all three.
//
// It asserts nothing: figures of a busy machine are no test. It sends requests
// to the service that it has started itself, on the loopback interface, alone.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
	"text/tabwriter"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench/batch:", err)
		os.Exit(1)
	}
}

// row is one line of the table. Of the peer there is none where a figure
// stands for itself.
type row struct {
	What   string    `json:"what"`
	Unit   string    `json:"unit"`
	Ours   float64   `json:"localbatch"` // median
	Theirs float64   `json:"peer,omitempty"`
	Peer   string    `json:"peerIs,omitempty"`
	Ratio  float64   `json:"ratio,omitempty"` // median of those of each run
	Goal   string    `json:"goal,omitempty"`
	Within bool      `json:"within"`
	Each   []float64 `json:"each"` // ratios, or figures where there is no peer
}

// answer is the JSON.
type answer struct {
	Cores int    `json:"cores"`
	Dir   string `json:"dir"`
	Rows  []row  `json:"rows"`
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("batch", flag.ContinueOnError)
	flags.SetOutput(stderr)
	b := bench{log: stderr}
	flags.IntVar(&b.runs, "runs", 5, "how often rates and conversions are measured")
	flags.IntVar(&b.tasks, "tasks", 1_000_000, "tasks in the large job, 100,000 or more")
	flags.StringVar(&b.media, "media", "", "an MP4 to convert (default: one of 20 s that ffmpeg makes)")
	flags.StringVar(&b.bin, "bin", "bin", "directory of local, as make build leaves it")
	dir := flags.String("dir", "", "where the service's data and the outputs go (default: the temporary directory)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if b.runs < 1 || b.tasks < addTasks {
		return fmt.Errorf("-runs must be 1 or more, -tasks %d or more", addTasks)
	}
	var err error
	if b.dir, err = os.MkdirTemp(*dir, "durabatch-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	result := answer{Cores: runtime.NumCPU(), Dir: b.dir}
	names := flags.Args()
	if len(names) == 0 {
		names = []string{"true", "media", "large"}
	}
	for _, name := range names {
		measure, ok := map[string]func(context.Context) ([]row, error){
			"true": b.trueTasks, "media": b.conversions, "large": b.largeJob,
		}[name]
		if !ok {
			return fmt.Errorf("there is nothing called %q to measure", name)
		}
		rows, err := measure(ctx)
		if err != nil {
			return errors.Join(err, ctx.Err())
		}
		result.Rows = append(result.Rows, rows...)
	}
	return result.print(stdout)
}

// bench is what is measured with.
type bench struct {
	runs, tasks     int
	media, bin, dir string
	log             io.Writer
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.log, format+"\n", args...) }

func (a answer) print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintf(table, "%d cores\tlocalbatch\tpeer\tratio\tgoal\tmet\teach run\n", a.Cores)
	for _, r := range a.Rows {
		peer, ratio, met := "", "", ""
		if r.Peer != "" {
			peer, ratio = fmt.Sprintf("%s %s (%s)", number(r.Theirs), r.Unit, r.Peer), fmt.Sprintf("%.2f", r.Ratio)
		}
		if r.Goal != "" {
			met = map[bool]string{true: "yes", false: "no"}[r.Within]
		}
		fmt.Fprintf(table, "%s\t%s %s\t%s\t%s\t%s\t%s\t%.3g\n", r.What, number(r.Ours), r.Unit, peer, ratio, r.Goal, met, r.Each)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(a)
}

func number(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// beside makes a row of figures that were measured in turn, ours and a peer's.
func beside(what, unit, peer string, ours, theirs []float64) row {
	r := row{What: what, Unit: unit, Ours: median(ours), Theirs: median(theirs), Peer: peer}
	for i := range ours {
		r.Each = append(r.Each, ours[i]/theirs[i])
	}
	r.Ratio = median(r.Each)
	return r
}

func alone(what, unit string, figures ...float64) row {
	return row{What: what, Unit: unit, Ours: median(figures), Each: figures}
}

func (r row) atMost(v, limit float64) row {
	r.Goal, r.Within = fmt.Sprintf("≤ %g", limit), v <= limit
	return r
}

func (r row) atLeast(v, limit float64) row {
	r.Goal, r.Within = fmt.Sprintf("≥ %g", limit), v >= limit
	return r
}
