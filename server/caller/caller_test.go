package caller

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/engine/vad"
	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/models"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/store"
	"github.com/timbre-voice/timbre/voiceprint"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// desk is the shipped model over a real database of one tenant.
type desk struct {
	known    *Known
	registry *identity.Registry
	rows     *store.Tenant
	engine   *analysis.Engine
	speech   *vad.Net
	model    *voiceprint.Model
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	d := &desk{}
	a, err := models.Load("speaker-tdnn-v1")
	if err != nil {
		t.Fatal(err)
	}
	if d.model, err = voiceprint.LoadModel(a); err != nil {
		t.Fatal(err)
	}
	v, err := models.Load("vad-gru-v1")
	if err != nil {
		t.Fatal(err)
	}
	if d.speech, err = vad.LoadNet(v.Tensors); err != nil {
		t.Fatal(err)
	}
	if d.engine, err = analysis.NewEngine(nil); err != nil {
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
	d.rows = db.Tenant("default")
	d.registry = identity.NewRegistry(d.rows, keys, time.Now)
	d.known = New(Options{Model: d.model, Now: time.Now, Name: interaction.Model{Name: a.Manifest.Name, Version: a.Manifest.Version,
		SHA256: a.Manifest.SHA256, LicenceClass: a.Manifest.LicenceClass}})
	return d
}

// side returns one side of the sample call at its rate.
func side(t testing.TB, channel int) ([]float32, int) {
	t.Helper()
	f, err := os.Open(testkit.Testdata(t, "calls", "sample-call.wav"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, format, _, err := audio.ReadAll(f, 0)
	if err != nil {
		t.Fatal(err)
	}
	return x[channel], format.Rate
}

// enrol makes a print of x, for the person or for a watchlist.
func (d *desk) enrol(t testing.TB, speaker, watchlist string, x []float32, rate int) {
	t.Helper()
	c, err := voiceprint.NewCollector(voiceprint.DefaultCollector(rate), d.speech)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Write(x); err != nil {
		t.Fatal(err)
	}
	c.Flush()
	e, err := d.model.NewExtractor()
	if err != nil {
		t.Fatal(err)
	}
	o := voiceprint.DefaultEnrol()
	o.MinSpeech, o.Recording.NetSpeech = time.Second, time.Second
	print, _, err := e.Enrol(o, c.Speech())
	if err != nil {
		t.Fatal(err)
	}
	plain, err := print.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if watchlist == "" {
		if _, err := d.registry.GiveConsent(t.Context(), "test", store.Consent{SpeakerID: speaker, Ref: "r", Purpose: identity.PurposeVerify, Channel: "web"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.registry.Enrol(t.Context(), "test", identity.Enrolment{Speaker: speaker, Watchlist: watchlist, Model: d.known.Model(), Print: plain,
		NetSpeechMs: print.Quality.NetSpeech.Milliseconds(), Sources: 1}, identity.DefaultRules()); err != nil {
		t.Fatal(err)
	}
}

// play runs a call of the sample's customer.
func (d *desk) play(t *testing.T, p policy.Permit, rules identity.Rules, claim string) *interaction.Interaction {
	t.Helper()
	p.Policy = "test"
	voice, err := d.known.Call(t.Context(), d.registry, p, rules)
	if err != nil {
		t.Fatal(err)
	}
	r, err := analysis.AnalyzeFile(t.Context(), testkit.Testdata(t, "calls", "sample-call.wav"), analysis.FileOptions{
		Channels: analysis.RolesUntold(), Permit: p, Engine: d.engine, Voice: voice, Claim: claim})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestCallKnowsItsCustomer runs whole calls with the shipped model: the person, somebody else, a watchlist, and what the ledger says
// in between. What a recording scores against a print of itself tells nothing about the model, and enough about the way to it.
func TestCallKnowsItsCustomer(t *testing.T) {
	d := newDesk(t)
	ctx, rules := t.Context(), identity.DefaultRules()
	customer, rate := side(t, 1)
	agent, _ := side(t, 0)
	d.enrol(t, "anna", "", customer, rate)
	d.enrol(t, "bert", "", agent, rate)
	if err := d.registry.SaveWatchlist(ctx, "admin", store.Watchlist{Name: "fraud", Purpose: "p", LegalBasis: "l", RetentionDays: 30, Approver: "lead"}); err != nil {
		t.Fatal(err)
	}
	d.enrol(t, "fred", "fraud", customer, rate)
	if _, err := d.registry.AddToWatchlist(ctx, "analyst", store.WatchlistEntry{Watchlist: "fraud", SpeakerID: "fred", Reason: "case 1", AddedBy: "analyst"}); err != nil {
		t.Fatal(err)
	}
	p := policy.Permit{Verification: true, Watchlists: []string{"fraud"}}

	own := d.play(t, p, rules, "anna").Voice
	if own == nil || own.LLR == nil || own.Decision != interaction.Authenticated || len(own.Watchlist) != 0 {
		t.Fatalf("the person's own print, with an entry that nobody approved: %+v", own)
	}
	if err := d.registry.ApproveEntry(ctx, "tester", "lead", "fraud", "fred"); err != nil {
		t.Fatal(err)
	}
	d.known.Forget("default")
	if v := d.play(t, p, rules, "anna").Voice; v == nil || len(v.Watchlist) != 1 || v.Watchlist[0].SpeakerID != "fred" || v.Decision != interaction.Authenticated {
		t.Errorf("with the entry approved: %+v, want a lead beside the decision", v)
	}
	other := d.play(t, p, rules, "bert").Voice
	if other == nil || other.LLR == nil || *other.LLR >= *own.LLR || other.Decision == interaction.Authenticated {
		t.Errorf("somebody else's print: %+v, want an LLR under %g and no authentication", other, *own.LLR)
	}
	attempts, err := d.rows.Attempts(ctx, "", store.Page{})
	if err != nil || len(attempts.Items) != 3 {
		t.Errorf("%d attempts, %v, want 3", len(attempts.Items), err)
	}
	if _, err := d.registry.OptOut(ctx, "test", "anna", "call"); err != nil {
		t.Fatal(err)
	}
	d.known.Forget("default")
	if v := d.play(t, p, rules, "anna").Voice; v == nil || v.Decision != interaction.OptedOut || v.LLR != nil || len(v.Watchlist) != 0 {
		t.Errorf("opted out: %+v, want nothing heard, not even for the watchlist", v)
	}
	released := p
	released.ReleaseRequired = true
	r := d.play(t, released, identity.Rules{Attempts: rules.Attempts, PrintUnusedMonths: 36, ReleaseRequired: true}, "")
	if r.Voice != nil || !slices.ContainsFunc(r.NotComputed, func(n interaction.NotComputed) bool {
		return n.What == "voice" && n.Code == interaction.CodeNoConsent
	}) {
		t.Errorf("a stranger where a release is asked for: %+v, %+v", r.Voice, r.NotComputed)
	}
}

func TestListsThatThePermitDoesNotNameAreNotLoaded(t *testing.T) {
	d := newDesk(t)
	c, err := d.known.Call(t.Context(), d.registry, policy.Permit{Policy: "p", Watchlists: []string{"fraud"}}, identity.DefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range []string{"", "other"} {
		if _, _, err := c.Gallery(list); err == nil {
			t.Errorf("the list %q is there", list)
		}
	}
	if g, _, err := c.Gallery("fraud"); err != nil || g.Len() != 0 {
		t.Errorf("the list that is named: %v", err)
	}
}
