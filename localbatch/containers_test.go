package localbatch_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch"
)

// engine is a stand-in for a container engine. See testdata/docker.
type engine string

func newEngine(t testing.TB) engine {
	t.Helper()
	dir := t.TempDir()
	program, err := os.ReadFile("testdata/docker/docker")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "docker"), program, 0o700)) //nolint:gosec // it is a program
	return engine(dir)
}

func (e engine) use(o *localbatch.Options) { o.Machine.Docker = filepath.Join(string(e), "docker") }

func (e engine) calls(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(string(e), "calls"))
	require.NoError(t, err)
	return string(text)
}

func (e engine) containers(t testing.TB) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(string(e), "container-*"))
	require.NoError(t, err)
	return found
}

func containerPool(id string) azbatch.CreatePoolContent {
	content := poolContent(id, 1)
	content.VirtualMachineConfiguration.ContainerConfiguration = &azbatch.ContainerConfiguration{
		Type: to.Ptr(azbatch.ContainerTypeDockerCompatible),
	}
	return content
}

func in(image string, adjust ...func(*azbatch.TaskContainerSettings)) func(*azbatch.CreateTaskContent) {
	settings := &azbatch.TaskContainerSettings{ImageName: &image}
	for _, f := range adjust {
		f(settings)
	}
	return func(c *azbatch.CreateTaskContent) { c.ContainerSettings = settings }
}

