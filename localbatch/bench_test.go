package localbatch_test

import (
	"flag"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

var largeJob = flag.Int("large-job", 100_000, "tasks in the job of BenchmarkLargeJob")

// addMany adds n tasks by collections of 100, several at a time.
func (w *world) addMany(n int, command string) {
	w.t.Helper()
	var group errgroup.Group
	group.SetLimit(8)
	for from := 0; from < n; from += 100 {
		group.Go(func() error {
			var batch []azbatch.CreateTaskContent
			for i := from; i < min(n, from+100); i++ {
				batch = append(batch, taskContent(fmt.Sprintf("task-%08d", i), command))
			}
			_, err := w.CreateTaskCollection(ctx, "job", azbatch.TaskGroup{Value: batch}, nil)
			return err
		})
	}
	require.NoError(w.t, group.Wait())
}

// BenchmarkTrue runs tasks of true, beside xargs running as many of them.
func BenchmarkTrue(b *testing.B) {
	const tasks = 1000
	w := start(b)
	w.pool(poolContent("pool", 2))
	w.job("job", "pool")
	for b.Loop() {
		began := time.Now()
		command := exec.Command("xargs", "-P2", "-n1", "true")
		command.Stdin = strings.NewReader(strings.Repeat("x\n", tasks))
		require.NoError(b, command.Run())
		b.ReportMetric(tasks/time.Since(began).Seconds(), "xargs/s")

		began = time.Now()
		w.addMany(tasks, "true")
		eventually(b, "all tasks are completed", func() bool { return *w.counts("job").Completed == tasks })
		b.ReportMetric(tasks/time.Since(began).Seconds(), "tasks/s")
		_, err := w.DeleteJob(ctx, "job", nil)
		require.NoError(b, err)
		eventually(b, "the job is gone", func() bool {
			_, err := w.GetJob(ctx, "job", nil)
			return err != nil
		})
		w.job("job", "pool")
	}
}

// BenchmarkLargeJob fills a job and reports what its size does to requests.
func BenchmarkLargeJob(b *testing.B) {
	w := start(b)
	w.pool(poolContent("pool", 0))
	w.job("job", "pool")
	command := shell("ffmpeg -nostdin -i in.mp4 out.mp3" + strings.Repeat(" # as long as real ones are", 20))
	began := time.Now()
	w.addMany(*largeJob, command)
	adding := time.Since(began)

	began = time.Now()
	w.close()
	w.open()
	opening := time.Since(began)
	pages, counts := time.Duration(0), time.Duration(0)
	for b.Loop() {
		began = time.Now()
		_, err := w.NewListTasksPager("job", &azbatch.ListTasksOptions{
			Filter: to.Ptr(fmt.Sprintf("id ge 'task-%08d'", *largeJob/2)),
		}).NextPage(ctx)
		require.NoError(b, err)
		pages += time.Since(began)
		began = time.Now()
		w.counts("job")
		counts += time.Since(began)
	}
	b.ReportMetric(float64(*largeJob)/adding.Seconds(), "adds/s")
	b.ReportMetric(float64(opening.Milliseconds()), "reopen-ms")
	b.ReportMetric(float64(pages.Microseconds())/float64(b.N)/1000, "page-ms")
	b.ReportMetric(float64(counts.Microseconds())/float64(b.N)/1000, "counts-ms")
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	b.ReportMetric(float64(memory.Sys)/1e6, "MB")
}
