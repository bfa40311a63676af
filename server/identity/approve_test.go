package identity

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/store"
)

func TestConsentThatTheSiteVouchesFor(t *testing.T) {
	onBoth(t, func(t *testing.T, d *desk) {
		ctx := t.Context()
		release := DefaultRules()
		release.ReleaseRequired = true
		enrol := func(speaker, ref string, c *store.Consent, rules Rules) error {
			_, err := d.Enrol(ctx, "tester", Enrolment{Speaker: speaker, ConsentRef: ref, Consent: c, Model: tdnn, Print: []byte("p"), Sources: 1}, rules)
			return err
		}
		if err := enrol("anna", "crm-1", nil, DefaultRules()); !errors.Is(err, ErrNoConsent) {
			t.Errorf("a reference that nobody vouches for: %v", err)
		}
		if err := enrol("anna", "", &store.Consent{Channel: "web"}, DefaultRules()); !errors.Is(err, ErrNoConsent) {
			t.Errorf("a consent without a reference: %v", err)
		}
		if err := enrol("anna", "crm-1", &store.Consent{Channel: "call"}, release); !errors.Is(err, ErrNoConsent) {
			t.Errorf("a spoken consent where a release is asked for: %v", err)
		}
		if given, err := d.rows.Consents(ctx, "anna"); err != nil || len(given) != 0 {
			t.Errorf("%v, %v: a refused enrolment left a consent", given, err)
		}
		if err := enrol("anna", "crm-1", &store.Consent{Channel: "web", TextVersion: "4", Jurisdiction: "US-IL"}, release); err != nil {
			t.Fatal(err)
		}
		given, err := d.rows.Consents(ctx, "anna")
		if err != nil || len(given) != 1 || given[0].Ref != "crm-1" || given[0].TextVersion != "4" || given[0].Purpose != PurposeVerify {
			t.Errorf("the ledger: %+v, %v", given, err)
		}
		if j, err := d.Jurisdiction(ctx, "anna"); err != nil || j != "US-IL" {
			t.Errorf("jurisdiction %q, %v, want that of the consent", j, err)
		}
		if _, err := d.WithdrawConsent(ctx, "tester", "anna", ""); err != nil {
			t.Fatal(err)
		}
		if err := enrol("anna", "crm-1", &store.Consent{Channel: "web"}, DefaultRules()); !errors.Is(err, ErrNoConsent) {
			t.Errorf("a consent that was withdrawn, given anew by its name: %v", err)
		}
		if got, want := d.audited(t, "anna"), []string{"enrol_refused", "enrol_refused", "enrol_refused", "consent", "enrol", "withdraw_consent", "enrol_refused"}; !slices.Equal(got, want) {
			t.Errorf("audit %v, want %v", got, want)
		}
	})
}

func TestApprovalBySecondPerson(t *testing.T) {
	onBoth(t, func(t *testing.T, d *desk) {
		ctx, rules := t.Context(), DefaultRules()
		rules.SecondPerson = true
		d.consented(t, "anna", "web")
		v, err := d.Enrol(ctx, "key:1", Enrolment{Speaker: "anna", Review: "duplicate", Model: tdnn, Print: []byte("p"), Sources: 1}, rules)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Approve(ctx, "key:1", v.ID, rules); !errors.Is(err, ErrNotPermitted) {
			t.Errorf("by who asked for it: %v", err)
		}
		if err := d.Approve(ctx, "key:2", v.ID, rules); err != nil {
			t.Errorf("by another: %v", err)
		}
		if err := d.Approve(ctx, "key:2", "none", rules); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a print that is not there: %v", err)
		}
		if got, want := d.audited(t, "anna"), []string{"consent", "enrol", "approve_refused", "approve"}; !slices.Equal(got, want) {
			t.Errorf("audit %v, want %v", got, want)
		}
	})
}

func TestPrintForAWatchlistIsApprovedWhileTheEntryLasts(t *testing.T) {
	onBoth(t, func(t *testing.T, d *desk) {
		ctx := t.Context()
		if err := d.SaveWatchlist(ctx, "admin", store.Watchlist{Name: "fraud", Purpose: "p", LegalBasis: "l", RetentionDays: 30, Approver: "lead"}); err != nil {
			t.Fatal(err)
		}
		v, err := d.Enrol(ctx, "analyst", Enrolment{Speaker: "carl", Watchlist: "fraud", Review: "duplicate", Model: tdnn, Print: []byte("p"), Sources: 1}, DefaultRules())
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Approve(ctx, "lead", v.ID, DefaultRules()); !errors.Is(err, ErrNoConsent) {
			t.Errorf("without an entry: %v", err)
		}
		if _, err := d.AddToWatchlist(ctx, "analyst", store.WatchlistEntry{Watchlist: "fraud", SpeakerID: "carl", Reason: "r", AddedBy: "analyst", ApprovedBy: "analyst"}); err != nil {
			t.Fatal(err)
		}
		if entries, err := d.rows.WatchlistEntriesOf(ctx, "carl"); err != nil || entries[0].ApprovedBy != "" {
			t.Errorf("%+v, %v: an entry approved itself", entries, err)
		}
		if err := d.Approve(ctx, "lead", v.ID, DefaultRules()); err != nil {
			t.Errorf("with an entry: %v", err)
		}
		d.clock.advance(31 * 24 * time.Hour)
		if err := d.ApproveEntry(ctx, "tester", "lead", "fraud", "carl"); !errors.Is(err, ErrNotPermitted) {
			t.Errorf("an entry that has expired: %v", err)
		}
		if err := d.DeleteWatchlist(ctx, "admin", "fraud"); err != nil {
			t.Fatal(err)
		}
		if err := d.DeleteWatchlist(ctx, "admin", "fraud"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a second time: %v", err)
		}
	})
}

func TestPendingPrintsExpire(t *testing.T) {
	onBoth(t, func(t *testing.T, d *desk) {
		ctx, rules := t.Context(), DefaultRules()
		rules.PassiveEnrolment = true
		d.enrolled(t, "anna", []byte("in force"))
		d.consented(t, "bert", "web")
		for _, who := range []string{"anna", "bert"} {
			if _, err := d.Enrol(ctx, "server", Enrolment{Speaker: who, Passive: true, Model: tdnn, Print: []byte("heard"), Sources: 1}, rules); err != nil {
				t.Fatal(err)
			}
		}
		d.clock.advance(29 * 24 * time.Hour)
		if n, err := d.Sweep(ctx, "server", anywhere); err != nil || n != (Swept{}) {
			t.Errorf("%+v, %v after 29 days, want nothing", n, err)
		}
		d.clock.advance(2 * 24 * time.Hour)
		if n, err := d.Sweep(ctx, "server", anywhere); err != nil || n != (Swept{Pending: 2}) {
			t.Errorf("%+v, %v after 31 days, want two prints removed and nobody deleted", n, err)
		}
		if c := d.claim(t, "anna", rules); string(c.Print) != "in force" {
			t.Errorf("the print that is in force: %+v", c)
		}
		if c := d.claim(t, "bert", rules); c.Decision != interaction.NotEnrolled || c.Consent != nil {
			t.Errorf("bert: %+v", c)
		}
		if got := d.audited(t, "bert"); got[len(got)-1] != "expire_pending" {
			t.Errorf("audit %v", got)
		}
	})
}
