package azure

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"
)

// MaxDelegation is how far away the expiry of a URL may be that is signed
// without an account key. The service allows its keys seven days from the
// request (source: Storage REST reference, Get User Delegation Key); ten
// minutes of that are kept for clocks that differ.
const MaxDelegation = 7*24*time.Hour - 10*time.Minute

// ErrTooLong is the cause when a signature would have to last longer than the
// service allows.
var ErrTooLong = errors.New("the signature cannot last as long as it is needed")

// delegationSigner signs with a user delegation key, fetched when first needed
// and again when it ends too early for a signature.
type delegationSigner struct {
	client *service.Client

	mu    sync.Mutex
	cred  *service.UserDelegationCredential
	until time.Time
}

func (d *delegationSigner) longest() time.Duration { return MaxDelegation }

func (d *delegationSigner) sign(ctx context.Context, values sas.BlobSignatureValues, now time.Time) (sas.QueryParameters, error) {
	if ahead := values.ExpiryTime.Sub(now); ahead > MaxDelegation {
		return sas.QueryParameters{}, fmt.Errorf("%w: it would have to last until %s, %s from now, but without an account key a signature lasts at most %s (Azure's 7 days less 10 minutes); shorten the timeouts by %s, or set %s to a string with an account key",
			ErrTooLong, values.ExpiryTime.Format(time.RFC3339), ahead.Round(time.Second), MaxDelegation, (ahead - MaxDelegation).Round(time.Second), EnvStorageConnectionString)
	}
	cred, err := d.credential(ctx, values.ExpiryTime, now)
	if err != nil {
		return sas.QueryParameters{}, fmt.Errorf("get a user delegation key: %w", err)
	}
	return values.SignWithUserDelegation(cred)
}

// credential has a key that is valid until expiry at least: a signature ends
// with its key, whatever it says itself.
func (d *delegationSigner) credential(ctx context.Context, expiry, now time.Time) (*service.UserDelegationCredential, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cred != nil && !expiry.After(d.until) {
		return d.cred, nil
	}
	until := now.Add(MaxDelegation).Truncate(time.Second).Add(time.Second)
	cred, err := d.client.GetUserDelegationCredential(ctx, service.KeyInfo{
		Start:  to.Ptr(now.Add(-5 * time.Minute).UTC().Format(sas.TimeFormat)),
		Expiry: to.Ptr(until.UTC().Format(sas.TimeFormat)),
	}, nil)
	if err != nil {
		return nil, err
	}
	d.cred, d.until = cred, until
	return cred, nil
}

// length is that of a keySigner's parameters and of ske, skoid, sks, skt,
// sktid and skv.
func (d *delegationSigner) length() int { return 180 + 180 }
