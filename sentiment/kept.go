package sentiment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrStatistics says that bytes are no statistics that Normaliser.Bytes wrote.
var ErrStatistics = errors.New("sentiment: kept statistics")

// ErrOtherModel says that kept statistics are of other features, of a form that was kept before, or of another model, whose learned
// functionals mean nothing to this one.
var ErrOtherModel = errors.New("sentiment: statistics of another model")

// ModelSum identifies the weights of a Model: their SHA-256, as its manifest states it.
type ModelSum [32]byte

// What Bytes writes: the version, FeatureSet behind its length in a byte, the model, and then, each as IEEE 754 in 64 bits, little-endian,
// the seconds, how many of them were aroused (Σ s·p) and for each of NumValues values its weight, sum and sum of squares.
const (
	keptVersion = 3
	keptHead    = 1 + 1 + len(FeatureSet) + len(ModelSum{})
	keptSize    = keptHead + 8*(2+3*NumValues)
)

// mostKept bounds the seconds of kept statistics: far more than a person ever says.
const mostKept = 1e9

// Bytes returns n to be kept, as the statistics of values that the model of that sum measured. They are data of what a voice is like.
func (n *Normaliser) Bytes(model ModelSum) []byte {
	b := append(make([]byte, 0, keptSize), keptVersion, byte(len(FeatureSet)))
	b = append(append(b, FeatureSet...), model[:]...)
	put := func(v float64) { b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v)) }
	put(n.seconds)
	put(n.aroused)
	for i := range n.sum {
		put(n.weight[i])
		put(n.sum[i])
		put(n.squares[i])
	}
	return b
}

// ParseNormaliser reads what Bytes wrote for the same model. Errors: ErrOtherModel, and ErrStatistics for bytes that no speech gives:
// of another length or version, not finite, of negative weight, or with a weight greater than the seconds.
func ParseNormaliser(b []byte, model ModelSum) (Normaliser, error) {
	var n Normaliser
	if len(b) > 0 && b[0] > 0 && b[0] < keptVersion {
		return n, fmt.Errorf("%w: version %d, want %d", ErrOtherModel, b[0], keptVersion)
	}
	if len(b) < 2 || b[0] != keptVersion {
		return n, fmt.Errorf("%w: %d bytes that begin with % x, want version %d", ErrStatistics, len(b), b[:min(len(b), 1)], keptVersion)
	}
	set := b[2:]
	if len(set) < int(b[1]) {
		return n, fmt.Errorf("%w: %d bytes, want a name of %d", ErrStatistics, len(b), b[1])
	}
	if name := string(set[:b[1]]); name != FeatureSet {
		return n, fmt.Errorf("%w: features %.40q, want %q", ErrOtherModel, name, FeatureSet)
	}
	if len(b) != keptSize {
		return n, fmt.Errorf("%w: %d bytes, want %d", ErrStatistics, len(b), keptSize)
	}
	if of := ModelSum(b[keptHead-len(model) : keptHead]); of != model {
		return n, fmt.Errorf("%w: %.4x, want %.4x", ErrOtherModel, of, model)
	}
	rest := b[keptHead:]
	next := func() float64 {
		v := math.Float64frombits(binary.LittleEndian.Uint64(rest))
		rest = rest[8:]
		return v
	}
	if n.seconds = next(); !(n.seconds >= 0 && n.seconds <= mostKept) {
		return Normaliser{}, fmt.Errorf("%w: %g seconds, want 0 to %g", ErrStatistics, n.seconds, mostKept)
	}
	if n.aroused = next(); !(n.aroused >= 0 && n.aroused <= n.seconds*(1+1e-9)) {
		return Normaliser{}, fmt.Errorf("%w: %g seconds aroused, want 0 to all %g", ErrStatistics, n.aroused, n.seconds)
	}
	for i := range n.sum {
		n.weight[i], n.sum[i], n.squares[i] = next(), next(), next()
		w, s, q := n.weight[i], n.sum[i], n.squares[i]
		// A weight is a sum of some of the seconds, and may be off by rounding.
		if !(w >= 0 && w <= n.seconds*(1+1e-9)) || !finite(s) || !finite(q) || q < 0 {
			return Normaliser{}, fmt.Errorf("%w: value %d: weight %g, sum %g, squares %g, want finite, a weight of at most %g and squares of 0 or more", ErrStatistics, i, w, s, q, n.seconds)
		}
	}
	return n, nil
}
