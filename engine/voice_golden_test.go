package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/internal/testkit"
)

// praatMeasures is what Praat says of one voice under one condition; see testdata/golden/gen/praat_voice.py.
type praatMeasures struct {
	SHA256          string    `json:"sha256"`
	F0Hz            []float64 `json:"f0_hz"` // every 10 ms from 22.5 ms: frame 1 of ours is the first
	Pulses          int       `json:"pulses"`
	Jitter          float64   `json:"jitter"`
	Shimmer         float64   `json:"shimmer"`
	HNRdBMean       float64   `json:"hnr_db_mean"`
	HNRdBMeanVoiced float64   `json:"hnr_db_mean_voiced"`
	NucleiS         []float64 `json:"nuclei_s"`
	PhonationS      float64   `json:"phonation_s"`
}

// praatVoice is one voice with all its conditions, as sound and as Praat measured it.
type praatVoice struct {
	name  string
	rate  int
	clean []float64 // cut to 45 ms + k·10 ms
	praat map[string]praatMeasures
}

// praatVoices reads the voices of one rate.
func praatVoices(t *testing.T, rate int) []praatVoice {
	t.Helper()
	suffix := "_8k"
	if rate == 16000 {
		suffix = "_16k"
	}
	var voices []praatVoice
	for _, f := range goldenFiles(t, 4, "praat", "voice_*"+suffix+".json") {
		x, got := f.audio(t)
		if got != rate {
			t.Fatalf("%s: %d Hz, want %d", f.name, got, rate)
		}
		v := praatVoice{name: strings.TrimSuffix(f.name, suffix), rate: rate}
		f.value(t, &v.praat)
		k := (len(x)*1000 - 45*rate) / (10 * rate)
		for _, s := range x[:(45+10*k)*rate/1000] {
			v.clean = append(v.clean, float64(s))
		}
		voices = append(voices, v)
	}
	recorded, err := filepath.Glob(filepath.Join(testkit.Root(t), "testdata", "audio", "voice_*"+suffix+".wav"))
	if err != nil || len(recorded) != len(voices) {
		t.Fatalf("%d voices recorded at %d Hz, %d measured by Praat: run testdata/golden/gen/praat_voice.py", len(recorded), rate, len(voices))
	}
	return voices
}

// The telephone band as in praat_voice.py: sections b0, b1, b2, a1, a2.
var phoneBand = map[int][][5]float64{
	8000: {
		{0.734407997989, -1.468815995977, 0.734407997989, -1.59971967105, 0.645176015313},
		{1.0, -2.0, 1.0, -1.785253057254, 0.835981368617},
		{0.536588531114, 1.073177062227, 0.536588531114, 1.255440473485, 0.40901378318},
		{1.0, 2.0, 1.0, 1.518241844064, 0.703962656667},
	},
	16000: {
		{0.857246084796, -1.714492169591, 0.857246084796, -1.791587696778, 0.804092843983},
		{1.0, -2.0, 1.0, -1.900646563807, 0.913912933692},
		{0.056397578349, 0.112795156698, 0.056397578349, -0.245945200651, 0.05354502051},
		{1.0, 2.0, 1.0, -0.340272117982, 0.45760923396},
	},
}

// The products below are rounded one by one (float64(...)), because a fused multiply-add would not give the bits of the script.

func phoneFilter(x []float64, rate int) []float64 {
	x = slices.Clone(x)
	for _, c := range phoneBand[rate] {
		var s1, s2 float64
		for i, v := range x {
			y := float64(c[0]*v) + s1
			s1 = float64(c[1]*v) - float64(c[3]*y) + s2
			s2 = float64(c[2]*v) - float64(c[4]*y)
			x[i] = y
		}
	}
	return x
}

func xorshiftNoise(n int) []float64 {
	s := uint32(0x9E3779B9)
	out := make([]float64, n)
	for i := range out {
		s ^= s << 13
		s ^= s >> 17
		s ^= s << 5
		out[i] = float64(s)/2147483648 - 1
	}
	return out
}

