package node

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"syscall"
	"time"
)

// fetchFile brings one file to its target, by way of the temporary file temp.
func (m *Machine) fetchFile(ctx context.Context, d *directory, f download, temp string) error {
	target := path.Join(d.into, f.target)
	if f.address == "" {
		return placeFailure(f, d.root.MkdirAll(target, 0o750))
	}
	if err := m.download(ctx, d, f, temp); err != nil {
		return err
	}
	if err := d.root.MkdirAll(path.Dir(target), 0o750); err != nil {
		return placeFailure(f, err)
	}
	return placeFailure(f, d.root.Rename(temp, target))
}

// download tries until it has the whole file or may try no more.
func (m *Machine) download(ctx context.Context, d *directory, f download, temp string) error {
	if _, err := httpAddress(f.address); err != nil {
		return downloadFailure(f, err)
	}
	for try := 0; ; try++ {
		err := m.downloadOnce(ctx, d, f, temp)
		if err == nil {
			return nil
		}
		if try+1 >= m.tries || ctx.Err() != nil || !retryable(err) {
			return downloadFailure(f, err)
		}
		var s *statusError
		var after time.Duration
		if errors.As(err, &s) {
			after = s.retryAfter
		}
		m.pause(ctx, try, after)
	}
}

// errStalled is the cause of a download's end when no byte came for too long.
var errStalled = errors.New("no data came from the server for too long")

func (m *Machine) downloadOnce(ctx context.Context, d *directory, f download, temp string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(m.stall, func() { cancel(errStalled) })
	defer timer.Stop()

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.address, nil)
	if err != nil {
		return err
	}
	resp, err := m.client.Do(req)
	if err != nil {
		return stalledOr(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return newStatusError(resp)
	}
	file, err := d.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	body := &watchedReader{resp.Body, timer, m.stall}
	if err := copyChecked(file, body, resp); err != nil {
		return stalledOr(ctx, err)
	}
	if err := file.Chmod(f.mode); err != nil {
		return err
	}
	return file.Close()
}

// copyChecked copies the body of an answer and checks what the answer's
// headers promise about it.
func copyChecked(file io.Writer, body io.Reader, resp *http.Response) error {
	var sum hash.Hash
	want, err := base64.StdEncoding.DecodeString(resp.Header.Get("Content-MD5"))
	if err == nil && len(want) == md5.Size {
		sum = md5.New()
		file = io.MultiWriter(file, sum)
	}
	n, err := io.Copy(file, body)
	if err != nil {
		return err
	}
	if resp.ContentLength >= 0 && n != resp.ContentLength {
		return fmt.Errorf("got %d bytes of %d: %w", n, resp.ContentLength, io.ErrUnexpectedEOF)
	}
	if sum != nil && !bytes.Equal(sum.Sum(nil), want) {
		return errors.New("the data do not have the Content-MD5 that the server gave")
	}
	return nil
}

// watchedReader puts a timer off with every read.
type watchedReader struct {
	io.Reader
	timer *time.Timer
	limit time.Duration
}

func (r *watchedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.timer.Reset(r.limit)
	return n, err
}

func stalledOr(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errStalled) {
		return errStalled
	}
	return err
}

func retryable(err error) bool {
	if status := statusOf(err); status != 0 {
		return retryableStatus(status)
	}
	return !isDiskError(err) && !errors.Is(err, errRedirect)
}

// isDiskError tells trouble with our own file from trouble with the network.
func isDiskError(err error) bool {
	var p *fs.PathError
	return errors.As(err, &p)
}

func downloadFailure(f download, err error) error {
	code, message := BlobDownloadMiscError, "A resource file could not be downloaded"
	switch status := statusOf(err); {
	case errors.Is(err, syscall.ENOSPC):
		code, message = DiskFull, "There is no room left on the disk of the node"
	case isDiskError(err):
		code, message = ResourceFileWriteFailed, "A resource file could not be written"
	case status == http.StatusNotFound:
		code, message = BlobNotFound, "A resource file was not found at its address"
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		code, message = BlobAccessDenied, "Access to a resource file is denied; its SAS needs the permission to read and must not have expired"
	case timedOut(err):
		code, message = BlobDownloadTimedOut, "A resource file could not be downloaded in time"
	}
	return failure(code, message, "BlobSource", source(f.address), "FilePath", f.target, "Message", plain(err).Error())
}

// placeFailure is nil if err is.
func placeFailure(f download, err error) error {
	if err == nil {
		return nil
	}
	return failure(ResourceFileCreateFailed, "A resource file could not be made", "FilePath", f.target, "Message", err.Error())
}
