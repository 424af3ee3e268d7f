package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

// validated is what validate answers with --json for a workload that can run.
type validated struct {
	Name    string   `json:"name"`
	Host    string   `json:"host,omitempty"` // the machine that the files are on
	Counted bool     `json:"counted"`        // false: the run itself counts the files
	Files   int64    `json:"files,omitempty"`
	Bytes   int64    `json:"bytes,omitempty"`
	Tasks   int64    `json:"tasks,omitempty"`
	Notes   []string `json:"notes,omitempty"` // what of the inputs is left out, or asked for and not found
}

func (s *starter) validateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "validate FILE",
		Short: "Check a workload and its input files",
		Long: `Validate reads the workload in FILE and, where its inputs are on this machine,
looks at each of them. It names all that is wrong, with file, line and field,
and has exit code 2 then. It asks neither Temporal nor Azure.`,
		Example: `  starter validate workload.yaml`,
		Args:    needs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.validate(cmd.Context(), args[0])
		},
	}
}

func (s *starter) validate(ctx context.Context, file string) error {
	p, err := s.plan(ctx, file)
	if err != nil {
		return err
	}
	if s.json {
		return s.answer(validated{
			Name: p.workload.Name, Host: p.workload.Inputs.Host,
			Counted: p.counted, Files: p.files, Bytes: p.bytes, Tasks: p.files, Notes: p.notes,
		})
	}
	fmt.Fprintf(s.stdout, "%s can run: %s, one task each, on %s; timeout %s.\n",
		p.workload.Name, p.size(), p.place(), p.workload.Timeout)
	for _, note := range p.notes {
		fmt.Fprintf(s.stdout, "Note: %s: %s\n", nameOf(p.workload.Inputs.Dir), sentenceOf(note, 500))
	}
	if !p.counted {
		fmt.Fprintln(s.stdout, "The files are not on this machine; the run itself will count and check them.")
	}
	return nil
}
