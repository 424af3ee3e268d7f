package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// properties are what Blob knows of a blob.
type properties struct {
	size int64
	md5  []byte // empty when nobody told the service
	etag azcore.ETag
}

// stat gives false for a blob that is not there.
func stat(ctx context.Context, c *container.Client, name string) (properties, bool, error) {
	p, err := c.NewBlobClient(name).GetProperties(ctx, nil)
	if bloberror.HasCode(err, bloberror.BlobNotFound) {
		return properties{}, false, nil
	}
	if err != nil {
		return properties{}, false, err
	}
	return properties{size: value(p.ContentLength), md5: p.ContentMD5, etag: value(p.ETag)}, true, nil
}

// put writes a blob in one request, which the service checks against md5. With
// ifAbsent a blob of that name is left alone, and put answers false.
func put(ctx context.Context, c *container.Client, name string, body io.ReadSeekCloser, md5 []byte, options putOptions) (bool, error) {
	upload := &blockblob.UploadOptions{
		TransactionalValidation: blob.TransferValidationTypeMD5(md5),
		HTTPHeaders:             &blob.HTTPHeaders{BlobContentMD5: md5, BlobContentType: contentType(options.contentType)},
		Metadata:                options.metadata,
	}
	if options.ifAbsent {
		upload.AccessConditions = &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: to.Ptr(azcore.ETagAny)}}
	}
	_, err := c.NewBlockBlobClient(name).Upload(ctx, body, upload)
	if options.ifAbsent && bloberror.HasCode(err, bloberror.BlobAlreadyExists, bloberror.ConditionNotMet) {
		return false, nil
	}
	return err == nil, err
}

type putOptions struct {
	ifAbsent    bool
	contentType string
	metadata    map[string]*string
}

func contentType(s string) *string {
	if s == "" {
		s = "application/octet-stream"
	}
	return &s
}

// stage sends one block, which the service checks against md5.
func stage(ctx context.Context, c *container.Client, name, id string, body io.ReadSeekCloser, md5 []byte) error {
	_, err := c.NewBlockBlobClient(name).StageBlock(ctx, id, body, &blockblob.StageBlockOptions{
		TransactionalValidation: blob.TransferValidationTypeMD5(md5),
	})
	return err
}

// staged are the ids of the blocks that an upload left uncommitted.
func staged(ctx context.Context, c *container.Client, name string) (map[string]bool, error) {
	list, err := c.NewBlockBlobClient(name).GetBlockList(ctx, blockblob.BlockListTypeUncommitted, nil)
	if bloberror.HasCode(err, bloberror.BlobNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ids := make(map[string]bool, len(list.UncommittedBlocks))
	for _, b := range list.UncommittedBlocks {
		ids[value(b.Name)] = true
	}
	return ids, nil
}

// commit makes the blocks the blob's content, all at once.
func commit(ctx context.Context, c *container.Client, name string, ids []string, md5 []byte) error {
	_, err := c.NewBlockBlobClient(name).CommitBlockList(ctx, ids, &blockblob.CommitBlockListOptions{
		HTTPHeaders: &blob.HTTPHeaders{BlobContentMD5: md5, BlobContentType: contentType("")},
	})
	return err
}

// span is a stretch of a blob that is being received.
type span struct {
	properties
	metadata map[string]*string
	body     io.ReadCloser
}

// open asks for length bytes from offset; a length of 0 is all that follows.
// With an ETag, a blob that has another one by now is an error.
func open(ctx context.Context, c *container.Client, name string, offset, length int64, etag azcore.ETag) (span, error) {
	options := &blob.DownloadStreamOptions{Range: blob.HTTPRange{Offset: offset, Count: length}}
	if etag != "" {
		options.AccessConditions = &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: &etag}}
	}
	r, err := c.NewBlobClient(name).DownloadStream(ctx, options)
	if err != nil {
		if bloberror.HasCode(err, bloberror.ConditionNotMet) {
			return span{}, errors.Join(ErrChanged, err)
		}
		return span{}, err
	}
	s := span{
		properties: properties{size: value(r.ContentLength), md5: r.ContentMD5, etag: value(r.ETag)},
		metadata:   r.Metadata,
		body:       r.NewRetryReader(ctx, nil),
	}
	if r.ContentRange != nil { // then ContentMD5 would be the range's
		s.md5 = r.BlobContentMD5
		if s.size, err = totalSize(*r.ContentRange); err != nil {
			return span{}, errors.Join(err, s.body.Close())
		}
	}
	return s, nil
}

// totalSize is the 1000 of "bytes 0-499/1000".
func totalSize(contentRange string) (int64, error) {
	_, total, _ := strings.Cut(contentRange, "/")
	size, err := strconv.ParseInt(total, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("Content-Range %q does not tell the blob's size", contentRange)
	}
	return size, nil
}

// metadataValue finds a name whatever its case: HTTP does not keep it.
func metadataValue(metadata map[string]*string, name string) string {
	for k, v := range metadata {
		if strings.EqualFold(k, name) {
			return value(v)
		}
	}
	return ""
}

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
