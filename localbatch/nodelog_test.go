package localbatch_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
)

func TestNodeLogIsUploaded(t *testing.T) {
	t.Parallel()
	w := booted(t)
	w.add("one", shell("exit 3"))
	w.completed("one")
	w.close()
	w.open()
	id := *w.allNodes("pool", azbatch.NodeStateIdle)[0].ID
	storage := &blobs{blobs: map[string]string{}}
	server := httptest.NewServer(storage)
	t.Cleanup(server.Close)
	upload := func(from, to time.Time) azbatch.UploadNodeLogsResult {
		answer, err := w.UploadNodeLogs(ctx, "pool", id, azbatch.UploadNodeLogsContent{
			ContainerURL: new(server.URL + "/logs?sv=1&sig=secret"), StartTime: &from, EndTime: &to,
		}, nil)
		require.NoError(t, err)
		return answer.UploadNodeLogsResult
	}
	hour := time.Hour
	const boots = 2 // the last one's end may be seen before it is in the log
	var events []string
	eventually(t, "the log is uploaded", func() bool {
		result := upload(time.Now().Add(-hour), time.Now().Add(hour))
		require.Equal(t, int32(1), *result.NumberOfFilesUploaded)
		require.True(t, strings.HasPrefix(*result.VirtualDirectoryName, "pool/"+id+"/"), *result.VirtualDirectoryName)
		blob := "/logs/" + *result.VirtualDirectoryName + "/" + id + ".log"
		eventually(t, "the log is uploaded", func() bool { return storage.get(blob) != "" })
		if strings.Count(storage.get(blob), "state: idle") < boots {
			return false
		}
		for line := range strings.Lines(storage.get(blob)) {
			stamp, event, _ := strings.Cut(strings.TrimSpace(line), " ")
			_, err := time.Parse(time.RFC3339Nano, stamp)
			require.NoError(t, err)
			events = append(events, event)
		}
		return true
	})
	require.Equal(t, []string{
		"state: creating", "state: starting", "state: waitingforstarttask", "startup: begins", "startup: success", "state: idle",
		"workitems/job/job-1/one: begins", "workitems/job/job-1/one: FailureExitCode, exit code 3",
		"state: starting", "state: waitingforstarttask", "startup: begins", "startup: success", "state: idle",
	}, events)
	require.Zero(t, *upload(time.Now().Add(-2*hour), time.Now().Add(-hour)).NumberOfFilesUploaded, "of another time there is none")

	_, err := w.UploadNodeLogs(ctx, "pool", id, azbatch.UploadNodeLogsContent{
		ContainerURL: to.Ptr("ftp://somewhere/?sig=secret"), StartTime: to.Ptr(time.Now()),
	}, nil)
	text := refused(t, err, http.StatusBadRequest, "InvalidPropertyValue")
	require.NotContains(t, text, "secret")
	_, err = w.DeletePool(ctx, "pool", nil)
	require.NoError(t, err)
	eventually(t, "the log goes with the node", func() bool {
		left, err := os.ReadDir(filepath.Join(w.dir, "nodelogs"))
		require.NoError(t, err)
		return len(left) == 0
	})
}

func TestNobodyLogsInToANode(t *testing.T) {
	t.Parallel()
	w := booted(t)
	id := *w.nodeOf("pool").ID
	user := azbatch.CreateNodeUserContent{Name: to.Ptr("someone"), Password: to.Ptr("a secret")}
	_, err := w.CreateNodeUser(ctx, "pool", id, user, nil)
	text := refused(t, err, http.StatusConflict, "OperationNotValidOnNode")
	require.Contains(t, text, "nobody can log in")
	require.NotContains(t, text, "a secret")
	_, err = w.CreateNodeUser(ctx, "pool", "none", user, nil)
	refused(t, err, http.StatusNotFound, "NodeNotFound")
	_, err = w.CreateNodeUser(ctx, "pool", id, azbatch.CreateNodeUserContent{}, nil)
	refused(t, err, http.StatusBadRequest, "MissingRequiredProperty")
	_, err = w.ReplaceNodeUser(ctx, "pool", id, "someone", azbatch.UpdateNodeUserContent{}, nil)
	refused(t, err, http.StatusNotFound, "NodeUserNotFound")
	_, err = w.DeleteNodeUser(ctx, "pool", id, "someone", nil)
	refused(t, err, http.StatusNotFound, "NodeUserNotFound")
	_, err = w.GetNodeRemoteLoginSettings(ctx, "pool", id, nil)
	refused(t, err, http.StatusConflict, "OperationNotValidOnNode")
	w.requireError(rawRequest{method: "GET", path: "/pools/pool/nodes/" + id + "/rdp", query: "api-version=2022-10-01.16.0"}, http.StatusConflict, "OperationNotValidOnNode")
}

func TestNodesHaveNoExtensions(t *testing.T) {
	t.Parallel()
	w := booted(t)
	id := *w.nodeOf("pool").ID
	page, err := w.NewListNodeExtensionsPager("pool", id, nil).NextPage(ctx)
	require.NoError(t, err)
	require.Empty(t, page.Value)
	_, err = w.NewListNodeExtensionsPager("pool", "none", nil).NextPage(ctx)
	refused(t, err, http.StatusNotFound, "NodeNotFound")
	_, err = w.GetNodeExtension(ctx, "pool", id, "some", nil)
	refused(t, err, http.StatusNotFound, "ResourceNotFound")
}

func TestThereAreNoApplications(t *testing.T) {
	t.Parallel()
	w := ready(t, 0)
	page, err := w.NewListApplicationsPager(&azbatch.ListApplicationsOptions{MaxResults: to.Ptr[int32](5)}).NextPage(ctx)
	require.NoError(t, err)
	require.Empty(t, page.Value)
	_, err = w.GetApplication(ctx, "blender", nil)
	refused(t, err, http.StatusNotFound, "ApplicationNotFound")
	references := []azbatch.ApplicationPackageReference{{ApplicationID: to.Ptr("blender"), Version: to.Ptr("4")}}
	content := poolContent("other", 0)
	content.ApplicationPackageReferences = references
	_, err = w.CreatePool(ctx, content, nil)
	require.Contains(t, refused(t, err, http.StatusConflict, "InvalidApplicationPackageReferences"), "no application blender")
	_, err = w.UpdatePool(ctx, "pool", azbatch.UpdatePoolContent{ApplicationPackageReferences: references}, nil)
	refused(t, err, http.StatusConflict, "InvalidApplicationPackageReferences")
	_, err = w.CreateTask(ctx, "job", taskContent("one", "true", func(c *azbatch.CreateTaskContent) {
		c.ApplicationPackageReferences = references
	}), nil)
	refused(t, err, http.StatusConflict, "InvalidApplicationPackageReferences")
}
