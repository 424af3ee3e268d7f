package transfer

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"golang.org/x/sys/unix"
)

// Download is a blob and the file it becomes.
type Download struct {
	Blob string
	Name string // slash-separated path below the directory
	Size int64  // of the blob when it was listed
	MD5  []byte // empty when the list has none
	// From is the container that holds the blob, where it is not that of the call.
	From *container.Client
}

// Downloader fetches blobs to one directory. Its calls may run at the same time.
type Downloader struct {
	*Budget
	root *os.Root
	lock *os.File
}

// OpenDownloader makes the directory if there is none and keeps other
// Downloaders, of this process and of others, away from it until Close. It keeps
// to the budget with all others that do.
func OpenDownloader(dir string, budget *Budget) (*Downloader, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("make the directory for downloads: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the directory for downloads: %w", err)
	}
	lock, err := root.Open(".")
	if err == nil {
		err = lockDirectory(lock)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("directory %q: %w", dir, err), root.Close())
	}
	return &Downloader{Budget: budget, root: root, lock: lock}, nil
}

// lockDirectory goes on without a lock on a file system that has none.
func lockDirectory(dir *os.File) error {
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return errors.Join(errors.New("another download into it is under way; wait until it has ended"), dir.Close())
	}
	return nil
}

// Close frees the directory for others.
func (d *Downloader) Close() error { return errors.Join(d.lock.Close(), d.root.Close()) }

// Download fetches the blobs to files of their names, and makes the
// directories these need. A file that is there with the listed size and MD5 is
// not fetched again; any other is replaced. A file appears under its name when
// its size and, where the list or the service has one, its MD5 are right: a
// wrong one is an error with the cause ErrMismatch. A name that leads out of
// the directory is an error. The first error ends the call and names its file;
// an error of the list is returned as it is. What has arrived of a file of 64
// MiB or more is kept for the next call, beside the file.
//
// The list is taken as fast as its files are fetched, so it may be longer than
// memory. No two of its names may be the same.
//
// When Download returns no error, the files' content is on the disk, not only
// in the kernel's memory.
//
// progress is as for Upload.
func (d *Downloader) Download(ctx context.Context, from *container.Client, downloads iter.Seq2[Download, error], progress func(Progress)) error {
	call := &downloadCall{Downloader: d, from: from, meter: newMeter(progress)}
	err := each(ctx, d.files, downloads, func(ctx context.Context, _ int, download Download) error {
		skipped, err := call.fetch(ctx, download)
		if err != nil {
			return fmt.Errorf("download blob %q to %q: %w", download.Blob, path.Join(d.root.Name(), download.Name), err)
		}
		call.meter.done(skipped)
		return nil
	})
	if err == nil {
		err = syncFiles(d.lock)
	}
	if err != nil {
		return err
	}
	call.meter.finish()
	return nil
}

// downloadCall is one call of Download.
type downloadCall struct {
	*Downloader
	from  *container.Client
	meter *meter
}

func (c *downloadCall) fetch(ctx context.Context, download Download) (skipped bool, err error) {
	if !fs.ValidPath(download.Name) || download.Name == "." {
		return false, errors.New("the name is not a relative path without . and ..")
	}
	if err := fits(download.Size, c.buffers.limit); err != nil {
		return false, err
	}
	temporary := temporaryPath(download.Name)
	there, err := c.isThere(ctx, download)
	if there && download.Size >= resumable {
		err = c.removeUnfinished(temporary)
	}
	if err != nil || there {
		return there, err
	}
	if dir := path.Dir(download.Name); dir != "." {
		if err := c.root.MkdirAll(dir, 0o777); err != nil {
			return false, err
		}
	}
	if download.Size >= resumable {
		return false, c.fetchLarge(ctx, temporary, download)
	}
	if err := c.fetchTo(ctx, temporary, download); err != nil {
		return false, errors.Join(err, ignoreAbsent(c.root.Remove(temporary)))
	}
	return false, c.root.Rename(temporary, download.Name)
}

// temporaryPath is where the file of that name is until it is whole.
func temporaryPath(name string) string { return path.Join(path.Dir(name), temporaryName(name)) }

// temporaryName is short, whatever the length of the name it stands for, and
// always the same, so that what a crash leaves is used up by the next try.
func temporaryName(name string) string {
	sum := sha256.Sum256([]byte(name))
	return ".durabatch-" + hex.EncodeToString(sum[:8])
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// isThere compares the file with the list. A file that cannot be read is
// fetched anew.
func (c *downloadCall) isThere(ctx context.Context, download Download) (bool, error) {
	info, err := c.root.Lstat(download.Name)
	if err != nil || !info.Mode().IsRegular() || info.Size() != download.Size || len(download.MD5) == 0 {
		return false, nil
	}
	file, err := c.root.Open(download.Name)
	if err != nil {
		return false, nil
	}
	defer file.Close()
	buffer, err := c.buffers.get(ctx, min(download.Size+1, leastBlock)) // never 0 bytes, which Read would fill for ever
	if err != nil {
		return false, err
	}
	defer buffer.release()
	sum := md5.New()
	for ctx.Err() == nil {
		n, err := file.Read(buffer.data)
		sum.Write(buffer.data[:n])
		c.meter.alive()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return false, nil
		}
	}
	return bytes.Equal(sum.Sum(nil), download.MD5), ctx.Err()
}

// container holds the blob of a download.
func (c *downloadCall) container(download Download) *container.Client {
	if download.From != nil {
		return download.From
	}
	return c.from
}

// fetchTo writes the blob to a new file.
func (c *downloadCall) fetchTo(ctx context.Context, temporary string, download Download) error {
	if err := ignoreAbsent(c.root.Remove(temporary)); err != nil {
		return err
	}
	file, err := c.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	err = c.receive(ctx, file, download)
	if err == nil {
		err = syncFile(file)
	}
	return errors.Join(err, file.Close())
}
