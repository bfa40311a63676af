package engine

import (
	"errors"
	"fmt"
	"math"
)

// ErrVoice is what VoiceOptions.Validate wraps its findings in, but for the rate, which is ErrRate.
var ErrVoice = errors.New("engine: voice options")

// ErrTooLittleVoice says that a segment holds too little voiced speech for what was asked of it.
var ErrTooLittleVoice = errors.New("engine: too little voiced speech")

// VoiceOptions says which periods count in jitter and shimmer. The defaults are those of Praat's queries.
type VoiceOptions struct {
	Rate               int     // samples per second of the input, MinRate to MaxRate, default 8000
	FloorHz            float64 // lowest fundamental, sets the window of the harmonics-to-noise ratio, 40 to 400, default 75
	CeilingHz          float64 // highest fundamental, FloorHz+10 to Rate/4, default 500
	MinPeak            float64 // peak about a frame, as a fraction of the segment's, below which the frame is left aside, 0 to 0.5, 0 = off, default 0.04
	PeriodFloorMs      float64 // shortest period that counts, in ms, 0.05 to 5, default 0.1
	PeriodCeilingMs    float64 // longest period that counts, in ms, 5 to 100, default 20
	MaxPeriodFactor    float64 // greatest ratio of neighbouring periods that counts, 1.01 to 10, default 1.3
	MaxAmplitudeFactor float64 // greatest ratio of neighbouring amplitudes that counts, 1.01 to 10, default 1.6
	MinPeriods         int     // fewest pairs of neighbouring periods that a value may rest on, 1 to 10000, default 30
}

// DefaultVoiceOptions returns the options at rate samples per second.
func DefaultVoiceOptions(rate int) VoiceOptions {
	return VoiceOptions{
		Rate:               rate,
		FloorHz:            75,
		CeilingHz:          500,
		MinPeak:            0.04,
		PeriodFloorMs:      0.1,
		PeriodCeilingMs:    20,
		MaxPeriodFactor:    1.3,
		MaxAmplitudeFactor: 1.6,
		MinPeriods:         30,
	}
}

// Validate returns nil, or every problem of o at once, with the value and the range allowed; errors.Is finds ErrVoice and
// ErrRate.
func (o VoiceOptions) Validate() error {
	var errs []error
	check := func(name string, v, lo, hi float64) {
		if !(v >= lo && v <= hi) { // NaN fails too
			errs = append(errs, fmt.Errorf("%w: %s %g, want %g to %g", ErrVoice, name, v, lo, hi))
		}
	}
	if o.Rate < MinRate || o.Rate > MaxRate {
		errs = append(errs, fmt.Errorf("%w: %d Hz, want %d to %d", ErrRate, o.Rate, MinRate, MaxRate))
	}
	check("FloorHz", o.FloorHz, 40, 400)
	check("CeilingHz", o.CeilingHz, o.FloorHz+10, float64(o.Rate)/4)
	check("MinPeak", o.MinPeak, 0, 0.5)
	check("PeriodFloorMs", o.PeriodFloorMs, 0.05, 5)
	check("PeriodCeilingMs", o.PeriodCeilingMs, 5, 100)
	check("MaxPeriodFactor", o.MaxPeriodFactor, 1.01, 10)
	check("MaxAmplitudeFactor", o.MaxAmplitudeFactor, 1.01, 10)
	check("MinPeriods", float64(o.MinPeriods), 1, 10000)
	return errors.Join(errs...)
}

// String prints every option with its unit.
func (o VoiceOptions) String() string {
	return fmt.Sprintf("rate=%d floor_hz=%g ceiling_hz=%g min_peak=%g period_ms=%g..%g period_factor=%g amplitude_factor=%g min_periods=%d",
		o.Rate, o.FloorHz, o.CeilingHz, o.MinPeak, o.PeriodFloorMs, o.PeriodCeilingMs, o.MaxPeriodFactor, o.MaxAmplitudeFactor, o.MinPeriods)
}

