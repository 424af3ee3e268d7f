package main

import "github.com/spf13/cobra"

func (s *starter) watchCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "watch ID",
		Short: "Follow a run that was started before",
		Long: `Watch follows the latest run of the workflow id ID to its end, as run does,
with the same questions and exit codes.`,
		Example: `  starter watch mp4-to-mp3-20261123-104500-1f2e`,
		Args:    needs("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			t, err := s.connect(ctx)
			if err != nil {
				return err
			}
			defer t.Close()
			seen, err := t.describe(ctx, args[0], "")
			if err != nil {
				return t.explain(err, args[0], "follow")
			}
			return s.follow(ctx, t, started{WorkflowID: seen.id, RunID: seen.runID}, nil, yes)
		},
	}
	addYesFlag(cmd, &yes)
	return cmd
}
