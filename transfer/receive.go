package transfer

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"
)

// receive asks for several ranges at once and writes them in order, which lets
// one pass compute the MD5.
func (c *downloadCall) receive(ctx context.Context, file io.Writer, download Download) error {
	first, err := c.openFirst(ctx, download)
	if err != nil {
		return err
	}
	defer first.body.Close()
	sum := md5.New()
	if err := c.receiveBlocks(ctx, io.MultiWriter(file, sum), download, first, 0); err != nil {
		return err
	}
	return right(sum.Sum(nil), download, first)
}

// right compares the MD5 with the listed one, or else with the service's.
func right(sum []byte, download Download, first span) error {
	expected := download.MD5
	if len(expected) == 0 {
		expected = first.md5
	}
	if len(expected) > 0 && !bytes.Equal(expected, sum) {
		return fmt.Errorf("%w: its MD5 is %x, %x was expected", ErrMismatch, sum, expected)
	}
	return nil
}

// openFirst asks for the first block. The answer tells what the blob is now.
func (c *downloadCall) openFirst(ctx context.Context, download Download) (span, error) {
	length := blockSize(download.Size)
	if download.Size <= length {
		length = 0 // all of it; a range of an empty blob would be an error
	}
	first, err := open(ctx, c.container(download), download.Blob, 0, length, "")
	if err != nil {
		return span{}, err
	}
	if first.size != download.Size {
		return span{}, errors.Join(fmt.Errorf("%w: it is %d bytes, %d were expected", ErrMismatch, first.size, download.Size), first.body.Close())
	}
	return first, nil
}

// receiveBlocks gives every block, from that one on, a goroutine, which waits
// for its turn before it writes all of it at once. Memory bounds how many there
// are.
func (c *downloadCall) receiveBlocks(ctx context.Context, to io.Writer, download Download, first span, from int) error {
	group, groupCtx := errgroup.WithContext(ctx)
	turn := make(chan struct{})
	close(turn)
	for b := range blocks(download.Size) {
		if b.index < from {
			continue
		}
		buffer, err := c.buffers.get(groupCtx, b.length)
		if err != nil {
			break // either the group or the caller's context has ended
		}
		mine, next := turn, make(chan struct{})
		turn = next
		group.Go(func() error {
			defer buffer.release()
			if err := c.fill(groupCtx, buffer.data, b, download, first); err != nil {
				return err
			}
			select {
			case <-mine:
			case <-groupCtx.Done():
				return groupCtx.Err()
			}
			if _, err := to.Write(buffer.data); err != nil {
				return err
			}
			close(next)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// fill reads one block, from the answer that is open already if that is the
// first's. A blob that was replaced meanwhile is an error, not a mixture.
func (c *downloadCall) fill(ctx context.Context, data []byte, b block, download Download, first span) error {
	s := first
	if b.index > 0 || s.body == nil {
		var err error
		if s, err = open(ctx, c.container(download), download.Blob, b.offset, b.length, first.etag); err != nil {
			return err
		}
		defer s.body.Close()
	}
	_, err := io.ReadFull(meteredReader{s.body, ctx, c.Budget, c.meter}, data)
	return err
}
