package localbatch_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch"
)

// startAhead is start with a clock that can be put forward.
func startAhead(t testing.TB) (*world, *localbatch.TestClock) {
	t.Helper()
	clock := &localbatch.TestClock{}
	return start(t, func(o *localbatch.Options) { o.Clock = clock }), clock
}

func TestClockIsPutForward(t *testing.T) {
	t.Parallel()
	clock := &localbatch.TestClock{}
	before := clock.Now()
	called := make(chan time.Duration, 2)
	clock.AfterFunc(time.Hour, func() { called <- time.Hour })
	clock.AfterFunc(time.Minute, func() { called <- time.Minute })
	stop := clock.AfterFunc(time.Minute, func() { t.Error("it was stopped") })
	require.True(t, stop())
	require.False(t, stop())
	clock.Advance(time.Minute)
	require.Equal(t, time.Minute, <-called)
	require.Empty(t, called)
	clock.Advance(time.Hour)
	require.Equal(t, time.Hour, <-called)
	require.WithinDuration(t, before.Add(61*time.Minute), clock.Now(), time.Minute)
}

func TestLimitsGoByTheClock(t *testing.T) {
	t.Parallel()
	w, clock := startAhead(t)
	w.pool(poolContent("pool", 1))
	w.job("job", "pool", func(c *azbatch.CreateJobContent) {
		c.Constraints = &azbatch.JobConstraints{MaxWallClockTime: to.Ptr("P30D")}
	})
	w.add("one", "true")
	w.completed("one")
	require.Empty(t, w.file("one", "stdout.txt", nil))
	clock.Advance(8 * 24 * time.Hour)
	eventually(t, "the task's files are gone after a week", func() bool {
		_, err := w.GetTaskFileProperties(ctx, "job", "one", "stdout.txt", nil)
		return err != nil
	})
	_, err := w.GetTaskFile(ctx, "job", "one", "stdout.txt", nil)
	refused(t, err, http.StatusConflict, "TaskFilesCleanedup")
	w.add("two", "sleep 1000")
	clock.Advance(23 * 24 * time.Hour)
	job := w.jobState("job", azbatch.JobStateCompleted)
	require.Equal(t, "MaxWallClockTimeExpiry", *job.ExecutionInfo.TerminationReason)
	require.WithinDuration(t, clock.Now(), *job.ExecutionInfo.EndTime, time.Minute)
}
