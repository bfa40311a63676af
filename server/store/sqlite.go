package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// openSQLite opens the file for one writer and a pool of readers. WAL lets them work side by side; synchronous FULL makes a commit
// survive a loss of power; secure_delete overwrites what is deleted with zeros; cache_size is in KiB, of each connection.
func openSQLite(path string, readers int) (engine, error) {
	// Made here rather than by SQLite, for its mode. SQLite gives the WAL the mode of the file.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return engine{}, fmt.Errorf("%w: open: %w", ErrUnavailable, err)
	}
	if err := f.Close(); err != nil {
		return engine{}, fmt.Errorf("%w: open: %w", ErrUnavailable, err)
	}
	address := func(extra ...string) string {
		q := url.Values{"_pragma": append([]string{"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
			"secure_delete(1)", "cache_size(-16384)"}, extra...), "_txlock": {"immediate"}}
		return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
	}
	write, err := sql.Open("sqlite", address())
	if err != nil {
		return engine{}, fmt.Errorf("store: open: %w", err)
	}
	write.SetMaxOpenConns(1)
	read, err := sql.Open("sqlite", address("query_only(1)"))
	if err != nil {
		return engine{}, errors.Join(fmt.Errorf("store: open: %w", err), write.Close())
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return engine{dialect: goose.DialectSQLite3, write: write, read: read}, nil
}

// explainOpen names a file that is no database, which the other calls never meet.
func explainOpen(err error) error {
	var lite *sqlite.Error
	if errors.As(err, &lite) && lite.Code()&0xff == sqlite3.SQLITE_NOTADB {
		return fmt.Errorf("%w: file: not a SQLite database, want one or no file", ErrInvalid)
	}
	return explain(err, "migrations")
}

// Scrub removes what deleted rows left behind outside the live pages: it rebuilds the file and empties the WAL. SQLite only; on
// PostgreSQL, whose files are not ours, it does nothing, and the proof of deletion is the destroyed key. It needs a moment
// without readers of other processes: ErrUnavailable asks to try again.
func (s *Store) Scrub(ctx context.Context) error {
	if s.dialect != goose.DialectSQLite3 {
		return nil
	}
	s.unscrubbed.Store(false)
	err := s.retry(ctx, func() error {
		// secure_delete zeroes freed cells, but moving cells between pages can leave a copy in the gap of a page: only the rebuilt
		// file is known to hold live rows alone.
		if _, err := s.write.ExecContext(ctx, "VACUUM"); err != nil {
			return explain(err, "scrub")
		}
		var busy, log, done int
		if err := s.write.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &done); err != nil {
			return explain(err, "scrub")
		}
		if busy != 0 {
			return fmt.Errorf("%w: scrub: a reader holds the log: %w", ErrUnavailable, errBusy)
		}
		return nil
	})
	if err != nil {
		s.unscrubbed.Store(true)
	}
	return err
}

// ScrubDeleted is Scrub where something was deleted since the last one.
func (s *Store) ScrubDeleted(ctx context.Context) error {
	if !s.unscrubbed.Load() {
		return nil
	}
	return s.Scrub(ctx)
}
