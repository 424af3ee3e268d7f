package store

import "database/sql"

// Task is a row of a task. Zero values are kept as empty columns.
type Task struct {
	Key, Job          int64
	ID                string
	State             string
	StateTime         Time
	PreviousState     string
	PreviousStateTime Time
	Created, Modified Time
	Slots             int32
	Instances         int32 // nodes that a multi-instance task runs on; 0: it is none
	Ready             Time  // since when it waits for a node; 0: it does not
	Started, Ended    Time
	ExitCode          *int32
	Result            string
	Retries           int32
	LastRetry         Time
	Requeues          int32
	LastRequeue       Time
	PoolID, NodeID    string
	Process           string // of the run that goes on now
	FilesUntil        Time   // when its directory is removed; 0: there is none
	Failure           []byte // the service's JSON
	Container         []byte // the service's JSON
	Body              []byte // the service's JSON
}

const taskColumns = `key, job, id, state, state_time, previous_state, previous_state_time, created, modified,
	slots, instances, ready, started, ended, exit_code, result, retries, last_retry, requeues, last_requeue,
	pool_id, node_id, process, files_until, failure, container, body`

func scanTask(r row) (Task, error) {
	var t Task
	var previousState, result, poolID, nodeID, process sql.Null[string]
	var previousTime, ready, started, ended, lastRetry, lastRequeue, filesUntil sql.Null[Time]
	err := r.Scan(&t.Key, &t.Job, &t.ID, &t.State, &t.StateTime, &previousState, &previousTime, &t.Created, &t.Modified,
		&t.Slots, &t.Instances, &ready, &started, &ended, &t.ExitCode, &result, &t.Retries, &lastRetry, &t.Requeues, &lastRequeue,
		&poolID, &nodeID, &process, &filesUntil, &t.Failure, &t.Container, &t.Body)
	t.PreviousState, t.Result, t.PoolID, t.NodeID, t.Process = previousState.V, result.V, poolID.V, nodeID.V, process.V
	t.PreviousStateTime, t.Ready, t.Started, t.Ended = previousTime.V, ready.V, started.V, ended.V
	t.LastRetry, t.LastRequeue, t.FilesUntil = lastRetry.V, lastRequeue.V, filesUntil.V
	return t, err
}

// Task finds a task of a job by its id, in any case of letters.
func (tx *Tx) Task(job int64, id string) (Task, bool, error) {
	return one(tx, scanTask, "SELECT "+taskColumns+" FROM tasks WHERE job = ? AND id = ?", job, id)
}

// TaskByKey finds a task by its key.
func (tx *Tx) TaskByKey(key int64) (Task, bool, error) {
	return one(tx, scanTask, "SELECT "+taskColumns+" FROM tasks WHERE key = ?", key)
}

// Tasks lists at most limit tasks of a job that are where says, by id,
// beginning behind the id after.
func (tx *Tx) Tasks(job int64, where Where, after string, limit int) ([]Task, error) {
	condition, args := "", []any{job}
	if after != "" { // SQLite would begin there, even if where begins far behind
		condition, args = " AND id > ?", append(args, after)
	}
	if where != nil {
		var text string
		text, args = where.sql(args)
		condition += " AND " + text
	}
	return all(tx, scanTask, "SELECT "+taskColumns+
		" FROM tasks WHERE job = ?"+condition+" ORDER BY id LIMIT ?", append(args, limit)...)
}

// ReadyTasks lists at most limit tasks of a job that wait for a node and need
// no more than slots, the longest waiting first, beginning behind the task
// after or, if that is the zero Task, with the first.
func (tx *Tx) ReadyTasks(job int64, slots int32, after Task, limit int) ([]Task, error) {
	return all(tx, scanTask, "SELECT "+taskColumns+` FROM tasks
		WHERE job = ? AND ready IS NOT NULL AND (ready, key) > (?, ?) AND slots <= ? ORDER BY ready, key LIMIT ?`,
		job, after.Ready, after.Key, slots, limit)
}

// RunningTasks lists the tasks of all jobs that are on a node: the running ones
// and those that wait there for their job's preparation task.
func (tx *Tx) RunningTasks() ([]Task, error) {
	return all(tx, scanTask, "SELECT "+taskColumns+" FROM tasks WHERE state IN ('running', 'preparing') ORDER BY key")
}

