package vad

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/timbre-voice/timbre/engine/timeline"
)

// track is a test signal that grows.
type track struct {
	x []float32
	r *rand.Rand
}

func newTrack(seed uint64) *track { return &track{r: rand.New(rand.NewPCG(seed, 1))} }

func samples(seconds float64) int { return int(math.Round(seconds * Rate)) }

func amp(dBFS float64) float64 { return math.Sqrt2 * math.Pow(10, dBFS/20) } // of a sine with that root mean square

func (t *track) silence(seconds float64) *track {
	t.x = append(t.x, make([]float32, samples(seconds))...)
	return t
}

// tone appends sines of the same level, each of levelDBFS.
func (t *track) tone(seconds, levelDBFS float64, hz ...float64) *track {
	at := len(t.x)
	t.silence(seconds)
	for _, f := range hz {
		phase := t.r.Float64() * 2 * math.Pi
		for i := range t.x[at:] {
			t.x[at+i] += float32(amp(levelDBFS) * math.Sin(phase+2*math.Pi*f*float64(i)/Rate))
		}
	}
	return t
}

// noise adds white noise of levelDBFS over everything so far.
func (t *track) noise(levelDBFS float64) *track {
	g := math.Pow(10, levelDBFS/20)
	for i := range t.x {
		t.x[i] += float32(g * t.r.NormFloat64())
	}
	return t
}

// voice appends something with the marks of speech: a gliding pitch with formant-shaped harmonics, in syllables of 120 ms on
// and 60 ms of weak friction.
func (t *track) voice(seconds, levelDBFS float64) *track {
	at := len(t.x)
	t.silence(seconds)
	y := t.x[at:]
	var phase, sum float64
	for i := range y {
		s := float64(i) / Rate
		f0 := 130 + 35*math.Sin(2*math.Pi*0.9*s) + 12*math.Sin(2*math.Pi*2.3*s)
		phase += 2 * math.Pi * f0 / Rate
		f1, f2 := 550+250*math.Sin(2*math.Pi*1.7*s), 1500+500*math.Sin(2*math.Pi*1.1*s)
		syllable := math.Mod(s, 0.18)
		var v float64
		if syllable < 0.12 {
			for k := 1; float64(k)*f0 < 3600; k++ {
				f := float64(k) * f0
				g := 1/(1+math.Pow((f-f1)/120, 2)) + 0.5/(1+math.Pow((f-f2)/180, 2)) + 0.02
				v += g * math.Sin(float64(k)*phase)
			}
			v *= math.Sin(math.Pi * syllable / 0.12)
		} else {
			v = 0.1 * t.r.NormFloat64()
		}
		y[i] = float32(v)
		sum += v * v
	}
	g := math.Pow(10, levelDBFS/20) / math.Sqrt(sum/float64(len(y)))
	for i := range y {
		y[i] *= float32(g)
	}
	return t
}

// detect returns the End events of a whole signal and fails when Start and End do not pair up in order.
func detect(t *testing.T, o Options, net *Net, x []float32) []Event {
	t.Helper()
	d, err := NewDetector(o, net)
	if err != nil {
		t.Fatal(err)
	}
	var all []Event
	emit := func(e Event) { all = append(all, e) }
	d.Write(x, emit)
	d.Flush(emit)
	checkEvents(t, all, int64(len(x)))
	var ends []Event
	for _, e := range all {
		if e.Type == End {
			ends = append(ends, e)
		}
	}
	return ends
}

// checkEvents is the contract of an event stream over n samples.
func checkEvents(t *testing.T, all []Event, n int64) {
	t.Helper()
	open := map[Kind]Event{}
	done := map[Kind]timeline.Interval{}
	var at int64
	for _, e := range all {
		started, isOpen := open[e.Kind]
		switch {
		case e.At > n || e.At < at && e.Kind == KindSpeech:
			t.Fatalf("%v: At is past %d or goes back from %d", e, n, at)
		case e.Interval.Start < 0 || e.Interval.End > n || e.Interval.Empty():
			t.Fatalf("%v: interval is empty or outside [0, %d)", e, n)
		case (e.Type == Start) == isOpen:
			t.Fatalf("%v: kind is open already: %v", e, isOpen)
		case e.Type == End && e.Kind == KindSpeech && e.Interval.Start != started.Interval.Start:
			t.Fatalf("%v: started as %v", e, started)
		case e.Type == End && e.Interval.Start < done[e.Kind].End:
			t.Fatalf("%v: overlaps the one before, %v", e, done[e.Kind])
		}
		if e.Kind == KindSpeech {
			at = e.At
		}
		if e.Type == Start {
			open[e.Kind] = e
		} else {
			delete(open, e.Kind)
			done[e.Kind] = e.Interval
		}
	}
	if len(open) != 0 {
		t.Fatalf("never ended: %v", open)
	}
}

func only(kind Kind, all []Event) []Event {
	var out []Event
	for _, e := range all {
		if e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

func near(a, b int64, ms int) bool { return max(a-b, b-a) <= int64(ms)*Rate/1000 }
