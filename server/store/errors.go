package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// What callers branch on. Every error of the package that is not one of these is a fault inside it.
var (
	ErrNotFound    = errors.New("store: not found")
	ErrConflict    = errors.New("store: conflict")    // another row has the key, or the row's state forbids the change
	ErrInvalid     = errors.New("store: invalid")     // a value that cannot be stored
	ErrUnavailable = errors.New("store: unavailable") // the database is busy, full or gone: the same call may succeed later
)

// Code returns the record code of an error: not_found, conflict, invalid, unavailable, internal; "" for nil.
func Code(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrNotFound):
		return "not_found"
	case errors.Is(err, ErrConflict):
		return "conflict"
	case errors.Is(err, ErrInvalid):
		return "invalid"
	case errors.Is(err, ErrUnavailable):
		return "unavailable"
	}
	return "internal"
}

// notFound names the row that is missing: notFound("speaker", "anna").
func notFound(what string, key ...any) error {
	return fmt.Errorf("%w: %s", ErrNotFound, name(what, key))
}

func conflict(what string, key []any, why string) error {
	return fmt.Errorf("%w: %s: %s", ErrConflict, name(what, key), why)
}

// invalid names a value and what was expected instead.
func invalid(what string, value any, want string) error {
	return fmt.Errorf("%w: %s: %s, want %s", ErrInvalid, what, show(value), want)
}

func name(what string, key []any) string {
	var b strings.Builder
	b.WriteString(what)
	for _, k := range key {
		b.WriteString(" " + show(k))
	}
	return b.String()
}

// show writes a value for a message, cut short so that a hostile text does not fill the log.
func show(v any) string {
	const most = 64
	if b, ok := v.([]byte); ok { // a hash: nobody's business
		return fmt.Sprintf("of %d bytes", len(b))
	}
	s, ok := v.(string)
	switch {
	case !ok:
		return fmt.Sprint(v)
	case len(s) > most:
		return strconv.Quote(s[:most]) + fmt.Sprintf(" and %d bytes more", len(s)-most)
	}
	return strconv.Quote(s)
}

// fault is what a driver's error means.
type fault int

const (
	faultOther fault = iota
	faultExists
	faultNoParent
	faultInvalid
	faultRetry // another writer was in the way: the whole transaction may run again
	faultCut   // the connection is gone: the transaction may run again unless it was committing
	faultGone
)

// classify reads the codes of both engines.
func classify(err error) fault {
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return classifySQLite(lite.Code())
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return classifyPostgres(pg.Code)
	}
	var connect *pgconn.ConnectError
	var network net.Error
	switch {
	case errors.As(err, &connect), errors.As(err, &network), pgconn.SafeToRetry(err), errors.Is(err, sql.ErrConnDone),
		errors.Is(err, driver.ErrBadConn), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return faultCut
	}
	return faultOther
}

// classifySQLite reads an extended result code (https://www.sqlite.org/rescode.html); its low byte is the primary code.
func classifySQLite(code int) fault {
	switch code {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return faultExists
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return faultNoParent
	case sqlite3.SQLITE_CONSTRAINT_CHECK, sqlite3.SQLITE_CONSTRAINT_NOTNULL:
		return faultInvalid
	}
	switch code & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return faultRetry
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_NOMEM:
		return faultGone
	case sqlite3.SQLITE_TOOBIG:
		return faultInvalid
	}
	return faultOther
}

// classifyPostgres reads an SQLSTATE (PostgreSQL documentation, appendix A).
func classifyPostgres(code string) fault {
	switch code {
	case "23505": // unique_violation
		return faultExists
	case "23503": // foreign_key_violation
		return faultNoParent
	case "40001", "40P01": // serialization_failure, deadlock_detected
		return faultRetry
	case "57P01", "57P02", "57P03": // admin_shutdown, crash_shutdown, cannot_connect_now
		return faultCut
	}
	switch code[:min(2, len(code))] {
	case "22", "23", "54": // data exception, integrity constraint, program limit
		return faultInvalid
	case "08": // connection
		return faultCut
	case "53", "58": // insufficient resources, system error
		return faultGone
	}
	return faultOther
}

// explain turns a driver's error about the row of that key into one of the package's. A cancelled context stays recognisable.
func explain(err error, what string, key ...any) error {
	switch {
	case err == nil:
		return nil
	case isOurs(err):
		return err
	case errors.Is(err, sql.ErrNoRows):
		return notFound(what, key...)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %s: %w", ErrUnavailable, what, err)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("store: %s: %w", what, err)
	}
	switch classify(err) {
	case faultExists:
		return conflict(what, key, "exists already")
	case faultNoParent:
		return fmt.Errorf("%w: what %s belongs to", ErrNotFound, name(what, key))
	case faultInvalid:
		return fmt.Errorf("%w: %s: %w", ErrInvalid, name(what, key), err)
	case faultRetry, faultCut, faultGone:
		return fmt.Errorf("%w: %s: %w", ErrUnavailable, what, err)
	}
	return fmt.Errorf("store: %s: %w", what, err)
}

func isOurs(err error) bool {
	return errors.Is(err, ErrNotFound) || errors.Is(err, ErrConflict) || errors.Is(err, ErrInvalid) || errors.Is(err, ErrUnavailable)
}
