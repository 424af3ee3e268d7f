package localbatch_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch"
)

func TestStateSurvivesReopening(t *testing.T) {
	t.Parallel()
	w := start(t)
	content := poolContent("pool", 2)
	content.StartTask = startTask(shell("echo boot >> $AZ_BATCH_NODE_SHARED_DIR/boots"))
	w.pool(content)
	w.job("job", "pool")
	w.add("done", shell("echo kept"))
	w.completed("done")
	w.add("going", shell(`echo $$ > "$AZ_BATCH_NODE_ROOT_DIR/../pid"; exec sleep 1000`))
	w.until("going", azbatch.TaskStateRunning)
	pid := w.pidFrom("pid")
	before := w.nodes("pool")

	w.close()
	requireDead(t, pid)
	w.open()
	require.Len(t, w.nodes("pool"), len(before))
	task := w.until("going", azbatch.TaskStateRunning)
	require.Equal(t, int32(1), *task.ExecutionInfo.RequeueCount)
	require.Zero(t, *task.ExecutionInfo.RetryCount)
	require.Equal(t, "kept\n", w.file("done", "stdout.txt", nil))
	require.Equal(t, "boot\nboot\n", w.nodeFile("pool", *before[0].ID, "shared/boots"))

	_, err := w.TerminateJob(ctx, "job", nil)
	require.NoError(t, err)
	w.jobState("job", azbatch.JobStateCompleted)
	w.close()
	w.open()
	require.Equal(t, "UserTerminate", *w.jobState("job", azbatch.JobStateCompleted).ExecutionInfo.TerminationReason)
	counts := w.counts("job")
	require.Equal(t, [4]int32{0, 0, 1, 1}, [4]int32{*counts.Active, *counts.Running, *counts.Succeeded, *counts.Failed})
}

func (w *world) pidFrom(name string) int {
	w.t.Helper()
	return pidFrom(w.t, filepath.Join(w.dir, "nodes", name))
}

// pidFrom waits until a process has written its id to a file.
func pidFrom(t testing.TB, file string) int {
	t.Helper()
	pid := 0
	eventually(t, "the process has written its id", func() bool {
		text, _ := os.ReadFile(file)
		pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		return pid > 0
	})
	return pid
}

func requireDead(t *testing.T, pid int) {
	t.Helper()
	eventually(t, "the process is gone", func() bool {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return syscall.Kill(pid, 0) != nil || err == nil && strings.Contains(string(state), ") Z ")
	})
}

// victim is a service in a process of its own, to be killed.
type victim struct {
	t           *testing.T
	dir         string
	program     string              // default: this binary
	credential  *syscall.Credential // default: whoever tests
	environment []string            // beside this process's own
	command     *exec.Cmd
}

func (v *victim) start() *world {
	v.t.Helper()
	if v.program == "" {
		v.program = os.Args[0]
	}
	v.command = exec.Command(v.program)
	v.command.SysProcAttr = &syscall.SysProcAttr{Credential: v.credential}
	v.command.Env = append(os.Environ(), serviceVariable+"="+v.dir, "LOCALBATCH_TEST_ADDRESS=127.0.0.1:0")
	v.command.Env = append(v.command.Env, v.environment...)
	v.command.Stderr = os.Stderr
	out, err := v.command.StdoutPipe()
	require.NoError(v.t, err)
	require.NoError(v.t, v.command.Start())
	address, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(v.t, err)
	url := "http://" + strings.TrimSpace(address)
	return &world{t: v.t, dir: v.dir, url: url, Client: connect(v.t, url)}
}

func (v *victim) kill() {
	v.t.Helper()
	require.NoError(v.t, v.command.Process.Kill())
	_ = v.command.Wait() // it was killed, which is its error
}

