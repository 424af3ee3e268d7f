package transfer

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"golang.org/x/sync/errgroup"
)

// ErrChanged is the cause when a file or blob is not what it was when it was
// listed, or changed while it was read.
var ErrChanged = errors.New("it changed since it was listed")

// Upload is a file and the blob it goes to.
type Upload struct {
	File
	Blob string
}

// Uploaded is what became of an Upload.
type Uploaded struct {
	MD5  []byte // of the content
	Sent bool   // false: the blob was there already
}

// Uploader sends files to Blob. Its calls may run at the same time.
type Uploader struct{ *Budget }

// NewUploader makes an Uploader that keeps to the budget with all others that do.
func NewUploader(budget *Budget) *Uploader { return &Uploader{budget} }

// Upload sends the files to the container and answers for each, in the same
// order. A blob that is there with the same size and MD5 is not sent again; one
// that differs is replaced. The first error ends the call and names its file;
// what has arrived by then stays. The cause is ErrChanged for a file that has
// not the size and time it was listed with, or is written to meanwhile.
//
// progress, which may be nil, is told how far the call has come while bytes
// move, never from two goroutines at once, and once when all is done.
func (u *Uploader) Upload(ctx context.Context, to *container.Client, uploads []Upload, progress func(Progress)) ([]Uploaded, error) {
	call := &uploadCall{Uploader: u, to: to, meter: newMeter(progress)}
	done := make([]Uploaded, len(uploads))
	err := each(ctx, u.files, listOf(uploads), func(ctx context.Context, i int, upload Upload) error {
		var err error
		if done[i], err = call.send(ctx, upload); err != nil {
			return fmt.Errorf("upload %q: %w", upload.Path, err)
		}
		call.meter.done(!done[i].Sent)
		return nil
	})
	if err != nil {
		return nil, err
	}
	call.meter.finish()
	return done, nil
}

// uploadCall is one call of Upload.
type uploadCall struct {
	*Uploader
	to    *container.Client
	meter *meter
	// found says whether the last small blob that was looked at or collided was
	// there. After a crash those before some point are there and those behind it
	// are not: whoever follows one that is there looks before it sends.
	found atomic.Bool
}

func (c *uploadCall) send(ctx context.Context, upload Upload) (Uploaded, error) {
	if err := fits(upload.Size, c.buffers.limit); err != nil {
		return Uploaded{}, err
	}
	file, err := os.Open(upload.Path)
	if err != nil {
		return Uploaded{}, err
	}
	defer file.Close()
	source := &source{File: file, listed: upload.File}
	if err := source.check(); err != nil {
		return Uploaded{}, err
	}
	if upload.Size <= blockSize(upload.Size) {
		return c.sendWhole(ctx, source, upload)
	}
	return c.sendBlocks(ctx, source, upload)
}

// sendWhole sends a file that fits into one request.
func (c *uploadCall) sendWhole(ctx context.Context, source *source, upload Upload) (Uploaded, error) {
	buffer, err := c.buffers.get(ctx, upload.Size)
	if err != nil {
		return Uploaded{}, err
	}
	defer buffer.release()
	if err := source.read(buffer.data); err != nil {
		return Uploaded{}, err
	}
	if err := source.check(); err != nil {
		return Uploaded{}, err
	}
	sum := md5.Sum(buffer.data)
	done := Uploaded{MD5: sum[:]}
	if c.found.Load() {
		if same, err := c.isThere(ctx, upload, sum[:]); err != nil || same {
			return done, err
		}
	}
	body := newMeteredBody(ctx, buffer.data, c.Budget, c.meter)
	defer body.stop()
	done.Sent, err = put(ctx, c.to, upload.Blob, body, sum[:], putOptions{ifAbsent: true})
	if err != nil || done.Sent {
		return done, err
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return done, err
	}
	if same, err := c.isThere(ctx, upload, sum[:]); err != nil || same {
		return done, err
	}
	done.Sent, err = put(ctx, c.to, upload.Blob, body, sum[:], putOptions{})
	return done, err
}

func (c *uploadCall) isThere(ctx context.Context, upload Upload, sum []byte) (bool, error) {
	p, ok, err := stat(ctx, c.to, upload.Blob)
	c.found.Store(ok)
	return ok && p.size == upload.Size && bytes.Equal(p.md5, sum), err
}

// sendBlocks sends a file in blocks, several at once, and then makes them one
// blob. Asking first costs little beside what a large file costs.
func (c *uploadCall) sendBlocks(ctx context.Context, source *source, upload Upload) (Uploaded, error) {
	there, ok, err := stat(ctx, c.to, upload.Blob)
	if err != nil {
		return Uploaded{}, err
	}
	if ok && there.size == upload.Size && len(there.md5) > 0 {
		sum, err := c.sum(ctx, source, upload)
		if err != nil || bytes.Equal(sum, there.md5) {
			return Uploaded{MD5: sum}, err
		}
	}
	var have map[string]bool
	if upload.Size >= resumable {
		if have, err = staged(ctx, c.to, upload.Blob); err != nil {
			return Uploaded{}, err
		}
	}
	ids, sum, err := c.stageBlocks(ctx, source, upload, have)
	if err != nil {
		return Uploaded{}, err
	}
	return Uploaded{MD5: sum, Sent: true}, commit(ctx, c.to, upload.Blob, ids, sum)
}

// stageBlocks reads in order, for the MD5 of the whole, and sends out of order.
func (c *uploadCall) stageBlocks(ctx context.Context, source *source, upload Upload, have map[string]bool) (ids []string, sum []byte, err error) {
	whole := md5.New()
	group, groupCtx := errgroup.WithContext(ctx)
	produce := func() error {
		for b := range blocks(upload.Size) {
			buffer, err := c.buffers.get(groupCtx, b.length)
			if err != nil {
				return err
			}
			if err := source.read(buffer.data); err != nil {
				buffer.release()
				return err
			}
			whole.Write(buffer.data)
			sum := md5.Sum(buffer.data)
			id := blockID(b.index, sum)
			ids = append(ids, id)
			if have[id] {
				buffer.release()
				c.meter.alive()
				continue
			}
			group.Go(func() error {
				defer buffer.release()
				body := newMeteredBody(groupCtx, buffer.data, c.Budget, c.meter)
				defer body.stop()
				return stage(groupCtx, c.to, upload.Blob, id, body, sum[:])
			})
		}
		return source.check()
	}
	// A block that fails cancels the group, and then the producer's error is only
	// that; the other way round the blocks under way may finish.
	produced := produce()
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	return ids, whole.Sum(nil), produced
}

// blockID names a block by place and content, so that an upload that goes on
// after a crash knows which of the blocks that are there are its own.
func blockID(index int, sum [md5.Size]byte) string {
	id := binary.BigEndian.AppendUint32(nil, uint32(index))
	return base64.StdEncoding.EncodeToString(append(id, sum[:]...))
}

// sum reads the file once and goes back to its beginning.
func (c *uploadCall) sum(ctx context.Context, source *source, upload Upload) ([]byte, error) {
	buffer, err := c.buffers.get(ctx, leastBlock)
	if err != nil {
		return nil, err
	}
	defer buffer.release()
	whole := md5.New()
	for rest := upload.Size; rest > 0; rest -= int64(len(buffer.data)) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		piece := buffer.data[:min(rest, int64(len(buffer.data)))]
		if err := source.read(piece); err != nil {
			return nil, err
		}
		whole.Write(piece)
		c.meter.alive()
	}
	if err := source.check(); err != nil {
		return nil, err
	}
	_, err = source.Seek(0, io.SeekStart)
	return whole.Sum(nil), err
}
