package analysis

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

func notedOptions(rate int) Options {
	o := options(rate, []Channel{{Separated: true}, {Separated: true}})
	start := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	o.Contact.StartedAt = &start
	return o
}

// live runs the short call through a session; at is called before each 20 ms with the position in ms.
func live(t *testing.T, o Options, at func(s *Session, ms int64)) *interaction.Interaction {
	t.Helper()
	x, format := read(t, "../../testdata/calls/short-call.wav")
	o.Rate = format.Rate
	s, err := engineOf(t).NewSession(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Abort()
	for i := 0; i < len(x[0]); i += 160 {
		at(s, int64(i)*1000/int64(format.Rate))
		for c := range x {
			if err := s.Write(t.Context(), c, x[c][i:min(i+160, len(x[c]))]); err != nil {
				t.Fatal(err)
			}
		}
	}
	r, err := s.Close(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	jsonOf(t, r)
	return r
}

// scoresAside returns which segments of r have an emotion, and r as JSON without what the scores say: a model does not hear what it may
// not, so a segment that was spoken before it was known to be the customer's is scored by less.
func scoresAside(t *testing.T, r *interaction.Interaction) (scored []string, rest []byte) {
	t.Helper()
	for i := range r.Segments {
		if r.Segments[i].Emotion != nil {
			scored = append(scored, r.Segments[i].ID)
			r.Segments[i].Emotion = nil
		}
	}
	r.Affect, r.CX.PeakEnd = nil, nil
	rest, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return scored, rest
}

// TestWhenABindingComesDoesNotChangeTheRecord binds the same facts at the start, in the middle, and in two parts.
func TestWhenABindingComesDoesNotChangeTheRecord(t *testing.T) {
	notice := time.Date(2026, 5, 4, 9, 0, 1, 0, time.UTC)
	whole := interaction.Binding{AgentID: "a-7", CustomerID: "c-1", ContactID: "x-9", Queue: "billing", ConsentRef: "consent/3", NoticePlayedAt: &notice,
		Direction: "inbound", Language: "en-GB", ClaimedIdentity: "s-1", ChannelRoles: []interaction.Role{"agent", "customer"}, Attributes: map[string]string{"site": "Graz"}}
	bind := func(b interaction.Binding, when int64) func(*Session, int64) {
		return func(s *Session, ms int64) {
			if ms == when {
				if err := s.Bind(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	atOnce := live(t, notedOptions(8000), bind(whole, 0))
	want := jsonOf(t, atOnce)
	for _, part := range []string{`"contact_id": "x-9"`, `"queue": "billing"`, `"claimed_identity": "s-1"`, `"consent/3"`, `"notice_played_at"`, `"external_id": "a-7"`,
		`"external_id": "c-1"`, `"site": "Graz"`, `"overtalk"`, `"participant_id": "customer-1"`} {
		if !bytes.Contains(want, []byte(part)) {
			t.Errorf("the record does not hold %s", part)
		}
	}
	scored, want := scoresAside(t, atOnce)
	same := func(how string, r *interaction.Interaction) {
		if s, got := scoresAside(t, r); !bytes.Equal(got, want) || !slices.Equal(s, scored) {
			t.Errorf("%s, the record differs from the one bound at the start: scored %v, want %v", how, s, scored)
		}
	}
	same("bound at 7 s", live(t, notedOptions(8000), bind(whole, 7000)))
	sides := interaction.Binding{ChannelRoles: []interaction.Role{"customer", "agent"}} // wrong, and put right later
	rest := bind(whole, 9000)
	same("bound wrongly first", live(t, notedOptions(8000), func(s *Session, ms int64) { bind(sides, 2000)(s, ms); rest(s, ms) }))
}

// TestLegsAreCredited holds that after a transfer each agent has a leg, and that the legs together are the side.
func TestLegsAreCredited(t *testing.T) {
	o := notedOptions(8000)
	o.Channels = twoSides()
	type step struct {
		at   int64
		mark interaction.Mark
		bind interaction.Binding
	}
	for _, c := range []struct {
		name  string
		steps []step
		want  []string // external ids of the agents
	}{
		{"transfer_names_the_agent", []step{{at: 6000, mark: interaction.Mark{Kind: "transfer", Detail: "a-8"}}}, []string{"a-7", "a-8"}},
		{"agent_bound_after_transfer", []step{{at: 6000, mark: interaction.Mark{Kind: "transfer"}}, {at: 8000, bind: interaction.Binding{AgentID: "a-8"}}}, []string{"a-7", "a-8"}},
		{"left_then_joined", []step{{at: 6000, mark: interaction.Mark{Kind: "agent_left"}}, {at: 6001, mark: interaction.Mark{Kind: "agent_joined", Detail: "a-8"}}}, []string{"a-7", "a-8"}},
		{"told_late", []step{{at: 9000, mark: interaction.Mark{Kind: "transfer", Detail: "a-8", AtMs: 6000}}}, []string{"a-7", "a-8"}},
		{"nobody_left", []step{{at: 1000, bind: interaction.Binding{Queue: "q"}}}, []string{"a-7"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := live(t, o, func(s *Session, ms int64) {
				for _, step := range c.steps {
					if step.at/20 != ms/20 {
						continue
					}
					if step.mark.Kind == "" {
						if err := s.Bind(t.Context(), step.bind); err != nil {
							t.Fatal(err)
						}
						continue
					}
					if step.mark.AtMs == 0 {
						step.mark.AtMs = step.at
					}
					if err := s.Mark(t.Context(), step.mark); err != nil {
						t.Fatal(err)
					}
				}
			})
			var agents []string
			talk := map[string]int64{}
			for _, p := range r.Participants {
				if p.Role == interaction.RoleAgent {
					agents = append(agents, p.ExternalID)
				}
			}
			if strings.Join(agents, " ") != strings.Join(c.want, " ") {
				t.Fatalf("agents %v, want %v", agents, c.want)
			}
			for _, s := range r.Segments {
				talk[s.ParticipantID] += s.EndMs - s.StartMs
			}
			if len(c.want) == 1 {
				if r.Conversation.Legs != nil {
					t.Errorf("legs %+v of a call that was not transferred", r.Conversation.Legs)
				}
				return
			}
			var sum int64
			turns := 0
			for _, l := range r.Conversation.Legs {
				if l.TalkTimeMs != talk[l.ParticipantID] || l.TalkTimeMs == 0 {
					t.Errorf("leg %s: %d ms of talk, its segments have %d", l.ParticipantID, l.TalkTimeMs, talk[l.ParticipantID])
				}
				sum += l.TalkTimeMs
				turns += l.Turns.Count
			}
			if want := r.Conversation.TalkTime.ByRole[interaction.RoleAgent].TotalMs; sum != want {
				t.Errorf("the legs have %d ms of talk, the side %d", sum, want)
			}
			if want := r.Conversation.Turns.ByRole[interaction.RoleAgent].Count; turns != want {
				t.Errorf("the legs have %d turns, the side %d", turns, want)
			}
		})
	}
}

// TestAddedChannelIsTheSameChannel compares a channel that joins late, its missed start skipped, with one that was there.
func TestAddedChannelIsTheSameChannel(t *testing.T) {
	x, format := read(t, "../../testdata/calls/short-call.wav")
	const missed = 16000
	run := func(o Options, join bool) []byte {
		s, err := engineOf(t).NewSession(o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Abort()
		if err := s.Write(t.Context(), 0, x[0][:20000]); err != nil {
			t.Fatal(err)
		}
		second := 1
		if join {
			if second, err = s.AddChannel(t.Context(), twoSides()[1]); err != nil {
				t.Fatal(err)
			}
		}
		for _, err := range []error{s.Skip(t.Context(), second, missed, "late"), s.Write(t.Context(), second, x[1][missed:]), s.Write(t.Context(), 0, x[0][20000:])} {
			if err != nil {
				t.Fatal(err)
			}
		}
		r, err := s.Close(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return jsonOf(t, r)
	}
	whole, lone := options(format.Rate, twoSides()), options(format.Rate, twoSides()[:1])
	if !bytes.Equal(run(whole, false), run(lone, true)) {
		t.Error("a channel that was added has another record than one that was there from the start")
	}
}

// TestSnapshotChangesNothing takes partial records at random and holds that each is valid and that the final record is the same.
func TestSnapshotChangesNothing(t *testing.T) {
	o := notedOptions(8000)
	o.Channels = twoSides()
	want := jsonOf(t, live(t, o, func(*Session, int64) {}))
	r := rand.New(rand.NewPCG(1, 9))
	n, segments := 0, 0
	got := jsonOf(t, live(t, o, func(s *Session, ms int64) {
		if r.IntN(40) != 0 {
			return
		}
		part, err := s.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		jsonOf(t, part)
		if part.Contact.State != interaction.StateLive || part.Contact.DurationMs != ms {
			t.Errorf("at %d ms: state %s, %d ms", ms, part.Contact.State, part.Contact.DurationMs)
		}
		n++
		segments = max(segments, len(part.Segments))
	}))
	if !bytes.Equal(got, want) {
		t.Error("the record depends on whether it was looked at")
	}
	if n < 5 || segments == 0 {
		t.Errorf("%d snapshots with at most %d segments", n, segments)
	}
}

// TestSilentTrackIsNobody announces a side whose audio never comes, as some bridges do.
func TestSilentTrackIsNobody(t *testing.T) {
	x, format := read(t, "../../testdata/calls/short-call.wav")
	s, err := engineOf(t).NewSession(options(format.Rate, twoSides()))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), 1, x[1]); err != nil {
		t.Fatal(err)
	}
	r, err := s.Close(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	jsonOf(t, r)
	if len(r.Participants) != 1 || r.Participants[0].Role != interaction.RoleCustomer || r.Conversation.Turns != nil || len(r.Conversation.Channels) != 1 {
		t.Errorf("participants %+v, turns %+v, want the customer alone", r.Participants, r.Conversation.Turns)
	}
	if !strings.Contains(string(jsonOf(t, r)), "no audio came on the channel") {
		t.Error("the record does not say that the agent's audio never came")
	}
}

func TestBadBindingsAndMarks(t *testing.T) {
	s, err := engineOf(t).NewSession(options(8000, twoSides()))
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"channel 2, want 0 to 1":      s.Bind(t.Context(), interaction.Binding{ChannelRoles: []interaction.Role{"", "", "agent"}}),
		"both the agent's":            s.Bind(t.Context(), interaction.Binding{ChannelRoles: []interaction.Role{"agent", "agent"}}),
		`kind "lunch"`:                s.Mark(t.Context(), interaction.Mark{Kind: "lunch"}),
		"-1 ms, want 0 or more":       s.Mark(t.Context(), interaction.Mark{Kind: "hold", AtMs: -1}),
		"detail: 3 bytes, want":       s.Mark(t.Context(), interaction.Mark{Kind: "transfer", Detail: "a\n1"}),
		"role \"boss\", want agent, ": s.Bind(t.Context(), interaction.Binding{ChannelRoles: []interaction.Role{"boss"}}),
	} {
		name = strings.TrimPrefix(name, "role ")
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want one with %q", err, name)
		}
	}
	s.Abort()
	if _, err := s.Snapshot(context.Background()); !errors.Is(err, ErrClosed) {
		t.Errorf("snapshot after the end: %v, want ErrClosed", err)
	}
	if _, err := s.AddChannel(context.Background(), Channel{}); !errors.Is(err, ErrClosed) {
		t.Errorf("channel after the end: %v, want ErrClosed", err)
	}
}
