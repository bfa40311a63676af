package voiceprint

import (
	"fmt"
	"math"
	"time"

	"github.com/timbre-voice/timbre/engine"
)

// Quality is what was measured about the audio behind an embedding.
type Quality struct {
	NetSpeech   time.Duration // speech without pauses
	SNRdB       float64       // speech over the noise under it, -10 to 60; NaN where it cannot be told
	Clipped     float64       // share of the samples in runs at full scale, in [0, 1]
	BandwidthHz float64       // upper edge of the band that holds the speech, at most 4000; NaN where it cannot be told
}

// String prints every figure.
func (q Quality) String() string {
	return fmt.Sprintf("%.1f s of speech, SNR %.1f dB, %.2f %% clipped, up to %.0f Hz",
		q.NetSpeech.Seconds(), q.SNRdB, 100*q.Clipped, q.BandwidthHz)
}

// weight says how much an embedding counts beside others of the same speaker: with the root of its speech, for errors of an
// embedding fall that way, and less where noise comes near. A minute is as good as it gets.
func (q Quality) weight() float64 {
	w := math.Sqrt(min(q.NetSpeech.Seconds(), 60))
	if q.SNRdB < 20 { // false for NaN
		w *= max(q.SNRdB, 2) / 20
	}
	return w
}

// Bounds of an SNR: beyond them lie digital silence and a wrong guess of the speech.
const minSNRdB, maxSNRdB = -10, 60

// levels counts 10 ms frames by their level, in half decibels from -100 to 0 dBFS. Memory is fixed and the order of the audio
// does not matter, so that a stream and a file agree.
type levels struct {
	count [201]int64
	total int64
	sum   float64
	fill  int
}

const levelFrame = Rate / 100

func (l *levels) add(x []float32) {
	for _, v := range x {
		l.sum += float64(v) * float64(v)
		if l.fill++; l.fill == levelFrame {
			db := 10 * math.Log10(l.sum/levelFrame+1e-10)
			l.count[int(min(max(math.Round(2*db)+200, 0), 200))]++
			l.total++
			l.fill, l.sum = 0, 0
		}
	}
}

// quantile returns the level, in dBFS, that a share of the frames does not exceed; false without frames.
func (l *levels) quantile(share float64) (float64, bool) {
	rank := int64(math.Ceil(share * float64(l.total)))
	for i, n := range l.count {
		if rank -= n; n > 0 && rank <= 0 {
			return float64(i-200) / 2, true
		}
	}
	return 0, false
}

// noiseShare is the part of all frames that is taken for noise alone: less than the pauses of any speech.
const noiseShare = 0.1

// snr compares the mean power of the speech with the level under everything heard.
func (l *levels) snr(speechPower float64) float64 {
	floor, ok := l.quantile(noiseShare)
	if !ok || speechPower <= 0 {
		return math.NaN()
	}
	noise := math.Pow(10, floor/10)
	if speechPower <= noise {
		return minSNRdB
	}
	return min(max(10*math.Log10((speechPower-noise)/noise), minSNRdB), maxSNRdB)
}

// clipping counts the samples in runs at full scale, as they arrived: a resampler would hide them.
type clipping struct {
	total, clipped int64
	run            int64
	positive       bool
}

const (
	clipLevel = 0.98 // the largest codes of G.711 decode to 0.980 (mu-law) and 0.984 (A-law)
	clipRun   = 3    // one or two samples at full scale are a peak
)

func (c *clipping) add(x []float32) {
	for _, v := range x {
		if v < clipLevel && v > -clipLevel {
			c.run = 0
			continue
		}
		if c.run > 0 && (v > 0) != c.positive {
			c.run = 0
		}
		c.positive = v > 0
		switch c.run++; {
		case c.run == clipRun:
			c.clipped += clipRun
		case c.run > clipRun:
			c.clipped++
		}
	}
	c.total += int64(len(x))
}

func (c *clipping) share() float64 { return float64(c.clipped) / float64(max(c.total, 1)) }

// band sums the power spectra of the speech and finds the edge above which nothing is left.
type band struct {
	fft    *engine.RealFFT
	window []float64
	x      []float64
	power  []float64
	sum    []float64
	fill   int
}

const (
	bandWindow = 256
	bandDropDB = 45 // below the strongest bin: under the hiss of speech, over the skirts of a channel filter and of mu-law
)

func newBand() (*band, error) {
	fft, err := engine.NewRealFFT(bandWindow)
	if err != nil {
		return nil, err
	}
	w, err := engine.Window(engine.WindowHannPeriodic, bandWindow)
	if err != nil {
		return nil, err
	}
	return &band{fft: fft, window: w, x: make([]float64, bandWindow), power: make([]float64, fft.Bins()), sum: make([]float64, fft.Bins())}, nil
}

func (b *band) reset() {
	clear(b.sum)
	b.fill = 0
}

func (b *band) add(x []float32) {
	for _, v := range x {
		b.x[b.fill] = float64(v) * b.window[b.fill]
		if b.fill++; b.fill == bandWindow {
			b.power = b.fft.Power(b.power, b.x)
			for k, p := range b.power {
				b.sum[k] += p
			}
			b.fill = 0
		}
	}
}

// edge returns the upper end of the band in Hz; NaN without speech.
func (b *band) edge() float64 {
	peak := 0.0
	for _, p := range b.sum {
		peak = max(peak, p)
	}
	if peak <= 0 {
		return math.NaN()
	}
	least := peak * math.Pow(10, -bandDropDB/10.0)
	for k := len(b.sum) - 1; k > 0; k-- {
		if b.sum[k] >= least {
			return float64(k) * Rate / bandWindow
		}
	}
	return 0
}
