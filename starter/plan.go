package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/workload"
)

// plan is a workload that was read and checked, ready to be started.
type plan struct {
	workload *workload.Workload
	// counted says that the inputs are files of this machine, which were looked
	// at one by one. Otherwise the run counts them, where they are.
	counted bool
	files   int64
	bytes   int64
	names   []string // of the first inputs, in the order of the run's own list
	notes   []string // what of the inputs is left out, or asked for and not found
}

// namedFiles is how many files the progress names one by one.
const namedFiles = 200

// plan reads the workload in a file and refuses, before anything is started
// or created, all that can be known to fail: every error has exit code 2.
func (s *starter) plan(ctx context.Context, file string) (*plan, error) {
	w, err := s.load(file)
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, failedf("this machine does not tell its name: %w", err)
	}
	if w.Inputs.Host == "" && w.NeedsHost() {
		w.Inputs.Host = host
	}
	p := &plan{workload: w}
	if w.Inputs.Dir == "" || w.Inputs.Host != host {
		return p, nil
	}
	if err := p.count(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// load reads the workload in a file; - is standard input.
func (s *starter) load(file string) (*workload.Workload, error) {
	var w *workload.Workload
	var err error
	if file == "-" {
		w, err = workload.Read("standard input", s.stdin)
	} else {
		w, err = workload.Load(file)
	}
	if err != nil {
		return nil, usagef("the workload cannot be run:\n%w", err)
	}
	return w, nil
}

// count walks the inputs as the run will.
func (p *plan) count(ctx context.Context) error {
	in := p.workload.Inputs
	p.counted = true
	check := workload.NewNameCheck(p.workload.Task)
	var survey transfer.Survey
	err := survey.Walk(ctx, in.Dir, in.Match, func(file transfer.File) error {
		if err := check.Add(workload.Input{Index: p.files, Name: file.Name}); err != nil {
			return err
		}
		if len(p.names) < namedFiles {
			p.names = append(p.names, file.Name)
		}
		p.files++
		p.bytes += file.Size
		return nil
	})
	if ctx.Err() != nil {
		return exitWith(exitInterrupted)
	}
	if err != nil {
		return usagef("the inputs cannot be run: %w", err)
	}
	if p.files == 0 {
		return usagef("the inputs cannot be run: %s holds no file that matches %s; correct inputs.dir or inputs.match", nameOf(in.Dir), patternsOf(in.Match))
	}
	p.notes = survey.Notes()
	return nil
}

// namesKnown says that the progress can name each of the files.
func (p *plan) namesKnown(files int64) bool {
	return p != nil && p.counted && p.files == files && files <= namedFiles
}

// size says how much there is to do: "5 files (812 KB)".
func (p *plan) size() string {
	if p.counted {
		return fmt.Sprintf("%s (%s)", countOf(p.files, "file"), sizeOf(p.bytes))
	}
	if p.workload.Inputs.Container != "" {
		return "the files of container " + p.workload.Inputs.Container
	}
	return "the files on " + nameOf(p.workload.Inputs.Host)
}

// place says what does it: "5 spot nodes Standard_A1_v2".
func (p *plan) place() string {
	pool := p.workload.Pool
	if pool.ID != "" {
		return "pool " + pool.ID
	}
	var nodes []string
	if pool.DedicatedNodes > 0 {
		nodes = append(nodes, countOf(int64(pool.DedicatedNodes), "dedicated node"))
	}
	if pool.SpotNodes > 0 {
		nodes = append(nodes, countOf(int64(pool.SpotNodes), "spot node"))
	}
	return strings.Join(nodes, " and ") + " " + pool.VMSize
}

func patternsOf(match []string) string {
	quoted := make([]string, len(match))
	for i, pattern := range match {
		quoted[i] = nameOf(pattern)
	}
	return strings.Join(quoted, ", ")
}
