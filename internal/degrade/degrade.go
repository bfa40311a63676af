// Package degrade puts a recording through a telephone line, so that a model is judged on what it will hear: the band of a line,
// the steps of mu-law and, if wanted, noise. It serves evaluation and is pure: equal samples in, equal samples out, whatever ran
// before. Each file is degraded by itself, before speech is looked for in it.
//
// The band is 250 to 3500 Hz, a little wider than the 300 to 3400 Hz that ITU-T G.712 guarantees and about what lines carry, with the
// slopes of a line: 24 dB an octave below it, so that the fundamental of a voice is weak, not gone. The level is left alone, for
// loudness is something that models measure.
package degrade

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/timbre-voice/timbre/engine"
	"github.com/timbre-voice/timbre/engine/audio"
)

// Line is the kind of line that a recording goes through.
type Line string

// The lines.
const (
	None       Line = "none"        // nothing is changed
	Phone      Line = "phone"       // brought to Rate, band-passed, mu-law
	PhoneNoisy Line = "phone-noisy" // as Phone, with noise at SNRdB under it
)

const (
	// Rate is the sample rate behind every line but None.
	Rate = 8000
	// SNRdB is the level of the speech over the noise of PhoneNoisy, both measured within the band of the line.
	SNRdB = 10

	lowHz, highHz = 250, 3500
)

// ErrLine marks the name of no line.
var ErrLine = errors.New("degrade: no such line")

// Lines returns the names of all lines.
func Lines() []string { return []string{string(None), string(Phone), string(PhoneNoisy)} }

// Parse returns the line of that name; ErrLine otherwise.
func Parse(name string) (Line, error) {
	for _, l := range Lines() {
		if l == name {
			return Line(l), nil
		}
	}
	return "", fmt.Errorf("%w: %q, want one of %s", ErrLine, name, strings.Join(Lines(), ", "))
}

// Apply returns one channel as it sounds behind the line, and its sample rate: Rate, or rate unchanged for None, which returns x
// itself. x holds samples in [-1, 1] at rate and is only read. The noise depends on the samples alone, so that one recording gets
// the same noise in every run and two recordings get different noise.
// Errors: ErrLine, and audio.ErrLimit for a rate that cannot be converted.
func (l Line) Apply(x []float32, rate int) ([]float32, int, error) {
	if _, err := Parse(string(l)); err != nil {
		return nil, 0, err
	}
	if l == None {
		return x, rate, nil
	}
	r, err := audio.NewResampler(rate, Rate)
	if err != nil {
		return nil, 0, err
	}
	y := r.Flush(r.Write(make([]float32, 0, len(x)*Rate/rate+1), x))
	y = bandPass(y)
	if l == PhoneNoisy {
		addNoise(y, x)
	}
	for i, v := range y {
		y[i] = codes().of(v)
	}
	return y, Rate, nil
}

// line returns the filter of the line: a high-pass at lowHz and a low-pass at highHz, both Butterworth of fourth order, by the bilinear
// transform: 3 dB down at the edges, 24 dB an octave below them. scipy.signal.butter(4, ...) gives the same.
func line() []engine.Biquad {
	var f []engine.Biquad
	for k := range 2 {
		damping := 2 * math.Cos(math.Pi*float64(2*k+1)/8) // of the two pairs of poles
		for _, hz := range []float64{lowHz, highHz} {
			w := math.Tan(math.Pi * hz / Rate)
			a0 := 1 + damping*w + w*w
			s := engine.Biquad{B0: w * w / a0, B1: 2 * w * w / a0, B2: w * w / a0, A1: 2 * (w*w - 1) / a0, A2: (1 - damping*w + w*w) / a0}
			if hz == lowHz {
				s.B0, s.B1, s.B2 = 1/a0, -2/a0, 1/a0
			}
			f = append(f, s)
		}
	}
	return f
}

// bandPass returns x within the band of the line.
func bandPass(x []float32) []float32 {
	f, y := line(), make([]float32, len(x))
	for i, v := range x {
		z := float64(v)
		for k := range f {
			z = f[k].Next(z)
		}
		y[i] = float32(z)
	}
	return y
}

// addNoise adds noise to y, speech within the band, SNRdB below the level of the speech. source seeds it.
func addNoise(y, source []float32) {
	rng := rand.New(rand.NewChaCha8(digest(source)))
	noise := make([]float32, len(y))
	low := 0.0
	for i := range noise { // white through a pole at 0.6: falling by 12 dB across the band, between hiss and the rumble of a room
		low = 0.6*low + rng.NormFloat64()
		noise[i] = float32(low)
	}
	noise = bandPass(noise)
	speech, under := activePower(y), meanPower(noise)
	if speech == 0 || under == 0 {
		return
	}
	gain := float32(math.Sqrt(speech / under * math.Pow(10, -SNRdB/10.0)))
	for i := range y {
		y[i] += gain * noise[i]
	}
}

// digest returns the SHA-256 of the samples.
func digest(x []float32) [sha256.Size]byte {
	h := sha256.New()
	var buf [1024]byte
	for len(x) > 0 {
		n := min(len(x), len(buf)/4)
		for i, v := range x[:n] {
			binary.LittleEndian.PutUint32(buf[4*i:], math.Float32bits(v))
		}
		h.Write(buf[:4*n])
		x = x[n:]
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// activePower returns the mean power of the 20 ms frames that lie less than 16 dB (the margin of ITU-T P.56) below the mean of all
// frames, so that pauses do not count as quiet speech.
func activePower(x []float32) float64 {
	const frame = Rate / 50
	least := meanPower(x) * math.Pow(10, -1.6)
	sum, n := 0.0, 0
	for len(x) > 0 {
		k := min(frame, len(x))
		if p := meanPower(x[:k]); p > 0 && p >= least {
			sum += p * float64(k)
			n += k
		}
		x = x[k:]
	}
	return sum / float64(max(n, 1))
}

func meanPower(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum / float64(max(len(x), 1))
}

// muLaw maps a sample to what its mu-law code decodes to.
type muLaw struct {
	value []float32 // the 255 values, rising
}

// codes returns the table, taken from the decoder of package audio.
var codes = sync.OnceValue(func() *muLaw {
	d, err := audio.NewDecoder("mulaw", Rate)
	if err != nil {
		panic("degrade: no mu-law decoder: " + err.Error())
	}
	m := &muLaw{}
	var code []byte
	for c := range 128 { // code 0 is the lowest value, 127 is minus zero
		code = append(code, byte(c))
	}
	for c := 255; c >= 128; c-- { // 255 is zero, 128 the highest value
		code = append(code, byte(c))
	}
	value, err := d.Decode(nil, code)
	if err != nil {
		panic("degrade: mu-law decoder: " + err.Error())
	}
	m.value = append(value[:127], value[128:]...)
	return m
})

// of returns the value nearest to v.
func (m *muLaw) of(v float32) float32 {
	lo, hi := 0, len(m.value)-1
	for lo < hi { // the first value at or above v
		mid := (lo + hi) / 2
		if m.value[mid] < v {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo > 0 && v-m.value[lo-1] <= m.value[lo]-v {
		lo--
	}
	return m.value[lo]
}
