package activities

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"go.temporal.io/sdk/temporal"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/durabatch/durabatch/workload"
)

// eachItem yields the items of a manifest that the user wrote, in its order.
func (a *Activities) eachItem(ctx context.Context, in workload.Inputs, unique bool, yield func(workload.Input) error) error {
	text, err := a.openManifest(ctx, in)
	if err != nil {
		return err
	}
	defer text.Close()
	err = workload.ReadManifest(text, in.Container, unique, func(input workload.Input) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return yield(input)
	})
	switch app := (*temporal.ApplicationError)(nil); {
	case err == nil || errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &app) && app.Type() != InvalidWorkload:
		return app // of what is done with each item
	case !isLocal(err) && app == nil:
		return fail(err, "read %s", origin(in))
	case app != nil: // of an item, whose line stands before it
		line, _, _ := strings.Cut(err.Error(), ":")
		return refuse(InvalidWorkload, "inputs.manifest: %s, %s: %s", origin(in), line, app.Message())
	default:
		return refuse(InvalidWorkload, "inputs.manifest: %s, %v", origin(in), err)
	}
}

func (a *Activities) openManifest(ctx context.Context, in workload.Inputs) (io.ReadCloser, error) {
	if in.Container == "" {
		file, err := os.Open(in.Manifest)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, refuse(InvalidWorkload, "inputs.manifest: there is no file %s", in.Manifest)
		}
		if err != nil {
			return nil, refuse(InvalidWorkload, "inputs.manifest: %v", err)
		}
		return file, nil
	}
	answer, err := a.Storage.Container(in.Container).NewBlobClient(in.Manifest).DownloadStream(ctx, nil)
	if bloberror.HasCode(err, bloberror.BlobNotFound, bloberror.ContainerNotFound) {
		return nil, refuse(InvalidWorkload, "inputs.manifest: there is no %s in the storage account", origin(in))
	}
	if err != nil {
		return nil, failFirst(ctx, err, "read %s", origin(in))
	}
	return answer.NewRetryReader(ctx, nil), nil
}

// source is where a node finds an input.
func (in SubmitInput) source(input workload.Input) workload.ResourceFile {
	if input.URL != "" {
		return workload.ResourceFile{URL: input.URL, Path: input.Name}
	}
	file := workload.ResourceFile{Container: in.InputContainer, Blob: input.Blob, Path: input.Name}
	if input.Container != "" {
		file.Container = input.Container
	}
	return file
}
