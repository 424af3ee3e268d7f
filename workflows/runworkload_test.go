package workflows_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/durabatch/durabatch/activities"
	"github.com/durabatch/durabatch/workflows"
	"github.com/durabatch/durabatch/workload"
)

var act *activities.Activities

// steps are the answers of activities that do what they are asked to. A test
// changes what it is about.
type steps struct {
	check  func(context.Context, workload.Document) (*workload.Workload, error)
	scan   func(context.Context, activities.ScanInput) (activities.ScanResult, error)
	upload func(context.Context, activities.UploadInput) (activities.UploadResult, error)
	pool   func(context.Context, activities.CreatePoolInput) error
	job    func(context.Context, activities.CreateJobInput) error
	submit func(context.Context, activities.SubmitInput) (activities.SubmitResult, error)
	wait   func(context.Context, activities.WaitInput) (activities.WaitResult, error)
	gather func(context.Context, activities.GatherInput) (activities.GatherResult, error)
	report func(context.Context, activities.ReportInput) (activities.ReportResult, error)
	fetch  func(context.Context, activities.FetchInput) (activities.FetchResult, error)
	after  time.Duration // how long the wait takes
	empty  error         // of EmptyPool
	delete error         // of every deletion
	within time.Duration // how long a deletion takes
	kept   activities.KeepInput

	uploadAfter time.Duration // how long the upload takes

	ended string // reason given to EndJob

	mu      sync.Mutex
	counted map[string]int

	env *testsuite.TestWorkflowEnvironment
}

func newSteps(t *testing.T) *steps {
	var suite testsuite.WorkflowTestSuite
	s := &steps{env: suite.NewTestWorkflowEnvironment(), counted: map[string]int{}}
	s.env.SetTestTimeout(30 * time.Second)
	s.env.RegisterWorkflow(workflows.RunWorkload)
	s.env.RegisterActivity(&activities.Activities{})
	w := testWorkload()
	s.check = func(context.Context, workload.Document) (*workload.Workload, error) { return &w, nil }
	s.scan = func(context.Context, activities.ScanInput) (activities.ScanResult, error) {
		return activities.ScanResult{Files: 5, Bytes: 1000, Parts: 5}, nil
	}
	s.upload = func(context.Context, activities.UploadInput) (activities.UploadResult, error) {
		return activities.UploadResult{Files: 5}, nil
	}
	s.pool = func(context.Context, activities.CreatePoolInput) error { return nil }
	s.job = func(context.Context, activities.CreateJobInput) error { return nil }
	s.submit = func(context.Context, activities.SubmitInput) (activities.SubmitResult, error) {
		return activities.SubmitResult{Tasks: 5}, nil
	}
	s.wait = func(context.Context, activities.WaitInput) (activities.WaitResult, error) {
		return activities.WaitResult{}, nil
	}
	s.gather = func(context.Context, activities.GatherInput) (activities.GatherResult, error) {
		return activities.GatherResult{Counts: workload.Counts{Total: 5, Succeeded: 5}, Results: "_durabatch/results"}, nil
	}
	s.report = func(context.Context, activities.ReportInput) (activities.ReportResult, error) {
		return activities.ReportResult{Page: workload.OutputBlob{Name: workload.ReportFile}}, nil
	}
	s.fetch = func(context.Context, activities.FetchInput) (activities.FetchResult, error) {
		return activities.FetchResult{Outputs: 5}, nil
	}
	return s
}

func testWorkload() workload.Workload {
	return workload.Workload{
		Name: "w", Timeout: workload.Duration(30 * time.Minute),
		Inputs:  workload.Inputs{Dir: "/in", Host: "here", Match: []string{"*"}},
		Pool:    workload.Pool{VMSize: "Standard_A1_v2", SpotNodes: 5},
		Task:    workload.Task{Command: "true", Output: "{{stem}}.out"},
		Outputs: workload.Outputs{Dir: "/out"},
		Cleanup: workload.Cleanup{When: workload.CleanupOnApproval, Deadline: workload.Duration(24 * time.Hour), OnDeadline: workload.OnDeadlineDelete},
	}
}

