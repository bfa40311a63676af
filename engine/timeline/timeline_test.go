package timeline

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestInterval(t *testing.T) {
	v := Interval{10, 20}
	if v.Len() != 10 || v.Empty() || !v.Contains(10) || v.Contains(20) {
		t.Fatalf("half-open interval %v: Len %d", v, v.Len())
	}
	if (Interval{20, 10}).Len() != 0 {
		t.Error("a reversed interval holds samples")
	}
	for _, c := range []struct {
		name                 string
		a, b                 Interval
		intersect, gap, hull Interval
	}{
		{"apart", Interval{0, 5}, Interval{8, 9}, Interval{}, Interval{5, 8}, Interval{0, 9}},
		{"touching", Interval{0, 5}, Interval{5, 9}, Interval{}, Interval{}, Interval{0, 9}},
		{"overlapping", Interval{0, 5}, Interval{3, 9}, Interval{3, 5}, Interval{}, Interval{0, 9}},
		{"inside", Interval{0, 9}, Interval{3, 5}, Interval{3, 5}, Interval{}, Interval{0, 9}},
		{"empty_operand", Interval{0, 9}, Interval{4, 4}, Interval{}, Interval{}, Interval{0, 9}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, p := range [][2]Interval{{c.a, c.b}, {c.b, c.a}} {
				if got := p[0].Intersect(p[1]); got != c.intersect {
					t.Errorf("%v.Intersect(%v) = %v, want %v", p[0], p[1], got, c.intersect)
				}
				if got := p[0].Gap(p[1]); got != c.gap {
					t.Errorf("%v.Gap(%v) = %v, want %v", p[0], p[1], got, c.gap)
				}
				if got := p[0].Hull(p[1]); got != c.hull {
					t.Errorf("%v.Hull(%v) = %v, want %v", p[0], p[1], got, c.hull)
				}
			}
		})
	}
}

func TestUnits(t *testing.T) {
	if got := Ms(8001, 8000); got != 1000 {
		t.Errorf("Ms(8001, 8000) = %d, want 1000", got)
	}
	if got := Samples(1000, 44100); got != 44100 {
		t.Errorf("Samples(1000, 44100) = %d, want 44100", got)
	}
	if got := Duration(12000, 8000); got != 1500*time.Millisecond {
		t.Errorf("Duration(12000, 8000) = %v, want 1.5s", got)
	}
}

// TestSetAgainstBitmap compares every operation with the same one on an array of booleans.
func TestSetAgainstBitmap(t *testing.T) {
	const n = 40
	r := rand.New(rand.NewPCG(1, 2))
	random := func() (Set, [n]bool) {
		var vs []Interval
		var bits [n]bool
		for range r.IntN(6) {
			a := r.Int64N(n)
			v := Interval{a, min(n, a+r.Int64N(8))}
			vs = append(vs, v)
			for i := v.Start; i < v.End; i++ {
				bits[i] = true
			}
		}
		return NewSet(vs...), bits
	}
	check := func(what string, s Set, want func(i int) bool) {
		t.Helper()
		for i, v := range s {
			if v.Empty() || i > 0 && v.Start <= s[i-1].End {
				t.Fatalf("%s: %v is not an ordered disjoint set", what, s)
			}
		}
		var count int64
		for i := range n {
			if s.Contains(int64(i)) != want(i) {
				t.Fatalf("%s: %v: sample %d covered: %v, want %v", what, s, i, !want(i), want(i))
			}
			if want(i) {
				count++
			}
		}
		if s.Len() != count {
			t.Fatalf("%s: %v: Len %d, want %d", what, s, s.Len(), count)
		}
	}
	for range 2000 {
		a, bitsA := random()
		b, bitsB := random()
		w := Interval{r.Int64N(n), r.Int64N(n + 1)}
		in := func(i int) bool { return w.Contains(int64(i)) }
		check("NewSet", a, func(i int) bool { return bitsA[i] })
		check("Union", a.Union(b), func(i int) bool { return bitsA[i] || bitsB[i] })
		check("Intersect", a.Intersect(b), func(i int) bool { return bitsA[i] && bitsB[i] })
		check("Subtract", a.Subtract(b), func(i int) bool { return bitsA[i] && !bitsB[i] })
		check("Crop", a.Crop(w), func(i int) bool { return bitsA[i] && in(i) })
		check("Gaps", a.Gaps(w), func(i int) bool { return !bitsA[i] && in(i) })
		if !slices.Equal(a.Union(b), b.Union(a)) {
			t.Fatalf("Union is not symmetric for %v and %v", a, b)
		}
	}
}

func ExampleSet() {
	speech := NewSet(Interval{0, 100}, Interval{140, 300})
	other := NewSet(Interval{250, 400})
	fmt.Println("overlap:", speech.Intersect(other))
	fmt.Println("silence:", speech.Union(other).Gaps(Interval{0, 500}))
	fmt.Println("turns:  ", speech.Close(50))
	// Output:
	// overlap: [[250, 300)]
	// silence: [[100, 140) [400, 500)]
	// turns:   [[0, 300)]
}
