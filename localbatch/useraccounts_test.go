package localbatch_test

import (
	"io"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
)

// nobody is a user of every machine, who is not the one that tests.
const nobody = "nobody"

func accounts(names ...string) []azbatch.UserAccount {
	var list []azbatch.UserAccount
	for _, name := range names {
		list = append(list, azbatch.UserAccount{
			Name: &name, Password: to.Ptr("a password that is kept nowhere"),
			LinuxUserConfiguration: &azbatch.LinuxUserConfiguration{SSHPrivateKey: to.Ptr("a key that is kept nowhere")},
		})
	}
	return list
}

func as(name string) func(*azbatch.CreateTaskContent) {
	return func(c *azbatch.CreateTaskContent) { c.UserIdentity = &azbatch.UserIdentity{Username: &name} }
}

func TestTasksRunAsUserAccounts(t *testing.T) {
	t.Parallel()
	me, err := user.Current()
	require.NoError(t, err)
	w := start(t)
	require.NoError(t, os.Chmod(filepath.Dir(w.dir), 0o755)) // as the directories above a data directory are
	content := poolContent("pool", 1)
	content.UserAccounts = accounts(nobody, me.Username, "no-such-user-here")
	w.pool(content)
	w.job("job", "pool")

	w.add("other", shell("id -un; echo $USER; touch made; ls -l made | awk '{print $3}'"), as(nobody))
	other := w.completed("other").ExecutionInfo
	if os.Geteuid() == 0 {
		require.Equal(t, azbatch.TaskExecutionResultSuccess, *other.Result, "%+v", other.FailureInfo)
		require.Equal(t, strings.Repeat(nobody+"\n", 3), w.file("other", "stdout.txt", nil))
	} else {
		require.Equal(t, "CommandLaunchFailed", *other.FailureInfo.Code)
		require.Contains(t, w.file("other", "stderr.txt", nil), "only a Batch service that runs as root")
	}
	w.add("me", "id -un", as(me.Username))
	require.Equal(t, azbatch.TaskExecutionResultSuccess, *w.completed("me").ExecutionInfo.Result)
	require.Equal(t, me.Username+"\n", w.file("me", "stdout.txt", nil))
	w.add("missing", "true", as("no-such-user-here"))
	missing := w.completed("missing").ExecutionInfo
	require.Equal(t, "CommandLaunchFailed", *missing.FailureInfo.Code)
	require.Contains(t, *missing.FailureInfo.Details[0].Value, "none of the machine")
	require.Nil(t, missing.ExitCode)

	_, err = w.CreateTask(ctx, "job", taskContent("stranger", "true", as("somebody")), nil)
	require.Contains(t, refused(t, err, http.StatusBadRequest, "InvalidPropertyValue"), "no user account of this name")
	_, err = w.CreateTask(ctx, "job", taskContent("both", "true", as(nobody), func(c *azbatch.CreateTaskContent) {
		c.UserIdentity.AutoUser = &azbatch.AutoUserSpecification{}
	}), nil)
	refused(t, err, http.StatusBadRequest, "InvalidPropertyValue")

	_, err = w.UpdatePool(ctx, "pool", azbatch.UpdatePoolContent{UserAccounts: []azbatch.UserAccount{}}, nil)
	require.NoError(t, err)
	_, err = w.ReactivateTask(ctx, "job", "missing", nil)
	require.NoError(t, err)
	require.Contains(t, *w.completed("missing").ExecutionInfo.FailureInfo.Details[0].Value, "The pool has no user account")
}

func TestUserAccountsOfPools(t *testing.T) {
	t.Parallel()
	w := start(t)
	content := poolContent("pool", 0)
	content.UserAccounts = accounts(nobody)
	w.pool(content)
	pool, err := w.GetPool(ctx, "pool", nil)
	require.NoError(t, err)
	require.Equal(t, nobody, *pool.UserAccounts[0].Name)
	require.Equal(t, azbatch.ElevationLevelNonAdmin, *pool.UserAccounts[0].ElevationLevel)
	require.Nil(t, pool.UserAccounts[0].Password)
	answer := w.send(rawRequest{method: http.MethodGet, path: "/pools/pool"})
	shown, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NotContains(t, string(shown), "kept nowhere")
	w.close()
	for _, name := range []string{"batch.db", "batch.db-wal"} {
		stored, err := os.ReadFile(filepath.Join(w.dir, name))
		if os.IsNotExist(err) {
			continue
		}
		require.NoError(t, err)
		require.NotContains(t, string(stored), "kept nowhere")
	}
	w.open()

	for name, wrong := range map[string]func(*azbatch.CreatePoolContent){
		"no name":     func(c *azbatch.CreatePoolContent) { c.UserAccounts[0].Name = nil },
		"no password": func(c *azbatch.CreatePoolContent) { c.UserAccounts[0].Password = nil },
		"long name":   func(c *azbatch.CreatePoolContent) { c.UserAccounts[0].Name = to.Ptr(strings.Repeat("ü", 21)) },
		"twice":       func(c *azbatch.CreatePoolContent) { c.UserAccounts = accounts(nobody, "Nobody") },
		"gid only":    func(c *azbatch.CreatePoolContent) { c.UserAccounts[0].LinuxUserConfiguration.GID = to.Ptr[int32](7) },
		"start task's account": func(c *azbatch.CreatePoolContent) {
			c.StartTask = startTask("true")
			c.StartTask.UserIdentity = &azbatch.UserIdentity{Username: to.Ptr("somebody")}
		},
	} {
		content := poolContent("wrong", 0)
		content.UserAccounts = accounts(nobody)
		wrong(&content)
		_, err := w.CreatePool(ctx, content, nil)
		require.ErrorContains(t, err, "400 Bad Request", name)
	}
}

// TestElevationWithoutRoot runs a service without rights: an elevated start
// task that needs none succeeds, and everybody can see that it had none.
func TestElevationWithoutRoot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := &victim{t: t, dir: dir}
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
	elevated := &azbatch.UserIdentity{AutoUser: &azbatch.AutoUserSpecification{ElevationLevel: to.Ptr(azbatch.ElevationLevelAdmin)}}
	content := poolContent("works", 1)
	content.StartTask = startTask("true")
	content.StartTask.UserIdentity = elevated
	w.pool(content)
	n := w.allNodes("works", azbatch.NodeStateIdle)[0]
	require.Equal(t, "ElevationNotAvailable", *n.Errors[0].Code)
	require.Contains(t, w.nodeFile("works", *n.ID, "startup/stderr.txt"), "runs without them")

	content = poolContent("fails", 1)
	content.StartTask = startTask("false")
	content.StartTask.UserIdentity = elevated
	w.pool(content)
	n = w.allNodes("fails", azbatch.NodeStateStartTaskFailed)[0]
	details := n.StartTaskInfo.FailureInfo.Details
	require.Equal(t, "Elevation", *details[len(details)-1].Name)

	content = poolContent("named", 1)
	content.UserAccounts = accounts("root")
	content.StartTask = startTask("true")
	content.StartTask.UserIdentity = &azbatch.UserIdentity{Username: to.Ptr("root")}
	w.pool(content)
	n = w.allNodes("named", azbatch.NodeStateStartTaskFailed)[0]
	require.Equal(t, "CommandLaunchFailed", *n.StartTaskInfo.FailureInfo.Code)
	require.Contains(t, w.nodeFile("named", *n.ID, "startup/stderr.txt"), "only a Batch service that runs as root")
}

func credentialOf(t *testing.T, u *user.User) *syscall.Credential {
	t.Helper()
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	require.NoError(t, err)
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	require.NoError(t, err)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
