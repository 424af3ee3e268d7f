package transfer

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestBandwidthIsKept moves several files both ways at once. What moves at once
// in the beginning, a tenth of a second's worth, is all that is faster.
func TestBandwidthIsKept(t *testing.T) {
	t.Parallel()
	const bandwidth, files, size = 2 << 20, 8, 128 << 10
	dir := t.TempDir()
	before := azurite.NewContainer(t)
	for i := range files {
		writeFile(t, dir, string(rune('a'+i)), content(uint64(i), size))
	}
	all := uploads(t, dir)
	_, err := NewUploader(NewBudget(Limits{})).Upload(t.Context(), before, all, nil)
	require.NoError(t, err)
	listed := downloads(t, before)

	budget := NewBudget(Limits{Bandwidth: bandwidth})
	downloader, err := OpenDownloader(t.TempDir(), budget)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, downloader.Close()) })
	began, down := time.Now(), make(chan error, 1)
	go func() { down <- downloader.Download(t.Context(), before, listOf(listed), nil) }()
	_, err = NewUploader(budget).Upload(t.Context(), azurite.NewContainer(t), all, nil)
	require.NoError(t, err)
	require.NoError(t, <-down)
	// Downloads count what has arrived: the last piece of each file is paid for
	// before the file is done.
	require.GreaterOrEqual(t, time.Since(began).Seconds(), float64(2*files*size)/bandwidth-0.1)
}

func TestWaitingForBandwidthEndsWithTheContext(t *testing.T) {
	t.Parallel()
	budget := NewBudget(Limits{Bandwidth: 1}) // the least there may be
	dir := t.TempDir()
	writeFile(t, dir, "file", content(1, 100*LeastBandwidth))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	began := time.Now()
	_, err := NewUploader(budget).Upload(ctx, azurite.NewContainer(t), uploads(t, dir), func(Progress) { cancel() })
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, time.Since(began), 30*time.Second, "it would take 100")
}
