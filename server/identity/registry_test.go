package identity

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/server/store"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// clock stands still until it is moved.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(time.Millisecond) // no two rows are of one time
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// desk is a registry over a real database.
type desk struct {
	*Registry
	db    *store.Store
	rows  *store.Tenant
	keys  *KeyFile
	clock *clock
	dsn   string
}

func newDesk(t *testing.T, dsn string) *desk {
	t.Helper()
	d := &desk{clock: &clock{t: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}, dsn: dsn}
	_, d.keys = newVault(t)
	var err error
	if d.db, err = store.Open(t.Context(), store.Options{DSN: dsn, Now: d.clock.now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := d.db.EnsureTenant(t.Context(), "a", "a"); err != nil {
		t.Fatal(err)
	}
	d.rows = d.db.Tenant("a")
	d.Registry = NewRegistry(d.rows, d.keys, d.clock.now)
	return d
}

// onBoth runs a test on each real engine.
func onBoth(t *testing.T, test func(t *testing.T, d *desk)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newDesk(t, filepath.Join(t.TempDir(), "timbre.db"))) })
	t.Run("postgres", func(t *testing.T) { test(t, newDesk(t, testkit.Postgres(t))) })
}

var tdnn = Model{Name: "speaker-tdnn-v1", Version: "1.0.0", SHA256: strings.Repeat("ab", 32)}

// anywhere is the rules of every jurisdiction.
func anywhere(string) Rules { return DefaultRules() }

func (d *desk) consented(t *testing.T, speaker, channel string) {
	t.Helper()
	if _, err := d.GiveConsent(t.Context(), "tester", store.Consent{SpeakerID: speaker, Ref: "crm-" + speaker, Purpose: PurposeVerify, TextVersion: "3", Channel: channel}); err != nil {
		t.Fatal(err)
	}
}

