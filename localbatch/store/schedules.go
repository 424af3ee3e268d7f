package store

import "database/sql"

// Schedule is a row of a job schedule. Its pool is written by SetSchedulePool alone.
type Schedule struct {
	Key       int64
	ID        string
	State     string
	Jobs      int64  // how many it has created
	RecentJob int64  // key of the last of them; 0: none
	Served    Time   // the recurrence that one was created for; 0: none
	PoolID    string // of the auto pool that its jobs share; empty: none
	Body      []byte // the service's JSON
}

const scheduleColumns = "key, id, state, jobs, recent_job, served, pool_id, body"

func scanSchedule(r row) (Schedule, error) {
	var s Schedule
	var recent sql.Null[int64]
	var served sql.Null[Time]
	var pool sql.Null[string]
	err := r.Scan(&s.Key, &s.ID, &s.State, &s.Jobs, &recent, &served, &pool, &s.Body)
	s.RecentJob, s.Served, s.PoolID = recent.V, served.V, pool.V
	return s, err
}

// Schedule finds a job schedule by its id, in any case of letters.
func (tx *Tx) Schedule(id string) (Schedule, bool, error) {
	return one(tx, scanSchedule, "SELECT "+scheduleColumns+" FROM schedules WHERE id = ?", id)
}

// ScheduleByKey finds a job schedule by its key.
func (tx *Tx) ScheduleByKey(key int64) (Schedule, bool, error) {
	return one(tx, scanSchedule, "SELECT "+scheduleColumns+" FROM schedules WHERE key = ?", key)
}

// Schedules lists all job schedules by id.
func (tx *Tx) Schedules() ([]Schedule, error) {
	return all(tx, scanSchedule, "SELECT "+scheduleColumns+" FROM schedules ORDER BY id")
}

// InsertSchedule adds s, without jobs, and returns its key.
func (tx *Tx) InsertSchedule(s Schedule) (int64, error) {
	return tx.insert("INSERT INTO schedules (id, state, body) VALUES (?, ?, ?)", s.ID, s.State, s.Body)
}

// UpdateSchedule writes all of s but its id and its pool.
func (tx *Tx) UpdateSchedule(s Schedule) error {
	return tx.exec("UPDATE schedules SET state = ?, jobs = ?, recent_job = ?, served = ?, body = ? WHERE key = ?",
		s.State, s.Jobs, null(s.RecentJob), null(s.Served), s.Body, s.Key)
}

// SetSchedulePool records the auto pool that a job schedule's jobs share.
func (tx *Tx) SetSchedulePool(key int64, poolID string) error {
	return tx.exec("UPDATE schedules SET pool_id = ? WHERE key = ?", null(poolID), key)
}

// DeleteSchedule removes a job schedule that has no jobs any more.
func (tx *Tx) DeleteSchedule(key int64) error {
	return tx.exec("DELETE FROM schedules WHERE key = ?", key)
}

// CountActive counts the jobs and the job schedules that have something to do:
// those that are neither completed nor disabled.
func (tx *Tx) CountActive() (int, error) {
	return tx.count(`SELECT
		(SELECT count(*) FROM jobs WHERE state NOT IN ('completed', 'disabled')) +
		(SELECT count(*) FROM schedules WHERE state NOT IN ('completed', 'disabled'))`)
}
