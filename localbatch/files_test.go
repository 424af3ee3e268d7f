package localbatch_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
)

func (w *world) fileNames(task string, opts *azbatch.ListTaskFilesOptions) []string {
	w.t.Helper()
	var names []string
	pager := w.NewListTaskFilesPager("job", task, opts)
	for _, page := range get(w.t, pager.More, pager.NextPage) {
		for _, f := range page.Value {
			names = append(names, *f.Name)
			require.Equal(w.t, *f.IsDirectory, f.Properties == nil)
		}
	}
	return names
}

func TestTaskFiles(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.pool(poolContent("pool", 0))
	w.job("job", "pool")
	w.add("one", shell(`printf 0123456789; mkdir -p d/e; echo x > "d/a b.txt"; echo y > d/e/f; mkfifo pipe; ln -s /etc/passwd out; ln -s d/e/f in`))
	_, err := w.GetTaskFile(ctx, "job", "one", "stdout.txt", nil)
	refused(t, err, http.StatusConflict, "OperationInvalidForCurrentState")
	_, err = w.ResizePool(ctx, "pool", azbatch.ResizePoolContent{TargetDedicatedNodes: to.Ptr[int32](1)}, nil)
	require.NoError(t, err)
	task := w.completed("one")
	require.Equal(t, int32(0), *task.ExecutionInfo.ExitCode)

	require.Equal(t, []string{"stderr.txt", "stdout.txt", "wd"}, w.fileNames("one", nil))
	recursive := &azbatch.ListTaskFilesOptions{Recursive: to.Ptr(true), MaxResults: to.Ptr[int32](3)}
	require.Equal(t, []string{"stderr.txt", "stdout.txt", "wd", "wd/d", "wd/d/a b.txt", "wd/d/e", "wd/d/e/f", "wd/in"}, w.fileNames("one", recursive))
	recursive.Filter = to.Ptr("startswith(name,'wd/d/')")
	require.Equal(t, []string{"wd/d/a b.txt", "wd/d/e", "wd/d/e/f"}, w.fileNames("one", recursive))

	require.Equal(t, "x\n", w.file("one", "wd/d/a b.txt", nil))
	require.Equal(t, "y\n", w.file("one", "wd/in", nil))
	require.Equal(t, "2345", w.file("one", "stdout.txt", &azbatch.GetTaskFileOptions{OCPRange: to.Ptr("bytes=2-5")}))
	require.Equal(t, "89", w.file("one", "stdout.txt", &azbatch.GetTaskFileOptions{OCPRange: to.Ptr("bytes=8-100")}))
	_, err = w.GetTaskFile(ctx, "job", "one", "stdout.txt", &azbatch.GetTaskFileOptions{OCPRange: to.Ptr("bytes=10-")})
	refused(t, err, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")

	info, err := w.GetTaskFileProperties(ctx, "job", "one", "stdout.txt", nil)
	require.NoError(t, err)
	require.Equal(t, int64(10), *info.ContentLength)
	require.False(t, *info.OCPBatchFileIsDirectory)
	require.NotNil(t, info.LastModified)
	escaped, err := url.PathUnescape(*info.OCPBatchFileURL)
	require.NoError(t, err)
	require.Equal(t, w.url+"/jobs/job/tasks/one/files/stdout.txt", escaped)
	require.Regexp(t, `^0o100[0-7]{3}$`, *info.OCPBatchFileMode)
	info, err = w.GetTaskFileProperties(ctx, "job", "one", "wd", nil)
	require.NoError(t, err)
	require.True(t, *info.OCPBatchFileIsDirectory)

	for _, name := range []string{"../../../../account.key", "wd/../../../../../batch.db", "/etc/passwd", "wd/out", "wd/pipe", "nothing", "wd/../..", "wd\\x", "%2e%2e/x"} {
		_, err = w.GetTaskFile(ctx, "job", "one", name, nil)
		refused(t, err, http.StatusNotFound, "FileNotFound")
		_, err = w.DeleteTaskFile(ctx, "job", "one", "x/"+name, nil)
		refused(t, err, http.StatusNotFound, "FileNotFound")
	}

	_, err = w.DeleteTaskFile(ctx, "job", "one", "wd/d", nil)
	refused(t, err, http.StatusBadRequest, "InvalidInput")
	_, err = w.DeleteTaskFile(ctx, "job", "one", "wd/d", &azbatch.DeleteTaskFileOptions{Recursive: to.Ptr(true)})
	require.NoError(t, err)
	_, err = w.GetTaskFile(ctx, "job", "one", "wd/d/e/f", nil)
	refused(t, err, http.StatusNotFound, "FileNotFound")

	// The same directory, seen from the node.
	node := *task.NodeInfo.NodeID
	require.Equal(t, "0123456789", w.nodeFile("pool", node, *task.NodeInfo.TaskRootDirectory+"/stdout.txt"))
	_, err = w.GetNodeFile(ctx, "pool", node, "../../account.key", nil)
	refused(t, err, http.StatusNotFound, "FileNotFound")

	_, err = w.ResizePool(ctx, "pool", azbatch.ResizePoolContent{TargetDedicatedNodes: to.Ptr[int32](0)}, nil)
	require.NoError(t, err)
	w.steady("pool")
	_, err = w.GetTaskFile(ctx, "job", "one", "stdout.txt", nil)
	refused(t, err, http.StatusConflict, "TaskFilesUnavailable")
}

func TestTaskFilesGoAfterTheirRetention(t *testing.T) {
	t.Parallel()
	w := ready(t, 1)
	w.add("long", "true")
	w.completed("long")
	w.add("short", "true", func(c *azbatch.CreateTaskContent) {
		c.Constraints = &azbatch.TaskConstraints{RetentionTime: to.Ptr("PT0.05S")}
	})
	w.completed("short")
	eventually(t, "the directory is removed", func() bool {
		_, err := w.GetTaskFile(ctx, "job", "short", "stdout.txt", nil)
		return err != nil
	})
	_, err := w.GetTaskFile(ctx, "job", "short", "stdout.txt", nil)
	refused(t, err, http.StatusConflict, "TaskFilesCleanedup")
	require.Empty(t, w.file("long", "stdout.txt", nil))
}

// blobs is a container that anybody may read and write.
type blobs struct {
	mu    sync.Mutex
	blobs map[string]string
}

func (b *blobs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch r.Method {
	case http.MethodPut:
		text := make([]byte, r.ContentLength)
		if _, err := r.Body.Read(text); err != nil && r.ContentLength > 0 && err.Error() != "EOF" {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		b.blobs[r.URL.Path] = string(text)
		w.WriteHeader(http.StatusCreated)
	default:
		text, ok := b.blobs[r.URL.Path]
		if !ok {
			w.Header().Set("x-ms-error-code", "BlobNotFound")
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte(text))
	}
}

func (b *blobs) get(path string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.blobs[path]
}

func TestResourceAndOutputFiles(t *testing.T) {
	t.Parallel()
	storage := &blobs{blobs: map[string]string{"/in/a file": "from storage"}}
	server := httptest.NewServer(storage)
	t.Cleanup(server.Close)
	w := ready(t, 1)
	w.add("one", shell(`cat dir/in.txt > out.txt; echo done`), func(c *azbatch.CreateTaskContent) {
		c.ResourceFiles = []azbatch.ResourceFile{{
			HTTPURL: to.Ptr(server.URL + "/in/a%20file?sig=secret"), FilePath: to.Ptr("dir/in.txt"),
		}}
		c.OutputFiles = []azbatch.OutputFile{{
			FilePattern: to.Ptr("out.txt"),
			Destination: &azbatch.OutputFileDestination{Container: &azbatch.OutputFileBlobContainerDestination{
				ContainerURL: to.Ptr(server.URL + "/out?sig=secret"), Path: to.Ptr("one/result"),
			}},
			UploadOptions: &azbatch.OutputFileUploadConfig{UploadCondition: to.Ptr(azbatch.OutputFileUploadConditionTaskSuccess)},
		}}
	})
	require.Equal(t, azbatch.TaskExecutionResultSuccess, *w.completed("one").ExecutionInfo.Result)
	require.Equal(t, "from storage", storage.get("/out/one/result"))

	w.add("two", "true", func(c *azbatch.CreateTaskContent) {
		c.ResourceFiles = []azbatch.ResourceFile{{HTTPURL: to.Ptr(server.URL + "/in/none"), FilePath: to.Ptr("x")}}
	})
	info := w.completed("two").ExecutionInfo
	require.Equal(t, "BlobNotFound", *info.FailureInfo.Code)
	require.Nil(t, info.ExitCode)
}
