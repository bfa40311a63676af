package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// TestWriterWaitsForAnotherProcess: a short lock of the file is waited for, without an error.
func TestWriterWaitsForAnotherProcess(t *testing.T) {
	w := open(t, filepath.Join(t.TempDir(), "timbre.db"))
	ctx := t.Context()
	other, err := Open(ctx, Options{DSN: w.dsn, Now: w.clock.now})
	must(t, err)
	defer other.Close()
	tx, err := other.write.BeginTx(ctx, nil)
	must(t, err)
	_, err = tx.ExecContext(ctx, "UPDATE tenants SET name = 'x'")
	must(t, err)
	if _, err := w.write.ExecContext(ctx, "PRAGMA busy_timeout = 1"); err != nil {
		t.Fatal(err)
	}
	// As long as the other holds the file, the call is told that it is busy, as an error that may be tried again.
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	code(t, w.EnsureTenant(short, "c", ""), "unavailable")
	done := make(chan error)
	go func() { done <- w.EnsureTenant(ctx, "c", "") }()
	must(t, tx.Commit())
	must(t, <-done)
}

func TestRetryEndsWithTheLastError(t *testing.T) {
	w := open(t, filepath.Join(t.TempDir(), "timbre.db"))
	tries := 0
	err := w.retry(t.Context(), func() error {
		tries++
		return fmt.Errorf("%w: %w", ErrUnavailable, errBusy)
	})
	code(t, err, "unavailable")
	equal(t, tries, retries+1)
	tries = 0
	mine := errors.New("mine")
	err = w.retry(t.Context(), func() error { tries++; return mine })
	if !errors.Is(err, mine) || tries != 1 {
		t.Errorf("%v after %d tries, want the error itself at once", err, tries)
	}
}

func TestCancelledCallsSaySo(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := w.a.Speaker(ctx, "x")
		if !errors.Is(err, context.Canceled) || Code(err) != "internal" {
			t.Errorf("%v, want the cancelled context", err)
		}
		late, cancel := context.WithTimeout(t.Context(), -time.Second)
		defer cancel()
		_, err = w.a.SaveInteraction(late, record(t, "x"))
		code(t, err, "unavailable")
	})
}

func TestErrorCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{notFound("speaker", "x"), "not_found"},
		{conflict("speaker", []any{"x"}, "why"), "conflict"},
		{invalid("speaker id", "", "a text"), "invalid"},
		{explain(sql.ErrNoRows, "speaker", "x"), "not_found"},
		{explain(context.DeadlineExceeded, "speaker"), "unavailable"},
		{explain(sql.ErrConnDone, "speaker"), "unavailable"},
		{explain(errors.New("odd"), "speaker"), "internal"},
	} {
		if got := Code(c.err); got != c.want {
			t.Errorf("%v has code %q, want %q", c.err, got, c.want)
		}
	}
	for text, err := range map[string]error{
		`store: not found: speaker "x"`:                                  notFound("speaker", "x"),
		`store: conflict: speaker "x": exists already`:                   conflict("speaker", []any{"x"}, "exists already"),
		`store: invalid: speaker id: "", want a text`:                    invalid("speaker id", "", "a text"),
		`store: not found: session of 32 bytes`:                          notFound("session", hash("x")),
		`store: unavailable: speaker: sql: connection is already closed`: explain(sql.ErrConnDone, "speaker"),
	} {
		if err.Error() != text {
			t.Errorf("%q, want %q", err, text)
		}
	}
	for sqlstate, want := range map[string]fault{"23505": faultExists, "23503": faultNoParent, "23514": faultInvalid, "22P02": faultInvalid, "40001": faultRetry,
		"40P01": faultRetry, "57P01": faultCut, "08006": faultCut, "53300": faultGone, "42601": faultOther, "": faultOther} {
		if got := classifyPostgres(sqlstate); got != want {
			t.Errorf("SQLSTATE %q is %d, want %d", sqlstate, got, want)
		}
	}
	for result, want := range map[int]fault{2067: faultExists, 1555: faultExists, 787: faultNoParent, 275: faultInvalid, 1299: faultInvalid, 5: faultRetry,
		261: faultRetry, 517: faultRetry, 6: faultRetry, 13: faultGone, 10: faultGone, 266: faultGone, 14: faultGone, 8: faultGone, 18: faultInvalid, 1: faultOther} {
		if got := classifySQLite(result); got != want {
			t.Errorf("result code %d is %d, want %d", result, got, want)
		}
	}
}

func TestIDsSortByTheirTime(t *testing.T) {
	var ids []string
	for i := range 100 {
		ids = append(ids, NewID(epoch.Add(time.Duration(i)*time.Millisecond)))
	}
	if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != 100 || len(ids[0]) != 26 {
		t.Errorf("%v: want 100 ids of 26 characters in order", ids)
	}
	if a, b := NewID(epoch), NewID(epoch); a == b {
		t.Error("two ids of one time are the same")
	}
}

// TestFullDiskLosesNothing: the call that does not fit says so, nothing of it is half there, and it fits once there is room.
func TestFullDiskLosesNothing(t *testing.T) {
	w := open(t, filepath.Join(t.TempDir(), "timbre.db"))
	ctx := t.Context()
	save(t, w.a, record(t, "c1"))
	limit := func(pages int) {
		_, err := w.write.ExecContext(ctx, fmt.Sprint("PRAGMA max_page_count = ", pages))
		must(t, err)
	}
	limit(1) // as few as there are
	big := record(t, "c2", func(r *interaction.Interaction) { r.Alerts[0].Evidence = string(make([]byte, 500_000)) })
	_, err := w.a.SaveInteraction(ctx, big)
	code(t, err, "unavailable")
	_, err = w.a.Interaction(ctx, "c2")
	code(t, err, "not_found")
	equal(t, ids(t, w.a, Query{}, 10), []string{"c1"})
	limit(1 << 20)
	save(t, w.a, big)
	equal(t, len(ok(w.Pending(ctx, 10))(t)), 2)
}

// TestConnectionsThatAreCutAreMadeAnew: the server ends every connection, as it does when it restarts.
func TestConnectionsThatAreCutAreMadeAnew(t *testing.T) {
	w := open(t, sharedPostgres(t))
	ctx := t.Context()
	other, err := Open(ctx, Options{DSN: w.dsn, Now: w.clock.now})
	must(t, err)
	defer other.Close()
	id := NewID(w.time())
	tries := 0
	must(t, w.update(ctx, "test", func(tx *sql.Tx) error {
		if tries++; tries == 1 {
			must(t, tentative(tx, id+"-first"))
			_, err := other.write.ExecContext(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
			must(t, err)
		}
		return explain(tentative(tx, id+"-last"), "test")
	}))
	var found []string
	for range 10 { // the cut connections that still lie in the pool fail once each
		if found, err = texts(ctx, w.read, "SELECT id FROM tenants WHERE id LIKE $1", id+"%"); err == nil {
			break
		}
		code(t, explain(err, "test"), "unavailable")
	}
	if tries < 2 || !slices.Equal(found, []string{id + "-last"}) {
		t.Errorf("%v after %d tries, want what the last try wrote alone", found, tries)
	}
}

func tentative(tx *sql.Tx, id string) error {
	_, err := tx.Exec("INSERT INTO tenants (id, name, created_at) VALUES ($1, '', 0)", id)
	return err
}
