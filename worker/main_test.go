package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"

	"github.com/durabatch/durabatch/workflows"
)

const temporalBinary = "../bin/temporal"

// startTemporal starts a Temporal of the test's own; an empty address is a
// free port.
func startTemporal(t *testing.T, address string) *testsuite.DevServer {
	t.Helper()
	require.FileExists(t, temporalBinary, "build it first: make bin/temporal")
	server, err := testsuite.StartDevServer(context.Background(), testsuite.DevServerOptions{
		ExistingPath:  temporalBinary,
		ClientOptions: &client.Options{HostPort: address, Logger: quiet{}},
		LogLevel:      "never",
		Stdout:        io.Discard,
		Stderr:        io.Discard,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Stop() })
	return server
}

type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

const accountKey = "c2VjcmV0LWtleS1vZi10aGUtYWNjb3VudA=="

// settingsFor is a whole environment; nothing listens at Azure's addresses.
func settingsFor(t *testing.T, address string) []string {
	t.Helper()
	return []string{
		"TEMPORAL_ADDRESS=" + address,
		"TEMPORAL_CONFIG_FILE=" + filepath.Join(t.TempDir(), "none.toml"),
		"AZURE_BATCH_ENDPOINT=http://127.0.0.1:1",
		"AZURE_BATCH_ACCOUNT_NAME=batch",
		"AZURE_BATCH_ACCOUNT_KEY=" + accountKey,
		"AZURE_STORAGE_CONNECTION_STRING=DefaultEndpointsProtocol=http;AccountName=storage;AccountKey=" + accountKey + ";BlobEndpoint=http://127.0.0.1:1/storage;",
	}
}

// process is one worker at work.
type process struct {
	stderr lockedBuffer
	stop   context.CancelFunc
	exit   chan int
}

func launch(t *testing.T, environ []string) *process {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &process{stop: cancel, exit: make(chan int, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.exit <- run(ctx, nil, environ, strings.NewReader(""), io.Discard, &p.stderr)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return p
}

func (p *process) says(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(p.stderr.String(), text) }, 60*time.Second, 20*time.Millisecond, text)
}

func (p *process) ends(t *testing.T) int {
	t.Helper()
	select {
	case code := <-p.exit:
		return code
	case <-time.After(60 * time.Second):
		require.FailNow(t, "the worker did not end", p.stderr.String())
		return -1
	}
}

// lockedBuffer may be read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestSettingsThatAreMissing(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	require.Equal(t, exitUsage, run(context.Background(), nil, nil, nil, nil, &stderr))
	for _, name := range []string{"AZURE_BATCH_ENDPOINT", "AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_BLOB_ENDPOINT"} {
		require.Contains(t, stderr.String(), name)
	}

	stderr.Reset()
	require.Equal(t, exitUsage, run(context.Background(), []string{"--key=x"}, nil, nil, nil, &stderr))
	require.Contains(t, stderr.String(), "it takes no arguments")

	stderr.Reset()
	environ := append(settingsFor(t, ""), "TEMPORAL_PROFILE=nowhere")
	require.Equal(t, exitUsage, run(context.Background(), nil, environ, nil, nil, &stderr))
	require.Contains(t, stderr.String(), "the settings of Temporal")
	require.NotContains(t, stderr.String(), accountKey)

	stderr.Reset()
	environ = append(settingsFor(t, ""), "DURABATCH_TRANSFER_BANDWIDTH=fast")
	require.Equal(t, exitUsage, run(context.Background(), nil, environ, nil, nil, &stderr))
	require.Contains(t, stderr.String(), `DURABATCH_TRANSFER_BANDWIDTH is "fast"`)
}

