package vad

import (
	"math"

	"github.com/timbre-voice/timbre/engine/nn"
	"github.com/timbre-voice/timbre/engine/timeline"
)

// ITU-T Q.23: a digit is one frequency of the low group (row) and one of the high group (column).
var dtmfHz = [8]float64{697, 770, 852, 941, 1209, 1336, 1477, 1633}

const dtmfDigits = "123A456B789C*0#D"

// The receiver, within the ranges that ITU-T Q.24 lists for administrations.
const (
	dtmfWindow   = 200   // 25 ms: a 40 ms digit holds one whole window with room to spare
	dtmfHop      = 40    // 5 ms
	dtmfLeast    = 1e-4  // power of one tone, -40 dBFS: some 12 dB below the -25 dBm that must be received
	dtmfPurity   = 0.7   // share of the window's power in the two tones: rejects speech and music
	dtmfTwistUp  = 6     // dB by which the high group may be louder; 4 must be accepted
	dtmfTwistLow = -10   // dB by which it may be softer; -8 must be accepted
	dtmfOffset   = 0.025 // relative frequency error; 1.5 % must be accepted, 3.5 % refused
	dtmfHits     = 5     // hops that make a digit: 40 ms must be accepted, 23 ms refused
	dtmfMisses   = 5     // hops that end one: a 10 ms dropout must not, a 40 ms pause must
	dtmfCover    = 120   // samples of a tone under the window when it begins to count as a hit
)

// maxPower is far above any signal within [-1, 1].
const maxPower = 1e6

// dtmf correlates each window with the eight frequencies. The phase step from one hop to the next gives the frequency to a few
// Hz, far below the width of the window's main lobe, which is what Q.24's 3.5 % limit asks for.
type dtmf struct {
	waves  []float32           // 16×dtmfWindow: windowed cosine and sine of each frequency, one after the other
	win2   [dtmfWindow]float32 // squared window
	turn   [8]complex128       // exp(-iω·hop): undoes the phase step of a tone exactly on frequency
	sumW   float64
	sumW2  float64
	spread float64 // second moment of the window in s²: how fast its main lobe falls
	buf    [dtmfWindow]float32
	fill   int
	at     int64 // samples taken
	last   [8]complex128
	digit  int // the digit of the running hits, -1 for none
	hits   int
	misses int
	from   int64 // first sample of the running digit
	upto   int64 // its end as known so far
	open   bool
}

func (d *dtmf) init() {
	d.waves = make([]float32, 2*len(dtmfHz)*dtmfWindow)
	for n := range dtmfWindow {
		w := 0.54 - 0.46*math.Cos(2*math.Pi*float64(n)/(dtmfWindow-1)) // Hamming
		d.sumW += w
		d.sumW2 += w * w
		d.win2[n] = float32(w * w)
		for k, hz := range dtmfHz {
			s, c := math.Sincos(2 * math.Pi * hz * float64(n) / Rate)
			d.waves[2*k*dtmfWindow+n], d.waves[(2*k+1)*dtmfWindow+n] = float32(w*c), float32(-w*s)
		}
	}
	for n := range dtmfWindow {
		t := (float64(n) - (dtmfWindow-1)/2.0) / Rate
		d.spread += math.Sqrt(float64(d.win2[n])) * t * t / d.sumW
	}
	for k, hz := range dtmfHz {
		s, c := math.Sincos(-2 * math.Pi * hz * dtmfHop / Rate)
		d.turn[k] = complex(c, s)
	}
	d.reset()
}

func (d *dtmf) reset() {
	clear(d.buf[:])
	clear(d.last[:])
	d.fill, d.at, d.digit, d.hits, d.misses, d.open = dtmfWindow-dtmfHop, 0, -1, 0, 0, false
}

func (d *dtmf) write(x []float32, emit func(Event)) {
	for len(x) > 0 {
		n := copy(d.buf[d.fill:], x)
		d.fill += n
		d.at += int64(n)
		x = x[n:]
		if d.fill == dtmfWindow {
			d.hop(emit)
			d.fill = copy(d.buf[:], d.buf[dtmfHop:])
		}
	}
}

func (d *dtmf) hop(emit func(Event)) {
	digit := d.detect()
	switch {
	case digit >= 0 && digit == d.digit:
		d.hits++
		d.misses = 0
		d.upto = d.at - dtmfWindow + dtmfCover
	case d.digit >= 0 && (digit < 0 || d.misses+1 < dtmfMisses):
		d.misses++
		if d.misses < dtmfMisses {
			return
		}
		d.finish(emit)
	}
	if d.digit < 0 && digit >= 0 {
		d.digit, d.hits, d.misses = digit, 1, 0
		d.from, d.upto = max(0, d.at-dtmfCover), d.at-dtmfWindow+dtmfCover
	}
	if d.digit >= 0 && !d.open && d.hits >= dtmfHits {
		d.open = true
		emit(Event{Type: Start, Kind: KindDTMF, Interval: timeline.Interval{Start: d.from, End: d.at}, At: d.at})
	}
}

func (d *dtmf) finish(emit func(Event)) {
	if d.open {
		emit(Event{Type: End, Kind: KindDTMF, Interval: timeline.Interval{Start: d.from, End: max(d.upto, d.from)},
			Detail: dtmfDigits[d.digit : d.digit+1], At: d.at})
	}
	d.digit, d.hits, d.misses, d.open = -1, 0, 0, false
}

func (d *dtmf) flush(emit func(Event)) {
	d.finish(emit)
	d.reset()
}

// detect returns the digit under the window, -1 for none.
func (d *dtmf) detect() int {
	var power float64
	for n, v := range d.buf {
		power += float64(d.win2[n] * v * v)
	}
	power /= d.sumW2
	if !(power >= dtmfLeast && power < maxPower) { // a NaN or an infinity under the window is no tone either
		clear(d.last[:])
		return -1
	}
	var spec [8]complex128
	var p [8]float64
	var parts [2 * len(dtmfHz)]float32
	nn.DotRows(parts[:], d.waves, d.buf[:])
	for k := range dtmfHz {
		re, im := float64(parts[2*k]), float64(parts[2*k+1])
		spec[k] = complex(re, im)
		p[k] = 2 * (re*re + im*im) / (d.sumW * d.sumW) // A²/2 of a sine of amplitude A
	}
	row, col := 0, 4
	for k := 1; k < 4; k++ {
		if p[k] > p[row] {
			row = k
		}
		if p[k+4] > p[col] {
			col = k + 4
		}
	}
	before := d.last
	d.last = spec
	if p[row] < dtmfLeast/2 || p[col] < dtmfLeast/2 {
		return -1
	}
	for _, k := range [2]int{row, col} {
		if before[k] == 0 {
			return -1
		}
		step := spec[k] * d.turn[k] * complex(real(before[k]), -imag(before[k]))
		hz := math.Atan2(imag(step), real(step)) * Rate / (2 * math.Pi * dtmfHop)
		if math.Abs(hz) > dtmfOffset*dtmfHz[k] {
			return -1
		}
		turn := 2 * math.Pi * hz
		p[k] *= math.Exp(turn * turn * d.spread) // what the main lobe lost beside its centre, as if it were Gaussian
	}
	twist := 10 * math.Log10(p[col]/p[row])
	if p[row] < dtmfLeast || p[col] < dtmfLeast || p[row]+p[col] < dtmfPurity*power || twist > dtmfTwistUp || twist < dtmfTwistLow {
		return -1
	}
	return row*4 + col - 4
}
