package node

import (
	"crypto/md5"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// runScript runs a shell script and uploads outputs, to the container "out" if
// they name none.
func (s *blobServer) runScript(t *testing.T, script string, outputs ...OutputFile) (Result, string) {
	t.Helper()
	for i := range outputs {
		if outputs[i].ContainerURL == "" {
			outputs[i].ContainerURL = s.url("out")
		}
	}
	dir := filepath.Join(t.TempDir(), "task")
	return s.machine().Run(t.Context(), Task{
		Dir:         dir,
		CommandLine: `/bin/sh -c 'eval "$SCRIPT"'`,
		Environment: []string{"SCRIPT=" + script, "SUB=sub", "GLOB=*.txt"},
		OutputFiles: outputs,
	}, nil), dir
}

func TestUploadMatchesPatterns(t *testing.T) {
	t.Parallel()
	const script = `mkdir -p sub/deep .git; touch a.txt b.txt c.log .hidden.txt sub/d.txt sub/deep/e.txt .git/f.txt "x*y" xzy
		mkdir dir.txt; ln -s a.txt link.txt; ln -s nowhere dangling.txt; ln -s sub linkdir; mkfifo pipe.txt; echo out; echo err >&2`
	for _, c := range []struct {
		name, pattern, path string
		want                []string
	}{
		{"one file, its own name", "a.txt", "", []string{"a.txt"}},
		{"one file, named", "a.txt", "p/q.bin", []string{"p/q.bin"}},
		{"one file below, its own name", "sub/d.txt", "", []string{"sub/d.txt"}},
		{"star", "*.txt", "", []string{"a.txt", "b.txt", "link.txt"}},
		{"star with a path", "*.txt", "p", []string{"p/a.txt", "p/b.txt", "p/link.txt"}},
		{"star with a path and a slash", "*.txt", "p/", []string{"p/a.txt", "p/b.txt", "p/link.txt"}},
		{"question mark", "?.log", "", []string{"c.log"}},
		{"class", "[a-b].txt", "", []string{"a.txt", "b.txt"}},
		{"negated class", "[!b].txt", "", []string{"a.txt"}},
		{"any depth", "**/*.txt", "p", []string{"p/a.txt", "p/b.txt", "p/link.txt", "p/sub/d.txt", "p/sub/deep/e.txt"}},
		{"all below", "sub/**", "", []string{"sub/d.txt", "sub/deep/e.txt"}},
		{"deep in the middle", "sub/**/e.txt", "", []string{"sub/deep/e.txt"}},
		{"deep of no depth", "sub/**/d.txt", "", []string{"sub/d.txt"}},
		{"any directory", "*/*.txt", "", []string{"sub/d.txt"}},
		{"through a link by name", "linkdir/d.txt", "", []string{"linkdir/d.txt"}},
		{"explicit dot", ".*.txt", "", []string{".hidden.txt"}},
		{"explicit dot of a directory", ".git/*", "", []string{".git/f.txt"}},
		{"escaped", "x[*]y", "named", []string{"named"}},
		{"not escaped", "x*y", "", []string{"x*y", "xzy"}},
		{"standard streams", "../std*.txt", "logs", []string{"logs/stderr.txt", "logs/stdout.txt"}},
		{"one standard stream", "../stdout.txt", "log", []string{"log"}},
		{"up and down", "../wd/sub/../a.txt", "", []string{"a.txt"}},
		{"variable", "$SUB/*.txt", "", []string{"sub/d.txt"}},
		{"variable, other form", "%SUB%/d.txt", "", []string{"sub/d.txt"}},
		{"pattern in a variable", "sub/$GLOB", "", []string{"sub/d.txt"}},
		{"absolute", "$AZ_BATCH_TASK_DIR/wd/a.txt", "", []string{"a.txt"}},
		{"absolute with star", "$AZ_BATCH_TASK_DIR/std*", "", []string{"stderr.txt", "stdout.txt"}},
		{"no match", "none-*.txt", "p", nil},
		{"no such file", "none.txt", "p", nil},
		{"no such directory", "none/*/x", "p", nil},
		{"a directory", "dir.txt", "p", nil},
		{"a file for a directory", "a.txt/b", "p", nil},
		{"nowhere", "dangling.txt", "p", nil},
		{"a pipe", "pipe.txt", "p", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := newBlobServer(t)
			server.container("out")
			r, dir := server.runScript(t, script, OutputFile{FilePattern: c.pattern, Path: c.path})
			requireSuccess(t, r)
			require.Equal(t, c.want, server.names("out"))
			require.Empty(t, read(t, dir, "fileuploaderr.txt"))
			requireNoSecret(t, r, dir)
		})
	}
}

