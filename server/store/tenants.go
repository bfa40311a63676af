package store

import (
	"context"
	"time"
)

// TenantRow is one site or company whose data nobody else sees.
type TenantRow struct {
	ID        string
	Name      string
	CreatedAt time.Time // set by the store
}

// Tenant gives access to the rows of one tenant and to no other. It holds nothing but the name: make one per request or keep it.
// Safe for concurrent use.
type Tenant struct {
	s  *Store
	id string
}

// Tenant returns the access to a tenant's rows. It does not ask whether the tenant exists: writing for one that does not returns
// ErrNotFound, reading finds nothing.
func (s *Store) Tenant(id string) *Tenant { return &Tenant{s: s, id: id} }

// ID returns the tenant's id.
func (t *Tenant) ID() string { return t.id }

// EnsureTenant adds a tenant unless there is one of that id, whose name it then leaves as it is.
func (s *Store) EnsureTenant(ctx context.Context, id, name string) error {
	if err := checkKey("tenant id", id); err != nil {
		return err
	}
	if err := checkText("tenant name", name); err != nil {
		return err
	}
	return s.retry(ctx, func() error {
		_, err := s.write.ExecContext(ctx, "INSERT INTO tenants (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
			id, name, s.time().UnixMicro())
		return explain(err, "tenant", id)
	})
}

// Tenants lists all tenants by id.
func (s *Store) Tenants(ctx context.Context) (out []TenantRow, err error) {
	rows, err := s.read.QueryContext(ctx, "SELECT id, name, created_at FROM tenants ORDER BY id")
	if err != nil {
		return nil, explain(err, "tenant")
	}
	defer rows.Close()
	for rows.Next() {
		var r TenantRow
		if err := rows.Scan(&r.ID, &r.Name, at(&r.CreatedAt)); err != nil {
			return nil, explain(err, "tenant")
		}
		out = append(out, r)
	}
	return out, explain(rows.Err(), "tenant")
}
