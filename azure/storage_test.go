package azure

import (
	"context"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/stretchr/testify/require"
)

var inAnHour = time.Now().Add(time.Hour)

func emulator(t *testing.T) *Storage {
	t.Helper()
	s, err := newStorageWithKey(azurite.ConnectionString(), testOptions(t))
	require.NoError(t, err)
	return s
}

// send does what a node does with a URL: no credentials but those in it.
func send(t *testing.T, method, address string, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("x-ms-blob-type", "BlockBlob")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(answer)
}

func TestURLsOfHostileBlobsWork(t *testing.T) {
	t.Parallel()
	s := emulator(t)
	c := s.Container("hostile")
	_, err := c.Create(t.Context(), nil)
	require.NoError(t, err)
	for i, name := range []string{
		"plain.mp4", "a/b/c.mp4", "two words.mp4", "100%20sure.mp4", "a#b.mp4", "what?.mp4", "a&b=c+d.mp4", "it's \"quoted\".mp4",
		"$(reboot);`id`.mp4", "\U0001F3AC.mp4", "\u05e9\u05dc\u05d5\u05dd.mp4", `back\slash.mp4`, "new%0Aline", "-rf", ".hidden", "sig=fake&se=2099", "a:b@c", strings.Repeat("x", 200),
	} {
		text := fmt.Sprint("content ", i)
		upload, err := s.SignedContainerURL(t.Context(), "hostile", Upload, inAnHour)
		require.NoError(t, err)
		u, err := url.Parse(upload)
		require.NoError(t, err)
		status, answer := send(t, http.MethodPut, u.JoinPath(url.PathEscape(name)).String(), text)
		require.Equal(t, http.StatusCreated, status, "%q: %s", name, answer)

		read, err := s.BlobReadURL(t.Context(), "hostile", name, inAnHour)
		require.NoError(t, err)
		status, answer = send(t, http.MethodGet, read, "")
		require.Equal(t, http.StatusOK, status, "%q: %s", name, answer)
		require.Equal(t, text, answer)
	}
}

func TestURLsAllowNoMoreThanTheySay(t *testing.T) {
	t.Parallel()
	s := emulator(t)
	c := s.Container("least")
	_, err := c.Create(t.Context(), nil)
	require.NoError(t, err)
	for _, name := range []string{"mine", "other"} {
		_, err = c.NewBlockBlobClient(name).UploadBuffer(t.Context(), []byte("content"), nil)
		require.NoError(t, err)
	}
	read, err := s.BlobReadURL(t.Context(), "least", "mine", inAnHour)
	require.NoError(t, err)
	upload, err := s.SignedContainerURL(t.Context(), "least", Upload, inAnHour)
	require.NoError(t, err)
	list, err := s.SignedContainerURL(t.Context(), "least", ReadList, inAnHour)
	require.NoError(t, err)
	const listing = "&restype=container&comp=list"
	for name, test := range map[string]struct {
		method, url string
		want        int
	}{
		"read reads":               {http.MethodGet, read, http.StatusOK},
		"read does not write":      {http.MethodPut, read, http.StatusForbidden},
		"read does not delete":     {http.MethodDelete, read, http.StatusForbidden},
		"read reads no other blob": {http.MethodGet, strings.Replace(read, "/mine?", "/other?", 1), http.StatusForbidden},
		"upload creates":           {http.MethodPut, strings.Replace(upload, "/least?", "/least/new?", 1), http.StatusCreated},
		"upload overwrites":        {http.MethodPut, strings.Replace(upload, "/least?", "/least/other?", 1), http.StatusCreated},
		"upload does not read":     {http.MethodGet, strings.Replace(upload, "/least?", "/least/mine?", 1), http.StatusForbidden},
		"upload does not list":     {http.MethodGet, upload + listing, http.StatusForbidden},
		"list lists":               {http.MethodGet, list + listing, http.StatusOK},
		"list reads":               {http.MethodGet, strings.Replace(list, "/least?", "/least/mine?", 1), http.StatusOK},
		"list does not write":      {http.MethodPut, strings.Replace(list, "/least?", "/least/x?", 1), http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer := send(t, test.method, test.url, "text")
			require.Equal(t, test.want, status, answer)
		})
	}
}

