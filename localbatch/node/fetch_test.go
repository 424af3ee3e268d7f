package node

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// hostileNames are file names that break naive programs. Each is only a name.
var hostileNames = []string{
	"a b.mp4", `it's "quoted".mp4`, "$(touch pwned).mp4", "`touch pwned`.mp4", "line\nbreak.mp4", "-rf.mp4",
	"100%20.mp4", "#hash.mp4", "what?.mp4", "a&b=c;d.mp4", `back\slash.mp4`, "🎬 cut.mp4", "מסמך.mp4", ".hidden",
	"noextension", "+plus.mp4", "[b]{c}*.mp4", "$HOME.mp4", "%PATH%.mp4", "tab\there.mp4", "~.mp4", "..dots..",
	strings.Repeat("ü", 100) + ".mp4", strings.Repeat("x", 250) + ".mp4",
}

func (s *blobServer) runWith(t *testing.T, files ...ResourceFile) (Result, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "task")
	return s.machine().Run(t.Context(), Task{Dir: dir, CommandLine: "true", ResourceFiles: files}, nil), dir
}

// treeOf maps the regular files below dir to what they hold.
func treeOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	tree := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		require.NoError(t, err)
		tree[name] = read(t, path)
		return nil
	}))
	return tree
}

func TestFetchKeepsHostileNames(t *testing.T) {
	t.Parallel()
	server := newBlobServer(t)
	in := server.container("in")
	var files []ResourceFile
	want := map[string]string{}
	for _, name := range hostileNames {
		in.put(name, "data of "+name)
		files = append(files, ResourceFile{HTTPURL: server.blobURL("in", name), FilePath: "dir/" + name})
		want["dir/"+name] = "data of " + name
	}
	r, dir := server.runWith(t, files...)
	requireSuccess(t, r)
	require.Equal(t, want, treeOf(t, filepath.Join(dir, "wd")))

	r, dir = server.runWith(t, ResourceFile{ContainerURL: server.url("in"), FilePath: "dir"})
	requireSuccess(t, r)
	require.Equal(t, want, treeOf(t, filepath.Join(dir, "wd")))
}

func TestFetchContainerByPrefix(t *testing.T) {
	t.Parallel()
	server := newBlobServer(t)
	server.container("in").put("a/one", "1").put("a/b/two", "2").put("ab", "3").put("c", "4").put("a/dir/", "").put("a//twice", "5")
	r, dir := server.runWith(t,
		ResourceFile{ContainerURL: server.url("in"), BlobPrefix: "a"},
		ResourceFile{ContainerURL: server.url("in"), BlobPrefix: "c", FilePath: "below/this"})
	requireSuccess(t, r)
	require.Equal(t, map[string]string{
		"a/one": "1", "a/b/two": "2", "ab": "3", "a/twice": "5", "below/this/c": "4",
	}, treeOf(t, filepath.Join(dir, "wd")))
	require.DirExists(t, filepath.Join(dir, "wd", "a", "dir"))
	require.NoDirExists(t, filepath.Join(dir, fetchDir))
}

func TestFetchOfNothingIsFine(t *testing.T) {
	t.Parallel()
	server := newBlobServer(t)
	server.container("in").put("empty", "")
	r, dir := server.runWith(t,
		ResourceFile{ContainerURL: server.url("in"), BlobPrefix: "none"},
		ResourceFile{HTTPURL: server.blobURL("in", "empty"), FilePath: "empty"})
	requireSuccess(t, r)
	require.Equal(t, map[string]string{"empty": ""}, treeOf(t, filepath.Join(dir, "wd")))
}

func TestFetchLaterFileOfOnePathCounts(t *testing.T) {
	t.Parallel()
	server := newBlobServer(t)
	server.container("in").put("first", "1").put("second", "2")
	r, dir := server.runWith(t,
		ResourceFile{HTTPURL: server.blobURL("in", "first"), FilePath: "file"},
		ResourceFile{HTTPURL: server.blobURL("in", "second"), FilePath: "./file"})
	requireSuccess(t, r)
	require.Equal(t, "2", read(t, dir, "wd", "file"))
}

func TestFetchSetsModes(t *testing.T) {
	t.Parallel()
	server := newBlobServer(t)
	server.container("in").put("tool", "#!/bin/sh\n")
	for _, c := range []struct {
		mode string
		want fs.FileMode
	}{{"", 0o770}, {"0644", 0o644}, {"755", 0o755}, {"0", 0}} {
		r, dir := server.runWith(t, ResourceFile{HTTPURL: server.blobURL("in", "tool"), FilePath: "tool", FileMode: c.mode})
		requireSuccess(t, r)
		info, err := os.Stat(filepath.Join(dir, "wd", "tool"))
		require.NoError(t, err)
		require.Equal(t, c.want, info.Mode().Perm(), c.mode)
	}
	for _, mode := range []string{"rwx", "0888", "4755", "-1"} {
		r, _ := server.runWith(t, ResourceFile{HTTPURL: server.blobURL("in", "tool"), FilePath: "tool", FileMode: mode})
		requireCode(t, ResourceFileCreateFailed, UserError, r)
	}
}

