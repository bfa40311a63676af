package engine

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// ErrSyllable is what SyllableOptions.Validate wraps its findings in, but for the rate, which is ErrRate.
var ErrSyllable = errors.New("engine: syllable options")

// SyllableOptions says which peaks of loudness count as the nucleus of a syllable. The defaults are those of de Jong & Wempe
// (2009).
type SyllableOptions struct {
	Rate           int     // samples per second of the input, MinRate to MaxRate, default 8000
	HopMs          float64 // step of the intensity curve in ms, 2 to 20, default 10
	FloorHz        float64 // pitch that the intensity curve must not follow, 40 to 200, default 50; its window is 3.2 periods
	SpanDB         float64 // depth below the loud part of the segment (its 99 % quantile) that still counts as sound, 5 to 60, default 25
	DipDB          float64 // least dip before a peak in dB, 0.5 to 20, default 2
	MinPauseMs     float64 // shortest silence that is a pause, in ms, 0 to 2000, default 300
	MinSoundMs     float64 // shortest sound between two pauses, in ms, 0 to 1000, default 100
	MinSpeechMs    float64 // least sound that a rate may rest on, in ms, 100 to 10000, default 500
	VoicedWithinMs float64 // farthest voiced frame from a nucleus in ms, 0 to 50, default 10
}

// DefaultSyllableOptions returns the options at rate samples per second.
func DefaultSyllableOptions(rate int) SyllableOptions {
	return SyllableOptions{
		Rate:           rate,
		HopMs:          10,
		FloorHz:        50,
		SpanDB:         25,
		DipDB:          2,
		MinPauseMs:     300,
		MinSoundMs:     100,
		MinSpeechMs:    500,
		VoicedWithinMs: 10,
	}
}

// Validate returns nil, or every problem of o at once, with the value and the range allowed; errors.Is finds ErrSyllable and
// ErrRate.
func (o SyllableOptions) Validate() error {
	var errs []error
	check := func(name string, v, lo, hi float64) {
		if !(v >= lo && v <= hi) { // NaN fails too
			errs = append(errs, fmt.Errorf("%w: %s %g, want %g to %g", ErrSyllable, name, v, lo, hi))
		}
	}
	if o.Rate < MinRate || o.Rate > MaxRate {
		errs = append(errs, fmt.Errorf("%w: %d Hz, want %d to %d", ErrRate, o.Rate, MinRate, MaxRate))
	}
	check("HopMs", o.HopMs, 2, 20)
	check("FloorHz", o.FloorHz, 40, 200)
	check("SpanDB", o.SpanDB, 5, 60)
	check("DipDB", o.DipDB, 0.5, 20)
	check("MinPauseMs", o.MinPauseMs, 0, 2000)
	check("MinSoundMs", o.MinSoundMs, 0, 1000)
	check("MinSpeechMs", o.MinSpeechMs, 100, 10000)
	check("VoicedWithinMs", o.VoicedWithinMs, 0, 50)
	return errors.Join(errs...)
}

// String prints every option with its unit.
func (o SyllableOptions) String() string {
	return fmt.Sprintf("rate=%d hop_ms=%g floor_hz=%g span_db=%g dip_db=%g min_pause_ms=%g min_sound_ms=%g min_speech_ms=%g voiced_within_ms=%g",
		o.Rate, o.HopMs, o.FloorHz, o.SpanDB, o.DipDB, o.MinPauseMs, o.MinSoundMs, o.MinSpeechMs, o.VoicedWithinMs)
}

// Syllables is the pace of one segment.
type Syllables struct {
	// Nuclei are the positions of the syllable nuclei in samples of the stream, in order. The slice belongs to the meter and
	// lasts until its next Measure.
	Nuclei []int64
	// PhonationSamples is how much of the segment is sound, pauses left out.
	PhonationSamples int64
	// PerSecond is the number of nuclei per second of phonation: the articulation rate.
	PerSecond float64
}

// SyllableMeter counts syllables without a transcript by the method of de Jong & Wempe (2009): the peaks of the intensity curve
// that stand out by DipDB from the dip before them and lie in voiced frames. It keeps its buffers. Not safe for concurrent use.
type SyllableMeter struct {
	o      SyllableOptions
	hop    int
	window []float64 // one half with the middle first: weight by distance in samples
	db     []float64 // intensity per frame in dB relative to full scale
	sorted []float64
	nuclei []int64
}

// NewSyllableMeter returns a meter. The errors are those of o.Validate.
func NewSyllableMeter(o SyllableOptions) (*SyllableMeter, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	// A Kaiser window of twice the length that counts, with side lobes under -190 dB, so that the curve holds no trace of the
	// pitch itself.
	half := int(3.2 / o.FloorHz * float64(o.Rate))
	m := &SyllableMeter{o: o, hop: wholeSamples(o.HopMs, o.Rate), window: make([]float64, half)}
	for i := range m.window {
		d := float64(i) / float64(half)
		m.window[i] = besselI0((2*math.Pi*math.Pi + 0.5) * math.Sqrt(1-d*d))
	}
	return m, nil
}

// besselI0 returns the modified Bessel function of the first kind and order 0, by its power series.
func besselI0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-17*sum; k++ {
		term *= x * x / (4 * k * k)
		sum += term
	}
	return sum
}