// run executes the workflow and answers its report, whether or not it came in
// an error.
func (s *steps) run(t *testing.T) (workload.Report, error) {
	t.Helper()
	count := func(name string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.counted[name]++
	}
	env := s.env
	env.OnActivity(act.Check, mock.Anything, mock.Anything).Return(s.check).Maybe()
	env.OnActivity(act.Scan, mock.Anything, mock.Anything).Return(s.scan).Maybe()
	env.OnActivity(act.Upload, mock.Anything, mock.Anything).After(s.uploadAfter).Return(s.upload).Maybe()
	env.OnActivity(act.CreatePool, mock.Anything, mock.Anything).Return(s.pool).Maybe()
	env.OnActivity(act.CreateJob, mock.Anything, mock.Anything).Return(s.job).Maybe()
	env.OnActivity(act.Submit, mock.Anything, mock.Anything).Return(s.submit).Maybe()
	env.OnActivity(act.Wait, mock.Anything, mock.Anything).After(s.after).Return(s.wait).Maybe()
	env.OnActivity(act.Gather, mock.Anything, mock.Anything).Return(s.gather).Maybe()
	env.OnActivity(act.Report, mock.Anything, mock.Anything).Return(s.report).Maybe()
	env.OnActivity(act.Fetch, mock.Anything, mock.Anything).Return(s.fetch).Maybe()
	env.OnActivity(act.EndJob, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.EndJobInput) error {
		s.ended = in.Reason
		count("EndJob")
		return nil
	}).Maybe()
	env.OnActivity(act.DeleteContainer, mock.Anything, mock.Anything).After(s.within).Return(func(context.Context, activities.DeleteContainerInput) error {
		count("DeleteContainer")
		return s.delete
	}).Maybe()
	env.OnActivity(act.EmptyPool, mock.Anything, mock.Anything).Return(func(context.Context, activities.PoolInput) error {
		count("EmptyPool")
		return s.empty
	}).Maybe()
	env.OnActivity(act.DeleteJob, mock.Anything, mock.Anything).After(s.within).Return(func(context.Context, activities.JobInput) error {
		count("DeleteJob")
		return s.delete
	}).Maybe()
	env.OnActivity(act.DeletePool, mock.Anything, mock.Anything).After(s.within).Return(func(context.Context, activities.PoolInput) error {
		count("DeletePool")
		return s.delete
	}).Maybe()
	env.OnActivity(act.Keep, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.KeepInput) error {
		s.kept = in
		count("Keep")
		return nil
	}).Maybe()
	env.ExecuteWorkflow(workflows.RunWorkload, workload.DocumentOf(&workload.Workload{}))
	require.True(t, env.IsWorkflowCompleted())
	err := env.GetWorkflowError()
	if err != nil {
		report, _ := workflows.ReportOf(err)
		return report, err
	}
	var report workload.Report
	require.NoError(t, env.GetWorkflowResult(&report))
	return report, nil
}

// calls are the activities that clean up, by how often each was executed.
func (s *steps) calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.counted)
}

func (s *steps) signal(after time.Duration, approval workflows.Approval) {
	s.env.RegisterDelayedCallback(func() { s.env.SignalWorkflow(workflows.ApprovalSignal, approval) }, after)
}

func (s *steps) status(t *testing.T) workflows.Status {
	t.Helper()
	answer, err := s.env.QueryWorkflow(workflows.StatusQuery)
	require.NoError(t, err)
	var status workflows.Status
	require.NoError(t, answer.Get(&status))
	return status
}

func TestSuccessAwaitsApprovalThenDeletes(t *testing.T) {
	t.Parallel()
	s := newSteps(t)
	s.env.RegisterDelayedCallback(func() {
		status := s.status(t)
		require.Equal(t, workflows.StepApproval, status.Phase)
		require.Equal(t, workload.Succeeded, status.Report.Outcome)
		require.Zero(t, s.calls()["DeletePool"], "nothing is deleted before the approval")
		require.Equal(t, 1, s.calls()["EmptyPool"], "nodes are gone while people think")
		s.env.SignalWorkflow(workflows.ApprovalSignal, workflows.Approval{})
	}, time.Hour)
	report, err := s.run(t)
	require.NoError(t, err)
	require.Equal(t, workload.Succeeded, report.Outcome)
	require.Equal(t, "All 5 tasks succeeded.", report.Verdict)
	require.Empty(t, report.Left)
	require.Equal(t, map[string]int{"DeleteContainer": 1, "EmptyPool": 1, "DeleteJob": 1, "DeletePool": 1}, s.calls())
}

func TestRejectionKeepsJobAndPoolAndSaysSo(t *testing.T) {
	t.Parallel()
	s := newSteps(t)
	s.signal(time.Minute, workflows.NewApproval(false, false))
	report, err := s.run(t)
	require.NoError(t, err)
	require.Len(t, report.Left, 2)
	require.Contains(t, report.Left[0], "job")
	require.Contains(t, report.Left[1], "costs nothing while it has no nodes")
	require.Equal(t, map[string]int{"DeleteContainer": 1, "EmptyPool": 1, "Keep": 1}, s.calls())
	require.True(t, s.kept.Job && s.kept.Pool, "the Janitor is told")
}

// TestWhatAzureRefusesToDeleteIsListed with the commands that delete it.
func TestWhatAzureRefusesToDeleteIsListed(t *testing.T) {
	t.Parallel()
	s := newSteps(t)
	s.delete = temporal.NewApplicationError("delete it: a lock of the subscription forbids it", "ScopeLocked")
	s.signal(time.Minute, workflows.NewApproval(true, true))
	report, err := s.run(t)
	require.NoError(t, err)
	require.Equal(t, workload.Succeeded, report.Outcome)
	require.Greater(t, s.calls()["DeletePool"], 5, "it is tried again and again")
	require.Len(t, report.Left, 3)
	left := strings.Join(report.Left, "\n")
	r := report.Resources
	for _, want := range []string{
		"a lock of the subscription forbids it", "az batch job delete --yes --job-id " + r.Job + ")",
		"az batch pool delete --yes --pool-id " + r.Pool + ")", "az storage container delete --name " + r.InputContainer + ")",
	} {
		require.Contains(t, left, want)
	}
}

