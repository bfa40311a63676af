package voiceprint

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/engine/vad"
	"github.com/timbre-voice/timbre/models"
)

func vadNet(t testing.TB) *vad.Net {
	t.Helper()
	a, err := models.Load("vad-gru-v1")
	if err != nil {
		t.Fatal(err)
	}
	net, err := vad.LoadNet(a.Tensors)
	if err != nil {
		t.Fatal(err)
	}
	return net
}

func collector(t testing.TB, rate int) *Collector {
	t.Helper()
	c, err := NewCollector(DefaultCollector(rate), vadNet(t))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pauses returns voices with two seconds of faint noise before, between and after them.
func pauses(t testing.TB, names ...string) []float32 {
	r := rand.New(rand.NewPCG(3, 4))
	var out []float32
	rest := func() {
		for range 2 * Rate {
			out = append(out, float32(0.0005*r.NormFloat64()))
		}
	}
	rest()
	for _, n := range names {
		for _, v := range voice(t, n) {
			out = append(out, v+float32(0.0005*r.NormFloat64()))
		}
		rest()
	}
	return out
}

func equalQuality(a, b Quality) bool {
	same := func(x, y float64) bool { return x == y || math.IsNaN(x) && math.IsNaN(y) }
	return a.NetSpeech == b.NetSpeech && same(a.SNRdB, b.SNRdB) && a.Clipped == b.Clipped && same(a.BandwidthHz, b.BandwidthHz)
}

// TestCollectorDoesNotDependOnCuts feeds one recording in random pieces, 0 and 1 sample among them, with one collector for all rounds.
func TestCollectorDoesNotDependOnCuts(t *testing.T) {
	x := pauses(t, "voice_female_en_8k", "voice_male_it_8k", "voice_female_ru_8k")
	c := collector(t, Rate)
	if err := c.Write(x); err != nil {
		t.Fatal(err)
	}
	c.Flush()
	want := c.Speech()
	want.Samples = slices.Clone(want.Samples)
	if s := want.Quality.NetSpeech.Seconds(); s < 7 || s > 11.5 {
		t.Fatalf("%.2f s of net speech in 11 s of voices", s)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 4 {
		c.Reset()
		for rest := x; len(rest) > 0; {
			n := min(len(rest), r.IntN(1+[]int{1, 160, 5000, 60000}[round]))
			if round == 0 {
				n = min(len(rest), r.IntN(3))
			}
			if err := c.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		c.Flush()
		if got := c.Speech(); !slices.Equal(got.Samples, want.Samples) || !equalQuality(got.Quality, want.Quality) {
			t.Errorf("round %d: %v, want %v", round, got.Quality, want.Quality)
		}
	}
}

// TestCollectorTellsOpenSegments holds that a live call's speech comes while it is spoken, and is never taken back.
func TestCollectorTellsOpenSegments(t *testing.T) {
	x := pauses(t, "voice_female_en_8k", "voice_male_en_8k")
	c := collector(t, Rate)
	var last []float32
	open := false
	for len(x) > 0 {
		n := min(160, len(x))
		if err := c.Write(x[:n]); err != nil {
			t.Fatal(err)
		}
		x = x[n:]
		now := c.Speech().Samples
		if len(now) < len(last) || !slices.Equal(now[:len(last)], last) {
			t.Fatalf("%d samples of net speech became %d others", len(last), len(now))
		}
		open = open || c.open >= 0 && len(now) > len(last)
		last = slices.Clone(now)
	}
	c.Flush()
	if s := c.Speech().Samples; len(s) < len(last) || !slices.Equal(s[:len(last)], last) {
		t.Error("the end of the recording took speech back")
	}
	if !open {
		t.Error("no speech came before its segment had ended")
	}
}

func TestCollectorQuality(t *testing.T) {
	speech := pauses(t, "voice_female_en_8k", "voice_male_it_8k")
	for _, c := range []struct {
		name            string
		change          func(x []float32)
		snrLow, snrHigh float64
		clipped         [2]float64
	}{
		{"clean", func([]float32) {}, 30, 60, [2]float64{0, 0.001}},
		{"noise_10_db", func(x []float32) { addNoise(x, 10) }, 6, 14, [2]float64{0, 0.001}},
		{"noise_0_db", func(x []float32) { addNoise(x, 0) }, -6, 5, [2]float64{0, 0.001}},
		{"clipped", func(x []float32) {
			for i := range x {
				x[i] = min(max(12*x[i], -1), 1)
			}
		}, 30, 60, [2]float64{0.02, 0.6}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := slices.Clone(speech)
			c.change(x)
			col := collector(t, Rate)
			if err := col.Write(x); err != nil {
				t.Fatal(err)
			}
			col.Flush()
			q := col.Speech().Quality
			if q.SNRdB < c.snrLow || q.SNRdB > c.snrHigh {
				t.Errorf("SNR %.1f dB, want %g to %g", q.SNRdB, c.snrLow, c.snrHigh)
			}
			if q.Clipped < c.clipped[0] || q.Clipped > c.clipped[1] {
				t.Errorf("clipped %.4f, want %v", q.Clipped, c.clipped)
			}
		})
	}
}

// addNoise adds white noise that many dB below the speech.
func addNoise(x []float32, snrDB float64) {
	r := rand.New(rand.NewPCG(5, 6))
	level := 0.0
	n := 0
	for _, v := range x {
		if v > 0.002 || v < -0.002 {
			level += float64(v) * float64(v)
			n++
		}
	}
	sd := math.Sqrt(level/float64(n)) * math.Pow(10, -snrDB/20)
	for i := range x {
		x[i] += float32(sd * r.NormFloat64())
	}
}

func TestBandEdge(t *testing.T) {
	for _, hz := range []float64{1000, 2500, 3400} {
		b, err := newBand()
		if err != nil {
			t.Fatal(err)
		}
		x := make([]float32, 4*Rate)
		r := rand.New(rand.NewPCG(7, 8))
		for f := 100.0; f <= hz; f += 37 { // a comb up to hz
			phase := 2 * math.Pi * r.Float64()
			for i := range x {
				x[i] += float32(0.01 * math.Sin(phase+2*math.Pi*f*float64(i)/Rate))
			}
		}
		b.add(x)
		if got := b.edge(); math.Abs(got-hz) > 100 {
			t.Errorf("a band up to %g Hz ends at %g Hz", hz, got)
		}
	}
	b, err := newBand()
	if err != nil {
		t.Fatal(err)
	}
	if got := b.edge(); !math.IsNaN(got) {
		t.Errorf("band of nothing ends at %g Hz, want NaN", got)
	}
}

func TestCollectorAtOtherRates(t *testing.T) {
	x := voice(t, "voice_female_en_8k")
	narrow := collector(t, Rate)
	if err := narrow.Write(x); err != nil {
		t.Fatal(err)
	}
	narrow.Flush()
	up, err := audio.NewResampler(Rate, 16000)
	if err != nil {
		t.Fatal(err)
	}
	wide := collector(t, 16000)
	if err := wide.Write(up.Flush(up.Write(nil, x))); err != nil {
		t.Fatal(err)
	}
	wide.Flush()
	a, b := narrow.Speech().Quality.NetSpeech, wide.Speech().Quality.NetSpeech
	if d := (a - b).Abs(); d > 150*time.Millisecond {
		t.Errorf("%v of net speech at 8 kHz, %v at 16 kHz", a, b)
	}
	if h := wide.Heard(); (h - narrow.Heard()).Abs() > time.Millisecond {
		t.Errorf("heard %v at 16 kHz, %v at 8 kHz", h, narrow.Heard())
	}
}

func TestCollectorRefuses(t *testing.T) {
	for _, rate := range []int{0, -8000, 4000, 7999, 1 << 30} {
		if _, err := NewCollector(DefaultCollector(rate), nil); !errors.Is(err, ErrRate) {
			t.Errorf("%d Hz: error %v, want ErrRate", rate, err)
		}
	}
	o := DefaultCollector(Rate)
	o.MaxSeconds, o.Speech.EntryProb = math.NaN(), 2
	if err := o.Validate(); !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), "EntryProb") {
		t.Errorf("error %v, want ErrOptions and EntryProb", err)
	}
	c := collector(t, Rate)
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e9} {
		err := c.Write([]float32{0, 0, float32(v)})
		if !errors.Is(err, ErrSample) || !strings.Contains(err.Error(), "sample 2 ") {
			t.Errorf("%g: error %v, want ErrSample at sample 2", v, err)
		}
	}
	if c.Heard() != 0 {
		t.Errorf("heard %v of refused samples, want nothing", c.Heard())
	}
	c.Flush()
	if err := c.Write(make([]float32, 1)); !errors.Is(err, ErrSample) {
		t.Errorf("after the end: error %v, want ErrSample", err)
	}
}

