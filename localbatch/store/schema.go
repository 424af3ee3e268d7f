package store

import (
	"context"
	"fmt"
)

// version is the schema's; a database of another one is not touched.
const version = 4

// Ids compare without case, as Batch has it, and lists are ordered by them.
// What lists filter by and what scheduling asks for has columns of its own, so
// that a job of a million tasks is never read as a whole; the rest of a row is
// JSON that only the service understands. Partial indexes cost nothing for the
// rows outside them: most tasks are not waiting, have no result yet, or no
// files any more.
const schema = `
CREATE TABLE settings (
  name  TEXT PRIMARY KEY,
  value BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE pools (
  key   INTEGER PRIMARY KEY AUTOINCREMENT,
  id    TEXT NOT NULL UNIQUE COLLATE NOCASE,
  body  BLOB NOT NULL
);
CREATE TABLE samples (
  pool            INTEGER NOT NULL,
  time            INTEGER NOT NULL,
  active          INTEGER NOT NULL,
  running         INTEGER NOT NULL,
  succeeded       INTEGER NOT NULL,
  failed          INTEGER NOT NULL,
  dedicated       INTEGER NOT NULL,
  low_priority    INTEGER NOT NULL,
  usable          INTEGER NOT NULL,
  preempted       INTEGER NOT NULL,
  cpu             REAL,
  PRIMARY KEY (pool, time)
) WITHOUT ROWID;
CREATE TABLE nodes (
  key             INTEGER PRIMARY KEY AUTOINCREMENT,
  pool            INTEGER NOT NULL,
  id              TEXT NOT NULL COLLATE NOCASE,
  dedicated       INTEGER NOT NULL,
  state           TEXT NOT NULL,
  state_time      INTEGER NOT NULL,
  open            INTEGER NOT NULL,
  running_tasks   INTEGER NOT NULL,
  running_slots   INTEGER NOT NULL,
  exclusive       INTEGER NOT NULL DEFAULT 0,
  tasks_run       INTEGER NOT NULL,
  tasks_succeeded INTEGER NOT NULL,
  recent          TEXT NOT NULL,
  process         TEXT NOT NULL,
  body            BLOB NOT NULL,
  UNIQUE (pool, id)
);
CREATE TABLE certificates (
  thumbprint TEXT PRIMARY KEY COLLATE NOCASE,
  body       BLOB NOT NULL
);
CREATE TABLE jobs (
  key             INTEGER PRIMARY KEY AUTOINCREMENT,
  id              TEXT NOT NULL UNIQUE COLLATE NOCASE,
  pool_id         TEXT NOT NULL COLLATE NOCASE,
  state           TEXT NOT NULL,
  priority        INTEGER NOT NULL,
  max_parallel    INTEGER NOT NULL,
  schedule        INTEGER,
  active          INTEGER NOT NULL DEFAULT 0,
  running         INTEGER NOT NULL DEFAULT 0,
  succeeded       INTEGER NOT NULL DEFAULT 0,
  failed          INTEGER NOT NULL DEFAULT 0,
  active_slots    INTEGER NOT NULL DEFAULT 0,
  running_slots   INTEGER NOT NULL DEFAULT 0,
  succeeded_slots INTEGER NOT NULL DEFAULT 0,
  failed_slots    INTEGER NOT NULL DEFAULT 0,
  least_slots     INTEGER NOT NULL DEFAULT 0,
  body            BLOB NOT NULL
);
CREATE INDEX jobs_of_pool ON jobs (pool_id, state, priority);
CREATE INDEX jobs_of_schedule ON jobs (schedule) WHERE schedule IS NOT NULL;
CREATE INDEX jobs_active ON jobs (key) WHERE state NOT IN ('completed', 'disabled');
CREATE TABLE schedules (
  key        INTEGER PRIMARY KEY AUTOINCREMENT,
  id         TEXT NOT NULL UNIQUE COLLATE NOCASE,
  state      TEXT NOT NULL,
  jobs       INTEGER NOT NULL DEFAULT 0,
  recent_job INTEGER,
  served     INTEGER,
  pool_id    TEXT,
  body       BLOB NOT NULL
);
CREATE TABLE tasks (
  key                 INTEGER PRIMARY KEY AUTOINCREMENT,
  job                 INTEGER NOT NULL,
  id                  TEXT NOT NULL COLLATE NOCASE,
  state               TEXT NOT NULL,
  state_time          INTEGER NOT NULL,
  previous_state      TEXT,
  previous_state_time INTEGER,
  created             INTEGER NOT NULL,
  modified            INTEGER NOT NULL,
  slots               INTEGER NOT NULL,
  instances           INTEGER NOT NULL,
  ready               INTEGER,
  started             INTEGER,
  ended               INTEGER,
  exit_code           INTEGER,
  result              TEXT,
  retries             INTEGER NOT NULL DEFAULT 0,
  last_retry          INTEGER,
  requeues            INTEGER NOT NULL DEFAULT 0,
  last_requeue        INTEGER,
  pool_id             TEXT,
  node_id             TEXT,
  process             TEXT,
  files_until         INTEGER,
  failure             BLOB,
  container           BLOB,
  body                BLOB NOT NULL,
  UNIQUE (job, id)
);
CREATE INDEX tasks_by_state ON tasks (job, state, id);
CREATE INDEX tasks_by_result ON tasks (job, result, id) WHERE result IS NOT NULL;
CREATE INDEX tasks_ready ON tasks (job, ready) WHERE ready IS NOT NULL;
CREATE INDEX tasks_running ON tasks (key) WHERE state IN ('running', 'preparing');
CREATE INDEX tasks_with_files ON tasks (files_until) WHERE files_until IS NOT NULL;
CREATE TABLE preparations (
  job         INTEGER NOT NULL,
  node        INTEGER NOT NULL,
  pool_id     TEXT NOT NULL,
  node_id     TEXT NOT NULL,
  process     TEXT NOT NULL,
  files_until INTEGER,
  body        BLOB NOT NULL,
  PRIMARY KEY (job, node)
);
CREATE INDEX preparations_of_node ON preparations (node);
CREATE INDEX preparations_with_files ON preparations (files_until) WHERE files_until IS NOT NULL;
CREATE TABLE subtasks (
  job     INTEGER NOT NULL,
  task    INTEGER NOT NULL,
  id      INTEGER NOT NULL,
  node_id TEXT NOT NULL,
  process TEXT NOT NULL,
  body    BLOB NOT NULL,
  PRIMARY KEY (task, id)
);
CREATE INDEX subtasks_of_job ON subtasks (job);
` + dependencySchema

