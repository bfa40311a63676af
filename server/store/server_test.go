package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

func TestUsersAndSessions(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		u := ok(w.a.SaveUser(ctx, User{Login: "anna", DisplayName: "Anna", PasswordHash: "h", Roles: []string{"lead", "agent"}, AgentID: "agent-4"}))(t)
		equal(t, ok(w.a.UserByLogin(ctx, "anna"))(t), u)
		_, err := w.a.SaveUser(ctx, User{Login: "anna"})
		code(t, err, "conflict")
		ok(w.b.SaveUser(ctx, User{Login: "anna"}))(t) // another tenant's
		_, err = w.a.SaveUser(ctx, User{Login: "x", Roles: []string{"root"}})
		code(t, err, "invalid")
		_, err = w.a.SaveUser(ctx, User{})
		code(t, err, "invalid")
		_, err = w.a.UserByLogin(ctx, "x")
		code(t, err, "not_found")

		end := w.time().Add(time.Hour)
		must(t, w.a.AddSession(ctx, Session{Hash: hash("s1"), UserID: u.ID, ExpiresAt: end}))
		code(t, w.a.AddSession(ctx, Session{Hash: hash("s1"), UserID: u.ID, ExpiresAt: end}), "conflict")
		code(t, w.a.AddSession(ctx, Session{Hash: hash("s2"), UserID: "nobody", ExpiresAt: end}), "not_found")
		code(t, w.a.AddSession(ctx, Session{Hash: []byte("short"), UserID: u.ID, ExpiresAt: end}), "invalid")
		code(t, w.a.AddSession(ctx, Session{Hash: hash("s2"), UserID: u.ID, ExpiresAt: epoch}), "invalid")
		tenant, got, err := w.SessionUser(ctx, hash("s1"))
		must(t, err)
		equal(t, tenant, "a")
		equal(t, got, u)
		must(t, w.a.AddSession(ctx, Session{Hash: hash("s2"), UserID: u.ID, ExpiresAt: end.Add(time.Hour)}))
		must(t, w.b.EndSession(ctx, hash("s1")))
		_, _, err = w.SessionUser(ctx, hash("s1"))
		must(t, err) // b cannot end it
		must(t, w.a.EndSession(ctx, hash("s1")))
		_, _, err = w.SessionUser(ctx, hash("s1"))
		code(t, err, "not_found")
		u.Disabled = true
		u = ok(w.a.SaveUser(ctx, u))(t)
		_, _, err = w.SessionUser(ctx, hash("s2"))
		code(t, err, "not_found")
		u.Disabled = false
		ok(w.a.SaveUser(ctx, u))(t)
		_, _, err = w.SessionUser(ctx, hash("s2"))
		code(t, err, "not_found") // ended for good
		must(t, w.a.AddSession(ctx, Session{Hash: hash("s3"), UserID: u.ID, ExpiresAt: end}))
		w.clock.advance(2 * time.Hour)
		_, _, err = w.SessionUser(ctx, hash("s3"))
		code(t, err, "not_found")
		must(t, w.a.DeleteUser(ctx, u.ID))
		code(t, w.a.DeleteUser(ctx, u.ID), "not_found")
	})
}

func TestAPIKeys(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		k := ok(w.a.AddAPIKey(ctx, APIKey{Name: "ci", Hash: hash("k"), Scopes: []string{"ingest"}, ExpiresAt: epoch.Add(time.Hour)}))(t)
		_, err := w.b.AddAPIKey(ctx, APIKey{ID: k.ID, Hash: hash("k")})
		code(t, err, "conflict")
		_, err = w.a.AddAPIKey(ctx, APIKey{Hash: []byte("secret in clear")})
		code(t, err, "invalid")
		tenant, got, err := w.APIKey(ctx, k.ID)
		must(t, err)
		equal(t, tenant, "a")
		equal(t, got, k)
		must(t, w.a.UsedAPIKey(ctx, k.ID))
		first := ok(w.a.APIKeys(ctx, Page{}))(t).Items[0].UsedAt
		must(t, w.a.UsedAPIKey(ctx, k.ID))
		if again := ok(w.a.APIKeys(ctx, Page{}))(t).Items[0].UsedAt; first.IsZero() || !again.Equal(first) {
			t.Errorf("used %v, then %v within the minute, want one note", first, again)
		}
		w.clock.advance(2 * time.Minute)
		must(t, w.a.UsedAPIKey(ctx, k.ID))
		if again := ok(w.a.APIKeys(ctx, Page{}))(t).Items[0].UsedAt; !again.After(first) {
			t.Errorf("used %v, want after %v", again, first)
		}
		w.clock.advance(time.Hour)
		_, _, err = w.APIKey(ctx, k.ID)
		code(t, err, "not_found") // expired
		k2 := ok(w.a.AddAPIKey(ctx, APIKey{Hash: hash("k2")}))(t)
		code(t, w.b.RevokeAPIKey(ctx, k2.ID), "not_found")
		must(t, w.a.RevokeAPIKey(ctx, k2.ID))
		code(t, w.a.RevokeAPIKey(ctx, k2.ID), "not_found")
		_, _, err = w.APIKey(ctx, k2.ID)
		code(t, err, "not_found")
	})
}

