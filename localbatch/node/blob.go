package node

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
)

// Files over blockSize go in blocks of this size, or larger ones where 50,000
// of them, all that a blob may have, would not be enough. Each block that is
// on its way is in memory.
const (
	blockSize       = 8 << 20
	blocksInTransit = 2
)

// errNotRegular is said of directories, pipes, sockets and devices.
var errNotRegular = errors.New("not a regular file")

// uploadFile sends one file of the task's directory, and gives its size.
func (m *Machine) uploadFile(ctx context.Context, d *directory, name string, client *blockblob.Client, headers map[string]string) (int64, error) {
	// A task may leave a pipe under any name; opening it must not wait.
	file, err := d.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, errNotRegular
	}
	opts, err := uploadOptions(name, headers)
	if err != nil {
		return 0, err
	}
	// Storage keeps no hash of a blob made of blocks unless it is told one.
	sum := md5.New()
	if _, err := io.Copy(sum, file); err != nil {
		return 0, err
	}
	opts.HTTPHeaders.BlobContentMD5 = sum.Sum(nil)
	opts.BlockSize = max(blockSize, info.Size()/blockblob.MaxBlocks+1)
	_, err = client.UploadStream(ctx, io.NewSectionReader(file, 0, info.Size()), opts)
	return info.Size(), err
}

// uploadOptions are an output file's upload headers. The content type is by
// default that of the file's extension.
func uploadOptions(name string, headers map[string]string) (*blockblob.UploadStreamOptions, error) {
	contentType := mime.TypeByExtension(path.Ext(name))
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	h := &blob.HTTPHeaders{BlobContentType: &contentType}
	opts := &blockblob.UploadStreamOptions{Concurrency: blocksInTransit, HTTPHeaders: h, Metadata: map[string]*string{}}
	for header, value := range headers {
		key := strings.ToLower(header)
		switch key {
		case "x-ms-blob-content-type", "content-type":
			h.BlobContentType = &value
		case "x-ms-blob-content-encoding":
			h.BlobContentEncoding = &value
		case "x-ms-blob-content-language":
			h.BlobContentLanguage = &value
		case "x-ms-blob-content-disposition":
			h.BlobContentDisposition = &value
		case "x-ms-blob-cache-control":
			h.BlobCacheControl = &value
		case "x-ms-access-tier":
			opts.AccessTier = to.Ptr(blob.AccessTier(value))
		default:
			meta, ok := strings.CutPrefix(key, "x-ms-meta-")
			if !ok || meta == "" {
				return nil, fmt.Errorf("the upload header %q is not one that a blob can be given", header)
			}
			opts.Metadata[meta] = &value
		}
	}
	return opts, nil
}

func uploadFailure(output OutputFile, file string, err error) *Failure {
	code, message := FileUploadMiscError, "An output file could not be uploaded"
	switch status := statusOf(err); {
	case status == http.StatusNotFound:
		code, message = FileUploadContainerNotFound, "One of the specified Azure container(s) was not found while attempting to upload an output file"
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		code, message = FileUploadAccessDenied, "Access to the container of an output file is denied; its SAS needs the permission to write and must not have expired"
	case status == http.StatusConflict || status == http.StatusPreconditionFailed:
		code, message = FileUploadConflict, "The blob of an output file could not be replaced"
	case timedOut(err):
		code, message = FileUploadTimedOut, "An output file could not be uploaded in time"
	}
	return failure(code, message, "FilePath", file, "ContainerSource", source(output.ContainerURL), "Message", plain(err).Error())
}
