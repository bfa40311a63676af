package sentiment

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// heardOf returns the statistics of n segments of 3 s about mean.
func heardOf(rng *rand.Rand, n int, mean float64) Normaliser {
	var out Normaliser
	for range n {
		out.Add(drawn(rng, mean), 0.4, 3)
	}
	return out
}

func TestKeptStatisticsComeBackAsTheyWere(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for range 50 {
		n := heardOf(rng, rng.IntN(20), rng.NormFloat64())
		x := drawn(rng, 0)
		x[rng.IntN(len(x))] = math.NaN()
		n.Add(x, 0.4, 10*rng.Float64())
		if rng.IntN(2) == 0 {
			n = n.Capped(20)
		}
		model := ModelSum{byte(rng.Uint32())}
		got, err := ParseNormaliser(n.Bytes(model), model)
		if err != nil || got != n {
			t.Fatalf("%v: %g s came back as %g", err, n.seconds, got.seconds)
		}
	}
}

func TestKeptStatisticsAreRefused(t *testing.T) {
	model := ModelSum{1, 2, 3}
	rng := rand.New(rand.NewPCG(13, 14))
	n := heardOf(rng, 4, 1)
	good := n.Bytes(model)
	set := func(change func(n *Normaliser)) []byte {
		bad := n
		change(&bad)
		return bad.Bytes(model)
	}
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"empty":               {nil, ErrStatistics},
		"version_to_come":     {append([]byte{keptVersion + 1}, good[1:]...), ErrStatistics},
		"version_0":           {append([]byte{0}, good[1:]...), ErrStatistics},
		"version_1":           {append([]byte{1}, good[1:]...), ErrOtherModel},
		"version_before":      {append([]byte{keptVersion - 1}, good[1:len(good)-8]...), ErrOtherModel}, // of fewer values
		"one_byte_less":       {good[:len(good)-1], ErrStatistics},
		"one_byte_more":       {append(good[:len(good):len(good)], 0), ErrStatistics},
		"name_beyond_the_end": {[]byte{keptVersion, 200, 'x'}, ErrStatistics},
		"another_feature_set": {append([]byte{keptVersion, 1}, append([]byte("x"), good[keptHead:]...)...), ErrOtherModel},
		"another_model":       {n.Bytes(ModelSum{1, 2, 4}), ErrOtherModel},
		"negative_seconds":    {set(func(n *Normaliser) { n.seconds = -1 }), ErrStatistics},
		"endless_seconds":     {set(func(n *Normaliser) { n.seconds = math.Inf(1) }), ErrStatistics},
		"no_number_of_s":      {set(func(n *Normaliser) { n.seconds = math.NaN() }), ErrStatistics},
		"aroused_negative":    {set(func(n *Normaliser) { n.aroused = -1 }), ErrStatistics},
		"aroused_over_all":    {set(func(n *Normaliser) { n.aroused = 13 }), ErrStatistics},
		"aroused_no_number":   {set(func(n *Normaliser) { n.aroused = math.NaN() }), ErrStatistics},
		"negative_weight":     {set(func(n *Normaliser) { n.weight[3] = -1e-3 }), ErrStatistics},
		"weight_over_seconds": {set(func(n *Normaliser) { n.weight[3] = 13 }), ErrStatistics},
		"weight_no_number":    {set(func(n *Normaliser) { n.weight[0] = math.NaN() }), ErrStatistics},
		"sum_no_number":       {set(func(n *Normaliser) { n.sum[NumValues-1] = math.NaN() }), ErrStatistics},
		"sum_endless":         {set(func(n *Normaliser) { n.sum[0] = math.Inf(-1) }), ErrStatistics},
		"squares_negative":    {set(func(n *Normaliser) { n.squares[7] = -1 }), ErrStatistics},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseNormaliser(c.b, model)
			if !errors.Is(err, c.want) || got != (Normaliser{}) {
				t.Errorf("%v, %g s; want %v and nothing", err, got.seconds, c.want)
			}
		})
	}
}

