package voiceprint

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/engine/vad"
)

// told scores a channel as a session does and writes it to a listener, cut as cut says, from position from on.
func told(t testing.TB, e *Extractor, o CollectorOptions, x []float32, from int, cut func() int) *Listener {
	t.Helper()
	d, err := vad.NewDetector(vad.DefaultOptions(), vadNet(t))
	if err != nil {
		t.Fatal(err)
	}
	l, err := NewListener(e, o, d.DelaySamples())
	if err != nil {
		t.Fatal(err)
	}
	ignore := func(vad.Event) {}
	at, step := 0, 0
	for at < len(x) {
		n := min(cut(), len(x)-at)
		if at < from {
			n = min(n, from-at)
		}
		d.Write(x[at:at+n], ignore)
		if at >= from {
			p := Piece{Raw: x[at : at+n], Samples: x[at : at+n], At: int64(at), Scores: d.Scores(), Step: int64(step)}
			if err := l.Write(p); err != nil {
				t.Fatal(err)
			}
		}
		step += len(d.Scores())
		at += n
	}
	d.Flush(ignore)
	if err := l.Flush(Piece{At: int64(at), Scores: d.Scores(), Step: int64(step)}); err != nil {
		t.Fatal(err)
	}
	return l
}

func whole() int { return 1 << 30 }

// TestListenerHearsWhatACollectorDoes holds that a call of less than a part is embedded exactly as its recording.
func TestListenerHearsWhatACollectorDoes(t *testing.T) {
	e := extractor(t, tinyModel(t))
	x := pauses(t, "voice_female_en_8k", "voice_male_it_8k")
	c := collector(t, Rate)
	if err := c.Write(x); err != nil {
		t.Fatal(err)
	}
	c.Flush()
	want, err := e.Embed(c.Speech())
	if err != nil {
		t.Fatal(err)
	}
	if net := want.Quality.NetSpeech; net < 3*time.Second || net >= partSamples*time.Second/Rate {
		t.Fatalf("%v of net speech: the test wants less than a part", net)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for name, cut := range map[string]func() int{"whole": whole, "cut": func() int { return 1 + r.IntN(3000) }, "steps": func() int { return vad.StepSamples }} {
		got, err := told(t, e, DefaultCollector(Rate), x, 0, cut).Embed()
		if err != nil || !slices.Equal(got.Vector, want.Vector) || !equalQuality(got.Quality, want.Quality) {
			t.Errorf("%s: %v, error %v, want %v and the same vector", name, got.Quality, err, want.Quality)
		}
	}
}

// TestListenerInParts holds that a long call does not depend on its cuts, is embedded as the mean of its parts, and keeps no more than
// one of them.
func TestListenerInParts(t *testing.T) {
	e := extractor(t, tinyModel(t))
	var x []float32
	for range 8 {
		x = append(x, pauses(t, "voice_female_en_8k", "voice_male_it_8k")...)
	}
	c := collector(t, Rate)
	if err := c.Write(x); err != nil {
		t.Fatal(err)
	}
	c.Flush()
	all := c.Speech()
	sum := make([]float64, e.m.Dims())
	for y := all.Samples; len(y) > 0; {
		n := min(len(y), partSamples)
		if n < partSamples && n < leastTail {
			break
		}
		v, err := e.Embed(Speech{Samples: y[:n]})
		if err != nil {
			t.Fatal(err)
		}
		for i := range sum {
			sum[i] += float64(n) * float64(v.Vector[i])
		}
		y = y[n:]
	}
	want := make([]float32, len(sum))
	for i, v := range sum {
		want[i] = float32(v)
	}
	unit(want)
	r := rand.New(rand.NewPCG(3, 4))
	var first Embedding
	for i, cut := range []func() int{whole, func() int { return 1 + r.IntN(9000) }, func() int { return 1 + r.IntN(9000) }} {
		l := told(t, e, DefaultCollector(Rate), x, 0, cut)
		got, err := l.Embed()
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = got
			if d := 1 - cosine(got.Vector, want); d > 1e-6 || !equalQuality(got.Quality, all.Quality) || l.parts < 2 {
				t.Errorf("%d parts, %g from the mean of the parts, %v, want %v", l.parts, d, got.Quality, all.Quality)
			}
		}
		if !slices.Equal(got.Vector, first.Vector) || !equalQuality(got.Quality, first.Quality) {
			t.Errorf("cut %d: the embedding depends on the cuts", i)
		}
		if i > 0 && cap(l.c.net) > 2*partSamples {
			t.Errorf("room for %d samples of speech, want about one part of %d", cap(l.c.net), partSamples)
		}
	}
}

