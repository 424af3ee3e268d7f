package activities

import (
	"context"
	"net/url"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// createContainer makes a container of the run's own, or finds that an
// earlier attempt made it.
func (a *Activities) createContainer(ctx context.Context, name string, owner Owner) error {
	return a.createMarked(ctx, name, owner, a.markOf(owner).ofContainer())
}

// createOutputContainer makes the output container, which says whose workload's
// outputs it holds: later runs find it by that.
func (a *Activities) createOutputContainer(ctx context.Context, in ScanInput) error {
	metadata := a.markOf(in.Owner).ofContainer()
	if in.Name != "" {
		metadata[underscored(metadataWorkload)] = header(in.Name)
	}
	return a.createMarked(ctx, in.OutputContainer, in.Owner, metadata)
}

func (a *Activities) createMarked(ctx context.Context, name string, owner Owner, metadata map[string]*string) error {
	client := a.Storage.Container(name)
	_, err := client.Create(ctx, &container.CreateOptions{Metadata: metadata})
	if !bloberror.HasCode(err, bloberror.ContainerAlreadyExists) {
		return failFirst(ctx, err, "create container %s", name)
	}
	return a.containerIsOurs(ctx, name, owner)
}

// containerIsOurs answers nil for a container that bears the owner's mark.
func (a *Activities) containerIsOurs(ctx context.Context, name string, owner Owner) error {
	properties, err := a.Storage.Container(name).GetProperties(ctx, nil)
	if err != nil {
		return fail(err, "look at container %s", name)
	}
	if found, _, ok := markOnContainer(properties.Metadata); ok && found.RunID == owner.RunID {
		return nil
	}
	return refuse(NotOurs, "container %s exists and is not this run's; nothing of it was touched. Start the run under another workflow id", name)
}

// DeleteContainerInput names a container of the run's own.
type DeleteContainerInput struct {
	Owner     Owner  `json:"owner"`
	Container string `json:"container"`
}

// DeleteContainer deletes the container with all that is in it and answers
// when it answers 404 to us; one that is gone already is success.
func (a *Activities) DeleteContainer(ctx context.Context, in DeleteContainerInput) error {
	defer alive(ctx)()
	if err := a.containerIsOurs(ctx, in.Container, in.Owner); err != nil {
		return unlessGone(err)
	}
	client := a.Storage.Container(in.Container)
	_, err := client.Delete(ctx, nil)
	if err != nil && !bloberror.HasCode(err, bloberror.ContainerNotFound, bloberror.ContainerBeingDeleted) {
		return fail(err, "delete container %s", in.Container)
	}
	return untilGone(ctx, func(ctx context.Context) error {
		_, err := client.GetProperties(ctx, nil)
		return fail(err, "look at container %s", in.Container)
	})
}

// header makes any text fit for a metadata value, which travels as an HTTP
// header.
func header(s string) *string {
	escaped := url.PathEscape(s)
	return &escaped
}

// headerText reads what header wrote; what it did not write is as it is.
func headerText(escaped string) string {
	if text, err := url.PathUnescape(escaped); err == nil {
		return text
	}
	return escaped
}
