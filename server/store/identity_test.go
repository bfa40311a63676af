package store

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// enrol adds a speaker with a key and one print.
func enrol(tb testing.TB, t *Tenant, id string) (Speaker, Voiceprint) {
	tb.Helper()
	ctx := tb.Context()
	s := ok(t.AddSpeaker(ctx, Speaker{ID: id, DisplayName: "name of " + id},
		PersonKey{SpeakerID: id, KeyID: "k1", Wrapped: []byte("wrapped " + id)}))(tb)
	snr := 21.5
	v := ok(t.SaveVoiceprint(ctx, Voiceprint{SpeakerID: id, Model: "m", ModelVersion: "1", ModelSHA256: "00", Sealed: []byte("sealed " + id),
		ConsentRef: "ref-" + id, NetSpeechMs: 21000, SNRdB: &snr, Sources: 2}))(tb)
	return s, v
}

func TestSpeakers(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		anna, print := enrol(t, w.a, "anna")
		equal(t, ok(w.a.Speaker(ctx, "anna"))(t), anna)
		equal(t, ok(w.a.Voiceprint(ctx, print.ID))(t), print)
		if anna.State != EnrolmentActive || !anna.UsedAt.IsZero() || anna.CreatedAt.Before(epoch) {
			t.Errorf("%+v: want active, never used, created now", anna)
		}
		_, err := w.a.AddSpeaker(ctx, anna, PersonKey{SpeakerID: "anna", Wrapped: []byte("x")})
		code(t, err, "conflict")
		_, err = w.a.AddSpeaker(ctx, Speaker{ID: "x"}, PersonKey{SpeakerID: "x"})
		code(t, err, "invalid")
		_, err = w.a.AddSpeaker(ctx, Speaker{ID: "x"}, PersonKey{SpeakerID: "y", Wrapped: []byte("x")})
		code(t, err, "invalid")
		_, err = w.a.AddSpeaker(ctx, Speaker{ID: "x", State: "odd"}, PersonKey{SpeakerID: "x", Wrapped: []byte("x")})
		code(t, err, "invalid")
		_, err = w.Tenant("nobody").AddSpeaker(ctx, Speaker{ID: "x"}, PersonKey{SpeakerID: "x", Wrapped: []byte("x")})
		code(t, err, "not_found")

		anna.DisplayName, anna.ExpiresAt, anna.Jurisdiction = "Anna", epoch.AddDate(1, 0, 0), "US-IL"
		must(t, w.a.SaveSpeaker(ctx, anna))
		must(t, w.a.UsedSpeaker(ctx, "anna"))
		got := ok(w.a.Speaker(ctx, "anna"))(t)
		if got.DisplayName != "Anna" || !got.ExpiresAt.Equal(anna.ExpiresAt) || !got.UpdatedAt.After(anna.UpdatedAt) || got.UsedAt.IsZero() ||
			!got.CreatedAt.Equal(anna.CreatedAt) {
			t.Errorf("%+v after a change", got)
		}
		code(t, w.a.SaveSpeaker(ctx, Speaker{ID: "nobody", State: EnrolmentActive}), "not_found")
		code(t, w.a.UsedSpeaker(ctx, "nobody"), "not_found")

		unused := ok(w.a.SpeakersUnused(ctx, epoch, Page{}))(t)
		if len(unused.Items) != 0 {
			t.Errorf("%v unused before the first was added", unused)
		}
		unused = ok(w.a.SpeakersUnused(ctx, w.time(), Page{}))(t)
		if len(unused.Items) != 1 {
			t.Errorf("%v unused, want anna", unused)
		}
	})
}