func TestUploadRefusesToLeaveTheTask(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"../../*", "/etc/passwd", "/etc/*", "../../../../../../etc/passwd", "*/../../x", "", ".", "..", "/"} {
		t.Run(pattern, func(t *testing.T) {
			t.Parallel()
			server := newBlobServer(t)
			server.container("out")
			r, dir := server.runScript(t, "mkdir d", OutputFile{FilePattern: pattern})
			requireCode(t, FileUploadMiscError, UserError, r)
			require.Equal(t, int32(0), *r.ExitCode)
			require.Contains(t, read(t, dir, "fileuploaderr.txt"), "was not uploaded")
			require.Empty(t, server.names("out"))
		})
	}
}

// A link that leads out of the task's directory is never read, and not passed
// over in silence either: the user expects the file.
func TestUploadFollowsNoLinkOutOfTheTask(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"*.txt", "link.txt", "links/passwd", "links/*"} {
		t.Run(pattern, func(t *testing.T) {
			t.Parallel()
			server := newBlobServer(t)
			server.container("out")
			r, dir := server.runScript(t, "echo x >a.txt; ln -s /etc/passwd link.txt; ln -s /etc links",
				OutputFile{FilePattern: pattern}, OutputFile{FilePattern: "a.txt", Path: "good"})
			requireCode(t, FileUploadMiscError, UserError, r)
			require.Contains(t, read(t, dir, "fileuploaderr.txt"), "escapes")
			require.NotContains(t, server.names("out"), "link.txt")
			require.Contains(t, server.names("out"), "good", "what can be saved is")
		})
	}
}

func TestUploadConditions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		script string
		want   []string
	}{{"exit 0", []string{"completion", "default", "success"}}, {"exit 7", []string{"completion", "default", "failure"}}} {
		server := newBlobServer(t)
		server.container("out")
		r, _ := server.runScript(t, c.script,
			OutputFile{FilePattern: "../stdout.txt", Path: "default"},
			OutputFile{FilePattern: "../stdout.txt", Path: "completion", Condition: TaskCompletion},
			OutputFile{FilePattern: "../stdout.txt", Path: "success", Condition: TaskSuccess},
			OutputFile{FilePattern: "../stdout.txt", Path: "failure", Condition: TaskFailure})
		require.NotNil(t, r.ExitCode)
		require.Equal(t, c.want, server.names("out"))
	}
}

func TestUploadIsNotAttemptedWithoutCause(t *testing.T) {
	t.Parallel()
	server := newBlobServer(t)
	server.container("out")
	r, dir := server.runScript(t, "true", OutputFile{FilePattern: "*", Condition: TaskFailure})
	requireSuccess(t, r)
	require.NoFileExists(t, filepath.Join(dir, "fileuploadout.txt"))

	dir = filepath.Join(t.TempDir(), "task")
	r = server.machine().Run(t.Context(), Task{
		Dir: dir, CommandLine: "no-such-program",
		OutputFiles: []OutputFile{{FilePattern: "../std*.txt", ContainerURL: server.url("out")}},
	}, nil)
	requireCode(t, CommandProgramNotFound, UserError, r)
	require.NoFileExists(t, filepath.Join(dir, "fileuploadout.txt"))
	require.Empty(t, server.names("out"))
}

func TestUploadKeepsHostileNames(t *testing.T) {
	t.Parallel()
	server := newBlobServer(t)
	in, _ := server.container("in"), server.container("out")
	var want []string
	for _, name := range hostileNames {
		in.put(name, "data of "+name)
		want = append(want, "p/dir/"+name)
	}
	dir := filepath.Join(t.TempDir(), "task")
	r := server.machine().Run(t.Context(), Task{
		Dir: dir, CommandLine: "true",
		ResourceFiles: []ResourceFile{{ContainerURL: server.url("in"), FilePath: "dir"}},
		OutputFiles: []OutputFile{
			{FilePattern: "**/*", ContainerURL: server.url("out"), Path: "p"},
			{FilePattern: "**/.*", ContainerURL: server.url("out"), Path: "p"},
		},
	}, nil)
	requireSuccess(t, r)
	require.ElementsMatch(t, want, server.names("out"))
	for _, name := range hostileNames {
		require.Equal(t, "data of "+name, server.blob("out", "p/dir/"+name).data)
	}
}

