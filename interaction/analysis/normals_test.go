package analysis

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/sentiment"
)

// remembering is a Normals in memory, and notes who was asked about and kept.
type remembering struct {
	earlier map[string]sentiment.Normaliser
	asked   []string
	kept    []string
	last    sentiment.Normaliser // that was kept
	fails   error
}

func (r *remembering) Earlier(_ context.Context, customer, _ string) (sentiment.Normaliser, bool, error) {
	r.asked = append(r.asked, customer)
	n, known := r.earlier[customer]
	return n, known, r.fails
}

func (r *remembering) Keep(_ context.Context, customer, call string, n sentiment.Normaliser) error {
	r.kept, r.last = append(r.kept, customer+" "+call), n
	return r.fails
}

// drawnNormal returns seconds of statistics about mean, in segments of 4 s.
func drawnNormal(seed uint64, seconds, mean float64) sentiment.Normaliser {
	rng := rand.New(rand.NewPCG(seed, 1))
	var n sentiment.Normaliser
	x := make([]float64, sentiment.NumValues)
	for n.Seconds() < seconds {
		for i := range x {
			x[i] = mean + rng.NormFloat64()
		}
		n.Add(x, 0.4, 4)
	}
	return n
}

// TestEarlierCallsAreAskedAboutAndKeptOnce: of whom earlier calls are asked, and of whom this one is kept.
func TestEarlierCallsAreAskedAboutAndKeptOnce(t *testing.T) {
	anna, bert := interaction.Binding{CustomerID: "anna"}, interaction.Binding{CustomerID: "bert"}
	claims := func(who string) interaction.Binding { return interaction.Binding{ClaimedIdentity: who} }
	one := func(b ...interaction.Binding) map[int64][]interaction.Binding {
		return map[int64][]interaction.Binding{0: b}
	}
	none := policy.Default()
	none.CustomerEmotion = false
	for _, c := range []struct {
		name        string
		permit      policy.Permit
		channel     Channel
		binds       map[int64][]interaction.Binding // by ms
		interrupt   bool
		fails       error
		asked, kept []string
		known       float64 // seconds of earlier calls that the first score of the record knew
	}{
		{name: "bound_at_the_start", binds: one(anna), asked: []string{"anna"}, kept: []string{"anna call-1"}, known: sentiment.EarlierSeconds},
		{name: "bound_late", binds: map[int64][]interaction.Binding{9000: {anna}}, asked: []string{"anna"}, kept: []string{"anna call-1"}, known: sentiment.EarlierSeconds},
		{name: "bound_again", binds: map[int64][]interaction.Binding{0: {anna, anna}, 9000: {anna}}, asked: []string{"anna"}, kept: []string{"anna call-1"}, known: sentiment.EarlierSeconds},
		{name: "claims_to_be_herself", binds: one(claims("anna"), anna), asked: []string{"anna"}, kept: []string{"anna call-1"}, known: sentiment.EarlierSeconds},
		{name: "nobody_bound", binds: one()},
		{name: "a_claim_alone", binds: one(claims("anna"))},
		{name: "claims_to_be_another", binds: one(anna, claims("bert")), asked: []string{"anna"}},
		{name: "another_customer", binds: map[int64][]interaction.Binding{0: {anna}, 9000: {bert}}, asked: []string{"anna", "bert"}, kept: []string{"bert call-1"}, known: 8},
		{name: "nothing_known", binds: one(interaction.Binding{CustomerID: "carl"}), asked: []string{"carl"}, kept: []string{"carl call-1"}},
		{name: "cannot_be_asked", binds: one(anna), fails: errors.New("no database"), asked: []string{"anna"}, kept: []string{"anna call-1"}},
		{name: "policy_without_emotion", permit: none, binds: one(anna)},
		{name: "the_agent", channel: Channel{Role: interaction.RoleAgent, Separated: true}, binds: one(anna), asked: []string{"anna"}},
		{name: "both_sides_on_one_channel", channel: Channel{Role: interaction.RoleCustomer, Mixed: true}, binds: one(anna), asked: []string{"anna"}},
		{name: "broken_off", binds: one(anna), interrupt: true, asked: []string{"anna"}, known: sentiment.EarlierSeconds},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec := &recorder{}
			k := &remembering{earlier: map[string]sentiment.Normaliser{"anna": drawnNormal(1, 100, 2), "bert": drawnNormal(2, 8, 2)}, fails: c.fails}
			if c.channel == (Channel{}) {
				c.channel = Channel{Role: interaction.RoleCustomer, Separated: true}
			}
			if c.permit.Policy == "" {
				c.permit = policy.Default()
			}
			s, err := engineWith(t, rec).NewSession(Options{ID: "call-1", Rate: Rate, Channels: []Channel{c.channel}, Permit: c.permit, Normals: k, Contact: streamed})
			if err != nil {
				t.Fatal(err)
			}
			x, _ := read(t, "../../testdata/calls/short-call.wav")
			for at := 0; at < len(x[1]); at += 160 {
				for _, b := range c.binds[int64(at)*1000/Rate] {
					if err := s.Bind(t.Context(), b); err != nil {
						t.Fatal(err)
					}
				}
				if err := s.Write(t.Context(), 0, x[1][at:min(at+160, len(x[1]))]); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := s.Snapshot(t.Context()); err != nil || len(k.kept) > 0 {
				t.Fatalf("%v, %q kept of a call that goes on", err, k.kept)
			}
			before := len(rec.seconds)
			end := s.Close
			if c.interrupt {
				end = s.Interrupt
			}
			r, err := end(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			jsonOf(t, r)
			if !slices.Equal(k.asked, c.asked) || !slices.Equal(k.kept, c.kept) {
				t.Errorf("asked %q, kept %q; want %q, %q", k.asked, k.kept, c.asked, c.kept)
			}
			var own float64
			for _, seg := range r.Segments {
				if seg.Emotion != nil {
					own += float64(seg.EndMs-seg.StartMs) / 1000
				}
			}
			final := rec.seconds[before:]
			if len(c.kept) > 0 && (k.last.Seconds() < own-0.01 || k.last.Seconds() > own+0.01) {
				t.Errorf("%.2f s kept, want the %.2f s of this call alone", k.last.Seconds(), own)
			}
			if own > 0 {
				first := r.Segments[slices.IndexFunc(r.Segments, func(s interaction.Segment) bool { return s.Emotion != nil })]
				want := c.known + own - float64(first.EndMs-first.StartMs)/1000
				if got := final[0]; got < want-0.01 || got > want+0.01 {
					t.Errorf("the record's first score knew %.2f s, want %.2f", got, want)
				}
			}
			for _, a := range r.Affect {
				var got float64
				if a.EarlierMs != nil {
					got = float64(*a.EarlierMs) / 1000
				}
				if got != c.known || a.EarlierMs != nil && got == 0 {
					t.Errorf("the affect of %s stands on %g s of earlier calls, want %g", a.ParticipantID, got, c.known)
				}
			}
			if told := slices.Contains(r.Contact.Media.Warnings, "no database"); told != (c.fails != nil) {
				t.Errorf("warnings %q", r.Contact.Media.Warnings)
			}
		})
	}
}

