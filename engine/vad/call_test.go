package vad

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/engine/timeline"
)

// callTruth is the part of testdata/calls/*.ref.json that this test reads.
type callTruth struct {
	Channels []struct {
		Speech []timeline.Interval
		Sounds []struct {
			Kind       Kind
			Start, End int64
			Digits     string
		}
	}
}

// TestCallAgainstReference hears two recorded calls and compares with what was truly put into them.
func TestCallAgainstReference(t *testing.T) {
	net := shippedNet(t)
	for _, name := range []string{"short-call", "sample-call"} {
		raw, err := os.ReadFile(testdata + "/calls/" + name + ".ref.json")
		if err != nil {
			t.Fatal(err)
		}
		var truth callTruth
		if err := json.Unmarshal(raw, &truth); err != nil {
			t.Fatal(err)
		}
		x := read(t, "calls/"+name+".wav")
		if len(truth.Channels) != len(x) {
			t.Fatalf("%s: reference of %d channels, audio of %d", name, len(truth.Channels), len(x))
		}
		for ch, want := range truth.Channels {
			speech := timeline.NewSet(want.Speech...)
			if len(speech) == 0 {
				t.Fatalf("%s: no speech in the reference of channel %d", name, ch)
			}
			all := detect(t, DefaultOptions(), net, x[ch])
			heard := speechSet(all)
			extra := float64(heard.Subtract(speech).Len()) / float64(int64(len(x[ch]))-speech.Len())
			t.Logf("%s channel %d: %.3f of the speech found, %.3f of the rest called speech", name, ch, coverage(heard, speech), extra)
			if c := coverage(heard, speech); c < 0.88 || extra > 0.1 {
				t.Errorf("%s channel %d: %.3f of the speech found, %.3f of the rest called speech, want 0.88 and 0.10", name, ch, c, extra)
			}
			for _, s := range want.Sounds {
				span := timeline.Set{{Start: s.Start, End: s.End}}
				var got []timeline.Interval
				var detail strings.Builder
				for _, e := range only(s.Kind, all) {
					got = append(got, e.Interval)
					detail.WriteString(e.Detail)
				}
				least := 0.8
				if s.Kind == KindDTMF { // the pauses between the keys are no sound
					least = 0.4
					if detail.String() != s.Digits {
						t.Errorf("%s channel %d: digits %q, want %q", name, ch, detail.String(), s.Digits)
					}
				}
				if c := coverage(timeline.NewSet(got...), span); c < least {
					t.Errorf("%s channel %d: %.2f of the %s at %v found: %v", name, ch, c, s.Kind, span, got)
				}
			}
		}
	}
}
