package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Roles lists what a user of the console may be.
func Roles() []string {
	return []string{"reviewer", "lead", "agent", "supervisor", "security", "analyst", "admin"}
}

// User is a person who logs in to the console.
type User struct {
	ID           string // set by the store where empty
	Login        string // one of its own in the tenant
	DisplayName  string
	PasswordHash string   // as the console makes it, with its parameters; "": no password logs in
	Roles        []string // of Roles
	AgentID      string   // where the user is an agent: whose reviews are the user's own
	Disabled     bool
	CreatedAt    time.Time // set by the store
	UpdatedAt    time.Time // set by the store
}

var users = table[User]{name: "users", what: "user", key: []string{"id"},
	cols: []string{"id", "login", "display_name", "password_hash", "roles", "agent_id", "disabled", "created_at", "updated_at"},
	fields: func(v *User) []any {
		return []any{&v.ID, &v.Login, &v.DisplayName, &v.PasswordHash, jsonOf(&v.Roles), &v.AgentID, &v.Disabled, at(&v.CreatedAt), at(&v.UpdatedAt)}
	}}

// SaveUser adds a user or changes the one of that id, whose sessions then end where the user was disabled. Errors: ErrInvalid for
// a role that there is not, ErrConflict for a login that another user has.
func (t *Tenant) SaveUser(ctx context.Context, v User) (User, error) {
	now := t.s.time()
	v.CreatedAt, v.UpdatedAt = now, now
	if v.ID == "" {
		v.ID = NewID(now)
	}
	if err := checkKey("user login", v.Login); err != nil {
		return User{}, err
	}
	for _, r := range v.Roles {
		if !slices.Contains(Roles(), r) {
			return User{}, invalid("user role", r, strings.Join(Roles(), ", "))
		}
	}
	if v.Roles == nil {
		v.Roles = []string{}
	}
	var out User
	err := t.s.update(ctx, "user", func(tx *sql.Tx) (err error) {
		if err := users.put(ctx, tx, t.id, &v, "created_at"); err != nil {
			return err
		}
		if v.Disabled {
			if _, err := exec(ctx, tx, "DELETE FROM sessions WHERE tenant = $1 AND user_id = $2", t.id, v.ID); err != nil {
				return explain(err, "session")
			}
		}
		out, err = users.get(ctx, tx, t.id, v.ID)
		return err
	})
	return out, err
}

// User returns a user or ErrNotFound.
func (t *Tenant) User(ctx context.Context, id string) (User, error) {
	return users.get(ctx, t.s.read, t.id, id)
}

// UserByLogin returns the user of a login or ErrNotFound.
func (t *Tenant) UserByLogin(ctx context.Context, login string) (User, error) {
	found, err := users.find(ctx, t.s.read, t.id, "login = $1", "", login)
	if err == nil && len(found) == 0 {
		err = notFound("user", login)
	}
	if err != nil {
		return User{}, err
	}
	return found[0], nil
}

// Users lists the users by id.
func (t *Tenant) Users(ctx context.Context, p Page) (List[User], error) {
	return users.page(ctx, t.s.read, t.id, p, order{cols: []string{"id"}, kinds: "s"}, "")
}

// DeleteUser removes a user and the user's sessions. Errors: ErrNotFound.
func (t *Tenant) DeleteUser(ctx context.Context, id string) error {
	return t.s.update(ctx, "user", func(tx *sql.Tx) error { return users.remove(ctx, tx, t.id, id) })
}

// Session is a login that has not ended. The cookie's secret is kept as a hash.
type Session struct {
	Hash      []byte // of the secret: 32 bytes
	UserID    string
	CreatedAt time.Time // set by the store
	ExpiresAt time.Time
}

var sessions = table[Session]{name: "sessions", what: "session", key: []string{"hash"}, cols: []string{"hash", "user_id", "created_at", "expires_at"},
	fields: func(v *Session) []any { return []any{&v.Hash, &v.UserID, at(&v.CreatedAt), at(&v.ExpiresAt)} }}

// hashSize is the length of the hashes of secrets: SHA-256.
const hashSize = 32

func checkHash(what string, hash []byte) error {
	if len(hash) != hashSize {
		return invalid(what, fmt.Sprintf("%d bytes", len(hash)), fmt.Sprintf("a hash of %d", hashSize))
	}
	return nil
}

// AddSession keeps a login. Errors: ErrNotFound for an unknown user, ErrInvalid.
func (t *Tenant) AddSession(ctx context.Context, v Session) error {
	v.CreatedAt = t.s.time()
	if err := checkHash("session hash", v.Hash); err != nil {
		return err
	}
	if !v.ExpiresAt.After(v.CreatedAt) {
		return invalid("session expires_at", v.ExpiresAt, "a time to come")
	}
	return t.s.update(ctx, "session", func(tx *sql.Tx) error { return sessions.insert(ctx, tx, t.id, &v) })
}

// EndSession ends a login. One that has ended already is no error.
func (t *Tenant) EndSession(ctx context.Context, hash []byte) error {
	return t.s.update(ctx, "session", func(tx *sql.Tx) error {
		_, err := exec(ctx, tx, "DELETE FROM sessions WHERE tenant = $1 AND hash = $2", t.id, hash)
		return explain(err, "session")
	})
}

// SessionUser returns whose login a hash is, with the tenant, or ErrNotFound where it is unknown or ended, or where the user is
// disabled.
func (s *Store) SessionUser(ctx context.Context, hash []byte) (tenant string, u User, err error) {
	var id string
	err = s.read.QueryRowContext(ctx, "SELECT tenant, user_id FROM sessions WHERE hash = $1 AND expires_at > $2", hash, s.time().UnixMicro()).Scan(&tenant, &id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", User{}, notFound("session")
	}
	if err != nil {
		return "", User{}, explain(err, "session")
	}
	u, err = users.get(ctx, s.read, tenant, id)
	if err == nil && u.Disabled {
		err = notFound("session")
	}
	if err != nil {
		return "", User{}, err
	}
	return tenant, u, nil
}
