package engine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// streamCase is one choice of options that the properties below must hold for.
type streamCase struct {
	name string
	o    StreamOptions
}

// streamCases covers every edge rule, every optional part and the presets.
func streamCases() []streamCase {
	with := func(o StreamOptions, f func(*StreamOptions)) StreamOptions { f(&o); return o }
	shape, pitch := DefaultShape(8000), DefaultPitchOptions()
	causal, center := CausalSlidingCMVN(), DefaultSlidingCMVN()
	wide := SlidingCMVNOptions{WindowFrames: 40, Center: true, NormVar: true}
	coarse := pitch
	coarse.HopMs, coarse.FrameMs, coarse.MaxLagMs = 16, 32, 80
	edges := func(e EdgeKind, scope PreEmphScope) StreamOptions {
		return with(DefaultStream(8000), func(o *StreamOptions) {
			o.Fbank.Frame.Edges, o.Fbank.Frame.PreEmphScope, o.Shape = e, scope, &shape
		})
	}
	return []streamCase{
		{"default", DefaultStream(8000)},
		{"logmel_only", StreamOptions{Fbank: DefaultFbank(8000)}},
		{"kaldi", KaldiMFCC(8000).Stream()},
		{"librosa", LibrosaMFCC(8000).Stream()},
		{"psf", PSFMFCC(8000).Stream()},
		{"center", edges(EdgesCenter, PreEmphFrame)},
		{"center_signal", edges(EdgesCenter, PreEmphSignal)},
		{"reflect", edges(EdgesReflect, PreEmphFrame)},
		{"reflect_signal", edges(EdgesReflect, PreEmphSignal)},
		{"pad_tail", edges(EdgesPadTail, PreEmphFrame)},
		{"snip_signal", edges(EdgesSnip, PreEmphSignal)},
		{"hop_larger_than_window", with(DefaultStream(8000), func(o *StreamOptions) { o.Fbank.Frame.HopMs = 61 })},
		{"odd_window_any_fft", with(DefaultStream(8000), func(o *StreamOptions) {
			o.Fbank.Frame.WindowMs, o.Fbank.Frame.FFTSize, o.Fbank.Frame.Edges, o.Shape = 25.125, 241, EdgesCenter, &shape
		})},
		{"deltas", with(DefaultStream(8000), func(o *StreamOptions) { o.Deltas = DefaultDeltas() })},
		{"deltas_cmvn", with(DefaultStream(8000), func(o *StreamOptions) { o.Deltas, o.CepstraCMVN = DefaultDeltas(), &center })},
		{"causal_cmvn", with(DefaultStream(8000), func(o *StreamOptions) { o.LogMelCMVN, o.CepstraCMVN = &causal, &causal })},
		{"pitch", with(DefaultStream(8000), func(o *StreamOptions) { o.Pitch = &pitch })},
		{"pitch_coarser", with(DefaultStream(8000), func(o *StreamOptions) { o.Pitch, o.Fbank.Frame.Edges = &coarse, EdgesCenter })},
		{"all", with(DefaultStream(8000), func(o *StreamOptions) {
			o.Deltas, o.LogMelCMVN, o.CepstraCMVN, o.Shape, o.Pitch = DefaultDeltas(), &center, &wide, &shape, &pitch
		})},
	}
}

// cutUp feeds x to s in random pieces, 0 and 1 sample included, and flushes.
func cutUp(s *Stream, x []float32, r *rand.Rand) []Frame {
	var out []Frame
	keep := func(f *Frame) { out = append(out, f.Clone()) }
	for len(x) > 0 {
		n := min(len(x), []int{0, 1, 2, 80, r.IntN(200), r.IntN(5000)}[r.IntN(6)])
		s.Write(x[:n], keep)
		x = x[n:]
	}
	s.Flush(keep)
	return out
}

