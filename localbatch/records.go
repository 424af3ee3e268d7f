package localbatch

import (
	"fmt"
	"sync"
	"time"

	"github.com/durabatch/durabatch/localbatch/node"
	"github.com/durabatch/durabatch/localbatch/store"
)

// records are the processes of running tasks on their way to the store, where
// a later service finds them, should this one die. Those that are over before
// they get there are spared: to write down each task of a moment costs as much
// as its other changes. Whoever kills the service in the meantime leaves a
// process that is known by its environment alone.
type records struct {
	mu      sync.Mutex
	pending map[int64]string // by the task's key
	write   func(map[int64]string)
}

// recordDelay is how long a process can go unrecorded.
const recordDelay = 20 * time.Millisecond

// add records the process of a task, soon.
func (r *records) add(task int64, pgid int) {
	identity, err := node.ProcessIdentity(pgid)
	if err != nil {
		return // it is over already
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending == nil {
		r.pending = map[int64]string{}
		time.AfterFunc(recordDelay, r.flush)
	}
	r.pending[task] = fmt.Sprintf("%d %s", pgid, identity)
}

// forget is for a task whose process is over.
func (r *records) forget(task int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.pending, task)
}

func (r *records) flush() {
	r.mu.Lock()
	pending := r.pending
	r.pending = nil
	r.mu.Unlock()
	if len(pending) > 0 {
		r.write(pending)
	}
}

// writeRecords has the processes stored that still run.
func (s *Service) writeRecords(processes map[int64]string) {
	err := s.store.Post(func(tx *store.Tx) error {
		for task, process := range processes {
			if err := tx.SetTaskProcess(task, process); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && s.ctx.Err() == nil {
		s.log.Warn("the processes of running tasks could not be recorded", "error", err)
	}
}
