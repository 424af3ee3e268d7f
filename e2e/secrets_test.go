package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"google.golang.org/protobuf/proto"

	"github.com/durabatch/durabatch/workload"
)

// shapes are what a secret looks like whose value nobody knows beforehand: a
// SAS, a bearer token, a signed header, and a token of Entra ID. What was
// scrubbed says REDACTED, which is shorter.
var shapes = regexp.MustCompile(`(?i)sig(?:=|%3d|\\u003d)[a-z0-9%+/=_-]{10,}` +
	`|bearer\s+[a-z0-9+/=._~-]{10,}|sharedkey(?:lite)?\s+[a-z0-9-]+:[a-z0-9+/=]{10,}|eyJ[a-z0-9_-]{8,}\.eyJ[a-z0-9_-]{8,}`)

// evidence collects where secrets were seen.
type evidence struct {
	secrets []string // by their values

	mu    sync.Mutex
	found map[string]string // what was seen, by where
}

func (e *evidence) look(where, text string) {
	seen := shapes.FindString(text)
	for _, secret := range e.secrets {
		if strings.Contains(text, secret) {
			seen = secret
		}
	}
	if seen != "" {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.found[where] = seen
	}
}

// places are where secrets were seen, which is then forgotten.
func (e *evidence) places() map[string]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	found := e.found
	e.found = map[string]string{}
	return found
}

// lookAtTemporal looks at what Temporal keeps of a run, and shows of it:
// history, memo, heartbeats, failures.
func (e *evidence) lookAtTemporal(t *testing.T, s *stack, id string) {
	t.Helper()
	e.look("history of "+id, s.rawHistory(t, id))
	described, err := s.temporal.DescribeWorkflowExecution(t.Context(), id, "")
	require.NoError(t, err)
	raw, err := proto.Marshal(described)
	require.NoError(t, err)
	e.look("description of "+id, string(raw))
}

// lookAtFiles looks at the files of the stack that others may read, and at all
// that is a log, or Temporal's.
func (e *evidence) lookAtFiles(t *testing.T, s *stack) {
	t.Helper()
	open := map[string]bool{} // directories that let others through
	require.NoError(t, filepath.WalkDir(s.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil // it went meanwhile
		}
		info, err := entry.Info()
		if err != nil {
			return nil
		}
		through := path == s.dir || open[filepath.Dir(path)]
		if entry.IsDir() {
			open[path] = through && (path == s.dir || info.Mode()&0o011 != 0)
			return nil
		}
		name := entry.Name()
		ours := strings.Contains(name, ".log") || strings.HasPrefix(name, "temporal.db")
		if info.Mode().IsRegular() && (ours || through && info.Mode()&0o044 != 0) {
			if text, err := os.ReadFile(path); err == nil {
				e.look("file "+path, string(text))
			}
		}
		return nil
	}))
}

// lookAtBlobs looks at the records of a run in its output container. What tasks
// said themselves is theirs.
func (e *evidence) lookAtBlobs(t *testing.T, s *stack, name string) {
	t.Helper()
	blobs := s.storage.Container(name)
	for pager := blobs.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{}); pager.More(); {
		page, err := pager.NextPage(t.Context())
		require.NoError(t, err)
		for _, blob := range page.Segment.BlobItems {
			if strings.HasPrefix(*blob.Name, workload.Reserved+"logs/") {
				continue
			}
			text := make([]byte, *blob.Properties.ContentLength)
			if len(text) > 0 {
				_, err = blobs.NewBlobClient(*blob.Name).DownloadBuffer(t.Context(), text, nil)
				require.NoError(t, err)
			}
			e.look("blob "+*blob.Name, string(text))
		}
	}
}

func (e *evidence) lookAtProcesses(t *testing.T, s *stack) {
	t.Helper()
	found, err := processesWith(s.dir)
	require.NoError(t, err)
	for _, p := range found {
		e.look("command line of a process", p.command)
	}
}

