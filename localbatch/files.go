package localbatch

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/durabatch/durabatch/localbatch/store"
)

// place is a directory whose files a client can read: a task's or a node's.
type place struct {
	dir string // on disk
	url string // of its files
}

func (s *Service) nodePlace(r *http.Request) (place, error) {
	var where place
	err := s.store.View(func(tx *store.Tx) error {
		p, n, err := findNode(tx, r.PathValue("pool"), r.PathValue("node"))
		if err != nil {
			return err
		}
		if err := n.mustHaveFiles(); err != nil {
			return err
		}
		where = place{s.nodeDir(n.ID), s.baseURL(r) + "/pools/" + p.ID + "/nodes/" + n.ID + "/files/"}
		return nil
	})
	return where, err
}

// mustHaveFiles: the files of a node are read from the node, which has to be up.
func (n *computeNode) mustHaveFiles() error {
	switch n.State {
	case creating, rebooting, deallocating, deallocated, preempted, unknown:
		return conflict("NodeNotReady", "Node is not able to perform the requested operations in its current state.").
			because("the node is %s", n.State)
	}
	return nil
}

func (s *Service) taskPlace(r *http.Request) (place, error) {
	var where place
	now := store.TimeOf(s.clock.Now())
	err := s.store.View(func(tx *store.Tx) error {
		j, t, err := findTask(tx, r.PathValue("job"), r.PathValue("task"))
		if err != nil {
			return err
		}
		switch {
		case t.State == active:
			return wrongState("The files of the specified task cannot be accessed as the task state is still active")
		case t.NodeID == "":
			return conflict("TaskFilesUnavailable", "The task files are unavailable because the task never ran on a node.")
		case t.State == completed && t.FilesUntil <= now: // they may still be there, for a moment
			return conflict("TaskFilesCleanedup", "The files of the specified task are cleaned up.").
				because("the task's retention time is over, or its node has lost its disk")
		}
		where = place{s.taskDir(t.NodeID, j.ID, t.ID), s.baseURL(r) + "/jobs/" + j.ID + "/tasks/" + t.ID + "/files/"}
		_, n, err := findNode(tx, t.PoolID, t.NodeID)
		var gone *apiError
		if errors.As(err, &gone) {
			return conflict("TaskFilesUnavailable", "The task files are unavailable because the compute node is gone from the pool.")
		}
		if err != nil {
			return err
		}
		return n.mustHaveFiles()
	})
	return where, err
}

func (s *Service) listNodeFiles(r *http.Request) (reply, error) {
	where, err := s.nodePlace(r)
	if err != nil {
		return reply{}, err
	}
	return s.listFiles(r, where)
}

func (s *Service) listTaskFiles(r *http.Request) (reply, error) {
	where, err := s.taskPlace(r)
	if err != nil {
		return reply{}, err
	}
	return s.listFiles(r, where)
}

func (s *Service) getNodeFile(r *http.Request) (reply, error) {
	where, err := s.nodePlace(r)
	if err != nil {
		return reply{}, err
	}
	return readFile(r, where)
}

func (s *Service) getTaskFile(r *http.Request) (reply, error) {
	where, err := s.taskPlace(r)
	if err != nil {
		return reply{}, err
	}
	return readFile(r, where)
}

func (s *Service) deleteNodeFile(r *http.Request) (reply, error) {
	where, err := s.nodePlace(r)
	if err != nil {
		return reply{}, err
	}
	return removeFile(r, where)
}

func (s *Service) deleteTaskFile(r *http.Request) (reply, error) {
	where, err := s.taskPlace(r)
	if err != nil {
		return reply{}, err
	}
	return removeFile(r, where)
}

// fileURL has the slashes of a file's name as they are, as the real service's
// has, although its clients send them escaped.
func (p place) fileURL(name string) string { return p.url + (&url.URL{Path: name}).EscapedPath() }