// TestStreamEqualsBatch: the frames are the same bit for bit however the samples are cut, and again after Flush.
func TestStreamEqualsBatch(t *testing.T) {
	for _, c := range streamCases() {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			x := speechLike(c.o.Fbank.Frame.Rate, 5, 4)
			want, err := Frames(c.o, x)
			if err != nil {
				t.Fatal(err)
			}
			s, err := NewStream(c.o)
			if err != nil {
				t.Fatal(err)
			}
			for round := range 8 {
				if got := cutUp(s, x, r); !reflect.DeepEqual(got, want) {
					for i := range min(len(got), len(want)) {
						if !reflect.DeepEqual(got[i], want[i]) {
							t.Fatalf("round %d, frame %d differs:\n%+v\n%+v", round, i, got[i], want[i])
						}
					}
					t.Fatalf("round %d: %d frames, batch has %d", round, len(got), len(want))
				}
			}
		})
	}
}

// TestStreamLengths: for every length about the window and the FFT, as many frames as NumFrames says, in order, at FirstSample, with
// finite values.
func TestStreamLengths(t *testing.T) {
	x := speechLike(8000, 1, 9)
	for _, c := range streamCases() {
		t.Run(c.name, func(t *testing.T) {
			s, err := NewStream(c.o)
			if err != nil {
				t.Fatal(err)
			}
			f := c.o.Fbank.Frame
			w, h := f.WindowSamples(), f.HopSamples()
			for _, n := range []int{0, 1, 2, h / 2, h - 1, h, h + 1, w / 2, w - 1, w, w + 1, w + h - 1, w + h, w + h + 1, 3*w + 7, 5000, 8000} {
				got := int64(0)
				keep := func(fr *Frame) {
					if fr.Index != got || fr.Start != f.FirstSample(got) {
						t.Fatalf("%d samples: frame %d at %d, want frame %d at %d", n, fr.Index, fr.Start, got, f.FirstSample(got))
					}
					for _, v := range slices.Concat(fr.LogMel, fr.MFCC, fr.Shape.BandsDBFS, fr.Shape.SlopesDBPerKHz,
						[]float32{fr.LevelDBFS, fr.Shape.CentroidHz, fr.Shape.Flux}) {
						if v := float64(v); math.IsNaN(v) || math.IsInf(v, 0) {
							t.Fatalf("%d samples, frame %d: %+v", n, got, fr)
						}
					}
					got++
				}
				s.Write(x[:n], keep)
				s.Flush(keep)
				if want := f.NumFrames(int64(n)); got != want {
					t.Errorf("%d samples: %d frames, want %d", n, got, want)
				}
			}
		})
	}
}

// TestStreamLag: a frame is out at the latest when LagFrames further frames are complete, and some frame does wait that long unless
// the pitch is what is waited for, whose bound is for the worst signal.
func TestStreamLag(t *testing.T) {
	for _, c := range streamCases() {
		t.Run(c.name, func(t *testing.T) {
			s, err := NewStream(c.o)
			if err != nil {
				t.Fatal(err)
			}
			f, lag := c.o.Fbank.Frame, int64(c.o.LagFrames())
			emitted, worst := int64(0), int64(0)
			for n, v := range speechLike(8000, 4, 8) {
				s.Write([]float32{v}, func(*Frame) { emitted++ })
				if s.computed-emitted > worst {
					worst = s.computed - emitted
				}
				if s.computed-emitted > lag {
					t.Fatalf("after %d samples %d frames wait, want %d at most", n+1, s.computed-emitted, lag)
				}
				if next := f.FirstSample(s.computed) + int64(f.WindowSamples()); next <= int64(n+1) {
					t.Fatalf("after %d samples frame %d, which ends at %d, is not computed", n+1, s.computed, next)
				}
			}
			if c.o.Pitch == nil && worst != lag {
				t.Errorf("at most %d frames waited, LagFrames promises %d", worst, lag)
			}
		})
	}
}

// TestStreamShift: a signal that starts one hop later has the same frames, one index earlier, bit for bit.
func TestStreamShift(t *testing.T) {
	for _, o := range []MFCCOptions{DefaultMFCC(8000), KaldiMFCC(16000)} {
		x := speechLike(o.Fbank.Frame.Rate, 3, 6)
		whole, err := MFCC(o, x)
		if err != nil {
			t.Fatal(err)
		}
		late, err := MFCC(o, x[o.Fbank.Frame.HopSamples():])
		if err != nil {
			t.Fatal(err)
		}
		if late.Rows != whole.Rows-1 || !slices.Equal(late.Data, whole.Data[whole.Cols:]) {
			t.Errorf("%d frames after the shift, %d before; values differ or the count is off", late.Rows, whole.Rows)
		}
	}
}

