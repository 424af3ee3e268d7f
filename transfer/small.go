package transfer

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// ErrMismatch is the cause when what arrived has not the size or MD5 that it
// should have.
var ErrMismatch = errors.New("size or MD5 is not as it should be")

// Put makes content the blob's, in one request. An empty contentType is
// application/octet-stream.
func Put(ctx context.Context, c *container.Client, blob string, content []byte, contentType string) error {
	if err := putBytes(ctx, c, blob, content, putOptions{contentType: contentType}); err != nil {
		return fmt.Errorf("write blob %q: %w", blob, err)
	}
	return nil
}

// Get reads a whole blob that is small enough for memory, and checks its MD5
// where the service has one.
func Get(ctx context.Context, c *container.Client, blob string) ([]byte, error) {
	content, _, err := get(ctx, c, blob)
	if err != nil {
		return nil, fmt.Errorf("read blob %q: %w", blob, err)
	}
	return content, nil
}

// Tail is the end of a blob as text, at most n bytes of it. What is not UTF-8,
// such as a character that is cut at the beginning, is left out.
func Tail(ctx context.Context, c *container.Client, blob string, n int64) (string, error) {
	content, err := tail(ctx, c, blob, n)
	if err != nil {
		return "", fmt.Errorf("read the end of blob %q: %w", blob, err)
	}
	return strings.ToValidUTF8(string(content), ""), nil
}

// TailOf is as Tail, of the part of the blob from from, up to and without to.
func TailOf(ctx context.Context, c *container.Client, blob string, from, to, n int64) (string, error) {
	from = max(from, to-n)
	if from >= to {
		return "", nil
	}
	s, err := open(ctx, c, blob, from, to-from, "")
	if err != nil {
		return "", fmt.Errorf("read bytes %d to %d of blob %q: %w", from, to, blob, err)
	}
	defer s.body.Close()
	content, err := io.ReadAll(io.LimitReader(s.body, to-from))
	if err != nil {
		return "", fmt.Errorf("read bytes %d to %d of blob %q: %w", from, to, blob, err)
	}
	return strings.ToValidUTF8(string(content), ""), nil
}

func tail(ctx context.Context, c *container.Client, blob string, n int64) ([]byte, error) {
	p, ok, err := stat(ctx, c, blob)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, ErrNoBlob
	}
	if p.size == 0 || n <= 0 {
		return nil, nil
	}
	n = min(n, p.size)
	s, err := open(ctx, c, blob, p.size-n, n, p.etag)
	if err != nil {
		return nil, err
	}
	defer s.body.Close()
	return io.ReadAll(io.LimitReader(s.body, n))
}

// ErrNoBlob is the cause when Tail finds no such blob.
var ErrNoBlob = errors.New("there is no such blob")

func putBytes(ctx context.Context, c *container.Client, blob string, content []byte, options putOptions) error {
	sum := md5.Sum(content)
	body := newMeteredBody(ctx, content, unlimited, newMeter(nil))
	defer body.stop()
	_, err := put(ctx, c, blob, body, sum[:], options)
	return err
}

func get(ctx context.Context, c *container.Client, blob string) ([]byte, map[string]*string, error) {
	s, err := open(ctx, c, blob, 0, 0, "")
	if err != nil {
		return nil, nil, err
	}
	defer s.body.Close()
	content, err := io.ReadAll(s.body)
	if err != nil {
		return nil, nil, err
	}
	if sum := md5.Sum(content); int64(len(content)) != s.size || len(s.md5) > 0 && !bytes.Equal(sum[:], s.md5) {
		return nil, nil, ErrMismatch
	}
	return content, s.metadata, nil
}
