package azure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"
)

// answer is the error that azcore makes of a service's answer.
func answer(t *testing.T, status int, body string, header ...string) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, testBatch+"/jobs?sig=hush", nil)
	require.NoError(t, err)
	resp := &http.Response{StatusCode: status, Status: fmt.Sprint(status), Header: make(http.Header), Body: io.NopCloser(strings.NewReader(body)), Request: req}
	for i := 0; i < len(header); i += 2 {
		resp.Header.Set(header[i], header[i+1])
	}
	return runtime.NewResponseError(resp)
}

func batchBody(code, message string, values ...string) string {
	var list []string
	for i := 0; i < len(values); i += 2 {
		list = append(list, fmt.Sprintf(`{"key":%q,"value":%q}`, values[i], values[i+1]))
	}
	return fmt.Sprintf(`{"odata.metadata":"x","code":%q,"message":{"lang":"en-US","value":%q},"values":[%s]}`, code, message+"\nRequestId:1234\nTime:2026-11-23T10:00:00Z", strings.Join(list, ","))
}

func blobBody(code, message string) string {
	return fmt.Sprintf("\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>%s</Code><Message>%s\nRequestId:1234\nTime:2026</Message></Error>", code, message)
}

func TestExplainAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err     error
		code    string
		kind    Kind
		retry   bool
		message string
		advice  string
	}{
		"quota of jobs": {answer(t, 409, batchBody("ActiveJobAndScheduleQuotaReached", "The specified account has reached active job and job schedule quota.")),
			CodeActiveJobQuotaReached, Wait, true, "ActiveJobAndScheduleQuotaReached (HTTP 409): The specified account has reached active job and job schedule quota.", "delete or terminate old jobs"},
		"quota of pools": {answer(t, 409, batchBody("PoolQuotaReached", "no")), CodePoolQuotaReached, Wait, true, "PoolQuotaReached (HTTP 409): no", "delete old pools"},
		"a name in use":  {answer(t, 409, batchBody("JobExists", "The specified job already exists.")), CodeJobExists, Exists, false, "JobExists (HTTP 409): The specified job already exists.", "choose another name"},
		"gone":           {answer(t, 404, batchBody("PoolNotFound", "no")), CodePoolNotFound, Gone, false, "PoolNotFound (HTTP 404): no", "check the pool's id"},
		"being deleted":  {answer(t, 409, batchBody("PoolBeingDeleted", "no")), CodePoolBeingDeleted, Deleting, true, "PoolBeingDeleted (HTTP 409): no", ""},
		"done already":   {answer(t, 409, batchBody("TaskCompleted", "no")), CodeTaskCompleted, Done, false, "TaskCompleted (HTTP 409): no", ""},
		"throttled":      {answer(t, 429, batchBody("TooManyRequests", "slow")), "TooManyRequests", Retry, true, "TooManyRequests (HTTP 429): slow", "busy"},
		"a bad property": {answer(t, 400, batchBody("InvalidPropertyValue", "The value is wrong.", "PropertyName", "vmSize", "PropertyValue", "huge", "Reason", "no such size")),
			"InvalidPropertyValue", Refused, false, "InvalidPropertyValue (HTTP 400): The value is wrong., PropertyName vmSize, PropertyValue huge, Reason no such size", "correct the workload"},
		"a secret in a property": {answer(t, 400, batchBody("InvalidPropertyValue", "Wrong.", "PropertyValue", "https://a.blob.core.windows.net/in/x?se=2026&sig=hush%2Fhush%3D&sp=r")),
			"InvalidPropertyValue", Refused, false, "InvalidPropertyValue (HTTP 400): Wrong., PropertyValue https://a.blob.core.windows.net/in/x?se=2026&sig=REDACTED&sp=r", "correct"},
		"a wrong key": {answer(t, 403, batchBody("AuthenticationFailed", "Server failed to authenticate the request.", "AuthenticationErrorDetail", "The MAC signature found in the HTTP request 'hush' is not the same")),
			CodeAuthenticationFailed, Denied, false, "AuthenticationFailed (HTTP 403): Server failed to authenticate the request.", "check the account's name and key"},
		"Blob's own": {answer(t, 404, blobBody("ContainerNotFound", "The specified container does not exist.")),
			CodeContainerNotFound, Gone, false, "ContainerNotFound (HTTP 404): The specified container does not exist.", "check the container's name"},
		"a wrong key at Azurite": {answer(t, 403, blobBody("AuthorizationFailure", "Server failed to authenticate the request.")),
			"AuthorizationFailure", Denied, false, "AuthorizationFailure (HTTP 403): Server failed to authenticate the request.", "check the account's name and key"},
		"a firewall": {answer(t, 403, blobBody("AuthorizationFailure", "This request is not authorized to perform this operation.")),
			"AuthorizationFailure", Denied, false, "AuthorizationFailure (HTTP 403): This request is not authorized to perform this operation.", "the account's firewall refuses this machine"},
		"a role that is missing": {answer(t, 403, blobBody("AuthorizationPermissionMismatch", "no")), "AuthorizationPermissionMismatch", Denied, false, "AuthorizationPermissionMismatch (HTTP 403): no", "Storage Blob Data Contributor"},
		"a code in a header":     {answer(t, 409, "", "x-ms-error-code", "BlobAlreadyExists"), "BlobAlreadyExists", Exists, false, "BlobAlreadyExists (HTTP 409)", ""},
		"HEAD has no code":       {answer(t, 404, ""), "", Gone, false, "Not Found (HTTP 404)", ""},
		"a code nobody knows":    {answer(t, 400, batchBody("BrandNew", "new")), "BrandNew", Refused, false, "BrandNew (HTTP 400): new", ""},
		"a proxy's page":         {answer(t, 502, "<html><body>Bad Gateway</body></html>"), "", Retry, true, "Bad Gateway (HTTP 502)", "busy"},
		"not implemented":        {answer(t, 501, ""), "", Refused, false, "Not Implemented (HTTP 501)", ""},
		"unauthorized":           {answer(t, 401, ""), "", Denied, false, "Unauthorized (HTTP 401)", "key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wrapped := fmt.Errorf("create job j: %w", test.err)
			e := Explain(wrapped)
			require.Equal(t, test.code, e.Code)
			require.Equal(t, test.kind, e.Kind)
			require.Equal(t, test.retry, e.Retryable())
			require.Equal(t, "create job j: "+test.message, e.Message, "wrapping stays, the dump goes")
			require.Contains(t, e.Advice, test.advice)
			require.NotContains(t, e.String(), "hush")
			require.NotContains(t, e.String(), "\n")
			require.True(t, Is(wrapped, "Other", test.code))
			require.False(t, Is(wrapped, "Other"))
		})
	}
}

