package transfer

import (
	"bytes"
	"context"
	"crypto/md5"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// downloads lists the container, every blob to a file of its own name.
func downloads(t testing.TB, c *container.Client) []Download {
	t.Helper()
	var all []Download
	require.NoError(t, WalkContainer(t.Context(), c, "", nil, func(b Blob) error {
		all = append(all, Download{Blob: b.Blob, Name: b.Name, Size: b.Size, MD5: b.MD5})
		return nil
	}))
	return all
}

func openDownloader(t testing.TB, dir string, limits Limits) *Downloader {
	t.Helper()
	d, err := OpenDownloader(dir, NewBudget(limits))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// requireOnly checks that dir holds these files and nothing else, above all no
// temporary ones.
func requireOnly(t testing.TB, dir string, want map[string][]byte) {
	t.Helper()
	got := make(map[string][]byte)
	require.NoError(t, Walk(t.Context(), dir, nil, func(f File) error {
		data, err := os.ReadFile(f.Path)
		got[f.Name] = data
		return err
	}))
	require.Len(t, got, len(want))
	for name, data := range want {
		require.True(t, bytes.Equal(data, got[name]), name)
	}
}

func putFiles(t testing.TB, c *container.Client, files map[string][]byte) {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		writeFile(t, dir, name, data)
	}
	_, err := NewUploader(NewBudget(Limits{})).Upload(t.Context(), c, uploads(t, dir), nil)
	require.NoError(t, err)
}

func TestDownloadKeepsHostileNames(t *testing.T) {
	t.Parallel()
	files := make(map[string][]byte)
	for i, name := range hostileNames {
		files[name] = content(uint64(i), 1000+i)
	}
	files["large"] = content(50, 3*leastBlock+5)
	files["exactly one block"] = content(51, leastBlock)
	files["empty"] = nil
	files[strings.Repeat("n", 255)] = content(52, 10)
	c := azurite.NewContainer(t)
	putFiles(t, c, files)
	dir := filepath.Join(t.TempDir(), "not", "there yet")
	var last Progress
	require.NoError(t, openDownloader(t, dir, Limits{}).Download(t.Context(), c, listOf(downloads(t, c)), func(p Progress) { last = p }))
	requireOnly(t, dir, files)
	var size int64
	for _, data := range files {
		size += int64(len(data))
	}
	require.Equal(t, Progress{Files: int64(len(files)), Bytes: size}, last)
}

func TestDownloadFetchesNothingTwice(t *testing.T) {
	t.Parallel()
	files := map[string][]byte{"small": content(1, 100), "sub/large": content(2, 2*leastBlock), "empty": nil, "changed": content(3, 50)}
	var requests counter
	c := azurite.NewContainer(t, &requests)
	putFiles(t, c, files)
	dir := t.TempDir()
	d := openDownloader(t, dir, Limits{})
	all := downloads(t, c)
	require.NoError(t, d.Download(t.Context(), c, listOf(all), nil))
	writeFile(t, dir, "changed", content(4, 50))
	requests.take()
	var last Progress
	require.NoError(t, d.Download(t.Context(), c, listOf(all), func(p Progress) { last = p }))
	require.Equal(t, map[string]int{"GET": 1}, requests.take(), "only what differs")
	require.Equal(t, Progress{Files: 4, Skipped: 3, Bytes: 50}, last)
	requireOnly(t, dir, files)
}

func TestDownloadStaysInItsDirectory(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	writeFile(t, outside, "victim", []byte("precious"))
	c := azurite.NewContainer(t)
	require.NoError(t, Put(t.Context(), c, "blob", []byte("evil"), ""))
	for _, name := range []string{"../victim", "/etc/victim", "a/../../victim", "", ".", "a//b", "a/", "link/victim", "link"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			require.NoError(t, os.Symlink(outside, filepath.Join(dir, "link")))
			err := openDownloader(t, dir, Limits{}).Download(t.Context(), c, listOf([]Download{{Blob: "blob", Name: name, Size: 4}}), nil)
			if name == "link" { // the link itself is replaced, not what it leads to
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, `"blob"`)
			}
		})
	}
	t.Cleanup(func() {
		entries, err := os.ReadDir(outside)
		require.NoError(t, err)
		require.Len(t, entries, 1)
		kept, err := os.ReadFile(filepath.Join(outside, "victim"))
		require.NoError(t, err)
		require.Equal(t, "precious", string(kept))
	})
}

func TestDownloadRefusesWhatDoesNotMatch(t *testing.T) {
	t.Parallel()
	large := content(1, 2*leastBlock)
	c := azurite.NewContainer(t)
	putFiles(t, c, map[string][]byte{"small": []byte("content"), "large": large})
	wrong := md5.Sum([]byte("other"))
	for name, download := range map[string]Download{
		"size of a small blob":  {Blob: "small", Size: 8},
		"MD5 of a small blob":   {Blob: "small", Size: 7, MD5: wrong[:]},
		"size of a large blob":  {Blob: "large", Size: int64(len(large)) - 1},
		"a blob grown large":    {Blob: "large", Size: 10},
		"a blob that shrank":    {Blob: "small", Size: int64(len(large))},
		"MD5 of a large blob":   {Blob: "large", Size: int64(len(large)), MD5: wrong[:]},
		"a blob that is empty?": {Blob: "small", Size: 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			writeFile(t, dir, "file", []byte("old"))
			download.Name = "file"
			err := openDownloader(t, dir, Limits{}).Download(t.Context(), c, listOf([]Download{download}), nil)
			require.Error(t, err)
			if download.Blob != "small" || download.Size < leastBlock { // else the service refuses the range
				require.ErrorIs(t, err, ErrMismatch)
			}
			require.ErrorContains(t, err, fmt.Sprintf("%q", download.Blob))
			requireOnly(t, dir, map[string][]byte{"file": []byte("old")})
		})
	}
}