// watchProcesses looks at command lines until the test ends it.
func (e *evidence) watchProcesses(t *testing.T, s *stack) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				e.lookAtProcesses(t, s)
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() { cancel(); <-done }
}

// starter runs bin/starter and looks at what it says.
func (e *evidence) starter(t *testing.T, s *stack, code int, args ...string) result {
	t.Helper()
	got := s.starter(t, args...)
	require.Equal(t, code, got.code, "starter %v: %s%s", args, got.stdout, got.stderr)
	e.look("starter "+args[0], got.stdout+got.stderr)
	return got
}

// elsewhere is the stack as seen from another namespace of its Temporal, where
// a worker works with other credentials. What it says is looked at.
func (e *evidence) elsewhere(t *testing.T, s *stack, namespace string, env map[string]string) *stack {
	t.Helper()
	s.temporalCLI(t, "operator", "namespace", "create", "--namespace", namespace)
	other := &stack{dir: s.dir, env: maps.Clone(s.env), batch: s.batch, storage: s.storage}
	maps.Copy(other.env, env)
	other.env["TEMPORAL_NAMESPACE"] = namespace
	var err error
	other.temporal, err = client.Dial(client.Options{
		HostPort: s.env["TEMPORAL_ADDRESS"], Namespace: namespace, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	require.NoError(t, err)
	t.Cleanup(other.temporal.Close)
	said := newOutput()
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "worker"))
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = other.environ(), s.dir, said, said
	worker, err := startChild(cmd)
	require.NoError(t, err)
	t.Cleanup(func() {
		<-worker.ended
		e.look("worker of "+namespace, said.String())
		require.Empty(t, e.places())
	})
	return other
}

// secretFiles are what others must not be able to read at all.
var secretFiles = []string{"env", "batch", "azurite"}

// TestSecretsAreNowhere runs what goes well and what goes wrong and looks at
// all that is written and shown meanwhile. What is planted at the end proves
// that it would have been seen.
func TestSecretsAreNowhere(t *testing.T) {
	t.Parallel()
	s := ownStack(t)
	wrong := base64.StdEncoding.EncodeToString([]byte("a key of another account, 32 bytes"))
	e := &evidence{secrets: append(s.secrets()[2:], wrong), found: map[string]string{}}
	stop := e.watchProcesses(t, s)

	const copying = `task: {command: "cp {{input}} {{output}}", output: "{{stem}}.out"}`
	for name, c := range map[string]struct {
		code     int
		on       *stack
		sections []string
		says     string
	}{
		"well":         {exitSucceeded, s, []string{poolOf(2), copying, "outputs: {dir: OutputFiles}"}, "Success!"},
		"telling-task": {exitFailed, s, []string{poolOf(1), "outputs: {dir: OutputFiles}", `task: {command: "printf 'http://host/a?se=1&%s=%s' sig abcdefghijklmnopqrstuvwxyz >&2; exit 1", output: "{{stem}}.out"}`}, "sig=REDACTED"},
		"no-resource":  {exitFailed, s, []string{poolOf(1), `task: {command: "cp {{input}} {{output}}", output: "{{stem}}.out", resourceFiles: [{container: nowhere, blob: tool}]}`}, "nowhere"},
		"no-container": {exitFailed, s, []string{poolOf(1), `task: {command: "cp {{input}} {{output}}", output: "{{stem}}.out", resourceFiles: [{container: nowhere}]}`}, "nowhere"},
		"wrong-storage-key": {exitFailed, e.elsewhere(t, s, "wrong-storage-key", map[string]string{
			"AZURE_STORAGE_CONNECTION_STRING": withAccountKey(s.env["AZURE_STORAGE_CONNECTION_STRING"], wrong),
		}), []string{poolOf(1), copying}, "key"},
		"wrong-batch-key": {exitFailed, e.elsewhere(t, s, "wrong-batch-key", map[string]string{
			"AZURE_BATCH_ACCOUNT_KEY": wrong,
		}), []string{poolOf(1), copying}, "AuthenticationFailed"},
	} {
		id, dir := newID(t)+"-"+name, t.TempDir()
		writeNumbered(t, dir, 3)
		file := writeWorkload(t, dir, append([]string{"inputs: {dir: InputFiles}"}, c.sections...)...)
		got := e.starter(t, c.on, c.code, "run", "--yes", "--id", id, file)
		require.Contains(t, got.stdout+got.stderr, c.says, name)
		e.starter(t, c.on, c.code, "watch", "--json", id)
		e.starter(t, c.on, exitSucceeded, "status", id)
		status := e.starter(t, c.on, exitSucceeded, "status", "--json", id)
		e.starter(t, c.on, exitSucceeded, "list")
		e.lookAtTemporal(t, c.on, id)
		if container := regexp.MustCompile(`"outputContainer":"([^"]+)"`).FindStringSubmatch(status.stdout); container != nil && s.containerExists(t, container[1]) {
			e.lookAtBlobs(t, s, container[1])
		}
		if slices.Contains(c.sections, "outputs: {dir: OutputFiles}") {
			e.look("the report beside the outputs", string(readFile(t, filepath.Join(dir, "OutputFiles", workload.ReportFile))))
		}
		require.Empty(t, e.places(), name)
	}
	stop()
	e.lookAtFiles(t, s)
	require.Empty(t, e.places())
	for _, name := range secretFiles {
		info, err := os.Stat(filepath.Join(s.dir, name))
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, name)
	}
	e.plant(t, s)
}

