package engine

import (
	"math"
	"strings"
	"testing"
)

// psfOptions turns the options that a golden file of python_speech_features sets into ours.
func psfOptions(t *testing.T, f goldenFile, rate int) MFCCOptions {
	t.Helper()
	o := PSFMFCC(rate)
	for key, v := range f.Options {
		number, _ := v.(float64)
		flag, _ := v.(bool)
		text, _ := v.(string)
		switch key {
		case "appendEnergy":
			if !flag {
				o.C0 = C0Cepstrum
			}
		case "ceplifter":
			o.Lifter = number
		case "winfunc":
			o.Fbank.Frame.Window = WindowKind(text)
		case "nfft":
			o.Fbank.Frame.FFTSize = int(number)
		case "numcep":
			o.NumCeps = int(number)
		case "nfilt":
			o.Fbank.Mel.NumBands = int(number)
		case "lowfreq":
			o.Fbank.Mel.LowHz = number
		case "highfreq":
			o.Fbank.Mel.HighHz = number
		case "winlen":
			o.Fbank.Frame.WindowMs = 1000 * number
		case "winstep":
			o.Fbank.Frame.HopMs = 1000 * number
		case "preemph":
			o.Fbank.Frame.PreEmph = number
		default:
			t.Fatalf("%s: option %q has no counterpart here", f.name, key)
		}
	}
	return o
}

func TestGoldenPSF(t *testing.T) {
	for _, f := range append(goldenFiles(t, 11, "psf", "mfcc*.json"), goldenFiles(t, 5, "psf", "logfbank*.json")...) {
		t.Run(f.name, func(t *testing.T) {
			x, rate := f.audio(t)
			o := psfOptions(t, f, rate)
			var got *Matrix
			var err error
			if strings.HasPrefix(f.name, "mfcc") {
				got, err = MFCC(o, x)
			} else {
				got, err = LogMel(o.Fbank, x)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("greatest difference from %s: %.2g", f.Tool, compareRows(t, f, got, f.AbsTol))
		})
	}
}

func TestGoldenPSFDelta(t *testing.T) {
	f := goldenFileNamed(t, "psf", "delta")
	x, rate := f.audio(t)
	m, err := MFCC(PSFMFCC(rate), x)
	if err != nil {
		t.Fatal(err)
	}
	both, err := Deltas(DeltaOptions{Order: 1, Window: int(f.number("N", 0))}, m)
	if err != nil {
		t.Fatal(err)
	}
	d := NewMatrix(both.Rows, m.Cols)
	for i := range d.Rows {
		copy(d.Row(i), both.Row(i)[m.Cols:])
	}
	compareRows(t, f, d, f.AbsTol)
}

func TestGoldenPSFLifter(t *testing.T) {
	f := goldenFileNamed(t, "psf", "lifter")
	var want []float64
	f.value(t, &want)
	got := Lifter(len(want), f.number("L", 0))
	for k, w := range want {
		if math.Abs(got[k]-w) > f.AbsTol {
			t.Errorf("weight %d: %v, want %v", k, got[k], w)
		}
	}
}
