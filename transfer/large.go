package transfer

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash"
	"hash/crc32"
	"io"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

// unfinished is a large file that is being fetched: what there is of it, and
// its journal, which tells of what blob it is and the checksum of each block.
//
// Blocks are written in order, each before the journal tells of it. Neither is
// forced to the disk before the end: what a power failure takes or tears does
// not fit its checksum, and is fetched again.
type unfinished struct {
	file, journal *os.File
}

// journalHead is the first line of a journal. A checksum of 4 bytes for each
// block follows it.
type journalHead struct {
	ETag azcore.ETag `json:"etag"`
	Size int64       `json:"size"`
}

const journalSuffix = ".blocks"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// fetchLarge fetches a file, or what is missing of it since an earlier try. What
// has arrived stays when this one fails too, unless it is wrong.
func (c *downloadCall) fetchLarge(ctx context.Context, temporary string, download Download) error {
	u, err := c.openUnfinished(temporary)
	if err != nil {
		return err
	}
	err = c.receiveLarge(ctx, u, download)
	if err == nil {
		err = syncFile(u.file)
	}
	err = errors.Join(err, u.file.Close(), u.journal.Close())
	if errors.Is(err, ErrMismatch) || errors.Is(err, ErrChanged) {
		return errors.Join(err, c.removeUnfinished(temporary))
	}
	if err != nil {
		return err
	}
	if err := c.root.Rename(temporary, download.Name); err != nil {
		return err
	}
	return ignoreAbsent(c.root.Remove(temporary + journalSuffix))
}

func (c *downloadCall) openUnfinished(temporary string) (unfinished, error) {
	file, err := c.openOwn(temporary)
	if err != nil {
		return unfinished{}, err
	}
	journal, err := c.openOwn(temporary + journalSuffix)
	if err != nil {
		return unfinished{}, errors.Join(err, file.Close())
	}
	return unfinished{file, journal}, nil
}

// openOwn opens a file for reading and writing, and what is there but no file,
// such as a link, is not followed.
func (c *downloadCall) openOwn(name string) (*os.File, error) {
	if info, err := c.root.Lstat(name); err == nil && !info.Mode().IsRegular() {
		if err := c.root.Remove(name); err != nil {
			return nil, err
		}
	}
	return c.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666)
}

func (c *downloadCall) removeUnfinished(temporary string) error {
	return errors.Join(ignoreAbsent(c.root.Remove(temporary)), ignoreAbsent(c.root.Remove(temporary+journalSuffix)))
}

// receiveLarge goes on behind the blocks that are there.
func (c *downloadCall) receiveLarge(ctx context.Context, u unfinished, download Download) error {
	whole := md5.New()
	blob, have, err := c.goOn(ctx, u, download, whole)
	if err == nil && have == 0 {
		blob, err = c.begin(ctx, u, download)
	}
	if err != nil {
		return err
	}
	if blob.body != nil {
		defer blob.body.Close()
	}
	if err := c.receiveBlocks(ctx, io.MultiWriter(u.file, whole, u), download, blob, have); err != nil {
		return err
	}
	return right(whole.Sum(nil), download, blob)
}

// begin forgets what is there and asks for the first block.
func (c *downloadCall) begin(ctx context.Context, u unfinished, download Download) (span, error) {
	blob, err := c.openFirst(ctx, download)
	if err != nil {
		return span{}, err
	}
	head, err := json.Marshal(journalHead{blob.etag, blob.size})
	if err == nil {
		err = errors.Join(cut(u.file, 0), cut(u.journal, 0))
	}
	if err == nil {
		_, err = u.journal.Write(append(head, '\n'))
	}
	if err != nil {
		return span{}, errors.Join(err, blob.body.Close())
	}
	return blob, nil
}

// Write tells the journal of a block, once it is in the file.
func (u unfinished) Write(block []byte) (int, error) {
	sum := crc32.Checksum(block, castagnoli)
	if _, err := u.journal.Write(binary.BigEndian.AppendUint32(nil, sum)); err != nil {
		return 0, err
	}
	return len(block), nil
}

// goOn counts the leading blocks that are there of the blob as it is now, and
// adds them to whole.
func (c *downloadCall) goOn(ctx context.Context, u unfinished, download Download, whole hash.Hash) (blob span, have int, err error) {
	told, err := io.ReadAll(u.journal)
	if err != nil {
		return span{}, 0, err
	}
	line, sums, _ := bytes.Cut(told, []byte("\n"))
	var head journalHead
	if json.Unmarshal(line, &head) != nil || len(sums) < crc32.Size || head.Size != download.Size {
		return span{}, 0, nil
	}
	now, ok, err := stat(ctx, c.container(download), download.Blob)
	if err != nil || !ok || head != (journalHead{now.etag, now.size}) {
		return span{}, 0, err
	}
	if have, err = c.verify(ctx, u.file, download.Size, sums, whole); err != nil {
		return span{}, 0, err
	}
	end := min(int64(have)*blockSize(download.Size), download.Size)
	err = errors.Join(cut(u.file, end), cut(u.journal, int64(len(line)+1+have*crc32.Size)))
	return span{properties: now}, have, err
}

// verify reads the blocks until one is not what the journal says.
func (c *downloadCall) verify(ctx context.Context, file io.Reader, size int64, sums []byte, whole io.Writer) (have int, err error) {
	buffer, err := c.buffers.get(ctx, blockSize(size))
	if err != nil {
		return 0, err
	}
	defer buffer.release()
	for b := range blocks(size) {
		if len(sums) < crc32.Size {
			break
		}
		block := buffer.data[:b.length]
		if _, err := io.ReadFull(file, block); err != nil || crc32.Checksum(block, castagnoli) != binary.BigEndian.Uint32(sums) {
			break // whatever it is, it is not there
		}
		if _, err := whole.Write(block); err != nil {
			return 0, err
		}
		sums, have = sums[crc32.Size:], have+1
		c.meter.alive()
	}
	return have, ctx.Err()
}

// cut makes the file so long and writes go on there.
func cut(file *os.File, size int64) error {
	if err := file.Truncate(size); err != nil {
		return err
	}
	_, err := file.Seek(size, io.SeekStart)
	return err
}
