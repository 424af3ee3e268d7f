package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func upCommand(c console) *cobra.Command {
	var data, faults, blobEndpoint string
	cmd := &cobra.Command{
		DisableFlagsInUseLine: true,
		Use:                   "up [--data DIR] [--faults FILE] [--blob-endpoint URL]",
		Short:                 "Start the stack, print ready, and run until told to stop",
		Long: `up starts Temporal with its web UI, Azurite, the Batch service and a worker on
loopback, prints "ready" and runs until Ctrl-C or SIGTERM, which leaves no
process behind. Data stay in DIR, and the next up goes on with them.

DIR/env holds the environment for other programs, as lines for a shell;
DIR/<part>.pid and DIR/<part>.log belong to temporal, azurite, batch and worker.

The other programs are those beside this one. Azurite is in ../tools/azurite
from there, or in the directory that DURABATCH_AZURITE names.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return up(cmd.Context(), data, faults, blobEndpoint, c) },
	}
	cmd.Flags().StringVar(&data, "data", defaultData, "directory of the stack's data")
	cmd.Flags().StringVar(&faults, "faults", "", "file of a fault plan for the Batch service; see local batch --help")
	cmd.Flags().StringVar(&blobEndpoint, "blob-endpoint", "", "where worker and nodes reach Azurite, if something stands before it: http://127.0.0.1:PORT/durabatch (default Azurite itself)")
	return cmd
}

// up runs a stack on the directory data until ctx ends. That is no error.
// faults is the file of a fault plan, if any, and blobEndpoint what stands
// before Azurite.
func up(ctx context.Context, data, faults, blobEndpoint string, c console) error {
	if _, err := readFaults(faults); err != nil { // the Batch service would only say so in its log
		return err
	}
	s, err := openStack(ctx, data, blobEndpoint, c)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	defer s.close()
	s.faults = faults
	s.describe(c.stderr)
	if err := s.start(ctx); err != nil {
		return unlessStopped(ctx, err)
	}
	fmt.Fprintln(c.stdout, "ready")
	<-ctx.Done()
	fmt.Fprintln(c.stderr, "stopping")
	return nil
}

// unlessStopped is err, or nil when it only says that we were told to stop.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
