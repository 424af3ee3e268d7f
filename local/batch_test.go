package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
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
