package store

// Subtask is an instance of a multi-instance task on one node. The primary has
// one too, with the ID 0, for its coordination command.
type Subtask struct {
	Job, Task int64
	ID        int32
	NodeID    string
	Process   string // of the coordination command that runs now
	Body      []byte // the service's JSON
}

const subtaskColumns = "job, task, id, node_id, process, body"

func scanSubtask(r row) (Subtask, error) {
	var s Subtask
	err := r.Scan(&s.Job, &s.Task, &s.ID, &s.NodeID, &s.Process, &s.Body)
	return s, err
}

// Subtasks lists those of a task by id.
func (tx *Tx) Subtasks(task int64) ([]Subtask, error) {
	return all(tx, scanSubtask, "SELECT "+subtaskColumns+" FROM subtasks WHERE task = ? ORDER BY id", task)
}

// SubtasksWithProcess lists those of all tasks whose coordination command runs,
// or what it has started.
func (tx *Tx) SubtasksWithProcess() ([]Subtask, error) {
	return all(tx, scanSubtask, "SELECT "+subtaskColumns+" FROM subtasks WHERE process <> '' ORDER BY task, id")
}

// PutSubtask adds s, or replaces the one that the task has of this id.
func (tx *Tx) PutSubtask(s Subtask) error {
	return tx.exec("INSERT OR REPLACE INTO subtasks ("+subtaskColumns+") VALUES (?, ?, ?, ?, ?, ?)",
		s.Job, s.Task, s.ID, s.NodeID, s.Process, s.Body)
}

// SetSubtaskProcess records the process of a coordination command.
func (tx *Tx) SetSubtaskProcess(task int64, id int32, process string) error {
	return tx.exec("UPDATE subtasks SET process = ? WHERE task = ? AND id = ?", process, task, id)
}

// DeleteSubtasks removes those of a task.
func (tx *Tx) DeleteSubtasks(task int64) error {
	return tx.exec("DELETE FROM subtasks WHERE task = ?", task)
}
