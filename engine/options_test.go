package engine

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
)

// TestValidate changes one field of valid options at a time; the problem must be found by its sentinel and told with the value.
func TestValidate(t *testing.T) {
	shape, pitch, causal := DefaultShape(8000), DefaultPitchOptions(), CausalSlidingCMVN()
	full := func() StreamOptions {
		o := DefaultStream(8000)
		sh, p, cm, cc := shape, pitch, causal, DefaultSlidingCMVN()
		o.Shape, o.Pitch, o.LogMelCMVN, o.CepstraCMVN, o.Deltas = &sh, &p, &cm, &cc, DefaultDeltas()
		return o
	}
	if err := full().Validate(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*StreamOptions)
		is     error
		text   string
	}{
		{"rate_zero", func(o *StreamOptions) { o.Fbank.Frame.Rate = 0 }, ErrRate, "0 Hz, want 8000 to 48000"},
		{"rate_96000", func(o *StreamOptions) { o.Fbank.Frame.Rate = 96000 }, ErrRate, "96000 Hz"},
		{"window_zero", func(o *StreamOptions) { o.Fbank.Frame.WindowMs = 0 }, ErrFrame, "WindowMs 0 is 0 samples"},
		{"window_nan", func(o *StreamOptions) { o.Fbank.Frame.WindowMs = math.NaN() }, ErrFrame, "WindowMs NaN"},
		{"window_huge", func(o *StreamOptions) { o.Fbank.Frame.WindowMs = 1e300 }, ErrFrame, "WindowMs 1e+300"},
		{"hop_negative", func(o *StreamOptions) { o.Fbank.Frame.HopMs = -1 }, ErrFrame, "HopMs -1"},
		{"hop_under_a_sample", func(o *StreamOptions) { o.Fbank.Frame.HopMs = 0.01 }, ErrFrame, "0 samples, want 1"},
		{"fft_shorter_than_window", func(o *StreamOptions) { o.Fbank.Frame.FFTSize = 199 }, ErrFFT, "FFTSize 199, want 0 or 200"},
		{"fft_huge", func(o *StreamOptions) { o.Fbank.Frame.FFTSize = 1 << 20 }, ErrFFT, "FFTSize 1048576"},
		{"scale_zero", func(o *StreamOptions) { o.Fbank.Frame.Scale = 0 }, ErrFrame, "Scale 0"},
		{"preemph_one", func(o *StreamOptions) { o.Fbank.Frame.PreEmph = 1 }, ErrFrame, "PreEmph 1"},
		{"scope_unset", func(o *StreamOptions) { o.Fbank.Frame.PreEmphScope = "" }, ErrFrame, `PreEmphScope ""`},
		{"window_unset", func(o *StreamOptions) { o.Fbank.Frame.Window = "" }, ErrWindow, `"", want one of`},
		{"window_unknown", func(o *StreamOptions) { o.Fbank.Frame.Window = "hann" }, ErrWindow, `"hann", want one of`},
		{"edges_unset", func(o *StreamOptions) { o.Fbank.Frame.Edges = "" }, ErrFrame, `Edges ""`},
		{"bands_zero", func(o *StreamOptions) { o.Fbank.Mel.NumBands = 0 }, ErrMel, "NumBands 0"},
		{"low_negative", func(o *StreamOptions) { o.Fbank.Mel.LowHz = -1 }, ErrMel, "LowHz -1"},
		{"high_zero", func(o *StreamOptions) { o.Fbank.Mel.HighHz = 0 }, ErrMel, "HighHz 0, want"},
		{"high_above_nyquist", func(o *StreamOptions) { o.Fbank.Mel.HighHz = 4001 }, ErrMel, "HighHz 4001, want 0 <= LowHz < HighHz <= 4000"},
		{"scale_unset", func(o *StreamOptions) { o.Fbank.Mel.Scale = "" }, ErrMel, `Scale ""`},
		{"shape_unset", func(o *StreamOptions) { o.Fbank.Mel.Shape = "" }, ErrMel, `Shape ""`},
		{"norm_unset", func(o *StreamOptions) { o.Fbank.Mel.Norm = "" }, ErrMel, `Norm ""`},
		{"spectrum_unset", func(o *StreamOptions) { o.Fbank.Spectrum = "" }, ErrFbank, `Spectrum ""`},
		{"log_unset", func(o *StreamOptions) { o.Fbank.Log = "" }, ErrFbank, `Log ""`},
		{"floor_zero", func(o *StreamOptions) { o.Fbank.Floor = 0 }, ErrFbank, "Floor 0"},
		{"ceps_zero", func(o *StreamOptions) { o.Cepstra.NumCeps = 0 }, ErrCepstra, "NumCeps 0"},
		{"ceps_above_bands", func(o *StreamOptions) { o.Cepstra.NumCeps = 41 }, ErrCepstra, "NumCeps 41, want 1 to 40"},
		{"lifter_negative", func(o *StreamOptions) { o.Cepstra.Lifter = -1 }, ErrCepstra, "Lifter -1"},
		{"dct_unset", func(o *StreamOptions) { o.Cepstra.DCT = "" }, ErrCepstra, `DCT ""`},
		{"c0_unset", func(o *StreamOptions) { o.Cepstra.C0 = "" }, ErrCepstra, `C0 ""`},
		{"energy_floor_zero", func(o *StreamOptions) { o.Cepstra.EnergyFloor = 0 }, ErrCepstra, "EnergyFloor 0"},
		{"delta_order_4", func(o *StreamOptions) { o.Deltas.Order = 4 }, ErrDelta, "Order 4"},
		{"delta_window_zero", func(o *StreamOptions) { o.Deltas.Window = 0 }, ErrDelta, "Window 0"},
		{"delta_window_alone", func(o *StreamOptions) { o.Deltas.Order = 0 }, ErrDelta, "Window 2 without an Order"},
		{"deltas_without_cepstra", func(o *StreamOptions) { o.Cepstra, o.CepstraCMVN = nil, nil }, ErrDelta, "Order 2 without Cepstra"},
		{"cmvn_without_cepstra", func(o *StreamOptions) { o.Cepstra, o.Deltas = nil, DeltaOptions{} }, ErrCMVN, "CepstraCMVN without Cepstra"},
		{"cmvn_window_zero", func(o *StreamOptions) { o.CepstraCMVN.WindowFrames = 0 }, ErrCMVN, "WindowFrames 0"},
		{"cmvn_min_with_center", func(o *StreamOptions) { o.CepstraCMVN.MinFrames = 5 }, ErrCMVN, "MinFrames 5 with Center"},
		{"cmvn_min_zero", func(o *StreamOptions) { o.LogMelCMVN.MinFrames = 0 }, ErrCMVN, "MinFrames 0, want 1 to 300"},
		{"roll_off_zero", func(o *StreamOptions) { o.Shape.RollOff = 0 }, ErrShape, "RollOff 0"},
		{"shape_range_empty", func(o *StreamOptions) { o.Shape.HighHz = 60 }, ErrShape, "range 60 to 60 Hz"},
		{"shape_bands_falling", func(o *StreamOptions) { o.Shape.BandEdgesHz = []float64{500, 250} }, ErrShape, "band 0 500 to 250 Hz"},
		{"shape_band_without_bins", func(o *StreamOptions) { o.Shape.BandEdgesHz = []float64{1, 2} }, ErrShape, "holds 0 FFT bins"},
		{"shape_one_edge", func(o *StreamOptions) { o.Shape.BandEdgesHz = []float64{1} }, ErrShape, "1 BandEdgesHz"},
		{"slope_of_one_bin", func(o *StreamOptions) { o.Shape.SlopesHz = [][2]float64{{0, 20}} }, ErrShape, "slope 0 0 to 20 Hz holds 1 FFT bins"},
		{"pitch_floor", func(o *StreamOptions) { o.Pitch.FloorHz = 0 }, ErrPitch, "FloorHz 0"},
		{"pitch_rate", func(o *StreamOptions) { o.Pitch.Rate = 16000 }, ErrRate, "pitch at 16000 Hz, frames at 8000 Hz"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := full()
			c.change(&o)
			err := o.Validate()
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%v; want %v with %q", err, c.is, c.text)
			}
			if _, err := NewStream(o); !errors.Is(err, c.is) {
				t.Errorf("NewStream: %v, want %v", err, c.is)
			}
		})
	}
}