// refusing is the address of a port on which nobody listens.
func refusing(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	return server.URL
}

func get(t *testing.T, client *http.Client, address string) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/x?sig=hush", nil)
	require.NoError(t, err)
	resp, err := client.Do(req)
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		require.NoError(t, resp.Body.Close())
	}
	return err
}

func TestExplainTheNetwork(t *testing.T) {
	t.Parallel()
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(untrusted.Close)
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(hanging.Close)
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		fmt.Fprint(w, "half")
	}))
	t.Cleanup(cut.Close)
	resetting := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(resetting.Close)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()

	plain := &http.Client{Transport: &http.Transport{}}
	stalling := &http.Client{Transport: newTransport(20 * time.Millisecond)}
	for name, test := range map[string]struct {
		err    error
		code   string
		kind   Kind
		advice string
	}{
		"nobody listens":          {get(t, plain, refusing(t)), CodeNetwork, Retry, "check the endpoint, and that the service runs there"},
		"no such host":            {get(t, plain, "http://no-such-host.invalid"), CodeNetwork, Retry, "no host is called no-such-host.invalid"},
		"a certificate":           {get(t, plain, untrusted.URL), CodeCertificate, Refused, "SSL_CERT_FILE"},
		"a connection that hangs": {get(t, stalling, hanging.URL), CodeTimeout, Retry, ""},
		"an answer cut short":     {get(t, plain, cut.URL), CodeNetwork, Retry, ""},
		"a connection closed":     {get(t, plain, resetting.URL), CodeNetwork, Retry, ""},
		"a deadline":              {context.DeadlineExceeded, CodeTimeout, Retry, ""},
		"cancelled":               {&url.Error{Op: "Get", URL: "x?sig=hush", Err: cancelled.Err()}, CodeCancelled, Cancelled, ""},
		"something else":          {errors.New("disk\non fire sig=hush"), "", Unknown, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := Explain(fmt.Errorf("list pools: %w", test.err))
			require.Equal(t, test.code, e.Code, e.Message)
			require.Equal(t, test.kind, e.Kind)
			require.Contains(t, e.Advice, test.advice)
			require.True(t, strings.HasPrefix(e.Message, "list pools: "), e.Message)
			require.NotContains(t, e.String(), "hush")
			require.NotContains(t, e.String(), "\n")
		})
	}
	require.Equal(t, Explanation{}, Explain(nil))
}