func parse(t *testing.T, signed string) sas.URLParts {
	t.Helper()
	parts, err := sas.ParseURL(signed)
	require.NoError(t, err)
	return parts
}

func TestFieldsOfASignature(t *testing.T) {
	t.Parallel()
	s, err := newStorageWithKey(testConnection, testOptions(t))
	require.NoError(t, err)
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	s.now = func() time.Time { return now }
	expiry := now.Add(90*time.Minute + time.Millisecond).In(time.FixedZone("CET", 3600))

	signed, err := s.BlobReadURL(t.Context(), "in", "dir/a b%.mp4", expiry)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(signed, testBlob+"/in/dir/a%20b%25.mp4?"), signed)
	blob := parse(t, signed)
	require.Equal(t, "dir/a b%.mp4", blob.BlobName)
	require.Equal(t, "r", blob.SAS.Permissions())
	require.Equal(t, "b", blob.SAS.Resource())
	require.Equal(t, sas.ProtocolHTTPS, blob.SAS.Protocol())
	require.True(t, blob.SAS.StartTime().IsZero(), "no clock is ahead of a start time that is absent")
	require.Equal(t, now.Add(90*time.Minute+time.Second), blob.SAS.ExpiryTime().UTC(), "rounded up to seconds")
	require.NotContains(t, signed, "st=")

	signed, err = s.SignedContainerURL(t.Context(), "out", Upload, expiry)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(signed, testBlob+"/out?"), signed)
	container := parse(t, signed)
	require.Equal(t, "cw", container.SAS.Permissions())
	require.Equal(t, "c", container.SAS.Resource())

	_, err = s.BlobReadURL(t.Context(), "in", "a", now)
	require.ErrorContains(t, err, "is not after now")
	_, err = s.BlobReadURL(t.Context(), "in", "", expiry)
	require.ErrorContains(t, err, "no blob is named", "it would be a URL for the whole container")
}

func TestURLsOfAnEmulatorWithAName(t *testing.T) {
	t.Parallel()
	s, err := newStorageWithKey("AccountName=acc;AccountKey="+testKey+";BlobEndpoint=http://azurite:10000/acc", testOptions(t))
	require.NoError(t, err)
	signed, err := s.BlobReadURL(t.Context(), "in", "a.mp4", inAnHour)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(signed, "http://azurite:10000/acc/in/a.mp4?"), signed)
	require.Equal(t, "http://azurite:10000/acc/in", s.Container("in").URL())
}

// delegation is a storage account that hands out user delegation keys.
type delegation struct {
	requests atomic.Int32
	status   int
}

func (d *delegation) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.requests.Add(1)
	if d.status != 0 {
		w.Header().Set("x-ms-error-code", "AuthorizationPermissionMismatch")
		w.WriteHeader(d.status)
		return
	}
	var info struct{ Start, Expiry string }
	body, _ := io.ReadAll(r.Body)
	if r.URL.Query().Get("comp") != "userdelegationkey" || r.Header.Get("Authorization") != "Bearer token" || xml.Unmarshal(body, &info) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, `<?xml version="1.0"?><UserDelegationKey><SignedOid>oid</SignedOid><SignedTid>tid</SignedTid><SignedStart>%s</SignedStart><SignedExpiry>%s</SignedExpiry><SignedService>b</SignedService><SignedVersion>2020-02-10</SignedVersion><Value>%s</Value></UserDelegationKey>`,
		info.Start, info.Expiry, base64.StdEncoding.EncodeToString([]byte("delegated")))
}

type token struct{}

func (token) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func delegated(t *testing.T, d *delegation) (*Storage, *time.Time) {
	t.Helper()
	server := httptest.NewTLSServer(d)
	t.Cleanup(server.Close)
	options := testOptions(t)
	options.Transport = server.Client()
	s, err := newStorageWithToken(server.URL, token{}, options)
	require.NoError(t, err)
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	s.now = func() time.Time { return now }
	return s, &now
}

