package faultproxy

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch/faults"
	"github.com/durabatch/durabatch/transfer/azuritetest"
)

var azurite *azuritetest.Server

func TestMain(m *testing.M) { os.Exit(azuritetest.Main(m, &azurite)) }

// rig is a proxy before Azurite, and a client of it.
type rig struct {
	*Proxy
	client *service.Client
	server *httptest.Server

	mu      sync.Mutex
	answers []Answer
}

func newRig(t *testing.T, retries int32) *rig {
	t.Helper()
	at, err := url.Parse(azurite.Endpoint)
	require.NoError(t, err)
	r := &rig{}
	r.Proxy = New(func() (*url.URL, error) { return at, nil }, func(a Answer) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.answers = append(r.answers, a)
	})
	r.server = httptest.NewServer(r.Proxy)
	t.Cleanup(r.server.Close)
	connection := "DefaultEndpointsProtocol=http;AccountName=" + azurite.Account + ";AccountKey=" + azurite.Key +
		";BlobEndpoint=" + r.server.URL + "/" + azurite.Account + ";"
	r.client, err = service.NewClientFromConnectionString(connection, &service.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
		Retry:     policy.RetryOptions{MaxRetries: retries, RetryDelay: time.Millisecond, MaxRetryDelay: 2 * time.Second},
	}})
	require.NoError(t, err)
	return r
}

func (r *rig) fault(t *testing.T, operation string, action faults.Action) {
	t.Helper()
	require.NoError(t, r.SetFaults(faults.Plan{Seed: 1, Requests: []faults.RequestRule{{
		Operations: []string{operation}, Actions: []faults.Action{action},
	}}}))
}

func (r *rig) exists(t *testing.T, container string) bool {
	t.Helper()
	require.NoError(t, r.SetFaults(faults.Plan{}))
	_, err := r.client.NewContainerClient(container).GetProperties(t.Context(), nil)
	if bloberror.HasCode(err, bloberror.ContainerNotFound) {
		return false
	}
	require.NoError(t, err)
	return true
}

// TestPassesOn: a client with the account's key, and one with a SAS alone, use
// the service through the proxy as if it were not there.
func TestPassesOn(t *testing.T) {
	r := newRig(t, -1)
	container := r.client.NewContainerClient("passes-on")
	_, err := container.Create(t.Context(), nil)
	require.NoError(t, err)
	content := bytes.Repeat([]byte("0123456789"), 100_000)
	name := "a directory/über #1?.bin"
	_, err = container.NewBlockBlobClient(name).UploadBuffer(t.Context(), content, nil)
	require.NoError(t, err)

	signed, err := container.NewBlobClient(name).GetSASURL(sas.BlobPermissions{Read: true}, time.Now().Add(time.Hour), nil)
	require.NoError(t, err)
	require.Contains(t, signed, r.server.URL, "nodes come through the proxy too")
	got, err := http.Get(signed)
	require.NoError(t, err)
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, got.StatusCode, "%s", text)
	require.True(t, bytes.Equal(content, text))

	requests, injected := r.Injected()
	require.Equal(t, 3, requests)
	require.Empty(t, injected)
	require.Equal(t, Answer{Operation: "CreateContainer", Path: "/" + azurite.Account + "/passes-on", Status: http.StatusCreated}, r.answers[0])
}

// TestFaults: each fault is what a client sees of it, and has the effect that
// it says.
func TestFaults(t *testing.T) {
	soon := faults.Duration(50 * time.Millisecond)
	for do, code := range map[faults.Do]bloberror.Code{
		faults.TooManyRequests: "TooManyRequests", faults.ServerBusy: bloberror.ServerBusy,
		faults.ErrorBefore: bloberror.InternalError, faults.ErrorAfter: bloberror.InternalError,
		faults.CloseBefore: "", faults.CloseAfter: "", faults.Delay: "",
	} {
		t.Run(string(do), func(t *testing.T) {
			r := newRig(t, -1)
			action := faults.Action{Do: do, Delay: soon}
			if do == faults.TooManyRequests || do == faults.ServerBusy {
				action.RetryAfter = &soon
			}
			r.fault(t, "CreateContainer", action)
			name := "fault-" + string(bytes.ToLower([]byte(do)))
			_, err := r.client.NewContainerClient(name).Create(t.Context(), nil)
			switch {
			case do == faults.Delay:
				require.NoError(t, err)
			case code == "":
				require.ErrorIs(t, err, syscall.ECONNRESET)
			default:
				require.True(t, bloberror.HasCode(err, code), "%v", err)
			}
			require.Equal(t, do.HasEffect(), r.exists(t, name))
			_, injected := r.Injected()
			require.Equal(t, map[faults.Do]int{do: 1}, injected)
		})
	}
}

// TestRetryAfter: the wait is in both headers, and the SDK heeds it.
func TestRetryAfter(t *testing.T) {
	r := newRig(t, 1)
	wait := faults.Duration(300 * time.Millisecond)
	require.NoError(t, r.SetFaults(faults.Plan{Requests: []faults.RequestRule{{
		When: faults.When{Times: 1}, Actions: []faults.Action{{Do: faults.ServerBusy, RetryAfter: &wait}},
	}}}))
	began := time.Now()
	_, err := r.client.NewContainerClient("retry-after").Create(t.Context(), nil)
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(began), time.Duration(wait))
}

// TestCutShort: a download whose connection is reset in the middle is seen as
// such, whatever came before.
func TestCutShort(t *testing.T) {
	r := newRig(t, -1)
	container := r.client.NewContainerClient("cut-short")
	_, err := container.Create(t.Context(), nil)
	require.NoError(t, err)
	content := bytes.Repeat([]byte("x"), 1<<20)
	_, err = container.NewBlockBlobClient("b").UploadBuffer(t.Context(), content, nil)
	require.NoError(t, err)
	r.fault(t, "GetBlob", faults.Action{Do: faults.CloseAfter})
	got, err := container.NewBlobClient("b").DownloadStream(t.Context(), nil)
	require.NoError(t, err)
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	require.Error(t, err)
	require.Positive(t, len(text))
	require.Less(t, len(text), len(content))
}

// TestServiceDown: the proxy of a service that does not listen hangs up.
func TestServiceDown(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	gone := &url.URL{Scheme: "http", Host: listener.Addr().String()}
	require.NoError(t, listener.Close())
	server := httptest.NewServer(New(func() (*url.URL, error) { return gone, nil }, nil))
	defer server.Close()
	_, err = http.Get(server.URL + "/account/container/blob")
	require.ErrorIs(t, err, io.EOF)
}

// TestReplays: the same requests under the same seed go wrong in the same way.
func TestReplays(t *testing.T) {
	probability := 0.3
	plan := faults.Plan{Seed: 7, Requests: []faults.RequestRule{{
		When:    faults.When{Probability: &probability},
		Actions: []faults.Action{{Do: faults.ErrorBefore}, {Do: faults.CloseBefore}, {Do: faults.ErrorAfter}},
	}}}
	var seen [2][]faults.Do
	for i := range seen {
		r := newRig(t, -1)
		require.NoError(t, r.SetFaults(plan))
		for range 100 {
			action := r.decide("GetBlob")
			if action == nil {
				action = &faults.Action{}
			}
			seen[i] = append(seen[i], action.Do)
		}
	}
	require.Equal(t, seen[0], seen[1])
	require.Contains(t, seen[0], faults.CloseBefore)
}
