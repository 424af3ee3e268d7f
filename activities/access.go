package activities

import (
	"context"
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
}

// resourceFiles signs what a workload's resource files name.
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
		signed, err := a.Storage.BlobReadURL(ctx, file.Container, file.Blob, access.Until)
		out.HTTPURL, out.FilePath = to.Ptr(signed), to.Ptr(file.Path)
		if file.Path == "" {
			out.FilePath = to.Ptr(file.Blob)
		}
		return out, err
	default:
		signed, err := a.Storage.ContainerURL(ctx, file.Container, azure.ReadList, access.Until)
		out.StorageContainerURL = to.Ptr(signed)
		if file.Prefix != "" {
			out.BlobPrefix = to.Ptr(file.Prefix)
		}
		if file.Path != "" {
			out.FilePath = to.Ptr(file.Path)
		}
		return out, err
	}
}
