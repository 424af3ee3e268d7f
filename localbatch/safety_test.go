package localbatch_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch"
)

func TestBearerTokens(t *testing.T) {
	t.Parallel()
	w := start(t, func(o *localbatch.Options) { o.BearerTokens = []string{"first token", " second\n"} })
	with := func(authorization string) rawRequest {
		return rawRequest{method: "GET", path: "/pools", unsigned: true, headers: map[string]string{"Authorization": authorization}}
	}
	for _, authorization := range []string{"Bearer first token", "bearer second"} {
		require.Equal(t, 200, w.send(with(authorization)).StatusCode, authorization)
	}
	for _, authorization := range []string{"Bearer", "Bearer ", "Bearer first", "Bearer first token2", "Bearer Second", "Bearer second first token"} {
		body := w.requireError(with(authorization), 401, "AuthenticationFailed")
		require.Equal(t, "the bearer token is none of those that this service accepts", body.Values[0].Value)
	}
	require.Equal(t, 200, w.send(rawRequest{method: "GET", path: "/pools"}).StatusCode, "the key is accepted as well")

	client, err := azbatch.NewClient(w.url, fixedToken("second"), &azbatch.ClientOptions{ClientOptions: azcore.ClientOptions{InsecureAllowCredentialWithHTTP: true}})
	require.NoError(t, err)
	_, err = client.NewListPoolsPager(nil).NextPage(ctx)
	require.NoError(t, err)

	opts := options(t.TempDir())
	opts.BearerTokens = []string{" "}
	_, err = localbatch.New(opts)
	require.ErrorContains(t, err, "a bearer token is empty")
}

// fixedToken is a credential whose token never changes.
type fixedToken string