// TestStreamsDoNotShareState: two channels extracted in turns give what each gives alone, and the two differ.
func TestStreamsDoNotShareState(t *testing.T) {
	for _, c := range streamCases() {
		a, b := speechLike(8000, 3, 1), speechLike(8000, 3, 2)
		wantA, err := Frames(c.o, a)
		if err != nil {
			t.Fatal(err)
		}
		wantB, err := Frames(c.o, b)
		if err != nil {
			t.Fatal(err)
		}
		sa, err := NewStream(c.o)
		if err != nil {
			t.Fatal(err)
		}
		sb, err := NewStream(c.o)
		if err != nil {
			t.Fatal(err)
		}
		var gotA, gotB []Frame
		keepA, keepB := func(f *Frame) { gotA = append(gotA, f.Clone()) }, func(f *Frame) { gotB = append(gotB, f.Clone()) }
		for i := 0; i < len(a); i += 160 {
			sa.Write(a[i:min(i+160, len(a))], keepA)
			sb.Write(b[i:min(i+160, len(b))], keepB)
		}
		sa.Flush(keepA)
		sb.Flush(keepB)
		if !reflect.DeepEqual(gotA, wantA) || !reflect.DeepEqual(gotB, wantB) {
			t.Errorf("%s: channels in turns differ from each alone", c.name)
		}
		if reflect.DeepEqual(gotA, gotB) {
			t.Errorf("%s: both channels have the same features", c.name)
		}
	}
}

// TestStreamAllocatesNothing: in the steady state and across signals.
func TestStreamAllocatesNothing(t *testing.T) {
	for _, c := range streamCases() {
		s, err := NewStream(c.o)
		if err != nil {
			t.Fatal(err)
		}
		x := speechLike(8000, 4, 5)
		emit := func(*Frame) {}
		if n := testing.AllocsPerRun(5, func() {
			for i := 0; i < len(x); i += 160 {
				s.Write(x[i:min(i+160, len(x))], emit)
			}
			s.Flush(emit)
		}); n != 0 {
			t.Errorf("%s: %v allocations per signal", c.name, n)
		}
	}
}

// TestStreamGain: twice the amplitude adds ln 4 to every log-mel value of a power spectrum and changes no cepstrum but c0.
func TestStreamGain(t *testing.T) {
	o := DefaultMFCC(8000)
	x := speechLike(8000, 2, 3)
	loud := make([]float32, len(x))
	for i, v := range x {
		loud[i] = 2 * v
	}
	a, err := Frames(o.Stream(), x)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Frames(o.Stream(), loud)
	if err != nil {
		t.Fatal(err)
	}
	for i := range a {
		for k := range a[i].LogMel {
			if d := b[i].LogMel[k] - a[i].LogMel[k]; math.Abs(float64(d)-math.Log(4)) > 1e-5 {
				t.Fatalf("frame %d band %d rose by %v, want ln 4", i, k, d)
			}
		}
		for k := 1; k < o.NumCeps; k++ {
			if d := b[i].MFCC[k] - a[i].MFCC[k]; math.Abs(float64(d)) > 1e-4 {
				t.Fatalf("frame %d: c%d changed by %v", i, k, d)
			}
		}
		if d := b[i].LevelDBFS - a[i].LevelDBFS; math.Abs(float64(d)-20*math.Log10(2)) > 1e-4 {
			t.Fatalf("frame %d: level rose by %v dB", i, d)
		}
	}
}

