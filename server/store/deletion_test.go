package store

import (
	"bytes"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

func TestDeletedInteractionLeavesNoRow(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		fill(t, w, w.a, "one")
		id := "call-one"
		hold := ok(w.a.PlaceHold(ctx, Hold{Kind: HoldInteraction, Subject: id, Reason: "court"}))(t)
		err := w.a.DeleteInteraction(ctx, id)
		code(t, err, "conflict")
		if !strings.Contains(err.Error(), "court") {
			t.Errorf("%v, want the reason of the hold", err)
		}
		must(t, w.a.ReleaseHold(ctx, hold.ID, "x"))
		held := ok(w.a.PlaceHold(ctx, Hold{Kind: HoldCustomer, Subject: "customer-one", Reason: "court"}))(t)
		code(t, w.a.DeleteInteraction(ctx, id), "conflict")
		_, err = w.a.EraseCustomer(ctx, "customer-one")
		code(t, err, "conflict")
		must(t, w.a.ReleaseHold(ctx, held.ID, "x"))
		must(t, w.a.DeleteInteraction(ctx, id))
		code(t, w.a.DeleteInteraction(ctx, id), "not_found")
		for name, rows := range dump(t, w, "a") {
			if strings.Contains(rows, id) {
				t.Errorf("%s still names the call: %s", name, rows)
			}
		}
		if n := len(ok(w.a.Surveys(ctx, SurveyQuery{ContactID: "contact-" + id}, Page{}))(t).Items); n != 0 {
			t.Errorf("%d surveys of the contact's last call are left", n)
		}
	})
}

func TestEraseCustomer(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		fill(t, w, w.a, "one")
		fill(t, w, w.a, "two")
		equal(t, ok(w.a.EraseCustomer(ctx, "customer-one"))(t), []string{"call-one"})
		_, err := w.a.EraseCustomer(ctx, "customer-one")
		code(t, err, "not_found")
		rows := dump(t, w, "a")
		for name, text := range rows {
			// The consent ledger and the voice identity of the person go with DeleteSpeaker.
			if strings.Contains(text, "customer-one") {
				t.Errorf("%s still names the customer: %s", name, text)
			}
		}
		if !strings.Contains(rows["records"], "customer-two") {
			t.Error("another customer's record is gone too")
		}
	})
}

func TestDeletedSpeakerIsNamedInNoRecord(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		enrol(t, w.a, "entry-12")
		save(t, w.a, record(t, "c1"))
		equal(t, ok(w.a.DeleteSpeaker(ctx, "entry-12"))(t).Records, int64(1))
		got := ok(w.a.Interaction(ctx, "c1"))(t)
		if len(got.Voice.Watchlist) != 0 || len(got.Voice.Candidates) != 1 {
			t.Errorf("%+v, want the other candidate alone", got.Voice)
		}
		for name, text := range dump(t, w, "a") {
			if strings.Contains(text, "entry-12") {
				t.Errorf("%s still names the speaker: %s", name, text)
			}
		}
		ok(w.a.PlaceHold(ctx, Hold{Kind: HoldSpeaker, Subject: "customer-902", Reason: "court"}))(t)
		enrol(t, w.a, "customer-902")
		_, err := w.a.DeleteSpeaker(ctx, "customer-902")
		code(t, err, "conflict")
		ok(w.a.Voiceprint(ctx, ok(w.a.VoiceprintsOf(ctx, "customer-902"))(t)[0].ID))(t)
	})
}

// TestAJobForgetsWhatItWasTold: what a client told of a recording stands in its record, and goes with that.
func TestAJobForgetsWhatItWasTold(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		end := func(interaction, failure string) Upload {
			ok(w.a.AddUpload(ctx, Upload{File: "anna.wav", Audio: "x", Binding: map[string]string{"customer_id": "anna"}}))(t)
			_, v, err := w.ClaimUpload(ctx, time.Minute)
			must(t, err)
			equal(t, v.Binding["customer_id"], "anna")
			must(t, w.a.FinishUpload(ctx, v.ID, interaction, failure))
			got := ok(w.a.Upload(ctx, v.ID))(t)
			equal(t, len(got.Binding), 0)
			return got
		}
		save(t, w.a, record(t, "c1"))
		done, failed := end("c1", ""), end("", "unreadable")
		must(t, w.a.DeleteInteraction(ctx, "c1"))
		_, err := w.a.Upload(ctx, done.ID)
		code(t, err, "not_found")
		must(t, w.Sweep(ctx))
		ok(w.a.Upload(ctx, failed.ID))(t)
		w.clock.advance(keepUploads)
		must(t, w.Sweep(ctx))
		_, err = w.a.Upload(ctx, failed.ID)
		code(t, err, "not_found")
	})
}

func TestRetention(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		until := func(at time.Time) func(*interaction.Interaction) {
			return func(r *interaction.Interaction) { r.Governance.RetentionUntil = &at }
		}
		save(t, w.a, record(t, "over", until(epoch.AddDate(0, 0, -1))))
		save(t, w.a, record(t, "held", until(epoch.AddDate(0, 0, -2))))
		save(t, w.a, record(t, "keep", until(epoch.AddDate(1, 0, 0))))
		save(t, w.a, record(t, "ever", func(r *interaction.Interaction) { r.Governance.RetentionUntil = nil }))
		save(t, w.a, record(t, "case", until(epoch.AddDate(0, 0, -3)), func(r *interaction.Interaction) { r.Participants[1].ExternalID = "held-customer" }))
		ok(w.a.PlaceHold(ctx, Hold{Kind: HoldInteraction, Subject: "held", Reason: "x"}))(t)
		ok(w.a.PlaceHold(ctx, Hold{Kind: HoldCustomer, Subject: "held-customer", Reason: "x"}))(t)
		equal(t, ok(w.a.ExpiredInteractions(ctx, 10))(t), []string{"over"})
		w.clock.advance(2 * 366 * 24 * time.Hour)
		equal(t, ok(w.a.ExpiredInteractions(ctx, 10))(t), []string{"over", "keep"})
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
