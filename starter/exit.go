package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/workload"
)

// Exit codes. Scripts lean on them.
const (
	exitSucceeded   = 0   // every task succeeded
	exitFailed      = 1   // the run failed or timed out
	exitUsage       = 2   // usage, or an invalid workload
	exitUnreachable = 3   // Temporal or Azure could not be reached
	exitCancelled   = 4   // the run was cancelled
	exitTolerated   = 5   // tasks failed, not more than the workload tolerates
	exitInterrupted = 130 // Ctrl-C while following: the run goes on
)

// exitError ends the program with a code.
type exitError struct {
	code int
	err  error // nil: everything has been said
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func exitf(code int, format string, args ...any) error {
	return &exitError{code: code, err: fmt.Errorf(format, args...)}
}

func failedf(format string, args ...any) error { return exitf(exitFailed, format, args...) }

func usagef(format string, args ...any) error { return exitf(exitUsage, format, args...) }

func unreachablef(format string, args ...any) error { return exitf(exitUnreachable, format, args...) }

// exitWith is for an end that has been told already.
func exitWith(code int) error {
	if code == exitSucceeded {
		return nil
	}
	return &exitError{code: code}
}

// exit says what went wrong, once, and answers the exit code. After Ctrl-C
// whatever failed did so because of it.
func (s *starter) exit(ctx context.Context, err error) int {
	if err == nil {
		return exitSucceeded
	}
	exit := (*exitError)(nil)
	if !errors.As(err, &exit) {
		exit = &exitError{code: exitFailed, err: err}
	}
	if ctx.Err() != nil {
		exit = &exitError{code: exitInterrupted, err: exit.err}
	}
	if exit.err != nil {
		fmt.Fprintf(s.stderr, "starter: %s\n", azure.Scrub(err.Error()))
	}
	return exit.code
}

// exitCode is how the outcome of a run ends the program.
func exitCode(outcome workload.Outcome) int {
	switch outcome {
	case workload.Succeeded:
		return exitSucceeded
	case workload.SucceededWithFailures:
		return exitTolerated
	case workload.Cancelled:
		return exitCancelled
	default:
		return exitFailed
	}
}
