package store

import "database/sql"

// Job is a row of a job. Its counts are written by AddCounts alone, and its
// LeastSlots by SetLeastSlots.
type Job struct {
	Key         int64
	ID          string
	PoolID      string
	State       string
	Priority    int32
	MaxParallel int32 // -1: no limit
	Schedule    int64 // key of the job schedule it is of; 0: none
	Tasks       Counts
	Slots       Counts // the same tasks, each weighed by its slots
	LeastSlots  int32  // no task of the job has ever needed fewer; 0: it has had none
	Body        []byte // the service's JSON
}

// Counts are tasks, or their slots, by state and result.
type Counts struct{ Active, Running, Succeeded, Failed int32 }

const jobColumns = `key, id, pool_id, state, priority, max_parallel, schedule, active, running, succeeded, failed,
	active_slots, running_slots, succeeded_slots, failed_slots, least_slots, body`

func scanJob(r row) (Job, error) {
	var j Job
	var schedule sql.Null[int64]
	err := r.Scan(&j.Key, &j.ID, &j.PoolID, &j.State, &j.Priority, &j.MaxParallel, &schedule,
		&j.Tasks.Active, &j.Tasks.Running, &j.Tasks.Succeeded, &j.Tasks.Failed,
		&j.Slots.Active, &j.Slots.Running, &j.Slots.Succeeded, &j.Slots.Failed, &j.LeastSlots, &j.Body)
	j.Schedule = schedule.V
	return j, err
}

// Job finds a job by its id, in any case of letters.
func (tx *Tx) Job(id string) (Job, bool, error) {
	return one(tx, scanJob, "SELECT "+jobColumns+" FROM jobs WHERE id = ?", id)
}

// JobByKey finds a job by its key.
func (tx *Tx) JobByKey(key int64) (Job, bool, error) {
	return one(tx, scanJob, "SELECT "+jobColumns+" FROM jobs WHERE key = ?", key)
}

// Jobs lists all jobs by id.
func (tx *Tx) Jobs() ([]Job, error) {
	return all(tx, scanJob, "SELECT "+jobColumns+" FROM jobs ORDER BY id")
}

// JobsOfSchedule lists the jobs of a job schedule, the oldest first.
func (tx *Tx) JobsOfSchedule(schedule int64) ([]Job, error) {
	return all(tx, scanJob, "SELECT "+jobColumns+" FROM jobs WHERE schedule = ? ORDER BY key", schedule)
}

// WaitingJobs lists the jobs of a pool that are in state and have active
// tasks, the highest priority first, then the oldest.
func (tx *Tx) WaitingJobs(poolID, state string) ([]Job, error) {
	return all(tx, scanJob, "SELECT "+jobColumns+
		" FROM jobs WHERE pool_id = ? AND state = ? AND active > 0 ORDER BY priority DESC, key", poolID, state)
}

// InsertJob adds j, without tasks, and returns its key.
func (tx *Tx) InsertJob(j Job) (int64, error) {
	return tx.insert(`INSERT INTO jobs (id, pool_id, state, priority, max_parallel, schedule, body)
		VALUES (?, ?, ?, ?, ?, ?, ?)`, j.ID, j.PoolID, j.State, j.Priority, j.MaxParallel, null(j.Schedule), j.Body)
}

// UpdateJob writes all of j but its id, its schedule and its counts.
func (tx *Tx) UpdateJob(j Job) error {
	return tx.exec("UPDATE jobs SET pool_id = ?, state = ?, priority = ?, max_parallel = ?, body = ? WHERE key = ?",
		j.PoolID, j.State, j.Priority, j.MaxParallel, j.Body, j.Key)
}

// AddCounts adds to a job's counts of tasks and of their slots.
func (tx *Tx) AddCounts(job int64, tasks, slots Counts) error {
	return tx.exec(`UPDATE jobs SET active = active + ?, running = running + ?,
		succeeded = succeeded + ?, failed = failed + ?, active_slots = active_slots + ?,
		running_slots = running_slots + ?, succeeded_slots = succeeded_slots + ?,
		failed_slots = failed_slots + ? WHERE key = ?`,
		tasks.Active, tasks.Running, tasks.Succeeded, tasks.Failed,
		slots.Active, slots.Running, slots.Succeeded, slots.Failed, job)
}

// SetLeastSlots writes a job's LeastSlots, which UpdateJob does not.
func (tx *Tx) SetLeastSlots(job int64, slots int32) error {
	return tx.exec("UPDATE jobs SET least_slots = ? WHERE key = ?", slots, job)
}

// DeleteJob removes a job that has no tasks any more, with its preparations and
// subtasks.
func (tx *Tx) DeleteJob(key int64) error {
	if err := tx.exec("DELETE FROM preparations WHERE job = ?", key); err != nil {
		return err
	}
	if err := tx.exec("DELETE FROM subtasks WHERE job = ?", key); err != nil {
		return err
	}
	return tx.exec("DELETE FROM jobs WHERE key = ?", key)
}
