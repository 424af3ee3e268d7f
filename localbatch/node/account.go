package node

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	blobsas "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
)

// StorageAccount is an account of Blob storage and the key to it.
type StorageAccount struct {
	// Endpoint is the address of the account's Blob service, such as
	// https://name.blob.core.windows.net, or http://127.0.0.1:10000/name for
	// an account of Azurite.
	Endpoint string
	Name     string
	Key      string // base64, as Azure shows it
}

// accessTime is how long what is signed here can be used: longer than the
// transfer of anything.
const accessTime = 24 * time.Hour

// holds says whether an address is below the account's endpoint, and if so
// gives its path below.
func (a StorageAccount) holds(address *url.URL) (below string, ok bool) {
	endpoint, err := url.Parse(a.Endpoint)
	if err != nil || !strings.EqualFold(endpoint.Host, address.Host) {
		return "", false
	}
	return strings.CutPrefix(address.EscapedPath(), strings.TrimSuffix(endpoint.EscapedPath(), "/")+"/")
}

// sign gives an address in the account a SAS for its whole container.
func (a StorageAccount) sign(address *url.URL, below string) (string, error) {
	name, _, _ := strings.Cut(below, "/")
	credential, err := container.NewSharedKeyCredential(a.Name, a.Key)
	if err != nil {
		return "", errors.New("the key of the storage account " + a.Name + " is not base64") // without the key itself
	}
	signed, err := blobsas.BlobSignatureValues{
		ContainerName: name,
		Protocol:      blobsas.ProtocolHTTPSandHTTP,
		ExpiryTime:    time.Now().UTC().Add(accessTime),
		Permissions:   (&blobsas.ContainerPermissions{Read: true, List: true, Create: true, Add: true, Write: true}).String(),
	}.SignWithSharedKey(credential)
	if err != nil {
		return "", err
	}
	with := *address
	with.RawQuery = signed.Encode()
	return with.String(), nil
}

// accessError says why no identity opens an address. To storage it would be
// somebody without rights.
type accessError struct{ text string }

func (e *accessError) Error() string { return e.text }

// withAccess gives an address the rights of an identity; one without identity
// stays as it is.
func (m *Machine) withAccess(address, identity string) (string, error) {
	if identity == "" {
		return address, nil
	}
	u, err := httpAddress(address)
	if err != nil {
		return "", err
	}
	for id, accounts := range m.identities {
		if !strings.EqualFold(id, identity) {
			continue
		}
		for _, account := range accounts {
			if below, ok := account.holds(u); ok {
				return account.sign(u, below)
			}
		}
		return "", &accessError{fmt.Sprintf("the identity %s has no storage account at %s here", identity, u.Host)}
	}
	return "", &accessError{fmt.Sprintf("the node has no identity %s: the Batch service was not told which storage accounts it opens", identity)}
}

// autoStorage is the address of a container in the storage account that is
// linked to the Batch account, with a SAS.
func (m *Machine) autoStorageContainer(name string) (string, error) {
	account := m.autoStorage
	if account == nil {
		return "", &accessError{"no storage account is linked to the Batch account: the Batch service was started without one"}
	}
	u, err := httpAddress(strings.TrimSuffix(account.Endpoint, "/") + "/" + url.PathEscape(name))
	if err != nil {
		return "", fmt.Errorf("the endpoint of the linked storage account: %w", err)
	}
	return account.sign(u, url.PathEscape(name))
}
