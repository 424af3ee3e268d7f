package localbatch_test

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
)

// withoutRoot is a service that does not run as root, whoever runs the test.
func withoutRoot(t *testing.T, environment ...string) *world {
	t.Helper()
	dir := t.TempDir()
	v := &victim{t: t, dir: dir, environment: environment}
	if os.Geteuid() == 0 {
		u, err := user.Lookup(nobody)
		require.NoError(t, err)
		v.credential = credentialOf(t, u)
		require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
		require.NoError(t, os.Chown(dir, int(v.credential.Uid), int(v.credential.Gid)))
		v.program = filepath.Join(dir, "service")
		program, err := os.ReadFile(os.Args[0])
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(v.program, program, 0o755)) //nolint:gosec // it is to be run by another user
	}
	w := v.start()
	t.Cleanup(v.kill)
	return w
}

func elevated() *azbatch.UserIdentity {
	return &azbatch.UserIdentity{AutoUser: &azbatch.AutoUserSpecification{ElevationLevel: to.Ptr(azbatch.ElevationLevelAdmin)}}
}

// startsAs is the one node of a new pool whose start task runs under an
// identity, once it is in a state.
func (w *world) startsAs(pool, command string, identity *azbatch.UserIdentity, state azbatch.NodeState) azbatch.Node {
	w.t.Helper()
	content := poolContent(pool, 1)
	content.UserAccounts = accounts("root")
	content.StartTask = startTask(command)
	content.StartTask.UserIdentity = identity
	w.pool(content)
	return w.allNodes(pool, state)[0]
}

func TestElevationWithoutRoot(t *testing.T) {
	t.Parallel()
	w := withoutRoot(t)
	n := w.startsAs("elevated", "/bin/sh -c 'touch $AZ_BATCH_NODE_SHARED_DIR/ran'", elevated(), azbatch.NodeStateStartTaskFailed)
	failure := n.StartTaskInfo.FailureInfo
	require.Equal(t, "CommandLaunchFailed", *failure.Code)
	require.Equal(t, azbatch.ErrorCategoryUserError, *failure.Category)
	require.Nil(t, n.StartTaskInfo.ExitCode)
	require.Contains(t, *failure.Details[0].Value, "--waive-elevation")
	require.Contains(t, w.nodeFile("elevated", *n.ID, "startup/stderr.txt"), "administrator rights")
	require.NoFileExists(t, filepath.Join(w.dir, "nodes", *n.ID, "shared", "ran"))

	n = w.startsAs("named", "true", &azbatch.UserIdentity{Username: to.Ptr("root")}, azbatch.NodeStateStartTaskFailed)
	require.Equal(t, "CommandLaunchFailed", *n.StartTaskInfo.FailureInfo.Code)
	require.Contains(t, w.nodeFile("named", *n.ID, "startup/stderr.txt"), "only a Batch service that runs as root")

	content := poolContent("pool", 1)
	content.UserAccounts = []azbatch.UserAccount{numbered("app", 54321, 54322)}
	w.pool(content)
	w.job("job", "pool")
	for id, identity := range map[string]*azbatch.UserIdentity{"admin": elevated(), "app": {Username: to.Ptr("app")}} {
		w.add(id, "true", func(c *azbatch.CreateTaskContent) { c.UserIdentity = identity })
		info := w.completed(id).ExecutionInfo
		require.Equal(t, "CommandLaunchFailed", *info.FailureInfo.Code, id)
		require.Nil(t, info.ExitCode, id)
		require.NotEmpty(t, w.file(id, "stderr.txt", nil), id)
	}
	require.Contains(t, w.file("app", "stderr.txt", nil), "app (uid 54321, gid 54322)")
}

// TestElevationIsWaived: an elevated task runs without root if the service was
// told so, and everybody can see that it had none.
func TestElevationIsWaived(t *testing.T) {
	t.Parallel()
	w := withoutRoot(t, "LOCALBATCH_TEST_WAIVE=yes")
	n := w.startsAs("works", "true", elevated(), azbatch.NodeStateIdle)
	require.Equal(t, "ElevationNotAvailable", *n.Errors[0].Code)
	require.Contains(t, w.nodeFile("works", *n.ID, "startup/stderr.txt"), "without them")

	n = w.startsAs("fails", "false", elevated(), azbatch.NodeStateStartTaskFailed)
	details := n.StartTaskInfo.FailureInfo.Details
	require.Equal(t, "Elevation", *details[len(details)-1].Name)

	w.job("job", "works")
	w.add("one", "true", func(c *azbatch.CreateTaskContent) { c.UserIdentity = elevated() })
	require.Equal(t, azbatch.TaskExecutionResultSuccess, *w.completed("one").ExecutionInfo.Result)
	require.Contains(t, w.file("one", "stderr.txt", nil), "without them")

	n = w.startsAs("named", "true", &azbatch.UserIdentity{Username: to.Ptr("root")}, azbatch.NodeStateStartTaskFailed)
	require.Equal(t, "CommandLaunchFailed", *n.StartTaskInfo.FailureInfo.Code, "who a task runs as is not waived")
}

func credentialOf(t *testing.T, u *user.User) *syscall.Credential {
	t.Helper()
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	require.NoError(t, err)
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	require.NoError(t, err)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
