package azure

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
)

// Permissions are what a container's URL allows, in the letters of a shared
// access signature's sp.
type Permissions string

// The permissions that a run hands out.
const (
	// Upload lets a node create and overwrite outputs, and neither read nor
	// delete any. Overwriting is needed: a task that is run again uploads again.
	Upload Permissions = "cw"
	// Read lets a node fetch a blob.
	Read Permissions = "r"
	// ReadList lets a node list a container and fetch its blobs.
	ReadList Permissions = "rl"
)

// BlobReadURL is the blob's URL with a signature that lets its holder read
// this one blob until expiry. No start time is set, since a node's clock may
// be behind ours (source: Storage REST reference, SAS best practices). The URL
// is a secret: it must not be logged or kept in a history.
//
// With an account key any expiry is possible. With Entra ID it is an error if
// expiry is more than about seven days away; see MaxDelegation.
func (s *Storage) BlobReadURL(ctx context.Context, container, blob string, expiry time.Time) (string, error) {
	if blob == "" {
		return "", fmt.Errorf("no blob is named in container %s", container)
	}
	query, err := s.signature(ctx, sas.BlobSignatureValues{
		ContainerName: container,
		BlobName:      blob,
		Permissions:   "r",
		ExpiryTime:    expiry,
	})
	if err != nil {
		return "", fmt.Errorf("sign a URL for blob %s/%s: %w", container, blob, err)
	}
	return s.BlobURL(container, blob) + "?" + query, nil
}

// SignedContainerURL is the container's URL with a signature for all of its
// blobs; otherwise it is as BlobReadURL.
func (s *Storage) SignedContainerURL(ctx context.Context, container string, permissions Permissions, expiry time.Time) (string, error) {
	query, err := s.signature(ctx, sas.BlobSignatureValues{
		ContainerName: container,
		Permissions:   string(permissions),
		ExpiryTime:    expiry,
	})
	if err != nil {
		return "", fmt.Errorf("sign a URL for container %s: %w", container, err)
	}
	return s.ContainerURL(container) + "?" + query, nil
}

func (s *Storage) signature(ctx context.Context, values sas.BlobSignatureValues) (string, error) {
	now := s.now()
	if !values.ExpiryTime.After(now) {
		return "", fmt.Errorf("expiry %s is not after now, %s", values.ExpiryTime.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	// A fraction of a second would be cut, and the signature end early.
	values.ExpiryTime = values.ExpiryTime.UTC().Add(time.Second - 1).Truncate(time.Second)
	values.Protocol = s.protocol()
	parameters, err := s.sign.sign(ctx, values, now)
	if err != nil {
		return "", err
	}
	return parameters.Encode(), nil
}

// Sign signs an address that BlobURL or ContainerURL made. Other addresses it
// answers as they are.
func (s *Storage) Sign(ctx context.Context, address string, permissions Permissions, expiry time.Time) (string, error) {
	path, ours := strings.CutPrefix(address, s.endpoint+"/")
	container, blob, _ := strings.Cut(path, "/")
	container, err := url.PathUnescape(container)
	if err != nil || !ours {
		return address, err
	}
	if blob, err = url.PathUnescape(blob); err != nil {
		return "", err
	}
	if blob == "" {
		return s.SignedContainerURL(ctx, container, permissions, expiry)
	}
	return s.BlobReadURL(ctx, container, blob, expiry)
}

// SignaturesLast is for how long a signature can be made: [MaxDelegation] with
// Entra ID, and zero, which is any time, with an account key.
func (s *Storage) SignaturesLast() time.Duration { return s.sign.longest() }

// signer signs with one kind of credential.
type signer interface {
	longest() time.Duration // zero: any time
	sign(ctx context.Context, values sas.BlobSignatureValues, now time.Time) (sas.QueryParameters, error)
	// length bounds what a signature adds to a URL, in characters.
	length() int
}

type keySigner struct{ cred *sas.SharedKeyCredential }

func (k keySigner) longest() time.Duration { return 0 }

func (k keySigner) sign(_ context.Context, values sas.BlobSignatureValues, _ time.Time) (sas.QueryParameters, error) {
	return values.SignWithSharedKey(k.cred)
}

// AddressLength bounds the length of what a node is told of a blob or, without
// one, of a container: its URL with a signature, or with the resource id of an
// identity.
func (s *Storage) AddressLength(container, blob string) int {
	return len(s.BlobURL(container, blob)) + 1 + s.sign.length()
}

// length is that of the parameters se, sig, sp, spr, sr and sv, with all that
// must be escaped in them; an identity's resource id is a little longer.
func (k keySigner) length() int { return 260 }
