package engine

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
)

// librosaOptions turns the options that a golden file of librosa sets into ours; topDB is 0 for none.
func librosaOptions(t *testing.T, f goldenFile, rate int) (o MFCCOptions, topDB float64) {
	t.Helper()
	o = LibrosaMFCC(rate)
	ms := func(samples float64) float64 { return 1000 * samples / float64(rate) }
	for key, v := range f.Options {
		number, _ := v.(float64)
		flag, _ := v.(bool)
		switch key {
		case "n_fft":
			o.Fbank.Frame.FFTSize = int(number)
		case "win_length":
			o.Fbank.Frame.WindowMs = ms(number)
		case "hop_length":
			o.Fbank.Frame.HopMs = ms(number)
		case "n_mels":
			o.Fbank.Mel.NumBands = int(number)
		case "htk":
			if flag {
				o.Fbank.Mel.Scale = MelHTK
			}
		case "norm":
			if v == nil {
				o.Fbank.Mel.Norm = MelNormPeak
			}
		case "fmin":
			o.Fbank.Mel.LowHz = number
		case "fmax":
			o.Fbank.Mel.HighHz = number
		case "power":
			o.Fbank.Spectrum, o.Fbank.Floor = SpectrumMagnitude, 1e-5
		case "top_db":
			topDB = number
		default:
			t.Fatalf("%s: option %q has no counterpart here", f.name, key)
		}
	}
	return o, topDB
}

