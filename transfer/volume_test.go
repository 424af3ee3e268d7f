package transfer

import (
	"bufio"
	"crypto/md5"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAThousandSmallFilesThereAndBack(t *testing.T) {
	t.Parallel()
	const files = 1000
	from, to := t.TempDir(), t.TempDir()
	for i := range files {
		writeFile(t, from, fmt.Sprintf("%02d/%04d", i%10, i), content(uint64(i), 100+i))
	}
	c := azurite.NewContainer(t)
	reported := make([]Progress, 0, files)
	report := func(p Progress) { reported = append(reported, p) } // a race, if two goroutines ever called it
	_, err := NewUploader(NewBudget(Limits{})).Upload(t.Context(), c, uploads(t, from), report)
	require.NoError(t, err)
	require.EqualValues(t, files, reported[len(reported)-1].Files)

	require.NoError(t, openDownloader(t, to, Limits{}).Download(t.Context(), c, listOf(downloads(t, c)), report))
	require.EqualValues(t, files, reported[len(reported)-1].Files)
	for i := range files {
		got, err := os.ReadFile(filepath.Join(to, fmt.Sprintf("%02d/%04d", i%10, i)))
		require.NoError(t, err)
		require.Equal(t, content(uint64(i), 100+i), got)
	}
}

// TestALargeFileInLittleMemory moves far more than it may hold.
func TestALargeFileInLittleMemory(t *testing.T) {
	const size = 200 << 20
	from, to := t.TempDir(), t.TempDir()
	sum := writeRandom(t, filepath.Join(from, "large"), size)
	c := azurite.NewContainer(t)
	limits := Limits{Memory: 16 << 20}
	heap := watchHeap(t)

	var gap, last atomic.Int64
	done, err := NewUploader(NewBudget(limits)).Upload(t.Context(), c, uploads(t, from), func(p Progress) {
		gap.Store(max(gap.Load(), p.Bytes-last.Swap(p.Bytes)))
	})
	require.NoError(t, err)
	require.Equal(t, sum, done[0].MD5)
	all := downloads(t, c)
	require.Equal(t, sum, all[0].MD5, "the service knows the MD5 of what came in blocks")
	require.NoError(t, openDownloader(t, to, limits).Download(t.Context(), c, listOf(all), nil))

	require.Less(t, heap(), uint64(2*limits.Memory), "bytes of heap in use at most, over what was in use before")
	file, err := os.Open(filepath.Join(to, "large"))
	require.NoError(t, err)
	defer file.Close()
	got := md5.New()
	n, err := io.Copy(got, file)
	require.NoError(t, err)
	require.EqualValues(t, size, n)
	require.Equal(t, sum, got.Sum(nil))
}

func writeRandom(t *testing.T, path string, size int64) []byte {
	t.Helper()
	file, err := os.Create(path)
	require.NoError(t, err)
	sum := md5.New()
	buffered := bufio.NewWriterSize(io.MultiWriter(file, sum), 1<<20)
	_, err = io.CopyN(buffered, rand.NewChaCha8([32]byte{1}), size)
	require.NoError(t, err)
	require.NoError(t, buffered.Flush())
	require.NoError(t, file.Close())
	return sum.Sum(nil)
}

// watchHeap samples the heap until the function it returns is called, which
// tells the highest value above that at the start.
func watchHeap(t *testing.T) func() uint64 {
	t.Helper()
	runtime.GC()
	var start runtime.MemStats
	runtime.ReadMemStats(&start)
	stop, highest := make(chan struct{}), make(chan uint64)
	go func() {
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		var most uint64
		for {
			select {
			case <-ticker.C:
				var now runtime.MemStats
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapInuse)
			case <-stop:
				highest <- most
				return
			}
		}
	}()
	return func() uint64 {
		close(stop)
		most := <-highest
		t.Logf("heap: %d MiB at the start, at most %d MiB", start.HeapInuse>>20, most>>20)
		return most - min(most, start.HeapInuse)
	}
}
