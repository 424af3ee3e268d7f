package workload

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	batchID   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	container = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9])*$`)
)

func TestResourceName(t *testing.T) {
	t.Parallel()
	const run = "0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4A5b"
	for _, tt := range []struct{ workflowID, runID, want string }{
		{"mp4-to-mp3", run, "mp4-to-mp3-2e3f4a5b"},
		{"MP4 to MP3/2024_01", run, "mp4-to-mp3-2024-01-2e3f4a5b"},
		{"--a--b--", run, "a-b-2e3f4a5b"},
		{"Ünïcödé 🎬", run, "n-c-d-2e3f4a5b"},
		{"🎬", run, "run-2e3f4a5b"},
		{"", run, "run-2e3f4a5b"},
		{strings.Repeat("a", 200), run, strings.Repeat("a", 50) + "-2e3f4a5b"},
		{strings.Repeat("a", 49) + "-b", run, strings.Repeat("a", 49) + "-2e3f4a5b"},
		{"a", "default-test-run-id", "a-" + runDigits("default-test-run-id")},
	} {
		got := ResourceName(tt.workflowID, tt.runID)
		require.Equal(t, tt.want, got)
		require.Regexp(t, batchID, got)
		for _, suffix := range []string{"-in", "-out"} {
			require.Regexp(t, container, got+suffix)
			require.LessOrEqual(t, len(got+suffix), 63)
		}
	}
}

func TestTaskID(t *testing.T) {
	t.Parallel()
	require.Equal(t, "task-00000042", TaskID(42))
	require.Equal(t, "task-123456789", TaskID(123456789))
	require.Regexp(t, batchID, TaskID(1<<62))
}
