package localbatch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"
)

// discard removes a directory. Its name is free at once; its content goes
// beside everything else, since there may be much of it.
func (s *Service) discard(dir string) {
	trash := filepath.Join(s.trashDir(), uuid.NewString())
	if err := os.Rename(dir, trash); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.log.Warn("a directory could not be removed", "directory", dir, "error", err)
		}
		return
	}
	s.spawn(func() { s.empty(trash) })
}

// empty removes what was discarded. What is left of it, the next start removes.
func (s *Service) empty(path string) {
	if err := os.RemoveAll(path); err != nil {
		s.log.Warn("a discarded directory could not be removed", "directory", path, "error", err)
	}
}

func (s *Service) emptyTrash() error {
	entries, err := os.ReadDir(s.trashDir())
	for _, entry := range entries {
		s.spawn(func() { s.empty(filepath.Join(s.trashDir(), entry.Name())) })
	}
	return err
}