func TestEarlyDecisionsAreKept(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		approval workflows.Approval
		calls    map[string]int
	}{
		"keep both":     {workflows.NewApproval(false, false), map[string]int{"DeleteContainer": 1, "EmptyPool": 1, "Keep": 1}},
		"keep the pool": {workflows.NewApproval(true, false), map[string]int{"DeleteContainer": 1, "EmptyPool": 1, "DeleteJob": 1, "Keep": 1}},
		"delete both":   {workflows.NewApproval(true, true), map[string]int{"DeleteContainer": 1, "DeleteJob": 1, "DeletePool": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSteps(t)
			s.after = 10 * time.Minute
			s.signal(time.Minute, c.approval)
			report, err := s.run(t)
			require.NoError(t, err)
			require.Equal(t, c.calls, s.calls(), "a pool that stays has no nodes")
			require.Less(t, report.Ended.Sub(report.Started), 15*time.Minute, "nobody is asked twice")
		})
	}
}

// TestCredentialsThatDoNotSufficeEndTheRun must not try to delete for days
// what could not be created.
func TestCredentialsThatDoNotSufficeEndTheRun(t *testing.T) {
	t.Parallel()
	denied := temporal.NewNonRetryableApplicationError("create it: AuthenticationFailed", activities.AccessDenied, nil)
	for name, c := range map[string]struct {
		spoil func(*steps)
		calls map[string]int
	}{
		"storage": {func(s *steps) {
			s.scan = func(context.Context, activities.ScanInput) (activities.ScanResult, error) {
				return activities.ScanResult{}, denied
			}
		}, map[string]int{}},
		"batch": {func(s *steps) {
			s.pool = func(context.Context, activities.CreatePoolInput) error { return denied }
		}, map[string]int{"DeleteContainer": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSteps(t)
			c.spoil(s)
			report, err := s.run(t)
			require.Error(t, err)
			require.Equal(t, workload.Failed, report.Outcome)
			require.Contains(t, report.Verdict, "AuthenticationFailed")
			require.Equal(t, c.calls, s.calls())
		})
	}
}

func TestUpdateAnswersWhatWasDone(t *testing.T) {
	t.Parallel()
	s := newSteps(t)
	var result workflows.CleanupResult
	second := errors.New("not asked")
	s.env.RegisterDelayedCallback(func() {
		s.env.UpdateWorkflow(workflows.ApprovalUpdate, "one", &testsuite.TestUpdateCallback{
			OnReject:   func(err error) { t.Errorf("rejected: %v", err) },
			OnAccept:   func() {},
			OnComplete: func(answer any, err error) { result, _ = answer.(workflows.CleanupResult); require.NoError(t, err) },
		}, workflows.NewApproval(true, false))
		s.env.UpdateWorkflow(workflows.ApprovalUpdate, "two", &testsuite.TestUpdateCallback{
			OnReject:   func(err error) { second = err },
			OnAccept:   func() { second = nil },
			OnComplete: func(any, error) {},
		}, workflows.Approval{})
	}, time.Minute)
	report, err := s.run(t)
	require.NoError(t, err)
	require.True(t, result.JobDeleted)
	require.False(t, result.PoolDeleted)
	require.Len(t, report.Left, 1)
	require.ErrorContains(t, second, "decided already")
}

func TestSilenceFollowsThePolicy(t *testing.T) {
	t.Parallel()
	for policy, deletions := range map[string]int{workload.OnDeadlineDelete: 1, workload.OnDeadlineKeep: 0} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			s := newSteps(t)
			w := testWorkload()
			w.Cleanup.OnDeadline = policy
			s.check = func(context.Context, workload.Document) (*workload.Workload, error) { return &w, nil }
			report, err := s.run(t)
			require.NoError(t, err)
			require.Equal(t, deletions, s.calls()["DeletePool"])
			require.Equal(t, deletions, s.calls()["DeleteJob"])
			require.Contains(t, report.Notes[0], "nobody approved within 24h")
			require.GreaterOrEqual(t, report.Ended.Sub(report.Started), 24*time.Hour)
		})
	}
}

func TestCleanupAlwaysAsksNobody(t *testing.T) {
	t.Parallel()
	s := newSteps(t)
	w := testWorkload()
	w.Cleanup = workload.Cleanup{When: workload.CleanupAlways}
	s.check = func(context.Context, workload.Document) (*workload.Workload, error) { return &w, nil }
	report, err := s.run(t)
	require.NoError(t, err)
	require.Less(t, report.Ended.Sub(report.Started), time.Minute)
	require.Equal(t, map[string]int{"DeleteContainer": 1, "DeleteJob": 1, "DeletePool": 1}, s.calls())
}

func TestTimeoutEndsTheJobAndIsTheOutcome(t *testing.T) {
	t.Parallel()
	s := newSteps(t)
	s.after = time.Hour
	s.gather = func(context.Context, activities.GatherInput) (activities.GatherResult, error) {
		return activities.GatherResult{Counts: workload.Counts{Total: 5, Succeeded: 2, Unfinished: 3}, Results: "r"}, nil
	}
	s.signal(2*time.Hour, workflows.Approval{})
	report, err := s.run(t)
	require.Error(t, err)
	require.Equal(t, workload.TimedOut, report.Outcome)
	require.Equal(t, "The run's timeout of 30m came first, during wait. 2 of 5 tasks succeeded, 3 did not end.", report.Verdict)
	require.Equal(t, "RunTimedOut", s.ended)
	require.Equal(t, 1, s.calls()["DeletePool"])
}

