package analysis

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/timbre-voice/timbre/engine/timeline"
)

func sine(n int, hz, amplitude float64) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(amplitude * math.Sin(2*math.Pi*hz*float64(i)/Rate))
	}
	return x
}

func noise(n int, rms float64, r *rand.Rand) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rms * r.NormFloat64())
	}
	return x
}

func TestNoiseFloorIgnoresSpeechAndClicks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	x := noise(10*Rate, 0.01, r) // -40 dBFS
	copy(x[3*Rate:], sine(2*Rate, 200, 0.5))
	for i := range 10 { // clicks in the pauses
		x[(5*Rate+i*4000)%len(x)] = 0.9
	}
	var l levels
	l.add(x)
	speech := timeline.NewSet(timeline.Interval{Start: 3 * Rate, End: 5 * Rate})
	got, ok := l.noiseFloor(speech)
	if !ok || math.Abs(got+40) > 0.75 {
		t.Errorf("noise floor %.1f dBFS (%v), want -40 within the half dB step and the median's bias", got, ok)
	}
}

func TestNoiseFloorBounds(t *testing.T) {
	var l levels
	if _, ok := l.noiseFloor(nil); ok {
		t.Error("a channel without a block has a noise floor")
	}
	l.add(make([]float32, Rate))
	if got, ok := l.noiseFloor(nil); !ok || got != floorDBFS {
		t.Errorf("digital silence: %.1f (%v), want %.1f", got, ok, floorDBFS)
	}
	// Speech from end to end: the quietest 5 % stand in for the floor.
	r := rand.New(rand.NewPCG(3, 4))
	var busy levels
	busy.add(noise(9*Rate, 0.1, r))
	busy.add(noise(Rate, 0.001, r))
	all := timeline.NewSet(timeline.Interval{End: 10 * Rate})
	if got, ok := busy.noiseFloor(all); !ok || math.Abs(got+60) > 1.5 {
		t.Errorf("all speech: %.1f (%v), want about -60", got, ok)
	}
}

func TestClipping(t *testing.T) {
	full := float32(0.98)
	for _, c := range []struct {
		name string
		x    []float32
		want int64
	}{
		{"silence", make([]float32, 10), 0},
		{"lone_peaks", []float32{0, full, 0, full, full, 0}, 0},
		{"run_of_three", []float32{0, full, full, full, 0}, 3},
		{"run_of_five_negative", []float32{-full, -full, -full, -full, -full}, 5},
		{"sign_change_breaks_the_run", []float32{full, full, -full, -full}, 0},
		{"below_full_scale", []float32{0.97, 0.97, 0.97, 0.97}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var whole, cut clipping
			whole.add(c.x)
			for i := range c.x {
				cut.add(c.x[i : i+1])
			}
			if whole.clipped != c.want || cut.clipped != c.want {
				t.Errorf("%d samples clipped, %d when cut, want %d", whole.clipped, cut.clipped, c.want)
			}
		})
	}
}

func TestHistory(t *testing.T) {
	var h history
	for i := range 1000 {
		h.add([]float32{float32(2 * i), float32(2*i + 1)})
		h.forget(h.end() - 100)
		if len(h.samples) > 202 {
			t.Fatalf("%d samples kept, want at most twice the 100 asked for", len(h.samples))
		}
	}
	x, v := h.slice(timeline.Interval{Start: 1950, End: 1960})
	if len(x) != 10 || x[0] != 1950 || v != (timeline.Interval{Start: 1950, End: 1960}) {
		t.Errorf("slice: %v %v", x, v)
	}
	if x, v := h.slice(timeline.Interval{Start: 0, End: 10}); x != nil || !v.Empty() {
		t.Errorf("forgotten samples: %v %v, want none", x, v)
	}
	if x, _ := h.slice(timeline.Interval{Start: 1990, End: 9999}); len(x) != 10 {
		t.Errorf("slice past the end: %d samples, want the 10 that are there", len(x))
	}
}
