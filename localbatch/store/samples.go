package store

import "database/sql"

// Sample is what there was of a pool's tasks and nodes at a time.
type Sample struct {
	Pool        int64
	Time        Time
	Tasks       Counts
	Dedicated   int32 // nodes, and of these by kind and state:
	LowPriority int32
	Usable      int32
	Preempted   int32
	CPU         *float64 // the part of the processors' time that was used, from 0 to 1; nil: unknown
}

const sampleColumns = "pool, time, active, running, succeeded, failed, dedicated, low_priority, usable, preempted, cpu"

// InsertSample adds a sample, unless the pool has one of that time.
func (tx *Tx) InsertSample(s Sample) error {
	return tx.exec("INSERT OR IGNORE INTO samples ("+sampleColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		s.Pool, s.Time, s.Tasks.Active, s.Tasks.Running, s.Tasks.Succeeded, s.Tasks.Failed,
		s.Dedicated, s.LowPriority, s.Usable, s.Preempted, s.CPU)
}

// Samples lists a pool's samples from after a time, the oldest first.
func (tx *Tx) Samples(pool int64, after Time) ([]Sample, error) {
	scan := func(r row) (s Sample, err error) {
		var cpu sql.Null[float64]
		err = r.Scan(&s.Pool, &s.Time, &s.Tasks.Active, &s.Tasks.Running, &s.Tasks.Succeeded, &s.Tasks.Failed,
			&s.Dedicated, &s.LowPriority, &s.Usable, &s.Preempted, &cpu)
		if cpu.Valid {
			s.CPU = &cpu.V
		}
		return s, err
	}
	return all(tx, scan, "SELECT "+sampleColumns+" FROM samples WHERE pool = ? AND time > ? ORDER BY time", pool, after)
}

// DeleteSamples removes a pool's samples from before a time.
func (tx *Tx) DeleteSamples(pool int64, before Time) error {
	return tx.exec("DELETE FROM samples WHERE pool = ? AND time < ?", pool, before)
}

// PoolTasks counts the tasks of all jobs on a pool. Of the active ones it
// counts those that wait for a node, of jobs in state.
func (tx *Tx) PoolTasks(poolID, state string) (Counts, error) {
	scan := func(r row) (c Counts, err error) {
		err = r.Scan(&c.Active, &c.Running, &c.Succeeded, &c.Failed)
		return c, err
	}
	counts, _, err := one(tx, scan, `SELECT
		coalesce(sum(CASE WHEN state = ? THEN active - (SELECT count(*) FROM waits WHERE job = jobs.key) ELSE 0 END), 0),
		coalesce(sum(running), 0), coalesce(sum(succeeded), 0), coalesce(sum(failed), 0)
		FROM jobs WHERE pool_id = ?`, state, poolID)
	return counts, err
}

// NodeStateCount is how many nodes of a kind are in a state.
type NodeStateCount struct {
	Dedicated bool
	State     string
	Count     int32
}

// CountNodeStates counts a pool's nodes by kind and state.
func (tx *Tx) CountNodeStates(pool int64) ([]NodeStateCount, error) {
	scan := func(r row) (n NodeStateCount, err error) {
		err = r.Scan(&n.Dedicated, &n.State, &n.Count)
		return n, err
	}
	return all(tx, scan, "SELECT dedicated, state, count(*) FROM nodes WHERE pool = ? GROUP BY dedicated, state", pool)
}