func TestFailedTasksAreTheVerdict(t *testing.T) {
	t.Parallel()
	s := newSteps(t)
	code := int32(187)
	s.gather = func(context.Context, activities.GatherInput) (activities.GatherResult, error) {
		return activities.GatherResult{
			Counts:   workload.Counts{Total: 5, Succeeded: 4, Failed: 1},
			Failures: []workload.Failure{{Name: "bad.mp4", Code: "FailureExitCode", ExitCode: &code}}, Results: "r",
		}, nil
	}
	s.signal(time.Hour, workflows.Approval{})
	report, err := s.run(t)
	require.Error(t, err)
	require.Equal(t, workload.Failed, report.Outcome)
	require.Equal(t, `4 of 5 tasks succeeded, 1 failed. First: "bad.mp4": exit code 187.`, report.Verdict)
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, "Failed", app.Type())
	require.Zero(t, s.calls()["EndJob"], "a job whose tasks are all done ends by itself")
}

// TestInputsAreKeptWhileARedriveIsPossible: until it is decided over them.
func TestInputsAreKeptWhileARedriveIsPossible(t *testing.T) {
	t.Parallel()
	no := false
	for name, c := range map[string]struct {
		when     string
		approval workflows.Approval
		deleted  int
		kept     bool
	}{
		"approved":         {workload.CleanupOnApproval, workflows.Approval{}, 1, false},
		"inputs are kept":  {workload.CleanupOnApproval, workflows.Approval{DeleteInputs: &no}, 0, true},
		"rejected":         {workload.CleanupOnApproval, workflows.NewApproval(false, false), 0, true},
		"never":            {workload.CleanupNever, workflows.Approval{}, 0, true},
		"always: not kept": {workload.CleanupAlways, workflows.Approval{}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSteps(t)
			w := testWorkload()
			w.Cleanup.When = c.when
			s.check = func(context.Context, workload.Document) (*workload.Workload, error) { return &w, nil }
			s.gather = oneFailure
			s.env.RegisterDelayedCallback(func() {
				if c.when == workload.CleanupOnApproval {
					require.Zero(t, s.calls()["DeleteContainer"], "before it is decided")
				}
			}, 30*time.Minute)
			s.signal(time.Hour, c.approval)
			report, err := s.run(t)
			require.Error(t, err)
			require.Equal(t, c.deleted, s.calls()["DeleteContainer"])
			require.Equal(t, c.kept, s.kept.Inputs, "the Janitor is told")
			if c.kept {
				require.Contains(t, strings.Join(report.Left, "\n"), "starter redrive")
			}
		})
	}
}

// oneFailure is what a run with one failure of five gathers.
func oneFailure(context.Context, activities.GatherInput) (activities.GatherResult, error) {
	return activities.GatherResult{Counts: workload.Counts{Total: 5, Succeeded: 4, Failed: 1}, Results: "r"}, nil
}

// TestRedrivenRunLeavesWhatWasTakenOver alone, and waits for nobody.
func TestRedrivenRunLeavesWhatWasTakenOver(t *testing.T) {
	t.Parallel()
	s := newSteps(t)
	s.gather = oneFailure
	s.env.RegisterDelayedCallback(func() {
		s.env.SignalWorkflow(workflows.RedrivenSignal, workflows.Redriven{By: "again", Pool: true, Inputs: true})
	}, time.Hour)
	report, err := s.run(t)
	require.Error(t, err)
	require.Equal(t, map[string]int{"EmptyPool": 1, "DeleteJob": 1}, s.calls())
	require.Equal(t, []string{"run again does again what failed; it has taken the pool and the inputs over"}, report.Notes)
	require.Empty(t, report.Left)
}