func TestTheWorkerPollsBothTaskQueuesAndStops(t *testing.T) {
	t.Parallel()
	server := startTemporal(t, "")
	p := launch(t, settingsFor(t, server.FrontendHostPort()))
	p.says(t, "worker is ready")
	settings, err := settingsFrom(nil, settingsFor(t, ""))
	require.NoError(t, err)
	for queue, kind := range map[string]enumspb.TaskQueueType{
		workflows.TaskQueue:                    enumspb.TASK_QUEUE_TYPE_WORKFLOW,
		workflows.HostTaskQueue(settings.host): enumspb.TASK_QUEUE_TYPE_ACTIVITY,
	} {
		require.Eventually(t, func() bool {
			described, err := server.Client().DescribeTaskQueue(context.Background(), queue, kind)
			return err == nil && len(described.GetPollers()) > 0
		}, 30*time.Second, 50*time.Millisecond, queue)
	}
	asked := time.Now()
	p.stop()
	require.Equal(t, exitStopped, p.ends(t), p.stderr.String())
	require.Less(t, time.Since(asked), 10*time.Second)
	require.NotContains(t, p.stderr.String(), accountKey)
}

func TestTheWorkerWaitsForTemporal(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	p := launch(t, settingsFor(t, address))
	p.says(t, "Temporal does not answer; trying again")
	startTemporal(t, address)
	p.says(t, "worker is ready")
	p.stop()
	require.Equal(t, exitStopped, p.ends(t))
}

// TestHealth asks a worker how it is while Temporal comes, is there and goes.
func TestHealth(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	p := launch(t, append(settingsFor(t, address), "DURABATCH_LISTEN=127.0.0.1:0", "DURABATCH_LOG_FORMAT=json"))
	p.says(t, "metrics and health checks are served")
	at := regexp.MustCompile(`"address":"([^"]+)"`).FindStringSubmatch(p.stderr.String())
	require.NotNil(t, at)
	answers := func(path string, status int, says string) {
		t.Helper()
		require.EventuallyWithT(t, func(c *assert.CollectT) {
			response, err := http.Get("http://" + at[1] + path)
			if !assert.NoError(c, err) {
				return
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			assert.NoError(c, err)
			assert.Equal(c, status, response.StatusCode)
			assert.Contains(c, string(body), says)
		}, 60*time.Second, 50*time.Millisecond)
	}
	answers("/healthz", http.StatusOK, "alive")
	answers("/readyz", http.StatusServiceUnavailable, "starting")
	answers("/metrics", http.StatusOK, "process_start_time_seconds")
	server := startTemporal(t, address)
	answers("/readyz", http.StatusOK, "ready")
	answers("/metrics", http.StatusOK, "temporal_worker_task_slots_available")
	require.NoError(t, server.Stop())
	answers("/readyz", http.StatusServiceUnavailable, "Temporal does not answer")
	answers("/healthz", http.StatusOK, "alive")
	p.stop()
	require.Equal(t, exitStopped, p.ends(t))
}

func TestAListenAddressThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	for listen, says := range map[string]string{"9464": "missing port", taken.Addr().String(): "address already in use"} {
		var stderr bytes.Buffer
		require.Equal(t, exitUsage, run(context.Background(), nil, append(settingsFor(t, ""), "DURABATCH_LISTEN="+listen), nil, nil, &stderr))
		require.Contains(t, stderr.String(), "DURABATCH_LISTEN")
		require.Contains(t, stderr.String(), says)
	}
}

func TestTheWorkerGivesUpOnTemporal(t *testing.T) {
	t.Parallel()
	c, err := dial(context.Background(), client.Options{HostPort: "127.0.0.1:1"}, time.Second, newLogger(io.Discard, ""))
	require.Nil(t, c)
	exit := (*exitError)(nil)
	require.ErrorAs(t, err, &exit)
	require.Equal(t, exitUnreachable, exit.code)
	require.ErrorContains(t, err, "Temporal at 127.0.0.1:1 has not answered for 1s")

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c, err = dial(ctx, client.Options{HostPort: "127.0.0.1:1"}, time.Hour, newLogger(io.Discard, ""))
	require.NoError(t, err)
	require.Nil(t, c)
}
