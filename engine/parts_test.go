package engine

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestLogTable: the error stays under 1e-10 from the smallest floor to the largest number.
func TestLogTable(t *testing.T) {
	table, r, worst := newLogTable(), rand.New(rand.NewPCG(3, 4)), 0.0
	check := func(x float64) { worst = max(worst, math.Abs(table.ln(x)-math.Log(x))) }
	for range 1_000_000 {
		check(math.Exp(r.Float64()*1400 - 700))
		check(1 + (r.Float64()-0.5)/64)
	}
	for _, x := range []float64{1, 2, 0.5, 1 - 1e-16, 1 + 1e-15, 1e-100, math.MaxFloat64, 0x1p-1022, 1e-10, 1.0 / 3} {
		check(x)
	}
	if !(worst < 1e-10) {
		t.Errorf("greatest error %g", worst)
	}
	t.Logf("greatest error %.2g", worst)
}

func TestLevelDBFS(t *testing.T) {
	sine := make([]float32, 8000)
	for i := range sine {
		sine[i] = float32(math.Sin(2 * math.Pi * 100 * float64(i) / 8000))
	}
	for _, c := range []struct {
		name string
		x    []float32
		want float64
	}{
		{"empty", nil, LevelFloorDBFS},
		{"silence", make([]float32, 100), LevelFloorDBFS},
		{"constant_1", []float32{1, 1, 1, 1, 1}, 0},
		{"square", []float32{0.1, -0.1, 0.1}, -20},
		{"sine", sine, -3.0103},
		{"one_lsb_of_16_bit", []float32{1.0 / 32768, -1.0 / 32768}, -90.309},
		{"not_a_number", []float32{float32(math.NaN())}, LevelFloorDBFS},
	} {
		if got := float64(LevelDBFS(c.x)); math.Abs(got-c.want) > 1e-3 {
			t.Errorf("%s: %v dBFS, want %v", c.name, got, c.want)
		}
	}
}

// TestMelBankEqualsDense: the two-sided walk over the runs gives what the dense matrix gives, for every shape, scale and norm, and
// the triangles of peak norm add up to 1 between the first and the last centre.
func TestMelBankEqualsDense(t *testing.T) {
	for _, scale := range []MelScale{MelHTK, MelSlaney} {
		for _, shape := range []MelShape{MelShapeMel, MelShapeHz, MelShapeBins} {
			for _, norm := range []MelNorm{MelNormPeak, MelNormArea} {
				o := MelOptions{NumBands: 26, LowHz: 60, HighHz: 4000, Scale: scale, Shape: shape, Norm: norm}
				b, err := NewMelBank(o, 8000, 512)
				if err != nil {
					t.Fatal(err)
				}
				x := gaussian(257, 3)
				for i := range x {
					x[i] *= x[i]
				}
				got, w := make([]float64, 26), b.Weights(257)
				b.Apply(got, x)
				for k := range got {
					want := 0.0
					for i, v := range x {
						want += w[k][i] * v
					}
					if math.Abs(got[k]-want) > 1e-12*(1+want) {
						t.Errorf("%v band %d: %v, want %v", o, k, got[k], want)
					}
				}
				if norm == MelNormArea {
					continue
				}
				edges := b.EdgesHz()
				for i := range x {
					sum := 0.0
					for k := range w {
						sum += w[k][i]
					}
					if hz := float64(i) * 8000 / 512; hz > edges[1] && hz < edges[26]-20 && math.Abs(sum-1) > 1e-12 {
						t.Errorf("%v: bin %d at %v Hz has weights that add up to %v", o, i, hz, sum)
					}
				}
			}
		}
	}
}

// TestDCTHTK: HTK's scaling differs from the orthonormal one in c0 only, by √2.
func TestDCTHTK(t *testing.T) {
	x := []float32{3, -1, 4, 1, -5, 9, 2}
	a, b := make([]float32, 7), make([]float32, 7)
	newDCT(7, 7, DCTOrtho, Lifter(7, 0)).transform(a, x)
	newDCT(7, 7, DCTHTK, Lifter(7, 0)).transform(b, x)
	a[0] *= math.Sqrt2
	for k := range a {
		if math.Abs(float64(a[k]-b[k])) > 1e-6 {
			t.Errorf("c%d: %v, want %v", k, b[k], a[k])
		}
	}
}

// TestCepstraEqualsStream: the transform of a finished log-mel matrix is bit for bit what the Stream gives.
func TestCepstraEqualsStream(t *testing.T) {
	o, x := DefaultMFCC(8000), speechLike(8000, 1, 1)
	logMel, err := LogMel(o.Fbank, x)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Cepstra(o.CepstraOptions, logMel)
	if err != nil {
		t.Fatal(err)
	}
	want, err := MFCC(o, x)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Data, want.Data) {
		t.Error("Cepstra(LogMel) differs from MFCC")
	}
	o.C0 = C0RawEnergy
	if _, err := Cepstra(o.CepstraOptions, logMel); !errors.Is(err, ErrCepstra) {
		t.Errorf("energy from log-mel: %v, want ErrCepstra", err)
	}
}

// TestDeltasOfALine: the regression returns the slope of a straight line, and nothing as its second derivative, away from the ends.
func TestDeltasOfALine(t *testing.T) {
	m := NewMatrix(30, 2)
	for i := range m.Rows {
		copy(m.Row(i), []float32{0.25*float32(i) + 3, -2 * float32(i)})
	}
	for _, o := range []DeltaOptions{{Order: 1, Window: 1}, {Order: 2, Window: 2}, {Order: 3, Window: 3}} {
		d, err := Deltas(o, m)
		if err != nil {
			t.Fatal(err)
		}
		for i := o.Lag(); i < m.Rows-o.Lag(); i++ {
			for k, want := range append([]float64{0.25, -2}, make([]float64, 2*o.Order-2)...) {
				if got := float64(d.Row(i)[2+k]); math.Abs(got-want) > 1e-6 {
					t.Errorf("%v: frame %d value %d: %v, want %v", o, i, k, got, want)
				}
			}
		}
	}
	if _, err := Deltas(DeltaOptions{Order: 9}, m); !errors.Is(err, ErrDelta) {
		t.Errorf("%v, want ErrDelta", err)
	}
}