func TestFetchRefusesToLeaveTheWorkingDirectory(t *testing.T) {
	t.Parallel()
	server := newBlobServer(t)
	server.container("in").put("file", "x").put("out/../../escape", "x")
	for _, path := range []string{"", ".", "..", "../escape", "/escape", "a/../../escape", "a/..", strings.Repeat("../", 20) + "tmp/x"} {
		r, dir := server.runWith(t, ResourceFile{HTTPURL: server.blobURL("in", "file"), FilePath: path})
		requireCode(t, ResourceFileCreateFailed, UserError, r)
		require.NoFileExists(t, filepath.Join(dir, "escape"))
		require.NoFileExists(t, filepath.Join(dir, "..", "escape"))
	}
	r, dir := server.runWith(t, ResourceFile{ContainerURL: server.url("in"), BlobPrefix: "out", FilePath: "a/b"})
	requireCode(t, ResourceFileCreateFailed, UserError, r)
	require.NoFileExists(t, filepath.Join(dir, "escape"))
	r, _ = server.runWith(t, ResourceFile{ContainerURL: server.url("in"), FilePath: "../x"})
	requireCode(t, ResourceFileCreateFailed, UserError, r)
}

func TestFetchReportsPathsThatCannotBe(t *testing.T) {
	t.Parallel()
	server := newBlobServer(t)
	server.container("in").put("a", "x").put("a/b", "y")
	r, _ := server.runWith(t, ResourceFile{HTTPURL: server.blobURL("in", "a"), FilePath: strings.Repeat("x", 300)})
	requireCode(t, ResourceFileCreateFailed, ServerError, r)
	r, _ = server.runWith(t, ResourceFile{ContainerURL: server.url("in")})
	requireCode(t, ResourceFileCreateFailed, ServerError, r)
	r, _ = server.runWith(t, ResourceFile{FilePath: "x"})
	requireCode(t, ResourceFileCreateFailed, UserError, r)
	r, _ = server.runWith(t, ResourceFile{FilePath: "x", HTTPURL: server.blobURL("in", "a"), ContainerURL: server.url("in")})
	requireCode(t, ResourceFileCreateFailed, UserError, r)
}

func TestFetchClassesFailures(t *testing.T) {
	t.Parallel()
	server := newBlobServer(t)
	server.container("in").put("file", "x")
	noSAS := func(address string) string { return address[:strings.Index(address, "?")] }
	for _, c := range []struct {
		name           string
		file           ResourceFile
		code, category string
	}{
		{"no blob", ResourceFile{HTTPURL: server.blobURL("in", "none"), FilePath: "x"}, BlobNotFound, UserError},
		{"no container of a blob", ResourceFile{HTTPURL: server.blobURL("none", "file"), FilePath: "x"}, BlobNotFound, UserError},
		{"no SAS", ResourceFile{HTTPURL: noSAS(server.blobURL("in", "file")), FilePath: "x"}, BlobAccessDenied, UserError},
		{"no host", ResourceFile{HTTPURL: "http://127.0.0.1:1/x?" + sas, FilePath: "x"}, BlobDownloadMiscError, ServerError},
		{"a file", ResourceFile{HTTPURL: "file:///etc/passwd", FilePath: "x"}, BlobDownloadMiscError, ServerError},
		{"ftp", ResourceFile{HTTPURL: "ftp://127.0.0.1/x", FilePath: "x"}, BlobDownloadMiscError, ServerError},
		{"no URL", ResourceFile{HTTPURL: "http://[::1/x?" + sas, FilePath: "x"}, BlobDownloadMiscError, ServerError},
		{"no container", ResourceFile{ContainerURL: server.url("none")}, ResourceContainerNotFound, UserError},
		{"no SAS of a container", ResourceFile{ContainerURL: noSAS(server.url("in"))}, ResourceContainerAccessDenied, UserError},
		{"no host of a container", ResourceFile{ContainerURL: "http://127.0.0.1:1/x?" + sas}, ResourceContainerListMiscError, UserError},
		{"a container of files", ResourceFile{ContainerURL: "file:///etc?" + sas}, ResourceContainerListMiscError, UserError},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, dir := server.runWith(t, c.file)
			requireCode(t, c.code, c.category, r)
			require.Nil(t, r.ExitCode)
			requireNoSecret(t, r, dir)
		})
	}
}

