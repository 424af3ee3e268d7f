package azure

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"
)

// Storage is one storage account: its containers, and URLs that let a node
// read or write in them. It may be used by several goroutines at once.
type Storage struct {
	client   *service.Client
	endpoint string // without a trailing slash
	sign     signer
	now      func() time.Time
}

// NewStorage makes the client of cfg's storage account, with the account key
// of its connection string or, with a blob endpoint, with Entra ID by the
// default chain of azidentity. It sends nothing yet.
//
// The identity needs the role Storage Blob Data Contributor; to sign URLs it
// also needs Storage Blob Delegator on the account (source: Storage REST
// reference, Get User Delegation Key).
func NewStorage(cfg Config) (*Storage, error) {
	if cfg.StorageConnectionString != "" {
		return newStorageWithKey(cfg.StorageConnectionString, clientOptions(cfg, BlobService))
	}
	if _, err := checkEndpoint(cfg.StorageBlobEndpoint, false); err != nil {
		return nil, fmt.Errorf("blob endpoint: %w", err)
	}
	options := clientOptions(cfg, BlobService)
	cred, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: options})
	if err != nil {
		return nil, err
	}
	return newStorageWithToken(cfg.StorageBlobEndpoint, cred, options)
}

func newStorageWithKey(connectionString string, options azcore.ClientOptions) (*Storage, error) {
	account, err := parseConnectionString(connectionString)
	if err != nil {
		return nil, err
	}
	if _, err := checkEndpoint(account.endpoint, true); err != nil {
		return nil, fmt.Errorf("connection string: %w", err)
	}
	cred, err := service.NewSharedKeyCredential(account.name, account.key)
	if err != nil {
		return nil, errors.New("connection string: AccountKey is not valid base64; copy the whole string")
	}
	client, err := service.NewClientWithSharedKeyCredential(account.endpoint+"/", cred, &service.ClientOptions{ClientOptions: options})
	if err != nil {
		return nil, err
	}
	return &Storage{client: client, endpoint: account.endpoint, sign: keySigner{cred}, now: time.Now}, nil
}

func newStorageWithToken(endpoint string, cred azcore.TokenCredential, options azcore.ClientOptions) (*Storage, error) {
	endpoint = strings.TrimRight(endpoint, "/")
	client, err := service.NewClient(endpoint+"/", cred, &service.ClientOptions{ClientOptions: options})
	if err != nil {
		return nil, err
	}
	return &Storage{client: client, endpoint: endpoint, sign: &delegationSigner{client: client}, now: time.Now}, nil
}

// Container is the client of the container of that name, which may not exist.
func (s *Storage) Container(name string) *container.Client {
	return s.client.NewContainerClient(name)
}

// Containers lists the account's containers with their metadata, page by page.
func (s *Storage) Containers() *runtime.Pager[service.ListContainersResponse] {
	return s.client.NewListContainersPager(&service.ListContainersOptions{Include: service.ListContainersInclude{Metadata: true}})
}

// BlobURL is a blob's address without a signature. It escapes each segment of
// the name and keeps its slashes, as people and Batch nodes know such URLs.
func (s *Storage) BlobURL(containerName, blob string) string {
	segments := strings.Split(blob, "/")
	for i, segment := range segments {
		segments[i] = url.PathEscape(segment)
	}
	return s.ContainerURL(containerName) + "/" + strings.Join(segments, "/")
}

// ContainerURL is a container's address without a signature.
func (s *Storage) ContainerURL(name string) string {
	return s.endpoint + "/" + url.PathEscape(name)
}

// protocol keeps a signature from being used over http, unless the endpoint
// itself is http, as an emulator's is.
func (s *Storage) protocol() sas.Protocol {
	if strings.HasPrefix(s.endpoint, "https:") {
		return sas.ProtocolHTTPS
	}
	return sas.ProtocolHTTPSandHTTP
}

// storageAccount is what a connection string says.
type storageAccount struct {
	name, key string
	endpoint  string // of blobs, without a trailing slash
}

// parseConnectionString lets azblob judge the string and build the endpoint;
// name and key, which azblob keeps to itself, are needed to sign URLs.
func parseConnectionString(s string) (storageAccount, error) {
	fields := make(map[string]string)
	for field := range strings.SplitSeq(s, ";") {
		if name, value, ok := strings.Cut(field, "="); ok {
			fields[name] = value
		}
	}
	if strings.EqualFold(fields["UseDevelopmentStorage"], "true") {
		return storageAccount{}, errors.New("UseDevelopmentStorage=true is a shortcut that is not supported; write the emulator's AccountName, AccountKey and BlobEndpoint")
	}
	account := storageAccount{name: fields["AccountName"], key: fields["AccountKey"]}
	if account.name == "" || account.key == "" {
		return storageAccount{}, errors.New("it needs AccountName and AccountKey, which sign the URLs that nodes use; copy the whole string from the account's access keys")
	}
	client, err := service.NewClientFromConnectionString(s, nil)
	if err != nil {
		return storageAccount{}, errors.New("it is not a connection string, or its AccountKey is not whole; copy all of it from the account's access keys")
	}
	account.endpoint = strings.TrimRight(client.URL(), "/")
	return account, nil
}