// VoiceQuality is how regular a voice is over one segment.
type VoiceQuality struct {
	// Jitter is the mean absolute difference of neighbouring periods over the mean period, as a fraction (Praat's local jitter).
	Jitter float64
	// Shimmer is the mean absolute difference of the amplitudes of neighbouring periods over the mean amplitude, as a fraction
	// (Praat's local shimmer).
	Shimmer float64
	// HNRdB is the mean over the voiced frames of the harmonics-to-noise ratio in dB by forward cross-correlation.
	HNRdB float64

	Pulses         int // period marks found
	JitterPeriods  int // pairs of neighbouring periods that Jitter rests on
	ShimmerPeriods int // pairs of neighbouring amplitudes that Shimmer rests on
	VoicedFrames   int // frames that HNRdB rests on
}

// VoiceMeter measures voice quality, segment by segment. It keeps its buffers, so it allocates only while they grow. Not safe
// for concurrent use; make one per goroutine.
type VoiceMeter struct {
	o      VoiceOptions
	hnr    *harmonicityMeter
	frames []PitchFrame // of the segment: voiced and loud enough
	peaks  []float64    // peak about each of frames, as a fraction of the segment's
	marks  []float64    // pulses of the segment, in samples from its start
	levels []markLevel
}

// NewVoiceMeter returns a meter. The errors are those of o.Validate.
func NewVoiceMeter(o VoiceOptions) (*VoiceMeter, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	return &VoiceMeter{o: o, hnr: newHarmonicityMeter(o)}, nil
}

// MeasureVoice measures x, mono PCM in [-1, 1], by the default options at rate samples per second. track is its pitch track,
// with Center counted from x[0]; both are only read. It returns ErrTooLittleVoice where a value would rest on fewer than 30
// pairs of periods, and ErrRate. Safe for concurrent use.
func MeasureVoice(x []float32, rate int, track []PitchFrame) (VoiceQuality, error) {
	m, err := NewVoiceMeter(DefaultVoiceOptions(rate))
	if err != nil {
		return VoiceQuality{}, err
	}
	return m.Measure(x, 0, track)
}

// Measure returns the voice quality of x, mono PCM in [-1, 1], which starts at sample start of the stream that track counts
// in. Frames of track whose middle lies outside x are left aside, so the track of a whole call will do; x and track are only
// read. Where Jitter or Shimmer would rest on fewer than MinPeriods pairs it returns ErrTooLittleVoice, and the counts alone
// are set.
func (m *VoiceMeter) Measure(x []float32, start int64, track []PitchFrame) (VoiceQuality, error) {
	var q VoiceQuality
	peak := m.selectFrames(x, start, track)
	m.findPulses(x, start, peak)
	q.Pulses = len(m.marks)
	q.Jitter, q.JitterPeriods = m.jitter()
	q.Shimmer, q.ShimmerPeriods = m.shimmer(x)
	q.HNRdB, q.VoicedFrames = m.hnr.mean(x, start, m.frames, m.peaks)
	if n := min(q.JitterPeriods, q.ShimmerPeriods); n < m.o.MinPeriods || q.VoicedFrames == 0 {
		q.Jitter, q.Shimmer, q.HNRdB = 0, 0, 0
		return q, fmt.Errorf("%w: %d pairs of periods, want at least %d", ErrTooLittleVoice, n, m.o.MinPeriods)
	}
	return q, nil
}

// selectFrames fills m.frames with the voiced frames of track whose middle lies in x and that are not too quiet, and returns the
// peak of x. The track was decided without knowing the loudest moment to come; here the whole segment is known, and its faint
// edges would measure the noise.
func (m *VoiceMeter) selectFrames(x []float32, start int64, track []PitchFrame) (peak float64) {
	m.frames, m.peaks = m.frames[:0], m.peaks[:0]
	peak = peakOf(x)
	if !(peak > 0) || math.IsInf(peak, 0) {
		return peak
	}
	reach := int64(float64(m.o.Rate) / m.o.FloorHz / 2)
	for _, f := range track {
		c := f.Center - start
		if !f.Voiced() || c < 0 || c >= int64(len(x)) {
			continue
		}
		if p := peakOf(x[max(c-reach, 0):min(c+reach, int64(len(x)))]) / peak; p >= m.o.MinPeak {
			m.frames = append(m.frames, f)
			m.peaks = append(m.peaks, p)
		}
	}
	return peak
}

