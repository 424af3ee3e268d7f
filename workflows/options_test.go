package workflows

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestWhatComesAfterTheWorkIsTriedOn with backoff and without an attempt limit,
// as long as its bound allows.
func TestWhatComesAfterTheWorkIsTriedOn(t *testing.T) {
	t.Parallel()
	options := withinBound("delete the pool", cleanupBound)
	require.Equal(t, 72*time.Hour, options.ScheduleToCloseTimeout)
	require.GreaterOrEqual(t, options.StartToCloseTimeout, cleanupBound, "one attempt may wait for Azure all the while")
	require.Equal(t, heartbeatTimeout, options.HeartbeatTimeout, "a worker's death is noticed")
	require.True(t, options.WaitForCancellation)
	require.Zero(t, options.RetryPolicy.MaximumAttempts)
	require.Greater(t, options.RetryPolicy.BackoffCoefficient, 1.0)
	require.Equal(t, time.Minute, options.RetryPolicy.MaximumInterval)
	require.Empty(t, options.RetryPolicy.NonRetryableErrorTypes)
}
