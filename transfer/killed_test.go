package transfer

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/stretchr/testify/require"
)

// A process that a test starts, and kills, finds these in its environment.
const (
	victimDirection  = "TRANSFER_TEST_DIRECTION"
	victimDirectory  = "TRANSFER_TEST_DIRECTORY"
	victimContainer  = "TRANSFER_TEST_CONTAINER" // its URL
	victimConnection = "TRANSFER_TEST_CONNECTION"
)

// victimMemory is how many bytes a victim has under way at most.
const victimMemory = 2 * leastBlock

// victim moves a directory and prints how many bytes have moved. It is slow
// enough to be killed in the middle.
func victim(direction string) error {
	c, err := container.NewClientFromConnectionString(os.Getenv(victimConnection), os.Getenv(victimContainer), nil)
	if err != nil {
		return err
	}
	dir, ctx := os.Getenv(victimDirectory), context.Background()
	budget := NewBudget(Limits{Memory: victimMemory, Bandwidth: 40 << 20})
	report := func(p Progress) { fmt.Println(p.Bytes) }
	if direction == "up" {
		path := filepath.Join(dir, "large")
		_, err := NewUploader(budget).Upload(ctx, c, []Upload{{File: File{Name: "large", Path: path, Size: largeSize}, Blob: "large"}}, report)
		return err
	}
	d, err := OpenDownloader(dir, budget)
	if err != nil {
		return err
	}
	return d.Download(ctx, c, listOf([]Download{{Blob: "large", Name: "large", Size: largeSize}}), report)
}

// kill starts a victim and kills it, as kill -9 does, when half has moved. It
// tells how many bytes had.
func kill(t *testing.T, direction, dir string, c *container.Client) (moved int64) {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), victimDirection+"="+direction, victimDirectory+"="+dir,
		victimContainer+"="+filepath.Base(c.URL()), victimConnection+"="+azurite.ConnectionString())
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	for lines := bufio.NewScanner(stdout); moved < largeSize/2 && lines.Scan(); {
		moved, err = strconv.ParseInt(lines.Text(), 10, 64)
		require.NoError(t, err)
	}
	require.NoError(t, cmd.Process.Kill())
	_, _ = io.Copy(io.Discard, stdout)
	require.ErrorContains(t, cmd.Wait(), "killed")
	require.Greater(t, moved, int64(largeSize/2))
	require.Less(t, moved, int64(largeSize))
	return moved
}

func TestAKilledUploadSendsOnlyWhatIsMissing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir, "large", content(3, largeSize))
	c := azurite.NewContainer(t)
	moved := kill(t, "up", dir, c)

	var sent atomic.Int64
	counted := azurite.Container(t, filepath.Base(c.URL()), policyFunc(func(req *policy.Request) (*http.Response, error) {
		if req.Raw().URL.Query().Get("comp") == "block" {
			sent.Add(req.Raw().ContentLength)
		}
		return req.Next()
	}))
	done, err := NewUploader(NewBudget(Limits{})).Upload(t.Context(), counted, uploads(t, dir), nil)
	require.NoError(t, err)
	require.True(t, done[0].Sent)
	require.LessOrEqual(t, sent.Load(), largeSize-moved+victimMemory, "bytes sent, after %d", moved)
	require.Equal(t, done[0].MD5, downloads(t, c)[0].MD5)
}

func TestAKilledDownloadFetchesOnlyWhatIsMissing(t *testing.T) {
	t.Parallel()
	large := content(4, largeSize)
	c := azurite.NewContainer(t)
	putFiles(t, c, map[string][]byte{"large": large})
	dir := t.TempDir()
	moved := kill(t, "down", dir, c)

	var got received
	counted := azurite.Container(t, filepath.Base(c.URL()), &got)
	require.NoError(t, openDownloader(t, dir, Limits{}).Download(t.Context(), counted, listOf(downloads(t, c)), nil))
	require.LessOrEqual(t, got.bytes.Load(), largeSize-moved+victimMemory, "bytes received, after %d", moved)
	requireOnly(t, dir, map[string][]byte{"large": large})
}