// Only jobs whose tasks depend on each other have rows in these tables. A
// waiting task has one row in waits, for one of its dependencies; those that
// are satisfied are in satisfied by their ids, and in numbers as unbroken runs,
// so that a range of 100,000 of them is one row to look at.
const dependencySchema = `
CREATE TABLE waits (
  task    INTEGER PRIMARY KEY,
  job     INTEGER NOT NULL,
  parent  TEXT NOT NULL COLLATE NOCASE,
  rest    INTEGER NOT NULL,
  low     INTEGER NOT NULL
);
CREATE INDEX waits_for ON waits (job, parent);
CREATE TABLE satisfied (
  job     INTEGER NOT NULL,
  id      TEXT NOT NULL COLLATE NOCASE,
  number  INTEGER,
  until   INTEGER NOT NULL,
  PRIMARY KEY (job, id)
) WITHOUT ROWID;
CREATE INDEX satisfied_numbers ON satisfied (job, number) WHERE number IS NOT NULL;
CREATE TABLE numbers (
  job     INTEGER NOT NULL,
  first   INTEGER NOT NULL,
  last    INTEGER NOT NULL,
  PRIMARY KEY (job, first)
) WITHOUT ROWID;
CREATE TABLE releases (
  job     INTEGER NOT NULL,
  parent  TEXT NOT NULL COLLATE NOCASE,
  PRIMARY KEY (job, parent)
) WITHOUT ROWID;
`

// migrate makes the schema in an empty database.
func (c *conn) migrate() error {
	ctx := context.Background()
	var found int
	if err := c.sql.QueryRowContext(ctx, "PRAGMA user_version").Scan(&found); err != nil {
		return err
	}
	switch found {
	case version:
		return nil
	case 0:
		_, err := c.sql.ExecContext(ctx, fmt.Sprintf("BEGIN; %s PRAGMA user_version = %d; COMMIT", schema, version))
		return err
	default:
		return fmt.Errorf("it was written by another version of the service (schema %d, this one has %d); start with a new data directory", found, version)
	}
}
