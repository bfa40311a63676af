package voiceprint

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// Voiceprint is the enrolled template of one speaker: a direction of one model and what it was made of. It holds neither audio nor
// a name.
type Voiceprint struct {
	Model   ModelID
	Vector  []float32 // D values of length 1
	Length  float64   // of the weighted mean of the embeddings before it was made length 1, in (0, 1]: how far they agree
	Quality Quality   // of all sources together
	Sources []Source  // 1 to MaxSources
}

// Source is one recording behind a voiceprint.
type Source struct {
	Digest  [sha256.Size]byte // Speech.Digest: the same audio counts once
	Weight  float64           // of its embedding in the mean, above 0
	Quality Quality
}

// MaxSources bounds the recordings of one voiceprint.
const MaxSources = 256

// Embedding returns the print as one side of a trial. The vector is shared.
func (p *Voiceprint) Embedding() Embedding {
	return Embedding{Model: p.Model, Vector: p.Vector, Quality: p.Quality}
}

// weight returns the weight of all sources together.
func (p *Voiceprint) weight() float64 {
	sum := 0.0
	for _, s := range p.Sources {
		sum += s.Weight
	}
	return sum
}

// Validate returns the first fault of p as ErrPrint.
func (p *Voiceprint) Validate() error {
	bad := func(format string, a ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrPrint}, a...)...)
	}
	if n := len(p.Model.Name); n < 1 || n > maxName {
		return bad("model name of %d bytes, want 1 to %d", n, maxName)
	}
	if n := len(p.Model.Version); n < 1 || n > maxName {
		return bad("model version of %d bytes, want 1 to %d", n, maxName)
	}
	if n := len(p.Vector); n < 1 || n > maxWidth {
		return bad("%d values, want 1 to %d", n, maxWidth)
	}
	if n := norm(p.Vector); !(math.Abs(n-1) < 1e-3) { // true for NaN
		return bad("vector of length %g, want 1", n)
	}
	if !(p.Length > 0 && p.Length <= 1) {
		return bad("mean of length %g, want above 0 and at most 1", p.Length)
	}
	if n := len(p.Sources); n < 1 || n > MaxSources {
		return bad("%d sources, want 1 to %d", n, MaxSources)
	}
	if err := p.Quality.valid(); err != nil {
		return err
	}
	for i, s := range p.Sources {
		if !(s.Weight > 0 && s.Weight <= 1e6) {
			return bad("source %d: weight %g, want above 0 and at most a million", i, s.Weight)
		}
		if err := s.Quality.valid(); err != nil {
			return fmt.Errorf("source %d: %w", i, err)
		}
		for _, earlier := range p.Sources[:i] {
			if earlier.Digest == s.Digest {
				return bad("source %d: same audio as an earlier one, want it once", i)
			}
		}
	}
	return nil
}

// valid returns ErrPrint for figures that no measurement yields.
func (q Quality) valid() error {
	if q.NetSpeech < 0 || q.NetSpeech > 1000*time.Hour || !(math.IsNaN(q.SNRdB) || within(q.SNRdB, 200)) ||
		!(q.Clipped >= 0 && q.Clipped <= 1) || !(math.IsNaN(q.BandwidthHz) || q.BandwidthHz >= 0 && q.BandwidthHz <= 1e6) {
		return fmt.Errorf("%w: quality %v, want figures that were measured", ErrPrint, q)
	}
	return nil
}

// The binary form, little-endian: magic, format version, model name and version (a length byte each), SHA-256 of the weights, D and
// the number of sources (uint16), mean length (float64), quality, D float32, then per source digest, weight and quality. A quality
// is net speech in ns (int64), SNR, clipped share and bandwidth (float64; NaN has one spelling).
const (
	printMagic   = "TVP"
	printVersion = 1
	maxName      = 64
	qualityBytes = 32
	sourceBytes  = sha256.Size + 8 + qualityBytes
)

// unknown is the figure of what could not be measured.
var unknown = math.NaN()

var canonicalNaN = math.Float64bits(unknown)

// MarshalBinary writes p. Errors: ErrPrint.
func (p *Voiceprint) MarshalBinary() ([]byte, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	b := append([]byte(printMagic), printVersion)
	for _, s := range []string{p.Model.Name, p.Model.Version} {
		b = append(append(b, byte(len(s))), s...)
	}
	b = append(b, p.Model.SHA256[:]...)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(p.Vector)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(p.Sources)))
	b = appendFloat(b, p.Length)
	b = p.Quality.append(b)
	for _, v := range p.Vector {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	for _, s := range p.Sources {
		b = append(b, s.Digest[:]...)
		b = appendFloat(b, s.Weight)
		b = s.Quality.append(b)
	}
	return b, nil
}

func appendFloat(b []byte, v float64) []byte {
	bits := math.Float64bits(v)
	if v != v {
		bits = canonicalNaN
	}
	return binary.LittleEndian.AppendUint64(b, bits)
}

func (q Quality) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(q.NetSpeech))
	return appendFloat(appendFloat(appendFloat(b, q.SNRdB), q.Clipped), q.BandwidthHz)
}

// UnmarshalBinary reads what MarshalBinary wrote, and nothing else: there is one spelling of a print. The bytes are not kept.
// Errors: ErrPrint; p is then unchanged.
func (p *Voiceprint) UnmarshalBinary(b []byte) error {
	r := reader{b: b}
	if string(r.take(len(printMagic))) != printMagic {
		return fmt.Errorf("%w: %d bytes that do not begin with %q", ErrPrint, len(b), printMagic)
	}
	if v := r.take(1); v != nil && v[0] != printVersion {
		return fmt.Errorf("%w: format version %d, want %d", ErrPrint, v[0], printVersion)
	}
	var q Voiceprint
	q.Model.Name, q.Model.Version = r.text(), r.text()
	copy(q.Model.SHA256[:], r.take(sha256.Size))
	dims, sources := int(r.uint16()), int(r.uint16())
	q.Length = r.float()
	q.Quality = r.quality()
	if r.failed || len(r.b) != 4*dims+sources*sourceBytes || dims > maxWidth || sources > MaxSources { // before anything is allocated
		return fmt.Errorf("%w: %d bytes for %d values and %d sources, want another length", ErrPrint, len(b), dims, sources)
	}
	q.Vector = make([]float32, dims)
	for i := range q.Vector {
		q.Vector[i] = math.Float32frombits(binary.LittleEndian.Uint32(r.take(4)))
	}
	q.Sources = make([]Source, sources)
	for i := range q.Sources {
		s := &q.Sources[i]
		copy(s.Digest[:], r.take(sha256.Size))
		s.Weight = r.float()
		s.Quality = r.quality()
	}
	if r.failed {
		return fmt.Errorf("%w: a NaN in another spelling", ErrPrint)
	}
	if err := q.Validate(); err != nil {
		return err
	}
	*p = q
	return nil
}

// reader takes fields off the front of b; after a field that is not there failed is set and every field is zero.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) take(n int) []byte {
	if r.failed || len(r.b) < n {
		r.failed = true
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) text() string {
	n := r.take(1)
	if n == nil {
		return ""
	}
	return string(r.take(int(n[0])))
}

func (r *reader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *reader) float() float64 {
	v := math.Float64frombits(r.uint64())
	if v != v && math.Float64bits(v) != canonicalNaN {
		r.failed = true
	}
	return v
}

func (r *reader) quality() Quality {
	return Quality{NetSpeech: time.Duration(r.uint64()), SNRdB: r.float(), Clipped: r.float(), BandwidthHz: r.float()}
}