func TestPagesMeetEveryRowOnceWhileRowsComeAndGo(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		for i := range 10 {
			enrol(t, w.a, fmt.Sprintf("s%02d", 10*i))
		}
		enrol(t, w.b, "s05")
		var seen []string
		p := Page{Limit: 3}
		for {
			l := ok(w.a.Speakers(ctx, "", p))(t)
			for _, s := range l.Items {
				seen = append(seen, s.ID)
			}
			if l.Next == "" {
				break
			}
			p.After = l.Next
			// The row that the cursor names goes, and one before it comes: neither moves the next page.
			ok(w.a.DeleteSpeaker(ctx, seen[len(seen)-1]))(t)
			enrol(t, w.a, seen[0]+fmt.Sprint("x", len(seen)))
		}
		equal(t, seen, []string{"s00", "s10", "s20", "s30", "s40", "s50", "s60", "s70", "s80", "s90"})
		for _, cursor := range []string{"x", "!", "WzFd", "W10", "WyJcdTAwMDAiXQ"} {
			_, err := w.a.Speakers(ctx, "", Page{After: cursor})
			code(t, err, "invalid")
		}
		for _, limit := range []int{-1, MaxLimit + 1} {
			_, err := w.a.Speakers(ctx, "", Page{Limit: limit})
			code(t, err, "invalid")
		}
	})
}

func TestVoiceprints(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		_, print := enrol(t, w.a, "anna")
		enrol(t, w.a, "bert")
		bad := func(change func(*Voiceprint)) error {
			v := print
			v.ID = ""
			change(&v)
			_, err := w.a.SaveVoiceprint(ctx, v)
			return err
		}
		code(t, bad(func(v *Voiceprint) { v.ConsentRef = "" }), "invalid")
		code(t, bad(func(v *Voiceprint) { v.Sealed = nil }), "invalid")
		code(t, bad(func(v *Voiceprint) { v.Model = "" }), "invalid")
		code(t, bad(func(v *Voiceprint) { v.Sources = 0 }), "invalid")
		code(t, bad(func(v *Voiceprint) { v.NetSpeechMs = -1 }), "invalid")
		code(t, bad(func(v *Voiceprint) { v.SpeakerID = "nobody" }), "not_found")
		code(t, bad(func(v *Voiceprint) { v.ID, v.SpeakerID = print.ID, "bert" }), "conflict")

		print.Sealed, print.Sources = []byte("more"), 3
		again := ok(w.a.SaveVoiceprint(ctx, print))(t)
		if !again.CreatedAt.Equal(print.CreatedAt) || !again.UpdatedAt.After(print.UpdatedAt) {
			t.Errorf("extended: created %v, updated %v", again.CreatedAt, again.UpdatedAt)
		}
		equal(t, ok(w.a.VoiceprintsOf(ctx, "anna"))(t), []Voiceprint{again})

		gallery := func(list string) (ids []string) {
			for _, v := range ok(w.a.Gallery(ctx, "m", "1", list, Page{}))(t).Items {
				ids = append(ids, v.SpeakerID)
			}
			return ids
		}
		equal(t, gallery(""), []string{"anna", "bert"})
		if other := ok(w.a.Gallery(ctx, "m", "2", "", Page{}))(t); len(other.Items) != 0 {
			t.Errorf("prints of another model's version: %v", other)
		}
		ok(w.a.AddSpeaker(ctx, Speaker{ID: "carl", State: EnrolmentPending}, PersonKey{SpeakerID: "carl", KeyID: "k", Wrapped: []byte("w")}))(t)
		waiting := print
		waiting.ID, waiting.SpeakerID, waiting.State = "", "carl", EnrolmentPending
		waiting = ok(w.a.SaveVoiceprint(ctx, waiting))(t)
		equal(t, gallery(""), []string{"anna", "bert"})
		equal(t, ok(w.a.PendingVoiceprints(ctx, Page{}))(t).Items, []Voiceprint{waiting})
		must(t, w.a.ApproveVoiceprint(ctx, waiting.ID))
		equal(t, gallery(""), []string{"anna", "bert", "carl"})
		code(t, w.a.ApproveVoiceprint(ctx, "none"), "not_found")

		must(t, w.a.SaveSpeaker(ctx, Speaker{ID: "bert", State: EnrolmentActive, ExpiresAt: epoch}))
		equal(t, gallery(""), []string{"anna", "carl"})
		must(t, w.a.SaveWatchlist(ctx, Watchlist{Name: "fraud", Purpose: "p", LegalBasis: "l", RetentionDays: 1, Approver: "x"}))
		ok(w.a.AddToWatchlist(ctx, WatchlistEntry{Watchlist: "fraud", SpeakerID: "carl", AddedBy: "x", ApprovedBy: "x"}))(t)
		equal(t, gallery("fraud"), []string{"carl"})
		w.clock.advance(25 * time.Hour)
		equal(t, gallery("fraud"), nil)

		must(t, w.a.DeleteVoiceprint(ctx, print.ID))
		code(t, w.a.DeleteVoiceprint(ctx, print.ID), "not_found")
	})
}