func TestLiveScoresKnowEarlierCallsFromTheFirstWord(t *testing.T) {
	rec := &recorder{}
	o := options(8000, twoSides())
	o.Normals = &remembering{earlier: map[string]sentiment.Normaliser{"anna": drawnNormal(1, 100, 2)}}
	runCall(t, engineWith(t, rec), o, func(s *Session, ms int64) {
		if ms == 0 {
			if err := s.Bind(t.Context(), interaction.Binding{CustomerID: "anna"}); err != nil {
				t.Fatal(err)
			}
		}
	})
	if len(rec.seconds) == 0 || rec.seconds[0] != sentiment.EarlierSeconds {
		t.Errorf("the first score knew %v s, want %g", rec.seconds[:min(1, len(rec.seconds))], sentiment.EarlierSeconds)
	}
}

func TestTooLittleSpeechIsNotKept(t *testing.T) {
	x, _ := read(t, "../../testdata/audio/voice_female_en_8k.wav")
	voice := x[0][Rate/2:]
	for name, c := range map[string]struct {
		times int // that 3 s are spoken
		kept  int
	}{"once": {1, 0}, "three_times": {3, 1}} {
		t.Run(name, func(t *testing.T) {
			k := &remembering{}
			s, err := engineOf(t).NewSession(Options{ID: "call-1", Rate: Rate, Channels: []Channel{{Role: interaction.RoleCustomer, Separated: true}}, Permit: policy.Default(), Normals: k, Contact: streamed})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Bind(t.Context(), interaction.Binding{CustomerID: "anna"}); err != nil {
				t.Fatal(err)
			}
			for range c.times {
				for _, y := range [][]float32{make([]float32, Rate), voice[:3*Rate], make([]float32, Rate)} {
					if err := s.Write(t.Context(), 0, y); err != nil {
						t.Fatal(err)
					}
				}
			}
			if _, err := s.Close(t.Context()); err != nil || len(k.kept) != c.kept {
				t.Errorf("%v, kept %q (%.1f s), want %d", err, k.kept, k.last.Seconds(), c.kept)
			}
		})
	}
}

