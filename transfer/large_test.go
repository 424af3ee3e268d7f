package transfer

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/stretchr/testify/require"
)

// received counts the bytes of blobs' content that arrive, and calls enough
// once so many have.
type received struct {
	bytes  atomic.Int64
	limit  int64
	enough func()
}

func (r *received) Do(req *policy.Request) (*http.Response, error) {
	resp, err := req.Next()
	if err == nil && req.Raw().Method == http.MethodGet && !req.Raw().URL.Query().Has("comp") {
		resp.Body = countedBody{resp.Body, r}
	}
	return resp, err
}

type countedBody struct {
	io.ReadCloser
	received *received
}

func (b countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.received.bytes.Add(int64(n)) >= b.received.limit && b.received.limit > 0 {
		b.received.enough()
	}
	return n, err
}

const largeSize = resumable + 5*leastBlock + 12345

// interrupted fetches half of a large blob to dir, and tells how many blocks of
// it are there.
func interrupted(t *testing.T, name, dir string) (blocks int64) {
	t.Helper()
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	c := azurite.Container(t, name, &received{limit: largeSize / 2, enough: kill})
	d, err := OpenDownloader(dir, NewBudget(Limits{Memory: 2 * leastBlock}))
	require.NoError(t, err)
	require.ErrorIs(t, d.Download(ctx, c, listOf(downloads(t, c)), nil), context.Canceled)
	require.NoError(t, d.Close())
	info, err := os.Stat(filepath.Join(dir, temporaryName("large")))
	require.NoError(t, err)
	require.Greater(t, info.Size(), int64(largeSize/4), "what has arrived stays")
	return info.Size() / leastBlock
}

func TestDownloadGoesOnWhereItWasKilled(t *testing.T) {
	t.Parallel()
	large := content(1, largeSize)
	for name, test := range map[string]struct {
		meanwhile func(t *testing.T, c *container.Client, dir string)
		lost      func(blocks int64) int64 // blocks that have to come again
	}{
		"nothing happened": {
			func(*testing.T, *container.Client, string) {},
			func(int64) int64 { return 0 },
		},
		"the power failed and took the end of the file": {
			func(t *testing.T, _ *container.Client, dir string) {
				require.NoError(t, os.Truncate(filepath.Join(dir, temporaryName("large")), 3*leastBlock+100))
			},
			func(blocks int64) int64 { return blocks - 3 },
		},
		"the power failed and left zeros in the file": {
			func(t *testing.T, _ *container.Client, dir string) {
				file, err := os.OpenFile(filepath.Join(dir, temporaryName("large")), os.O_WRONLY, 0)
				require.NoError(t, err)
				_, err = file.WriteAt(make([]byte, 4096), 2*leastBlock)
				require.NoError(t, err)
				require.NoError(t, file.Close())
			},
			func(blocks int64) int64 { return blocks - 2 },
		},
		"the power failed and took the end of the journal": {
			func(t *testing.T, _ *container.Client, dir string) {
				journal := filepath.Join(dir, temporaryName("large")+journalSuffix)
				info, err := os.Stat(journal)
				require.NoError(t, err)
				require.NoError(t, os.Truncate(journal, info.Size()-6))
			},
			func(int64) int64 { return 2 },
		},
		"the journal is no journal": {
			func(t *testing.T, _ *container.Client, dir string) {
				writeFile(t, dir, temporaryName("large")+journalSuffix, []byte("{}\n1234"))
			},
			func(blocks int64) int64 { return blocks },
		},
		"the blob was written again": {
			func(t *testing.T, c *container.Client, _ string) {
				_, err := c.NewBlobClient("large").Delete(t.Context(), nil)
				require.NoError(t, err)
				putFiles(t, c, map[string][]byte{"large": large})
			},
			func(blocks int64) int64 { return blocks },
		},
		"a link took the file's place": {
			func(t *testing.T, _ *container.Client, dir string) {
				file := filepath.Join(dir, temporaryName("large"))
				require.NoError(t, os.Remove(file))
				victim := filepath.Join(t.TempDir(), "victim")
				require.NoError(t, os.WriteFile(victim, []byte("precious"), 0o666))
				require.NoError(t, os.Symlink(victim, file))
				t.Cleanup(func() {
					kept, err := os.ReadFile(victim)
					require.NoError(t, err)
					require.Equal(t, "precious", string(kept))
				})
			},
			func(blocks int64) int64 { return blocks },
		},
	} {
		t.Run(name, func(t *testing.T) {
			writer := azurite.NewContainer(t)
			putFiles(t, writer, map[string][]byte{"large": large})
			container, dir := filepath.Base(writer.URL()), t.TempDir()
			blocks := interrupted(t, container, dir)
			test.meanwhile(t, writer, dir)

			var counted received
			c := azurite.Container(t, container, &counted)
			var last Progress
			require.NoError(t, openDownloader(t, dir, Limits{}).Download(t.Context(), c, listOf(downloads(t, c)), func(p Progress) { last = p }))
			again := largeSize - (blocks-test.lost(blocks))*leastBlock
			require.Equal(t, again, counted.bytes.Load(), "bytes received, of %d blocks that were there", blocks)
			require.Equal(t, Progress{Files: 1, Bytes: again}, last)
			requireOnly(t, dir, map[string][]byte{"large": large})
		})
	}
}

func TestWhatIsThereOfADamagedFileIsNotKept(t *testing.T) {
	t.Parallel()
	c := azurite.NewContainer(t, damage)
	putFiles(t, c, map[string][]byte{"large": content(1, largeSize)})
	dir := t.TempDir()
	err := openDownloader(t, dir, Limits{}).Download(t.Context(), c, listOf(downloads(t, c)), nil)
	require.ErrorIs(t, err, ErrMismatch)
	requireOnly(t, dir, nil)
}

func TestAWholeLargeFileNeedsNothingUnfinished(t *testing.T) {
	t.Parallel()
	large := content(1, largeSize)
	c := azurite.NewContainer(t)
	putFiles(t, c, map[string][]byte{"large": large})
	dir := t.TempDir()
	writeFile(t, dir, "large", large)
	writeFile(t, dir, temporaryName("large"), large[:leastBlock])
	writeFile(t, dir, temporaryName("large")+journalSuffix, []byte("{}\n"))
	var last Progress
	require.NoError(t, openDownloader(t, dir, Limits{}).Download(t.Context(), c, listOf(downloads(t, c)), func(p Progress) { last = p }))
	require.Equal(t, Progress{Files: 1, Skipped: 1}, last)
	requireOnly(t, dir, map[string][]byte{"large": large})
}
