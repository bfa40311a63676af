package engine

import (
	"strings"
	"testing"
)

// kaldiOptions turns the options that a golden file of kaldi-native-fbank sets into ours.
func kaldiOptions(t *testing.T, f goldenFile, rate int) MFCCOptions {
	t.Helper()
	o := KaldiMFCC(rate)
	for key, v := range f.Options {
		number, _ := v.(float64)
		flag, _ := v.(bool)
		text, _ := v.(string)
		switch key {
		case "use_energy":
			if !flag {
				o.C0 = C0Cepstrum
			}
		case "raw_energy":
			if !flag {
				o.C0 = C0WindowedEnergy
			}
		case "num_ceps":
			o.NumCeps = int(number)
		case "mel.num_bins":
			o.Fbank.Mel.NumBands = int(number)
		case "mel.low_freq":
			o.Fbank.Mel.LowHz = number
		case "mel.high_freq":
			if o.Fbank.Mel.HighHz = number; number < 0 {
				o.Fbank.Mel.HighHz += float64(rate) / 2
			}
		case "use_power":
			if !flag {
				o.Fbank.Spectrum = SpectrumMagnitude
			}
		case "frame.snip_edges":
			if !flag {
				o.Fbank.Frame.Edges = EdgesReflect
			}
		case "frame.window_type":
			o.Fbank.Frame.Window = map[string]WindowKind{"hamming": WindowHamming, "hann": WindowHannPeriodic,
				"hanning": WindowHannSymmetric, "blackman": WindowBlackman, "rectangular": WindowRectangular}[text]
		case "frame.preemph_coeff":
			o.Fbank.Frame.PreEmph = number
		case "frame.remove_dc_offset":
			o.Fbank.Frame.RemoveDC = flag
		case "frame.frame_length_ms":
			o.Fbank.Frame.WindowMs = number
		case "frame.frame_shift_ms":
			o.Fbank.Frame.HopMs = number
		case "frame.round_to_power_of_two":
			if !flag {
				o.Fbank.Frame.FFTSize = o.Fbank.Frame.WindowSamples()
			}
		default:
			t.Fatalf("%s: option %q has no counterpart here", f.name, key)
		}
	}
	return o
}

func TestGoldenKaldiMFCC(t *testing.T) {
	for _, f := range goldenFiles(t, 11, "knf", "mfcc*.json") {
		t.Run(f.name, func(t *testing.T) {
			x, rate := f.audio(t)
			got, err := MFCC(kaldiOptions(t, f, rate), x)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("greatest difference from %s: %.2g", f.Tool, compareRows(t, f, got, f.AbsTol))
		})
	}
}

func TestGoldenKaldiFbank(t *testing.T) {
	for _, f := range goldenFiles(t, 27, "knf", "fbank*.json") {
		t.Run(f.name, func(t *testing.T) {
			x, rate := f.audio(t)
			got, err := LogMel(kaldiOptions(t, f, rate).Fbank, x)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("greatest difference from %s: %.2g", f.Tool, compareRows(t, f, got, f.AbsTol))
		})
	}
}

// TestGoldenKaldiFloat64 asks for ten times the precision of the tool, against its definition evaluated in float64.
func TestGoldenKaldiFloat64(t *testing.T) {
	for _, f := range goldenFiles(t, 8, "knf", "float64_*.json") {
		x, rate := f.audio(t)
		o := kaldiOptions(t, f, rate)
		extract := MFCC
		if strings.Contains(f.name, "fbank") {
			extract = func(o MFCCOptions, x []float32) (*Matrix, error) { return LogMel(o.Fbank, x) }
		}
		got, err := extract(o, x)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: greatest difference from %s: %.2g", f.name, f.Tool, compareRows(t, f, got, f.AbsTol))
	}
}

func TestGoldenKaldiDeltas(t *testing.T) {
	for _, f := range goldenFiles(t, 3, "knf", "deltas_*.json") {
		x, rate := f.audio(t)
		o := KaldiMFCC(rate).Stream()
		o.Deltas = DeltaOptions{Order: int(f.number("order", 0)), Window: int(f.number("window", 0))}
		got, err := Extract(o, x)
		if err != nil {
			t.Fatal(err)
		}
		compareRows(t, f, got, f.AbsTol)

		plain, err := MFCC(KaldiMFCC(rate), x)
		if err != nil {
			t.Fatal(err)
		}
		batch, err := Deltas(o.Deltas, plain)
		if err != nil {
			t.Fatal(err)
		}
		compareRows(t, f, batch, f.AbsTol)
	}
}

func TestGoldenKaldiCMVN(t *testing.T) {
	for _, f := range goldenFiles(t, 2, "knf", "cmvn_*.json") {
		x, rate := f.audio(t)
		m, err := MFCC(KaldiMFCC(rate), x)
		if err != nil {
			t.Fatal(err)
		}
		CMVN(m, f.Options["norm_vars"].(bool))
		compareRows(t, f, m, f.AbsTol)
	}
}

func TestGoldenKaldiSlidingCMVN(t *testing.T) {
	causal := 0
	for _, f := range goldenFiles(t, 8, "knf", "sliding_*.json") {
		x, rate := f.audio(t)
		c := SlidingCMVNOptions{WindowFrames: int(f.number("window", 0)), MinFrames: int(f.number("min", 0)),
			Center: f.Options["center"].(bool), NormVar: f.Options["norm_vars"].(bool)}
		if strings.Contains(f.name, "causal") {
			causal++
		}
		o := KaldiMFCC(rate).Stream()
		o.CepstraCMVN = &c
		got, err := Extract(o, x)
		if err != nil {
			t.Fatal(err)
		}
		compareRows(t, f, got, f.AbsTol)

		plain, err := MFCC(KaldiMFCC(rate), x)
		if err != nil {
			t.Fatal(err)
		}
		batch, err := SlidingCMVN(c, plain)
		if err != nil {
			t.Fatal(err)
		}
		compareRows(t, f, batch, f.AbsTol)
	}
	if causal == 0 {
		t.Error("no golden file of causal windows")
	}
}
