// Package store keeps the state of a Batch service in an embedded SQLite
// database: pools, nodes, jobs and tasks. It knows rows, not the service's
// rules: what a transition is allowed to do is decided by its caller, inside
// the one transaction that Update gives it.
//
// Writes go through one goroutine, which commits whatever is waiting as one
// transaction. Commits are written to the write-ahead log before Update
// returns, so the death of the process loses nothing that was acknowledged;
// the loss of the machine's power can lose the last moments, never the rest.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"

	_ "modernc.org/sqlite" // the database driver "sqlite"
)

// ErrClosed is returned by Update and View after Close.
var ErrClosed = errors.New("the Batch service's store is closed")

const (
	readers  = 4   // connections for View; each keeps a page cache of its own
	maxGroup = 128 // changes committed together at most
)

// Store is the database of one service. It is safe for concurrent use.
type Store struct {
	db      *sql.DB
	lock    *os.File
	writer  *conn
	readers chan *conn
	opened  int // connections that are or were in readers
	changes chan change
	closing chan struct{} // closed when no more changes are taken
	ended   chan struct{} // closed when the writer goroutine has returned
	once    sync.Once
}

type change struct {
	apply func(*Tx) error
	done  chan error // buffered; nil when nobody waits
}

// Open opens the database in dir, creating both where they are missing. One
// process at a time can have it open: a second one gets an error that says so.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the Batch service's data directory: %w", err)
	}
	lock, err := lockDirectory(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{
		lock:    lock,
		readers: make(chan *conn, readers),
		changes: make(chan change, maxGroup),
		closing: make(chan struct{}),
		ended:   make(chan struct{}),
	}
	if err := s.open(filepath.Join(dir, "batch.db")); err != nil {
		return nil, errors.Join(fmt.Errorf("open the Batch service's database in %s: %w", dir, err), s.release())
	}
	go s.write()
	return s, nil
}

func (s *Store) open(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) // SQLite would make it readable by all
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	source := "file:" + (&url.URL{Path: path}).EscapedPath() +
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=busy_timeout(10000)" +
		"&_pragma=wal_autocheckpoint(4000)&_pragma=cache_size(-32768)"
	if s.db, err = sql.Open("sqlite", source); err != nil {
		return err
	}
	s.db.SetMaxOpenConns(readers + 1)
	if s.writer, err = newConn(s.db); err != nil {
		return err
	}
	if err := s.writer.migrate(); err != nil {
		return err
	}
	for range readers {
		reader, err := newConn(s.db)
		if err != nil {
			return err
		}
		s.readers <- reader
		s.opened++
	}
	return nil
}

// Close commits what is waiting and closes the database.
func (s *Store) Close() error {
	var err error
	s.once.Do(func() {
		close(s.closing)
		<-s.ended
		err = s.release()
	})
	return err
}

func (s *Store) release() error {
	var err error
	if s.db != nil {
		for range s.opened { // one that is in use comes back first
			err = errors.Join(err, (<-s.readers).close())
		}
		if s.writer != nil {
			err = errors.Join(err, s.writer.close())
		}
		err = errors.Join(err, s.db.Close())
	}
	return errors.Join(err, s.lock.Close())
}

// Update runs apply in a transaction and returns when it is committed. When
// apply fails, nothing of it stays and its error is returned as it is. Calls
// of apply never overlap: each sees all that earlier ones did. It must not
// call Update or View.
func (s *Store) Update(apply func(*Tx) error) error {
	done := make(chan error, 1)
	if err := s.enqueue(change{apply: apply, done: done}); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-s.ended:
	}
	select {
	case err := <-done: // it was the last one
		return err
	default:
		return ErrClosed
	}
}

// Post is Update for a change nobody waits for; it is applied in turn. A
// failure is lost, so it is for what the next start can do without.
func (s *Store) Post(apply func(*Tx) error) error {
	return s.enqueue(change{apply: apply})
}

