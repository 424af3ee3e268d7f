package activities

import (
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
)

// TestRanOutOfTime: only what has begun can.
func TestRanOutOfTime(t *testing.T) {
	t.Parallel()
	end := time.Now()
	for name, c := range map[string]struct {
		info azbatch.TaskExecutionInfo
		want bool
	}{
		"long enough": {azbatch.TaskExecutionInfo{StartTime: to.Ptr(end.Add(-time.Minute)), EndTime: &end}, true},
		"too short":   {azbatch.TaskExecutionInfo{StartTime: to.Ptr(end.Add(-time.Second)), EndTime: &end}, false},
		"never begun": {azbatch.TaskExecutionInfo{EndTime: &end}, false},
	} {
		require.Equal(t, c.want, ranOutOfTime(c.info, time.Minute), name)
		require.False(t, ranOutOfTime(c.info, 0), name)
	}
}