func TestEndpoints(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		e := Endpoint{Dialect: "twilio", Sealed: []byte{0, 255}, Roles: map[string]string{"inbound": "customer"}, RateHz: 8000, Results: true}
		must(t, w.a.SaveEndpoint(ctx, e))
		must(t, w.a.SaveEndpoint(ctx, Endpoint{Dialect: "twilio", Name: "dublin"}))
		code(t, w.b.SaveEndpoint(ctx, Endpoint{Dialect: "twilio"}), "conflict")
		code(t, w.b.SaveEndpoint(ctx, Endpoint{Name: "x"}), "invalid")
		tenant, got, err := w.Endpoint(ctx, "twilio", "")
		must(t, err)
		e.CreatedAt, e.UpdatedAt = got.CreatedAt, got.UpdatedAt
		equal(t, tenant, "a")
		equal(t, got, e)
		e.Disabled = true
		must(t, w.a.SaveEndpoint(ctx, e))
		_, _, err = w.Endpoint(ctx, "twilio", "")
		code(t, err, "not_found")
		equal(t, len(ok(w.a.Endpoints(ctx))(t)), 2)
		must(t, w.a.DeleteEndpoint(ctx, "twilio", ""))
		code(t, w.a.DeleteEndpoint(ctx, "twilio", ""), "not_found")
		_, _, err = w.Endpoint(ctx, "telnyx", "x")
		code(t, err, "not_found")

		h := ok(w.a.SaveWebhook(ctx, Webhook{URL: "https://x", Sealed: []byte("s"), Kinds: []string{"alert_raised"}}))(t)
		h.URL = "https://y"
		h = ok(w.a.SaveWebhook(ctx, h))(t)
		equal(t, ok(w.a.Webhooks(ctx))(t), []Webhook{h})
		_, err = w.a.SaveWebhook(ctx, Webhook{})
		code(t, err, "invalid")
		must(t, w.a.DeleteWebhook(ctx, h.ID))
		code(t, w.a.DeleteWebhook(ctx, h.ID), "not_found")
	})
}

func TestIdempotencyKeys(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		begin := func(request string) ([]byte, error) { return w.a.BeginIdempotent(ctx, "k", request, time.Minute) }
		if answer := ok(begin("r1"))(t); answer != nil {
			t.Errorf("a new key has the answer %q", answer)
		}
		_, err := begin("r1")
		code(t, err, "conflict") // still running
		must(t, w.a.FinishIdempotent(ctx, "k", []byte("done"), time.Hour))
		equal(t, string(ok(begin("r1"))(t)), "done")
		_, err = begin("r2")
		code(t, err, "conflict") // another request
		w.clock.advance(2 * time.Hour)
		if answer := ok(begin("r2"))(t); answer != nil {
			t.Errorf("an expired key has the answer %q", answer)
		}
		must(t, w.a.FinishIdempotent(ctx, "k", nil, 0)) // given free
		ok(begin("r3"))(t)
		w.clock.advance(2 * time.Minute)
		ok(begin("r4"))(t) // the claim of r3 was never finished
		code(t, w.a.FinishIdempotent(ctx, "none", []byte("x"), 0), "not_found")
		w.clock.advance(time.Hour)
		must(t, w.Sweep(ctx))
		code(t, w.a.FinishIdempotent(ctx, "k", []byte("x"), 0), "not_found")

		var fresh, busy int
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				_, err := w.a.BeginIdempotent(ctx, "race", "r", time.Hour)
				mu.Lock()
				defer mu.Unlock()
				switch Code(err) {
				case "":
					fresh++
				case "conflict":
					busy++
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if fresh != 1 || busy != 5 {
			t.Errorf("%d began and %d were told to wait, want 1 and 5", fresh, busy)
		}
	})
}