// TestRedriveTakesOverAndRunsTheRest: what was done before is counted, and no
// task is waited for but those of the rest.
func TestRedriveTakesOverAndRunsTheRest(t *testing.T) {
	t.Parallel()
	s := newSteps(t)
	w := testWorkload()
	w.Redrive = &workload.Redrive{WorkflowID: "Before", RunID: "01a20826-fcea-701e-bea7-a7df93889561"}
	s.check = func(context.Context, workload.Document) (*workload.Workload, error) { return &w, nil }
	s.scan = func(_ context.Context, in activities.ScanInput) (activities.ScanResult, error) {
		require.Equal(t, &activities.RedriveInput{WorkflowID: "Before", OutputContainer: "before-93889561-out"}, in.Redrive)
		return activities.ScanResult{Files: 5, Bytes: 1000, Parts: 5, Earlier: 4, Changed: []string{"b.mp4"}}, nil
	}
	s.env.OnActivity(act.Adopt, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.AdoptInput) (activities.AdoptResult, error) {
		require.Equal(t, "before-93889561", in.PoolID)
		require.Equal(t, "before-93889561-in", in.InputContainer)
		return activities.AdoptResult{Pool: true}, nil
	})
	s.env.OnSignalExternalWorkflow(mock.Anything, "Before", "", workflows.RedrivenSignal, mock.Anything).
		Return(func(_, _, _, _ string, arg any) error {
			require.Equal(t, workflows.Redriven{By: "default-test-workflow-id", Pool: true}, arg)
			return nil
		})
	s.env.OnActivity(act.FillPool, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.CreatePoolInput) error {
		require.Equal(t, "before-93889561", in.ID)
		return nil
	})
	s.upload = func(_ context.Context, in activities.UploadInput) (activities.UploadResult, error) {
		require.NotNil(t, in.Owner, "it makes the container that could not be taken over")
		require.Equal(t, int64(1), in.Files)
		return activities.UploadResult{Files: 1}, nil
	}
	s.wait = func(_ context.Context, in activities.WaitInput) (activities.WaitResult, error) {
		require.Equal(t, int64(1), in.Files)
		require.Equal(t, int64(5), in.Listed)
		return activities.WaitResult{}, nil
	}
	s.gather = func(context.Context, activities.GatherInput) (activities.GatherResult, error) {
		return activities.GatherResult{Counts: workload.Counts{Total: 5, Succeeded: 5}, Results: "r"}, nil
	}
	s.signal(time.Hour, workflows.Approval{})
	report, err := s.run(t)
	require.NoError(t, err)
	require.Equal(t, "Before", report.Parent)
	require.Equal(t, "before-93889561", report.Resources.Pool)
	require.Equal(t, "All 5 tasks succeeded. 4 of them were done by run Before already.", report.Verdict)
	require.Equal(t, []string{`files have changed since run Before, and are run as they are now: ["b.mp4"]`}, report.Notes)
}

func TestFailuresAreToleratedToTheLimit(t *testing.T) {
	t.Parallel()
	stop := func(tolerate workload.Tolerance) *workload.Failures {
		return &workload.Failures{Tolerate: tolerate, OnExceeded: "stop"}
	}
	for name, c := range map[string]struct {
		failures *workload.Failures
		counts   workload.Counts
		stops    any // after so many failures
		outcome  workload.Outcome
		verdict  string
	}{
		"within":            {stop("40%"), workload.Counts{Total: 5, Succeeded: 3, Failed: 2}, int64(2), workload.SucceededWithFailures, "3 of 5 tasks succeeded, 2 failed; failures.tolerate: 40% allows 2."},
		"above":             {stop("1"), workload.Counts{Total: 5, Succeeded: 3, Failed: 2}, int64(1), workload.Failed, "3 of 5 tasks succeeded, 2 failed, and failures.tolerate: 1 allows 1."},
		"none":              {stop("0"), workload.Counts{Total: 5, Succeeded: 5}, int64(0), workload.Succeeded, "All 5 tasks succeeded."},
		"all are tried":     {&workload.Failures{Tolerate: "2", OnExceeded: "continue"}, workload.Counts{Total: 5, Succeeded: 3, Failed: 2}, nil, workload.SucceededWithFailures, "3 of 5 tasks succeeded, 2 failed; failures.tolerate: 2 allows 2."},
		"not all had ended": {stop("5"), workload.Counts{Total: 5, Succeeded: 3, Failed: 1, Unfinished: 1}, int64(5), workload.Failed, "3 of 5 tasks succeeded, 1 failed, 1 did not end, and failures.tolerate: 5 allows 5."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSteps(t)
			w := testWorkload()
			w.Failures = c.failures
			s.check = func(context.Context, workload.Document) (*workload.Workload, error) { return &w, nil }
			s.wait = func(_ context.Context, in activities.WaitInput) (activities.WaitResult, error) {
				if c.stops == nil {
					require.Nil(t, in.Tolerated)
				} else {
					require.Equal(t, c.stops, *in.Tolerated)
				}
				return activities.WaitResult{}, nil
			}
			s.gather = func(context.Context, activities.GatherInput) (activities.GatherResult, error) {
				return activities.GatherResult{Counts: c.counts, Results: "r"}, nil
			}
			s.signal(time.Hour, workflows.Approval{})
			report, err := s.run(t)
			require.Equal(t, c.outcome, report.Outcome)
			require.Equal(t, c.verdict, report.Verdict)
			require.Equal(t, c.outcome.Good(), err == nil, err)
		})
	}
}