// plant puts a secret wherever this test looks and requires that it is seen.
func (e *evidence) plant(t *testing.T, s *stack) {
	t.Helper()
	s.planted = true
	const sas = "https://account.blob.core.windows.net/in?se=2026&sig=aPlantedSignature%3D"
	for _, text := range append([]string{sas, "Authorization: Bearer aPlantedToken", "SharedKey account:aPlantedSignature="}, e.secrets...) {
		e.look("text", "before "+text+" after")
		require.Contains(t, e.places(), "text", text)
	}
	file := filepath.Join(s.dir, "planted")
	require.NoError(t, os.WriteFile(file, []byte(sas), 0o644))
	e.lookAtFiles(t, s)
	require.Contains(t, e.places(), "file "+file)
	require.NoError(t, os.Remove(file))

	id := newID(t)
	s.temporalCLI(t, "workflow", "start", "--type", "RunWorkload", "--task-queue", "nobody's", "--workflow-id", id, "--memo", fmt.Sprintf("note=%q", sas))
	e.lookAtTemporal(t, s, id)
	found := e.places()
	require.Contains(t, found, "history of "+id)
	require.Contains(t, found, "description of "+id)
	s.temporalCLI(t, "workflow", "terminate", "--workflow-id", id)

	blobs := s.storage.Container("planted")
	_, err := blobs.Create(t.Context(), nil)
	require.NoError(t, err)
	_, err = blobs.NewBlockBlobClient("blob").UploadBuffer(t.Context(), []byte(sas), nil)
	require.NoError(t, err)
	e.lookAtBlobs(t, s, "planted")
	require.Contains(t, e.places(), "blob blob")

	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, "sh", "-c", "while read line; do :; done", sas)
	cmd.Dir = s.dir
	_, err = cmd.StdinPipe()
	require.NoError(t, err)
	process, err := startChild(cmd)
	require.NoError(t, err)
	until(t, time.Minute, "the process with a secret is seen", func() bool {
		e.lookAtProcesses(t, s)
		return len(e.places()) > 0
	})
	cancel()
	<-process.ended
}

// withAccountKey is a connection string with another key.
func withAccountKey(connection, key string) string {
	fields := strings.Split(connection, ";")
	for i, field := range fields {
		if strings.HasPrefix(field, "AccountKey=") {
			fields[i] = "AccountKey=" + key
		}
	}
	return strings.Join(fields, ";")
}