// peakOf returns the greatest magnitude in x.
func peakOf(x []float32) float64 {
	var peak float32
	for _, v := range x {
		peak = max(peak, v, -v)
	}
	return float64(peak)
}

// valid reports whether p and q, neighbouring periods in samples, count together.
func (m *VoiceMeter) valid(p, q float64) bool {
	return m.validPeriod(p) && m.validPeriod(q) && max(p, q) <= min(p, q)*m.o.MaxPeriodFactor
}

func (m *VoiceMeter) validPeriod(p float64) bool {
	ms := p * 1000 / float64(m.o.Rate)
	return ms >= m.o.PeriodFloorMs && ms <= m.o.PeriodCeilingMs
}

// jitter returns the local jitter of the pulses and the number of pairs of periods it rests on.
func (m *VoiceMeter) jitter() (jitter float64, pairs int) {
	var diff, sum float64
	var periods int
	t := m.marks
	for i := 1; i < len(t); i++ {
		if p := t[i] - t[i-1]; m.validPeriod(p) {
			sum += p
			periods++
		}
		if i >= 2 && m.valid(t[i-1]-t[i-2], t[i]-t[i-1]) {
			diff += math.Abs((t[i] - t[i-1]) - (t[i-1] - t[i-2]))
			pairs++
		}
	}
	if pairs == 0 {
		return 0, 0
	}
	return diff / float64(pairs) / (sum / float64(periods)), pairs
}

// markLevel is the amplitude of the signal about one pulse.
type markLevel struct{ at, rms float64 }

// shimmer returns the local shimmer of x at the pulses and the number of pairs of amplitudes it rests on. A pulse has an
// amplitude when the periods on both its sides count together: the root mean square of x about it under a Hann shape that
// reaches a fifth of each period.
func (m *VoiceMeter) shimmer(x []float32) (shimmer float64, pairs int) {
	t := m.marks
	m.levels = m.levels[:0]
	for i := 1; i+1 < len(t); i++ {
		if p, q := t[i]-t[i-1], t[i+1]-t[i]; m.valid(p, q) {
			if rms := hannRMS(x, t[i], 0.2*p, 0.2*q); rms > 0 {
				m.levels = append(m.levels, markLevel{t[i], rms})
			}
		}
	}
	var diff, sum float64
	for i, a := range m.levels {
		sum += a.rms
		if i == 0 {
			continue
		}
		b := m.levels[i-1]
		if m.validPeriod(a.at-b.at) && max(a.rms, b.rms) <= min(a.rms, b.rms)*m.o.MaxAmplitudeFactor {
			diff += math.Abs(a.rms - b.rms)
			pairs++
		}
	}
	if pairs == 0 {
		return 0, 0
	}
	return diff / float64(pairs) / (sum / float64(len(m.levels))), pairs
}

// hannRMS returns the root mean square of x about position t under a Hann shape that reaches left and right samples from it.
func hannRMS(x []float32, t, left, right float64) float64 {
	lo, hi := max(int(math.Ceil(t-left)), 0), min(int(math.Floor(t+right)), len(x)-1)
	var sum, norm float64
	for i := lo; i <= hi; i++ {
		d := float64(i) - t
		reach := right
		if d < 0 {
			reach = left
		}
		w := 0.5 + 0.5*math.Cos(math.Pi*d/reach)
		v := w * float64(x[i])
		sum += v * v
		norm += w * w
	}
	if !(norm > 0) {
		return 0
	}
	return math.Sqrt(sum / norm)
}