func TestUserDelegationKeyIsFetchedOnceAndRenewed(t *testing.T) {
	t.Parallel()
	var d delegation
	s, now := delegated(t, &d)
	for range 3 {
		signed, err := s.BlobReadURL(t.Context(), "in", "a", now.Add(24*time.Hour))
		require.NoError(t, err)
		query := parse(t, signed).SAS
		require.Equal(t, "r", query.Permissions())
		require.Equal(t, "oid", query.SignedOID())
		require.True(t, query.SignedExpiry().Sub(*now) <= 7*24*time.Hour)
		require.False(t, query.SignedExpiry().Before(query.ExpiryTime()), "the key outlives what it signs")
		require.True(t, query.SignedStart().Before(*now))
		require.True(t, query.StartTime().IsZero())
	}
	require.EqualValues(t, 1, d.requests.Load())
	*now = now.Add(6 * 24 * time.Hour)
	_, err := s.SignedContainerURL(t.Context(), "out", Upload, now.Add(12*time.Hour))
	require.NoError(t, err)
	require.EqualValues(t, 1, d.requests.Load(), "the key is still good for that long")
	signed, err := s.SignedContainerURL(t.Context(), "out", Upload, now.Add(24*time.Hour))
	require.NoError(t, err)
	require.EqualValues(t, 2, d.requests.Load())
	query := parse(t, signed).SAS
	require.False(t, query.SignedExpiry().Before(query.ExpiryTime()))
	_, err = s.SignedContainerURL(t.Context(), "out", Upload, now.Add(MaxDelegation))
	require.NoError(t, err)
}

func TestUserDelegationIsRefusedBeyondSevenDays(t *testing.T) {
	t.Parallel()
	var d delegation
	s, now := delegated(t, &d)
	_, err := s.BlobReadURL(t.Context(), "in", "a", now.Add(8*24*time.Hour))
	require.EqualError(t, err, "sign a URL for blob in/a: the signature cannot last as long as it is needed: it would have to last until 2026-12-01T10:00:00Z, 192h0m0s from now, but without an account key a signature lasts at most 167h50m0s (Azure's 7 days less 10 minutes); shorten the timeouts by 24h10m0s, or set AZURE_STORAGE_CONNECTION_STRING to a string with an account key")
	require.Zero(t, d.requests.Load())
}

func TestUserDelegationWithoutTheRole(t *testing.T) {
	t.Parallel()
	s, now := delegated(t, &delegation{status: http.StatusForbidden})
	_, err := s.BlobReadURL(t.Context(), "in", "a", now.Add(time.Hour))
	e := Explain(err)
	require.Equal(t, Denied, e.Kind)
	require.Contains(t, e.String(), "Storage Blob Delegator")
	require.Contains(t, e.String(), "get a user delegation key")
}

func TestNewClientsFromConfig(t *testing.T) {
	t.Parallel()
	for _, cfg := range []Config{
		{BatchEndpoint: testBatch, BatchAccountName: "a", BatchAccountKey: testKey, StorageConnectionString: testConnection},
		{BatchEndpoint: testBatch, StorageBlobEndpoint: testBlob},
	} {
		batch, err := NewBatch(cfg)
		require.NoError(t, err)
		require.NotNil(t, batch)
		storage, err := NewStorage(cfg)
		require.NoError(t, err)
		require.Equal(t, testBlob+"/in", storage.Container("in").URL())
	}
	_, err := NewBatch(Config{BatchEndpoint: "http://example.com"})
	require.ErrorContains(t, err, "Entra ID needs https")
	_, err = NewStorage(Config{StorageBlobEndpoint: "http://example.com"})
	require.ErrorContains(t, err, "Entra ID needs https")
	_, err = NewStorage(Config{StorageConnectionString: "nonsense"})
	require.Error(t, err)
}