func TestUploads(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		_, _, err := w.ClaimUpload(ctx, time.Hour)
		code(t, err, "not_found")
		const n = 6
		for i := range n {
			ok([]*Tenant{w.a, w.b}[i%2].AddUpload(ctx, Upload{ID: fmt.Sprint("u", i), File: "x.wav", Bytes: 5, Binding: map[string]string{"queue": "q"}}))(t)
		}
		var mu sync.Mutex
		claimed := map[string]string{}
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				tenant, u, err := w.ClaimUpload(ctx, time.Hour)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				} else if _, twice := claimed[u.ID]; twice {
					t.Errorf("%s was given to two", u.ID)
				}
				claimed[u.ID] = tenant
			})
		}
		wg.Wait()
		equal(t, len(claimed), n)
		_, _, err = w.ClaimUpload(ctx, time.Hour)
		code(t, err, "not_found")

		must(t, w.a.ProgressUpload(ctx, "u0", 0.5, time.Hour))
		u := ok(w.a.Upload(ctx, "u0"))(t)
		if u.State != "running" || u.Progress != 0.5 || u.Attempts != 1 || u.Binding["queue"] != "q" {
			t.Errorf("%+v, want half done in the first attempt", u)
		}
		code(t, w.a.ProgressUpload(ctx, "u0", 1.1, time.Hour), "invalid")
		code(t, w.a.ProgressUpload(ctx, "none", 1, time.Hour), "not_found")
		must(t, w.a.FinishUpload(ctx, "u0", "call-1", ""))
		code(t, w.a.FinishUpload(ctx, "u0", "call-1", ""), "conflict")
		must(t, w.a.FinishUpload(ctx, "u2", "", "too_short"))
		if u := ok(w.a.Upload(ctx, "u2"))(t); u.State != "failed" || u.Error != "too_short" {
			t.Errorf("%+v, want failed for too_short", u)
		}
		w.clock.advance(2 * time.Hour) // the node that had u1, the oldest left, is taken for dead
		tenant, u, err := w.ClaimUpload(ctx, time.Hour)
		must(t, err)
		if tenant != "b" || u.ID != "u1" || u.Attempts != 2 {
			t.Errorf("%s of %s in attempt %d, want u1 of b in the second", u.ID, tenant, u.Attempts)
		}
		equal(t, len(ok(w.a.Uploads(ctx, Page{Limit: 2}))(t).Items), 2)
	})
}

func TestFormsAndEvaluationsMoveForwardOnly(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		save(t, w.a, record(t, "c1"))
		form := func(title string) Form {
			return ok(w.a.SaveForm(ctx, Form{ID: "f", Title: title, Definition: json.RawMessage(`{"q": [1]}`)}))(t)
		}
		equal(t, form("one").Version, 1)
		equal(t, form("two").Version, 1) // the draft is edited
		must(t, w.a.ActivateForm(ctx, "f", 1))
		code(t, w.a.ActivateForm(ctx, "f", 1), "conflict")
		code(t, w.a.ActivateForm(ctx, "f", 9), "not_found")
		equal(t, form("three").Version, 2)
		must(t, w.a.ActivateForm(ctx, "f", 2))
		var states []string
		for _, f := range ok(w.a.Forms(ctx, Page{}))(t).Items {
			states = append(states, fmt.Sprint(f.Version, " ", f.Title, " ", f.State))
		}
		equal(t, states, []string{"1 two locked", "2 three active"})
		equal(t, string(ok(w.a.Form(ctx, "f", 1))(t).Definition), `{"q":[1]}`)
		_, err := w.a.SaveForm(ctx, Form{ID: "f", Definition: json.RawMessage(`{`)})
		code(t, err, "invalid")

		e := Evaluation{InteractionID: "c1", AgentID: "agent-4", Evaluation: interaction.Evaluation{Form: "f", Version: 2, Evaluator: "r1"}}
		step := func(state string) error {
			next := e
			next.State = state
			saved, err := w.a.SaveEvaluation(ctx, next)
			if err == nil {
				e = saved
			}
			return err
		}
		code(t, step("acknowledged"), "conflict")
		must(t, step("draft"))
		must(t, step("draft"))
		code(t, step("disputed"), "conflict")
		must(t, step("submitted"))
		code(t, step("draft"), "conflict")
		must(t, step("disputed"))
		must(t, step("submitted"))
		must(t, step("acknowledged"))
		code(t, step("submitted"), "conflict")
		equal(t, ok(w.a.Evaluation(ctx, e.ID))(t), e)

		other := e
		other.Evaluator = "r2"
		_, err = w.a.SaveEvaluation(ctx, other)
		code(t, err, "conflict")
		other.ID, other.State, other.InteractionID = "", "draft", "none"
		_, err = w.a.SaveEvaluation(ctx, other)
		code(t, err, "not_found")
		other.InteractionID, other.Version = "c1", 3
		_, err = w.a.SaveEvaluation(ctx, other)
		code(t, err, "not_found")
		other.Form = ""
		_, err = w.a.SaveEvaluation(ctx, other)
		code(t, err, "invalid")
		equal(t, len(ok(w.a.Evaluations(ctx, EvaluationQuery{AgentID: "agent-4", Evaluator: "r1", Form: "f", States: []string{"acknowledged"}}, Page{}))(t).Items), 1)
		equal(t, len(ok(w.a.Evaluations(ctx, EvaluationQuery{States: []string{"draft", "submitted"}}, Page{}))(t).Items), 0)
	})
}