func TestKeyRotation(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		enrol(t, w.a, "anna")
		enrol(t, w.a, "bert")
		for _, k := range ok(w.a.PersonKeysNotUnder(ctx, "k2", Page{}))(t).Items {
			old := k.KeyID
			k.KeyID, k.Wrapped = "k2", append([]byte("new "), k.Wrapped...)
			must(t, w.a.RewrapPersonKey(ctx, old, k))
			code(t, w.a.RewrapPersonKey(ctx, old, k), "conflict")
		}
		if left := ok(w.a.PersonKeysNotUnder(ctx, "k2", Page{}))(t); len(left.Items) != 0 {
			t.Errorf("%v still under another key", left)
		}
		if k := ok(w.a.PersonKey(ctx, "anna"))(t); string(k.Wrapped) != "new wrapped anna" || k.KeyID != "k2" {
			t.Errorf("%+v, want the key wrapped anew", k)
		}
		code(t, w.a.RewrapPersonKey(ctx, "k1", PersonKey{SpeakerID: "nobody", Wrapped: []byte("x")}), "not_found")
		code(t, w.a.RewrapPersonKey(ctx, "k2", PersonKey{SpeakerID: "anna"}), "invalid")
	})
}

func TestConsents(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		c := ok(w.a.AddConsent(ctx, Consent{SpeakerID: "anna", Ref: "r1", Purpose: "verify", TextVersion: "3", Channel: "call"}))(t)
		later := ok(w.a.AddConsent(ctx, Consent{SpeakerID: "anna", Ref: "r2", Purpose: "verify", ExpiresAt: epoch.AddDate(0, 0, 1)}))(t)
		equal(t, ok(w.a.Consents(ctx, "anna"))(t), []Consent{c, later})
		equal(t, ok(w.a.ValidConsent(ctx, "anna", "verify"))(t), later)
		w.clock.advance(48 * time.Hour)
		equal(t, ok(w.a.ValidConsent(ctx, "anna", "verify"))(t), c)
		_, err := w.a.ValidConsent(ctx, "anna", "watchlist")
		code(t, err, "not_found")
		if n := ok(w.a.WithdrawConsents(ctx, "anna", "watchlist"))(t); n != 0 {
			t.Errorf("%d withdrawn for another purpose", n)
		}
		if n := ok(w.a.WithdrawConsents(ctx, "anna", ""))(t); n != 2 {
			t.Errorf("%d withdrawn, want 2", n)
		}
		_, err = w.a.ValidConsent(ctx, "anna", "verify")
		code(t, err, "not_found")
		for name, bad := range map[string]Consent{
			"no_ref":             {SpeakerID: "x", Purpose: "verify"},
			"no_purpose":         {SpeakerID: "x", Ref: "r"},
			"no_speaker":         {Ref: "r", Purpose: "verify"},
			"ends_before_start":  {SpeakerID: "x", Ref: "r", Purpose: "verify", GivenAt: epoch, ExpiresAt: epoch},
			"speaker_not_text":   {SpeakerID: "\xff", Ref: "r", Purpose: "verify"},
			"nul_in_text":        {SpeakerID: "x", Ref: "r\x00", Purpose: "verify"},
			"endless_speaker_id": {SpeakerID: strings.Repeat("x", 257), Ref: "r", Purpose: "verify"},
		} {
			if _, err := w.a.AddConsent(ctx, bad); Code(err) != "invalid" {
				t.Errorf("%s: %v, want invalid", name, err)
			}
		}
	})
}

