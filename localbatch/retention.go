package localbatch

import (
	"sync"
	"time"

	"github.com/durabatch/durabatch/localbatch/store"
)

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

// keepFiles is until when the directory of a task stays that ends now.
func (c *change) keepFiles(retentionTime duration) store.Time {
	kept, ok := retentionTime.std()
	if !ok {
		return store.Never
	}
	until := c.now.Add(kept)
	c.then(func() { c.s.retention.add(until) })
	return until
}

// removeOldFiles removes the directories of completed tasks, and of preparation
// and release tasks of completed jobs, when their retention time is over.
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

// removalStep is how many directories are removed in one change.
const removalStep = 100

// removeFilesDue removes what is due and says when the next directory is.
func (s *Service) removeFilesDue() (next store.Time, err error) {
	next = store.Never
	err = s.change(func(c *change) error {
		ofTasks, err := c.removeTaskFiles()
		if err != nil {
			return err
		}
		ofPreparations, err := c.removePreparationFiles()
		next = min(ofTasks, ofPreparations)
		return err
	})
	return next, err
}

func (c *change) removeTaskFiles() (next store.Time, err error) {
	tasks, err := c.TasksWithFiles(removalStep)
	if err != nil {
		return 0, err
	}
	for _, t := range tasks {
		if t.FilesUntil > c.now {
			return t.FilesUntil, nil
		}
		job, ok, err := c.JobByKey(t.Job)
		if err != nil {
			return 0, err
		}
		if ok {
			if err := c.discardTask(job.ID, &task{t}); err != nil {
				return 0, err
			}
		}
		if err := c.ForgetTaskFiles(t.Key); err != nil {
			return 0, err
		}
	}
	return c.afterRemoving(len(tasks)), nil
}

// removePreparationFiles leaves jobs alone that have not ended: their tasks are
// told the directory of the preparation task, and retentionTime is the least
// that it is kept.
func (c *change) removePreparationFiles() (next store.Time, err error) {
	rows, err := c.PreparationsWithFiles(removalStep)
	if err != nil {
		return 0, err
	}
	for _, row := range rows {
		if row.FilesUntil > c.now {
			return row.FilesUntil, nil
		}
		p, err := readPreparation(row)
		if err != nil {
			return 0, err
		}
		if err := c.discardPreparation(p); err != nil {
			return 0, err
		}
	}
	return c.afterRemoving(len(rows)), nil
}

func (c *change) discardPreparation(p *preparation) error {
	row, ok, err := c.JobByKey(p.Job)
	if err != nil {
		return err
	}
	j, err := readJob(row, ok, nil)
	if err != nil {
		return err
	}
	discard := func(until *store.Time, taskID string) {
		if *until != 0 && *until <= c.now {
			c.s.discard(c.s.taskDir(p.NodeID, j.ID, taskID))
			*until = 0
		}
	}
	discard(&p.PrepFilesUntil, j.JobPreparationTask.ID)
	if j.JobReleaseTask != nil {
		discard(&p.ReleaseFilesUntil, j.JobReleaseTask.ID)
	}
	return c.savePreparation(p)
}

// afterRemoving is when to look again after a step that removed all it had found.
func (c *change) afterRemoving(removed int) store.Time {
	if removed == removalStep {
		return c.now // there may be more
	}
	return store.Never
}
