package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// upOptions are the flags of local up.
type upOptions struct {
	data           string
	faults         string // file of a fault plan; empty: none
	blobEndpoint   string // of what stands before Azurite; empty: nothing does
	waiveElevation bool
}

func upCommand(c console) *cobra.Command {
	var o upOptions
	cmd := &cobra.Command{
		DisableFlagsInUseLine: true,
		Use:                   "up [--data DIR] [flags]",
		Short:                 "Start the stack, print ready, and run until told to stop",
		Long: `up starts Temporal with its web UI, Azurite, the Batch service, a worker and a
page of what runs, on loopback, prints "ready" and runs until Ctrl-C or SIGTERM, which leaves no
process behind. Data stay in DIR, and the next up goes on with them.

DIR/env holds the environment for other programs, as lines for a shell;
DIR/<part>.pid and DIR/<part>.log belong to temporal, azurite, batch and worker.

The other programs are those beside this one. Azurite is in ../tools/azurite
from there, or in the directory that DURABATCH_AZURITE names.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return up(cmd.Context(), o, c) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.data, "data", defaultData, "directory of the stack's data")
	flags.StringVar(&o.faults, "faults", "", "file of a fault plan for the Batch service; see local batch --help")
	flags.StringVar(&o.blobEndpoint, "blob-endpoint", "", "where worker and nodes reach Azurite, if something stands before it: http://127.0.0.1:PORT/durabatch (default Azurite itself)")
	flags.BoolVar(&o.waiveElevation, "waive-elevation", true, waiveUsage)
	return cmd
}

// up runs a stack until ctx ends. That is no error.
func up(ctx context.Context, o upOptions, c console) error {
	if _, err := readFaults(o.faults); err != nil { // the Batch service would only say so in its log
		return err
	}
	s, err := openStack(ctx, o.data, o.blobEndpoint, c)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	defer s.close()
	s.faults, s.waiveElevation = o.faults, o.waiveElevation
	s.describe(c.stderr)
	fmt.Fprint(c.stderr, elevationNote(os.Geteuid() == 0, o.waiveElevation))
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
