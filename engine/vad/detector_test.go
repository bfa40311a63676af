package vad

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/engine/nn"
	"github.com/timbre-voice/timbre/engine/timeline"
)

const testdata = "../../testdata"

// shippedNet returns the network of the shipped weights, read as the models room would hand them on.
func shippedNet(t testing.TB) *Net {
	t.Helper()
	b, err := os.ReadFile("../../models/vad-gru-v1/weights.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	tensors, err := nn.LoadTensors(b)
	if err != nil {
		t.Fatal(err)
	}
	net, err := LoadNet(tensors)
	if err != nil {
		t.Fatal(err)
	}
	return net
}

// read returns the channels of a file of testdata at 8 kHz.
func read(t testing.TB, name string) [][]float32 {
	t.Helper()
	f, err := os.Open(filepath.Join(testdata, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, format, _, err := audio.ReadAll(f, 1<<24)
	if err != nil {
		t.Fatal(err)
	}
	if format.Rate != Rate {
		t.Fatalf("%s: %d Hz, want %d", name, format.Rate, Rate)
	}
	return x
}

// voices returns every 8 kHz recording of a voice.
func voices(t testing.TB) map[string][]float32 {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(testdata, "audio/voice_*_8k.wav"))
	if err != nil || len(names) < 5 {
		t.Fatalf("%d voices in testdata/audio, want at least 5 (%v)", len(names), err)
	}
	out := map[string][]float32{}
	for _, n := range names {
		base := filepath.Base(n)
		out[strings.TrimSuffix(base, ".wav")] = read(t, "audio/"+base)[0]
	}
	return out
}

// both runs f with the network and with the energy detector.
func both(t *testing.T, f func(t *testing.T, net *Net)) {
	t.Run("net", func(t *testing.T) { f(t, shippedNet(t)) })
	t.Run("energy", func(t *testing.T) { f(t, nil) })
}

// TestDetectorStreamEqualsBatch cuts a whole call at random, 0 and 1 sample included: the events must be the same, in the same
// order, to the sample.
func TestDetectorStreamEqualsBatch(t *testing.T) {
	x := read(t, "calls/sample-call.wav")[0]
	x = x[:min(len(x), 40*Rate)]
	x = append(x, newTrack(1).silence(0.2).dtmfKey('7', 0.1, -12, -12, 0).silence(0.3).cadenced(2, -15, []float64{1, 4}, 425).x...)
	both(t, func(t *testing.T, net *Net) {
		d, err := NewDetector(DefaultOptions(), net)
		if err != nil {
			t.Fatal(err)
		}
		var want, got []Event
		d.Write(x, func(e Event) { want = append(want, e) })
		d.Flush(func(e Event) { want = append(want, e) })
		if len(only(KindSpeech, want)) < 4 || len(only(KindDTMF, want)) < 2 || len(only(KindRingback, want)) < 2 {
			t.Fatalf("too little was heard for a test: %v", want)
		}
		r := rand.New(rand.NewPCG(1, 2))
		for round := range 4 { // one detector for all rounds: Flush must leave nothing behind
			got = got[:0]
			for rest := x; len(rest) > 0; {
				n := min(len(rest), r.IntN(3)*r.IntN(1<<(4+3*round)))
				d.Write(rest[:n], func(e Event) { got = append(got, e) })
				rest = rest[n:]
			}
			d.Flush(func(e Event) { got = append(got, e) })
			if !slices.Equal(got, want) {
				t.Fatalf("stream gives\n%v\nbatch\n%v", got, want)
			}
		}
	})
}

func TestProbabilitiesShape(t *testing.T) {
	both(t, func(t *testing.T, net *Net) {
		for _, n := range []int{0, 1, 127, 128, 129, 1000, 12800} {
			p, err := Probabilities(DefaultOptions(), net, newTrack(3).silence(2).noise(-20).x[:n])
			if err != nil {
				t.Fatal(err)
			}
			if want := (n + StepSamples - 1) / StepSamples; len(p) != want {
				t.Errorf("%d samples: %d steps, want %d", n, len(p), want)
			}
			for i, v := range p {
				if !(v >= 0 && v <= 1) {
					t.Fatalf("step %d: probability %g", i, v)
				}
			}
		}
	})
}

// coverage returns the share of b's samples that a covers.
func coverage(a, b timeline.Set) float64 {
	return float64(a.Intersect(b).Len()) / float64(b.Len())
}

func speechSet(all []Event) timeline.Set {
	var out []timeline.Interval
	for _, e := range only(KindSpeech, all) {
		out = append(out, e.Interval)
	}
	return timeline.NewSet(out...)
}

// TestVoicesAtAnyLevel hears every voice of testdata from -50 dBFS to clipping, and hears the same.
func TestVoicesAtAnyLevel(t *testing.T) {
	both(t, func(t *testing.T, net *Net) {
		for name, x := range voices(t) {
			rms := 0.0
			for _, v := range x {
				rms += float64(v) * float64(v)
			}
			rms = math.Sqrt(rms / float64(len(x)))
			reference := speechSet(detect(t, DefaultOptions(), net, scaled(x, rms, -26)))
			if reference.Len() < int64(len(x))/3 {
				t.Errorf("%s: %d of %d samples are speech", name, reference.Len(), len(x))
				continue
			}
			for _, level := range []float64{-50, -40, -15, -3, 12} {
				got := speechSet(detect(t, DefaultOptions(), net, scaled(x, rms, level)))
				least := 0.85
				switch {
				case net == nil && level < -45:
					least = 0.3 // the plain detector has no ear for what the line's own noise almost covers
				case net == nil:
					least = 0.6 // and clipping flattens the movement that it listens to
				case level > 0:
					least = 0.7 // clipped throughout, pauses rise to the level of the words
				}
				if c := coverage(got, reference); c < least {
					t.Errorf("%s at %g dBFS: finds %.2f of the speech found at -26 dBFS", name, level, c)
				}
			}
		}
	})
}

// scaled returns x at levelDBFS, clipped at full scale, between half a second of silence.
func scaled(x []float32, rms, levelDBFS float64) []float32 {
	g := float32(math.Pow(10, levelDBFS/20) / rms)
	y := make([]float32, Rate/2, len(x)+Rate)
	for _, v := range x {
		y = append(y, min(1, max(-1, v*g)))
	}
	return append(y, make([]float32, Rate/2)...)
}

// TestNoSpeechInDeadSignals feeds what a line can carry without a person.
func TestNoSpeechInDeadSignals(t *testing.T) {
	constant := make([]float32, 10*Rate)
	for i := range constant {
		constant[i] = 0.3
	}
	nan := make([]float32, 2*Rate)
	for i := range nan {
		nan[i] = float32(math.NaN())
	}
	infinite := make([]float32, 2*Rate)
	for i := range infinite {
		infinite[i] = float32(math.Inf(1 - i%2*2))
	}
	both(t, func(t *testing.T, net *Net) {
		for name, x := range map[string][]float32{
			"digital_silence": make([]float32, 10*Rate),
			"constant_offset": constant,
			"nothing":         nil,
			"not_a_number":    nan,
			"not_finite":      infinite,
			"line_noise":      newTrack(2).silence(10).noise(-65).x,
			"white_noise":     newTrack(3).silence(10).noise(-35).x,
			"dial_tone":       newTrack(4).silence(1).tone(8, -15, 425).x[Rate:],
		} {
			all := detect(t, DefaultOptions(), net, x)
			if strings.HasPrefix(name, "not_") && len(all) > 0 {
				t.Errorf("%s: %v", name, all)
			}
			heard := speechSet(all)
			if heard.Len() > int64(Rate)/4 {
				t.Errorf("%s: speech in %v", name, heard)
			}
		}
	})
}

// TestFixtureSounds names every sound of testdata/audio.
func TestFixtureSounds(t *testing.T) {
	net := shippedNet(t)
	for _, c := range []struct {
		file   string
		kind   Kind
		detail string
	}{
		{"ringback_eu_8k", KindRingback, "425 Hz"}, {"ringback_uk_8k", KindRingback, "400+450 Hz"}, {"ringback_us_8k", KindRingback, "440+480 Hz"},
		{"busy_eu_8k", KindNoise, "busy 425 Hz"}, {"busy_us_8k", KindNoise, "busy 480+620 Hz"},
		{"fax_cng_8k", KindFax, "CNG"}, {"fax_ced_8k", KindFax, "CED"},
		{"hold_music_8k", KindHoldMusic, ""}, {"hold_music_electronic_8k", KindHoldMusic, ""},
	} {
		t.Run(c.file, func(t *testing.T) {
			all := detect(t, DefaultOptions(), net, read(t, "audio/"+c.file+".wav")[0])
			for _, e := range all {
				if e.Kind == c.kind && e.Detail == c.detail {
					if s := speechSet(all); s.Len() > int64(Rate)/4 {
						t.Errorf("speech in %v", s)
					}
					return
				}
			}
			t.Errorf("%v, want %s (%s)", all, c.kind, c.detail)
		})
	}
	for file, want := range map[string]string{"dtmf_0123456789_8k": "0123456789", "dtmf_star_hash_abcd_8k": "*#ABCD", "dtmf_shortest_40ms_8k": "159#"} {
		if got := digits(t, read(t, "audio/"+file+".wav")[0]); got != want {
			t.Errorf("%s: digits %q, want %q", file, got, want)
		}
	}
}

// TestSpeechOverHoldMusic mixes a voice into hold music 10 dB below it: both must be told.
func TestSpeechOverHoldMusic(t *testing.T) {
	net := shippedNet(t)
	music := read(t, "audio/hold_music_8k.wav")[0]
	voice := voices(t)["voice_male_en_8k"]
	x := make([]float32, 9*Rate)
	var pv, pm float64
	for _, v := range voice {
		pv += float64(v) * float64(v)
	}
	for i := range x {
		x[i] = music[i%len(music)]
		pm += float64(x[i]) * float64(x[i])
	}
	g := float32(math.Sqrt(pm/float64(len(x))*10) / math.Sqrt(pv/float64(len(voice))))
	from := 3 * Rate
	for i, v := range voice {
		x[from+i] += g * v
	}
	span := timeline.Set{{Start: int64(from), End: int64(from + len(voice))}}
	all := detect(t, DefaultOptions(), net, x)
	heard := speechSet(all)
	if c := coverage(heard, span); c < 0.6 {
		t.Errorf("%.2f of the talk over the music is found: %v", c, all)
	}
	if extra := heard.Subtract(span); extra.Len() > int64(Rate)/2 {
		t.Errorf("speech where only music plays: %v", extra)
	}
	if len(only(KindHoldMusic, all)) == 0 {
		t.Errorf("no hold music: %v", all)
	}
}

func TestNoAllocations(t *testing.T) {
	x := append(voices(t)["voice_female_en_8k"], newTrack(1).cadenced(3, -15, []float64{0.1, 0.1}, 770, 1336).x...)
	both(t, func(t *testing.T, net *Net) {
		d, err := NewDetector(DefaultOptions(), net)
		if err != nil {
			t.Fatal(err)
		}
		events := 0
		emit := func(Event) { events++ }
		at := 0
		if n := testing.AllocsPerRun(200, func() {
			d.Write(x[at:at+160], emit)
			at = (at + 160) % (len(x) - 160)
		}); n != 0 {
			t.Errorf("%v allocations per 20 ms, want 0", n)
		}
		if events == 0 {
			t.Error("nothing was told in the meantime")
		}
	})
}

// TestSharedNet runs one network in many detectors at once; the race detector watches.
func TestSharedNet(t *testing.T) {
	net := shippedNet(t)
	x := voices(t)["voice_male_it_8k"]
	want := fmt.Sprint(detect(t, DefaultOptions(), net, x))
	done := make(chan string)
	for range 4 {
		go func() {
			d, err := NewDetector(DefaultOptions(), net)
			if err != nil {
				done <- err.Error()
				return
			}
			var ends []Event
			emit := func(e Event) {
				if e.Type == End {
					ends = append(ends, e)
				}
			}
			d.Write(x, emit)
			d.Flush(emit)
			done <- fmt.Sprint(ends)
		}()
	}
	for range 4 {
		if got := <-done; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func BenchmarkDetector(b *testing.B) {
	x := read(b, "calls/sample-call.wav")[0]
	for _, c := range []struct {
		name string
		net  *Net
	}{{"net", shippedNet(b)}, {"energy", nil}} {
		b.Run(c.name, func(b *testing.B) {
			d, err := NewDetector(DefaultOptions(), c.net)
			if err != nil {
				b.Fatal(err)
			}
			emit := func(Event) {}
			b.ReportAllocs()
			b.SetBytes(int64(2 * len(x)))
			for b.Loop() {
				d.Write(x, emit)
				d.Flush(emit)
			}
			b.ReportMetric(float64(len(x))/Rate*float64(b.N)/b.Elapsed().Seconds(), "x_realtime")
		})
	}
}

func BenchmarkScorer(b *testing.B) {
	x := read(b, "calls/sample-call.wav")[0]
	s, err := NewScorer(DefaultOptions(), shippedNet(b))
	if err != nil {
		b.Fatal(err)
	}
	emit := func(Score) {}
	b.ReportAllocs()
	b.SetBytes(int64(2 * len(x)))
	for b.Loop() {
		s.Write(x, emit)
	}
	b.ReportMetric(float64(len(x))/Rate*float64(b.N)/b.Elapsed().Seconds(), "x_realtime")
}

// TestScoresAreThoseOfAScorer cuts a call at random, twice with the same detector.
func TestScoresAreThoseOfAScorer(t *testing.T) {
	x := read(t, "calls/short-call.wav")[0]
	s, err := NewScorer(DefaultOptions(), shippedNet(t))
	if err != nil {
		t.Fatal(err)
	}
	var want []Score
	keep := func(sc Score) { want = append(want, sc) }
	s.Write(x, keep)
	s.Flush(keep)
	d, err := NewDetector(DefaultOptions(), shippedNet(t))
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(9, 9))
	for range 2 {
		var got []Score
		for rest := x; len(rest) > 0; {
			n := min(len(rest), r.IntN(2000))
			d.Write(rest[:n], func(Event) {})
			got = append(got, d.Scores()...)
			rest = rest[n:]
		}
		d.Flush(func(Event) {})
		if got = append(got, d.Scores()...); !slices.Equal(got, want) {
			t.Fatalf("%d scores differ from the scorer's %d", len(got), len(want))
		}
	}
}