func TestPoolThatCannotWorkEndsTheRun(t *testing.T) {
	t.Parallel()
	s := newSteps(t)
	s.submit = func(ctx context.Context, _ activities.SubmitInput) (activities.SubmitResult, error) {
		return activities.SubmitResult{Tasks: 5}, nil
	}
	s.wait = func(context.Context, activities.WaitInput) (activities.WaitResult, error) {
		return activities.WaitResult{Failure: &workload.Failure{Code: "StartTaskFailed", Message: "the start task failed on every node", Stderr: "E: no lock"}}, nil
	}
	s.gather = func(context.Context, activities.GatherInput) (activities.GatherResult, error) {
		return activities.GatherResult{
			Counts:   workload.Counts{Total: 5, Unfinished: 5},
			Failures: []workload.Failure{{Name: "a.mp4", Code: activities.Unfinished}}, Results: "r",
		}, nil
	}
	s.signal(time.Hour, workflows.Approval{})
	report, err := s.run(t)
	require.Error(t, err)
	require.Equal(t, workload.Failed, report.Outcome)
	require.Len(t, report.Failures, 1, "what did not end for this reason would bury it")
	require.Equal(t, "The start task failed on every node. 0 of 5 tasks succeeded, 5 did not end.", report.Verdict)
	require.Equal(t, "E: no lock", report.Failures[0].Stderr)
	require.Equal(t, "RunFailed", s.ended)
}

func TestRefusedWorkloadCreatesNothing(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*steps){
		"by the document": func(s *steps) {
			s.check = func(context.Context, workload.Document) (*workload.Workload, error) {
				return nil, temporal.NewNonRetryableApplicationError("name: is missing", workflows.InvalidWorkload, nil)
			}
		},
		"by its files": func(s *steps) {
			s.scan = func(context.Context, activities.ScanInput) (activities.ScanResult, error) {
				return activities.ScanResult{}, temporal.NewNonRetryableApplicationError("no file matches", workflows.InvalidWorkload, nil)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSteps(t)
			spoil(s)
			_, err := s.run(t)
			var app *temporal.ApplicationError
			require.ErrorAs(t, err, &app)
			require.Equal(t, workflows.InvalidWorkload, app.Type())
			require.Empty(t, s.calls())
		})
	}
}

// TestFailureAtEachStepCleansUp lets each step of the work fail for good.
func TestFailureAtEachStepCleansUp(t *testing.T) {
	t.Parallel()
	broken := temporal.NewNonRetryableApplicationError("it broke", "Broken", nil)
	for name, c := range map[string]struct {
		spoil func(*steps)
		calls map[string]int
	}{
		"scan": {func(s *steps) {
			s.scan = func(context.Context, activities.ScanInput) (activities.ScanResult, error) {
				return activities.ScanResult{}, broken
			}
		}, map[string]int{"DeleteContainer": 1}},
		"upload": {func(s *steps) {
			s.upload = func(context.Context, activities.UploadInput) (activities.UploadResult, error) {
				return activities.UploadResult{}, broken
			}
		}, nil}, // the pool is being created at the same moment, and perhaps the job
		"pool": {func(s *steps) {
			s.pool = func(context.Context, activities.CreatePoolInput) error { return broken }
		}, map[string]int{"DeleteContainer": 1}}, // refused for good, so there is none
		"job": {func(s *steps) {
			s.job = func(context.Context, activities.CreateJobInput) error { return broken }
		}, map[string]int{"DeleteContainer": 1, "EmptyPool": 1, "DeletePool": 1}},
		"submit": {func(s *steps) {
			s.submit = func(context.Context, activities.SubmitInput) (activities.SubmitResult, error) {
				return activities.SubmitResult{}, broken
			}
			s.after = time.Hour
		}, map[string]int{"DeleteContainer": 1, "EndJob": 1, "EmptyPool": 1, "DeleteJob": 1, "DeletePool": 1}},
		"wait": {func(s *steps) {
			s.wait = func(context.Context, activities.WaitInput) (activities.WaitResult, error) {
				return activities.WaitResult{}, broken
			}
		}, map[string]int{"DeleteContainer": 1, "EndJob": 1, "EmptyPool": 1, "DeleteJob": 1, "DeletePool": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSteps(t)
			s.gather = func(context.Context, activities.GatherInput) (activities.GatherResult, error) {
				return activities.GatherResult{Counts: workload.Counts{Total: 5, Unfinished: 5}, Results: "r"}, nil
			}
			c.spoil(s)
			s.signal(2*time.Hour, workflows.Approval{})
			report, err := s.run(t)
			require.Error(t, err)
			require.Equal(t, workload.Failed, report.Outcome)
			require.Contains(t, report.Verdict, "It broke")
			if c.calls != nil {
				require.Equal(t, c.calls, s.calls())
			}
			require.Equal(t, 1, s.calls()["DeleteContainer"])
			require.Equal(t, s.calls()["EmptyPool"], s.calls()["DeletePool"])
			require.Equal(t, s.calls()["EndJob"], s.calls()["DeleteJob"])
			require.Empty(t, report.Left)
		})
	}
}

