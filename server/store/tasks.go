package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// Task is something that somebody has to do, because of a call or for a customer.
type Task struct {
	ID            string // set by the store where empty
	InteractionID string // the call; may be empty
	CustomerID    string
	Title         string // required
	Owner         string // who does it; "": nobody yet
	Due           time.Time
	Source        string    // what asked for it: a rule, a survey, a person
	State         string    // open or done; "" is open
	CreatedAt     time.Time // set by the store
	UpdatedAt     time.Time // set by the store
}

var tasks = table[Task]{name: "tasks", what: "task", key: []string{"id"},
	cols: []string{"id", "interaction_id", "customer_id", "title", "owner", "due", "source", "state", "created_at", "updated_at"},
	fields: func(v *Task) []any {
		return []any{&v.ID, &v.InteractionID, &v.CustomerID, &v.Title, &v.Owner, at(&v.Due), &v.Source, &v.State, at(&v.CreatedAt), at(&v.UpdatedAt)}
	}}

func (v *Task) task() interaction.Task {
	return interaction.Task{ID: v.ID, Title: v.Title, Owner: v.Owner, Due: present(v.Due), Source: v.Source, State: v.State}
}

// SaveTask adds a task or changes the one of that id, and writes it into the record of its call. Errors: ErrInvalid.
func (t *Tenant) SaveTask(ctx context.Context, v Task) (Task, error) {
	now := t.s.time()
	if v.ID == "" {
		v.ID = NewID(now)
	}
	if v.State == "" {
		v.State = "open"
	}
	if v.Title == "" {
		return Task{}, invalid("task title", "", "what is to be done")
	}
	if v.State != "open" && v.State != "done" {
		return Task{}, invalid("task state", v.State, "open or done")
	}
	var out Task
	err := t.inTurn(ctx, "task", func(tx *sql.Tx) (err error) {
		v.CreatedAt, v.UpdatedAt, v.Due = now, now, stored(&v.Due)
		before, err := tasks.find(ctx, tx, t.id, "id = $1", "", v.ID)
		if err != nil {
			return err
		}
		if err := tasks.put(ctx, tx, t.id, &v, "created_at"); err != nil {
			return err
		}
		for _, b := range before {
			if b.InteractionID != v.InteractionID {
				if err := t.refresh(ctx, tx, b.InteractionID); err != nil {
					return err
				}
			}
		}
		if err := t.refresh(ctx, tx, v.InteractionID); err != nil {
			return err
		}
		out, err = tasks.get(ctx, tx, t.id, v.ID)
		return err
	})
	return out, err
}

// Task returns a task or ErrNotFound.
func (t *Tenant) Task(ctx context.Context, id string) (Task, error) {
	return tasks.get(ctx, t.s.read, t.id, id)
}

// TaskQuery says which tasks are wanted; an empty field asks for all.
type TaskQuery struct {
	State, Owner, CustomerID, InteractionID string
	DueBefore                               time.Time
}

// Tasks lists tasks in the order in which they came.
func (t *Tenant) Tasks(ctx context.Context, q TaskQuery, p Page) (List[Task], error) {
	var c conditions
	c.equal("state", q.State)
	c.equal("owner", q.Owner)
	c.equal("customer_id", q.CustomerID)
	c.equal("interaction_id", q.InteractionID)
	c.between("due", time.Time{}, q.DueBefore)
	return tasks.page(ctx, t.s.read, t.id, p, order{cols: []string{"created_at", "id"}, kinds: "ns"}, c.where(), c.args...)
}

// DeleteTask removes a task, also from its record. Errors: ErrNotFound.
func (t *Tenant) DeleteTask(ctx context.Context, id string) error {
	return t.inTurn(ctx, "task", func(tx *sql.Tx) error {
		v, err := tasks.get(ctx, tx, t.id, id)
		if err != nil {
			return err
		}
		if err := tasks.remove(ctx, tx, t.id, id); err != nil {
			return err
		}
		return t.refresh(ctx, tx, v.InteractionID)
	})
}