func TestListenerStopsAtMaxSeconds(t *testing.T) {
	e := extractor(t, tinyModel(t))
	o := DefaultCollector(Rate)
	o.MaxSeconds = 17
	var x []float32
	for range 8 {
		x = append(x, pauses(t, "voice_female_en_8k")...)
	}
	r := rand.New(rand.NewPCG(5, 6))
	one, other := told(t, e, o, x, 0, whole), told(t, e, o, x, 0, func() int { return 1 + r.IntN(5000) })
	a, errA := one.Embed()
	b, errB := other.Embed()
	if errA != nil || errB != nil || a.Quality.NetSpeech != 17*time.Second || !equalQuality(a.Quality, b.Quality) || !slices.Equal(a.Vector, b.Vector) {
		t.Errorf("%v and %v, errors %v, %v, want 17 s and no difference", a.Quality, b.Quality, errA, errB)
	}
}

// TestListenerJoinsInMidCall begins inside a step: the speech from the next one on is heard, however the rest is cut.
func TestListenerJoinsInMidCall(t *testing.T) {
	e := extractor(t, tinyModel(t))
	x := slices.Concat(pauses(t, "voice_male_it_8k"), pauses(t, "voice_female_en_8k"))
	from := len(pauses(t, "voice_male_it_8k")) + 77
	alone := told(t, e, DefaultCollector(Rate), x[from:], 0, whole).Quality().NetSpeech
	r := rand.New(rand.NewPCG(7, 8))
	first, err := told(t, e, DefaultCollector(Rate), x, from, whole).Embed()
	if err != nil {
		t.Fatal(err)
	}
	if d := first.Quality.NetSpeech - alone; d < -time.Second/4 || d > time.Second/4 {
		t.Errorf("%v of net speech, alone %v", first.Quality.NetSpeech, alone)
	}
	for range 3 {
		v, err := told(t, e, DefaultCollector(Rate), x, from, func() int { return 1 + r.IntN(700) }).Embed()
		if err != nil || !slices.Equal(v.Vector, first.Vector) || !equalQuality(v.Quality, first.Quality) {
			t.Errorf("%v, error %v, want %v", v.Quality, err, first.Quality)
		}
	}
}

func TestListenerRefuses(t *testing.T) {
	e := extractor(t, tinyModel(t))
	l := told(t, e, DefaultCollector(Rate), nil, 0, whole)
	if _, err := l.Embed(); !errors.Is(err, ErrNoSpeech) {
		t.Errorf("nothing heard: error %v, want ErrNoSpeech", err)
	}
	if err := l.Write(Piece{Samples: []float32{0}}); !errors.Is(err, ErrSample) {
		t.Errorf("after the end: error %v, want ErrSample", err)
	}
	l, err := NewListener(e, DefaultCollector(Rate), vad.StepSamples)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Write(Piece{Samples: []float32{0, 1e9}}); !errors.Is(err, ErrSample) {
		t.Errorf("a sample of 1e9: error %v, want ErrSample", err)
	}
	if _, err := NewListener(e, DefaultCollector(Rate), -1); !errors.Is(err, ErrOptions) {
		t.Errorf("a negative delay: error %v, want ErrOptions", err)
	}
	if _, err := NewListener(e, CollectorOptions{}, 0); !errors.Is(err, ErrOptions) {
		t.Errorf("no options: error %v, want ErrOptions", err)
	}
}

// TestEmbeddingsShareTheWorkingMemory makes many at once: they do not disturb each other.
func TestEmbeddingsShareTheWorkingMemory(t *testing.T) {
	m := tinyModel(t)
	x := voice(t, "voice_female_en_8k")
	want := make([][]float32, 8)
	for i := range want {
		want[i] = make([]float32, m.Dims())
		if err := extractor(t, m).Into(want[i], x[:(i+2)*2000]); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error)
	for i := range want {
		go func() {
			e := &Extractor{m: m}
			got := make([]float32, m.Dims())
			for range 20 {
				if err := e.Into(got, x[:(i+2)*2000]); err != nil || !slices.Equal(got, want[i]) {
					done <- fmt.Errorf("%d: %v, error %w", i, got, err)
					return
				}
			}
			done <- nil
		}()
	}
	for range want {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestDesksKeepLittle holds that the memory of a long recording is not kept, that of a short one is, and that embeddings one after
// another use one desk.
func TestDesksKeepLittle(t *testing.T) {
	m := tinyModel(t)
	e, dst, x := extractor(t, m), make([]float32, m.Dims()), slices.Repeat(voice(t, "voice_female_en_8k"), 30)
	for _, c := range []struct {
		name    string
		seconds int
		kept    bool
	}{{"part", 15, true}, {"long", 62, false}, {"part_again", 15, true}} {
		if err := e.Into(dst, x[:c.seconds*Rate]); err != nil {
			t.Fatal(err)
		}
		grown := 0
		for _, d := range m.desks.free {
			if cap(d.rows) > 0 {
				grown++
			}
		}
		if want := map[bool]int{true: 1, false: 0}[c.kept]; grown != want || len(m.desks.free) != cap(m.desks.turn) {
			t.Errorf("%s: %d desks hold memory, %d are free, want %d of %d", c.name, grown, len(m.desks.free), want, cap(m.desks.turn))
		}
	}
}
