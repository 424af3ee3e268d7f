package activities

import (
	"context"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// Metadata names of a container are C# identifiers and come back in any case
// (Blob REST reference, Set Container Metadata).
const (
	containerWorkflowID = "durabatch_workflow_id"
	containerRunID      = "durabatch_run_id"
	containerNamespace  = "durabatch_namespace"
)

// createContainer makes a container of the run's own, or finds that an
// earlier attempt made it.
func (a *Activities) createContainer(ctx context.Context, name string, owner Owner) error {
	client := a.Storage.Container(name)
	_, err := client.Create(ctx, &container.CreateOptions{Metadata: map[string]*string{
		containerWorkflowID: header(owner.WorkflowID),
		containerRunID:      header(owner.RunID),
		containerNamespace:  header(owner.Namespace),
	}})
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
	for key, value := range properties.Metadata {
		if strings.EqualFold(key, containerRunID) && value != nil && *value == *header(owner.RunID) {
			return nil
		}
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
