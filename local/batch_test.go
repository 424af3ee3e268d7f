package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch/faults"
)

func TestBatch(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	stderr, log := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"batch", "--listen", "127.0.0.1:0", "--data", data}, os.Environ(), nil, io.Discard, log)
		log.Close()
	}()
	var said strings.Builder
	lines := bufio.NewScanner(io.TeeReader(stderr, &said))
	require.True(t, lines.Scan())
	url := regexp.MustCompile(`url=(\S+)`).FindStringSubmatch(lines.Text())
	require.NotNil(t, url, lines.Text())

	require.NoError(t, httpAnswers(t.Context(), url[1]+"/pools", ""))
	resp, err := http.Get(url[1] + "/pools?api-version=2024-07-01.20.0")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusBadRequest, resp.StatusCode, "the Authorization header is missing")

	cancel()
	for lines.Scan() {
	}
	require.NoError(t, <-ended)
	key := readFile(t, data, "account.key")
	bytes, err := base64.StdEncoding.DecodeString(key)
	require.NoError(t, err)
	require.Len(t, bytes, 64)
	require.NotContains(t, said.String(), key)
}

func TestBatchWithAFaultPlan(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), mode))
		return path
	}
	opts, err := serviceOptions(batchOptions{
		data: dir, bootTime: time.Second, waiveElevation: true, quotas: batchQuotas{activeJobs: 3, pools: -1, dedicatedCores: 0, lowPriorityCores: -1},
		faults:       write("plan.json", `{"seed": 3, "taskCountLag": "2s"}`, 0o644),
		bearerTokens: write("tokens", "first\n\nsecond\n", 0o600),
	}, nil)
	require.NoError(t, err)
	require.Equal(t, faults.Plan{Seed: 3, TaskCountLag: faults.Duration(2 * time.Second)}, opts.Faults)
	require.Equal(t, []string{"first", "second"}, opts.BearerTokens)
	require.Equal(t, time.Second, opts.BootTime)
	require.True(t, opts.Machine.WaiveElevation)
	require.Equal(t, faults.Quotas{ActiveJobsAndSchedules: new(3), DedicatedCores: new(0)}, opts.Quotas)

	for want, flags := range map[string][]string{
		`requests[0]: there is no key "operation"`:        {"--faults", write("typo.json", `{"requests": [{"operation": "x"}]}`, 0o644)},
		"read the fault plan":                             {"--faults", filepath.Join(dir, "missing")},
		`no operation is named "MakePool"`:                {"--faults", write("unknown.json", `{"requests": [{"operations": ["MakePool"], "actions": [{"do": "errorAfter"}]}]}`, 0o644)},
		"can be read by other users; run: chmod 600":      {"--bearer-tokens", write("open", "token", 0o644)},
		"there is no bearer token in":                     {"--bearer-tokens", write("empty", "\n", 0o600)},
		"invalid argument \"x\" for \"--boot-time\" flag": {"--boot-time", "x"},
	} {
		args := append([]string{"batch", "--listen", "127.0.0.1:0", "--data", dir}, flags...)
		require.ErrorContains(t, run(t.Context(), args, nil, nil, io.Discard, io.Discard), want)
	}
	err = run(t.Context(), []string{"up", "--data", t.TempDir(), "--faults", filepath.Join(dir, "typo.json")}, nil, nil, io.Discard, io.Discard)
	require.ErrorContains(t, err, `there is no key "operation"`)
	require.Contains(t, (&stack{programs: programs{local: "local"}, faults: "plan.json"}).batch().args, "plan.json")
}

// TestElevationOfStacks: those who start a stack are told what becomes of
// elevated tasks.
func TestElevationOfStacks(t *testing.T) {
	t.Parallel()
	for waive, note := range map[bool]string{true: "run with your own instead", false: "fail"} {
		args := (&stack{waiveElevation: waive}).batch().args
		require.Equal(t, waive, slices.Contains(args, "--waive-elevation"))
		require.Contains(t, elevationNote(false, waive), note)
		require.Empty(t, elevationNote(true, waive))
	}
}

func TestBatchForOtherMachines(t *testing.T) {
	t.Parallel()
	for address, warns := range map[string]bool{"127.0.0.1:1": false, "[::1]:1": false, "0.0.0.0:1": true, "[::]:1": true, "192.0.2.1:1": true} {
		var said strings.Builder
		tcp, err := net.ResolveTCPAddr("tcp", address)
		require.NoError(t, err)
		warnOfOthers(slog.New(slog.NewTextHandler(&said, nil)), tcp)
		require.Equal(t, warns, strings.Contains(said.String(), "other machines can reach the service"), address)
	}
}

func TestBatchCredentials(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	account, key, err := batchCredentials(data, []string{"AZURE_BATCH_ACCOUNT_NAME=a", "AZURE_BATCH_ACCOUNT_KEY=k"})
	require.NoError(t, err)
	require.Equal(t, "a", account)
	require.Equal(t, "k", key)
	require.NoFileExists(t, filepath.Join(data, "account.key"))

	account, key, err = batchCredentials(data, nil)
	require.NoError(t, err)
	require.Equal(t, batchAccount, account)
	require.Equal(t, readFile(t, data, "account.key"), key)
}

func TestBatchOnATakenPort(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	err = run(t.Context(), []string{"batch", "--listen", taken.Addr().String(), "--data", t.TempDir()}, nil, nil, io.Discard, io.Discard)
	require.ErrorContains(t, err, taken.Addr().String())
	require.ErrorContains(t, err, "--listen")
}