// TestValidateTellsAllProblems: the zero value of everything is refused with one line per problem.
func TestValidateTellsAllProblems(t *testing.T) {
	err := MFCCOptions{}.Validate()
	for _, want := range []error{ErrRate, ErrFrame, ErrWindow, ErrMel, ErrFbank, ErrCepstra} {
		if !errors.Is(err, want) {
			t.Errorf("%v is not among the problems", want)
		}
	}
	if n := len(strings.Split(err.Error(), "\n")); n < 15 {
		t.Errorf("%d problems, want 15 or more:\n%v", n, err)
	}
	for _, line := range strings.Split(err.Error(), "\n") {
		if !strings.HasPrefix(line, "engine: ") || !strings.Contains(line, "want") {
			t.Errorf("%q: want \"engine: what: value, want expected\"", line)
		}
	}
}

// TestPresetsWork: every preset makes a Stream at every common rate, and prints all its fields.
func TestPresetsWork(t *testing.T) {
	presets := map[string]func(int) MFCCOptions{"default": DefaultMFCC, "kaldi": KaldiMFCC, "librosa": LibrosaMFCC, "psf": PSFMFCC}
	for name, preset := range presets {
		for _, rate := range []int{8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000} {
			o := preset(rate)
			shape := DefaultShape(rate)
			s := o.Stream()
			s.Shape = &shape
			m, err := Extract(s, speechLike(rate, 0.5, 1))
			if err != nil {
				t.Errorf("%s at %d Hz: %v", name, rate, err)
				continue
			}
			if m.Rows < 6 || m.Cols != o.NumCeps {
				t.Errorf("%s at %d Hz: %d×%d", name, rate, m.Rows, m.Cols)
			}
		}
	}
}