// SyllableRate returns the syllables per second of phonation in x by the default options at rate samples per second. track is
// its pitch track, with Center counted from x[0]. It returns ErrTooLittleVoice under half a second of phonation or without a
// single nucleus, and ErrRate. Safe for concurrent use.
func SyllableRate(x []float32, rate int, track []PitchFrame) (float64, error) {
	m, err := NewSyllableMeter(DefaultSyllableOptions(rate))
	if err != nil {
		return 0, err
	}
	s, err := m.Measure(x, 0, track)
	return s.PerSecond, err
}

// Measure finds the syllables of x, mono PCM in [-1, 1], which starts at sample start of the stream that track counts in; x and
// track are only read. It returns ErrTooLittleVoice, with PerSecond unset, when less than MinSpeechMs of x is sound or no
// nucleus is found.
func (m *SyllableMeter) Measure(x []float32, start int64, track []PitchFrame) (Syllables, error) {
	m.intensity(x)
	m.nuclei = m.nuclei[:0]
	var s Syllables
	if len(m.db) > 0 {
		threshold := m.quantile(0.99) - m.o.SpanDB
		s.PhonationSamples = m.phonation(threshold, int64(len(x)))
		m.peaks(threshold, start, track)
	}
	s.Nuclei = m.nuclei
	if ms := 1000 * float64(s.PhonationSamples) / float64(m.o.Rate); ms < m.o.MinSpeechMs || len(m.nuclei) == 0 {
		return s, fmt.Errorf("%w: %.0f ms of sound with %d syllables, want at least %g ms with 1",
			ErrTooLittleVoice, ms, len(m.nuclei), m.o.MinSpeechMs)
	}
	s.PerSecond = float64(len(s.Nuclei)) * float64(m.o.Rate) / float64(s.PhonationSamples)
	return s, nil
}

// intensity fills m.db with the level of x about every hop, -200 dB for digital silence. Beyond its ends x has no say.
func (m *SyllableMeter) intensity(x []float32) {
	m.db = m.db[:0]
	for c := m.hop / 2; c < len(x); c += m.hop {
		lo, hi := max(c-len(m.window)+1, 0), min(c+len(m.window)-1, len(x)-1)
		var mean, power, norm float64
		for _, v := range x[lo : hi+1] {
			mean += float64(v)
		}
		mean /= float64(hi - lo + 1)
		for i, v := range x[lo : c+1] {
			w := m.window[c-lo-i]
			d := float64(v) - mean
			power += w * d * d
			norm += w
		}
		for i, v := range x[c+1 : hi+1] {
			w := m.window[i+1]
			d := float64(v) - mean
			power += w * d * d
			norm += w
		}
		db := 10 * math.Log10(power/norm)
		if !(db > -200) {
			db = -200
		}
		m.db = append(m.db, db)
	}
}

// quantile returns the q-quantile of m.db, which is not empty.
func (m *SyllableMeter) quantile(q float64) float64 {
	m.sorted = append(m.sorted[:0], m.db...)
	slices.Sort(m.sorted)
	return m.sorted[int(q*float64(len(m.sorted)-1)+0.5)]
}

// phonation returns how many of n samples are sound: frames above threshold, joined across gaps too short for a pause, without
// sounds too short for one.
func (m *SyllableMeter) phonation(threshold float64, n int64) int64 {
	minPause, minSound := int64(wholeSamples(m.o.MinPauseMs, m.o.Rate)), int64(wholeSamples(m.o.MinSoundMs, m.o.Rate))
	var total, from, to int64 // from up to to is the sound being followed
	end := func() {
		if to-from >= minSound {
			total += to - from
		}
	}
	for i, v := range m.db {
		if v <= threshold {
			continue
		}
		start := int64(i * m.hop)
		if to == 0 || start-to >= minPause {
			end()
			from = start
		}
		to = min(start+int64(m.hop), n)
	}
	end()
	return total
}

// peaks appends to m.nuclei the peaks of m.db above threshold that rise by DipDB from the least value since the peak before,
// and are voiced.
func (m *SyllableMeter) peaks(threshold float64, start int64, track []PitchFrame) {
	dip := math.Inf(1)
	for i, v := range m.db {
		dip = min(dip, v)
		if v <= threshold || i > 0 && m.db[i-1] >= v || i+1 < len(m.db) && m.db[i+1] > v {
			continue
		}
		at := start + int64(i*m.hop+m.hop/2)
		if v-dip >= m.o.DipDB && m.voiced(at, track) {
			m.nuclei = append(m.nuclei, at)
		}
		dip = v
	}
}

// voiced reports whether a voiced frame stands within VoicedWithinMs of sample at.
func (m *SyllableMeter) voiced(at int64, track []PitchFrame) bool {
	reach := int64(wholeSamples(m.o.VoicedWithinMs, m.o.Rate))
	i, _ := slices.BinarySearchFunc(track, at-reach, func(f PitchFrame, t int64) int {
		if f.Center < t {
			return -1
		}
		return 1
	})
	for ; i < len(track) && track[i].Center <= at+reach; i++ {
		if track[i].Voiced() {
			return true
		}
	}
	return false
}