func TestExplainSigningIn(t *testing.T) {
	t.Parallel()
	refused := func(status int, body string) error {
		return &azidentity.AuthenticationFailedError{RawResponse: &http.Response{StatusCode: status, Status: fmt.Sprint(status), Body: io.NopCloser(strings.NewReader(body))}}
	}
	for name, test := range map[string]struct {
		err     error
		kind    Kind
		message string
	}{
		"a wrong secret":       {refused(401, `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1"}`), Denied, "Entra ID refused to sign in (HTTP 401): AADSTS7000215: Invalid client secret provided."},
		"trouble there":        {refused(503, ""), Retry, "Entra ID refused to sign in (HTTP 503): no reason given"},
		"no credential at all": {azidentity.NewCredentialUnavailableError("DefaultAzureCredential: failed to acquire a token.\nAttempted credentials:\n\tEnvironmentCredential: missing"), Denied, "no credential for Entra ID: DefaultAzureCredential: failed to acquire a token."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := Explain(fmt.Errorf("list pools: %w", test.err))
			require.Equal(t, CodeCredential, e.Code)
			require.Equal(t, test.kind, e.Kind)
			require.Equal(t, "list pools: "+test.message, e.Message)
			require.NotEmpty(t, e.Advice)
		})
	}
}

func TestAMessageIsShort(t *testing.T) {
	t.Parallel()
	e := Explain(errors.New(strings.Repeat("\u00e4\n", 5000)))
	require.LessOrEqual(t, len(e.Message), maxMessage)
	require.True(t, utf8.ValidString(e.Message))
	require.True(t, strings.HasSuffix(e.Message, "\u2026"))
}

func TestTheTableIsWhole(t *testing.T) {
	t.Parallel()
	kinds := map[Kind]bool{Retry: true, Wait: true, Exists: true, Gone: true, Deleting: true, Done: true, Refused: true, Denied: true}
	for code, entry := range codes {
		require.True(t, kinds[entry.kind], code)
		require.NotEmpty(t, http.StatusText(entry.status), code)
		require.Equal(t, strings.TrimSpace(entry.advice), entry.advice, code)
	}
}

func TestResizeError(t *testing.T) {
	t.Parallel()
	for code, permanent := range map[string]bool{
		"AccountCoreQuotaReached": false, "AccountSpotCoreQuotaReached": false, "AllocationFailed": false, "AllocationTimedOut": false,
		"ResizeStopped": false, "UnsupportedVMSize": true, "OperationsRestrictedByPolicy": true, "OperationsRestrictedByPolicyDenied": true,
		"DependentResourceNotFound": true, "BrandNew": false,
	} {
		got, advice := ResizeError(code)
		require.Equal(t, permanent, got, code)
		require.NotEmpty(t, advice, code)
	}
}

// TestFileErrorsAreNotTheNetworks: an errno has the methods of a net.Error.
func TestFileErrorsAreNotTheNetworks(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		&os.LinkError{Op: "renameat", Old: "a", New: "b", Err: syscall.EEXIST},
		&fs.PathError{Op: "write", Path: "a", Err: syscall.ENOSPC},
		fmt.Errorf("download: %w", &fs.PathError{Op: "mkdir", Path: "a", Err: syscall.ENOTDIR}),
	} {
		e := Explain(err)
		require.Equal(t, CodeFile, e.Code, "%v", err)
		require.False(t, e.Retryable(), "%v", err)
	}
	e := Explain(&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)})
	require.Equal(t, CodeNetwork, e.Code)
	require.True(t, e.Retryable())
}
