package eval

import (
	"testing"

	"github.com/timbre-voice/timbre/sentiment"
)

// corpus returns clips of two speakers, ten of each class and speaker, 3 s each; functional 0 of a clip is its class, functional 1
// its speaker.
func corpus() []Clip {
	var clips []Clip
	for s, name := range []string{"a", "b"} {
		for k := range 40 {
			x := make([]float64, sentiment.NumValues)
			x[0], x[1] = float64(k%4), float64(s)
			clips = append(clips, Clip{Label: k % 4, Speaker: name, Values: x, Aroused: 0.4, Seconds: 3})
		}
	}
	return clips
}

func TestHistoryHearsTheSpeakersOtherClips(t *testing.T) {
	clips := corpus()
	for i, c := range clips {
		if c.Label != 0 {
			continue
		}
		clips[i].Values[1] = 7 // were the clip among its own history, the mean of functional 1 would not be the speaker's
		for _, mix := range Mixes() {
			n := History(clips, i, mix, 60, 1)
			most := 60.0
			if mix == MixSame {
				most = 27 // nine others of its class
			} else if mix == MixOther {
				most = 30
			} else if mix == MixSkewed {
				most = 36 // nine of its own and three others
			}
			if n.Seconds() != most {
				t.Fatalf("%s: %g s, want %g", mix, n.Seconds(), most)
			}
		}
		clips[i].Values[1] = float64(i / 40)
	}
}

func TestHistoryIsSeededAndBounded(t *testing.T) {
	clips := corpus()
	if History(clips, 3, MixAny, 60, 1) != History(clips, 3, MixAny, 60, 1) {
		t.Error("the same seed gives another history")
	}
	if History(clips, 3, MixAny, 10, 1) == History(clips, 3, MixAny, 10, 2) {
		t.Error("another seed gives the same history")
	}
	if n := History(clips, 3, MixAny, 10, 1); n.Seconds() != 10 {
		t.Errorf("%g s, want 10: the last clip is cut", n.Seconds())
	}
	if n := History(clips, 3, MixAny, 0, 1); n != (sentiment.Normaliser{}) {
		t.Error("0 s of history know something")
	}
	clips[3].Speaker = ""
	if n := History(clips, 3, MixAny, 60, 1); n != (sentiment.Normaliser{}) {
		t.Error("a clip without a speaker has a history")
	}
}

func TestMixesAreWhatTheySay(t *testing.T) {
	clips := corpus()
	// what the mean of functional 0, the class, must be for a clip of class 3
	expect := func(mix Mix, seconds float64, classes ...float64) {
		t.Helper()
		var want sentiment.Normaliser
		for _, c := range classes {
			x := make([]float64, sentiment.NumValues)
			x[0], x[1] = c, 0
			want.Add(x, 0.4, 3)
		}
		if got := History(clips, 3, mix, seconds, 5); got != want {
			t.Errorf("%s over %g s is not of the classes %v", mix, seconds, classes)
		}
	}
	expect(MixSame, 9, 3, 3, 3)
	expect(MixBalanced, 24, 0, 1, 2, 3, 0, 1, 2, 3)
	other := History(clips, 3, MixOther, 9, 5)
	found := false
	for c := range 3 {
		var want sentiment.Normaliser
		x := make([]float64, sentiment.NumValues)
		x[0] = float64(c)
		for range 3 {
			want.Add(x, 0.4, 3)
		}
		found = found || other == want
	}
	if !found {
		t.Error("other is not one class other than the clip's own")
	}
	if _, err := ParseMix("nonsense"); err == nil {
		t.Error("nonsense: no error")
	}
	if m, err := ParseMix("skewed"); err != nil || m != MixSkewed {
		t.Errorf("skewed: %v, %v", m, err)
	}
}
