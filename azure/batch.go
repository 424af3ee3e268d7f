package azure

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
)

// PoolExists says whether there is a pool of that id; one that is being
// deleted still exists. azbatch's own PoolExists returns no error for a pool
// that is not there, and no flag either (tested against v0.1.0), so this reads
// the pool, of which it asks for nothing but the id.
func PoolExists(ctx context.Context, client *azbatch.Client, id string) (bool, error) {
	_, err := client.GetPool(ctx, id, &azbatch.GetPoolOptions{SelectParam: []string{"id"}})
	return found(err, "pool", id)
}

// JobExists says whether there is a job of that id; one that is being deleted
// still exists.
func JobExists(ctx context.Context, client *azbatch.Client, id string) (bool, error) {
	_, err := client.GetJob(ctx, id, &azbatch.GetJobOptions{SelectParam: []string{"id"}})
	return found(err, "job", id)
}

func found(err error, what, id string) (bool, error) {
	if err == nil {
		return true, nil
	}
	if response, ok := errors.AsType[*azcore.ResponseError](err); ok && response.StatusCode == http.StatusNotFound {
		return false, nil
	}
	return false, fmt.Errorf("look for %s %s: %w", what, id, err)
}
