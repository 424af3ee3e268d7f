package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
)

func (s *starter) runCommand() *cobra.Command {
	var id string
	var yes bool
	cmd := &cobra.Command{
		Use:   "run FILE",
		Short: "Start a run and follow it to its end",
		Long: `Run checks the workload in FILE as validate does, starts its run and follows
it to its end. On a terminal it asks, when the work is done, whether to delete
the job and the pool; elsewhere it says how to decide, and keeps following.

Ctrl-C stops the following, never the run: the exit code is 130, and watch
comes back to it. With --json the report is one line on stdout at the end, and
the progress goes to stderr.`,
		Example: `  starter run examples/ffmpeg/workload.yaml
  starter run --yes --json workload.yaml | jq .counts`,
		Args: needs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			t, run, p, err := s.begin(ctx, args[0], id)
			if err != nil {
				return err
			}
			defer t.Close()
			return s.follow(ctx, t, run, p, yes)
		},
	}
	addIDFlag(cmd, &id)
	addYesFlag(cmd, &yes)
	return cmd
}

func addYesFlag(cmd *cobra.Command, yes *bool) {
	cmd.Flags().BoolVar(yes, "yes", false, "delete job and pool when the work is done, without asking")
}

// answer prints a value as one line of JSON. File names and command lines are
// not for HTML, so < and & stay as they are.
func (s *starter) answer(value any) error {
	encoder := json.NewEncoder(s.stdout)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("the answer cannot be written: %w", err)
	}
	return nil
}
