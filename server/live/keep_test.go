package live

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/server/ingest"
)

// tape is a Recording in memory. It breaks after so many samples; 0: never.
type tape struct {
	mu        sync.Mutex
	channels  map[int][]float32
	breaks    int
	finished  int
	discarded int
}

func (k *tape) add(channel int, x []float32) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.channels == nil {
		k.channels = map[int][]float32{}
	}
	k.channels[channel] = append(k.channels[channel], x...)
	if k.breaks > 0 && len(k.channels[channel]) > k.breaks {
		return errors.New("tape: torn")
	}
	return nil
}

func (k *tape) Write(channel int, x []float32) error { return k.add(channel, x) }
func (k *tape) Skip(channel int, n int64) error      { return k.add(channel, make([]float32, n)) }
func (k *tape) Finish() (string, error)              { k.finished++; return "tape.wav", nil }
func (k *tape) Discard() error                       { k.discarded++; return nil }

// keeping permits that the audio is kept.
type keeping struct{ keep bool }

func (k keeping) Permit(context.Context, ingest.Start) (policy.Permit, error) {
	p := policy.Default()
	p.KeepAudio = k.keep
	return p, nil
}

func TestAudioIsKept(t *testing.T) {
	x := shortCall(t)
	play := func(t *testing.T, k *tape, keep bool) *interaction.Interaction {
		t.Helper()
		records := newShelf()
		h := newHub(t, Options{Records: records, Permits: keeping{keep}, Record: func(tenant, id string, rate int, encoding string) (Recording, error) {
			if tenant != "acme" || id == "" || rate != 8000 {
				t.Errorf("a recording of %s/%s at %d Hz", tenant, id, rate)
			}
			return k, nil
		}})
		ctx := t.Context()
		c := open(t, h, start("CK1", agent, customer))
		must(t, c.Write(ctx, 0, x[0][:16000]), c.Write(ctx, 1, x[1][:16000]), c.Skip(ctx, 0, 160, "lost"), c.Write(ctx, 0, x[0][16160:24000]), c.Write(ctx, 1, x[1][16000:24000]),
			c.Mark(ctx, "privacy_on", ""), c.Write(ctx, 0, x[0][24000:32000]), c.Write(ctx, 1, x[1][24000:32000]), c.Mark(ctx, "privacy_off", ""),
			c.Write(ctx, 0, x[0][32000:40000]), c.Write(ctx, 1, x[1][32000:40000]), c.End(ctx, ingest.EndStop))
		return records.record(t, c.ID())
	}
	t.Run("with_silence_for_what_is_missing_and_private", func(t *testing.T) {
		k := &tape{}
		r := play(t, k, true)
		if want := (interaction.Audio{Kept: "timbre", URI: "timbre:tape.wav"}); r.Contact.Audio != want || k.finished != 1 || k.discarded != 0 {
			t.Errorf("audio %+v, finished %d times, discarded %d times", r.Contact.Audio, k.finished, k.discarded)
		}
		for c := range x {
			want := slices.Clone(x[c][:40000])
			clear(want[24000:36000]) // half a second longer than the mark
			if c == 0 {
				clear(want[16000:16160])
			}
			if !slices.Equal(k.channels[c], want) {
				t.Errorf("channel %d is not what was sent with silence in the gaps: %d samples", c, len(k.channels[c]))
			}
		}
	})
	t.Run("not_without_a_permit", func(t *testing.T) {
		k := &tape{}
		if r := play(t, k, false); r.Contact.Audio.Kept != "none" || len(k.channels) != 0 || k.finished != 0 {
			t.Errorf("audio %+v, %d channels written", r.Contact.Audio, len(k.channels))
		}
	})
	t.Run("a_torn_recording_costs_the_recording_alone", func(t *testing.T) {
		k := &tape{breaks: 20000}
		r := play(t, k, true)
		if r.Contact.Audio.Kept != "none" || k.finished != 0 || k.discarded != 1 || r.Contact.State != interaction.StateComplete || r.Contact.DurationMs != 5000 {
			t.Errorf("contact %+v, finished %d times, discarded %d times", r.Contact, k.finished, k.discarded)
		}
		if w := r.Contact.Media.Warnings; len(w) != 1 {
			t.Errorf("warnings %q, want one", w)
		}
	})
}

// TestLateChannelIsKeptInPlace joins the second side later, and holds that its audio stands where it was spoken.
func TestLateChannelIsKeptInPlace(t *testing.T) {
	x, k := shortCall(t), &tape{}
	h := newHub(t, Options{Records: newShelf(), Permits: keeping{true}, Record: func(string, string, int, string) (Recording, error) { return k, nil }})
	ctx := t.Context()
	a := open(t, h, start("CK2", agent))
	must(t, a.Write(ctx, 0, x[0][:16000]))
	b := open(t, h, start("CK2", customer))
	must(t, b.Write(ctx, 0, x[1][16000:24000]), a.Write(ctx, 0, x[0][16000:24000]), a.End(ctx, ingest.EndStop), b.End(ctx, ingest.EndStop))
	want := slices.Clone(x[1][:24000])
	clear(want[:16000])
	if !slices.Equal(k.channels[0], x[0][:24000]) || !slices.Equal(k.channels[1], want) {
		t.Errorf("%d and %d samples, not in their places", len(k.channels[0]), len(k.channels[1]))
	}
}
