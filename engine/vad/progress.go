package vad

import (
	"math"

	"github.com/timbre-voice/timbre/engine"
)

// toneClass is what a steady tone of one analysis window can be part of.
type toneClass uint8

const (
	noTone   toneClass = iota
	ringTone           // all power between 340 and 500 Hz: 425, 400+450, 440+480, 350+440 Hz and their relatives
	busyTone           // 480+620 Hz
	cngTone            // 1100 Hz, fax calling
	cedTone            // 2100 Hz, fax answering
)

const (
	toneWindow = 1024 // 128 ms, bins of 7.8 Hz: parts 440 from 480 Hz
	toneHop    = 256  // 32 ms
	toneLeast  = 1e-5 // power of a tone, -50 dBFS
	tonePurity = 0.85 // share of the power between 200 and 3400 Hz
	toneCover  = 0.25 // power at half cover of the window: -6 dB of the burst's level
)

// toneFrame is one window: what it can be, how loud, and where its one or two peaks lie.
type toneFrame struct {
	class toneClass
	power float64    // mean square of the tone
	hz    [2]float64 // lower and higher peak; the second is 0 for a single tone
}

// progress finds call-progress and fax tones: a spectrum every 32 ms, then the cadence of what is steady.
type progress struct {
	fft     *engine.RealFFT
	win     []float64
	sumW2   float64
	x       []float64
	spec    []float64
	buf     [toneWindow]float32
	fill    int
	at      int64
	cadence cadence
}

func newProgress() (*progress, error) {
	fft, err := engine.NewRealFFT(toneWindow)
	if err != nil {
		return nil, err
	}
	win, err := engine.Window(engine.WindowHannPeriodic, toneWindow)
	if err != nil {
		return nil, err
	}
	p := &progress{fft: fft, win: win, x: make([]float64, toneWindow), spec: make([]float64, fft.Bins())}
	for _, w := range win {
		p.sumW2 += w * w
	}
	p.reset()
	return p, nil
}

func (p *progress) reset() {
	clear(p.buf[:])
	p.fill, p.at = toneWindow-toneHop, 0
	p.cadence = cadence{}
}

func (p *progress) write(x []float32, emit func(Event)) {
	for len(x) > 0 {
		n := copy(p.buf[p.fill:], x)
		p.fill += n
		p.at += int64(n)
		x = x[n:]
		if p.fill == toneWindow {
			// A frame speaks for the hop in the middle of its window.
			p.cadence.push(p.analyse(), p.at-toneWindow/2-toneHop/2, p.at, emit)
			p.fill = copy(p.buf[:], p.buf[toneHop:])
		}
	}
}

func (p *progress) flush(emit func(Event)) {
	p.cadence.flush(p.at, emit)
	p.reset()
}

func bin(hz float64) int { return int(math.Round(hz * toneWindow / Rate)) }

// analyse classifies the window by where its power lies.
func (p *progress) analyse() toneFrame {
	var f toneFrame
	var loud float64
	for i, v := range p.buf {
		p.x[i] = float64(v) * p.win[i]
		loud += p.x[i] * p.x[i]
	}
	if power := loud / p.sumW2; !(power >= toneLeast*toneCover && power < maxPower) {
		return f // too quiet for any tone (spare the transform: most of a call one side is silent) or no number
	}
	p.spec = p.fft.Power(p.spec, p.x)
	total := p.band(200, 3400)
	scale := 2 / (p.sumW2 * toneWindow) // power sum of a real signal's half spectrum -> mean square (Parseval)
	for _, c := range [...]struct {
		class     toneClass
		low, high float64
	}{{ringTone, 340, 500}, {busyTone, 450, 650}, {cngTone, 1062, 1138}, {cedTone, 2080, 2120}} {
		in := p.band(c.low-16, c.high+16) // the skirts of the main lobe
		if in < tonePurity*total {
			continue
		}
		first, second := p.peaks(c.low-16, c.high+16)
		if c.class == busyTone && !(math.Abs(first-480) < 12 && math.Abs(second-620) < 12) {
			continue
		}
		if (c.class == cngTone || c.class == cedTone) && (second != 0 || first < c.low || first > c.high) {
			continue
		}
		return toneFrame{class: c.class, power: in * scale, hz: [2]float64{first, second}}
	}
	return f
}

func (p *progress) band(low, high float64) float64 {
	var sum float64
	for _, v := range p.spec[bin(low) : bin(high)+1] {
		sum += v
	}
	return sum
}

// peaks returns the one or two strongest peaks between low and high Hz in rising order, interpolated on the logarithm; the
// second is 0 where nothing else reaches a tenth of the first.
func (p *progress) peaks(low, high float64) (float64, float64) {
	var hz, pow [2]float64
	for k := bin(low); k <= bin(high); k++ {
		a, b, c := p.spec[k-1], p.spec[k], p.spec[k+1]
		if b < a || b <= c || b <= pow[1] {
			continue
		}
		d := 0.0
		if a > 0 && c > 0 {
			la, lb, lc := math.Log(a), math.Log(b), math.Log(c)
			if den := la - 2*lb + lc; den < 0 {
				d = 0.5 * (la - lc) / den
			}
		}
		f := (float64(k) + d) * Rate / toneWindow
		if b > pow[0] {
			hz[1], pow[1] = hz[0], pow[0]
			hz[0], pow[0] = f, b
		} else {
			hz[1], pow[1] = f, b
		}
	}
	if pow[1] < 0.1*pow[0] {
		return hz[0], 0
	}
	return min(hz[0], hz[1]), max(hz[0], hz[1])
}
