package localbatch_test

import (
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

var largeJob = flag.Int("large-job", 100_000, "tasks in the job of BenchmarkLargeJob")

// addMany adds n tasks by collections of 100, several at a time.
func (w *world) addMany(job string, n int, command string) {
	w.t.Helper()
	var group errgroup.Group
	group.SetLimit(8)
	for from := 0; from < n; from += 100 {
		group.Go(func() error {
			var batch []azbatch.CreateTaskContent
			for i := from; i < min(n, from+100); i++ {
				batch = append(batch, taskContent(fmt.Sprintf("task-%08d", i), command))
			}
			_, err := w.CreateTaskCollection(ctx, job, azbatch.TaskGroup{Value: batch}, nil)
			return err
		})
	}
	require.NoError(w.t, group.Wait())
}

// BenchmarkTrue runs tasks of true, beside xargs running as many of them. The
// processor time of a task tells more than its rate where others use the
// processors too. Nothing is deleted between rounds: some file systems are slow
// to give out what has just been given back.
func BenchmarkTrue(b *testing.B) {
	const tasks = 1000
	w := start(b)
	w.pool(poolContent("pool", 2))
	ours, theirs := [2]time.Duration{}, [2]time.Duration{} // elapsed, of processors
	for round := 0; b.Loop(); round++ {
		elapsed, used := measure(b, func() {
			command := exec.Command("xargs", "-P2", "-n1", "true")
			command.Stdin = strings.NewReader(strings.Repeat("x\n", tasks))
			require.NoError(b, command.Run())
		})
		theirs[0], theirs[1] = theirs[0]+elapsed, theirs[1]+used
		job := fmt.Sprint("job", round)
		w.job(job, "pool")
		elapsed, used = measure(b, func() {
			w.addMany(job, tasks, "true")
			require.Eventually(b, func() bool { return *w.counts(job).Completed == tasks }, time.Minute, 20*time.Millisecond)
		})
		ours[0], ours[1] = ours[0]+elapsed, ours[1]+used
	}
	all := float64(tasks * b.N)
	b.ReportMetric(all/theirs[0].Seconds(), "xargs/s")
	b.ReportMetric(all/ours[0].Seconds(), "tasks/s")
	b.ReportMetric(theirs[0].Seconds()/ours[0].Seconds(), "of-xargs")
	b.ReportMetric(theirs[1].Seconds()*1e6/all, "xargs-cpu-us")
	b.ReportMetric(ours[1].Seconds()*1e6/all, "task-cpu-us")
}

// measure gives the time that f takes, and that of processors in this process
// and the children that have ended.
func measure(b *testing.B, f func()) (elapsed, used time.Duration) {
	b.Helper()
	now := func() (sum time.Duration) {
		for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
			var usage unix.Rusage
			require.NoError(b, unix.Getrusage(who, &usage))
			sum += time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
		}
		return sum
	}
	began, before := time.Now(), now()
	f()
	return time.Since(began), now() - before
}

// BenchmarkLargeJob fills a job and reports what its size does to requests.
func BenchmarkLargeJob(b *testing.B) {
	w := start(b)
	w.pool(poolContent("pool", 0))
	w.job("job", "pool")
	command := shell("ffmpeg -nostdin -i in.mp4 out.mp3" + strings.Repeat(" # as long as real ones are", 20))
	began := time.Now()
	w.addMany("job", *largeJob, command)
	adding := time.Since(began)

	began = time.Now()
	w.close()
	w.open()
	opening := time.Since(began)
	pages, counts := time.Duration(0), time.Duration(0)
	middle := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "task-%08d", *largeJob/2))
	for b.Loop() {
		began = time.Now()
		// Not by the client, whose decoding of a page costs more than the page.
		answer := w.send(rawRequest{method: http.MethodGet, path: "/jobs/job/tasks", query: "$skiptoken=" + middle + "&" + latest})
		size, err := io.Copy(io.Discard, answer.Body)
		require.NoError(b, err)
		require.Greater(b, size, int64(1_000_000))
		pages += time.Since(began)
		began = time.Now()
		w.counts("job")
		counts += time.Since(began)
	}
	b.ReportMetric(float64(*largeJob)/adding.Seconds(), "adds/s")
	b.ReportMetric(float64(opening.Milliseconds()), "reopen-ms")
	b.ReportMetric(float64(pages.Microseconds())/float64(b.N)/1000, "page-ms")
	b.ReportMetric(float64(counts.Microseconds())/float64(b.N)/1000, "counts-ms")
	b.ReportMetric(peakMemory(b), "peak-MB")
}

// peakMemory is the most that this process has had in memory, in MB.
func peakMemory(b *testing.B) float64 {
	b.Helper()
	var usage unix.Rusage
	require.NoError(b, unix.Getrusage(unix.RUSAGE_SELF, &usage))
	if runtime.GOOS == "darwin" {
		return float64(usage.Maxrss) / 1e6
	}
	return float64(usage.Maxrss) / 1e3
}
