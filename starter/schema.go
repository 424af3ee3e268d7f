package main

import (
	"github.com/spf13/cobra"

	"github.com/durabatch/durabatch/workload"
)

func (s *starter) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of the workload file",
		Long:    `Schema prints the JSON Schema of the workload file, for editors and for other programs.`,
		Example: `  starter schema >workload.schema.json`,
		Args:    nothing,
		RunE: func(*cobra.Command, []string) error {
			_, err := s.stdout.Write(workload.Schema())
			return err
		},
	}
}