func meanPower(x []float64) float64 {
	var sum float64
	for _, v := range x {
		sum += float64(v * v)
	}
	return sum / float64(len(x))
}

func activePower(x []float64, rate int) float64 {
	var blocks []float64
	for step, i := rate/50, 0; i+step <= len(x); i += step {
		blocks = append(blocks, meanPower(x[i:i+step]))
	}
	top := slices.Max(blocks)
	var sum float64
	n := 0
	for _, p := range blocks {
		if p > float64(top*1e-3) {
			sum += p
			n++
		}
	}
	return sum / float64(n)
}

func mixAt10dB(x, noise []float64, rate int) []float64 {
	gain := math.Sqrt(activePower(x, rate) / 10 / meanPower(noise))
	out := make([]float64, len(x))
	for i := range x {
		out[i] = x[i] + float64(gain*noise[i])
	}
	return out
}

func babbleNoise(voices []praatVoice, but string, n, rate int) []float64 {
	out := make([]float64, n)
	for _, v := range voices { // sorted by name, as the script has them
		if v.name == but {
			continue
		}
		y := v.clean
		gain := 1 / math.Sqrt(activePower(y, rate))
		for i := range out {
			out[i] += float64(gain * y[len(y)-1-i%len(y)])
		}
	}
	return out
}

// sound returns v under one condition and fails where it is not, bit by bit, what Praat heard.
func (v praatVoice) sound(t *testing.T, voices []praatVoice, condition string) []float32 {
	t.Helper()
	x := v.clean
	if strings.HasPrefix(condition, "phone") {
		x = phoneFilter(x, v.rate)
	}
	switch {
	case strings.HasSuffix(condition, "white10"):
		x = mixAt10dB(x, xorshiftNoise(len(x)), v.rate)
	case condition == "babble10":
		x = mixAt10dB(x, babbleNoise(voices, v.name, len(x), v.rate), v.rate)
	}
	out := make([]float32, len(x))
	h := sha256.New()
	for i, s := range x {
		out[i] = float32(s)
		h.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(out[i])))
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != v.praat[condition].SHA256 {
		t.Fatalf("%s %s at %d Hz: not the sound that Praat measured (sha256 %s, want %s)", v.name, condition, v.rate, got, v.praat[condition].SHA256)
	}
	return out
}

// trackErrors counts how a track differs from the truth, frame by frame.
type trackErrors struct {
	frames, both, gross, missed, falsely int
	truth, got                           []float64 // voiced values
	ratios                               []float64 // got/truth in frames voiced in both
}

func (e *trackErrors) add(truth, got []float64) {
	for i, want := range truth {
		v := got[i]
		e.frames++
		if want > 0 {
			e.truth = append(e.truth, want)
		}
		if v > 0 {
			e.got = append(e.got, v)
		}
		switch {
		case want > 0 && v > 0:
			e.both++
			e.ratios = append(e.ratios, v/want)
			if math.Abs(v/want-1) > 0.2 {
				e.gross++
			}
		case want > 0:
			e.missed++
		case v > 0:
			e.falsely++
		}
	}
}

func (e *trackErrors) grossRate() float64   { return float64(e.gross) / float64(max(e.both, 1)) }
func (e *trackErrors) voicingRate() float64 { return float64(e.missed+e.falsely) / float64(e.frames) }
func (e *trackErrors) medianError() float64 { return median(e.got)/median(e.truth) - 1 }

func median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	v = slices.Clone(v)
	slices.Sort(v)
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

// pitchOf returns the track of x as Praat's frames stand: without our first frame.
func pitchOf(t *testing.T, x []float32, rate int) ([]PitchFrame, []float64) {
	t.Helper()
	o := DefaultPitchOptions()
	o.Rate = rate
	track, err := Pitch(o, x)
	if err != nil {
		t.Fatal(err)
	}
	var hz []float64
	for _, f := range track[1:] {
		hz = append(hz, float64(f.F0Hz))
	}
	return track, hz
}