func TestContainerTasks(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	w := start(t, e.use)
	require.NoError(t, os.Chmod(filepath.Dir(w.dir), 0o755)) // as the directories above a data directory are
	content := containerPool("pool")
	content.UserAccounts = []azbatch.UserAccount{numbered("app", 54321, 54322)}
	w.pool(content)
	w.job("job", "pool")
	w.add("works", shell(`echo "$AZ_BATCH_TASK_ID $SECRET"; pwd; exit 0`), in("busybox:1", func(c *azbatch.TaskContainerSettings) {
		c.ContainerRunOptions = to.Ptr("--rm --hostname 'a host'")
	}), func(c *azbatch.CreateTaskContent) {
		c.EnvironmentSettings = []azbatch.EnvironmentSetting{{Name: to.Ptr("SECRET"), Value: to.Ptr("not for everybody")}}
	})
	task := w.completed("works")
	require.Equal(t, azbatch.TaskExecutionResultSuccess, *task.ExecutionInfo.Result, "%+v", task.ExecutionInfo.FailureInfo)
	dir := filepath.Join(w.dir, "nodes", *task.NodeInfo.NodeID, filepath.FromSlash(*task.NodeInfo.TaskRootDirectory))
	require.Equal(t, "works not for everybody\n"+dir+"/wd\n", w.file("works", "stdout.txt", nil))
	require.Equal(t, "exited", *task.ExecutionInfo.ContainerInfo.State)
	require.NotEmpty(t, *task.ExecutionInfo.ContainerInfo.ContainerID)
	calls := e.calls(t)
	require.Contains(t, calls, "pull --quiet busybox:1\n")
	require.Contains(t, calls, "--mount type=bind,source="+filepath.Join(w.dir, "nodes", *task.NodeInfo.NodeID)+",")
	require.NotContains(t, calls, "not for everybody")
	require.NotContains(t, calls, "--rm ")
	require.Empty(t, e.containers(t))

	w.add("fails", shell("exit 3"), in("busybox:1"))
	failed := w.completed("fails").ExecutionInfo
	require.Equal(t, int32(3), *failed.ExitCode)
	require.Equal(t, "FailureExitCode", *failed.FailureInfo.Code)
	require.Equal(t, 1, strings.Count(e.calls(t), "pull "), "an image that is there is not pulled")
	w.add("default", "", in("busybox:1"))
	require.Equal(t, azbatch.TaskExecutionResultSuccess, *w.completed("default").ExecutionInfo.Result)
	require.Equal(t, "the command of busybox:1\n", w.file("default", "stdout.txt", nil))
	w.add("mounts", "true", in("busybox:1", func(c *azbatch.TaskContainerSettings) {
		c.WorkingDirectory = to.Ptr(azbatch.ContainerWorkingDirectoryContainerImageDefault)
		c.ContainerHostBatchBindMounts = []azbatch.ContainerHostBindMountEntry{
			{Source: to.Ptr(azbatch.ContainerHostDataPathShared), IsReadOnly: to.Ptr(true)}, {Source: to.Ptr(azbatch.ContainerHostDataPathTask)},
		}
	}))
	w.completed("mounts")
	create := lineWith(e.calls(t), "localbatch.task="+strings.ReplaceAll(dir, "/works", "/mounts"))
	require.Contains(t, create, "shared,readonly ")
	require.NotContains(t, create, "--workdir")
	require.Equal(t, 2, strings.Count(create, "--mount"))

	w.add("app", "true", in("busybox:1"), as("app"))
	app := w.completed("app").ExecutionInfo
	if os.Geteuid() == 0 {
		require.Equal(t, azbatch.TaskExecutionResultSuccess, *app.Result, "%+v", app.FailureInfo)
		require.Contains(t, lineWith(e.calls(t), strings.ReplaceAll(dir, "/works", "/app")), "--user 54321:54322 ")
	} else {
		require.Equal(t, "CommandLaunchFailed", *app.FailureInfo.Code)
	}

	for id, want := range map[string]struct {
		code   string
		adjust func(*azbatch.CreateTaskContent)
	}{
		"no-image":    {"ContainerInvalidImage", in("missing:1")},
		"no-program":  {"ContainerInvalidSettings", in("busybox:1", func(*azbatch.TaskContainerSettings) {})},
		"bad-options": {"ContainerInvalidSettings", in("busybox:1", func(c *azbatch.TaskContainerSettings) { c.ContainerRunOptions = to.Ptr("--nonsense") })},
		"no-settings": {"ContainerTaskSettingsNotFound", func(*azbatch.CreateTaskContent) {}},
	} {
		command := "true"
		if id == "no-program" {
			command = "no-such-program-here"
		}
		w.add(id, command, want.adjust)
		info := w.completed(id).ExecutionInfo
		require.NotNil(t, info.FailureInfo, id)
		require.Equal(t, want.code, *info.FailureInfo.Code, id)
		require.Nil(t, info.ExitCode, id)
	}
	require.Empty(t, e.containers(t))

	require.NoError(t, os.WriteFile(filepath.Join(string(e), "no-engine"), nil, 0o600))
	w.add("no-engine", "true", in("busybox:1"))
	info := w.completed("no-engine").ExecutionInfo.FailureInfo
	require.Equal(t, "ContainerMiscError", *info.Code)
	require.Contains(t, *info.Details[0].Value, "Cannot connect to the Docker daemon")
}

func lineWith(text, part string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			return line
		}
	}
	return ""
}

func TestContainersNeedAPoolForThem(t *testing.T) {
	t.Parallel()
	w := ready(t, 1)
	w.add("one", "true", in("busybox:1"))
	info := w.completed("one").ExecutionInfo.FailureInfo
	require.Equal(t, "ContainerPoolNotSupported", *info.Code)
	require.Equal(t, azbatch.ErrorCategoryUserError, *info.Category)
	_, err := w.CreateTask(ctx, "job", taskContent("two", "true", in("")), nil)
	refused(t, err, http.StatusBadRequest, "MissingRequiredProperty")
	_, err = w.CreateTask(ctx, "job", taskContent("two", "true", in("--privileged")), nil)
	refused(t, err, http.StatusBadRequest, "InvalidPropertyValue")
	_, err = w.CreateTask(ctx, "job", taskContent("two", ""), nil)
	refused(t, err, http.StatusBadRequest, "MissingRequiredProperty")
}