// FuzzParseNormaliser: what is taken gives finite normals, and is written as it was read.
func FuzzParseNormaliser(f *testing.F) {
	rng := rand.New(rand.NewPCG(15, 16))
	var model ModelSum
	n := heardOf(rng, 3, 2)
	f.Add(n.Bytes(model))
	var none Normaliser
	f.Add(none.Bytes(model))
	f.Add(n.Bytes(ModelSum{9}))
	f.Add(n.Bytes(model)[:keptHead])
	f.Add([]byte{keptVersion, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := ParseNormaliser(b, model)
		if err != nil {
			if n != (Normaliser{}) {
				t.Fatal("an error, and statistics")
			}
			return
		}
		if again, err := ParseNormaliser(n.Bytes(model), model); err != nil || again != n {
			t.Fatalf("written and read again: %v", err)
		}
		n = n.Earlier()
		for i := range NumValues {
			if m, v := n.normal(i, 0, 1); !finite(m) || !finite(v) || v < 0 {
				t.Fatalf("value %d: normal %g, variance %g", i, m, v)
			}
		}
	})
}

func TestEarlierCallsAreAPriorAndNoMore(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	whole := heardOf(rng, 40, 3)
	earlier := whole.Earlier()
	if earlier.Seconds() != EarlierSeconds {
		t.Errorf("%g s, want %g of %g", earlier.Seconds(), EarlierSeconds, whole.Seconds())
	}
	m, v := earlier.normal(7, 0, 1)
	wm, wv := whole.normal(7, 0, 1)
	if math.Abs(m-wm) > 1e-9 || math.Abs(v-wv) > 1e-9 {
		t.Errorf("normal %g, variance %g; want those of the whole, %g and %g", m, v, wm, wv)
	}
	if m, v := earlier.normal(fLevel, 0, 1); m != 0 || v != 1 || earlier.levelReliability() != 0 {
		t.Errorf("level %g, variance %g, reliability %g: of the line of then nothing holds now", m, v, earlier.levelReliability())
	}
	few := heardOf(rng, 2, 3)
	if few = few.Earlier(); few.Seconds() != 6 {
		t.Errorf("6 s of earlier calls count as %g", few.Seconds())
	}
	var now Normaliser
	for now.Seconds() < 2*EarlierSeconds { // this call is at -3: after 60 s it has two thirds of the say
		now.Add(drawn(rng, -3), 0.4, 3)
	}
	earlier.Merge(&now)
	if m, _ := earlier.normal(7, 0, 1); math.Abs(m-(3-2*3)/3.0) > 0.4 {
		t.Errorf("normal %g after 60 s on this call, want about -1", m)
	}
	if r := earlier.levelReliability(); r != now.levelReliability() {
		t.Errorf("reliability %g of the level, want that of this call alone, %g", r, now.levelReliability())
	}
}

func TestMergeIsAsIfAddedOneByOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(19, 20))
	var a, b, all Normaliser
	for k := range 9 {
		x := drawn(rng, 1)
		x[k] = math.NaN()
		all.Add(x, 0.4, 2)
		if k%2 == 0 {
			a.Add(x, 0.4, 2)
		} else {
			b.Add(x, 0.4, 2)
		}
	}
	a.Merge(&b)
	for i := range NumValues {
		m, v := a.normal(i, 0, 1)
		wm, wv := all.normal(i, 0, 1)
		if math.Abs(m-wm) > 1e-9 || math.Abs(v-wv) > 1e-9 {
			t.Fatalf("value %d: %g %g, want %g %g", i, m, v, wm, wv)
		}
	}
	var none Normaliser
	if none.Merge(&all); none != all {
		t.Error("merged into nothing is not the same, bit for bit")
	}
}

func TestCappingTwiceIsCappingOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	n := heardOf(rng, 20, 0)
	if n.Capped(60) != n || n.Capped(1e6) != n {
		t.Error("what is below the cap is changed")
	}
	once := n.Capped(15)
	if once.Capped(15) != once || once.Seconds() != 15 {
		t.Errorf("%g s, want 15, and the same when capped again", once.Seconds())
	}
}