func TestOptOutStaysUntilItIsTakenBack(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		must(t, w.a.OptOut(ctx, OptOut{Pseudonym: "p1", Source: "call"}))
		first := ok(w.a.OptOuts(ctx, Page{}))(t).Items
		must(t, w.a.OptOut(ctx, OptOut{Pseudonym: "p1", Source: "web"}))
		equal(t, ok(w.a.OptOuts(ctx, Page{}))(t).Items, first)
		if !ok(w.a.IsOptedOut(ctx, "p1"))(t) || ok(w.a.IsOptedOut(ctx, "p2"))(t) || ok(w.b.IsOptedOut(ctx, "p1"))(t) {
			t.Error("p1 of a opted out, and nobody else")
		}
		must(t, w.a.OptIn(ctx, "p1"))
		code(t, w.a.OptIn(ctx, "p1"), "not_found")
	})
}

func TestWatchlists(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		enrol(t, w.a, "carl")
		good := Watchlist{Name: "fraud", Purpose: "p", LegalBasis: "l", RetentionDays: 30, Approver: "x"}
		must(t, w.a.SaveWatchlist(ctx, good))
		created := ok(w.a.Watchlist(ctx, "fraud"))(t).CreatedAt
		good.RetentionDays = 60
		must(t, w.a.SaveWatchlist(ctx, good))
		if got := ok(w.a.Watchlists(ctx))(t); len(got) != 1 || got[0].RetentionDays != 60 || !got[0].CreatedAt.Equal(created) {
			t.Errorf("%+v, want one list of 60 days made at %v", got, created)
		}
		for name, change := range map[string]func(*Watchlist){
			"no_purpose":     func(v *Watchlist) { v.Purpose = "" },
			"no_legal_basis": func(v *Watchlist) { v.LegalBasis = "" },
			"no_approver":    func(v *Watchlist) { v.Approver = "" },
			"no_retention":   func(v *Watchlist) { v.RetentionDays = 0 },
			"no_name":        func(v *Watchlist) { v.Name = "" },
		} {
			bad := good
			change(&bad)
			if err := w.a.SaveWatchlist(ctx, bad); Code(err) != "invalid" {
				t.Errorf("%s: %v, want invalid", name, err)
			}
		}
		e := ok(w.a.AddToWatchlist(ctx, WatchlistEntry{Watchlist: "fraud", SpeakerID: "carl", AddedBy: "x"}))(t)
		if !e.ExpiresAt.Equal(e.AddedAt.AddDate(0, 0, 60)) {
			t.Errorf("expires %v, added %v, want 60 days", e.ExpiresAt, e.AddedAt)
		}
		equal(t, ok(w.a.WatchlistEntries(ctx, "fraud", Page{}))(t).Items, []WatchlistEntry{e})
		_, err := w.a.AddToWatchlist(ctx, WatchlistEntry{Watchlist: "fraud", SpeakerID: "nobody"})
		code(t, err, "not_found")
		_, err = w.a.AddToWatchlist(ctx, WatchlistEntry{Watchlist: "none", SpeakerID: "carl"})
		code(t, err, "not_found")
		must(t, w.a.RemoveFromWatchlist(ctx, "fraud", "carl"))
		code(t, w.a.RemoveFromWatchlist(ctx, "fraud", "carl"), "not_found")
		must(t, w.a.DeleteWatchlist(ctx, "fraud"))
		_, err = w.a.Watchlist(ctx, "fraud")
		code(t, err, "not_found")
	})
}

