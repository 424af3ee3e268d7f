package transfer

import (
	"context"
	"crypto/md5"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// policyFunc is a policy of one function.
type policyFunc func(*policy.Request) (*http.Response, error)

func (f policyFunc) Do(req *policy.Request) (*http.Response, error) { return f(req) }

// counter counts requests by what they do.
type counter struct {
	mu    sync.Mutex
	count map[string]int
}

func (c *counter) Do(req *policy.Request) (*http.Response, error) {
	raw := req.Raw()
	what := raw.Method
	if comp := raw.URL.Query().Get("comp"); comp != "" {
		what += " " + comp
	}
	c.mu.Lock()
	if c.count == nil {
		c.count = make(map[string]int)
	}
	c.count[what]++
	c.mu.Unlock()
	return req.Next()
}

func (c *counter) take() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.count
	c.count = nil
	return taken
}

// hostileNames are file names that break what is not careful.
var hostileNames = []string{
	"plain.mp4", "two words.mp4", "it's.mp4", `double"quote.mp4`, "$(reboot).mp4", "`id`.mp4", "new\nline.mp4", "-rf.mp4",
	"100%20sure.mp4", "a#b.mp4", "what?.mp4", "a&b=c.mp4", "a+b.mp4", "semi;colon.mp4", "\U0001F3AC film.mp4", "\u05e9\u05dc\u05d5\u05dd.mp4",
	strings.Repeat("x", 200) + ".mp4", "one/same.mp4", "two/same.mp4", ".hidden", "noextension", "deep/er/and deeper/still.mp4", "a:b|c<d>e*f.mp4",
}

func writeFile(t testing.TB, dir, name string, content []byte) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o777))
	require.NoError(t, os.WriteFile(file, content, 0o666))
}

// content is the same for the same seed.
func content(seed uint64, size int) []byte {
	data := make([]byte, size)
	source := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	_, _ = source.Read(data) // never fails
	return data
}

// uploads lists dir, every file to a blob of its own name.
func uploads(t testing.TB, dir string) []Upload {
	t.Helper()
	var all []Upload
	require.NoError(t, Walk(t.Context(), dir, nil, func(f File) error {
		all = append(all, Upload{File: f, Blob: f.Name})
		return nil
	}))
	return all
}

func TestUploadKeepsHostileNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i, name := range hostileNames {
		writeFile(t, dir, name, content(uint64(i), 100+i))
	}
	c := azurite.NewContainer(t)
	all := uploads(t, dir)
	require.Len(t, all, len(hostileNames))
	done, err := NewUploader(NewBudget(Limits{})).Upload(t.Context(), c, all, nil)
	require.NoError(t, err)

	for i, upload := range all {
		local, err := os.ReadFile(upload.Path)
		require.NoError(t, err)
		sum := md5.Sum(local)
		require.Equal(t, sum[:], done[i].MD5)
		require.True(t, done[i].Sent)
		remote, err := Get(t.Context(), c, upload.Blob)
		require.NoError(t, err)
		require.Equal(t, local, remote, upload.Name)
	}
	var listed []string
	require.NoError(t, WalkContainer(t.Context(), c, "", nil, func(b Blob) error {
		listed = append(listed, b.Name)
		return nil
	}))
	var walked []string
	for _, upload := range all {
		walked = append(walked, upload.Name)
	}
	require.Equal(t, walked, listed, "disk and container are walked in one order")
}

func TestUploadSendsNothingTwice(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 50 {
		writeFile(t, dir, fmt.Sprintf("small-%02d", i), content(uint64(i), 1000))
	}
	writeFile(t, dir, "large", content(99, 3*leastBlock+1))
	writeFile(t, dir, "empty", nil)
	var requests counter
	c := azurite.NewContainer(t, &requests)
	requests.take()
	all := uploads(t, dir)
	first, err := NewUploader(NewBudget(Limits{})).Upload(t.Context(), c, all, nil)
	require.NoError(t, err)
	require.Equal(t, map[string]int{"PUT": 51, "HEAD": 1, "PUT block": 4, "PUT blocklist": 1}, requests.take(),
		"nothing is asked beforehand but for the large file")

	var last Progress
	second, err := NewUploader(NewBudget(Limits{Files: 4})).Upload(t.Context(), c, all, func(p Progress) { last = p })
	require.NoError(t, err)
	again := requests.take()
	require.LessOrEqual(t, again["PUT"], 4, "only those under way before the first was found there")
	require.Zero(t, again["PUT block"])
	require.Equal(t, Progress{Files: 52, Skipped: 52}, last)
	for i := range all {
		require.Equal(t, first[i].MD5, second[i].MD5)
		require.False(t, second[i].Sent)
	}
}

func TestUploadReplacesWhatDiffers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir, "small", content(1, 1000))
	writeFile(t, dir, "large", content(2, leastBlock+7))
	c := azurite.NewContainer(t)
	require.NoError(t, Put(t.Context(), c, "small", content(3, 1000), ""))
	require.NoError(t, Put(t.Context(), c, "large", content(4, leastBlock+7), ""))
	var last Progress
	done, err := NewUploader(NewBudget(Limits{})).Upload(t.Context(), c, uploads(t, dir), func(p Progress) { last = p })
	require.NoError(t, err)
	require.True(t, done[0].Sent)
	require.True(t, done[1].Sent)
	require.Equal(t, Progress{Files: 2, Bytes: 1000 + leastBlock + 7}, last)
	for _, name := range []string{"small", "large"} {
		local, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		remote, err := Get(t.Context(), c, name)
		require.NoError(t, err)
		require.Equal(t, local, remote)
	}
}

func TestUploadGoesOnWhereItWasKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 40 {
		writeFile(t, dir, fmt.Sprintf("%02d", i), content(uint64(i), 500))
	}
	const blocks = 20
	writeFile(t, dir, "large", content(7, blocks*leastBlock))
	var requests counter
	ctx, kill := context.WithCancel(t.Context())
	var staged atomic.Int32
	killer := policyFunc(func(req *policy.Request) (*http.Response, error) {
		if req.Raw().URL.Query().Get("comp") == "block" && staged.Add(1) == blocks/2 {
			kill()
		}
		return req.Next()
	})
	c := azurite.NewContainer(t, &requests, killer)
	all := uploads(t, dir)
	_, err := NewUploader(NewBudget(Limits{Memory: 2 * leastBlock})).Upload(ctx, c, all, nil)
	require.ErrorIs(t, err, context.Canceled)

	sent := requests.take()["PUT block"]
	require.Less(t, sent, blocks)
	done, err := NewUploader(NewBudget(Limits{Files: 4})).Upload(t.Context(), c, all, nil)
	require.NoError(t, err)
	again := requests.take()
	require.LessOrEqual(t, again["PUT"], 4, "of the small files")
	require.LessOrEqual(t, sent+again["PUT block"], blocks+2, "only blocks that were under way are sent again")
	remote, err := Get(t.Context(), c, "large")
	require.NoError(t, err)
	sum := md5.Sum(remote)
	require.Equal(t, done[len(done)-1].MD5, sum[:])
}

func TestUploadRefusesAFileThatChanged(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		size   int
		change func(t *testing.T, file string)
	}{
		"grown since it was listed": {100, func(t *testing.T, file string) {
			require.NoError(t, os.WriteFile(file, content(1, 101), 0o666))
		}},
		"shorter since it was listed": {100, func(t *testing.T, file string) {
			require.NoError(t, os.Truncate(file, 10))
		}},
		"written with the same size": {100, func(t *testing.T, file string) {
			require.NoError(t, os.WriteFile(file, content(2, 100), 0o666))
		}},
		"replaced by a directory": {100, func(t *testing.T, file string) {
			require.NoError(t, os.Remove(file))
			require.NoError(t, os.Mkdir(file, 0o777))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			writeFile(t, dir, "it's.bin", content(0, test.size))
			all := uploads(t, dir)
			test.change(t, all[0].Path)
			_, err := NewUploader(NewBudget(Limits{})).Upload(t.Context(), azurite.NewContainer(t), all, nil)
			require.ErrorIs(t, err, ErrChanged)
			require.ErrorContains(t, err, all[0].Path)
		})
	}
}

func TestUploadRefusesAFileThatChangesWhileItIsRead(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(string) error{
		"cut":      func(file string) error { return os.Truncate(file, 5*leastBlock) },
		"appended": func(file string) error { return os.Truncate(file, 21*leastBlock) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			writeFile(t, dir, "log", content(1, 20*leastBlock))
			all := uploads(t, dir)
			var once sync.Once
			c := azurite.NewContainer(t, policyFunc(func(req *policy.Request) (*http.Response, error) {
				if req.Raw().URL.Query().Get("comp") == "block" {
					once.Do(func() { require.NoError(t, change(all[0].Path)) })
				}
				return req.Next()
			}))
			_, err := NewUploader(NewBudget(Limits{Memory: 2 * leastBlock})).Upload(t.Context(), c, all, nil)
			require.ErrorIs(t, err, ErrChanged)
			require.ErrorContains(t, err, all[0].Path)
			_, there, err := stat(t.Context(), c, "log")
			require.NoError(t, err)
			require.False(t, there, "what was read is not committed")
		})
	}
}

func TestDamagedBytesAreRefused(t *testing.T) {
	t.Parallel()
	c := azurite.NewContainer(t)
	other := md5.Sum([]byte("other"))
	body := newMeteredBody(t.Context(), []byte("content"), unlimited, newMeter(nil))
	_, err := put(t.Context(), c, "whole", body, other[:], putOptions{})
	require.ErrorContains(t, err, "RESPONSE 400")
	_, there, err := stat(t.Context(), c, "whole")
	require.NoError(t, err)
	require.False(t, there)
	body = newMeteredBody(t.Context(), []byte("content"), unlimited, newMeter(nil))
	require.ErrorContains(t, stage(t.Context(), c, "blocks", blockID(0, other), body, other[:]), "RESPONSE 400")
}

func TestUploadCancelledMidwayLeavesNothingRunning(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	dir := t.TempDir()
	for i := range 20 {
		writeFile(t, dir, fmt.Sprint(i), content(uint64(i), leastBlock/2))
	}
	writeFile(t, dir, "large", content(7, 10*leastBlock))
	ctx, cancel := context.WithCancel(t.Context())
	var puts atomic.Int32
	t.Run("transfer", func(t *testing.T) {
		c := azurite.NewContainer(t, policyFunc(func(req *policy.Request) (*http.Response, error) {
			if puts.Add(1) == 12 {
				cancel()
			}
			return req.Next()
		}))
		uploader := NewUploader(NewBudget(Limits{Files: 4}))
		_, err := uploader.Upload(ctx, c, uploads(t, dir), nil)
		require.ErrorIs(t, err, context.Canceled)
		require.True(t, uploader.files.TryAcquire(4), "all slots are free again")
		require.True(t, uploader.buffers.free.TryAcquire(uploader.buffers.limit), "all memory is free again")
	})
	goleak.VerifyNone(t, ignore)
}
