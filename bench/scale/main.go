// Command scale measures how a run grows with its files and how a worker bears
// many runs, on Temporal's dev server, Azurite and a Batch service whose tasks
// end at once. It prints a table for people and, as its last line, JSON.
//
//	go run ./bench/scale [-full] [-bin DIR] [-dir DIR] [files] [manifest] [runs] [submit] [groups]
//
// The names are what to measure; without any it is all of it. Short, sizes are
// a tenth or less.
//
// It asserts nothing: figures of a busy machine are no test.
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
	"syscall"
	"text/tabwriter"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench/scale:", err)
		os.Exit(1)
	}
}

// row is one line of the table.
type row struct {
	What    string  `json:"what"`
	Files   int     `json:"files"`
	Seconds float64 `json:"seconds"`
	Events  int64   `json:"events,omitempty"`      // of history, of one run
	History int64   `json:"historyKB,omitempty"`   // kB
	Memory  float64 `json:"workerMiB,omitempty"`   // at most, resident
	Calls   float64 `json:"batchCalls,omitempty"`  // for each file
	Peer    float64 `json:"peerSeconds,omitempty"` // of what it is measured beside
	Ratio   float64 `json:"ratio,omitempty"`
	Goal    string  `json:"goal,omitempty"`
}

// answer is the JSON.
type answer struct {
	Cores int       `json:"cores"`
	Date  time.Time `json:"date"`
	Full  bool      `json:"full"`
	Rows  []row     `json:"rows"`
}

// bench is what is measured with.
type bench struct {
	bin, dir string
	full     bool
	log      io.Writer
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.log, format+"\n", args...) }

// size is the first of a full measurement, and the second of a short one.
func (b *bench) size(full, short int) int {
	if b.full {
		return full
	}
	return short
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("scale", flag.ContinueOnError)
	flags.SetOutput(stderr)
	b := bench{log: stderr}
	flags.BoolVar(&b.full, "full", false, "the whole sizes: a million files, a thousand runs")
	flags.StringVar(&b.bin, "bin", "bin", "directory of worker and temporal, as make build leaves it")
	dir := flags.String("dir", "", "where data goes (default: the temporary directory)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var err error
	if b.dir, err = os.MkdirTemp(*dir, "durabatch-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	works := map[string]func(context.Context) ([]row, error){
		"files": b.files, "manifest": b.manifest, "runs": b.runs, "submit": b.submit, "groups": b.groups,
	}
	names := flags.Args()
	if len(names) == 0 {
		names = []string{"files", "manifest", "runs", "submit", "groups"}
	}
	result := answer{Cores: runtime.NumCPU(), Date: time.Now().UTC().Truncate(time.Second), Full: b.full}
	for _, name := range names {
		work, ok := works[name]
		if !ok {
			return fmt.Errorf("there is nothing called %q to measure", name)
		}
		rows, err := work(ctx)
		if err != nil {
			return errors.Join(err, ctx.Err())
		}
		result.Rows = append(result.Rows, rows...)
	}
	return result.print(stdout)
}

func (a answer) print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintf(table, "%d cores\tfiles\ttime\thistory\tworker\tBatch calls a file\tpeer\tratio\tgoal\n", a.Cores)
	for _, r := range a.Rows {
		fmt.Fprintf(table, "%s\t%d\t%.1f s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.What, r.Files, r.Seconds,
			unless(r.Events == 0, fmt.Sprintf("%d events, %d kB", r.Events, r.History)), unless(r.Memory == 0, fmt.Sprintf("%.0f MiB", r.Memory)),
			unless(r.Calls == 0, fmt.Sprintf("%.4f", r.Calls)), unless(r.Peer == 0, fmt.Sprintf("%.1f s", r.Peer)),
			unless(r.Ratio == 0, fmt.Sprintf("%.2f", r.Ratio)), r.Goal)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(a)
}

func unless(none bool, text string) string {
	if none {
		return ""
	}
	return text
}
