package transfer

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// Blob is a blob as a list tells of it.
type Blob struct {
	Name    string // below the prefix's directory: path of a file
	Blob    string // the blob's whole name
	Size    int64
	MD5     []byte // empty when the service has none
	ModTime time.Time
}

// WalkContainer calls yield for each blob whose name begins with prefix and
// matches any of the patterns of Walk, in the order of their names. Name is
// what follows the prefix's last slash: with the prefix "videos/a", the blob
// "videos/a/1.mp4" is "a/1.mp4".
//
// Markers of directories, which some tools leave as empty blobs, are left out.
// A matching blob whose name cannot be a path below a directory (two slashes in
// a row, a leading slash, a segment . or ..) is an error that names it, with the
// cause ErrName.
func WalkContainer(ctx context.Context, c *container.Client, prefix string, match []string, yield func(Blob) error) error {
	return new(Survey).WalkContainer(ctx, c, prefix, match, yield)
}

func walkContainer(ctx context.Context, c *container.Client, prefix string, s *Survey, yield func(Blob) error) error {
	directory := prefix[:strings.LastIndex(prefix, "/")+1]
	pages := c.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{
		Prefix:  &prefix,
		Include: container.ListBlobsInclude{Metadata: true},
	})
	for pages.More() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list container %s: %w", path.Base(c.URL()), err)
		}
		for _, item := range page.Segment.BlobItems {
			b := listed(item, directory)
			if isDirectory(item) || !s.matches(b.Name) {
				continue
			}
			if !fs.ValidPath(b.Name) || b.Name == "." {
				return fmt.Errorf("blob %q: %w: %q is not a path below a directory; rename it, or leave it out of what matches", b.Blob, ErrName, b.Name)
			}
			if err := yield(b); err != nil {
				return err
			}
		}
	}
	return nil
}

func listed(item *container.BlobItem, directory string) Blob {
	b := Blob{Blob: value(item.Name)}
	b.Name = strings.TrimPrefix(b.Blob, directory)
	if p := item.Properties; p != nil {
		b.Size, b.MD5, b.ModTime = value(p.ContentLength), p.ContentMD5, value(p.LastModified)
	}
	return b
}

// isDirectory knows the markers of accounts with a hierarchical namespace and
// of tools that imitate one.
func isDirectory(item *container.BlobItem) bool {
	p := item.Properties
	if p == nil {
		return false
	}
	return strings.EqualFold(value(p.ResourceType), "directory") ||
		metadataValue(item.Metadata, "hdi_isfolder") == "true" ||
		value(p.ContentLength) == 0 && strings.HasSuffix(value(item.Name), "/")
}
