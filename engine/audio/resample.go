package audio

import (
	"fmt"
	"math"
)

// Rates that a Resampler converts between.
const (
	MinResampleRate = 4000
	MaxResampleRate = 192000
)

// maxTable bounds the coefficients of one Resampler: 512 KB. Every pair of usual rates fits as it is; ratios of odd rates, which
// would need a phase for every one of thousands of positions, interpolate between the phases of a coarser table.
const maxTable = 1 << 17

// blockIn is how many input samples are taken into the buffer at once.
const blockIn = 1024

// Resampler converts a stream of samples from one rate to another with a polyphase Kaiser low-pass.
//
// Output sample k stands for the input time k·from/to: the filter's delay is compensated, and a stream of N samples becomes
// ceil(N·to/from). The pass band reaches 0.9 of the lower Nyquist frequency within 0.1 dB; what would fold back or appear as an
// image is at least 80 dB down (the test measures every pair of rates and prints the table). Beyond both ends the input is taken
// as zero.
//
// Cutting the stream differently changes no bit of the output. After the first blocks Write and Flush allocate nothing but the
// growth of dst. Not safe for concurrent use; make one per channel.
type Resampler struct {
	from, to int
	// Output k needs the taps samples around input position pos + frac/den; each output moves it on by stepPos + stepFrac/den.
	taps, den         int
	stepPos, stepFrac int
	table             []float32 // phases × taps; phases = den, or grid+1 when interpolating
	grid              int       // phases per input sample of an interpolated table, 0 for an exact one
	buf               []float32 // zeros or history, then input; its first sample belongs to output position pos = 0
	fill              int       // samples in buf
	pos, frac         int
	tail              int // zeros of Flush in buf behind the real input
}

// NewResampler returns a Resampler between two rates of MinResampleRate to MaxResampleRate samples per second; ErrLimit otherwise.
// Equal rates pass samples through unchanged.
func NewResampler(from, to int) (*Resampler, error) {
	for _, rate := range []int{from, to} {
		if rate < MinResampleRate || rate > MaxResampleRate {
			return nil, fmt.Errorf("%w: resample %d Hz to %d Hz, want %d to %d", ErrLimit, from, to, MinResampleRate, MaxResampleRate)
		}
	}
	r := &Resampler{from: from, to: to}
	if from == to {
		return r, nil
	}
	g := gcd(from, to)
	r.den = to / g
	r.stepPos, r.stepFrac = from/g/r.den, from/g%r.den
	// In samples of the input the filter is as much longer as the input rate is above the output's.
	stretch := max(1, float64(from)/float64(to))
	r.taps = (int(math.Ceil(protoTaps*stretch)) + 7) &^ 7 // whole rounds of dot
	if r.den*r.taps <= maxTable {
		r.fillTable(r.den, r.den, stretch)
	} else {
		// Linear interpolation between phases errs by (π·cutoff/grid)²/8 of the value: -107 dB at 512 phases per sample of the
		// lower rate. A longer filter is that much smoother, so the table keeps its size.
		r.grid = max(8, int(512/stretch))
		r.fillTable(r.grid+1, r.grid, stretch)
	}
	r.buf = make([]float32, r.taps+blockIn)
	r.Reset()
	return r, nil
}

// fillTable computes the taps of phases 0 .. phases-1, each 1/per of an input sample further on.
func (r *Resampler) fillTable(phases, per int, stretch float64) {
	r.table = make([]float32, phases*r.taps)
	row := make([]float64, r.taps)
	for p := range phases {
		at := float64(r.taps/2-1) + float64(p)/float64(per)
		sum := 0.0
		for j := range row {
			row[j] = prototype((float64(j) - at) / stretch)
			sum += row[j]
		}
		// Every phase gets the same gain at 0 Hz, else a constant would come out as a tone at the phases' rate.
		for j, v := range row {
			r.table[p*r.taps+j] = float32(v / sum)
		}
	}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// Rates returns the rates converted from and to.
func (r *Resampler) Rates() (from, to int) { return r.from, r.to }

// Delay returns how many input samples Write holds back at most before the output of their time appears.
func (r *Resampler) Delay() int { return r.taps / 2 }

// Reset forgets the stream and starts a new one.
func (r *Resampler) Reset() {
	clear(r.buf)
	// The first output is centred on the first input sample: half a filter of zeros stands before it.
	r.fill = max(r.taps/2-1, 0)
	r.pos, r.frac, r.tail = 0, 0, 0
}

// Write takes the next samples of the stream and returns dst with the output that they complete appended. x is not kept.
func (r *Resampler) Write(dst, x []float32) []float32 {
	if r.from == r.to {
		return append(dst, x...)
	}
	for len(x) > 0 {
		n := copy(r.buf[r.fill:], x)
		r.fill += n
		x = x[n:]
		dst = r.drain(dst)
	}
	return dst
}

// Flush ends the stream, returns dst with the rest of its output appended, and makes r ready for another.
func (r *Resampler) Flush(dst []float32) []float32 {
	if r.from == r.to {
		return dst
	}
	for left := r.taps / 2; left > 0; {
		n := min(left, len(r.buf)-r.fill)
		clear(r.buf[r.fill : r.fill+n])
		r.fill += n
		left -= n
		r.tail += n
		dst = r.drain(dst)
	}
	r.Reset()
	return dst
}

// drain computes every output whose taps are all in buf, then moves what is still needed to the front.
func (r *Resampler) drain(dst []float32) []float32 {
	// During Flush the positions after the last real sample are no output any more.
	last := min(r.fill-r.taps, r.fill-r.tail-r.taps/2)
	pos, frac := r.pos, r.frac
	for pos <= last {
		x := r.buf[pos : pos+r.taps]
		var y float32
		if r.grid == 0 {
			y = dot(r.table[frac*r.taps:(frac+1)*r.taps], x)
		} else {
			// frac/den of an input sample falls between rows of the grid.
			g := frac * r.grid / r.den
			t := float32(frac*r.grid%r.den) / float32(r.den)
			a := dot(r.table[g*r.taps:(g+1)*r.taps], x)
			b := dot(r.table[(g+1)*r.taps:(g+2)*r.taps], x)
			y = a + t*(b-a)
		}
		dst = append(dst, y)
		pos += r.stepPos
		if frac += r.stepFrac; frac >= r.den {
			frac -= r.den
			pos++
		}
	}
	drop := min(pos, r.fill)
	r.fill = copy(r.buf, r.buf[drop:r.fill])
	r.pos, r.frac = pos-drop, frac
	return dst
}

// dot is the inner product of two slices of one length, a multiple of 8. Eight running sums keep the additions independent, and
// their fixed order keeps the result the same for every cut of the stream.
func dot(a, b []float32) float32 {
	var s0, s1, s2, s3, s4, s5, s6, s7 float32
	b = b[:len(a)]
	for i := 0; i+8 <= len(a); i += 8 {
		// Arrays of known length: one bounds check for eight products.
		x, y := (*[8]float32)(a[i:]), (*[8]float32)(b[i:])
		s0 += x[0] * y[0]
		s1 += x[1] * y[1]
		s2 += x[2] * y[2]
		s3 += x[3] * y[3]
		s4 += x[4] * y[4]
		s5 += x[5] * y[5]
		s6 += x[6] * y[6]
		s7 += x[7] * y[7]
	}
	return (s0 + s4) + (s1 + s5) + ((s2 + s6) + (s3 + s7))
}