// TestAttemptsOfOneIdentityTakeTurns: no failure is lost when calls end at once.
func TestAttemptsOfOneIdentityTakeTurns(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		next := func(l Lockout, a Attempt) Lockout {
			if l.Failures++; l.Failures >= 5 {
				l.LockedAt = a.At
			}
			return l
		}
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if _, err := w.a.AddAttempt(ctx, Attempt{SpeakerID: "anna", Decision: interaction.NotAuthenticated, Reasons: []string{"r"}}, next); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		l := ok(w.a.Lockout(ctx, "anna"))(t)
		if l.Failures != 10 || l.LockedAt.IsZero() {
			t.Errorf("%+v, want 10 failures and a lock", l)
		}
		equal(t, ok(w.a.Lockouts(ctx, Page{}))(t).Items, []Lockout{l})
		shadow := ok(w.a.AddAttempt(ctx, Attempt{SpeakerID: "anna", Decision: interaction.NotAuthenticated, Shadow: true}, next))(t)
		equal(t, shadow, l)
		list := ok(w.a.Attempts(ctx, "anna", Page{Limit: 11}))(t)
		if len(list.Items) != 11 || list.Next != "" || !list.Items[0].Shadow {
			t.Errorf("%d attempts, want 11, the shadow first", len(list.Items))
		}
		if all := ok(w.a.Attempts(ctx, "", Page{Limit: 5}))(t); len(all.Items) != 5 || all.Next == "" {
			t.Errorf("%d attempts and cursor %q, want 5 and one", len(all.Items), all.Next)
		}
		must(t, w.a.Unlock(ctx, "anna"))
		code(t, w.a.Unlock(ctx, "anna"), "not_found")
		equal(t, ok(w.a.Lockout(ctx, "anna"))(t), Lockout{SpeakerID: "anna"})
	})
}

func TestAuditChain(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		if head := ok(w.a.VerifyAudit(ctx))(t); head.Seq != 0 {
			t.Errorf("empty log: head %d, want 0", head.Seq)
		}
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				_, err := w.a.AppendAudit(ctx, AuditEntry{Actor: "cli", Action: "enrol", Subject: fmt.Sprint("p", i%2), Detail: map[string]string{"n": "<é>", "a": "1"}})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		ok(w.b.AppendAudit(ctx, AuditEntry{Action: "x"}))(t)
		if head := ok(w.a.VerifyAudit(ctx))(t); head.Seq != 20 {
			t.Errorf("head %d, want 20", head.Seq)
		}
		if about := ok(w.a.Audit(ctx, "p1", Page{}))(t); len(about.Items) != 10 || about.Items[0].Seq < about.Items[9].Seq {
			t.Errorf("%d entries about p1, want 10, the latest first", len(about.Items))
		}
		equal(t, len(ok(w.a.Audit(ctx, "", Page{}))(t).Items), 20)
		_, err := w.a.AppendAudit(ctx, AuditEntry{})
		code(t, err, "invalid")
		_, err = w.Tenant("nobody").AppendAudit(ctx, AuditEntry{Action: "x"})
		code(t, err, "not_found")

		for name, c := range map[string]struct {
			do, undo string
			seq      int64
		}{
			"altered_actor":  {"UPDATE audit SET actor = 'clI' WHERE tenant = 'a' AND seq = 7", "UPDATE audit SET actor = 'cli' WHERE tenant = 'a' AND seq = 7", 7},
			"altered_time":   {"UPDATE audit SET at = at + 1 WHERE tenant = 'a' AND seq = 1", "UPDATE audit SET at = at - 1 WHERE tenant = 'a' AND seq = 1", 1},
			"altered_detail": {"UPDATE audit SET detail = '{}' WHERE tenant = 'a' AND seq = 20", `UPDATE audit SET detail = '{"a":"1","n":"\u003cé\u003e"}' WHERE tenant = 'a' AND seq = 20`, 20},
			"swapped_prev": {"UPDATE audit SET prev = (SELECT prev FROM audit WHERE tenant = 'a' AND seq = 3) WHERE tenant = 'a' AND seq = 4",
				"UPDATE audit SET prev = (SELECT hash FROM audit WHERE tenant = 'a' AND seq = 3) WHERE tenant = 'a' AND seq = 4", 4},
			"removed": {"UPDATE audit SET seq = 100 WHERE tenant = 'a' AND seq = 9", "UPDATE audit SET seq = 9 WHERE tenant = 'a' AND seq = 100", 9},
		} {
			_, err := w.write.ExecContext(ctx, c.do)
			must(t, err)
			_, err = w.a.VerifyAudit(ctx)
			var f *AuditFault
			if !errors.As(err, &f) || f.Seq != c.seq {
				t.Errorf("%s: %v, want a fault at entry %d", name, err, c.seq)
			}
			_, err = w.write.ExecContext(ctx, c.undo)
			must(t, err)
		}
		ok(w.a.VerifyAudit(ctx))(t)
	})
}

