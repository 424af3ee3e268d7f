package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workload"
)

// runBound is how long any run of these tests may take: far more than one
// does, so that a run that hangs is a failure and not a timeout of all tests.
const runBound = 4 * time.Minute

// Exit codes, by the contract.
const (
	exitSucceeded   = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitCancelled   = 4
	exitInterrupted = 130
)

// result is how a starter ended.
type result struct {
	code           int
	stdout, stderr string
	took           time.Duration
}

// report is the one line that run --json ends with.
func (r result) report(t *testing.T) workload.Report {
	t.Helper()
	require.Equal(t, 1, strings.Count(r.stdout, "\n"), "stdout is the report alone, on one line:\n%s\nstderr:\n%s", r.stdout, r.stderr)
	var report workload.Report
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &report), r.stdout)
	return report
}

// running is a starter in the background.
type running struct {
	*child
	stdout, stderr *output
	began          time.Time
}

// begin starts bin/starter with args, to end with the test at the latest.
func (s *stack) begin(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runBound)
	r := &running{stdout: newOutput(), stderr: newOutput(), began: time.Now()}
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "starter"), args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = s.environ(), r.stdout, r.stderr
	var err error
	r.child, err = startChild(cmd)
	require.NoError(t, err)
	return r
}

// wait returns how the starter ended.
func (r *running) wait(t *testing.T) result {
	t.Helper()
	<-r.ended
	got := result{stdout: r.stdout.String(), stderr: r.stderr.String(), took: time.Since(r.began)}
	if exit := (*exec.ExitError)(nil); errors.As(r.err, &exit) && exit.Exited() {
		got.code = exit.ExitCode()
	} else {
		require.NoError(t, r.err, "starter was killed:\n%s%s", got.stdout, got.stderr)
	}
	return got
}

// starter runs bin/starter to its end.
func (s *stack) starter(t *testing.T, args ...string) result {
	t.Helper()
	return s.begin(t, args...).wait(t)
}

// run starts and follows a run of the workload in file, says yes to its
// cleanup, and has it end with that exit code.
func (s *stack) run(t *testing.T, id, file string, code int) (workload.Report, result) {
	t.Helper()
	s.tellIfFailed(t, id)
	got := s.starter(t, "run", "--json", "--yes", "--id", id, file)
	require.Equal(t, code, got.code, "exit code of starter run:\n%s%s", got.stdout, got.stderr)
	return got.report(t), got
}

// start starts a run and returns without following it.
func (s *stack) start(t *testing.T, id, file string) {
	t.Helper()
	s.tellIfFailed(t, id)
	got := s.starter(t, "start", "--json", "--id", id, file)
	require.Equal(t, exitSucceeded, got.code, got.stderr)
	var answer struct{ WorkflowID, RunID string }
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &answer))
	require.Equal(t, id, answer.WorkflowID)
	require.NotEmpty(t, answer.RunID)
}

var (
	notInID = regexp.MustCompile(`[^a-z0-9]+`)
	ids     atomic.Int32
)

// newID is a workflow id that tells which test it belongs to.
func newID(t *testing.T) string {
	name := notInID.ReplaceAllString(strings.ToLower(strings.TrimPrefix(t.Name(), "Test")), "-")
	return fmt.Sprintf("%s-%d", name, ids.Add(1))
}