// TestCancelAtEachStepCleansUp cancels the run from inside each step of the
// work, which then ends as an activity does that heeds its cancellation.
func TestCancelAtEachStepCleansUp(t *testing.T) {
	t.Parallel()
	canceled := temporal.NewCanceledError()
	for name, c := range map[string]struct {
		at    func(s *steps, cancel func())
		calls map[string]int
	}{
		"scan": {func(s *steps, cancel func()) {
			s.scan = func(context.Context, activities.ScanInput) (activities.ScanResult, error) {
				cancel()
				return activities.ScanResult{}, canceled
			}
		}, map[string]int{"DeleteContainer": 1}},
		"upload": {func(s *steps, cancel func()) {
			s.upload = func(context.Context, activities.UploadInput) (activities.UploadResult, error) {
				cancel()
				return activities.UploadResult{}, canceled
			}
		}, nil},
		"pool": {func(s *steps, cancel func()) {
			s.pool = func(context.Context, activities.CreatePoolInput) error { cancel(); return canceled }
		}, map[string]int{"DeleteContainer": 1, "DeletePool": 1}},
		"job": {func(s *steps, cancel func()) {
			s.job = func(context.Context, activities.CreateJobInput) error { cancel(); return canceled }
		}, map[string]int{"DeleteContainer": 1, "EndJob": 1, "DeleteJob": 1, "DeletePool": 1}},
		"submit": {func(s *steps, cancel func()) {
			s.submit = func(context.Context, activities.SubmitInput) (activities.SubmitResult, error) {
				cancel()
				return activities.SubmitResult{}, canceled
			}
		}, map[string]int{"DeleteContainer": 1, "EndJob": 1, "DeleteJob": 1, "DeletePool": 1}},
		"wait": {func(s *steps, cancel func()) {
			s.wait = func(context.Context, activities.WaitInput) (activities.WaitResult, error) {
				cancel()
				return activities.WaitResult{Reason: "no nodes"}, nil
			}
		}, map[string]int{"DeleteContainer": 1, "EndJob": 1, "DeleteJob": 1, "DeletePool": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSteps(t)
			s.gather = func(context.Context, activities.GatherInput) (activities.GatherResult, error) {
				return activities.GatherResult{Counts: workload.Counts{Total: 5, Succeeded: 1, Unfinished: 4}, Results: "r"}, nil
			}
			c.at(s, s.env.CancelWorkflow)
			report, err := s.run(t)
			require.True(t, temporal.IsCanceledError(err), "%v", err)
			require.Equal(t, workload.Cancelled, report.Outcome)
			require.Empty(t, report.Left)
			require.Less(t, report.Ended.Sub(report.Started), time.Minute, "nobody is asked")
			if c.calls != nil {
				require.Equal(t, c.calls, s.calls())
			}
			require.Equal(t, 1, s.calls()["DeleteContainer"])
		})
	}
}

// TestCancelBeforeAnything has its report too.
func TestCancelBeforeAnything(t *testing.T) {
	t.Parallel()
	s := newSteps(t)
	s.check = func(context.Context, workload.Document) (*workload.Workload, error) {
		s.env.CancelWorkflow()
		return nil, temporal.NewCanceledError()
	}
	report, err := s.run(t)
	require.True(t, temporal.IsCanceledError(err), "%v", err)
	require.Equal(t, workload.Cancelled, report.Outcome)
	require.Equal(t, "The run was cancelled. No task was run.", report.Verdict)
	require.Empty(t, s.calls())
}

func TestUploadThatFailsEndsTheWaitForAPool(t *testing.T) {
	t.Parallel()
	s := newSteps(t)
	s.upload = func(context.Context, activities.UploadInput) (activities.UploadResult, error) {
		return activities.UploadResult{}, temporal.NewNonRetryableApplicationError("a.mp4 changed", activities.InputChanged, nil)
	}
	s.pool = func(context.Context, activities.CreatePoolInput) error {
		return temporal.NewApplicationError("quota", "PoolQuotaReached")
	}
	s.signal(2*time.Hour, workflows.Approval{})
	report, err := s.run(t)
	require.Error(t, err)
	require.Contains(t, report.Verdict, "A.mp4 changed")
	require.Equal(t, workload.Failed, report.Outcome)
}

func TestTimeoutSaysWhyNothingMoved(t *testing.T) {
	t.Parallel()
	s := newSteps(t)
	s.wait = func(context.Context, activities.WaitInput) (activities.WaitResult, error) {
		return activities.WaitResult{Reason: "pool p got no nodes: AccountCoreQuotaReached"}, nil
	}
	s.after = 0
	s.gather = func(context.Context, activities.GatherInput) (activities.GatherResult, error) {
		return activities.GatherResult{Counts: workload.Counts{Total: 5, Unfinished: 5}, Results: "r"}, nil
	}
	s.submit = func(context.Context, activities.SubmitInput) (activities.SubmitResult, error) {
		s.env.CancelWorkflow()
		return activities.SubmitResult{}, temporal.NewCanceledError()
	}
	report, err := s.run(t)
	require.Error(t, err)
	require.NotContains(t, report.Verdict, "AccountCoreQuotaReached", "a cancelled run was not stuck")

	s = newSteps(t)
	s.wait = func(context.Context, activities.WaitInput) (activities.WaitResult, error) {
		return activities.WaitResult{Reason: "pool p got no nodes: AccountCoreQuotaReached"}, nil
	}
	s.uploadAfter = time.Hour
	s.gather = func(context.Context, activities.GatherInput) (activities.GatherResult, error) {
		return activities.GatherResult{Counts: workload.Counts{Total: 5, Unfinished: 5}, Results: "r"}, nil
	}
	s.signal(2*time.Hour, workflows.Approval{})
	report, err = s.run(t)
	require.Error(t, err)
	require.Equal(t, workload.TimedOut, report.Outcome, report.Verdict)
	require.Contains(t, report.Verdict, "during upload")
	require.Contains(t, report.Verdict, "AccountCoreQuotaReached")
}

