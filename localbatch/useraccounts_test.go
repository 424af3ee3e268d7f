package localbatch_test

import (
	"io"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
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
		"uid only":    func(c *azbatch.CreatePoolContent) { c.UserAccounts[0].LinuxUserConfiguration.UID = to.Ptr[int32](7) },
		"negative":    func(c *azbatch.CreatePoolContent) { c.UserAccounts[0] = numbered("app", -1, 7) },
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

func numbered(name string, uid, gid int32) azbatch.UserAccount {
	account := accounts(name)[0]
	account.LinuxUserConfiguration.UID, account.LinuxUserConfiguration.GID = &uid, &gid
	return account
}

// TestTasksRunAsNumberedAccounts: nobody on this machine has the account's
// name or its numbers.
func TestTasksRunAsNumberedAccounts(t *testing.T) {
	t.Parallel()
	w := start(t)
	require.NoError(t, os.Chmod(filepath.Dir(w.dir), 0o755)) // as the directories above a data directory are
	content := poolContent("pool", 1)
	content.UserAccounts = []azbatch.UserAccount{
		numbered("app", 54321, 54322), numbered("me", int32(os.Geteuid()), int32(os.Getegid())),
	}
	content.StartTask = startTask("true")
	if os.Geteuid() == 0 {
		content.StartTask = startTask(shell(`id -u > "$AZ_BATCH_NODE_SHARED_DIR/of-start-task"`))
		content.StartTask.UserIdentity = &azbatch.UserIdentity{Username: to.Ptr("app")}
	}
	w.pool(content)
	w.job("job", "pool")
	w.add("me", "id -u", as("me"))
	require.Equal(t, azbatch.TaskExecutionResultSuccess, *w.completed("me").ExecutionInfo.Result)
	require.Equal(t, strconv.Itoa(os.Geteuid())+"\n", w.file("me", "stdout.txt", nil))

	w.add("app", shell(`id -u; id -g; id -G; echo $USER; touch made; stat -c %u:%g made . ..; cat "$AZ_BATCH_NODE_SHARED_DIR/of-start-task"
		echo mine >> "$AZ_BATCH_NODE_SHARED_DIR/of-start-task"`), as("app"))
	info := w.completed("app").ExecutionInfo
	if os.Geteuid() != 0 {
		require.Equal(t, "CommandLaunchFailed", *info.FailureInfo.Code)
		return
	}
	require.Equal(t, azbatch.TaskExecutionResultSuccess, *info.Result, "%+v", info.FailureInfo)
	require.Equal(t, "54321\n54322\n54322\napp\n"+strings.Repeat("54321:54322\n", 3)+"54321\n", w.file("app", "stdout.txt", nil))
}
