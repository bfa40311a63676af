package analysis

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/voiceprint"
)

// knowing is a Voice over persons in memory.
type knowing struct {
	t        testing.TB
	engine   *Engine
	model    *voiceprint.Model
	claims   map[string]Claimed
	out      map[string]bool
	lists    map[string]map[string]*voiceprint.Voiceprint // by list and speaker
	fail     error
	listened int
	outcomes []VoiceOutcome
}

func (k *knowing) Claim(_ context.Context, speaker string) (Claimed, error) {
	c, ok := k.claims[speaker]
	if !ok {
		c.Decision = interaction.NotEnrolled
	}
	return c, k.fail
}

func (k *knowing) OptedOut(_ context.Context, speaker string) (bool, error) {
	return k.out[speaker], nil
}

func (k *knowing) Listen(rate int, delay int64) (*voiceprint.Listener, error) {
	k.listened++
	e, err := k.model.NewExtractor()
	if err != nil {
		return nil, err
	}
	return voiceprint.NewListener(e, voiceprint.DefaultCollector(rate), delay)
}

func (k *knowing) Model() interaction.Model {
	id := k.model.ID()
	return interaction.Model{Name: id.Name, Version: id.Version, SHA256: hex.EncodeToString(id.SHA256[:]), LicenceClass: "permissive"}
}

func (k *knowing) Gallery(list string) (*voiceprint.Gallery, func(string) string, error) {
	g := voiceprint.NewGallery(k.model)
	for speaker, p := range k.lists[list] {
		if err := g.Add("entry of "+speaker, p); err != nil {
			return nil, nil, err
		}
	}
	return g, func(entry string) string { return entry[len("entry of "):] }, nil
}

func (k *knowing) Outcome(_ context.Context, o VoiceOutcome) error {
	k.outcomes = append(k.outcomes, o)
	return k.fail
}

// newKnowing knows anna, whose voice x is, and bert, whose it is not.
func newKnowing(t testing.TB, e *Engine, x []float32) *knowing {
	t.Helper()
	k := &knowing{t: t, engine: e, model: noiseSpeaker(t), out: map[string]bool{}}
	collect, err := voiceprint.NewCollector(voiceprint.DefaultCollector(Rate), e.net)
	if err != nil {
		t.Fatal(err)
	}
	extract, err := k.model.NewExtractor()
	if err != nil {
		t.Fatal(err)
	}
	if err := collect.Write(x); err != nil {
		t.Fatal(err)
	}
	collect.Flush()
	v, err := extract.Embed(collect.Speech())
	if err != nil {
		t.Fatal(err)
	}
	print := func(vector []float32) *voiceprint.Voiceprint {
		return &voiceprint.Voiceprint{Model: k.model.ID(), Vector: vector, Length: 1, Quality: v.Quality, Sources: []voiceprint.Source{{Weight: 1, Quality: v.Quality}}}
	}
	other := slices.Clone(v.Vector)
	for i := range other {
		other[i] = -other[i]
	}
	k.claims = map[string]Claimed{"anna": {Print: print(v.Vector), Released: true}, "bert": {Print: print(other)}, "lara": {Decision: interaction.Locked}}
	k.lists = map[string]map[string]*voiceprint.Voiceprint{"fraud": {"anna": print(v.Vector), "bert": print(other)}}
	return k
}

func voiceOptions(k Voice, p policy.Permit) Options {
	p.Policy = "test"
	return Options{ID: "v", Rate: Rate, Channels: []Channel{{Role: interaction.RoleCustomer, Separated: true}}, Permit: p, Voice: k,
		Contact: interaction.Contact{Source: interaction.Source{Kind: "stream"}, Media: interaction.Media{Encoding: "mulaw"}}}
}