// TestKilledService kills a service at whatever it is doing, several times,
// and holds it to what it had acknowledged.
func TestKilledService(t *testing.T) {
	t.Parallel()
	v := &victim{t: t, dir: t.TempDir()}
	w := v.start()
	content := poolContent("pool", 2)
	content.StartTask = startTask("true")
	w.pool(content)
	w.job("job", "pool")
	w.add("orphan", shell(`echo $$ > "$AZ_BATCH_NODE_ROOT_DIR/../pid"; sleep 1000`))
	pid := w.pidFrom("pid")
	acknowledged := 0
	for range 4 {
		var batch []azbatch.CreateTaskContent
		for i := range 20 {
			batch = append(batch, taskContent(fmt.Sprintf("task-%08d", acknowledged+i), shell("echo run >> $AZ_BATCH_NODE_ROOT_DIR/../$AZ_BATCH_TASK_ID")))
		}
		_, err := w.CreateTaskCollection(ctx, "job", azbatch.TaskGroup{Value: batch}, nil)
		require.NoError(t, err)
		acknowledged += len(batch)
		v.kill()
		w = v.start()
		requireDead(t, pid) // before anything else runs, and each time another one
	}
	defer v.kill()
	_, err := w.TerminateTask(ctx, "job", "orphan", nil)
	require.NoError(t, err)
	eventually(t, "every acknowledged task is completed", func() bool {
		return *w.counts("job").Completed == int32(acknowledged)+1
	})
	require.Equal(t, int32(acknowledged), *w.counts("job").Succeeded)
	pager := w.NewListTasksPager("job", &azbatch.ListTasksOptions{Filter: to.Ptr("startswith(id,'task-')")})
	for _, page := range get(t, pager.More, pager.NextPage) {
		for _, task := range page.Value {
			runs, err := os.ReadFile(filepath.Join(w.dir, "nodes", *task.ID))
			require.NoError(t, err)
			require.LessOrEqual(t, strings.Count(string(runs), "run"), 1+int(*task.ExecutionInfo.RequeueCount), *task.ID)
		}
	}
}

func TestDeletionsSurviveReopening(t *testing.T) {
	t.Parallel()
	w := ready(t, 1)
	w.add("one", "sleep 1000")
	w.until("one", azbatch.TaskStateRunning)
	_, err := w.DeleteJob(ctx, "job", nil)
	require.NoError(t, err)
	_, err = w.DeletePool(ctx, "pool", nil)
	require.NoError(t, err)
	w.close()
	w.open()
	eventually(t, "job and pool are gone", func() bool {
		_, err := w.GetJob(ctx, "job", nil)
		return err != nil && !w.exists("pool")
	})
}

func TestDataDirectoryHasOneService(t *testing.T) {
	t.Parallel()
	w := start(t)
	_, err := localbatch.New(options(w.dir))
	require.ErrorContains(t, err, "another Batch service is using it")
}

func TestAccountKeyIsKept(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")
	first, err := localbatch.LoadOrCreateKey(dir)
	require.NoError(t, err)
	again, err := localbatch.LoadOrCreateKey(dir)
	require.NoError(t, err)
	require.Equal(t, first, again)
	info, err := os.Stat(filepath.Join(dir, "account.key"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.NoError(t, os.Chmod(filepath.Join(dir, "account.key"), 0o644))
	_, err = localbatch.LoadOrCreateKey(dir)
	require.NoError(t, err)
	info, err = os.Stat(filepath.Join(dir, "account.key"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "a key that lay open is taken from other users")
	other, err := localbatch.LoadOrCreateKey(t.TempDir())
	require.NoError(t, err)
	require.NotEqual(t, first, other)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "account.key"), []byte("*"), 0o600))
	_, err = localbatch.LoadOrCreateKey(dir)
	require.ErrorContains(t, err, "remove the file")
	bad := options(t.TempDir())
	bad.AccountKey = "secret*"
	_, err = localbatch.New(bad)
	require.ErrorContains(t, err, "not base64")
	require.NotContains(t, err.Error(), "secret*")
}
