package azure

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
)

// applicationID begins the User-Agent of every request, so that the accounts'
// diagnostics tell who called.
const applicationID = "durabatch"

// A Batch call is tried twice and takes at most half a minute in all, so that
// whoever called can tell in time that it waits. The service itself gives up on
// a request after 30 seconds (source: Batch REST reference, Set timeouts), but
// answers in one or two when it is well.
const (
	batchTryTimeout = 12 * time.Second
	batchRetries    = 1
)

// stallTimeout ends a connection on which no byte moves in either direction.
// A limit on whole tries would be wrong for blobs: a block may honestly take
// minutes on a slow line.
const stallTimeout = 2 * time.Minute

// NewBatch makes the client of cfg's Batch account: with its account key, or
// without one with Entra ID by the default chain of azidentity. It sends
// nothing yet.
//
// The identity needs the role Azure Batch Data Contributor, or Contributor on
// the account (source: Azure role reference).
func NewBatch(cfg Config) (*azbatch.Client, error) {
	if _, err := checkEndpoint(cfg.BatchEndpoint, cfg.BatchAccountKey != ""); err != nil {
		return nil, fmt.Errorf("Batch endpoint: %w", err)
	}
	options := clientOptions(cfg, BatchService)
	options.TracingProvider = cfg.Tracing
	if cfg.BatchAccountKey != "" {
		return newBatchWithKey(cfg, options)
	}
	cred, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: options})
	if err != nil {
		return nil, err
	}
	options.Retry.TryTimeout, options.Retry.MaxRetries = batchTryTimeout, batchRetries
	return azbatch.NewClient(cfg.BatchEndpoint, cred, &azbatch.ClientOptions{ClientOptions: options})
}

// newBatchWithKey passes no token credential: that turns azbatch's own bearer
// policy off, and with it the refusal of http.
func newBatchWithKey(cfg Config, options azcore.ClientOptions) (*azbatch.Client, error) {
	signer, err := newSharedKeyPolicy(cfg.BatchAccountName, cfg.BatchAccountKey, time.Now)
	if err != nil {
		return nil, err
	}
	options.Retry.TryTimeout, options.Retry.MaxRetries = batchTryTimeout, batchRetries
	options.PerRetryPolicies = append(options.PerRetryPolicies, signer)
	return azbatch.NewClient(cfg.BatchEndpoint, nil, &azbatch.ClientOptions{ClientOptions: options})
}

// clientOptions are those of both services. Four retries, some seven seconds,
// bridge a moment's trouble, so that what makes hundreds of calls ends at a
// service that often fails; whoever calls retries beyond that, and can be seen
// waiting. azcore honours Retry-After, and gives up when it asks for more than
// MaxRetryDelay.
func clientOptions(cfg Config, service string) azcore.ClientOptions {
	options := azcore.ClientOptions{
		Telemetry: policy.TelemetryOptions{ApplicationID: applicationID},
		Retry:     policy.RetryOptions{MaxRetries: 4, RetryDelay: 500 * time.Millisecond, MaxRetryDelay: 3 * time.Second},
		Transport: &http.Client{Transport: newTransport(stallTimeout)},
	}
	if cfg.Throttled != nil {
		options.PerRetryPolicies = append(options.PerRetryPolicies, throttleTeller{service, cfg.Throttled})
	}
	return options
}

// newTransport keeps as many idle connections to one host as transfers use at
// once: with net/http's two, thousands of small blobs would each dial.
func newTransport(stall time.Duration) *http.Transport {
	dialer := &net.Dialer{Timeout: 15 * time.Second, KeepAlive: 15 * time.Second}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &stallConn{Conn: conn, stall: stall}, nil
		},
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        256,
		MaxIdleConnsPerHost: 128,
		IdleConnTimeout:     time.Minute,
		TLSHandshakeTimeout: 15 * time.Second,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
	}
}

// stallConn fails when nothing has moved for its time. A connection that is
// half open would otherwise hold an upload until the kernel gives up, which
// takes a quarter of an hour.
type stallConn struct {
	net.Conn
	stall time.Duration
}

func (c *stallConn) Read(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.stall)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c *stallConn) Write(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.stall)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}