func (f fixedToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: string(f), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// lockedLog is what a service has logged.
type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// No secret that clients hand to the service, or that it has itself, is to be
// read in its log, at whatever level, nor in what failures say.
func TestSecretsStayOutOfTheLog(t *testing.T) {
	t.Parallel()
	const signature, token, password, setting = "cGxhbnRlZC1zaWc", "planted-token", "planted-password", "planted-setting"
	storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/broken") {
			panic(http.ErrAbortHandler)
		}
		http.Error(w, "no access with "+r.URL.String(), http.StatusForbidden)
	}))
	t.Cleanup(storage.Close)
	sas := func(path string) *string {
		return to.Ptr(storage.URL + path + "?sv=2026-01-01&sp=rwl&sig=" + signature + "%3D")
	}
	log := &lockedLog{}
	w := start(t, func(o *localbatch.Options) {
		o.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.BearerTokens = []string{token}
		o.Machine.Tries, o.Machine.RetryDelay = 2, time.Millisecond
	})
	w.setFaults(`{"requests": [{"operations": ["ListTasks"], "actions": [{"do": "errorAfter"}, {"do": "closeAfter"}]}]}`)
	content := poolContent("pool", 1)
	content.StartTask = startTask("true")
	content.StartTask.ResourceFiles = []azbatch.ResourceFile{{HTTPURL: sas("/in/start"), FilePath: to.Ptr("start")}}
	content.StartTask.WaitForSuccess = to.Ptr(false)
	w.pool(content)
	w.job("job", "pool")
	output := func(container string) func(*azbatch.CreateTaskContent) {
		return func(c *azbatch.CreateTaskContent) {
			c.EnvironmentSettings = []azbatch.EnvironmentSetting{{Name: to.Ptr("PASSWORD"), Value: to.Ptr(setting)}}
			c.OutputFiles = []azbatch.OutputFile{{
				FilePattern:   to.Ptr("../std*.txt"),
				Destination:   &azbatch.OutputFileDestination{Container: &azbatch.OutputFileBlobContainerDestination{ContainerURL: sas(container)}},
				UploadOptions: &azbatch.OutputFileUploadConfig{UploadCondition: to.Ptr(azbatch.OutputFileUploadConditionTaskCompletion)},
			}}
		}
	}
	input := func(f azbatch.ResourceFile) func(*azbatch.CreateTaskContent) {
		return func(c *azbatch.CreateTaskContent) { c.ResourceFiles = []azbatch.ResourceFile{f} }
	}
	w.add("denied", "true", input(azbatch.ResourceFile{HTTPURL: sas("/in/x"), FilePath: to.Ptr("x")}))
	w.add("broken", "true", input(azbatch.ResourceFile{HTTPURL: sas("/broken/x"), FilePath: to.Ptr("x")}))
	w.add("listed", "true", input(azbatch.ResourceFile{StorageContainerURL: sas("/in")}))
	w.add("upload", "true", output("/out"))
	w.add("program", "no-such-program --password="+password, output("/out"))
	for _, id := range []string{"denied", "broken", "listed", "upload", "program"} {
		task := w.completed(id)
		require.Equal(t, azbatch.TaskExecutionResultFailure, *task.ExecutionInfo.Result, id)
		said := *task.ExecutionInfo.FailureInfo.Message
		for _, detail := range task.ExecutionInfo.FailureInfo.Details {
			said += *detail.Value
		}
		require.NotContains(t, said, signature, id)
	}
	bearer := func(value string) rawRequest {
		return rawRequest{method: "GET", path: "/pools", unsigned: true, headers: map[string]string{"Authorization": value}}
	}
	w.send(bearer("Bearer " + token))
	w.send(bearer("Bearer " + token + "-almost"))
	w.send(rawRequest{method: "GET", path: "/pools", key: []byte("another")})
	w.send(rawRequest{method: "POST", path: "/jobs", body: `{"password": "` + password + `", "url": "` + *sas("/x") + `"}`})
	w.send(rawRequest{method: "POST", path: "/jobs", query: "sig=" + signature, body: `{`})
	_, _ = w.NewListTasksPager("job", nil).NextPage(ctx) // it goes wrong as planned
	w.close()

	text := log.String()
	require.Contains(t, text, "msg=answered")
	require.Contains(t, text, "a fault was injected")
	for _, secret := range []string{signature, token, password, setting, accountKey, "sig="} {
		require.NotContains(t, text, secret)
	}
	require.NoError(t, filepath.WalkDir(filepath.Join(w.dir, "nodelogs"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, secret := range []string{signature, token, password, setting} {
			require.NotContains(t, string(text), secret, path)
		}
		return err
	}))
}

// Nothing of the service's own environment reaches a task or a start task. No
// other test runs at the same time, because the environment is everybody's.
func TestTasksGetACleanEnvironment(t *testing.T) {
	t.Setenv("AZURE_BATCH_ACCOUNT_KEY", "planted-key")
	t.Setenv("PLANTED", "planted-value")
	w := start(t)
	content := poolContent("pool", 1)
	content.StartTask = startTask("env")
	w.pool(content)
	w.job("job", "pool")
	w.add("task", "env", func(c *azbatch.CreateTaskContent) {
		c.EnvironmentSettings = []azbatch.EnvironmentSetting{{Name: to.Ptr("MINE"), Value: to.Ptr("1")}}
	})
	w.completed("task")
	node := *w.nodes("pool")[0].ID
	for what, text := range map[string]string{
		"task": w.file("task", "stdout.txt", nil), "start task": w.nodeFile("pool", node, "startup/stdout.txt"),
	} {
		require.NotContains(t, text, "planted", what)
		require.NotContains(t, text, accountKey, what)
		for line := range strings.Lines(text) {
			name, _, _ := strings.Cut(line, "=")
			expected := strings.HasPrefix(name, "AZ_BATCH_") || slices.Contains([]string{"MINE", "PATH", "HOME", "LANG", "USER", "PWD"}, name)
			require.True(t, expected, "%s: %s", what, line)
		}
	}
}
