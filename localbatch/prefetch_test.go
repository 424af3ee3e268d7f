package localbatch_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
)

// imagePool is a pool whose nodes have images before anything else.
func imagePool(id string, images ...string) azbatch.CreatePoolContent {
	content := containerPool(id)
	content.VirtualMachineConfiguration.ContainerConfiguration.ContainerImageNames = images
	return content
}

func TestImagesArePrefetched(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	w := start(t, e.use)
	content := imagePool("pool", "busybox:1", "private/tool:2")
	content.VirtualMachineConfiguration.ContainerConfiguration.ContainerRegistries = []azbatch.ContainerRegistryReference{
		{RegistryServer: to.Ptr("private"), Username: to.Ptr("someone"), Password: to.Ptr("the password")},
	}
	content.StartTask = startTask(shell(`cat ` + filepath.Join(string(e), "calls")))
	w.pool(content)
	n := w.allNodes("pool", azbatch.NodeStateIdle)[0]
	seen := w.nodeFile("pool", *n.ID, "startup/stdout.txt")
	require.Contains(t, seen, "pull --quiet busybox:1\n", "before the start task")
	require.Contains(t, seen, "pull --quiet private/tool:2\n")
	require.NotContains(t, seen, "the password")

	w.job("job", "pool")
	w.add("one", "true", in("busybox:1"))
	require.Equal(t, azbatch.TaskExecutionResultSuccess, *w.completed("one").ExecutionInfo.Result)
	_, err := w.RebootNode(ctx, "pool", *n.ID, nil)
	require.NoError(t, err)
	w.allNodes("pool", azbatch.NodeStateIdle)
	require.Equal(t, 1, strings.Count(e.calls(t), "pull --quiet busybox:1\n"), "an image that is there is not pulled")
	left, err := os.ReadDir(filepath.Join(w.dir, "trash"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestNodeIsUnusableWithoutItsImages(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	w := start(t, e.use)
	unusable := func(content azbatch.CreatePoolContent) azbatch.NodeError {
		t.Helper()
		content.StartTask = startTask(shell(`echo started >> "$AZ_BATCH_NODE_ROOT_DIR/../../log"`))
		w.pool(content)
		n := w.allNodes(*content.ID, azbatch.NodeStateUnusable)[0]
		require.Nil(t, n.StartTaskInfo)
		require.Len(t, n.Errors, 1)
		return n.Errors[0]
	}
	missing := unusable(imagePool("missing", "busybox:1", "missing:1"))
	require.Equal(t, "ContainerInvalidImage", *missing.Code)
	require.Contains(t, *missing.Message, "missing:1")
	require.Contains(t, *missing.ErrorDetails[0].Value, "manifest for missing:1 not found")

	content := imagePool("private", "private/tool:2")
	content.VirtualMachineConfiguration.ContainerConfiguration.ContainerRegistries = []azbatch.ContainerRegistryReference{
		{RegistryServer: to.Ptr("private"), Username: to.Ptr("someone"), Password: to.Ptr("a wrong one")},
	}
	require.Equal(t, "ContainerInvalidRegistry", *unusable(content).Code)

	require.NoError(t, os.WriteFile(filepath.Join(string(e), "no-engine"), nil, 0o600))
	none := unusable(imagePool("no-engine", "busybox:2"))
	require.Equal(t, "ContainerMiscError", *none.Code)
	require.Contains(t, *none.ErrorDetails[0].Value, "start a Docker engine")
	require.Empty(t, w.log(), "no start task has run")

	w.job("job", "missing")
	w.add("one", "true", in("busybox:1"))
	w.until("one", azbatch.TaskStateActive)
	_, err := w.ResizePool(ctx, "missing", azbatch.ResizePoolContent{TargetDedicatedNodes: to.Ptr[int32](0)}, nil)
	require.NoError(t, err)
	w.steady("missing")

	for image, code := range map[string]string{"": "MissingRequiredProperty", "--privileged": "InvalidPropertyValue"} {
		_, err := w.CreatePool(ctx, imagePool("bad", image), nil)
		refused(t, err, http.StatusBadRequest, code)
	}
}

// TestPullsEndWithTheirNode: neither a node that is removed nor a service that
// was killed leaves one behind.
func TestPullsEndWithTheirNode(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	v := &victim{t: t, dir: t.TempDir(), environment: []string{"LOCALBATCH_TEST_DOCKER=" + filepath.Join(string(e), "docker")}}
	w := v.start()
	defer func() { v.kill() }()
	_, err := w.CreatePool(ctx, imagePool("pool", "slow:1"), nil)
	require.NoError(t, err)
	pulling := filepath.Join(string(e), "pulling")
	first := pidFrom(t, pulling)
	v.kill()
	require.NoError(t, os.Remove(pulling))
	w = v.start()
	requireDead(t, first)

	second := pidFrom(t, pulling)
	_, err = w.DeletePool(ctx, "pool", nil)
	require.NoError(t, err)
	eventually(t, "the pool is gone", func() bool { return !w.exists("pool") })
	requireDead(t, second)
}

// TestNodeThatCannotBeMadeIsUnusable: a node that fails to boot says so, and
// does not stay starting for ever.
func TestNodeThatCannotBeMadeIsUnusable(t *testing.T) {
	t.Parallel()
	w := start(t)
	nodes := filepath.Join(w.dir, "nodes")
	require.NoError(t, os.Remove(nodes))
	require.NoError(t, os.WriteFile(nodes, nil, 0o600))
	w.pool(poolContent("pool", 1))
	n := w.allNodes("pool", azbatch.NodeStateUnusable)[0]
	require.Equal(t, "Unknown", *n.Errors[0].Code)
	require.Contains(t, *n.Errors[0].Message, "make the directories of node")
}
