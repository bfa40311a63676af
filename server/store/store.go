package store

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/timbre-voice/timbre/interaction"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Options says which database to open.
type Options struct {
	// DSN is the path of a SQLite file, which is made with mode 0600 where there is none, or a postgres:// address.
	DSN string
	// Now is the clock that stamps rows; required. It is asked with microsecond precision.
	Now func() time.Time
	// Event makes the outbox row of a record that was saved; an empty kind makes none. It runs inside the transaction and may be
	// called more than once for one save. nil: a row of kind interaction_saved with id, revision and state.
	Event func(*interaction.Interaction) (kind string, body []byte, err error)
	// Conns bounds the open connections: of PostgreSQL altogether, of SQLite the readers, beside the one writer. 0: 8.
	Conns int
}

// Store is an open database of all tenants. Its own methods serve the server itself, which acts before a tenant is known or for
// all of them; everything that belongs to a tenant is a method of Tenant. Safe for concurrent use.
type Store struct {
	engine
	now   func() time.Time
	event func(*interaction.Interaction) (kind string, body []byte, err error)

	checkpoints checkpointQueue
	unscrubbed  atomic.Bool // rows were deleted since the last Scrub
}

// engine is what differs between the databases.
type engine struct {
	dialect   goose.Dialect
	write     *sql.DB // SQLite: one connection, since one writer at a time is all that it has
	read      *sql.DB
	forUpdate string // ends a SELECT whose rows the transaction will change; rows that refer to them may still come
	forShare  string // ends a SELECT that waits for the transactions that change its rows
	skip      string // the same, passing over rows that another node holds
}

// Open opens the database and brings its schema up to date. Errors: ErrInvalid for a DSN that is none, for a file that is no
// database and for a schema that a newer release wrote; ErrUnavailable where the database cannot be reached.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Now == nil {
		return nil, invalid("clock", "none", "Options.Now")
	}
	if o.Conns < 0 {
		return nil, invalid("connections", o.Conns, "0 or more")
	}
	conns := cmp.Or(o.Conns, 8)
	var e engine
	var err error
	switch {
	case o.DSN == "":
		return nil, invalid("address", o.DSN, "the path of a file or postgres://")
	case strings.HasPrefix(o.DSN, "postgres://"), strings.HasPrefix(o.DSN, "postgresql://"):
		e, err = openPostgres(o.DSN, conns)
	case strings.Contains(o.DSN, "://"):
		return nil, invalid("address", o.DSN[:strings.Index(o.DSN, "://")+3], "the path of a file or postgres://")
	default:
		e, err = openSQLite(o.DSN, conns)
	}
	if err != nil {
		return nil, err
	}
	s := &Store{engine: e, now: o.Now, event: o.Event}
	if s.event == nil {
		s.event = defaultEvent
	}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close closes the database, once the calls that run have ended. Calls after it fail.
func (s *Store) Close() error {
	var err error
	if s.read != s.write {
		err = s.read.Close()
	}
	return errors.Join(err, s.write.Close())
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	return explain(s.read.PingContext(ctx), "ping")
}

// migrate applies what is missing of the migrations. Two processes may start at once.
func (s *Store) migrate(ctx context.Context) (err error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("store: migrations: %w", err)
	}
	p, err := goose.NewProvider(s.dialect, s.write, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("store: migrations: %w", err)
	}
	done, err := s.takeTurn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	return s.retry(ctx, func() error { return applyMigrations(ctx, p) })
}

// applyMigrations goes on as long as each try finds the schema further than the one before: another process applied what we were
// about to, which is how a SQLite file's processes meet.
func applyMigrations(ctx context.Context, p *goose.Provider) error {
	sources := p.ListSources()
	newest := sources[len(sources)-1].Version
	const unread = -1
	for last := int64(unread - 1); ; {
		have, err := p.GetDBVersion(ctx)
		switch {
		case err != nil:
			have = unread
		case have > newest:
			return invalid("schema version", have, fmt.Sprintf("at most %d: a newer release wrote this database", newest))
		default:
			_, err = p.Up(ctx)
		}
		if err == nil || have == last {
			return explainOpen(err)
		}
		last = have
	}
}

// time returns the clock's time as rows keep it.
func (s *Store) time() time.Time { return s.now().UTC().Truncate(time.Microsecond) }
