package localbatch_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch"
	"github.com/durabatch/durabatch/localbatch/node"
	"github.com/durabatch/durabatch/transfer/azuritetest"
)

const (
	identity = "/subscriptions/one/resourceGroups/group/providers/Microsoft.ManagedIdentity/userAssignedIdentities/worker"
	stranger = "/subscriptions/one/resourceGroups/group/providers/Microsoft.ManagedIdentity/userAssignedIdentities/stranger"
)

// TestIdentitiesOpenStorage: no address here has a SAS.
func TestIdentitiesOpenStorage(t *testing.T) {
	t.Parallel()
	azurite, err := azuritetest.Start()
	require.NoError(t, err)
	t.Cleanup(azurite.Stop)
	input, results := azurite.Container(t, "input"), azurite.Container(t, "results")
	for _, client := range []*container.Client{input, results} {
		_, err := client.Create(ctx, nil)
		require.NoError(t, err)
	}
	for name, text := range map[string]string{"a.txt": "a", "deep/b ü.txt": "b"} {
		_, err := input.NewBlockBlobClient(name).UploadBuffer(ctx, []byte(text), nil)
		require.NoError(t, err)
	}
	linked := node.StorageAccount{Endpoint: azurite.Endpoint, Name: azurite.Account, Key: azurite.Key}
	withStorage := func(o *localbatch.Options) {
		o.Identities = map[string][]node.StorageAccount{strings.ToUpper(identity): {linked}}
		o.AutoStorage = &linked
	}
	w := start(t, withStorage)
	w.pool(poolContent("pool", 1))
	w.job("job", "pool")
	shown, err := w.GetPool(ctx, "pool", nil)
	require.NoError(t, err)
	require.Equal(t, azbatch.PoolIdentityTypeUserAssigned, *shown.Identity.Type)
	require.True(t, strings.EqualFold(identity, *shown.Identity.UserAssignedIdentities[0].ResourceID))
	worker := &azbatch.NodeIdentityReference{ResourceID: to.Ptr(identity)}
	unknown := &azbatch.NodeIdentityReference{ResourceID: to.Ptr(stranger)}
	in, out := azurite.Endpoint+"/input", azurite.Endpoint+"/results"
	output := func(container string, who *azbatch.NodeIdentityReference) []azbatch.OutputFile {
		return []azbatch.OutputFile{{
			FilePattern:   to.Ptr("../stdout.txt"),
			UploadOptions: &azbatch.OutputFileUploadConfig{UploadCondition: to.Ptr(azbatch.OutputFileUploadConditionTaskCompletion)},
			Destination: &azbatch.OutputFileDestination{Container: &azbatch.OutputFileBlobContainerDestination{
				ContainerURL: &container, Path: to.Ptr("said"), IdentityReference: who,
			}},
		}}
	}
	w.add("works", shell("cat one.txt auto/a.txt all/deep/*"), func(c *azbatch.CreateTaskContent) {
		c.ResourceFiles = []azbatch.ResourceFile{
			{HTTPURL: to.Ptr(in + "/a.txt"), FilePath: to.Ptr("one.txt"), IdentityReference: worker},
			{StorageContainerURL: &in, FilePath: to.Ptr("all"), IdentityReference: worker},
			{AutoStorageContainerName: to.Ptr("input"), FilePath: to.Ptr("auto"), BlobPrefix: to.Ptr("a")},
		}
		c.OutputFiles = output(out, worker)
	})
	task := w.completed("works")
	require.Equal(t, azbatch.TaskExecutionResultSuccess, *task.ExecutionInfo.Result, "%+v", task.ExecutionInfo.FailureInfo)
	require.Equal(t, identity, *task.ResourceFiles[0].IdentityReference.ResourceID)
	require.Equal(t, "input", *task.ResourceFiles[2].AutoStorageContainerName)
	said, err := results.NewBlobClient("said").DownloadStream(ctx, nil)
	require.NoError(t, err)
	text, err := io.ReadAll(said.Body)
	require.NoError(t, err)
	require.NoError(t, said.Body.Close())
	require.Equal(t, "aab", string(text))

	logs, err := w.UploadNodeLogs(ctx, "pool", *w.nodeOf("pool").ID, azbatch.UploadNodeLogsContent{
		ContainerURL: &out, IdentityReference: worker, StartTime: to.Ptr(time.Now().Add(-time.Hour)),
	}, nil)
	require.NoError(t, err)
	eventually(t, "the node's log is there", func() bool {
		page, err := results.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: logs.VirtualDirectoryName}).NextPage(ctx)
		require.NoError(t, err)
		return len(page.Segment.BlobItems) == 1
	})

	elsewhere := "http://127.0.0.1:1/account/in"
	fails := map[string]struct {
		code string
		task func(*azbatch.CreateTaskContent)
	}{
		"file-of-stranger": {"BlobAccessDenied", func(c *azbatch.CreateTaskContent) {
			c.ResourceFiles = []azbatch.ResourceFile{{HTTPURL: to.Ptr(in + "/a.txt"), FilePath: to.Ptr("one.txt"), IdentityReference: unknown}}
		}},
		"container-of-stranger": {"ResourceContainerAccessDenied", func(c *azbatch.CreateTaskContent) {
			c.ResourceFiles = []azbatch.ResourceFile{{StorageContainerURL: &in, IdentityReference: unknown}}
		}},
		"container-elsewhere": {"ResourceContainerAccessDenied", func(c *azbatch.CreateTaskContent) {
			c.ResourceFiles = []azbatch.ResourceFile{{StorageContainerURL: &elsewhere, IdentityReference: worker}}
		}},
		"container-missing": {"ResourceContainerNotFound", func(c *azbatch.CreateTaskContent) {
			c.ResourceFiles = []azbatch.ResourceFile{{AutoStorageContainerName: to.Ptr("missing")}}
		}},
		"output-of-stranger": {"FileUploadAccessDenied", func(c *azbatch.CreateTaskContent) { c.OutputFiles = output(out, unknown) }},
	}
	for id, fail := range fails {
		w.add(id, "true", fail.task)
	}
	for id, fail := range fails {
		info := w.completed(id).ExecutionInfo.FailureInfo
		require.NotNil(t, info, id)
		require.Equal(t, fail.code, *info.Code, id)
	}

	w.close()
	w.open()
	w.add("not-linked", "true", fails["container-missing"].task)
	info := w.completed("not-linked").ExecutionInfo.FailureInfo
	require.Equal(t, "ResourceContainerAccessDenied", *info.Code)
	require.Contains(t, *info.Details[len(info.Details)-1].Value, "no storage account is linked")
}