// TestCMVNStats: after normalisation each column has mean 0 and deviation 1; a constant column is 0; none is no change.
func TestCMVNStats(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	m := NewMatrix(500, 3)
	for i := range m.Rows {
		copy(m.Row(i), []float32{float32(5 + 2*r.NormFloat64()), float32(-100 + 0.1*r.NormFloat64()), 7})
	}
	untouched := slices.Clone(m.Row(0))
	NewCMVNStats(3).Apply(untouched, true)
	if !slices.Equal(untouched, m.Row(0)) {
		t.Error("empty statistics changed a vector")
	}
	CMVN(m, true)
	after := NewCMVNStats(3)
	for i := range m.Rows {
		after.Add(m.Row(i))
	}
	if after.Count() != 500 {
		t.Errorf("%d vectors counted, want 500", after.Count())
	}
	for k, wantVar := range []float64{1, 1, 0} {
		mean := after.sum[k] / 500
		if v := after.sq[k]/500 - mean*mean; math.Abs(mean) > 1e-5 || math.Abs(v-wantVar) > 1e-4 {
			t.Errorf("column %d: mean %v variance %v", k, mean, v)
		}
	}
}

// TestSlidingCMVNForgetsLevels: a jump of the channel gain is gone one window after it; an error in the options is told.
func TestSlidingCMVNForgetsLevels(t *testing.T) {
	m := NewMatrix(400, 1)
	for i := range m.Rows {
		m.Row(i)[0] = float32(math.Sin(float64(i))) + 10*float32(i/200)
	}
	o := SlidingCMVNOptions{WindowFrames: 44, MinFrames: 1} // 44 frames are 7 periods of the sine to 0.02
	y, err := SlidingCMVN(o, m)
	if err != nil {
		t.Fatal(err)
	}
	for i := range y.Rows {
		if settled := i > 44 && i < 200 || i > 244; settled && math.Abs(float64(y.Row(i)[0])) > 1.1 {
			t.Errorf("frame %d: %v", i, y.Row(i)[0])
		}
	}
	if y.Row(210)[0] < 5 {
		t.Errorf("frame 210, just after the jump: %v, want it to show", y.Row(210)[0])
	}
	if _, err := SlidingCMVN(SlidingCMVNOptions{}, m); !errors.Is(err, ErrCMVN) {
		t.Errorf("%v, want ErrCMVN", err)
	}
}

// TestShapeOfKnownSpectra: a tone has its centroid and roll-off at its frequency, white noise is flat and its centroid is mid-band, a
// repeated frame has no flux, and band levels add up to the level.
func TestShapeOfKnownSpectra(t *testing.T) {
	o := StreamOptions{Fbank: DefaultFbank(8000)}
	o.Fbank.Frame.Window, o.Fbank.Frame.RemoveDC = WindowHannPeriodic, false
	o.Fbank.Frame.WindowMs = 32
	o.Shape = &ShapeOptions{LowHz: 0, HighHz: 4000, RollOff: 0.85, BandEdgesHz: []float64{0, 900, 1100, 4000}, SlopesHz: [][2]float64{{0, 4000}}}
	tone := make([]float32, 8000)
	for i := range tone {
		tone[i] = float32(0.5 * math.Cos(2*math.Pi*1000*float64(i)/8000))
	}
	frames, err := Frames(o, tone)
	if err != nil {
		t.Fatal(err)
	}
	s := frames[50].Shape
	if math.Abs(float64(s.CentroidHz)-1000) > 0.1 || math.Abs(float64(s.RollOffHz)-1000) > 31.3 || s.Flatness > 1e-4 || s.Flux > 1e-3 {
		t.Errorf("tone of 1000 Hz: %+v", s)
	}
	if level := -9.0309; math.Abs(float64(s.BandsDBFS[1])-level) > 0.01 || s.BandsDBFS[0] > -80 || s.BandsDBFS[2] > -80 {
		t.Errorf("tone of %v dBFS: bands %v", level, s.BandsDBFS)
	}
	r := rand.New(rand.NewPCG(4, 4))
	noise := make([]float32, 80000)
	for i := range noise {
		noise[i] = float32(0.1 * r.NormFloat64())
	}
	frames, err = Frames(o, noise)
	if err != nil {
		t.Fatal(err)
	}
	var centroid, flatness, slope, power float64
	for _, f := range frames {
		centroid += float64(f.Shape.CentroidHz) / float64(len(frames))
		flatness += float64(f.Shape.Flatness) / float64(len(frames))
		slope += float64(f.Shape.SlopesDBPerKHz[0]) / float64(len(frames))
		for _, b := range f.Shape.BandsDBFS {
			power += math.Pow(10, float64(b)/10) / float64(len(frames))
		}
	}
	// the periodogram of Gaussian noise is exponentially distributed: exp(E ln) / mean = exp(-γ) = 0.561
	if math.Abs(centroid-2000) > 20 || math.Abs(flatness-math.Exp(-0.5772)) > 0.03 || math.Abs(slope) > 0.2 || math.Abs(power-0.01) > 3e-4 {
		t.Errorf("white noise: centroid %v Hz, flatness %v, slope %v dB/kHz, power %v", centroid, flatness, slope, power)
	}
}