// damage turns one byte of every answer with content.
var damage = policyFunc(func(req *policy.Request) (*http.Response, error) {
	resp, err := req.Next()
	if err != nil || req.Raw().Method != http.MethodGet || req.Raw().URL.Query().Has("comp") {
		return resp, err
	}
	resp.Body = &damagedBody{ReadCloser: resp.Body}
	return resp, nil
})

type damagedBody struct {
	io.ReadCloser
	done bool
}

func (b *damagedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 && !b.done {
		p[0] ^= 1
		b.done = true
	}
	return n, err
}

func TestDownloadRefusesDamagedBytes(t *testing.T) {
	t.Parallel()
	c := azurite.NewContainer(t, damage)
	putFiles(t, c, map[string][]byte{"small": content(1, 100), "large": content(2, 3*leastBlock)})
	for _, download := range downloads(t, c) {
		for _, listed := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s listed with MD5 %t", download.Name, listed), func(t *testing.T) {
				t.Parallel()
				if !listed {
					download.MD5 = nil // the service's own is used
				}
				dir := t.TempDir()
				err := openDownloader(t, dir, Limits{}).Download(t.Context(), c, listOf([]Download{download}), nil)
				require.ErrorIs(t, err, ErrMismatch)
				requireOnly(t, dir, nil)
			})
		}
	}
	_, err := Get(t.Context(), c, "small")
	require.ErrorIs(t, err, ErrMismatch)
}

func TestDownloadRefusesABlobThatIsReplacedMeanwhile(t *testing.T) {
	t.Parallel()
	writer := azurite.NewContainer(t)
	putFiles(t, writer, map[string][]byte{"large": content(1, 6*leastBlock)})
	all := downloads(t, writer)
	var once sync.Once
	reader := azurite.Container(t, filepath.Base(writer.URL()), policyFunc(func(req *policy.Request) (*http.Response, error) {
		if req.Raw().Header.Get("If-Match") != "" {
			once.Do(func() { putFiles(t, writer, map[string][]byte{"large": content(2, 6*leastBlock)}) })
		}
		return req.Next()
	}))
	dir := t.TempDir()
	err := openDownloader(t, dir, Limits{Memory: 2 * leastBlock}).Download(t.Context(), reader, listOf(all), nil)
	require.ErrorIs(t, err, ErrChanged)
	requireOnly(t, dir, nil)
}

func TestOneDownloaderAtATime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := OpenDownloader(dir, NewBudget(Limits{}))
	require.NoError(t, err)
	_, err = OpenDownloader(dir, NewBudget(Limits{}))
	require.ErrorContains(t, err, "another download into it is under way")
	require.NoError(t, first.Close())
	second, err := OpenDownloader(dir, NewBudget(Limits{}))
	require.NoError(t, err)
	require.NoError(t, second.Close())
}

func TestDownloadUsesUpWhatACrashLeft(t *testing.T) {
	t.Parallel()
	c := azurite.NewContainer(t)
	files := map[string][]byte{"sub/file": content(1, 100)}
	putFiles(t, c, files)
	dir := t.TempDir()
	writeFile(t, dir, "sub/"+temporaryName("sub/file"), content(2, 5000))
	require.NoError(t, openDownloader(t, dir, Limits{}).Download(t.Context(), c, listOf(downloads(t, c)), nil))
	requireOnly(t, dir, files)
}

func TestDownloadCancelledMidwayLeavesNothing(t *testing.T) {
	files := map[string][]byte{"large": content(1, 10*leastBlock)}
	for i := range 20 {
		files[fmt.Sprint(i)] = content(uint64(i), leastBlock/2)
	}
	ignore := goleak.IgnoreCurrent()
	dir := t.TempDir()
	t.Run("transfer", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var gets atomic.Int32
		c := azurite.NewContainer(t, policyFunc(func(req *policy.Request) (*http.Response, error) {
			if req.Raw().Method == http.MethodGet && !req.Raw().URL.Query().Has("comp") && gets.Add(1) == 12 {
				cancel()
			}
			return req.Next()
		}))
		putFiles(t, c, files)
		d := openDownloader(t, dir, Limits{Files: 4})
		require.ErrorIs(t, d.Download(ctx, c, listOf(downloads(t, c)), nil), context.Canceled)
		require.True(t, d.files.TryAcquire(4), "all slots are free again")
		require.True(t, d.buffers.free.TryAcquire(d.buffers.limit), "all memory is free again")
	})
	goleak.VerifyNone(t, ignore)
	require.NoError(t, Walk(t.Context(), dir, nil, func(f File) error {
		require.Equal(t, files[f.Name], content(seedOf(t, f.Name), leastBlock/2), "what is there is whole")
		return nil
	}))
}

func seedOf(t *testing.T, name string) uint64 {
	t.Helper()
	var seed uint64
	_, err := fmt.Sscan(name, &seed)
	require.NoError(t, err, "%q is not one of the files", name)
	return seed
}
