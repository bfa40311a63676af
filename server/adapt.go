package server

import (
	"fmt"
	"time"

	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/store"
)

// fault turns an error of the store into what the REST interface tells its client.
func fault(err error) error {
	kind := map[string]error{"not_found": api.ErrNotFound, "conflict": api.ErrConflict, "invalid": api.ErrInvalid, "unavailable": api.ErrUnavailable}[store.Code(err)]
	if kind == nil {
		return err
	}
	return fmt.Errorf("%w: %w", kind, err)
}

// with passes a value on with the error of the store turned.
func with[T any](v T, err error) (T, error) { return v, fault(err) }

// pageOf turns the page that a client asks for.
func pageOf(p api.Page) store.Page { return store.Page{After: p.Cursor, Limit: p.Limit} }

// listOf turns a page of rows.
func listOf[R, T any](l store.List[R], err error, of func(*R) T) (api.List[T], error) {
	out := api.List[T]{Next: l.Next}
	for i := range l.Items {
		out.Items = append(out.Items, of(&l.Items[i]))
	}
	return out, fault(err)
}

// present returns a row's time as an answer holds it: absent where it is zero.
func present(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// given is the other way.
func given(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
