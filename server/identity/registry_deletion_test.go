package identity

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/store"
)

func TestLegalHoldRefusesDeletionWithTheReason(t *testing.T) {
	onBoth(t, func(t *testing.T, d *desk) {
		ctx := t.Context()
		d.enrolled(t, "anna", []byte("print"))
		h, err := d.Hold(ctx, "counsel", "anna", "case 4711")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Delete(ctx, "tester", "anna", "request"); !errors.Is(err, ErrHeld) || !strings.Contains(err.Error(), "case 4711") {
			t.Errorf("%v, want ErrHeld and the reason", err)
		}
		if c := d.claim(t, "anna", DefaultRules()); string(c.Print) != "print" {
			t.Errorf("the hold did not keep the print: %+v", c)
		}
		if a := d.audited(t, "anna"); a[len(a)-1] != "delete_refused" {
			t.Errorf("audit %v", a)
		}
		d.clock.advance(5 * 366 * 24 * time.Hour)
		if s, err := d.Sweep(ctx, "server", anywhere); err != nil || s != (Swept{Held: 1}) {
			t.Errorf("%+v, %v, want one held", s, err)
		}
		if err := d.Release(ctx, "counsel", h.ID); err != nil {
			t.Fatal(err)
		}
		if s, err := d.Sweep(ctx, "server", anywhere); err != nil || s != (Swept{Deleted: 1}) {
			t.Errorf("%+v, %v, want one deleted", s, err)
		}
		if left, err := d.Holds(ctx, "anna"); err != nil || len(left) > 0 {
			t.Errorf("holds that name her are left: %+v, %v", left, err)
		}
	})
}

