package store

import "math"

// Wait is what an active task waits for before it waits for a node: the one of
// its dependencies that it was found to lack.
type Wait struct {
	Task, Job int64
	// Parent is the id of a task, or what NumberName makes of a number.
	Parent string
	// Rest is how many further dependencies have yet to be looked at.
	Rest int
	// Low is the lowest number that the dependency reaches down to, if it is a
	// range of numbers; 0 if it is a task.
	Low int64
}

// Run is an unbroken sequence of numbers, both ends included.
type Run struct{ First, Last int64 }

// Release is a parent whose waiting tasks are being released.
type Release struct {
	Job    int64
	Parent string
}

// Newest stands for a task that has no key yet, where tasks are told apart by
// their age.
const Newest = math.MaxInt64

// satisfiedNow is the value of satisfied.until while the task is completed.
const satisfiedNow = Newest

// SetWait writes what a task waits for, instead of what it has waited for.
func (tx *Tx) SetWait(w Wait) error {
	return tx.exec("INSERT OR REPLACE INTO waits (task, job, parent, rest, low) VALUES (?, ?, ?, ?, ?)",
		w.Task, w.Job, w.Parent, w.Rest, w.Low)
}

// DeleteWait forgets what a task waits for, if it does.
func (tx *Tx) DeleteWait(task int64) error {
	return tx.exec("DELETE FROM waits WHERE task = ?", task)
}

// Waits lists at most limit tasks that wait for a parent, the oldest first.
func (tx *Tx) Waits(job int64, parent string, limit int) ([]Wait, error) {
	scan := func(r row) (w Wait, err error) {
		err = r.Scan(&w.Task, &w.Job, &w.Parent, &w.Rest, &w.Low)
		return w, err
	}
	return all(tx, scan, "SELECT task, job, parent, rest, low FROM waits WHERE job = ? AND parent = ? ORDER BY task LIMIT ?",
		job, parent, limit)
}

