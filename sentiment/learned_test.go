package sentiment

import (
	"math"
	"slices"
	"testing"
)

// measured returns the values of x, written in pieces of n samples and measured after each of them and at the end.
func measured(t *testing.T, x []float32, n int) []float64 {
	t.Helper()
	r, s := newReader(t), modelOf(t, weights()).NewScorer()
	dst := make([]float64, NumValues)
	for len(x) > 0 {
		k := min(n, len(x))
		r.Write(x[:k])
		x = x[k:]
		s.Measure(dst, r.Frames())
	}
	r.Flush()
	s.Measure(dst, r.Frames())
	return dst
}

func TestLearnedFunctionalsDoNotDependOnTheCut(t *testing.T) {
	x := slices.Repeat(voice(t), 4)
	x = x[:min(len(x), 8*Rate)]
	want := measured(t, x, len(x))
	for _, n := range []int{777, Rate, 3 * Rate} {
		if got := measured(t, x, n); !slices.Equal(got, want) {
			t.Errorf("pieces of %d samples: other values than in one", n)
		}
	}
}

// TestLearnedFunctionalsArePooledOverPieces holds a segment of two pieces against the two heard alone.
func TestLearnedFunctionalsArePooledOverPieces(t *testing.T) {
	r, s := newReader(t), modelOf(t, weights()).NewScorer()
	r.Write(slices.Repeat(voice(t), 4)[:7*Rate])
	r.Flush()
	all := Descriptors{Cepstra: r.Frames().Cepstra[:2*pieceFrames*trunkCepstra]}
	var got [NumLearned]float64
	var half [2][NumLearned]float64
	s.ear.hear(got[:], &all)
	for i := range half {
		d := Descriptors{Cepstra: all.Cepstra[i*pieceFrames*trunkCepstra:][:pieceFrames*trunkCepstra]}
		s.ear.hear(half[i][:], &d)
	}
	for i := range learnedRows {
		if want := (half[0][i] + half[1][i]) / 2; math.Abs(got[i]-want) > 1e-9 {
			t.Errorf("mean %d is %g, want %g", i, got[i], want)
		}
	}
	if half[0] == half[1] {
		t.Error("both pieces sound the same to the trunk")
	}
}

func TestLearnedFunctionalsOfTooLittleAreNaN(t *testing.T) {
	s := modelOf(t, weights()).NewScorer()
	for frames, want := range map[int]bool{0: false, leastPiece - 1: false, leastPiece: true, pieceFrames + leastPiece - 1: true} {
		d := Descriptors{Cepstra: make([]float32, frames*trunkCepstra)}
		var got [NumLearned]float64
		s.ear.hear(got[:], &d)
		if finite(got[0]) != want || finite(got[NumLearned-1]) != want {
			t.Errorf("%d frames: %g, want a number: %t", frames, got[0], want)
		}
	}
}

func TestCepstraAreThereForEveryFrame(t *testing.T) {
	r := newReader(t)
	r.Write(voice(t))
	r.Flush()
	if n := len(r.Frames().Cepstra); n != r.Frames().Frames()*trunkCepstra {
		t.Errorf("%d cepstra for %d frames, want %d each", n, r.Frames().Frames(), trunkCepstra)
	}
	tail := r.Frames().Last(20)
	tail.Append(r.Frames(), 10)
	if n := len(tail.Cepstra); tail.Frames() != 30 || n != 30*trunkCepstra {
		t.Errorf("%d cepstra for %d frames joined, want 30 of %d", n, tail.Frames(), trunkCepstra)
	}
}

// TestNotHeardCountsAsNothing: where the learned functionals are NaN both views of them are 0, however much is known of the speaker.
func TestNotHeardCountsAsNothing(t *testing.T) {
	s := modelOf(t, weights()).NewScorer()
	x := make([]float64, NumValues)
	for i := range x {
		x[i] = 2.5
	}
	var n Normaliser
	n.Add(x, 0.4, 30)
	for i := NumFunctionals; i < NumValues; i++ {
		x[i] = math.NaN()
	}
	s.fill(x, &n)
	for i := NumFunctionals; i < NumValues; i++ {
		if s.x[i] != 0 || s.x[NumValues+i] != 0 {
			t.Fatalf("value %d is seen as %g and %g, want 0", i, s.x[i], s.x[NumValues+i])
		}
	}
}