// speak runs a call in which b is bound first and x is said in pieces of cut samples, and returns the record and the events of voice.
func speak(t *testing.T, e *Engine, o Options, b interaction.Binding, x []float32, cut func() int) (*interaction.Interaction, []*interaction.Voice) {
	t.Helper()
	var told []*interaction.Voice
	o.OnEvent = func(v Event) {
		if v.Kind == EventVoice {
			told = append(told, v.Voice)
		}
	}
	s, err := e.NewSession(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Abort()
	if err := s.Bind(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for len(x) > 0 {
		n := min(cut(), len(x))
		if err := s.Write(t.Context(), 0, x[:n]); err != nil {
			t.Fatal(err)
		}
		x = x[n:]
	}
	r, err := s.Close(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Validate(); err != nil {
		t.Errorf("the record is not valid: %v", err)
	}
	return r, told
}

func tenths() int { return 1600 }

func TestVoiceSharpensToADecision(t *testing.T) {
	e, x := engineOf(t), customerAudio(t)
	for speaker, want := range map[string]interaction.Decision{"anna": interaction.Authenticated, "bert": interaction.NotAuthenticated} {
		t.Run(speaker, func(t *testing.T) {
			k := newKnowing(t, e, x)
			r, told := speak(t, e, voiceOptions(k, policy.Permit{Verification: true}), interaction.Binding{ClaimedIdentity: speaker}, x, tenths)
			if r.Voice == nil || r.Voice.Decision != want || r.Voice.LLR == nil || r.Voice.Assurance != interaction.AssuranceEvidenceOnly {
				t.Fatalf("%+v, want %s", r.Voice, want)
			}
			if len(told) < 1 || told[len(told)-1].Decision != want {
				t.Errorf("%d events, want some, the last %s", len(told), want)
			}
			if len(k.outcomes) != 1 || k.outcomes[0].Speaker != speaker || k.outcomes[0].Decision != want || k.outcomes[0].Shadow || k.outcomes[0].Interaction != "v" {
				t.Errorf("outcomes %+v, want one", k.outcomes)
			}
			if !slices.ContainsFunc(r.Governance.Models, func(m interaction.Model) bool { return m.Name == "speaker-noise-v1" }) {
				t.Error("the record does not name the speaker model")
			}
		})
	}
}

// forbidden is a Voice that must not be called.
type forbidden struct {
	*knowing
	mayClaim bool
}

func (f forbidden) Claim(ctx context.Context, speaker string) (Claimed, error) {
	if !f.mayClaim {
		f.t.Errorf("the print of %s was looked up", speaker)
	}
	return f.knowing.Claim(ctx, speaker)
}

func (f forbidden) Listen(rate int, delay int64) (*voiceprint.Listener, error) {
	f.t.Error("the speaker model was called")
	return f.knowing.Listen(rate, delay)
}

func (f forbidden) Gallery(list string) (*voiceprint.Gallery, func(string) string, error) {
	f.t.Errorf("the list %q was asked for", list)
	return f.knowing.Gallery(list)
}

func TestForbiddenSpeakerModelIsNeverCalled(t *testing.T) {
	e, x := engineOf(t), customerAudio(t)
	k := newKnowing(t, e, x)
	k.out["otto"] = true
	everything := policy.Permit{Verification: true, Identification: true, Watchlists: []string{"fraud"}}
	released := everything
	released.ReleaseRequired = true
	for _, c := range []struct {
		name     string
		permit   policy.Permit
		who      Channel
		b        interaction.Binding
		mayClaim bool
		want     interaction.Code
	}{
		{"nothing_permitted", policy.Permit{}, Channel{Role: interaction.RoleCustomer, Separated: true}, interaction.Binding{ClaimedIdentity: "anna"}, false, interaction.CodePolicy},
		{"agent", everything, Channel{Role: interaction.RoleAgent, Separated: true}, interaction.Binding{ClaimedIdentity: "anna"}, true, interaction.CodePolicy},
		{"nobody_knows_who", everything, Channel{Separated: true}, interaction.Binding{ClaimedIdentity: "anna"}, true, interaction.CodeRoleUnknown},
		{"both_on_one_channel", everything, Channel{Mixed: true}, interaction.Binding{ClaimedIdentity: "anna"}, true, interaction.CodeSidesNotSeparated},
		{"no_claim", policy.Permit{Verification: true}, Channel{Role: interaction.RoleCustomer, Separated: true}, interaction.Binding{}, false, interaction.CodeNoClaim},
		{"no_release", released, Channel{Role: interaction.RoleCustomer, Separated: true}, interaction.Binding{ClaimedIdentity: "bert", ConsentRef: "told"}, true, interaction.CodeNoConsent},
		{"nobody_released_a_stranger", released, Channel{Role: interaction.RoleCustomer, Separated: true}, interaction.Binding{}, false, interaction.CodeNoConsent},
		{"customer_opted_out_whoever_is_claimed", everything, Channel{Role: interaction.RoleCustomer, Separated: true}, interaction.Binding{CustomerID: "otto"}, false, interaction.CodeOptedOut},
	} {
		t.Run(c.name, func(t *testing.T) {
			k.t = t
			o := voiceOptions(forbidden{k, c.mayClaim}, c.permit)
			o.Channels[0] = c.who
			r, told := speak(t, e, o, c.b, x, tenths)
			i := slices.IndexFunc(r.NotComputed, func(n interaction.NotComputed) bool { return n.What == "voice" })
			if r.Voice != nil || len(told) != 0 || i < 0 || r.NotComputed[i].Code != c.want {
				t.Errorf("voice %+v, %d events, not computed %+v, want %s", r.Voice, len(told), r.NotComputed, c.want)
			}
		})
	}
	t.Run("opted_out_is_told_and_not_heard", func(t *testing.T) {
		k.t = t
		r, _ := speak(t, e, voiceOptions(forbidden{k, false}, everything), interaction.Binding{ClaimedIdentity: "otto"}, x, tenths)
		if r.Voice == nil || r.Voice.Decision != interaction.OptedOut || len(r.Voice.Watchlist) > 0 {
			t.Errorf("%+v, want opted_out and nothing searched", r.Voice)
		}
	})
	t.Run("locked_is_told_and_not_heard", func(t *testing.T) {
		k.t = t
		r, told := speak(t, e, voiceOptions(forbidden{k, true}, policy.Permit{Verification: true}), interaction.Binding{ClaimedIdentity: "lara"}, x, tenths)
		if r.Voice == nil || r.Voice.Decision != interaction.Locked || len(told) != 1 {
			t.Errorf("%+v and %d events, want locked, told at once", r.Voice, len(told))
		}
	})
}

func TestWatchlistIsIndependentOfTheClaim(t *testing.T) {
	e, x := engineOf(t), customerAudio(t)
	p := policy.Permit{Verification: true, Watchlists: []string{"fraud"}}
	for claimed, want := range map[string]interaction.Decision{"stranger": interaction.NotEnrolled, "anna": interaction.Authenticated, "": interaction.Inconclusive} {
		r, _ := speak(t, e, voiceOptions(newKnowing(t, e, x), p), interaction.Binding{ClaimedIdentity: claimed}, x, tenths)
		v := r.Voice
		if v == nil || v.Decision != want || len(v.Watchlist) != 1 || v.Watchlist[0].SpeakerID != "anna" || v.Watchlist[0].List != "fraud" || !slices.Contains(v.Reasons, reasonLead) {
			t.Errorf("claimed %q: %+v, want %s and a hit on anna", claimed, v, want)
		}
	}
}

func TestShadowIsKeptAndNotShown(t *testing.T) {
	e, x := engineOf(t), customerAudio(t)
	k := newKnowing(t, e, x)
	r, told := speak(t, e, voiceOptions(k, policy.Permit{Verification: true, Shadow: true}), interaction.Binding{ClaimedIdentity: "anna"}, x, tenths)
	if r.Voice != nil || len(told) != 0 {
		t.Errorf("%+v and %d events, want nothing shown", r.Voice, len(told))
	}
	if len(k.outcomes) != 1 || !k.outcomes[0].Shadow || k.outcomes[0].LLR == nil || k.outcomes[0].Decision != interaction.Authenticated {
		t.Errorf("%+v, want the result kept", k.outcomes)
	}
}

func TestAnotherClaimEndsTheFirst(t *testing.T) {
	e, x := engineOf(t), customerAudio(t)
	k := newKnowing(t, e, x)
	s, err := e.NewSession(voiceOptions(k, policy.Permit{Verification: true}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Abort()
	for _, speaker := range []string{"bert", "anna", "anna"} {
		if err := s.Bind(t.Context(), interaction.Binding{ClaimedIdentity: speaker}); err != nil {
			t.Fatal(err)
		}
		if err := s.Write(t.Context(), 0, x[:len(x)/2]); err != nil {
			t.Fatal(err)
		}
	}
	r, err := s.Interrupt(t.Context()) // who hangs up is counted as well
	if err != nil {
		t.Fatal(err)
	}
	if len(k.outcomes) != 2 || k.outcomes[0].Speaker != "bert" || k.outcomes[0].Decision != interaction.NotAuthenticated || k.outcomes[1].Decision != interaction.Authenticated {
		t.Errorf("%+v, want one for each claim", k.outcomes)
	}
	if r.Voice.Decision != interaction.Authenticated || k.listened != 1 {
		t.Errorf("%+v, listened %d times", r.Voice, k.listened)
	}
}

func TestRecordOfAVoiceDoesNotDependOnTheCuts(t *testing.T) {
	e, x := engineOf(t), customerAudio(t)
	p := policy.Permit{Verification: true, Watchlists: []string{"fraud"}}
	record := func(cut func() int) string {
		r, _ := speak(t, e, voiceOptions(newKnowing(t, e, x), p), interaction.Binding{ClaimedIdentity: "anna"}, x, cut)
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	want, r := record(func() int { return len(x) }), rand.New(rand.NewPCG(3, 4))
	for range 3 {
		if d := cmp.Diff(want, record(func() int { return 1 + r.IntN(9000) })); d != "" {
			t.Fatalf("-whole +cut:\n%s", d)
		}
	}
}

func TestFailingLookUpCostsTheDecisionAndNotTheRecord(t *testing.T) {
	e, x := engineOf(t), customerAudio(t)
	k := newKnowing(t, e, x)
	k.fail = errors.New("the database is gone")
	r, _ := speak(t, e, voiceOptions(k, policy.Permit{Verification: true}), interaction.Binding{ClaimedIdentity: "anna"}, x, tenths)
	if r.Voice == nil || r.Voice.Decision != interaction.Inconclusive || r.Voice.Reasons[0] != reasonLookupFailed || k.listened != 0 {
		t.Errorf("%+v, listened %d times", r.Voice, k.listened)
	}
	if len(r.Contact.Media.Warnings) != 1 {
		t.Errorf("warnings %q, want that the outcome was not counted", r.Contact.Media.Warnings)
	}
}
