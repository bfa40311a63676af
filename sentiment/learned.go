package sentiment

import (
	"math"

	"github.com/timbre-voice/timbre/engine"
	"github.com/timbre-voice/timbre/engine/nn"
)

// The learned functionals. A trunk of dilated convolutions (nn.Trunk) turns the cepstra of a segment into rows of numbers of
// which training has decided what they say; mean and standard deviation of each over the segment stand beside the functionals that
// people have thought of.
//
// A segment is heard in pieces of pieceFrames, each by itself, so that the work for one frame does not grow with its segment, and the end
// of a long segment waits for its last piece only. What is left behind the last whole piece counts from leastPiece on.
const (
	// NumLearned is the number of learned functionals of a segment: means, then standard deviations.
	NumLearned = 2 * learnedRows
	// NumValues is the number of values of a segment that a Model sees: its functionals, then its learned functionals.
	NumValues = NumFunctionals + NumLearned

	learnedRows  = 128 // numbers per output row of the trunk
	pieceFrames  = 300
	leastPiece   = 50
	learnedFloor = 1e-5 // least variance
)

// trunkCepstra is the width of the trunk's input.
const trunkCepstra = 40

// cepstraOptions returns the front end of the trunk, that of speaker models: all 40 cepstra of engine.DefaultMFCC, without a lifter.
func cepstraOptions() engine.StreamOptions {
	o := engine.DefaultMFCC(Rate)
	return engine.StreamOptions{Fbank: o.Fbank, Cepstra: &engine.CepstraOptions{NumCeps: trunkCepstra, DCT: o.DCT, C0: o.C0, EnergyFloor: o.EnergyFloor}}
}

// pooled sums output rows of the trunk.
type pooled struct {
	frames       int // of the input that were heard
	rows         int // of the output
	sum, squares [learnedRows]float64
}

func (p *pooled) add(row []float32) {
	p.rows++
	for i, v := range row {
		p.sum[i] += float64(v)
		p.squares[i] += float64(v) * float64(v)
	}
}

// put writes mean and standard deviation of the rows to dst, NumLearned values; NaN where there are none.
func (p *pooled) put(dst []float64) {
	n := float64(p.rows)
	for i := range learnedRows {
		m := p.sum[i] / n
		dst[i], dst[learnedRows+i] = m, math.Sqrt(max(p.squares[i]/n-m*m, 0)+learnedFloor)
		if p.rows == 0 {
			dst[i], dst[learnedRows+i] = math.NaN(), math.NaN()
		}
	}
}

// listener runs the trunk; the working memory of one user.
type listener struct {
	trunk   *nn.Trunk
	scratch nn.TrunkScratch
	in, out []float32
}

// hear fills dst, NumLearned values, with the learned functionals of d. Whole pieces are heard once and kept in d.
func (l *listener) hear(dst []float64, d *Descriptors) {
	frames := len(d.Cepstra) / trunkCepstra
	for frames-d.heard.frames >= pieceFrames {
		l.piece(&d.heard, d.Cepstra, pieceFrames)
	}
	p := d.heard
	if left := frames - p.frames; left >= leastPiece {
		l.piece(&p, d.Cepstra, left)
	}
	p.put(dst)
}

// piece hears the next n frames, their mean taken off.
func (l *listener) piece(p *pooled, cepstra []float32, n int) {
	l.in = append(l.in[:0], cepstra[p.frames*trunkCepstra:][:n*trunkCepstra]...)
	removeMean(l.in)
	rows := l.trunk.OutLen(n)
	if need := rows * learnedRows; cap(l.out) < need {
		l.out = make([]float32, need)
	}
	out := l.out[:rows*learnedRows]
	l.trunk.Forward(&l.scratch, out, l.in, n)
	for r := range rows {
		p.add(out[r*learnedRows:][:learnedRows])
	}
	p.frames += n
}

// removeMean takes the mean over time off each cepstrum.
func removeMean(x []float32) {
	var sum [trunkCepstra]float64
	for i, v := range x {
		sum[i%trunkCepstra] += float64(v)
	}
	n := float64(len(x) / trunkCepstra)
	for i := range x {
		x[i] -= float32(sum[i%trunkCepstra] / n)
	}
}