func TestMisspeltApprovalDecidesNothing(t *testing.T) {
	t.Parallel()
	s := newSteps(t)
	s.env.RegisterDelayedCallback(func() {
		s.env.SignalWorkflow(workflows.ApprovalSignal, map[string]bool{"aprove": false})
	}, time.Hour)
	s.env.RegisterDelayedCallback(func() {
		status := s.status(t)
		require.Contains(t, status.Ignored, "aprove")
		require.Equal(t, workflows.StepApproval, status.Phase)
		s.env.SignalWorkflow(workflows.ApprovalSignal, workflows.NewApproval(false, false))
	}, 2*time.Hour)
	report, err := s.run(t)
	require.NoError(t, err)
	require.Len(t, report.Left, 2)
}

func TestPoolWhoseNodesStaySaysSo(t *testing.T) {
	t.Parallel()
	s := newSteps(t)
	s.empty = temporal.NewNonRetryableApplicationError("nodes stay", "RemoveNodesFailed", nil)
	s.signal(time.Hour, workflows.NewApproval(true, false))
	report, err := s.run(t)
	require.NoError(t, err)
	require.Contains(t, report.Left[0], "whose nodes are billed")
}

func TestCancelDuringApprovalDeletes(t *testing.T) {
	t.Parallel()
	s := newSteps(t)
	s.env.RegisterDelayedCallback(s.env.CancelWorkflow, time.Hour)
	report, err := s.run(t)
	require.NoError(t, err, "the tasks have succeeded")
	require.Contains(t, report.Notes[0], "cancelled while it waited for approval")
	require.Equal(t, 1, s.calls()["DeletePool"])
}

func TestOutputsThatDoNotArriveAreNoSuccess(t *testing.T) {
	t.Parallel()
	s := newSteps(t)
	s.fetch = func(context.Context, activities.FetchInput) (activities.FetchResult, error) {
		return activities.FetchResult{}, temporal.NewNonRetryableApplicationError("disk full", "LocalFile", nil)
	}
	s.signal(time.Hour, workflows.Approval{})
	report, err := s.run(t)
	require.Error(t, err)
	require.Equal(t, workload.Failed, report.Outcome)
	require.Contains(t, report.Verdict, "All 5 tasks succeeded. But the outputs could not be fetched to /out: disk full")
	require.Equal(t, 1, s.calls()["DeletePool"])
}

func TestNoWorkerOnTheHostEndsTheRunWithinMinutes(t *testing.T) {
	t.Parallel()
	s := newSteps(t)
	s.scan = func(context.Context, activities.ScanInput) (activities.ScanResult, error) {
		return activities.ScanResult{}, temporal.NewTimeoutError(2 /* schedule to start */, nil)
	}
	report, err := s.run(t)
	require.Error(t, err)
	require.Contains(t, report.Verdict, "start bin/worker there (task queue durabatch@here)")
	require.Equal(t, map[string]int{"DeleteContainer": 1}, s.calls(), "an attempt before may have made it")
}

// TestReportForPeople is written with what the run knows, and goes where the
// outputs go.
func TestReportForPeople(t *testing.T) {
	t.Parallel()
	s := newSteps(t)
	var told activities.ReportInput
	var beside workload.OutputBlob
	s.report = func(_ context.Context, in activities.ReportInput) (activities.ReportResult, error) {
		told = in
		return activities.ReportResult{Page: workload.OutputBlob{Name: "r.html", Size: 7}}, nil
	}
	s.fetch = func(_ context.Context, in activities.FetchInput) (activities.FetchResult, error) {
		beside = in.Report
		return activities.FetchResult{Outputs: 5}, nil
	}
	s.signal(time.Hour, workflows.NewApproval(true, true))
	report, err := s.run(t)
	require.NoError(t, err)
	require.Empty(t, report.Notes)
	require.Equal(t, workload.Succeeded, told.Report.Outcome)
	require.NotEmpty(t, told.Report.Verdict)
	require.Equal(t, "w", told.Workload.Name)
	require.Equal(t, workflows.StepScan, told.Steps[0].Name)
	require.Equal(t, workload.OutputBlob{Name: "r.html", Size: 7}, beside)
}

func TestReportThatCannotBeWrittenChangesNothingElse(t *testing.T) {
	t.Parallel()
	s := newSteps(t)
	fetched := false
	s.report = func(context.Context, activities.ReportInput) (activities.ReportResult, error) {
		return activities.ReportResult{}, temporal.NewNonRetryableApplicationError("disk full", "Blob", nil)
	}
	s.fetch = func(context.Context, activities.FetchInput) (activities.FetchResult, error) {
		fetched = true
		return activities.FetchResult{Outputs: 5}, nil
	}
	s.signal(time.Hour, workflows.NewApproval(true, true))
	report, err := s.run(t)
	require.NoError(t, err)
	require.True(t, fetched)
	require.Equal(t, workload.Succeeded, report.Outcome)
	require.Contains(t, strings.Join(report.Notes, "\n"), "the report for people could not be written: disk full")
}