// TestStringsNameEveryField: a log line with the options must tell each value that can differ.
func TestStringsNameEveryField(t *testing.T) {
	shape, center := DefaultShape(8000), DefaultSlidingCMVN()
	for _, o := range []any{DefaultFrame(8000), DefaultMel(8000), DefaultCepstra(), DefaultDeltas(), center, shape} {
		base := fmt.Sprint(o)
		v := reflect.ValueOf(o)
		for i := range v.NumField() {
			c := reflect.New(v.Type()).Elem()
			c.Set(v)
			switch f := c.Field(i); f.Kind() {
			case reflect.String:
				f.SetString("changed")
			case reflect.Bool:
				f.SetBool(!f.Bool())
			case reflect.Int:
				f.SetInt(f.Int() + 1000)
			case reflect.Float64:
				f.SetFloat(f.Float() + 0.015625)
			case reflect.Slice:
				f.Set(reflect.Zero(f.Type()))
			default:
				t.Fatalf("%T has a field of kind %v", o, f.Kind())
			}
			if fmt.Sprint(c.Interface()) == base {
				t.Errorf("%T: String does not show %s", o, v.Type().Field(i).Name)
			}
		}
	}
}

func TestNewMelBankRefusesEmptyBands(t *testing.T) {
	o := DefaultMel(8000)
	o.NumBands = 128
	_, err := NewMelBank(o, 8000, 256)
	if !errors.Is(err, ErrMel) || !strings.Contains(err.Error(), "holds no FFT bin at 31.25 Hz per bin") {
		t.Errorf("%v", err)
	}
	if _, err := NewMelBank(DefaultMel(8000), 8000, 1); !errors.Is(err, ErrFFT) {
		t.Errorf("%v, want ErrFFT", err)
	}
}
