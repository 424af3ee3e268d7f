package localbatch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
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

// retention knows when the next task directory is to be removed.
type retention struct {
	mu   sync.Mutex
	due  store.Time
	wake chan struct{} // has room for one
}

// add wakes removeOldFiles, if a directory is due before the others.
func (r *retention) add(due store.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if due >= r.due {
		return
	}
	r.due = due
	select {
	case r.wake <- struct{}{}:
	default: // it is about to look anyway
	}
}

// look begins a look at all directories: one that is added meanwhile wakes again.
func (r *retention) look() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.due = store.Never
}

// looked ends it with what is due first of those that it has seen.
func (r *retention) looked(due store.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.due = min(r.due, due)
}

// removeOldFiles removes the directories of completed tasks when their
// retention time is over.
func (s *Service) removeOldFiles() {
	for s.ctx.Err() == nil {
		s.retention.look()
		next, err := s.removeFilesDue()
		if err != nil && s.ctx.Err() == nil {
			s.log.Error("old task directories could not be removed", "error", err)
		}
		s.retention.looked(next)
		// A clock that was set back must not stop this for good.
		due := make(chan struct{})
		stop := s.clock.AfterFunc(min(time.Hour, s.clock.until(next)), func() { close(due) })
		select {
		case <-due:
		case <-s.retention.wake:
		case <-s.ctx.Done():
		}
		stop()
	}
}

// removeFilesDue removes what is due and says when the next directory is.
func (s *Service) removeFilesDue() (next store.Time, err error) {
	const step = 100
	next = store.Never
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
				if err := c.discardTask(job.ID, &task{t}); err != nil {
					return err
				}
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
