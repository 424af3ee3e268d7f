package store

import (
	"context"
	"database/sql"
	"errors"
)

// Tx is one transaction, valid until the function it was given to returns.
type Tx struct {
	conn *conn
}

// row is what a row can be read from.
type row interface{ Scan(dest ...any) error }

func (tx *Tx) exec(query string, args ...any) error {
	_, err := tx.result(query, args...)
	return err
}

func (tx *Tx) result(query string, args ...any) (sql.Result, error) {
	statement, err := tx.conn.prepare(query)
	if err != nil {
		return nil, err
	}
	return statement.ExecContext(context.Background(), args...)
}

// insert returns the new row's key.
func (tx *Tx) insert(query string, args ...any) (int64, error) {
	result, err := tx.result(query, args...)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// all reads every row of query.
func all[T any](tx *Tx, scan func(row) (T, error), query string, args ...any) (found []T, err error) {
	statement, err := tx.conn.prepare(query)
	if err != nil {
		return nil, err
	}
	rows, err := statement.QueryContext(context.Background(), args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		item, err := scan(rows)
		if err != nil {
			return nil, err
		}
		found = append(found, item)
	}
	return found, rows.Err()
}

// one reads the only row of query; without one, the second result is false.
func one[T any](tx *Tx, scan func(row) (T, error), query string, args ...any) (T, bool, error) {
	var none T
	statement, err := tx.conn.prepare(query)
	if err != nil {
		return none, false, err
	}
	found, err := scan(statement.QueryRowContext(context.Background(), args...))
	if errors.Is(err, sql.ErrNoRows) {
		return none, false, nil
	}
	return found, err == nil, err
}

// count is the number that query, which counts something, gives.
func (tx *Tx) count(query string, args ...any) (int, error) {
	n, _, err := one(tx, func(r row) (n int, err error) {
		err = r.Scan(&n)
		return n, err
	}, query, args...)
	return n, err
}

// null is how a zero value is kept where a column may be empty.
func null[T comparable](v T) sql.Null[T] {
	var zero T
	return sql.Null[T]{V: v, Valid: v != zero}
}