func TestUploadSetsHeaders(t *testing.T) {
	t.Parallel()
	server := newBlobServer(t)
	server.container("out")
	r, _ := server.runScript(t, "echo data >a.json; cp a.json b.unknown-extension",
		OutputFile{FilePattern: "a.json"},
		OutputFile{FilePattern: "b.unknown-extension"},
		OutputFile{FilePattern: "a.json", Path: "c", UploadHeaders: map[string]string{
			"x-ms-blob-content-type": "text/x-mine", "X-Ms-Blob-Cache-Control": "no-store",
			"x-ms-blob-content-language": "tr", "x-ms-blob-content-encoding": "identity",
			"x-ms-blob-content-disposition": "inline", "x-ms-access-tier": "Cool", "x-ms-meta-owner": "me",
		}})
	requireSuccess(t, r)
	sum := md5.Sum([]byte("data\n"))
	for blob, contentType := range map[string]string{"a.json": "application/json", "b.unknown-extension": "application/octet-stream", "c": "text/x-mine"} {
		h := server.blob("out", blob).header
		require.Equal(t, contentType, h.Get("x-ms-blob-content-type"))
		require.Equal(t, base64.StdEncoding.EncodeToString(sum[:]), h.Get("x-ms-blob-content-md5"))
		require.Equal(t, "BlockBlob", h.Get("x-ms-blob-type"))
	}
	h := server.blob("out", "c").header
	require.Equal(t, "no-store", h.Get("x-ms-blob-cache-control"))
	require.Equal(t, "tr", h.Get("x-ms-blob-content-language"))
	require.Equal(t, "identity", h.Get("x-ms-blob-content-encoding"))
	require.Equal(t, "inline", h.Get("x-ms-blob-content-disposition"))
	require.Equal(t, "Cool", h.Get("x-ms-access-tier"))
	require.Equal(t, "me", h.Get("x-ms-meta-owner"))

	r, _ = server.runScript(t, "touch a", OutputFile{FilePattern: "a", UploadHeaders: map[string]string{"Authorization": "x"}})
	requireCode(t, FileUploadMiscError, UserError, r)
	require.Contains(t, r.Failure.Error(), "Authorization")
}

func TestUploadSendsLargeFilesInBlocks(t *testing.T) {
	t.Parallel()
	const size = 2*blockSize + 5
	server := newBlobServer(t)
	server.container("out")
	server.fail("PUT", "/out/big", answering(503, "ServerBusy"), hangUp)
	dir := filepath.Join(t.TempDir(), "task")
	r := server.machine().Run(t.Context(), Task{
		Dir: dir, CommandLine: `/bin/sh -c 'dd if=/dev/zero of=big bs=1 count=0 seek=16777217 2>/dev/null; printf tail >>big'`,
		OutputFiles: []OutputFile{{FilePattern: "big", ContainerURL: server.url("out")}},
	}, nil)
	requireSuccess(t, r)
	blob := server.blob("out", "big")
	require.Len(t, blob.data, size)
	require.True(t, strings.HasSuffix(blob.data, "tail"))
	sum := md5.Sum([]byte(blob.data))
	require.Equal(t, base64.StdEncoding.EncodeToString(sum[:]), blob.header.Get("x-ms-blob-content-md5"))
	require.Equal(t, 3+1+2, server.count("PUT /out/big"), "three blocks, their list, two tries that failed")
}

func TestUploadClassesFailures(t *testing.T) {
	t.Parallel()
	server := newBlobServer(t)
	server.container("out")
	bare := server.URL + "/out"
	for _, c := range []struct{ name, address, code string }{
		{"no container", server.url("none"), FileUploadContainerNotFound},
		{"no SAS", bare, FileUploadAccessDenied},
		{"no server", "http://127.0.0.1:1/out?" + sas, FileUploadMiscError},
		{"not http", "file:///tmp?" + sas, FileUploadMiscError},
		{"no URL", "http://[::1/out?" + sas, FileUploadMiscError},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, dir := server.runScript(t, "echo x >a.txt", OutputFile{FilePattern: "*.txt", ContainerURL: c.address})
			requireCode(t, c.code, UserError, r)
			require.Equal(t, int32(0), *r.ExitCode)
			require.Contains(t, read(t, dir, "fileuploaderr.txt"), c.code)
			requireNoSecret(t, r, dir)
		})
	}
	server.fail("PUT", "/out/a.txt", answering(409, "BlobImmutableDueToPolicy"))
	r, _ := server.runScript(t, "echo x >a.txt", OutputFile{FilePattern: "a.txt"})
	requireCode(t, FileUploadConflict, UserError, r)
}

func TestUploadFailureDoesNotHideTheExitCode(t *testing.T) {
	t.Parallel()
	server := newBlobServer(t)
	r, dir := server.runScript(t, "exit 9", OutputFile{FilePattern: "../stdout.txt", Path: "x", ContainerURL: server.url("none")})
	requireCode(t, FailureExitCode, UserError, r)
	require.Equal(t, int32(9), *r.ExitCode)
	require.Contains(t, read(t, dir, "fileuploaderr.txt"), FileUploadContainerNotFound)
}

// The test may run as root, who can read everything but a loop of links.
func TestUploadReportsUnreadableFiles(t *testing.T) {
	t.Parallel()
	server := newBlobServer(t)
	server.container("out")
	r, dir := server.runScript(t, "ln -s loop loop; echo x >none; chmod 0 none",
		OutputFile{FilePattern: "none"}, OutputFile{FilePattern: "loop"})
	requireCode(t, FileUploadMiscError, UserError, r)
	require.Contains(t, read(t, dir, "fileuploaderr.txt"), `"wd/loop" was not uploaded`)
	if os.Geteuid() != 0 {
		require.Contains(t, read(t, dir, "fileuploaderr.txt"), `"wd/none" was not uploaded`)
	}
}
