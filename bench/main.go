// Command bench measures what durabatch costs: how long the stack takes to be
// ready, and how long five video files take from files on disk to files on
// disk, against xargs running the same ffmpeg commands on the same machine in
// the same minute. It prints a table for people and, as its last line, JSON.
//
//	go run ./bench [-runs N] [-media FILE]
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
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"text/tabwriter"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// What the project promises: see README.md.
const (
	readyLimit  = 15.0 // seconds
	ratioLimit  = 1.5  // of what xargs takes,
	marginLimit = 3.0  // and so many seconds more
)

// answer is the JSON. Times are in seconds.
type answer struct {
	Media  string  `json:"media"`
	Bytes  int64   `json:"bytes"` // of all five inputs
	Cores  int     `json:"cores"`
	Ready  figures `json:"ready"`     // local up, to its word ready
	Ours   figures `json:"durabatch"` // starter run, to the last output on disk
	Theirs figures `json:"xargs"`     // xargs -P2, to its end
	Ratio  float64 `json:"ratio"`     // of the medians
	Limit  float64 `json:"limit"`     // for durabatch: 1.5 times xargs and 3 s
	Within bool    `json:"withinLimit"`
}

// figures are measurements of one thing, in the order they were made.
type figures struct {
	Seconds []float64 `json:"seconds"`
	Median  float64   `json:"median"`
}

func (f *figures) add(seconds float64) {
	f.Seconds = append(f.Seconds, seconds)
	sorted := slices.Sorted(slices.Values(f.Seconds))
	n := len(sorted)
	f.Median = (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	runs := flags.Int("runs", 3, "how often everything is measured")
	media := flags.String("media", "", "an MP4 of which five copies are the inputs (default: the sample videos)")
	bin := flags.String("bin", "bin", "directory of local and starter, as make build leaves it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *runs < 1 {
		return errors.New("-runs must be 1 or more")
	}
	dir, err := os.MkdirTemp("", "durabatch-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{bin: *bin, dir: dir}
	if err := b.prepare(*media); err != nil {
		return err
	}
	result := answer{Media: "sample videos", Bytes: b.bytes, Cores: runtime.NumCPU()}
	if *media != "" {
		result.Media = filepath.Base(*media)
	}
	for n := range *runs {
		fmt.Fprintf(stderr, "measuring, %d of %d\n", n+1, *runs)
		if err := b.measure(ctx, n, &result); err != nil {
			return err
		}
	}
	result.Ratio = result.Ours.Median / result.Theirs.Median
	result.Limit = ratioLimit*result.Theirs.Median + marginLimit
	result.Within = result.Ours.Median <= result.Limit
	return result.print(stdout)
}

func (a answer) print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintf(table, "five files, %s\t%.1f MB\t%d cores\n", a.Media, float64(a.Bytes)/1e6, a.Cores)
	fmt.Fprintf(table, "\tmedian\tlimit\teach\n")
	fmt.Fprintf(table, "local up is ready\t%.2f s\t%.2f s\t%.2f\n", a.Ready.Median, readyLimit, a.Ready.Seconds)
	fmt.Fprintf(table, "durabatch, files to files\t%.2f s\t%.2f s\t%.2f\n", a.Ours.Median, a.Limit, a.Ours.Seconds)
	fmt.Fprintf(table, "xargs -P2 ffmpeg\t%.2f s\t\t%.2f\n", a.Theirs.Median, a.Theirs.Seconds)
	fmt.Fprintf(table, "ratio\t%.2f\t\t\n", a.Ratio)
	if err := table.Flush(); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(a)
}