// TestStreamSilenceAndBrokenSamples: silence sits on the floors; values that are not numbers neither stop nor outlast their frames.
func TestStreamSilenceAndBrokenSamples(t *testing.T) {
	shape := DefaultShape(8000)
	o := DefaultStream(8000)
	o.Shape = &shape
	frames, err := Frames(o, make([]float32, 4000))
	if err != nil {
		t.Fatal(err)
	}
	floor := float32(math.Log(o.Fbank.Floor))
	for _, f := range frames {
		if f.LevelDBFS != LevelFloorDBFS || f.Shape.CentroidHz != 0 || f.Shape.Flux != 0 || f.Shape.Flatness != 1 {
			t.Fatalf("silence: %+v", f)
		}
		for _, v := range f.LogMel {
			if v != floor {
				t.Fatalf("silence has log-mel %v, want %v", v, floor)
			}
		}
	}
	x := speechLike(8000, 2, 1)
	clean, err := Frames(o, x)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat32} {
		y := slices.Clone(x)
		y[8000] = float32(bad)
		broken, err := Frames(o, y)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range broken {
			touched := f.Start <= 8000 && 8000 < f.Start+200
			if !touched && !slices.Equal(f.MFCC, clean[i].MFCC) {
				t.Fatalf("%v spoils frame %d", bad, i)
			}
			for _, v := range slices.Concat(f.LogMel, f.MFCC, []float32{f.LevelDBFS}) {
				if v := float64(v); math.IsNaN(v) || math.IsInf(v, 0) {
					t.Fatalf("%v: frame %d has %v", bad, i, v)
				}
			}
		}
	}
}

// TestStreamPitchBesideFrames: with the framing of the default the pitch of frame t is pitch frame t; with other framings it is the one
// whose middle is nearest.
func TestStreamPitchBesideFrames(t *testing.T) {
	x := speechLike(8000, 3, 2)
	for _, c := range streamCases() {
		if c.o.Pitch == nil {
			continue
		}
		track, err := Pitch(*c.o.Pitch, x)
		if err != nil {
			t.Fatal(err)
		}
		frames, err := Frames(c.o, x)
		if err != nil {
			t.Fatal(err)
		}
		voiced := 0
		for _, f := range frames {
			middle := f.Start + int64(c.o.Fbank.Frame.WindowSamples()/2)
			gap := func(p PitchFrame) int64 { return max(p.Center-middle, middle-p.Center) }
			best := slices.MinFunc(track, func(a, b PitchFrame) int { return int(gap(a) - gap(b)) })
			if gap(f.Pitch) != gap(best) || f.Pitch != track[f.Pitch.Index] {
				t.Fatalf("%s: frame %d (middle %d) has pitch frame %+v, nearest is %+v", c.name, f.Index, middle, f.Pitch, best)
			}
			if f.Pitch.Voiced() {
				voiced++
			}
		}
		if voiced == 0 {
			t.Errorf("%s: no voiced frame in a voice", c.name)
		}
	}
}

// TestFrameArithmetic spells NumFrames out for a window of 200, a hop of 80 and an FFT of 256 samples.
func TestFrameArithmetic(t *testing.T) {
	o := DefaultFrame(8000)
	for _, c := range []struct {
		edges       EdgeKind
		n, frames   int64
		firstSample int64 // of frame 1
	}{
		{EdgesSnip, 199, 0, 80}, {EdgesSnip, 200, 1, 80}, {EdgesSnip, 279, 1, 80}, {EdgesSnip, 280, 2, 80},
		{EdgesCenter, 1, 1, -20}, {EdgesCenter, 79, 1, -20}, {EdgesCenter, 80, 2, -20},
		{EdgesPadTail, 1, 1, 80}, {EdgesPadTail, 200, 1, 80}, {EdgesPadTail, 201, 2, 80}, {EdgesPadTail, 280, 2, 80}, {EdgesPadTail, 281, 3, 80},
		{EdgesReflect, 39, 0, 20}, {EdgesReflect, 40, 1, 20}, {EdgesReflect, 119, 1, 20}, {EdgesReflect, 120, 2, 20},
	} {
		o.Edges = c.edges
		if got := o.NumFrames(c.n); got != c.frames {
			t.Errorf("%s: %d samples are %d frames, want %d", c.edges, c.n, got, c.frames)
		}
		if got := o.FirstSample(1); got != c.firstSample {
			t.Errorf("%s: frame 1 starts at %d, want %d", c.edges, got, c.firstSample)
		}
		if o.NumFrames(0) != 0 || o.NumFrames(-5) != 0 {
			t.Errorf("%s: frames without samples", c.edges)
		}
	}
}

func TestStreamOptionsPrint(t *testing.T) {
	for _, c := range streamCases() {
		s, err := NewStream(c.o)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := fmt.Sprint(s.Options()), c.o.String(); got != want {
			t.Errorf("%s: %s, want %s", c.name, got, want)
		}
	}
}
