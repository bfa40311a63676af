package people

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/models"
	"github.com/timbre-voice/timbre/server/caller"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/policy"
	"github.com/timbre-voice/timbre/server/store"
	"github.com/timbre-voice/timbre/voiceprint"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// office is a desk with the shipped model over a real database, and the two voices of a call.
type office struct {
	*Desk
	t               *testing.T
	db              *store.Store
	rows            *store.Tenant
	keys            *identity.KeyFile
	agent, customer voiceprint.Speech
	heard           int
}

func newOffice(t *testing.T) *office {
	t.Helper()
	a, err := models.Load("speaker-tdnn-v1")
	if err != nil {
		t.Fatal(err)
	}
	model, err := voiceprint.LoadModel(a)
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), store.Options{DSN: filepath.Join(t.TempDir(), "timbre.db"), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.EnsureTenant(t.Context(), "default", "default"); err != nil {
		t.Fatal(err)
	}
	keys, err := identity.CreateKeyFile(filepath.Join(t.TempDir(), "keys.json"), "default")
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, db: db, rows: db.Tenant("default"), keys: keys}
	o.Desk = &Desk{
		Registry: identity.NewRegistry(o.rows, keys, time.Now), Policy: policy.Default(),
		Known: caller.New(caller.Options{Model: model, Name: interaction.Model{Name: a.Manifest.Name, Version: a.Manifest.Version}, Now: time.Now}),
		Extractor: func() (*voiceprint.Extractor, func(), error) {
			x, err := model.NewExtractor()
			return x, func() {}, err
		},
		Scrub: db.Scrub,
	}
	f, err := os.Open(testkit.Testdata(t, "calls", "sample-call.wav"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, format, _, err := audio.ReadAll(f, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, to := range []*voiceprint.Speech{&o.agent, &o.customer} {
		c, err := voiceprint.NewCollector(voiceprint.DefaultCollector(format.Rate), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Write(x[i]); err != nil {
			t.Fatal(err)
		}
		c.Flush()
		*to = c.Speech()
	}
	return o
}

// permit lays terms and searches over the default policy.
func (o *office) permit(text string) {
	o.t.Helper()
	c, err := policy.Parse([]byte("policy:\n" + text))
	if err != nil {
		o.t.Fatal(err)
	}
	o.Policy = c
}

func (o *office) enrol(r Request, s ...voiceprint.Speech) (*Made, error) {
	r.Options = voiceprint.DefaultEnrol()
	return o.Enrol(o.t.Context(), "tester", r, func(context.Context) ([]voiceprint.Speech, error) { o.heard++; return s, nil })
}

func (o *office) listen(s voiceprint.Speech) Listen {
	return func(context.Context) (Heard, error) { o.heard++; return Heard{s, "mulaw"}, nil }
}

const because = "purpose: p, legal_basis: l, retention_days: 30, approver: lead"

func vouched(channel string) *store.Consent { return &store.Consent{Channel: channel} }

// TestNothingIsHeardOfWhomItMayNot: what registry or policy refuse, and what needs no voice, is answered before a recording is opened.
func TestNothingIsHeardOfWhomItMayNot(t *testing.T) {
	o := newOffice(t)
	if _, err := o.enrol(Request{Speaker: "anna", ConsentRef: "r", Consent: vouched("web")}, o.customer); err != nil || o.heard != 1 {
		t.Fatalf("%v, heard %d times", err, o.heard)
	}
	if _, err := o.Registry.OptOut(t.Context(), "tester", "otto", ""); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, policy string
		do           func() error
		is           error
	}{
		{"no_consent", " {}", func() error { _, err := o.enrol(Request{Speaker: "bert"}); return err }, identity.ErrNoConsent},
		{"reference_that_nobody_vouches_for", " {}", func() error { _, err := o.enrol(Request{Speaker: "bert", ConsentRef: "r"}); return err }, identity.ErrNoConsent},
		{"opted_out", " {}", func() error {
			_, err := o.enrol(Request{Speaker: "otto", ConsentRef: "r", Consent: vouched("web")})
			return err
		}, identity.ErrOptedOut},
		{"spoken_under_a_law_that_asks_for_a_release", " {}", func() error {
			_, err := o.enrol(Request{Speaker: "bert", Jurisdiction: "US-IL", ConsentRef: "r", Consent: vouched("call")})
			return err
		}, identity.ErrNoConsent},
		{"jurisdiction_of_the_consent", " {}", func() error {
			_, err := o.enrol(Request{Speaker: "bert", ConsentRef: "r", Consent: &store.Consent{Channel: "call", Jurisdiction: "US-TX"}})
			return err
		}, identity.ErrNoConsent},
		{"passive_where_the_policy_permits_none", " {}", func() error {
			_, err := o.enrol(Request{Speaker: "bert", ConsentRef: "r", Consent: vouched("web"), Passive: true})
			return err
		}, identity.ErrNotPermitted},
		{"for_a_list_that_is_not_searched", " {}", func() error { _, err := o.enrol(Request{Speaker: "fred", Watchlist: "fraud"}); return err }, identity.ErrNotPermitted},
		{"for_a_list_that_is_not_there", " {searches: [{kind: watchlist, list: fraud, " + because + "}]}", func() error {
			_, err := o.enrol(Request{Speaker: "fred", Watchlist: "fraud"})
			return err
		}, store.ErrNotFound},
		{"verification_forbidden", " {verification: false}", func() error {
			_, err := o.Verify(t.Context(), "tester", "anna", voiceprint.DefaultPolicy(), o.listen(o.customer))
			return err
		}, identity.ErrNotPermitted},
		{"search_forbidden", " {}", func() error {
			_, err := o.Identify(t.Context(), "tester", "", voiceprint.DefaultIdentify(), o.listen(o.customer))
			return err
		}, identity.ErrNotPermitted},
		{"list_forbidden", " {searches: [{kind: identification, " + because + "}]}", func() error {
			_, err := o.Identify(t.Context(), "tester", "fraud", voiceprint.DefaultIdentify(), o.listen(o.customer))
			return err
		}, identity.ErrNotPermitted},
		{"skipped", " {}", func() error {
			m, err := o.enrol(Request{Speaker: "anna", Existing: Skip})
			if err == nil && m.Action != Skipped {
				err = errors.New("not skipped: " + m.Action)
			}
			return err
		}, nil},
		{"not_enrolled", " {}", func() error {
			v, err := o.Verify(t.Context(), "tester", "bert", voiceprint.DefaultPolicy(), o.listen(o.customer))
			if err == nil && v.Decision != interaction.NotEnrolled {
				err = errors.New("decided " + string(v.Decision))
			}
			return err
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			o.permit(c.policy)
			before := o.heard
			if err := c.do(); !errors.Is(err, c.is) {
				t.Errorf("%v, want %v", err, c.is)
			}
			if o.heard != before {
				t.Error("a recording was heard")
			}
		})
	}
	if _, err := o.rows.VerifyAudit(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestKnownVoicesWaitForAPerson: a voice that is on a watchlist, or enrolled as somebody else, waits where the policy permits the search,
// and its own print is no duplicate.
func TestKnownVoicesWaitForAPerson(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	enrol := func(who string, s voiceprint.Speech) *Made {
		t.Helper()
		m, err := o.enrol(Request{Speaker: who, ConsentRef: "r-" + who, Consent: vouched("web"), Existing: Overwrite}, s)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	enrol("anna", o.customer)
	if m := enrol("anna-2", o.customer); m.Review != "" || m.Print.State != store.EnrolmentActive {
		t.Errorf("where nothing is searched: %q", m.Review)
	}
	o.permit(" {second_person: true, searches: [{kind: duplicates, " + because + "}, {kind: watchlist, list: fraud, " + because + "}]}")
	if _, err := o.Registry.Delete(ctx, "tester", "anna-2", "request"); err != nil {
		t.Fatal(err)
	}
	if m := enrol("anna", o.customer); m.Action != Replaced || m.Review != "" {
		t.Errorf("her own print again: %s %q", m.Action, m.Review)
	}
	if m := enrol("bert", o.agent); m.Review != "" {
		t.Errorf("another voice: %q", m.Review)
	}
	m := enrol("anna-3", o.customer)
	if m.Review != ReviewDuplicate || m.Print.State != store.EnrolmentPending {
		t.Errorf("her voice as somebody else: %q, %s", m.Review, m.Print.State)
	}
	if err := o.Approve(ctx, "tester", m.Print.ID); !errors.Is(err, identity.ErrNotPermitted) {
		t.Errorf("approved by who asked: %v", err)
	}
	if err := o.Approve(ctx, "lead", m.Print.ID); err != nil {
		t.Error(err)
	}

	if err := o.SaveWatchlist(ctx, "tester", store.Watchlist{Name: "fraud", Purpose: "p", LegalBasis: "l", RetentionDays: 31, Approver: "lead"}); !errors.Is(err, identity.ErrNotPermitted) {
		t.Errorf("a list that keeps longer than the policy says: %v", err)
	}
	if err := o.SaveWatchlist(ctx, "tester", store.Watchlist{Name: "fraud", Purpose: "p", LegalBasis: "l", RetentionDays: 30, Approver: "lead"}); err != nil {
		t.Fatal(err)
	}
	if fred, err := o.enrol(Request{Speaker: "fred", Watchlist: "fraud"}, o.agent); err != nil || fred.Review != ReviewDuplicate {
		t.Errorf("fred, whose voice is bert's: %+v, %v", fred, err)
	} else if _, err := o.Registry.AddToWatchlist(ctx, "tester", store.WatchlistEntry{Watchlist: "fraud", SpeakerID: "fred", Reason: "r", AddedBy: "eve"}); err != nil {
		t.Error(err)
	} else if err := errors.Join(o.Approve(ctx, "lead", fred.Print.ID), o.Registry.ApproveEntry(ctx, "tester", "lead", "fraud", "fred")); err != nil {
		t.Error(err)
	}
	o.forget()
	if m := enrol("carl", o.agent); m.Review != ReviewWatchlist {
		t.Errorf("a voice of the list: %q", m.Review)
	}
	found, err := o.Identify(ctx, "tester", "fraud", voiceprint.DefaultIdentify(), o.listen(o.agent))
	if err != nil || found.Entries != 1 || len(found.Watchlist) != 1 || found.Watchlist[0].SpeakerID != "fred" || len(found.Candidates) != 0 || found.Decision != interaction.Inconclusive {
		t.Errorf("%+v, %v: want fred, as a lead", found, err)
	}
}

// TestVerifyCountsAndKeeps: each answer is an attempt, failures lock, and the shadow keeps what it does not show.
func TestVerifyCountsAndKeeps(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	if _, err := o.enrol(Request{Speaker: "anna", ConsentRef: "r", Consent: vouched("web")}, o.customer); err != nil {
		t.Fatal(err)
	}
	verify := func(s voiceprint.Speech) *Verified {
		t.Helper()
		v, err := o.Verify(ctx, "tester", "anna", voiceprint.DefaultPolicy(), o.listen(s))
		if err != nil {
			t.Fatal(err)
		}
		if len(v.Reasons) != len(v.Explanations) || !slices.Contains(v.Reasons, voiceprint.CodeSpoofNotChecked) || v.Assurance != interaction.AssuranceEvidenceOnly {
			t.Errorf("%+v", v)
		}
		return v
	}
	if v := verify(o.customer); v.Decision != interaction.Authenticated || v.Codec != "mulaw" {
		t.Errorf("herself: %+v", v)
	}
	o.permit(" {shadow: true}")
	for range 6 {
		if v := verify(o.agent); v.Decision != interaction.Inconclusive || v.LLR != nil || v.Reasons[0] != ReasonShadow {
			t.Errorf("in the shadow: %+v", v)
		}
	}
	o.permit(" {attempts: {failures: 2, delay: 30s, lock_after: 3}}")
	for range 2 {
		if v := verify(o.agent); v.Decision != interaction.NotAuthenticated {
			t.Errorf("another voice: %+v", v)
		}
	}
	if v := verify(o.customer); v.Decision != interaction.Locked || !strings.Contains(v.Explanations[0], "after 2 failures in a row") {
		t.Errorf("after two failures: %+v", v)
	}
	kept, err := o.rows.Attempts(ctx, "anna", store.Page{})
	if err != nil || len(kept.Items) != 10 {
		t.Fatalf("%d attempts, %v, want 10", len(kept.Items), err)
	}
	shadows := 0
	for _, a := range kept.Items {
		if a.Shadow {
			shadows++
			if a.LLR == nil || a.Decision != interaction.NotAuthenticated {
				t.Errorf("kept in the shadow: %+v", a)
			}
		}
	}
	if shadows != 6 {
		t.Errorf("%d of the shadow, want 6", shadows)
	}
}

// TestPrintsOfCallsAreAsStrictAsTheStricterLaw: the policy of the call and the law of the person's jurisdiction both count, before the call
// is heard and when a print is made of it.
func TestPrintsOfCallsAreAsStrictAsTheStricterLaw(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	o.permit(" {passive_enrolment: true}")
	call, err := o.Policy.Resolve(policy.Call{Tenant: "default"})
	if err != nil {
		t.Fatal(err)
	}
	for who, c := range map[string]store.Consent{"anna": {Channel: "call"}, "illinois": {Channel: "call", Jurisdiction: "US-IL"}, "signed": {Channel: "paper", Jurisdiction: "US-IL"},
		"texas": {Channel: "web", Jurisdiction: "US-TX"}} {
		c.SpeakerID, c.Ref, c.Purpose = who, "r", identity.PurposeVerify
		if _, err := o.Registry.GiveConsent(ctx, "tester", c); err != nil {
			t.Fatal(err)
		}
	}
	for who, want := range map[string]bool{"anna": true, "illinois": false, "signed": true, "texas": true, "nobody": false} {
		if may, err := o.MayHear(ctx, who, call); err != nil || may != want {
			t.Errorf("%s: %t, %v, want %t", who, may, err, want)
		}
	}
	passive := func(who string) (*Made, error) {
		return o.enrol(Request{Speaker: who, Passive: true, Existing: Skip, Policy: &call}, o.customer)
	}
	for _, who := range []string{"anna", "signed"} {
		if m, err := passive(who); err != nil || m.Print.State != store.EnrolmentPending {
			t.Fatalf("%s: %+v, %v, want a print that waits", who, m, err)
		}
	}
	before := o.heard
	if _, err := passive("illinois"); !errors.Is(err, identity.ErrNoConsent) || !strings.Contains(err.Error(), "want a release in writing") || o.heard != before {
		t.Errorf("illinois: %v, heard %t, want ErrNoConsent before anything is heard: her own law asks for a release", err, o.heard != before)
	}
	if prints, err := o.rows.VoiceprintsOf(ctx, "illinois"); err != nil || len(prints) != 0 {
		t.Errorf("illinois: %d prints, %v, want none", len(prints), err)
	}
	if call.Permit.ReleaseRequired {
		t.Error("the policy of the call was changed")
	}
	if may, err := o.MayHear(ctx, "anna", call); err != nil || may {
		t.Errorf("while one waits: %t, %v", may, err)
	}
	call.PassiveEnrolment = false
	if may, err := o.MayHear(ctx, "texas", call); err != nil || may {
		t.Errorf("where the policy of the call permits none: %t, %v", may, err)
	}
}

// TestACallerIsComparedByTheLawOfTheOwnPlace: a call whose policy asks for no release in writing, and a person whose law asks for one.
func TestACallerIsComparedByTheLawOfTheOwnPlace(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	call, err := o.Policy.Resolve(policy.Call{Tenant: "default"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.enrol(Request{Speaker: "first", ConsentRef: "r", Consent: vouched("web")}, o.customer); err != nil {
		t.Fatal(err)
	}
	_, print, err := o.Registry.Print(ctx, "first", o.Known.Model())
	if err != nil {
		t.Fatal(err)
	}
	for who, c := range map[string]struct {
		jurisdiction, channel string
		want                  interaction.Decision
	}{
		"anna": {"", "call", ""}, "spoken": {"US-IL", "call", interaction.NotEnrolled}, "signed": {"US-IL", "paper", ""},
	} {
		consent := store.Consent{SpeakerID: who, Ref: "r", Purpose: identity.PurposeVerify, Channel: c.channel, Jurisdiction: c.jurisdiction}
		if _, err := o.Registry.GiveConsent(ctx, "tester", consent); err != nil {
			t.Fatal(err)
		}
		if _, err := o.Registry.Enrol(ctx, "tester", identity.Enrolment{Speaker: who, Jurisdiction: c.jurisdiction, ConsentRef: "r", Model: o.Known.Model(), Print: print,
			NetSpeechMs: 30000, Sources: 1}, identity.DefaultRules()); err != nil {
			t.Fatal(err)
		}
		voice, err := o.Voice(ctx, call.Permit, call)
		if err != nil {
			t.Fatal(err)
		}
		got, err := voice.Claim(ctx, who)
		if err != nil || got.Decision != c.want || (got.Print != nil) != (c.want == "") {
			t.Errorf("%s: decision %q, a print %t, %v; want %q", who, got.Decision, got.Print != nil, err, c.want)
		}
	}
}

func TestRecordingsThatAreNoPrint(t *testing.T) {
	o := newOffice(t)
	two := o.customer
	two.Samples = slices.Concat(o.customer.Samples[:len(o.customer.Samples)/2], o.agent.Samples)
	short := o.customer
	short.Samples = short.Samples[:5*voiceprint.Rate]
	short.Quality.NetSpeech = 5 * time.Second
	for name, c := range map[string]struct {
		s    voiceprint.Speech
		says string
	}{"two_voices": {two, ""}, "too_short": {short, "want at least 20.0 s"}, "none": {voiceprint.Speech{}, "no_speech"}} {
		_, err := o.enrol(Request{Speaker: "anna", ConsentRef: "r", Consent: vouched("web")}, c.s)
		if !errors.Is(err, ErrRecording) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want ErrRecording and %q", name, err, c.says)
		}
	}
	if given, err := o.rows.Consents(t.Context(), "anna"); err != nil || len(given) != 0 {
		t.Errorf("%v, %v: a consent is in the ledger without a print", given, err)
	}
}