func (s *Store) enqueue(c change) error {
	select {
	case <-s.closing:
		return ErrClosed
	default:
	}
	select {
	case s.changes <- c:
		return nil
	case <-s.closing:
		return ErrClosed
	}
}

// View runs read on a snapshot of the database.
func (s *Store) View(read func(*Tx) error) error {
	var c *conn
	select {
	case c = <-s.readers:
	case <-s.closing:
		return ErrClosed
	}
	defer func() { s.readers <- c }()
	if err := c.run("BEGIN"); err != nil {
		return err
	}
	err := read(&Tx{conn: c})
	return errors.Join(err, c.run("ROLLBACK"))
}

func (s *Store) write() {
	defer close(s.ended)
	for {
		select {
		case c := <-s.changes:
			s.commit(s.group(c))
		case <-s.closing:
			for len(s.changes) > 0 {
				s.commit(s.group(<-s.changes))
			}
			return
		}
	}
}

// group takes the changes that wait behind first, so that they share its commit.
func (s *Store) group(first change) []change {
	group := []change{first}
	for len(group) < maxGroup {
		select {
		case c := <-s.changes:
			group = append(group, c)
		default:
			return group
		}
	}
	return group
}

func (s *Store) commit(group []change) {
	results := make([]error, len(group))
	err := s.writer.run("BEGIN IMMEDIATE")
	if err == nil && len(group) == 1 {
		if results[0] = s.writer.apply(group[0].apply); results[0] != nil {
			err = s.writer.run("ROLLBACK")
		} else {
			err = s.writer.commit()
		}
	} else if err == nil {
		for i, c := range group {
			results[i] = s.writer.savepoint(c.apply)
		}
		err = s.writer.commit()
	}
	for i, c := range group {
		if c.done == nil {
			continue
		}
		if err != nil && results[i] == nil {
			results[i] = fmt.Errorf("commit to the Batch service's database: %w", err)
		}
		c.done <- results[i]
	}
}

func (c *conn) commit() error {
	err := c.run("COMMIT")
	if err != nil {
		err = errors.Join(err, c.run("ROLLBACK"))
	}
	return err
}

// savepoint runs apply so that its failure takes back its own writes only.
func (c *conn) savepoint(apply func(*Tx) error) error {
	if err := c.run("SAVEPOINT change"); err != nil {
		return err
	}
	err := c.apply(apply)
	if err != nil {
		err = errors.Join(err, c.run("ROLLBACK TO change"))
	}
	return errors.Join(err, c.run("RELEASE change"))
}

// apply runs apply. One caller's mistake must not end everybody's writes.
func (c *conn) apply(apply func(*Tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a change of the Batch service's state: %v\n%s", p, debug.Stack())
		}
	}()
	return apply(&Tx{conn: c})
}

// conn is one connection with the statements it has prepared so far.
type conn struct {
	sql        *sql.Conn
	statements map[string]*sql.Stmt
}

func newConn(db *sql.DB) (*conn, error) {
	c, err := db.Conn(context.Background())
	if err != nil {
		return nil, err
	}
	return &conn{sql: c, statements: map[string]*sql.Stmt{}}, nil
}

func (c *conn) prepare(query string) (*sql.Stmt, error) {
	if statement, ok := c.statements[query]; ok {
		return statement, nil
	}
	if len(c.statements) >= maxStatements { // filters make ever new ones
		if err := c.forget(); err != nil {
			return nil, err
		}
	}
	statement, err := c.sql.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	c.statements[query] = statement
	return statement, nil
}

const maxStatements = 200

func (c *conn) forget() error {
	var err error
	for query, statement := range c.statements {
		err = errors.Join(err, statement.Close())
		delete(c.statements, query)
	}
	return err
}

func (c *conn) run(query string) error {
	statement, err := c.prepare(query)
	if err != nil {
		return err
	}
	_, err = statement.ExecContext(context.Background())
	return err
}

func (c *conn) close() error {
	return errors.Join(c.forget(), c.sql.Close())
}