// TasksWithFiles lists at most limit tasks whose directories are still there,
// those that are removed first leading.
func (tx *Tx) TasksWithFiles(limit int) ([]Task, error) {
	return all(tx, scanTask, "SELECT "+taskColumns+
		" FROM tasks WHERE files_until IS NOT NULL ORDER BY files_until LIMIT ?", limit)
}

// InsertTask adds t and returns its key; without one when the job has a task
// of that id.
func (tx *Tx) InsertTask(t Task) (key int64, added bool, err error) {
	result, err := tx.result(`INSERT INTO tasks (job, id, state, state_time, created, modified, slots, instances, ready, body)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (job, id) DO NOTHING`,
		t.Job, t.ID, t.State, t.StateTime, t.Created, t.Modified, t.Slots, t.Instances, null(t.Ready), t.Body)
	if err != nil {
		return 0, false, err
	}
	n, err := result.RowsAffected()
	if n == 0 || err != nil {
		return 0, false, err
	}
	key, err = result.LastInsertId()
	return key, true, err
}

// UpdateTask writes all of t but its job, id, creation, slots and body.
func (tx *Tx) UpdateTask(t Task) error {
	return tx.exec(`UPDATE tasks SET state = ?, state_time = ?, previous_state = ?, previous_state_time = ?,
		ready = ?, started = ?, ended = ?, exit_code = ?, result = ?, retries = ?, last_retry = ?,
		requeues = ?, last_requeue = ?, pool_id = ?, node_id = ?, process = ?, files_until = ?, failure = ?, container = ?
		WHERE key = ?`,
		t.State, t.StateTime, null(t.PreviousState), null(t.PreviousStateTime),
		null(t.Ready), null(t.Started), null(t.Ended), t.ExitCode, null(t.Result), t.Retries, null(t.LastRetry),
		t.Requeues, null(t.LastRequeue), null(t.PoolID), null(t.NodeID), null(t.Process), null(t.FilesUntil), t.Failure, t.Container,
		t.Key)
}

// UpdateTaskBody writes t's body and the time of its modification.
func (tx *Tx) UpdateTaskBody(t Task) error {
	return tx.exec("UPDATE tasks SET body = ?, modified = ? WHERE key = ?", t.Body, t.Modified, t.Key)
}

// SetTaskReady writes since when an active task waits for a node.
func (tx *Tx) SetTaskReady(t Task) error {
	return tx.exec("UPDATE tasks SET ready = ? WHERE key = ?", null(t.Ready), t.Key)
}

// SetTaskProcess records the process of a task that still runs.
func (tx *Tx) SetTaskProcess(key int64, process string) error {
	return tx.exec("UPDATE tasks SET process = ? WHERE key = ? AND state = 'running'", process, key)
}

// ForgetTaskFiles records that a task's directory is gone.
func (tx *Tx) ForgetTaskFiles(key int64) error {
	return tx.exec("UPDATE tasks SET files_until = NULL WHERE key = ?", key)
}

// HasTaskFiles says whether a node holds the directory of a completed task, one
// of a job's preparation or release task included, whose retention time is not
// over at now.
func (tx *Tx) HasTaskFiles(node int64, nodeID string, now Time) (bool, error) {
	n, err := tx.count(`SELECT EXISTS (SELECT 1 FROM tasks WHERE files_until > ? AND node_id = ?)
		OR EXISTS (SELECT 1 FROM preparations WHERE files_until > ? AND node = ?)`, now, nodeID, now, node)
	return n > 0, err
}

// ForgetNodeFiles records that the directories of all tasks on a node are gone.
func (tx *Tx) ForgetNodeFiles(nodeID string) error {
	return tx.exec("UPDATE tasks SET files_until = NULL WHERE files_until IS NOT NULL AND node_id = ?", nodeID)
}

// DeleteTask removes a task.
func (tx *Tx) DeleteTask(key int64) error {
	return tx.exec("DELETE FROM tasks WHERE key = ?", key)
}

// DeleteTasks removes at most limit tasks of a job and says how many.
func (tx *Tx) DeleteTasks(job int64, limit int) (int64, error) {
	result, err := tx.result("DELETE FROM tasks WHERE key IN (SELECT key FROM tasks WHERE job = ? LIMIT ?)", job, limit)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