// ReleaseTasks has at most limit tasks wait for a node, from ready on, that
// wait for nothing but this parent: it is the last of their dependencies, and
// if that is a range of numbers, it reaches no lower than low. It says how many.
func (tx *Tx) ReleaseTasks(job int64, parent string, low int64, ready Time, limit int) (int64, error) {
	const those = "(SELECT task FROM waits WHERE job = ? AND parent = ? AND rest = 0 AND low >= ? ORDER BY task LIMIT ?)"
	if err := tx.exec("UPDATE tasks SET ready = ? WHERE key IN "+those, ready, job, parent, low, limit); err != nil {
		return 0, err
	}
	result, err := tx.result("DELETE FROM waits WHERE task IN "+those, job, parent, low, limit)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Satisfy records that a task is completed in a way that satisfies those that
// depend on it. number is nil for an id that is none.
func (tx *Tx) Satisfy(job int64, id string, number *int64) error {
	return tx.exec("INSERT OR REPLACE INTO satisfied (job, id, number, until) VALUES (?, ?, ?, ?)",
		job, id, number, int64(satisfiedNow))
}

// Unsatisfy records that a task does not satisfy dependencies any more, since
// it is deleted or active again: those of the tasks there are it has satisfied
// for good, those of later ones it does not.
func (tx *Tx) Unsatisfy(job int64, id string) error {
	return tx.exec(`UPDATE satisfied SET until = (SELECT coalesce(max(key), 0) FROM tasks)
		WHERE job = ? AND id = ? AND until = ?`, job, id, int64(satisfiedNow))
}

// Satisfied says whether a task of this id has satisfied those that depend on
// it, in the lifetime of the task whose key is by.
func (tx *Tx) Satisfied(job int64, id string, by int64) (bool, error) {
	return tx.exists("SELECT 1 FROM satisfied WHERE job = ? AND id = ? AND until >= ?", job, id, by)
}

// NumberSatisfied is Satisfied for whatever ids have this number.
func (tx *Tx) NumberSatisfied(job, number, by int64) (bool, error) {
	return tx.exists("SELECT 1 FROM satisfied WHERE job = ? AND number = ? AND until >= ? LIMIT 1", job, number, by)
}

func (tx *Tx) exists(query string, args ...any) (bool, error) {
	scan := func(r row) (one int, err error) {
		err = r.Scan(&one)
		return one, err
	}
	_, found, err := one(tx, scan, query, args...)
	return found, err
}

// NumberRun finds the run of satisfied numbers that n is in.
func (tx *Tx) NumberRun(job, n int64) (Run, bool, error) {
	scan := func(r row) (run Run, err error) {
		err = r.Scan(&run.First, &run.Last)
		return run, err
	}
	run, found, err := one(tx, scan,
		"SELECT first, last FROM numbers WHERE job = ? AND first <= ? ORDER BY first DESC LIMIT 1", job, n)
	return run, found && run.Last >= n, err
}

// AddNumber makes n a satisfied number and returns the run it is in now; false
// if it was one already.
func (tx *Tx) AddNumber(job, n int64) (Run, bool, error) {
	if run, found, err := tx.NumberRun(job, n); found || err != nil {
		return run, false, err
	}
	run := Run{n, n}
	below, found, err := tx.NumberRun(job, n-1)
	if err != nil {
		return run, false, err
	}
	if found {
		run.First = below.First
	}
	above, found, err := tx.NumberRun(job, n+1)
	if err != nil {
		return run, false, err
	}
	if found {
		run.Last = above.Last
		if err := tx.deleteRun(job, above); err != nil {
			return run, false, err
		}
	}
	return run, true, tx.insertRun(job, run)
}

// RemoveNumber makes n a number that is not satisfied.
func (tx *Tx) RemoveNumber(job, n int64) error {
	run, found, err := tx.NumberRun(job, n)
	if err != nil || !found {
		return err
	}
	if err := tx.deleteRun(job, run); err != nil {
		return err
	}
	if run.First < n {
		if err := tx.insertRun(job, Run{run.First, n - 1}); err != nil {
			return err
		}
	}
	if run.Last > n {
		return tx.insertRun(job, Run{n + 1, run.Last})
	}
	return nil
}

func (tx *Tx) insertRun(job int64, run Run) error {
	return tx.exec("INSERT OR REPLACE INTO numbers (job, first, last) VALUES (?, ?, ?)", job, run.First, run.Last)
}

func (tx *Tx) deleteRun(job int64, run Run) error {
	return tx.exec("DELETE FROM numbers WHERE job = ? AND first = ?", job, run.First)
}

// AddRelease records that a parent's waiting tasks are being released.
func (tx *Tx) AddRelease(r Release) error {
	return tx.exec("INSERT OR IGNORE INTO releases (job, parent) VALUES (?, ?)", r.Job, r.Parent)
}

// DeleteRelease records that a parent's waiting tasks have been released.
func (tx *Tx) DeleteRelease(r Release) error {
	return tx.exec("DELETE FROM releases WHERE job = ? AND parent = ?", r.Job, r.Parent)
}

// Releases lists the parents whose waiting tasks are being released.
func (tx *Tx) Releases() ([]Release, error) {
	scan := func(r row) (release Release, err error) {
		err = r.Scan(&release.Job, &release.Parent)
		return release, err
	}
	return all(tx, scan, "SELECT job, parent FROM releases ORDER BY job, parent")
}

// DeleteDependencies removes at most limit of each kind of record that a job
// has about its tasks' dependencies, and says how many of the most frequent.
func (tx *Tx) DeleteDependencies(job int64, limit int) (int64, error) {
	most := int64(0)
	for _, query := range []string{
		"DELETE FROM waits WHERE task IN (SELECT task FROM waits WHERE job = ? LIMIT ?)",
		"DELETE FROM satisfied WHERE job = ?1 AND id IN (SELECT id FROM satisfied WHERE job = ?1 LIMIT ?2)",
		"DELETE FROM numbers WHERE job = ?1 AND first IN (SELECT first FROM numbers WHERE job = ?1 LIMIT ?2)",
		"DELETE FROM releases WHERE job = ?1 AND parent IN (SELECT parent FROM releases WHERE job = ?1 LIMIT ?2)",
	} {
		result, err := tx.result(query, job, limit)
		if err != nil {
			return 0, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return 0, err
		}
		most = max(most, n)
	}
	return most, nil
}
