package transfer

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// source is an open file that has to stay what was listed.
type source struct {
	*os.File
	listed File
}

// read fills p. A file that ends too early has become shorter.
func (s *source) read(p []byte) error {
	_, err := io.ReadFull(s.File, p)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it was %d bytes and is shorter", ErrChanged, s.listed.Size)
	}
	return err
}

// check compares size and time with those of the list.
func (s *source) check() error {
	info, err := s.Stat()
	if err != nil {
		return err
	}
	if info.Size() != s.listed.Size {
		return fmt.Errorf("%w: it was %d bytes and is %d", ErrChanged, s.listed.Size, info.Size())
	}
	if !s.listed.ModTime.IsZero() && !info.ModTime().Equal(s.listed.ModTime) {
		return fmt.Errorf("%w: it was last written at %s", ErrChanged, info.ModTime().Format("15:04:05"))
	}
	return nil
}
