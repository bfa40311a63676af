package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestEnvelopeFindsPeakAndLevel(t *testing.T) {
	var e envelope
	x := make([]float32, 8000)
	for i := range x {
		x[i] = 0.25
	}
	x[5100] = -0.75
	e.add(1, x)
	peak, rms := e.channels[1].columns(8, 8000)
	for i := range 8 {
		want := 0.25
		if i == 5 {
			want = 0.75
		}
		if peak[i] != want {
			t.Errorf("peak of part %d is %v, want %v", i, peak[i], want)
		}
		if math.Abs(rms[i]-0.25) > 0.005 {
			t.Errorf("level of part %d is %v, want 0.25", i, rms[i])
		}
	}
	if peak, rms := e.channels[0].columns(4, 8000); slices.Max(peak) != 0 || slices.Max(rms) != 0 {
		t.Errorf("a channel without audio has peak %v and level %v, want 0", peak, rms)
	}
}

func TestEnvelopeDoesNotDependOnTheCutsAndStaysSmall(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, 3*firstBucket*maxBuckets+17)
	for i := range x {
		x[i] = r.Float32()*2 - 1
	}
	var whole, cut envelope
	whole.add(0, x)
	for rest := x; len(rest) > 0; {
		n := min(len(rest), r.IntN(5000))
		cut.add(0, rest[:n])
		rest = rest[n:]
	}
	a, b := whole.channels[0], cut.channels[0]
	if !slices.Equal(a.peak, b.peak) || !slices.Equal(a.power, b.power) || a.bucket != b.bucket {
		t.Error("the envelope depends on how the samples were cut")
	}
	if len(a.peak) > maxBuckets {
		t.Errorf("%d buckets, want at most %d", len(a.peak), maxBuckets)
	}
	if a.bucket != 4*firstBucket {
		t.Errorf("a bucket holds %d samples, want %d", a.bucket, 4*firstBucket)
	}
	for i, p := range a.peak {
		end := min((i+1)*a.bucket, len(x))
		want := float32(0)
		for _, v := range x[i*a.bucket : end] {
			want = max(want, v, -v)
		}
		if p != want {
			t.Fatalf("peak of bucket %d is %v, want %v", i, p, want)
		}
	}
}

func TestEnvelopeIgnoresWhatIsNoSample(t *testing.T) {
	var e envelope
	e.add(0, []float32{float32(math.NaN()), float32(math.Inf(1)), 1e30, 0.5})
	e.add(-1, []float32{1})
	e.add(maxLanes, []float32{1})
	peak, rms := e.channels[0].columns(1, 4)
	if len(e.channels) != 1 || peak[0] != 0.5 || rms[0] != 0.25 {
		t.Errorf("channels %d, peak %v, level %v, want 1, 0.5, 0.25", len(e.channels), peak, rms)
	}
}
