package activities

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/workload"
)

func TestNextLookFollowsThePaceOfTheRun(t *testing.T) {
	t.Parallel()
	const s, m, h = time.Second, time.Minute, time.Hour
	for _, c := range []struct {
		name string
		pace pace
		want time.Duration
	}{
		{"at the very beginning", pace{left: 5}, s},
		{"nodes boot", pace{waited: m, since: m, left: 5}, 3 * s},
		{"nodes never come", pace{waited: 24 * h, since: 24 * h, left: 5}, 5 * s},
		{"short tasks have just begun", pace{waited: 3 * m, working: s, since: 3 * m, left: 5, running: 2}, 9 * s},
		{"one long task", pace{waited: 10 * m, working: 10 * m, since: 10 * m, left: 1, running: 1}, 30 * s},
		{"one task of a day", pace{waited: 20 * h, working: 20 * h, since: 20 * h, left: 1, running: 1}, m},
		{"a third is done", pace{waited: 2 * m, working: m, since: s, done: 10, left: 20, running: 4}, 6 * s},
		{"a million to go", pace{waited: m, working: m, since: s, done: 1000, left: 999_000, running: 100}, m},
		{"nearly done", pace{waited: h, working: h, since: s, done: 999_900, left: 100, running: 100}, s},
		{"the last one takes its time", pace{waited: 2 * h, working: 2 * h, since: 10 * m, done: 999, left: 1, running: 1}, 30 * s},
		{"all are done, the job has not ended yet", pace{waited: 2 * h, working: 2 * h, since: m, done: 1000}, s},
	} {
		require.Equal(t, c.want, c.pace.next(), c.name)
	}
}

func TestWatchTellsThePace(t *testing.T) {
	t.Parallel()
	began := time.Now()
	at := func(seconds int) time.Time { return began.Add(time.Duration(seconds) * time.Second) }
	w := watch{began: began, moved: began}
	require.Equal(t, pace{waited: 10 * time.Second, since: 10 * time.Second, left: 4}, w.see(at(10), workload.Counts{Total: 4, Active: 4}))
	require.Equal(t, pace{waited: 20 * time.Second, since: 20 * time.Second, left: 4, running: 2}, w.see(at(20), workload.Counts{Total: 4, Active: 2, Running: 2}))
	require.Equal(t, pace{waited: 30 * time.Second, working: 10 * time.Second, done: 1, left: 3, running: 2},
		w.see(at(30), workload.Counts{Total: 4, Active: 1, Running: 2, Failed: 1}))
	require.Equal(t, 5*time.Second, w.see(at(35), workload.Counts{Total: 4, Active: 1, Running: 2, Failed: 1}).since)
}

func TestIntervalsAreSharedByRuns(t *testing.T) {
	t.Parallel()
	var remote Activities
	require.Equal(t, time.Minute, remote.interval(time.Minute))
	local := Activities{SlowestPoll: 2 * time.Second}
	require.Equal(t, 2*time.Second, local.interval(time.Minute))
	local.waiting.Store(1000)
	require.Equal(t, 20*time.Second, local.interval(time.Second), "50 looks a second of a thousand runs")
}
