package activities

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/localbatch"
	"github.com/durabatch/durabatch/transfer"
	"github.com/durabatch/durabatch/transfer/azuritetest"
	"github.com/durabatch/durabatch/workload"
)

var azurite *azuritetest.Server

func TestMain(m *testing.M) {
	code := azuritetest.Main(m, &azurite)
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// world is a Batch service and a storage account, activities that reach them,
// and the names of one run.
type world struct {
	*Activities
	t     *testing.T
	batch *localbatch.Service
	calls *calls // that the Batch service got
	dir   string // of the inputs
	owner Owner
	id    string // of pool and job
	task  workload.Task
}

func newWorld(t *testing.T, adjust ...func(*localbatch.Options)) *world {
	t.Helper()
	return newWorldOn(t, azurite.ConnectionString(), adjust...)
}

func newWorldOn(t *testing.T, storageAccount string, adjust ...func(*localbatch.Options)) *world {
	t.Helper()
	w := &world{t: t, calls: &calls{}, dir: t.TempDir(), owner: newOwner(), task: workload.Task{Command: "cp {{input}} {{output}}", Output: "{{stem}}.out"}}
	w.id = workload.ResourceName(w.owner.WorkflowID, w.owner.RunID)
	cfg := azure.Config{
		BatchAccountName: "local", BatchAccountKey: base64.StdEncoding.EncodeToString([]byte("known to this test alone")),
		StorageConnectionString: storageAccount,
	}
	w.batch, cfg.BatchEndpoint = serveBatch(t, cfg, w.calls, adjust...)
	batch, err := azure.NewBatch(cfg)
	require.NoError(t, err)
	storage, err := azure.NewStorage(cfg)
	require.NoError(t, err)
	w.Activities = &Activities{Batch: batch, Storage: storage, Transfers: transfer.NewBudget(transfer.Limits{}), SlowestPoll: 500 * time.Millisecond}
	return w
}

func newOwner() Owner {
	return Owner{WorkflowID: "run of a test", RunID: uuid.NewString(), Namespace: "default"}
}

func serveBatch(t *testing.T, cfg azure.Config, calls *calls, adjust ...func(*localbatch.Options)) (*localbatch.Service, string) {
	t.Helper()
	options := localbatch.Options{DataDir: t.TempDir(), AccountName: cfg.BatchAccountName, AccountKey: cfg.BatchAccountKey}
	for _, f := range adjust {
		f(&options)
	}
	service, err := localbatch.New(options)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: calls.record(service.Handler())}}
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		require.NoError(t, service.Close())
	})
	return service, server.URL
}

// calls are the requests that change something, as "METHOD /path", and what
// they said.
type calls struct {
	mu     sync.Mutex
	made   []string
	bodies []string
	before func(call string) // it is passed on
}

// meanwhile has something happen before each call that follows is passed on.
func (c *calls) meanwhile(f func(call string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.before = f
}

func (c *calls) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			c.mu.Lock()
			call, before := r.Method+" "+r.URL.Path, c.before
			c.made, c.bodies = append(c.made, call), append(c.bodies, string(body))
			c.mu.Unlock()
			if before != nil {
				before(call)
			}
		}
		next.ServeHTTP(w, r)
	})
}

// said is all that was sent with the calls.
func (c *calls) said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.bodies, "\n")
}

// to are the recorded calls whose path ends so.
func (c *calls) to(suffix string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.made), func(call string) bool { return !strings.HasSuffix(call, suffix) })
}

func (w *world) in() string  { return w.id + "-in" }
func (w *world) out() string { return w.id + "-out" }

