package localbatch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/durabatch/durabatch/localbatch/store"
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

func (s *Service) wakeRetention() {
	select {
	case s.retention <- struct{}{}:
	default: // it is about to look anyway
	}
}

// removeOldFiles removes the directories of completed tasks when their
// retention time is over.
func (s *Service) removeOldFiles() {
	for {
		next, err := s.removeFilesDue()
		if err != nil && s.ctx.Err() == nil {
			s.log.Error("old task directories could not be removed", "error", err)
		}
		wait := time.Hour // a clock that was set back must not stop this for good
		if next != 0 {
			wait = max(0, min(wait, time.Until(next.Std())))
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-s.retention:
		case <-s.ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// removeFilesDue says when the next directory is due; 0: none is.
func (s *Service) removeFilesDue() (next store.Time, err error) {
	const step = 100
	err = s.change(func(c *change) error {
		tasks, err := c.TasksWithFiles(step)
		if err != nil {
			return err
		}
		for _, t := range tasks {
			if t.FilesUntil > c.now {
				next = t.FilesUntil
				return nil
			}
			job, ok, err := c.JobByKey(t.Job)
			if err != nil {
				return err
			}
			if ok {
				s.discard(s.taskDir(t.NodeID, job.ID, t.ID))
			}
			if err := c.ForgetTaskFiles(t.Key); err != nil {
				return err
			}
		}
		if len(tasks) == step {
			next = c.now
		}
		return nil
	})
	return next, err
}
