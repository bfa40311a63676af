package analysis

import (
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/interaction"
)

func TestToldDigits(t *testing.T) {
	for _, c := range []struct {
		name string
		keep bool
		tell func(s *Session) error
		want []interaction.Sound
	}{
		{"masked", false, func(s *Session) error { return s.Digit(t.Context(), 1, 500, 120, "5") },
			[]interaction.Sound{{Kind: "dtmf", Channel: 1, StartMs: 500, EndMs: 620, Detail: "masked"}}},
		{"kept_by_the_permit", true, func(s *Session) error { return s.Digit(t.Context(), 0, 500, 0, "#") },
			[]interaction.Sound{{Kind: "dtmf", StartMs: 500, EndMs: 540, Detail: "#"}}},
		{"beyond_the_end", true, func(s *Session) error { return s.Digit(t.Context(), 0, 99000, 100, "1") },
			[]interaction.Sound{{Kind: "dtmf", StartMs: 999, EndMs: 1000, Detail: "1"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(8000, twoSides())
			o.Permit.KeepDigits = c.keep
			s, err := engineOf(t).NewSession(o)
			if err != nil {
				t.Fatal(err)
			}
			for ch := range 2 {
				if err := s.Write(t.Context(), ch, make([]float32, 8000)); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.tell(s); err != nil {
				t.Fatal(err)
			}
			r, err := s.Close(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			jsonOf(t, r)
			if len(r.Sounds) != len(c.want) || r.Sounds[0] != c.want[0] {
				t.Errorf("sounds %+v, want %+v", r.Sounds, c.want)
			}
		})
	}
}

// TestToldDigitThatWasHeard tells the keys of the sample call beside its tones, and holds that no key is there twice.
func TestToldDigitThatWasHeard(t *testing.T) {
	x, format := read(t, "../../testdata/calls/sample-call.wav")
	run := func(told []interaction.Sound) *interaction.Interaction {
		o := options(format.Rate, twoSides())
		o.Permit.KeepDigits = true
		s, err := engineOf(t).NewSession(o)
		if err != nil {
			t.Fatal(err)
		}
		for c := range x {
			if err := s.Write(t.Context(), c, x[c]); err != nil {
				t.Fatal(err)
			}
		}
		for _, d := range told {
			if err := s.Digit(t.Context(), d.Channel, d.EndMs+150, 100, d.Detail); err != nil {
				t.Fatal(err)
			}
		}
		r, err := s.Close(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	var keys []interaction.Sound
	plain := run(nil)
	for _, s := range plain.Sounds {
		if s.Kind == interaction.SoundDTMF && len(s.Detail) == 1 {
			keys = append(keys, s)
		}
	}
	if len(keys) == 0 {
		t.Fatal("the sample call has no tones")
	}
	if got := run(keys); len(got.Sounds) != len(plain.Sounds) {
		t.Errorf("%d sounds with the keys told, %d without", len(got.Sounds), len(plain.Sounds))
	}
}

// TestDigitEvents tells keys while the sample call runs, before or after their tones, and holds that each leaves as one event.
func TestDigitEvents(t *testing.T) {
	x, format := read(t, "../../testdata/calls/sample-call.wav")
	run := func(told []interaction.Sound, afterMs int64) (events []interaction.Sound) {
		o := options(format.Rate, twoSides())
		o.OnEvent = func(e Event) {
			if e.Kind == EventSound && e.Sound.Kind == interaction.SoundDTMF {
				if e.Sound.Detail != "masked" {
					t.Errorf("key %q left in clear", e.Sound.Detail)
				}
				events = append(events, *e.Sound)
			}
		}
		s, err := engineOf(t).NewSession(o)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(x[0]); at += 160 {
			for c := range x {
				if err := s.Write(t.Context(), c, x[c][at:min(at+160, len(x[c]))]); err != nil {
					t.Fatal(err)
				}
			}
			now := int64(at+160) / 8
			for len(told) > 0 && told[0].EndMs+afterMs <= now {
				if err := s.Digit(t.Context(), told[0].Channel, now, 100, "5"); err != nil {
					t.Fatal(err)
				}
				told = told[1:]
			}
		}
		if _, err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		return events
	}
	heard := run(nil, 0)
	if len(heard) == 0 {
		t.Fatal("the sample call has no tones")
	}
	for _, afterMs := range []int64{-200, 0, 900} {
		if got := run(heard, afterMs); len(got) != len(heard) {
			t.Errorf("told %d ms after their end: %d events, want %d", afterMs, len(got), len(heard))
		}
	}
	alone := []interaction.Sound{{Channel: 1, EndMs: 10}}
	got := run(alone, 0)
	if len(got) != len(heard)+1 || got[0] != (interaction.Sound{Kind: "dtmf", Channel: 1, StartMs: 20, EndMs: 120, Detail: "masked"}) {
		t.Errorf("a key without a tone: %+v after %d tones, want it first", got, len(heard))
	}
}

func TestBadDigits(t *testing.T) {
	s, err := engineOf(t).NewSession(options(8000, twoSides()))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Abort()
	for _, key := range []string{"", "12", "x", "\x00"} {
		if err := s.Digit(t.Context(), 0, 0, 0, key); err == nil || !strings.Contains(err.Error(), "want one of 0-9") {
			t.Errorf("key %q: error %v", key, err)
		}
	}
	if err := s.Digit(t.Context(), 2, 0, 0, "1"); err == nil {
		t.Error("a digit on channel 2 of 2 was taken")
	}
}
