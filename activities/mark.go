package activities

import (
	"context"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// Metadata names of pools and jobs. Those of containers have underscores for
// dashes, since they are C# identifiers, and come back in any case (Blob REST
// reference, Set Container Metadata).
const (
	metadataWorkflowID  = "durabatch-workflow-id"
	metadataRunID       = "durabatch-run-id"
	metadataNamespace   = "durabatch-namespace"
	metadataNamespaceID = "durabatch-namespace-id"
	metadataKept        = "durabatch-kept"     // of output containers alone
	metadataWorkload    = "durabatch-workload" // of output containers alone: the workload's name
)

// mark is what a run writes on everything that it creates.
type mark struct {
	Owner
	namespaceID string
}

// markOf is the mark of an owner in the namespace that the worker works for.
func (a *Activities) markOf(o Owner) mark {
	m := mark{Owner: o}
	if a.Runs != nil {
		m.namespaceID = a.Runs.NamespaceID()
	}
	return m
}

func (m mark) pairs() [][2]string {
	pairs := [][2]string{
		{metadataWorkflowID, m.WorkflowID}, {metadataRunID, m.RunID}, {metadataNamespace, m.Namespace},
	}
	if m.namespaceID != "" {
		pairs = append(pairs, [2]string{metadataNamespaceID, m.namespaceID})
	}
	return pairs
}

// ofBatch is the mark as the metadata of a pool or a job.
func (m mark) ofBatch() []azbatch.MetadataItem {
	var items []azbatch.MetadataItem
	for _, pair := range m.pairs() {
		items = append(items, azbatch.MetadataItem{Name: to.Ptr(pair[0]), Value: to.Ptr(pair[1])})
	}
	return items
}

// ofContainer is the mark as the metadata of a container.
func (m mark) ofContainer() map[string]*string {
	items := map[string]*string{}
	for _, pair := range m.pairs() {
		items[underscored(pair[0])] = header(pair[1])
	}
	return items
}

func underscored(name string) string { return strings.ReplaceAll(name, "-", "_") }

// markOnBatch reads the mark of a pool or a job; false: it bears none.
func markOnBatch(items []azbatch.MetadataItem) (mark, bool) {
	values := map[string]string{}
	for _, item := range items {
		values[value(item.Name)] = value(item.Value)
	}
	return readMark(values)
}

// markOnContainer reads the mark of a container, and what of its run is kept.
func markOnContainer(items map[string]*string) (m mark, kept string, ok bool) {
	values := map[string]string{}
	for name, text := range items {
		values[strings.ReplaceAll(strings.ToLower(name), "_", "-")] = headerText(value(text))
	}
	m, ok = readMark(values)
	return m, values[metadataKept], ok
}

// metadataOf reads one value of a container's metadata.
func metadataOf(items map[string]*string, name string) string {
	for key, text := range items {
		if strings.ReplaceAll(strings.ToLower(key), "_", "-") == name {
			return headerText(value(text))
		}
	}
	return ""
}

func readMark(values map[string]string) (mark, bool) {
	m := mark{
		Owner:       Owner{WorkflowID: values[metadataWorkflowID], RunID: values[metadataRunID], Namespace: values[metadataNamespace]},
		namespaceID: values[metadataNamespaceID],
	}
	return m, m.WorkflowID != "" && m.RunID != ""
}

// KeepInput says what of a run somebody decided to keep.
type KeepInput struct {
	Owner           Owner  `json:"owner"`
	OutputContainer string `json:"outputContainer"`
	Job             bool   `json:"job"`
	Pool            bool   `json:"pool"`
	Inputs          bool   `json:"inputs,omitempty"` // the input container
}

// Keep writes down in the output container, which a run leaves in any case,
// that its job, pool or inputs stay because somebody decided so. Sweep leaves them
// alone then. A container that is gone needs no note.
func (a *Activities) Keep(ctx context.Context, in KeepInput) error {
	defer alive(ctx)()
	var kept []string
	if in.Job {
		kept = append(kept, "job")
	}
	if in.Pool {
		kept = append(kept, "pool")
	}
	if in.Inputs {
		kept = append(kept, containerKind)
	}
	if err := a.containerIsOurs(ctx, in.OutputContainer, in.Owner); err != nil {
		return unlessGone(err)
	}
	properties, err := a.Storage.Container(in.OutputContainer).GetProperties(ctx, nil)
	if err := fail(err, "look at container %s", in.OutputContainer); err != nil {
		return unlessGone(err)
	}
	metadata := a.markOf(in.Owner).ofContainer()
	if name := metadataOf(properties.Metadata, metadataWorkload); name != "" {
		metadata[underscored(metadataWorkload)] = header(name)
	}
	metadata[underscored(metadataKept)] = to.Ptr(strings.Join(kept, "-"))
	_, err = a.Storage.Container(in.OutputContainer).SetMetadata(ctx, &container.SetMetadataOptions{Metadata: metadata})
	return unlessGone(fail(err, "note in container %s what is kept", in.OutputContainer))
}

// keeps says whether a note of Keep names a kind of resource.
func keeps(kept, kind string) bool { return slices.Contains(strings.Split(kept, "-"), kind) }
