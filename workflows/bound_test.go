package workflows_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/durabatch/durabatch/activities"
	"github.com/durabatch/durabatch/workload"
)

// TestCleanupEndsWhenAzureNeverAnswers: three days of an Azure that is not
// there, and then the run ends with what is left and the commands that delete
// it. The test environment makes ten attempts at most, so each takes hours;
// that there is no limit to them is in TestWhatComesAfterTheWorkIsTriedOn.
func TestCleanupEndsWhenAzureNeverAnswers(t *testing.T) {
	for outcome, work := range map[workload.Outcome]error{
		workload.Succeeded: nil,
		workload.Failed:    temporal.NewNonRetryableApplicationError("job refuses", "TaskRefused", nil),
	} {
		t.Run(string(outcome), func(t *testing.T) {
			s := newSteps(t)
			w := testWorkload()
			w.Cleanup = workload.Cleanup{When: workload.CleanupAlways}
			w.Outputs = workload.Outputs{}
			s.checked(w)
			s.submitFails(work)
			if outcome == workload.Failed {
				s.gathered(workload.Counts{Total: 5, Unfinished: 5})
			}
			s.within = 8 * time.Hour
			s.delete = temporal.NewApplicationError("dial tcp: no route to host", "Network")
			began := s.env.Now()
			report, err := s.run(t)
			require.Equal(t, outcome == workload.Succeeded, err == nil)
			require.Equal(t, outcome, report.Outcome)
			took := s.env.Now().Sub(began)
			require.GreaterOrEqual(t, took, 71*time.Hour)
			require.LessOrEqual(t, took, 80*time.Hour)

			require.Len(t, report.Left, 3)
			r := report.Resources
			for i, command := range []string{
				"az storage container delete --name " + r.InputContainer,
				"az batch job delete --yes --job-id " + r.Job,
				"az batch pool delete --yes --pool-id " + r.Pool,
			} {
				require.Contains(t, joined(report.Left), command, "%d", i)
			}
			require.Contains(t, joined(report.Left), "no route to host")
			for _, step := range []string{"DeleteJob", "DeletePool", "DeleteContainer"} {
				require.Equal(t, 9, s.calls()[step], step)
			}
		})
	}
}

// TestGatheringEndsWhenAzureNeverAnswers: what became of the tasks is then not
// known, and said so; the cleanup is tried nonetheless.
func TestGatheringEndsWhenAzureNeverAnswers(t *testing.T) {
	s := newSteps(t)
	w := testWorkload()
	w.Cleanup = workload.Cleanup{When: workload.CleanupAlways}
	s.checked(w)
	s.gatherFails(temporal.NewApplicationError("dial tcp: no route to host", "Network"))
	began := s.env.Now()
	report, err := s.run(t)
	require.Error(t, err)
	require.Contains(t, report.Verdict, "not known")
	require.Contains(t, joined(report.Notes), "no route to host")
	require.LessOrEqual(t, s.env.Now().Sub(began), 7*time.Hour)
	require.Equal(t, workload.Counts{Total: 5}, report.Counts)
	require.Empty(t, report.Left)
	require.Equal(t, 1, s.calls()["DeletePool"])
}

func joined(lines []string) string { return strings.Join(lines, "\n") }

func (s *steps) checked(w workload.Workload) {
	s.check = func(context.Context, workload.Document) (*workload.Workload, error) { return &w, nil }
}

func (s *steps) gathered(counts workload.Counts) {
	s.gather = func(context.Context, activities.GatherInput) (activities.GatherResult, error) {
		return activities.GatherResult{Counts: counts, Results: "_durabatch/results"}, nil
	}
}

func (s *steps) gatherFails(err error) {
	s.gather = func(context.Context, activities.GatherInput) (activities.GatherResult, error) {
		return activities.GatherResult{}, err
	}
}

func (s *steps) submitFails(err error) {
	s.submit = func(context.Context, activities.SubmitInput) (activities.SubmitResult, error) {
		return activities.SubmitResult{Tasks: 5}, err
	}
}
