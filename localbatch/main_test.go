package localbatch_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/localbatch"
)

const account = "local"

var accountKey = base64.StdEncoding.EncodeToString([]byte("the key of an account that only tests know of"))

// serviceVariable makes this binary a Batch service on the data directory it
// names, for tests that kill one.
const serviceVariable = "LOCALBATCH_TEST_DATA"

func TestMain(m *testing.M) {
	if dir := os.Getenv(serviceVariable); dir != "" {
		fmt.Fprintln(os.Stderr, serve(dir, os.Getenv("LOCALBATCH_TEST_ADDRESS")))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func serve(dir, address string) error {
	opts := options(dir)
	opts.Machine.Docker = os.Getenv("LOCALBATCH_TEST_DOCKER")
	opts.Machine.WaiveElevation = os.Getenv("LOCALBATCH_TEST_WAIVE") != ""
	service, err := localbatch.New(opts)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return errors.Join(err, service.Close())
	}
	fmt.Println(listener.Addr())
	return service.Serve(context.Background(), listener)
}

func options(dir string) localbatch.Options {
	return localbatch.Options{
		DataDir: dir, AccountName: account, AccountKey: accountKey,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
}

// world is a service that listens, and an official client of it.
type world struct {
	*azbatch.Client
	t       testing.TB
	dir     string
	url     string
	service *localbatch.Service
}

func start(t testing.TB, adjust ...func(*localbatch.Options)) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	w.open(adjust...)
	t.Cleanup(func() { w.close() })
	return w
}

func (w *world) open(adjust ...func(*localbatch.Options)) {
	w.t.Helper()
	opts := options(w.dir)
	for _, f := range adjust {
		f(&opts)
	}
	service, err := localbatch.New(opts)
	require.NoError(w.t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(w.t, err)
	w.service, w.url = service, "http://"+listener.Addr().String()
	go func() {
		if err := service.Serve(context.Background(), listener); err != nil {
			w.t.Error(err)
		}
	}()
	w.Client = connect(w.t, w.url)
}

func (w *world) close() {
	if w.service != nil {
		require.NoError(w.t, w.service.Close())
		w.service = nil
	}
}

func connect(t testing.TB, url string) *azbatch.Client {
	t.Helper()
	client, err := azure.NewBatch(azure.Config{BatchEndpoint: url, BatchAccountName: account, BatchAccountKey: accountKey})
	require.NoError(t, err)
	return client
}

var ctx = context.Background()

// eventually polls until check holds.
func eventually(t testing.TB, what string, check func() bool) {
	t.Helper()
	require.Eventually(t, check, 20*time.Second, 5*time.Millisecond, what)
}

func poolContent(id string, nodes int32) azbatch.CreatePoolContent {
	return azbatch.CreatePoolContent{
		ID: &id, VMSize: to.Ptr("Standard_A1_v2"), TargetDedicatedNodes: &nodes,
		VirtualMachineConfiguration: &azbatch.VirtualMachineConfiguration{
			ImageReference: &azbatch.ImageReference{
				Publisher: to.Ptr("canonical"), Offer: to.Ptr("ubuntu-24_04-lts"), SKU: to.Ptr("server"),
			},
			NodeAgentSKUID: to.Ptr("batch.node.ubuntu 24.04"),
		},
	}
}

// pool creates a pool and waits until it is steady.
func (w *world) pool(content azbatch.CreatePoolContent) {
	w.t.Helper()
	_, err := w.CreatePool(ctx, content, nil)
	require.NoError(w.t, err)
	w.steady(*content.ID)
}

func (w *world) steady(id string) {
	w.t.Helper()
	eventually(w.t, "the pool is steady", func() bool {
		p, err := w.GetPool(ctx, id, nil)
		require.NoError(w.t, err)
		return *p.AllocationState == azbatch.AllocationStateSteady
	})
}

// job creates a job on a pool.
func (w *world) job(id, pool string, adjust ...func(*azbatch.CreateJobContent)) {
	w.t.Helper()
	content := azbatch.CreateJobContent{ID: &id, PoolInfo: &azbatch.PoolInfo{PoolID: &pool}}
	for _, f := range adjust {
		f(&content)
	}
	_, err := w.CreateJob(ctx, content, nil)
	require.NoError(w.t, err)
}

// ready makes a pool of nodes and a job on it.
func ready(t testing.TB, nodes int32) *world {
	t.Helper()
	w := start(t)
	w.pool(poolContent("pool", nodes))
	w.job("job", "pool")
	return w
}

func taskContent(id, command string, adjust ...func(*azbatch.CreateTaskContent)) azbatch.CreateTaskContent {
	content := azbatch.CreateTaskContent{ID: &id, CommandLine: &command}
	for _, f := range adjust {
		f(&content)
	}
	return content
}

func (w *world) add(id, command string, adjust ...func(*azbatch.CreateTaskContent)) {
	w.t.Helper()
	_, err := w.CreateTask(ctx, "job", taskContent(id, command, adjust...), nil)
	require.NoError(w.t, err)
}

func (w *world) task(id string) azbatch.Task {
	w.t.Helper()
	task, err := w.GetTask(ctx, "job", id, nil)
	require.NoError(w.t, err)
	return task.Task
}

// until polls a task until it is in a state.
func (w *world) until(id string, state azbatch.TaskState) azbatch.Task {
	w.t.Helper()
	var task azbatch.Task
	eventually(w.t, fmt.Sprintf("task %s is %s", id, state), func() bool {
		task = w.task(id)
		return *task.State == state
	})
	return task
}

func (w *world) completed(id string) azbatch.Task {
	w.t.Helper()
	return w.until(id, azbatch.TaskStateCompleted)
}

func (w *world) jobState(id string, want azbatch.JobState) azbatch.Job {
	w.t.Helper()
	var job azbatch.Job
	eventually(w.t, fmt.Sprintf("job %s is %s", id, want), func() bool {
		answer, err := w.GetJob(ctx, id, nil)
		require.NoError(w.t, err)
		job = answer.Job
		return *job.State == want
	})
	return job
}

func (w *world) file(task, name string, opts *azbatch.GetTaskFileOptions) string {
	w.t.Helper()
	answer, err := w.GetTaskFile(ctx, "job", task, name, opts)
	require.NoError(w.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(w.t, err)
	return string(text)
}

// refused requires an error of the service with this status and code.
func refused(t testing.TB, err error, status int, code string) string {
	t.Helper()
	var answer *azcore.ResponseError
	require.ErrorAs(t, err, &answer)
	require.Equal(t, fmt.Sprint(status, " ", code), fmt.Sprint(answer.StatusCode, " ", answer.ErrorCode))
	return answer.Error()
}

func shell(script string) string {
	return "/bin/sh -c '" + strings.ReplaceAll(script, "'", `'\''`) + "'"
}

func get[T any](t testing.TB, more func() bool, next func(context.Context) (T, error)) []T {
	t.Helper()
	var pages []T
	for more() {
		page, err := next(ctx)
		require.NoError(t, err)
		pages = append(pages, page)
	}
	return pages
}
