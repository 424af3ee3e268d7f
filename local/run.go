package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func runCommand(c console) *cobra.Command {
	return &cobra.Command{
		DisableFlagsInUseLine: true,
		Use:                   "run [--data DIR] FILE [flags of starter run...]",
		Short:                 "Start the stack, run one workload, stop the stack",
		Long: `run starts the stack, calls "starter run" with all arguments but --data, and
stops the stack. Its exit code is starter's. A run that was left with Ctrl-C
goes on when the stack is up again on the same directory.`,
		DisableFlagParsing: true, // the flags are starter's
		RunE: func(cmd *cobra.Command, args []string) error {
			data, args, err := takeData(args)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return usageError{errors.New("run needs the file of a workload; see local run --help")}
			}
			if args[0] == "-h" || args[0] == "--help" {
				return cmd.Help()
			}
			return runWorkload(cmd.Context(), data, args, c)
		},
	}
}

// takeData takes --data out of arguments of which the rest are starter's.
func takeData(args []string) (data string, rest []string, err error) {
	data = defaultData
	for i := 0; i < len(args); i++ {
		value, joined := strings.CutPrefix(args[i], "--data=")
		switch {
		case args[i] == "--":
			return data, append(rest, args[i:]...), nil
		case joined:
			data = value
		case args[i] == "--data" && i+1 < len(args):
			i++
			data = args[i]
		case args[i] == "--data":
			return "", nil, usageError{errors.New("--data needs a directory")}
		default:
			rest = append(rest, args[i])
		}
	}
	if data == "" {
		return "", nil, usageError{errors.New("--data needs a directory")}
	}
	return data, rest, nil
}

// interrupted is the exit code of a starter that somebody told to stop
// following.
const interrupted = 130

// runWorkload runs a stack for as long as starter run with args takes. When
// starter fails, the error is an exitError.
func runWorkload(ctx context.Context, data string, args []string, c console) error {
	s, err := openStack(ctx, data, "", c)
	if err != nil {
		return err
	}
	defer s.close()
	s.waiveElevation = true // as up has it
	fmt.Fprint(c.stderr, elevationNote(os.Geteuid() == 0, true))
	fmt.Fprintf(c.stderr, "starting Temporal, Azurite, the Batch service and a worker; web UI %s, what runs %s\n", s.uiAddress(), s.pageAddress())
	if err := s.start(ctx); err != nil {
		if ctx.Err() != nil {
			return errors.New("stopped before the run was started")
		}
		return err
	}
	starter := exec.Command(s.programs.starter, append([]string{"run"}, args...)...)
	starter.Env = withVariables(s.base, s.variables()...)
	starter.Stdin, starter.Stdout, starter.Stderr = c.stdin, c.stdout, c.stderr
	starter.SysProcAttr = endWithParent()
	err = follow(ctx, starter, time.Second, 10*time.Second)
	// On a terminal Ctrl-C may be a key, which starter alone sees.
	if ctx.Err() != nil || errors.Is(err, exitError(interrupted)) {
		fmt.Fprintf(c.stderr, "stopping; a run that is not over goes on after: %s up --data %s\n", s.programs.local, data)
	}
	return err
}

// follow runs cmd to its end. When ctx ends, a terminal's Ctrl-C has reached
// cmd too; a signal to this process alone has not, so cmd is interrupted if it
// has not ended after delay, and killed after grace more.
func follow(ctx context.Context, cmd *exec.Cmd, delay, grace time.Duration) error {
	ended, err := begin(cmd)
	if err != nil {
		return fmt.Errorf("starter cannot be started: %w; run make build", err)
	}
	select {
	case err := <-ended:
		return exitOf(err)
	case <-ctx.Done():
	}
	select {
	case err := <-ended:
		return exitOf(err)
	case <-time.After(delay):
		_ = cmd.Process.Signal(syscall.SIGINT) // it has just ended, if this fails
	}
	select {
	case err := <-ended:
		return exitOf(err)
	case <-time.After(grace):
		_ = cmd.Process.Kill() // likewise
	}
	return exitOf(<-ended)
}

// exitOf is the exit code of a program that ended with err, as an error unless
// it is 0. A signal counts as shells count it.
func exitOf(err error) error {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &exit):
		return err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitError(128 + int(status.Signal()))
	}
	return exitError(exit.ExitCode())
}

// begin starts cmd and returns where its end will be told. One thread stays
// with it for its life, as with a keeper's.
func begin(cmd *exec.Cmd) (<-chan error, error) {
	started, ended := make(chan error, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	return ended, <-started
}
