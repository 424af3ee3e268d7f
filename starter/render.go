package main

import (
	"github.com/spf13/cobra"

	"github.com/durabatch/durabatch/workload"
)

func (s *starter) renderCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "render FILE",
		Short: "Print a workload as the JSON that the Temporal CLI takes",
		Long: `Render checks the workload in FILE and prints it as the input of the workflow
RunWorkload: one line of JSON, with defaults filled in, directories absolute,
and the machine that they are on.`,
		Example: `  starter render workload.yaml >workload.json
  temporal workflow start --type RunWorkload --task-queue durabatch \
    --workflow-id my-run --fail-existing --input-file workload.json`,
		Args: needs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := s.plan(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return s.answer(workload.DocumentOf(p.workload))
		},
	}
}