func TestCorrectionsAndTasks(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		save(t, w.a, record(t, "c1"))
		save(t, w.a, record(t, "c2"))
		fix := func(call, segment, field, to, by string) error {
			_, err := w.a.AddCorrection(ctx, Correction{InteractionID: call, SegmentID: segment, Correction: interaction.Correction{Field: field, To: to, By: by}})
			return err
		}
		must(t, fix("c1", "s1", "participant", "p2", "r"))
		code(t, fix("c1", "s1", "mood", "x", "r"), "invalid")
		code(t, fix("c1", "s1", "emotion", "", "r"), "invalid")
		code(t, fix("c1", "s1", "emotion", "x", ""), "invalid")
		code(t, fix("c1", "s9", "emotion", "x", "r"), "not_found")
		code(t, fix("none", "s1", "emotion", "x", "r"), "not_found")
		kept := ok(w.a.Corrections(ctx, Page{}))(t).Items
		if len(kept) != 1 || kept[0].From != "p1" || kept[0].At.IsZero() {
			t.Errorf("%+v, want one correction from p1", kept)
		}

		task := ok(w.a.SaveTask(ctx, Task{InteractionID: "c1", Title: "t", Due: epoch}))(t)
		_, err := w.a.SaveTask(ctx, Task{})
		code(t, err, "invalid")
		_, err = w.a.SaveTask(ctx, Task{Title: "t", State: "half done"})
		code(t, err, "invalid")
		task.InteractionID, task.State = "c2", "done" // it moves to another call
		moved := ok(w.a.SaveTask(ctx, task))(t)
		if !moved.CreatedAt.Equal(task.CreatedAt) || !moved.UpdatedAt.After(task.UpdatedAt) {
			t.Errorf("%+v after %+v", moved, task)
		}
		for call, want := range map[string]int{"c1": 0, "c2": 1} {
			n := 0
			if cx := ok(w.a.Interaction(ctx, call))(t).CX; cx != nil {
				n = len(cx.Tasks)
			}
			equal(t, n, want)
		}
		ok(w.a.SaveTask(ctx, Task{Title: "free", Owner: "anna", CustomerID: "c"}))(t)
		for _, c := range []struct {
			q    TaskQuery
			want int
		}{{TaskQuery{}, 2}, {TaskQuery{State: "done"}, 1}, {TaskQuery{Owner: "anna"}, 1}, {TaskQuery{CustomerID: "c"}, 1}, {TaskQuery{InteractionID: "c2"}, 1},
			{TaskQuery{DueBefore: epoch}, 0}, {TaskQuery{DueBefore: epoch.Add(1000)}, 1}} {
			if got := ok(w.a.Tasks(ctx, c.q, Page{}))(t); len(got.Items) != c.want {
				t.Errorf("%+v: %d tasks, want %d", c.q, len(got.Items), c.want)
			}
		}
	})
}

func TestSavedViews(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		v := ok(w.a.SaveView(ctx, SavedView{Owner: "anna", Name: "angry", Query: json.RawMessage(`{"emotion":"angry"}`)}))(t)
		ok(w.a.SaveView(ctx, SavedView{Owner: "bert", Name: "all", Query: json.RawMessage(`{}`), Shared: true}))(t)
		ok(w.a.SaveView(ctx, SavedView{Owner: "bert", Name: "mine", Query: json.RawMessage(`{}`)}))(t)
		var names []string
		for _, x := range ok(w.a.Views(ctx, "anna"))(t) {
			names = append(names, x.Name)
		}
		equal(t, names, []string{"all", "angry"})
		other := v
		other.Owner = "bert"
		_, err := w.a.SaveView(ctx, other)
		code(t, err, "conflict")
		v.Name = "Angry"
		equal(t, ok(w.a.SaveView(ctx, v))(t).CreatedAt, v.CreatedAt)
		for _, bad := range []SavedView{{Name: "x", Query: json.RawMessage(`{}`)}, {Owner: "x", Query: json.RawMessage(`{}`)}, {Owner: "x", Name: "x"}} {
			_, err := w.a.SaveView(ctx, bad)
			code(t, err, "invalid")
		}
		code(t, w.a.DeleteView(ctx, "bert", v.ID), "not_found")
		must(t, w.a.DeleteView(ctx, "anna", v.ID))
	})
}

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
		"40P01": faultRetry, "57P01": faultGone, "08006": faultGone, "53300": faultGone, "42601": faultOther, "": faultOther} {
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
	if NewID(epoch) == NewID(epoch) {
		t.Error("two ids of one time are the same")
	}
}
