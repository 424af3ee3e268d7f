package azure

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/tracing"
)

// The environment variables that name the accounts.
const (
	EnvBatchEndpoint           = "AZURE_BATCH_ENDPOINT"
	EnvBatchAccountName        = "AZURE_BATCH_ACCOUNT_NAME"
	EnvBatchAccountKey         = "AZURE_BATCH_ACCOUNT_KEY"
	EnvStorageConnectionString = "AZURE_STORAGE_CONNECTION_STRING"
	EnvStorageBlobEndpoint     = "AZURE_STORAGE_BLOB_ENDPOINT"
)

// Config names a Batch account and a storage account. Its String, GoString and
// LogValue leave the keys out.
type Config struct {
	BatchEndpoint    string // https://<account>.<region>.batch.azure.com, without a path
	BatchAccountName string
	BatchAccountKey  string `json:"-"` // empty: Entra ID

	// One of the two is set: a connection string with an account key, or the
	// blob endpoint, https://<account>.blob.core.windows.net, for Entra ID.
	StorageConnectionString string `json:"-"`
	StorageBlobEndpoint     string

	// Throttled, if there is one, is called for each answer that asked to slow
	// down, with BatchService or BlobService, by several goroutines at once.
	Throttled func(service string) `json:"-"`
	// Tracing, if it is one, gets a span for each call of Batch; the many of Blob
	// have none.
	Tracing tracing.Provider `json:"-"`
}

// ConfigFromEnv reads the variables of both accounts. The error names every
// variable that is missing or invalid, one a line, with what to set; it never
// holds the value of a key or connection string.
func ConfigFromEnv(getenv func(string) string) (Config, error) {
	batch, batchErr := BatchConfigFromEnv(getenv)
	storage, storageErr := StorageConfigFromEnv(getenv)
	if err := errors.Join(batchErr, storageErr); err != nil {
		return Config{}, err
	}
	batch.StorageConnectionString = storage.StorageConnectionString
	batch.StorageBlobEndpoint = storage.StorageBlobEndpoint
	return batch, nil
}