func TestGoldenLibrosaMelAndMFCC(t *testing.T) {
	for _, f := range append(goldenFiles(t, 15, "librosa", "mel_[ds]*_[vs]*_[0-9]*.json"), goldenFiles(t, 13, "librosa", "mfcc_*.json")...) {
		t.Run(f.name, func(t *testing.T) {
			x, rate := f.audio(t)
			o, topDB := librosaOptions(t, f, rate)
			got, err := LogMel(o.Fbank, x)
			if err != nil {
				t.Fatal(err)
			}
			if topDB != 0 {
				TopDB(got, topDB)
			}
			if strings.HasPrefix(f.name, "mfcc") {
				if got, err = Cepstra(o.CepstraOptions, got); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("greatest difference from %s: %.2g", f.Tool, compareRows(t, f, got, f.AbsTol))
		})
	}
}

// TestGoldenLibrosaShape compares columns whose units differ, each with a tolerance of its own: the file's 0.01 is for Hz.
func TestGoldenLibrosaShape(t *testing.T) {
	tol := []float64{1e-2, 1e-2, 1e-3, 1e-5, 1e-5, 2e-3, 2e-3, 1e-3, 1e-3, 1e-3}
	for _, f := range goldenFiles(t, 2, "librosa", "shape_*.json") {
		x, rate := f.audio(t)
		o := StreamOptions{Fbank: LibrosaMelDB(rate)}
		o.Fbank.Frame.FFTSize, o.Fbank.Mel.NumBands = int(f.number("n_fft", 0)), 32
		o.Fbank.Frame.WindowMs = 1000 * f.number("win_length", 0) / float64(rate)
		o.Fbank.Frame.HopMs = 1000 * f.number("hop_length", 0) / float64(rate)
		o.Shape = &ShapeOptions{LowHz: 0, HighHz: 4000, RollOff: 0.85, BandEdgesHz: []float64{0, 250, 1000, 4000},
			SlopesHz: [][2]float64{{0, 500}, {500, 1500}}}
		frames, err := Frames(o, x)
		if err != nil {
			t.Fatal(err)
		}
		var want goldenRows
		f.value(t, &want)
		if len(frames) != want.NumRows {
			t.Fatalf("%d frames, %s has %d", len(frames), f.Tool, want.NumRows)
		}
		worst := make([]float64, len(tol))
		for i, r := range want.Rows {
			s := frames[r].Shape
			got := append([]float32{s.CentroidHz, s.SpreadHz, s.RollOffHz, s.Flatness, s.Flux}, append(s.SlopesDBPerKHz, s.BandsDBFS...)...)
			for c, w := range want.Data[i] {
				d := math.Abs(float64(got[c]) - w)
				worst[c] = max(worst[c], d)
				if !(d <= tol[c]) {
					t.Errorf("%s: frame %d column %d: %v, want %v", f.name, r, c, got[c], w)
				}
			}
		}
		t.Logf("%s: greatest differences %.2g", f.name, worst)
	}
}

func TestGoldenMelFilters(t *testing.T) {
	for _, f := range goldenFiles(t, 5, "librosa", "filters_*.json") {
		o := MelOptions{NumBands: int(f.number("n_mels", 0)), LowHz: f.number("fmin", 0), HighHz: f.number("rate", 0) / 2,
			Scale: MelSlaney, Shape: MelShapeHz, Norm: MelNormPeak}
		if f.Options["htk"].(bool) {
			o.Scale = MelHTK
		}
		if f.Options["norm"] == "slaney" {
			o.Norm = MelNormArea
		}
		fft := int(f.number("n_fft", 0))
		bank, err := NewMelBank(o, int(f.number("rate", 0)), fft)
		if err != nil {
			t.Fatal(err)
		}
		w := bank.Weights(fft/2 + 1)
		var want []struct {
			Band, First int
			Weights     []float64
		}
		f.value(t, &want)
		for _, b := range want {
			for bin, got := range w[b.Band] {
				wt := 0.0
				if i := bin - b.First; i >= 0 && i < len(b.Weights) {
					wt = b.Weights[i]
				}
				if math.Abs(got-wt) > f.AbsTol {
					t.Errorf("%s: band %d bin %d: %v, want %v", f.name, b.Band, bin, got, wt)
				}
			}
		}
	}
}

func TestGoldenMelScale(t *testing.T) {
	for _, scale := range []MelScale{MelHTK, MelSlaney} {
		f := goldenFileNamed(t, "librosa", "mel_scale_"+string(scale))
		var want struct{ Hz, Mel, Back []float64 }
		f.value(t, &want)
		for i, hz := range want.Hz {
			if got := scale.Mel(hz); math.Abs(got-want.Mel[i]) > f.AbsTol {
				t.Errorf("%s: %v Hz is %v mel, want %v", scale, hz, got, want.Mel[i])
			}
			if got := scale.Hz(want.Mel[i]); math.Abs(got-want.Back[i]) > f.AbsTol {
				t.Errorf("%s: %v mel is %v Hz, want %v", scale, want.Mel[i], got, want.Back[i])
			}
		}
	}
}

func TestGoldenWindows(t *testing.T) {
	for _, f := range goldenFiles(t, 5, "librosa", "window_*.json") {
		var want map[string][]float64
		f.value(t, &want)
		for length, w := range want {
			n, err := strconv.Atoi(length)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Window(WindowKind(strings.TrimPrefix(f.name, "window_")), n)
			if err != nil {
				t.Fatal(err)
			}
			for i := range w {
				if math.Abs(got[i]-w[i]) > f.AbsTol {
					t.Errorf("%s of %d, sample %d: %v, want %v", f.name, n, i, got[i], w[i])
				}
			}
		}
	}
}

func TestGoldenDCT(t *testing.T) {
	for _, f := range goldenFiles(t, 7, "librosa", "dct_*.json") {
		var want struct {
			X           []float32
			Ortho, None []float64
		}
		f.value(t, &want)
		n := len(want.X)
		for norm, w := range map[DCTNorm][]float64{DCTOrtho: want.Ortho, DCTNone: want.None} {
			for _, keep := range []int{1, (n + 1) / 2, n} {
				got := make([]float32, keep)
				newDCT(n, keep, norm, Lifter(keep, 0)).transform(got, want.X)
				for k, g := range got {
					if math.Abs(float64(g)-w[k]) > f.AbsTol {
						t.Errorf("%s: c[%d] of %d: %v, want %v", fmt.Sprint(f.name, " ", norm), k, keep, g, w[k])
					}
				}
			}
		}
	}
}
