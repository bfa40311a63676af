package live

import (
	"context"
	"os"
	"testing"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/server/ingest"
)

// permitting is Permits that gives every call the same.
type permitting policy.Permit

func (p permitting) Permit(context.Context, ingest.Start) (policy.Permit, error) {
	return policy.Permit(p), nil
}

// TestAffectIsToldLive binds the customer in the middle of a call: what was said before counts from then on, the course is told as it
// grows, at most every five seconds of audio, and only where the permit allows emotion on that side.
func TestAffectIsToldLive(t *testing.T) {
	f, err := os.Open(testkit.Testdata(t, "calls", "sample-call.wav"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, _, _, err := audio.ReadAll(f, 0)
	if err != nil {
		t.Fatal(err)
	}
	forbidden := policy.Default()
	forbidden.CustomerEmotion = false
	for name, c := range map[string]struct {
		permit policy.Permit
		told   bool
	}{"permitted": {policy.Default(), true}, "forbidden": {forbidden, false}} {
		t.Run(name, func(t *testing.T) {
			records, events := newShelf(), &wire{}
			h := newHub(t, Options{Records: records, Events: events, Permits: permitting(c.permit)})
			call := open(t, h, start("CA1", ingest.Track{Name: "a", Separated: true}, ingest.Track{Name: "b", Separated: true}))
			ctx := t.Context()
			affect := func() (out []interaction.Event) {
				events.mu.Lock()
				defer events.mu.Unlock()
				for _, e := range events.events {
					if e.Type == interaction.EventAffect {
						out = append(out, e)
					}
				}
				return out
			}
			bindAt := len(x[0]) / 2 / 160 * 160
			for i := 0; i < len(x[0]); i += 160 {
				if i == bindAt {
					if _, err := h.Snapshot(ctx, "acme", "CA1"); err != nil {
						t.Fatal(err)
					}
					if n := len(affect()); n != 0 {
						t.Errorf("%d events of affect while nobody knows who is the customer", n)
					}
					must(t, h.Bind(ctx, "acme", "CA1", interaction.Binding{ChannelRoles: []interaction.Role{interaction.RoleAgent, interaction.RoleCustomer}}))
					if _, err := h.Snapshot(ctx, "acme", "CA1"); err != nil {
						t.Fatal(err)
					}
					told := affect()
					if (len(told) == 1) != c.told {
						t.Fatalf("%d events of affect when the customer is bound, want what was said before: %t", len(told), c.told)
					}
					if c.told && told[0].Affect[0].Overall.SpeechMs < 5000 {
						t.Errorf("%d ms of speech behind the first event, want that of half the call", told[0].Affect[0].Overall.SpeechMs)
					}
				}
				for track := range x {
					must(t, call.Write(ctx, track, x[track][i:min(i+160, len(x[track]))]))
				}
			}
			must(t, call.End(ctx, ingest.EndStop))
			told := affect()
			if !c.told {
				if len(told) != 0 {
					t.Errorf("%d events of affect that the permit forbids", len(told))
				}
				return
			}
			if len(told) < 3 {
				t.Fatalf("%d events of affect, want at least 3", len(told))
			}
			for i, e := range told {
				if *e.Channel != 1 || e.Role != interaction.RoleCustomer || len(e.Affect) != 1 || len(e.Affect[0].Timeline) != 1 || len(e.Affect[0].Deciles) != 0 {
					t.Fatalf("event %+v", e)
				}
				if i > 0 && (e.TimeMs-told[i-1].TimeMs < affectEvery || e.Affect[0].Overall.SpeechMs <= told[i-1].Affect[0].Overall.SpeechMs) {
					t.Errorf("at %d ms with %d ms of speech after %d ms with %d", e.TimeMs, e.Affect[0].Overall.SpeechMs, told[i-1].TimeMs, told[i-1].Affect[0].Overall.SpeechMs)
				}
			}
			last := told[len(told)-1].Affect[0]
			if r := records.record(t, call.ID()); len(r.Affect) != 1 || r.Affect[0].ParticipantID != last.ParticipantID || r.Affect[0].Overall.SpeechMs < last.Overall.SpeechMs {
				t.Errorf("the record has %+v, told was %+v", r.Affect, last)
			}
		})
	}
}