func TestSweepKeepsTheClockOfEachJurisdiction(t *testing.T) {
	onBoth(t, func(t *testing.T, d *desk) {
		ctx := t.Context()
		for speaker, j := range map[string]string{"texan": "US-TX", "other": "US-NY", "gone": ""} {
			d.consented(t, speaker, "web")
			e := Enrolment{Speaker: speaker, Jurisdiction: j, Model: tdnn, Print: []byte("p"), Sources: 1}
			if _, err := d.Enrol(ctx, "tester", e, DefaultRules()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := d.WithdrawConsent(ctx, "tester", "gone", ""); err != nil {
			t.Fatal(err)
		}
		rules := func(j string) Rules {
			r := DefaultRules()
			if j == "US-TX" {
				r.PrintUnusedMonths = 12
			}
			return r
		}
		d.clock.advance(366 * 24 * time.Hour)
		if s, err := d.Sweep(ctx, "server", rules); err != nil || s != (Swept{Deleted: 2}) {
			t.Errorf("%+v, %v, want the Texan and the one who withdrew deleted", s, err)
		}
		if _, err := d.rows.Speaker(ctx, "other"); err != nil {
			t.Errorf("the other: %v", err)
		}
	})
}

func TestRotation(t *testing.T) {
	onBoth(t, func(t *testing.T, d *desk) {
		ctx := t.Context()
		for _, s := range []string{"anna", "bert", "carl"} {
			d.enrolled(t, s, []byte("print of "+s))
		}
		before, err := d.rows.PersonKey(ctx, "anna")
		if err != nil {
			t.Fatal(err)
		}
		n, err := d.Rotate(ctx, "admin", d.keys)
		if n != 3 || err != nil {
			t.Fatalf("%d wrapped anew, %v, want 3", n, err)
		}
		for _, s := range []string{"anna", "bert", "carl"} {
			if c := d.claim(t, s, DefaultRules()); string(c.Print) != "print of "+s {
				t.Errorf("%s after the rotation: %+v", s, c)
			}
		}
		if _, err := d.keys.Unwrap(ctx, Subject{Tenant: "a", Speaker: "anna"}, before.Wrapped); !errors.Is(err, ErrUnknownKey) {
			t.Errorf("the old wrapping: %v, want ErrUnknownKey", err)
		}
		if n, err := d.Resume(ctx, "admin", d.keys); n != 0 || err != nil {
			t.Errorf("a rotation that is done: %d, %v", n, err)
		}
	})
}

func TestReceiptHoldsOnlyAsItIs(t *testing.T) {
	onBoth(t, func(t *testing.T, d *desk) {
		ctx := t.Context()
		d.enrolled(t, "anna", []byte("print"))
		r, err := d.Delete(ctx, "tester", "anna", "request")
		if err != nil {
			t.Fatal(err)
		}
		if r.Destroyed["keys"] != 1 || r.Destroyed["voiceprints"] != 1 || r.Destroyed["consents"] != 1 || len(r.Beyond) == 0 || r.AuditSeq == 0 {
			t.Errorf("%+v", r)
		}
		_, public, err := d.keys.Sign("a", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Verify(public); err != nil {
			t.Error(err)
		}
		for name, change := range map[string]func(r *Receipt){
			"count":     func(r *Receipt) { r.Destroyed = map[string]int64{"keys": 2} },
			"pseudonym": func(r *Receipt) { r.Pseudonym = "x" },
			"time":      func(r *Receipt) { r.DeletedAt = r.DeletedAt.Add(time.Second) },
			"signature": func(r *Receipt) { r.Signature = "00" + r.Signature[2:] },
			"no_hex":    func(r *Receipt) { r.Signature = "x" },
			"key":       func(r *Receipt) { r.PublicKey = strings.Repeat("00", 32) },
		} {
			changed := *r
			change(&changed)
			if err := changed.Verify(public); !errors.Is(err, ErrReceipt) {
				t.Errorf("%s changed: %v, want ErrReceipt", name, err)
			}
		}
		_, other, err := d.keys.Sign("b", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Verify(other); !errors.Is(err, ErrReceipt) {
			t.Errorf("the key of another tenant: %v", err)
		}
	})
}

// TestDeletionIsTrue looks for a deleted person's embedding, id and name in the bytes of the database's files, and tries to open a
// copy of the database that was taken before.
func TestDeletionIsTrue(t *testing.T) {
	d := newDesk(t, filepath.Join(t.TempDir(), "timbre.db"))
	ctx := t.Context()
	r := rand.New(rand.NewPCG(1, 1))
	embedding := make([]byte, 768)
	for i := range embedding {
		embedding[i] = byte(r.Uint32())
	}
	const id, name = "customer-ZQ-4711", "Name of customer-ZQ-4711"
	for _, other := range []string{"bert", "carl"} {
		d.enrolled(t, other, []byte("print of "+other))
	}
	d.enrolled(t, id, embedding)
	if _, err := d.Attempt(ctx, "server", store.Attempt{SpeakerID: id, InteractionID: "c1", Decision: interaction.NotAuthenticated, Reasons: []string{"r"}}, DefaultLimits()); err != nil {
		t.Fatal(err)
	}
	row, err := d.rows.VoiceprintsOf(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	sealed := row[0].Sealed
	bytesOf := func() []byte {
		var all []byte
		for _, suffix := range []string{"", "-wal", "-shm"} {
			b, err := os.ReadFile(d.dsn + suffix)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b...)
		}
		return all
	}
	before := bytesOf()
	if !bytes.Contains(before, []byte(id)) || !bytes.Contains(before, sealed[:64]) {
		t.Fatal("what is there is not found: the search itself does not work")
	}
	if bytes.Contains(before, embedding[:16]) {
		t.Error("the embedding lies open in the database")
	}
	// A copy, as a thief or a backup would have it.
	if err := d.db.Scrub(ctx); err != nil { // into the one file
		t.Fatal(err)
	}
	stolen := filepath.Join(t.TempDir(), "copy.db")
	b, err := os.ReadFile(d.dsn)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stolen, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Delete(ctx, "tester", id, "request"); err != nil {
		t.Fatal(err)
	}
	after := bytesOf()
	for what, x := range map[string][]byte{"id": []byte(id), "name": []byte(name), "embedding": embedding[:16], "embedding in hex": []byte(hex.EncodeToString(embedding[:16])), "sealed print": sealed[20:52], "consent": []byte("crm-" + id)} {
		if bytes.Contains(after, x) {
			t.Errorf("%s: still in the files of the database", what)
		}
	}
	copied, err := store.Open(ctx, store.Options{DSN: stolen, Now: d.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	old := NewRegistry(copied.Tenant("a"), d.keys, d.clock.now)
	if c, err := old.Claim(ctx, "bert", tdnn, DefaultRules()); err != nil || string(c.Print) != "print of bert" {
		t.Errorf("somebody who was not deleted, in the copy: %+v, %v, want the print: a backup is good for the others", c, err)
	}
	rows, err := copied.Tenant("a").VoiceprintsOf(ctx, id)
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d prints in the copy, %v, want the deleted person's", len(rows), err)
	}
	if _, err := old.open(ctx, &rows[0]); !errors.Is(err, ErrKeyDestroyed) {
		t.Errorf("the deleted person's print in the copy: %v, want ErrKeyDestroyed", err)
	}
	keyFile, err := os.ReadFile(d.keys.path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(keyFile, []byte(id)) {
		t.Error("the key file names the person")
	}
}

// hungUp is rows whose caller goes away while the file is rebuilt, after the deletion was committed.
type hungUp struct {
	*store.Tenant
	gone func()
}

func (r hungUp) DeleteSpeaker(ctx context.Context, id string) (store.Deletion, error) {
	d, err := r.Tenant.DeleteSpeaker(ctx, id)
	r.gone()
	return d, errors.Join(err, fmt.Errorf("store: scrub: %w", ctx.Err()))
}

// TestDeletionOutlivesItsCaller: once the rows are gone, what unwraps the person's key goes, too, with a receipt and an entry of the log.
func TestDeletionOutlivesItsCaller(t *testing.T) {
	d := newDesk(t, filepath.Join(t.TempDir(), "timbre.db"))
	d.enrolled(t, "anna", []byte("print"))
	key, err := d.rows.PersonKey(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	receipt, err := NewRegistry(hungUp{d.rows, cancel}, d.keys, d.clock.now).Delete(ctx, "tester", "anna", "request")
	if receipt == nil || receipt.Signature == "" || receipt.Destroyed["keys"] != 1 || !errors.Is(err, context.Canceled) {
		t.Errorf("receipt %+v, %v, want one beside what became of the file", receipt, err)
	}
	if _, err := d.keys.Unwrap(t.Context(), d.subject("anna"), key.Wrapped); !errors.Is(err, ErrKeyDestroyed) {
		t.Errorf("the key as a copy of the database holds it: %v, want ErrKeyDestroyed", err)
	}
	last, err := d.rows.VerifyAudit(t.Context())
	if err != nil || last.Action != "delete" || last.Detail["keys"] != "1" {
		t.Errorf("the last audit entry: %+v, %v, want the deletion", last, err)
	}
}

func TestWrongKeyFile(t *testing.T) {
	d := newDesk(t, filepath.Join(t.TempDir(), "timbre.db"))
	d.enrolled(t, "anna", []byte("print"))
	_, other := newVault(t)
	if _, err := NewRegistry(d.rows, other, d.clock.now).Claim(t.Context(), "anna", tdnn, DefaultRules()); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("%v, want ErrUnknownKey", err)
	}
}