func TestDeleteSpeaker(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		_, print := enrol(t, w.a, "anna")
		print.ID, print.Model = "", "m2"
		ok(w.a.SaveVoiceprint(ctx, print))(t)
		enrol(t, w.b, "anna")
		ok(w.a.AddConsent(ctx, Consent{SpeakerID: "anna", Ref: "r", Purpose: "verify"}))(t)
		must(t, w.a.SaveWatchlist(ctx, Watchlist{Name: "fraud", Purpose: "p", LegalBasis: "l", RetentionDays: 30, Approver: "x"}))
		ok(w.a.AddToWatchlist(ctx, WatchlistEntry{Watchlist: "fraud", SpeakerID: "anna"}))(t)
		ok(w.a.AddAttempt(ctx, Attempt{SpeakerID: "anna"}, func(l Lockout, _ Attempt) Lockout { return l }))(t)
		must(t, w.a.OptOut(ctx, OptOut{Pseudonym: "p-anna"}))

		got := ok(w.a.DeleteSpeaker(ctx, "anna"))(t)
		equal(t, got, Deletion{Keys: 1, Voiceprints: 2, Consents: 1, WatchlistEntries: 1, Attempts: 1, Speakers: 1})
		_, err := w.a.DeleteSpeaker(ctx, "anna")
		code(t, err, "not_found")
		_, err = w.a.PersonKey(ctx, "anna")
		code(t, err, "not_found")
		if !ok(w.a.IsOptedOut(ctx, "p-anna"))(t) {
			t.Error("the opt-out went with the person")
		}
		ok(w.b.Speaker(ctx, "anna"))(t)
		ok(w.b.PersonKey(ctx, "anna"))(t)
	})
}

// TestNothingOfADeletedPersonIsInTheFile churns a database, so that pages split and merge, and looks for the bytes. secure_delete
// alone leaves some: the seeds are ones for which it does.
func TestNothingOfADeletedPersonIsInTheFile(t *testing.T) {
	left := 0
	for _, seed := range []uint64{0, 1} {
		w := open(t, filepath.Join(t.TempDir(), "timbre.db"))
		ctx := t.Context()
		r := rand.New(rand.NewPCG(seed, 2))
		var live, dead []string
		must(t, w.update(ctx, "churn", func(tx *sql.Tx) error { // as one transaction, for speed
			for i := range 3000 {
				if r.IntN(5) >= 3 && len(live) >= 5 {
					k := r.IntN(len(live))
					must(t, speakers.remove(ctx, tx, "a", live[k]))
					dead, live = append(dead, live[k]), slices.Delete(live, k, k+1)
					continue
				}
				id := fmt.Sprintf("%06d-person-%05d", r.IntN(1_000_000), i)
				s := Speaker{ID: id, DisplayName: id + strings.Repeat("x", r.IntN(200)), State: EnrolmentActive, CreatedAt: epoch, UpdatedAt: epoch}
				must(t, speakers.insert(ctx, tx, "a", &s))
				if r.IntN(3) == 0 {
					must(t, personKeys.insert(ctx, tx, "a", &PersonKey{SpeakerID: id, Wrapped: append([]byte(id), make([]byte, r.IntN(3000))...), CreatedAt: epoch}))
				}
				live = append(live, id)
			}
			return nil
		}))
		found := func(ids []string) (n int) {
			for _, suffix := range []string{"", "-wal", "-shm"} {
				b, err := os.ReadFile(w.dsn + suffix)
				must(t, err)
				for _, id := range ids {
					if bytes.Contains(b, []byte(id)) {
						n++
					}
				}
			}
			return n
		}
		_, err := w.write.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
		must(t, err)
		left += found(dead)
		last := live[0]
		if found([]string{last}) == 0 {
			t.Fatal("a person who is there is not found: the search itself does not work")
		}
		ok(w.a.DeleteSpeaker(ctx, last))(t)
		if n := found(append(dead, last)); n != 0 {
			t.Errorf("seed %d: %d deleted persons are still in the file", seed, n)
		}
	}
	if left == 0 {
		t.Error("without Scrub nobody was left in the file: the test shows nothing, take other seeds")
	}
}
