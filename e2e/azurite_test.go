package e2e

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/stretchr/testify/require"
)

// untilAzuriteSaved waits until Azurite has written down what is in a
// container, which it does every five seconds: what it was told since is lost
// when it is killed. Azure Storage needs no such patience.
func (s *stack) untilAzuriteSaved(t *testing.T, name string) {
	t.Helper()
	var blobs []string
	pager := s.storage.Container(name).NewListBlobsFlatPager(&container.ListBlobsFlatOptions{})
	for pager.More() {
		page, err := pager.NextPage(t.Context())
		require.NoError(t, err)
		for _, item := range page.Segment.BlobItems {
			blobs = append(blobs, *item.Name)
		}
	}
	until(t, time.Minute, "Azurite saves its blobs and where their content is", func() bool {
		content := s.savedBlobs(t, name)
		extents := s.savedExtents(t)
		return !slices.ContainsFunc(blobs, func(blob string) bool {
			extent, ok := content[blob]
			return !ok || !extents[extent]
		})
	})
	require.NotEmpty(t, blobs)
}

// savedBlobs are the blobs of a container in Azurite's files, and the extent
// that the content of each is in.
func (s *stack) savedBlobs(t *testing.T, name string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, record := range s.saved(t, "__azurite_db_blob__.json") {
		if record.ContainerName == name {
			found[record.Name] = record.Persistency.ID
		}
	}
	return found
}

func (s *stack) savedExtents(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, record := range s.saved(t, "__azurite_db_blob_extent__.json") {
		found[record.ID] = true
	}
	return found
}

// azuriteRecord is one of any collection in Azurite's files.
type azuriteRecord struct {
	ID                  string // of an extent
	ContainerName, Name string // of a blob
	Persistency         struct{ ID string }
}

func (s *stack) saved(t *testing.T, file string) []azuriteRecord {
	t.Helper()
	var database struct {
		Collections []struct{ Data []azuriteRecord }
	}
	require.NoError(t, json.Unmarshal(readFile(t, filepath.Join(s.dir, "azurite", file)), &database))
	var records []azuriteRecord
	for _, collection := range database.Collections {
		records = append(records, collection.Data...)
	}
	return records
}