// TestRegistryPasswords: they reach the registry, and nobody else.
func TestRegistryPasswords(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	w := start(t, e.use)
	registry := func(password string) *azbatch.ContainerRegistryReference {
		return &azbatch.ContainerRegistryReference{RegistryServer: to.Ptr("private"), Username: to.Ptr("someone"), Password: &password}
	}
	content := containerPool("pool")
	content.VirtualMachineConfiguration.ContainerConfiguration.ContainerRegistries = []azbatch.ContainerRegistryReference{*registry("the password")}
	w.pool(content)
	w.job("job", "pool")
	w.add("of-pool", "true", in("private/one:1"))
	require.Equal(t, azbatch.TaskExecutionResultSuccess, *w.completed("of-pool").ExecutionInfo.Result)
	w.add("of-task", "true", in("private/two:1", func(c *azbatch.TaskContainerSettings) { c.Registry = registry("the password") }))
	require.Equal(t, azbatch.TaskExecutionResultSuccess, *w.completed("of-task").ExecutionInfo.Result)
	w.add("wrong", "true", in("private/three:1", func(c *azbatch.TaskContainerSettings) { c.Registry = registry("a wrong one") }))
	require.Equal(t, "ContainerInvalidRegistry", *w.completed("wrong").ExecutionInfo.FailureInfo.Code)
	require.Contains(t, e.calls(t), "login --username someone --password-stdin private\n")
	require.NotContains(t, e.calls(t), "the password")
	for _, path := range []string{"/pools", "/pools/pool", "/jobs/job/tasks", "/jobs/job/tasks/of-task"} {
		answer := w.send(rawRequest{method: http.MethodGet, path: path})
		shown, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.Contains(t, string(shown), `"username":"someone"`, path)
		require.NotContains(t, string(shown), `"password":`, path)
		require.NotContains(t, string(shown), "the password", path)
	}
	left, err := os.ReadDir(filepath.Join(w.dir, "trash"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestContainersEndWithTheirTasks(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	v := &victim{t: t, dir: t.TempDir(), environment: []string{"LOCALBATCH_TEST_DOCKER=" + filepath.Join(string(e), "docker")}}
	w := v.start()
	w.pool(containerPool("pool"))
	w.job("job", "pool")
	sleeping := func(id string, adjust ...func(*azbatch.CreateTaskContent)) int {
		w.add(id, shell(`echo $$ > "$AZ_BATCH_NODE_ROOT_DIR/../pid"; exec sleep 1000`), append(adjust, in("busybox:1"))...)
		pid := w.pidFrom("pid")
		require.NoError(t, os.Remove(filepath.Join(w.dir, "nodes", "pid")))
		return pid
	}
	pid := sleeping("terminated")
	_, err := w.TerminateTask(ctx, "job", "terminated", nil)
	require.NoError(t, err)
	require.Equal(t, "TaskEnded", *w.completed("terminated").ExecutionInfo.FailureInfo.Code)
	requireDead(t, pid)
	pid = sleeping("limited", func(c *azbatch.CreateTaskContent) {
		c.Constraints = &azbatch.TaskConstraints{MaxWallClockTime: to.Ptr("PT1S")}
	})
	require.Equal(t, "TaskEnded", *w.completed("limited").ExecutionInfo.FailureInfo.Code)
	requireDead(t, pid)
	require.Empty(t, e.containers(t))

	pid = sleeping("orphan")
	v.kill()
	w = v.start()
	defer v.kill()
	requireDead(t, pid)
	w.until("orphan", azbatch.TaskStateRunning)
	eventually(t, "there is the new container alone", func() bool { return len(e.containers(t)) == 1 })
	_, err = w.TerminateTask(ctx, "job", "orphan", nil)
	require.NoError(t, err)
	w.completed("orphan")
	require.Empty(t, e.containers(t))
}
