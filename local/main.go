// Command local runs the whole stack on one machine: Temporal with its web UI,
// Azurite, the Batch service and a worker, each a process of its own on
// loopback, each started again when it dies, none left when the stack stops.
//
//	local up [--data DIR] [flags...]         until it is told to stop
//	local run [--data DIR] FILE [flags...]   up, starter run FILE, down
//	local batch --listen ADDR --data DIR     the Batch service alone
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// defaultData is where a stack lives when nobody says otherwise.
const defaultData = ".local"

// stopSignals are what people, terminals and service managers stop a program with.
var stopSignals = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), stopSignals...)
	defer stop()
	err := run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	var exit exitError
	if err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, "local:", err)
	}
	os.Exit(exitCode(err))
}

// console is what a command was called with besides its arguments.
type console struct {
	env            []string
	stdin          io.Reader
	stdout, stderr io.Writer
}

// run is the program. It stops what it started, and returns, when ctx ends.
func run(ctx context.Context, args, env []string, stdin io.Reader, stdout, stderr io.Writer) error {
	c := console{env: env, stdin: stdin, stdout: stdout, stderr: stderr}
	root := &cobra.Command{
		Use:           "local",
		Short:         "Temporal, Azurite, the Batch service and a worker on this machine",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
	})
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.AddCommand(upCommand(c), runCommand(c), batchCommand(c))
	return root.ExecuteContext(ctx)
}

// usageError is a command line that cannot be meant.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// exitError is the exit code of a program that has already said what happened.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// exitCode follows starter's codes: 0 done, 1 failed, 2 usage, or the code of
// the starter that ran.
func exitCode(err error) int {
	var (
		exit  exitError
		usage usageError
	)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return int(exit)
	case errors.As(err, &usage):
		return 2
	default:
		return 1
	}
}

// knownCommand refuses what is not the name of a command.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("there is no command %q; see %s --help", args[0], cmd.Name())}
	}
	return nil
}

// noArguments refuses them as a usage error.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s takes no arguments, but was given %q; see %s --help", cmd.CommandPath(), args, cmd.CommandPath())}
	}
	return nil
}
