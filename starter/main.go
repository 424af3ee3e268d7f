// Starter is the command line for people: it checks a workload, starts its
// run, follows it, asks for the cleanup approval, and answers what a run is
// doing and did. It moves no files but for the outputs verb; the workers do.
//
// What a program may want is on stdout; with --json it is JSON, one line for
// each answer. What is for people's eyes (progress under --json, warnings,
// errors) is on stderr.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program: it answers the exit code. Ending ctx is Ctrl-C.
func run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	s := &starter{
		environ:  environment(environ),
		stdin:    stdin,
		stdout:   stdout,
		stderr:   stderr,
		log:      &diversion{to: stderr},
		terminal: isTerminal(stdin) && isTerminal(stdout),
		look:     500 * time.Millisecond,
		patience: 10 * time.Second,
	}
	return s.run(ctx, args)
}

// starter is what every verb works with.
type starter struct {
	environ        environment
	stdin          io.Reader
	stdout, stderr io.Writer
	log            *diversion    // what libraries log
	terminal       bool          // somebody sits there and can be asked
	json           bool          // answers are JSON
	look           time.Duration // between two looks at a run
	patience       time.Duration // for a server that has not answered yet
}

func (s *starter) run(ctx context.Context, args []string) int {
	root := s.root()
	root.SetArgs(args)
	return s.exit(ctx, root.ExecuteContext(ctx))
}

func (s *starter) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "starter",
		Short: "Run one command over many files on Azure Batch, and see it through",
		Long: `Starter starts and follows runs of workloads: one command over many files on
Azure Batch, as a durable Temporal workflow.

Exit codes: 0 every task succeeded; 1 the run failed or timed out; 2 usage, or
an invalid workload; 3 Temporal or Azure could not be reached; 4 the run was
cancelled; 5 tasks failed, and not more than the workload's failures.tolerate
allows; 130 you stopped following (Ctrl-C), and the run goes on.

Temporal is found by TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and the rest of its
environment and profiles; the default is localhost:7233.

Where a verb takes FILE, - is standard input.`,
		Args:          noSuchCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(s.stdin)
	root.SetOut(s.stdout)
	root.SetErr(s.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return wrongFlag(cmd, err)
	})
	root.PersistentFlags().BoolVar(&s.json, "json", false, "answer in JSON on stdout; what is for people goes to stderr")
	root.AddCommand(
		s.runCommand(), s.startCommand(), s.statusCommand(), s.watchCommand(),
		s.approveCommand(), s.rejectCommand(), s.cancelCommand(), s.outputsCommand(), s.logsCommand(), s.listCommand(),
		s.validateCommand(), s.planCommand(), s.doctorCommand(), s.renderCommand(), s.schemaCommand(), s.codecCommand(),
		s.janitorCommand(), s.scheduleCommand(), s.redriveCommand(),
	)
	s.complete(root)
	return root
}

func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	message := "there is no command " + nameOf(args[0]) + "."
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		message += " Did you mean " + near[0] + "?"
	}
	return usagef("%s See: starter --help", message)
}

// needs makes an argument check that takes exactly one argument and says
// which where there is none.
func needs(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 && args[0] != "" {
			return nil
		}
		return usagef("%s takes one %s, and got %d arguments. Usage: %s", cmd.Name(), what, len(args), cmd.UseLine())
	}
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