// TestCollectorOfSilence holds that silence, noise and tones are no speech, and never a quality that looks like one.
func TestCollectorOfSilence(t *testing.T) {
	for name, x := range map[string][]float32{
		"nothing": nil, "digital_silence": make([]float32, 5*Rate), "noise": voice(t, "noise_white_minus_40_dbfs_8k"), "busy": voice(t, "busy_us_8k"),
	} {
		c := collector(t, Rate)
		if err := c.Write(x); err != nil {
			t.Fatal(err)
		}
		c.Flush()
		s := c.Speech()
		if len(s.Samples) != 0 || s.Quality.NetSpeech != 0 || s.Quality.SNRdB == s.Quality.SNRdB {
			t.Errorf("%s: %d samples of speech, %v", name, len(s.Samples), s.Quality)
		}
	}
}

func TestCollectorKeepsAtMost(t *testing.T) {
	o := DefaultCollector(Rate)
	o.MaxSeconds = 2
	c, err := NewCollector(o, vadNet(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Write(pauses(t, "voice_female_en_8k", "voice_male_it_8k")); err != nil {
		t.Fatal(err)
	}
	c.Flush()
	if n := len(c.Speech().Samples); n != 2*Rate {
		t.Errorf("%d samples kept, want %d", n, 2*Rate)
	}
}

func TestSpeech(t *testing.T) {
	x := voice(t, "voice_female_en_8k")
	s := Speech{Samples: x, Quality: Quality{NetSpeech: Speech{Samples: x}.length(), SNRdB: 20, BandwidthHz: 3400}}
	if f := s.FirstSeconds(1); len(f.Samples) != Rate || f.Quality.NetSpeech != time.Second || f.Quality.SNRdB != 20 {
		t.Errorf("first second: %d samples, %v", len(f.Samples), f.Quality)
	}
	for _, n := range []float64{0, 1000} {
		if f := s.FirstSeconds(n); len(f.Samples) != len(x) {
			t.Errorf("first %g s: %d samples, want all %d", n, len(f.Samples), len(x))
		}
	}
	short := Speech{Samples: x[:Rate], Quality: Quality{NetSpeech: time.Second, SNRdB: unknown, BandwidthHz: 2000}}
	j := JoinSpeech(s, short)
	if len(j.Samples) != len(x)+Rate || j.Quality.NetSpeech != s.Quality.NetSpeech+time.Second || math.Abs(j.Quality.SNRdB-20) > 1e-9 {
		t.Errorf("joined: %d samples, %v", len(j.Samples), j.Quality)
	}
	if b := j.Quality.BandwidthHz; b <= 2000 || b >= 3400 {
		t.Errorf("joined bandwidth %g, want between the two", b)
	}
	if e := JoinSpeech(); len(e.Samples) != 0 || e.Quality.Clipped != 0 || e.Quality.SNRdB == e.Quality.SNRdB {
		t.Errorf("joined nothing: %v", e.Quality)
	}
	other := slices.Clone(x)
	if s.Digest() != (Speech{Samples: other}).Digest() {
		t.Error("a copy has another digest")
	}
	other[100] += 1.0 / 32768
	if s.Digest() == (Speech{Samples: other}).Digest() {
		t.Error("one step of one sample changes no digest")
	}
}
