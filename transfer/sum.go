package transfer

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Look finds one file below root by its name, as Walk does. The cause of the
// error is fs.ErrNotExist where there is no regular file of that name.
func Look(root, name string) (File, error) {
	file := File{Name: name, Path: filepath.Join(root, filepath.FromSlash(name))}
	info, err := os.Stat(file.Path)
	if err != nil {
		return file, fmt.Errorf("read file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return file, fmt.Errorf("%q is no regular file: %w", file.Path, fs.ErrNotExist)
	}
	file.Size, file.ModTime = info.Size(), info.ModTime()
	return file, nil
}

// Sum is the MD5 of a file's content. The cause of the error is ErrChanged
// where the file is not what it was when it was looked at, or is written to
// meanwhile.
func Sum(ctx context.Context, file File) ([]byte, error) {
	open, err := os.Open(file.Path)
	if err != nil {
		return nil, fmt.Errorf("read file: %w", err)
	}
	defer open.Close()
	source := &source{File: open, listed: file}
	if err := source.check(); err != nil {
		return nil, fmt.Errorf("read %q: %w", file.Path, err)
	}
	sum := md5.New()
	for {
		_, err := io.CopyN(sum, open, 1<<20)
		if errors.Is(err, io.EOF) {
			break
		}
		if err := errors.Join(err, ctx.Err()); err != nil {
			return nil, fmt.Errorf("read %q: %w", file.Path, err)
		}
	}
	if err := source.check(); err != nil {
		return nil, fmt.Errorf("read %q: %w", file.Path, err)
	}
	return sum.Sum(nil), nil
}