// requireNoSecret holds the failure and everything in the task's directory
// against the signature that every address of these tests has.
func requireNoSecret(t *testing.T, r Result, dir string) {
	t.Helper()
	if r.Failure != nil {
		require.NotContains(t, r.Failure.Error(), "sig")
		require.NotContains(t, r.Failure.Error(), "tell")
	}
	for name, data := range treeOf(t, dir) {
		require.NotContains(t, data, "sig=", name)
		require.NotContains(t, data, "dont%2Btell", name)
	}
}

func TestFetchTriesAgain(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]http.HandlerFunc{
		"500":       answering(500, "InternalError"),
		"503":       answering(503, "ServerBusy"),
		"429":       answering(429, "TooManyRequests"),
		"408":       answering(408, "RequestTimeout"),
		"cut short": hangUp,
		"reset":     func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"wrong data": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==")
			_, _ = w.Write([]byte("spoilt"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newBlobServer(t)
			server.container("in").put("file", "right")
			server.fail("GET", "/in/file", fault, fault)
			server.fail("GET", "/in", answering(503, "ServerBusy"))
			r, dir := server.runWith(t, ResourceFile{ContainerURL: server.url("in")})
			requireSuccess(t, r)
			require.Equal(t, "right", read(t, dir, "wd", "file"))
			require.Equal(t, 3, server.count("GET /in/file"))
		})
	}
}

func TestFetchGivesUp(t *testing.T) {
	t.Parallel()
	server := newBlobServer(t)
	server.container("in").put("file", "x")
	busy := answering(503, "ServerBusy")
	server.fail("GET", "/in/file", slices.Repeat([]http.HandlerFunc{busy}, 12)...)
	r, dir := server.runWith(t, ResourceFile{HTTPURL: server.blobURL("in", "file"), FilePath: "file"})
	requireCode(t, BlobDownloadMiscError, ServerError, r)
	require.Equal(t, 10, server.count("GET /in/file"))
	require.Contains(t, r.Failure.Error(), "503")
	require.NoFileExists(t, filepath.Join(dir, "wd", "file"))

	server.fail("GET", "/in", slices.Repeat([]http.HandlerFunc{busy}, 10)...)
	r, _ = server.runWith(t, ResourceFile{ContainerURL: server.url("in")})
	requireCode(t, ResourceContainerListMiscError, UserError, r)

	gone := answering(404, "BlobNotFound")
	server.fail("GET", "/in/gone", gone, gone)
	r, _ = server.runWith(t, ResourceFile{HTTPURL: server.blobURL("in", "gone"), FilePath: "file"})
	requireCode(t, BlobNotFound, UserError, r)
	require.Equal(t, 1, server.count("GET /in/gone"), "what cannot get better is not tried again")
}

func TestFetchGivesUpOnAServerThatSendsNothing(t *testing.T) {
	t.Parallel()
	server := newBlobServer(t)
	server.hold("/in/file")
	m := NewMachine(Options{HTTPClient: server.Client(), RetryDelay: time.Millisecond, Tries: 2})
	m.stall = 50 * time.Millisecond
	r := m.Run(t.Context(), Task{
		Dir: filepath.Join(t.TempDir(), "task"), CommandLine: "true",
		ResourceFiles: []ResourceFile{{HTTPURL: server.blobURL("in", "file"), FilePath: "file"}},
	}, nil)
	requireCode(t, BlobDownloadTimedOut, ServerError, r)
	require.Equal(t, 2, server.count("GET /in/file"))
}

func TestFetchFollowsNoRedirectToAnotherHost(t *testing.T) {
	t.Parallel()
	other := newBlobServer(t)
	other.container("in").put("secret", "x")
	server := newBlobServer(t)
	server.container("in").put("file", "x")
	server.fail("GET", "/in/moved", http.RedirectHandler(server.blobURL("in", "file"), http.StatusFound).ServeHTTP)
	r, dir := server.runWith(t, ResourceFile{HTTPURL: server.blobURL("in", "moved"), FilePath: "file"})
	requireSuccess(t, r)
	require.Equal(t, "x", read(t, dir, "wd", "file"))

	away := http.RedirectHandler(other.blobURL("in", "secret"), http.StatusFound).ServeHTTP
	server.fail("GET", "/in/away", away, away)
	r, dir = server.runWith(t, ResourceFile{HTTPURL: server.blobURL("in", "away"), FilePath: "file"})
	requireCode(t, BlobDownloadMiscError, ServerError, r)
	require.Contains(t, r.Failure.Error(), "redirect refused")
	requireNoSecret(t, r, dir)
	require.Zero(t, other.count("GET /in/secret"))
	require.Equal(t, 1, server.count("GET /in/away"))

	server.fail("GET", "/in", slices.Repeat([]http.HandlerFunc{away}, 10)...)
	r, dir = server.runWith(t, ResourceFile{ContainerURL: server.url("in")})
	requireCode(t, ResourceContainerListMiscError, UserError, r)
	requireNoSecret(t, r, dir)
	require.Zero(t, other.count("GET /in/secret"))
}