func (d *desk) enrolled(t *testing.T, speaker string, print []byte) store.Voiceprint {
	t.Helper()
	d.consented(t, speaker, "web")
	v, err := d.Enrol(t.Context(), "tester", Enrolment{Speaker: speaker, DisplayName: "Name of " + speaker, Model: tdnn, Print: print, NetSpeechMs: 20000, Sources: 1}, DefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (d *desk) claim(t *testing.T, speaker string, rules Rules) Claim {
	t.Helper()
	c, err := d.Claim(t.Context(), speaker, tdnn, rules)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// audited returns the actions about a person, the earliest first.
func (d *desk) audited(t *testing.T, speaker string) []string {
	t.Helper()
	alias, err := d.keys.Pseudonym(Subject{Tenant: "a", Speaker: speaker})
	if err != nil {
		t.Fatal(err)
	}
	list, err := d.rows.Audit(t.Context(), alias, store.Page{Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range list.Items {
		out = append(out, e.Action)
	}
	slices.Reverse(out)
	if _, err := d.rows.VerifyAudit(t.Context()); err != nil {
		t.Errorf("the audit log does not hold together: %v", err)
	}
	return out
}

func TestEnrolmentNeedsConsent(t *testing.T) {
	onBoth(t, func(t *testing.T, d *desk) {
		ctx := t.Context()
		release := DefaultRules()
		release.ReleaseRequired = true
		day := 24 * time.Hour
		for _, c := range []struct {
			speaker string
			before  func(speaker string)
			e       Enrolment
			rules   Rules
			want    error
			reason  string
		}{
			{"nobody-asked", func(string) {}, Enrolment{}, DefaultRules(), ErrNoConsent, "no consent to voice verification"},
			{"withdrawn", func(s string) {
				d.consented(t, s, "call")
				if n, err := d.WithdrawConsent(ctx, "tester", s, ""); n != 1 || err != nil {
					t.Errorf("%d withdrawn, %v", n, err)
				}
			}, Enrolment{}, DefaultRules(), ErrNoConsent, "was withdrawn"},
			{"expired", func(s string) {
				_, err := d.GiveConsent(ctx, "tester", store.Consent{SpeakerID: s, Ref: "r", Purpose: PurposeVerify, ExpiresAt: d.clock.now().Add(day)})
				if err != nil {
					t.Error(err)
				}
				d.clock.advance(2 * day)
			}, Enrolment{}, DefaultRules(), ErrNoConsent, "has expired"},
			{"another-purpose", func(s string) {
				if _, err := d.GiveConsent(ctx, "tester", store.Consent{SpeakerID: s, Ref: "r", Purpose: "analytics"}); err != nil {
					t.Error(err)
				}
			}, Enrolment{}, DefaultRules(), ErrNoConsent, "no consent to voice verification"},
			{"another-reference", func(s string) { d.consented(t, s, "web") }, Enrolment{ConsentRef: "made-up"}, DefaultRules(), ErrNoConsent, "no consent of this reference"},
			{"spoken-where-written-is-asked", func(s string) { d.consented(t, s, "call") }, Enrolment{}, release, ErrNoConsent, "want a release in writing"},
			{"written", func(s string) { d.consented(t, s, "paper") }, Enrolment{}, release, nil, ""},
			{"passive-where-not-permitted", func(s string) { d.consented(t, s, "web") }, Enrolment{Passive: true}, DefaultRules(), ErrNotPermitted, "no print made of calls"},
			{"opted-out", func(s string) {
				d.consented(t, s, "web")
				if r, err := d.OptOut(ctx, "tester", s, "call"); err != nil || r == nil {
					t.Errorf("receipt %v, %v, want one of the consents", r, err)
				}
			}, Enrolment{}, DefaultRules(), ErrOptedOut, "want an opt-in first"},
		} {
			t.Run(c.speaker, func(t *testing.T) {
				c.before(c.speaker)
				e := c.e
				e.Speaker, e.Model, e.Print, e.Sources = c.speaker, tdnn, []byte("print"), 1
				_, err := d.Enrol(ctx, "tester", e, c.rules)
				if !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
					t.Fatalf("%v, want %v", err, c.want)
				}
				if c.want == nil {
					return
				}
				if !strings.Contains(err.Error(), c.reason) {
					t.Errorf("%v, want the reason %q", err, c.reason)
				}
				if a := d.audited(t, c.speaker); len(a) == 0 || a[len(a)-1] != "enrol_refused" {
					t.Errorf("audit %v, want the refusal last", a)
				}
				if _, err := d.rows.Speaker(ctx, c.speaker); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("a refused person is there: %v", err)
				}
			})
		}
	})
}

func TestClaim(t *testing.T) {
	onBoth(t, func(t *testing.T, d *desk) {
		ctx, rules := t.Context(), DefaultRules()
		d.enrolled(t, "anna", []byte("print of anna"))
		if c := d.claim(t, "anna", rules); c.Decision != "" || string(c.Print) != "print of anna" || c.Consent == nil {
			t.Errorf("%+v, want her print", c)
		}
		if c := d.claim(t, "nobody", rules); c.Decision != interaction.NotEnrolled {
			t.Errorf("unknown: %+v", c)
		}
		if c, err := d.Claim(ctx, "anna", Model{Name: "other", Version: "1", SHA256: "00"}, rules); err != nil || c.Decision != interaction.NotEnrolled {
			t.Errorf("another model: %+v, %v", c, err)
		}
		d.enrolled(t, "wanda", []byte("p"))
		if _, err := d.WithdrawConsent(ctx, "tester", "wanda", PurposeVerify); err != nil {
			t.Fatal(err)
		}
		if c := d.claim(t, "wanda", rules); c.Decision != interaction.NotEnrolled || c.Print != nil || c.Reason != "the consent was withdrawn" {
			t.Errorf("withdrawn: %+v", c)
		}
		// Somebody who was never enrolled opts out, and is known by that alone.
		if r, err := d.OptOut(ctx, "tester", "otto", "call"); r != nil || err != nil {
			t.Errorf("opt-out of a person who is not enrolled: %v, %v", r, err)
		}
		if c := d.claim(t, "otto", rules); c.Decision != interaction.OptedOut {
			t.Errorf("opted out: %+v", c)
		}
		if err := d.OptIn(ctx, "tester", "otto"); err != nil {
			t.Error(err)
		}
		if c := d.claim(t, "otto", rules); c.Decision != interaction.NotEnrolled {
			t.Errorf("after an opt-in: %+v", c)
		}
		d.clock.advance(time.Duration(11*31) * 24 * time.Hour)
		texas := rules
		texas.PrintUnusedMonths = 12
		if c := d.claim(t, "anna", texas); c.Decision != "" {
			t.Errorf("after 11 months: %+v", c)
		}
		d.clock.advance(time.Duration(2*31) * 24 * time.Hour)
		if c := d.claim(t, "anna", texas); c.Decision != interaction.Expired || c.Print != nil {
			t.Errorf("after 13 months in Texas: %+v", c)
		}
		if c := d.claim(t, "anna", rules); c.Decision != "" {
			t.Errorf("after 13 months elsewhere: %+v", c)
		}
	})
}

func TestAttemptsDelayThenLockTheFactor(t *testing.T) {
	onBoth(t, func(t *testing.T, d *desk) {
		ctx, rules := t.Context(), DefaultRules()
		d.enrolled(t, "anna", []byte("print"))
		try := func(dec interaction.Decision) store.Lockout {
			t.Helper()
			l, err := d.Attempt(ctx, "server", store.Attempt{SpeakerID: "anna", InteractionID: "c1", Decision: dec, Reasons: []string{}}, rules.Attempts)
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		for range 4 {
			try(interaction.NotAuthenticated)
		}
		try(interaction.Inconclusive) // neither counts nor clears
		if c := d.claim(t, "anna", rules); c.Decision != "" {
			t.Errorf("after 4 failures: %+v", c)
		}
		if l := try(interaction.NotAuthenticated); l.Failures != 5 || l.BlockedUntil.Sub(l.AttemptAt) != 30*time.Second {
			t.Errorf("after 5 failures: %+v, want a wait of 30 s", l)
		}
		if c := d.claim(t, "anna", rules); c.Decision != interaction.Locked || !strings.Contains(c.Reason, "waits until") {
			t.Errorf("at once after 5 failures: %+v", c)
		}
		d.clock.advance(31 * time.Second)
		if c := d.claim(t, "anna", rules); c.Decision != "" {
			t.Errorf("after the wait: %+v", c)
		}
		if l := try(interaction.NotAuthenticated); l.BlockedUntil.Sub(l.AttemptAt) != time.Minute {
			t.Errorf("the sixth: %+v, want a wait of 1 min", l)
		}
		if l := try(interaction.Authenticated); l.Failures != 0 || !l.BlockedUntil.IsZero() {
			t.Errorf("after a success: %+v, want none", l)
		}
		for range 10 {
			try(interaction.NotAuthenticated)
		}
		d.clock.advance(24 * time.Hour)
		if c := d.claim(t, "anna", rules); c.Decision != interaction.Locked || !strings.Contains(c.Reason, "a person has to unlock") {
			t.Errorf("after 10 failures, a day later: %+v", c)
		}
		if l := try(interaction.Authenticated); l.LockedAt.IsZero() {
			t.Error("a success opened the lock")
		}
		if err := d.Unlock(ctx, "tester", "anna"); err != nil {
			t.Error(err)
		}
		if c := d.claim(t, "anna", rules); c.Decision != "" {
			t.Errorf("unlocked: %+v", c)
		}
		if a := d.audited(t, "anna"); !slices.Contains(a, "lock") || !slices.Contains(a, "unlock") {
			t.Errorf("audit %v, want the lock and the unlock", a)
		}
		shadow, err := d.Attempt(ctx, "server", store.Attempt{SpeakerID: "anna", Decision: interaction.NotAuthenticated, Reasons: []string{}, Shadow: true}, rules.Attempts)
		if err != nil || shadow.Failures != 0 {
			t.Errorf("a shadow attempt counts: %+v, %v", shadow, err)
		}
	})
}

func TestLimitsNeverWaitLongerThanAnHour(t *testing.T) {
	l, now := DefaultLimits(), store.Lockout{}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	last := time.Duration(0)
	for range 200 {
		now = l.next(now, store.Attempt{Decision: interaction.NotAuthenticated, At: at})
		wait := time.Duration(0)
		if !now.BlockedUntil.IsZero() {
			wait = now.BlockedUntil.Sub(at)
		}
		if wait < last || wait > time.Hour {
			t.Fatalf("%d failures: wait of %s after one of %s", now.Failures, wait, last)
		}
		last = wait
	}
	if last != time.Hour || !now.LockedAt.Equal(at) {
		t.Errorf("in the end a wait of %s, locked at %s", last, now.LockedAt)
	}
}

func TestPassiveEnrolmentWaitsForApproval(t *testing.T) {
	onBoth(t, func(t *testing.T, d *desk) {
		ctx, rules := t.Context(), DefaultRules()
		rules.PassiveEnrolment = true
		d.consented(t, "anna", "web")
		e := Enrolment{Speaker: "anna", Passive: true, Model: tdnn, Print: []byte("heard"), Sources: 3}
		v, err := d.Enrol(ctx, "server", e, rules)
		if err != nil {
			t.Fatal(err)
		}
		if c := d.claim(t, "anna", rules); c.Decision != interaction.NotEnrolled {
			t.Errorf("before approval: %+v", c)
		}
		if err := d.Approve(ctx, "lead", v.ID, rules); err != nil {
			t.Fatal(err)
		}
		if c := d.claim(t, "anna", rules); string(c.Print) != "heard" {
			t.Errorf("after approval: %+v", c)
		}
		if err := d.Approve(ctx, "lead", v.ID, rules); !errors.Is(err, ErrNotPermitted) {
			t.Errorf("a second time: %v", err)
		}
		// A further one leaves the print in force as it is until it is approved in its turn.
		e.Print = []byte("heard later")
		if v, err = d.Enrol(ctx, "server", e, rules); err != nil {
			t.Fatal(err)
		}
		if c := d.claim(t, "anna", rules); string(c.Print) != "heard" {
			t.Errorf("while the second waits: %+v", c)
		}
		if err := d.Approve(ctx, "lead", v.ID, rules); err != nil {
			t.Fatal(err)
		}
		if c := d.claim(t, "anna", rules); string(c.Print) != "heard later" {
			t.Errorf("after the second: %+v", c)
		}
		if v, err = d.Enrol(ctx, "server", e, rules); err != nil {
			t.Fatal(err)
		}
		if _, err := d.WithdrawConsent(ctx, "tester", "anna", ""); err != nil {
			t.Fatal(err)
		}
		if err := d.Approve(ctx, "lead", v.ID, rules); !errors.Is(err, ErrNoConsent) {
			t.Errorf("after the consent was withdrawn: %v", err)
		}
		if err := d.Reject(ctx, "lead", v.ID); err != nil {
			t.Error(err)
		}
	})
}

func TestWatchlistEntryNeedsItsApprover(t *testing.T) {
	onBoth(t, func(t *testing.T, d *desk) {
		ctx := t.Context()
		if err := d.SaveWatchlist(ctx, "admin", store.Watchlist{Name: "fraud", Purpose: "p", LegalBasis: "l", RetentionDays: 30, Approver: "lead"}); err != nil {
			t.Fatal(err)
		}
		e := Enrolment{Speaker: "carl", Watchlist: "fraud", Model: tdnn, Print: []byte("voice of carl"), Sources: 1}
		if _, err := d.Enrol(ctx, "analyst", e, DefaultRules()); err != nil {
			t.Fatal(err)
		}
		if _, err := d.AddToWatchlist(ctx, "tester", store.WatchlistEntry{Watchlist: "fraud", SpeakerID: "carl", Reason: "three cases", AddedBy: "analyst"}); err != nil {
			t.Fatal(err)
		}
		found := func() (n int) {
			t.Helper()
			err := d.Gallery(ctx, "fraud", tdnn, func(v store.Voiceprint, print []byte) error {
				if string(print) != "voice of carl" || v.SpeakerID != "carl" {
					t.Errorf("%s: %q", v.SpeakerID, print)
				}
				n++
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		if n := found(); n != 0 {
			t.Errorf("%d searched before approval", n)
		}
		for _, by := range []string{"analyst", "somebody"} {
			if err := d.ApproveEntry(ctx, "tester", by, "fraud", "carl"); !errors.Is(err, ErrNotPermitted) {
				t.Errorf("approved by %s: %v", by, err)
			}
		}
		if err := d.ApproveEntry(ctx, "tester", "lead", "fraud", "nobody"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("an entry that is not there: %v", err)
		}
		if err := d.ApproveEntry(ctx, "tester", "lead", "fraud", "carl"); err != nil {
			t.Fatal(err)
		}
		if n := found(); n != 1 {
			t.Errorf("%d searched after approval", n)
		}
		if c := d.claim(t, "carl", DefaultRules()); c.Decision != interaction.NotEnrolled {
			t.Errorf("a print made for a watchlist verifies: %+v", c)
		}
		d.clock.advance(31 * 24 * time.Hour)
		if n := found(); n != 0 {
			t.Errorf("%d searched after the entry's retention", n)
		}
		if _, err := d.OptOut(ctx, "tester", "otto", "web"); err != nil {
			t.Fatal(err)
		}
		e.Speaker = "otto"
		if _, err := d.Enrol(ctx, "analyst", e, DefaultRules()); !errors.Is(err, ErrOptedOut) {
			t.Errorf("an opted-out person for a watchlist: %v", err)
		}
		if _, err := d.AddToWatchlist(ctx, "tester", store.WatchlistEntry{Watchlist: "fraud", SpeakerID: "otto", Reason: "x", AddedBy: "analyst"}); !errors.Is(err, ErrOptedOut) {
			t.Errorf("an opted-out person on a watchlist: %v", err)
		}
		if s, err := d.Sweep(ctx, "server", anywhere); err != nil || s.Deleted != 1 {
			t.Errorf("%+v, %v, want carl deleted, whose entry expired", s, err)
		}
	})
}