// BatchConfigFromEnv is ConfigFromEnv for the Batch account alone.
func BatchConfigFromEnv(getenv func(string) string) (Config, error) {
	c := Config{
		BatchEndpoint:    strings.TrimRight(strings.TrimSpace(getenv(EnvBatchEndpoint)), "/"),
		BatchAccountName: strings.TrimSpace(getenv(EnvBatchAccountName)),
		BatchAccountKey:  strings.TrimSpace(getenv(EnvBatchAccountKey)),
	}
	var problems []error
	if c.BatchEndpoint == "" {
		problems = append(problems, errors.New(EnvBatchEndpoint+" is not set; set it to the Batch account's URL, such as https://myaccount.westeurope.batch.azure.com"))
	} else if u, err := checkEndpoint(c.BatchEndpoint, c.BatchAccountKey != ""); err != nil {
		problems = append(problems, fmt.Errorf("%s: %w", EnvBatchEndpoint, err))
	} else if u.Path != "" {
		problems = append(problems, fmt.Errorf("%s: %q has a path; set it to scheme and host alone", EnvBatchEndpoint, c.BatchEndpoint))
	}
	if c.BatchAccountKey != "" {
		if _, err := base64.StdEncoding.DecodeString(c.BatchAccountKey); err != nil {
			problems = append(problems, errors.New(EnvBatchAccountKey+" is not valid base64; copy the whole key of the Batch account, or unset it to use Entra ID"))
		}
		if c.BatchAccountName == "" {
			problems = append(problems, errors.New(EnvBatchAccountName+" is not set; a key needs the Batch account's name, such as myaccount"))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return Config{}, err
	}
	return c, nil
}

// StorageConfigFromEnv is ConfigFromEnv for the storage account alone, for
// commands that only move files.
func StorageConfigFromEnv(getenv func(string) string) (Config, error) {
	c := Config{
		StorageConnectionString: strings.TrimSpace(getenv(EnvStorageConnectionString)),
		StorageBlobEndpoint:     strings.TrimRight(strings.TrimSpace(getenv(EnvStorageBlobEndpoint)), "/"),
	}
	switch {
	case c.StorageConnectionString != "" && c.StorageBlobEndpoint != "":
		return Config{}, fmt.Errorf("%s and %s are both set; unset the one that is not meant", EnvStorageConnectionString, EnvStorageBlobEndpoint)
	case c.StorageConnectionString != "":
		account, err := parseConnectionString(c.StorageConnectionString)
		if err == nil {
			_, err = checkEndpoint(account.endpoint, true)
		}
		if err != nil {
			return Config{}, fmt.Errorf("%s: %w", EnvStorageConnectionString, err)
		}
	case c.StorageBlobEndpoint != "":
		if _, err := checkEndpoint(c.StorageBlobEndpoint, false); err != nil {
			return Config{}, fmt.Errorf("%s: %w", EnvStorageBlobEndpoint, err)
		}
	default:
		return Config{}, fmt.Errorf("neither %s nor %s is set; set the first to the storage account's connection string, "+
			"or the second to its blob endpoint, such as https://mystorage.blob.core.windows.net, to use Entra ID",
			EnvStorageConnectionString, EnvStorageBlobEndpoint)
	}
	return c, nil
}

// checkEndpoint accepts https anywhere. It accepts http only with an account
// key, which signs requests and is never sent itself, and only to a host that
// cannot be on the public Internet: a loopback address, localhost, or a name
// without a dot, as a service has inside Docker Compose or Kubernetes. A bearer
// token never travels over http.
func checkEndpoint(endpoint string, accountKey bool) (*url.URL, error) {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "" || u.Scheme == "":
		return nil, fmt.Errorf("%q is not a URL; it starts with https:// and the account's host", Scrub(endpoint))
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%q holds more than scheme, host and path; leave the rest out", Scrub(u.Redacted()))
	case u.Scheme == "https":
		return u, nil
	case u.Scheme != "http":
		return nil, fmt.Errorf("%q: scheme %s is not known; use https", endpoint, u.Scheme)
	case !accountKey:
		return nil, fmt.Errorf("%q: Entra ID needs https, a token must not travel in clear text", endpoint)
	case !privateHost(u.Hostname()):
		return nil, fmt.Errorf("%q: http is for this machine (127.0.0.1, localhost) and names without a dot; use https", endpoint)
	}
	return u, nil
}

// BatchIsHere says whether the Batch service is one of this machine: nobody is
// billed for its calls or throttled.
func (c Config) BatchIsHere() bool {
	u, err := url.Parse(c.BatchEndpoint)
	return err == nil && privateHost(u.Hostname())
}

func privateHost(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	return !strings.Contains(strings.TrimSuffix(host, ".localhost"), ".")
}

// String names the accounts without their keys.
func (c Config) String() string {
	return fmt.Sprintf("Batch %s (%s), storage %s", c.BatchEndpoint, keyOrEntra(c.BatchAccountKey), c.storageForPeople())
}

// GoString is String, so that %#v leaves the keys out too.
func (c Config) GoString() string { return "azure.Config{" + c.String() + "}" }

// LogValue names the accounts without their keys.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("batch", c.BatchEndpoint),
		slog.String("batchAuth", keyOrEntra(c.BatchAccountKey)),
		slog.String("storage", c.storageForPeople()),
	)
}

func (c Config) storageForPeople() string {
	if c.StorageConnectionString == "" {
		return c.StorageBlobEndpoint + " (Entra ID)"
	}
	account, err := parseConnectionString(c.StorageConnectionString)
	if err != nil {
		return "(invalid connection string)"
	}
	return account.endpoint + " (account key)"
}

func keyOrEntra(key string) string {
	if key == "" {
		return "Entra ID"
	}
	return "account key"
}
