package activities

import (
	"context"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"

	"github.com/durabatch/durabatch/azure"
	"github.com/durabatch/durabatch/workload"
)

// Access says until when nodes must be able to reach Blob: the worst-case end
// of the run. Addresses with their signatures are made from it where they are
// used; they never pass through history.
type Access struct {
	Until time.Time `json:"until"`
	// Timeout and JobTimeout are what Until was made of, beside AccessMargin: for
	// those who are told that it is too late.
	Timeout    workload.Duration `json:"timeout,omitzero"`
	JobTimeout workload.Duration `json:"jobTimeout,omitzero"`
	// Identity is a managed identity of the nodes. With it nothing is signed.
	Identity string `json:"identity,omitempty"`
}

// AccessMargin is how long nodes may still upload after the last moment at which
// their job can end.
const AccessMargin = time.Hour

// AccessFor is what a run that started then needs: to its worst-case end, of a
// job that is created at the last moment and ended by its own timeout alone.
func AccessFor(started time.Time, timeout, jobTimeout workload.Duration, identity string) Access {
	return Access{
		Until:   started.Add(time.Duration(timeout+jobTimeout) + AccessMargin),
		Timeout: timeout, JobTimeout: jobTimeout, Identity: identity,
	}
}

// total is how long a whole run needs its addresses.
func (access Access) total() time.Duration {
	return time.Duration(access.Timeout+access.JobTimeout) + AccessMargin
}

// need says so in figures.
func (access Access) need() string {
	return fmt.Sprintf("%s (timeout %s + job.timeout %s + margin %s)", access.total(),
		access.Timeout, access.JobTimeout, workload.Duration(AccessMargin))
}

// identity tells Batch by which identity a node opens an address; nil: the
// address is signed.
func (access Access) identity() *azbatch.NodeIdentityReference {
	if access.Identity == "" {
		return nil
	}
	return &azbatch.NodeIdentityReference{ResourceID: to.Ptr(access.Identity)}
}

// blobAddress is where a node reads one blob.
func (a *Activities) blobAddress(ctx context.Context, container, blob string, access Access) (string, error) {
	if access.Identity != "" {
		return a.Storage.BlobURL(container, blob), nil
	}
	return a.Storage.BlobReadURL(ctx, container, blob, a.expiry(access))
}

// containerAddress is where a node uses a container.
func (a *Activities) containerAddress(ctx context.Context, container string, permissions azure.Permissions, access Access) (string, error) {
	if access.Identity != "" {
		return a.Storage.ContainerURL(container), nil
	}
	return a.Storage.SignedContainerURL(ctx, container, permissions, a.expiry(access))
}

// openTo lets nodes write outputs by their identity, where they have one.
func (access Access) openTo(outputs []azbatch.OutputFile) {
	for i := range outputs {
		outputs[i].Destination.Container.IdentityReference = access.identity()
	}
}

// resourceFiles makes addresses of what a workload's resource files name.
func (a *Activities) resourceFiles(ctx context.Context, files []workload.ResourceFile, access Access) ([]azbatch.ResourceFile, error) {
	out := make([]azbatch.ResourceFile, 0, len(files)+1)
	for _, file := range files {
		signed, err := a.resourceFile(ctx, file, access)
		if err != nil {
			return nil, fail(err, "sign the address of a resource file in container %s", file.Container)
		}
		out = append(out, signed)
	}
	return out, nil
}

func (a *Activities) resourceFile(ctx context.Context, file workload.ResourceFile, access Access) (azbatch.ResourceFile, error) {
	var out azbatch.ResourceFile
	if file.Mode != "" {
		out.FileMode = to.Ptr(file.Mode)
	}
	switch {
	case file.URL != "":
		out.HTTPURL, out.FilePath = to.Ptr(file.URL), to.Ptr(file.Path)
		return out, nil
	case file.Blob != "":
		address, err := a.blobAddress(ctx, file.Container, file.Blob, access)
		out.HTTPURL, out.FilePath, out.IdentityReference = to.Ptr(address), to.Ptr(file.Path), access.identity()
		if file.Path == "" {
			out.FilePath = to.Ptr(file.Blob)
		}
		return out, err
	default:
		address, err := a.containerAddress(ctx, file.Container, azure.ReadList, access)
		out.StorageContainerURL, out.IdentityReference = to.Ptr(address), access.identity()
		if file.Prefix != "" {
			out.BlobPrefix = to.Ptr(file.Prefix)
		}
		if file.Path != "" {
			out.FilePath = to.Ptr(file.Path)
		}
		return out, err
	}
}