// TestRecordWithEarlierCallsDoesNotDependOnCuts: the record, and what is kept, are a function of audio, bindings and what is known of
// earlier calls, with the customer told at a random moment.
func TestRecordWithEarlierCallsDoesNotDependOnCuts(t *testing.T) {
	x, format := read(t, "../../testdata/calls/short-call.wav")
	r := rand.New(rand.NewPCG(7, 8))
	analyse := func(k Normals, cut, bindAt int) []byte {
		o := options(format.Rate, twoSides())
		o.Normals = k
		s, err := engineOf(t).NewSession(o)
		if err != nil {
			t.Fatal(err)
		}
		at, total, bound := make([]int, len(x)), 0, false
		for at[0] < len(x[0]) || at[1] < len(x[1]) {
			if total >= bindAt && !bound {
				bound = true
				if err := s.Bind(t.Context(), interaction.Binding{CustomerID: "anna"}); err != nil {
					t.Fatal(err)
				}
			}
			c := r.IntN(len(x))
			n := min(r.IntN(cut), len(x[c])-at[c])
			if err := s.Write(t.Context(), c, x[c][at[c]:at[c]+n]); err != nil {
				t.Fatal(err)
			}
			at[c], total = at[c]+n, total+n
		}
		record, err := s.Close(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return jsonOf(t, record)
	}
	known := func() *remembering {
		return &remembering{earlier: map[string]sentiment.Normaliser{"anna": drawnNormal(3, 100, -5)}}
	}
	first := known()
	want := analyse(first, 4000, 0)
	if bytes.Equal(want, analyse(&remembering{}, 4000, 0)) {
		t.Error("earlier calls change no score")
	}
	for range 6 {
		k := known()
		if !bytes.Equal(analyse(k, 3000, r.IntN(2*len(x[0])-3000)), want) {
			t.Fatal("the record depends on how the samples were cut, or on when the customer became known")
		}
		if k.last != first.last || len(k.kept) != 1 {
			t.Fatal("what is kept of the call depends on how the samples were cut")
		}
	}
}

// TestAVoiceThatIsNotTheCustomersSaysNothing: a caller who was held against the customer's print and is not that person is not kept.
func TestAVoiceThatIsNotTheCustomersSaysNothing(t *testing.T) {
	e := engineWith(t, &recorder{})
	x := customerAudio(t)
	for who, want := range map[string]interaction.Decision{"anna": interaction.Authenticated, "bert": interaction.NotAuthenticated} {
		k := &remembering{}
		s, err := e.NewSession(Options{ID: "call-1", Rate: Rate, Channels: []Channel{{Role: interaction.RoleCustomer, Separated: true}}, Permit: policy.Default(), Voice: newKnowing(t, e, x), Normals: k, Contact: streamed})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Bind(t.Context(), interaction.Binding{CustomerID: who, ClaimedIdentity: who}); err != nil {
			t.Fatal(err)
		}
		if err := s.Write(t.Context(), 0, x); err != nil {
			t.Fatal(err)
		}
		r, err := s.Close(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r.Voice == nil || r.Voice.Decision != want || (len(k.kept) == 1) != (want == interaction.Authenticated) {
			t.Errorf("%s: voice %+v, kept %q", who, r.Voice, k.kept)
		}
	}
}