// write makes input files that hold their own names.
func (w *world) write(names ...string) {
	w.t.Helper()
	for _, name := range names {
		path := filepath.Join(w.dir, name)
		require.NoError(w.t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(w.t, os.WriteFile(path, []byte(name), 0o600))
	}
}

// The inputs of the activities, for the run of this world.

func (w *world) access() Access { return Access{Until: time.Now().Add(time.Hour)} }

func (w *world) scanInput() ScanInput {
	return ScanInput{Owner: w.owner, Inputs: workload.Inputs{Dir: w.dir, Match: []string{"*"}}, Task: w.task,
		InputContainer: w.in(), OutputContainer: w.out(), Access: w.access()}
}

func (w *world) uploadInput(scanned ScanResult) UploadInput {
	return UploadInput{Directory: w.dir, InputContainer: w.in(), OutputContainer: w.out(), Files: scanned.Files, Parts: scanned.Parts}
}

func (w *world) poolInput(nodes int32) CreatePoolInput {
	return CreatePoolInput{Owner: w.owner, ID: w.id, Slots: 1, Access: w.access(), Pool: workload.Pool{
		VMSize: "Standard_A1_v2", DedicatedNodes: nodes, TaskSlots: 4, NodeAgentSKU: "batch.node.ubuntu 24.04",
		Image: workload.Image{Publisher: "canonical", Offer: "ubuntu-24_04-lts", SKU: "server", Version: "latest"},
	}}
}

func (w *world) jobInput() CreateJobInput {
	return CreateJobInput{Owner: w.owner, ID: w.id, Pool: w.id, Job: workload.Job{Timeout: workload.Duration(time.Hour)}}
}

func (w *world) submitInput(files int64) SubmitInput {
	return SubmitInput{Job: w.id, Task: w.task, InputContainer: w.in(), OutputContainer: w.out(), Files: files, Access: w.access()}
}

func (w *world) waitInput(files int64) WaitInput {
	return WaitInput{Owner: w.owner, Job: w.id, Pool: w.id, OwnPool: true, Files: files}
}

func (w *world) gatherInput(files int64) GatherInput {
	return GatherInput{Job: w.id, Task: w.task, InputContainer: w.in(), OutputContainer: w.out(), Files: files}
}

// prepared has the files uploaded, and a job on a pool of nodes.
func (w *world) prepared(nodes int32, files ...string) ScanResult {
	w.t.Helper()
	w.write(files...)
	scanned := mustRun(w, w.Scan, w.scanInput())
	mustRun(w, w.Upload, w.uploadInput(scanned))
	require.NoError(w.t, do(w, w.CreatePool, w.poolInput(nodes)))
	require.NoError(w.t, do(w, w.CreateJob, w.jobInput()))
	return scanned
}

// ran is prepared, and its tasks have run.
func (w *world) ran(files ...string) ScanResult {
	w.t.Helper()
	scanned := w.prepared(1, files...)
	mustRun(w, w.Submit, w.submitInput(scanned.Files))
	waited := mustRun(w, w.Wait, w.waitInput(scanned.Files))
	require.Nil(w.t, waited.Failure)
	return scanned
}

// listed has an output container with the list of the files, all in one part,
// and no job.
func (w *world) listed(files ...string) {
	w.t.Helper()
	_, err := w.Storage.Container(w.out()).Create(w.t.Context(), nil)
	require.NoError(w.t, err)
	inputs := make([]workload.Input, len(files))
	for i, name := range files {
		inputs[i] = workload.Input{Index: int64(i), Name: name, Blob: workload.BlobName(name)}
	}
	require.NoError(w.t, w.inputParts(w.out(), listPrefix).Write(w.t.Context(), 0, true, inputs))
}

// inContainer makes an input container with these blobs.
func (w *world) inContainer(blobs ...string) {
	w.t.Helper()
	in := w.Storage.Container(w.in())
	_, err := in.Create(w.t.Context(), nil)
	require.NoError(w.t, err)
	for _, blob := range blobs {
		_, err = in.NewBlockBlobClient(blob).UploadBuffer(w.t.Context(), nil, nil)
		require.NoError(w.t, err)
	}
}

// put makes a blob of the output container.
func (w *world) put(blob, content string) {
	w.t.Helper()
	_, err := w.Storage.Container(w.out()).NewBlockBlobClient(blob).UploadBuffer(w.t.Context(), []byte(content), nil)
	require.NoError(w.t, err)
}

// results reads what Gather wrote.
func (w *world) results() []workload.Result {
	w.t.Helper()
	var all []workload.Result
	for result, err := range (transfer.Parts[workload.Result]{Container: w.Storage.Container(w.out()), Prefix: resultsPrefix}).All(w.t.Context()) {
		require.NoError(w.t, err)
		all = append(all, result)
	}
	return all
}

func (w *world) hasContainer(name string) bool {
	w.t.Helper()
	_, err := w.Storage.Container(name).GetProperties(w.t.Context(), nil)
	if azure.Is(err, azure.CodeContainerNotFound) {
		return false
	}
	require.NoError(w.t, err)
	return true
}

// eventually polls until check holds.
func (w *world) eventually(what string, check func() bool) {
	w.t.Helper()
	require.Eventually(w.t, check, 20*time.Second, 10*time.Millisecond, what)
}

// steady waits until the pool has settled.
func (w *world) steady(id string) {
	w.t.Helper()
	w.eventually("the pool is steady", func() bool {
		pool, err := w.Batch.GetPool(w.t.Context(), id, nil)
		return err == nil && value(pool.AllocationState) == azbatch.AllocationStateSteady
	})
}
