package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// openPostgres opens a pool on the address. Nothing is dialled yet.
func openPostgres(address string, conns int) (engine, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		// The parser's own text may hold the password.
		return engine{}, fmt.Errorf("%w: address: not one that can be read, want postgres://user@host/database", ErrInvalid)
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "timbre"
	}
	db := stdlib.OpenDB(*config)
	conns = max(conns, 2) // migrating takes one for its lock and one for its work
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return engine{dialect: goose.DialectPostgres, write: db, read: db, forUpdate: " FOR NO KEY UPDATE", forShare: " FOR SHARE", skip: " FOR NO KEY UPDATE SKIP LOCKED"}, nil
}

// migrationLock is the advisory lock under which nodes that start at once take turns with the migrations. Any number that no other
// program on the same database uses would do.
const migrationLock = 7446210351

// takeTurn waits until no other node migrates and returns what ends our own turn. A SQLite file has its writer's lock for that.
func (s *Store) takeTurn(ctx context.Context) (done func() error, err error) {
	if s.dialect != goose.DialectPostgres {
		return func() error { return nil }, nil
	}
	conn, err := s.write.Conn(ctx) // the lock belongs to the connection
	if err != nil {
		return nil, explain(err, "migrations")
	}
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", migrationLock); err != nil {
		return nil, errors.Join(explain(err, "migrations"), conn.Close())
	}
	return func() error {
		_, err := conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", migrationLock)
		return errors.Join(explain(err, "migrations"), conn.Close())
	}, nil
}
