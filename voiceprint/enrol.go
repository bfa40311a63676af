package voiceprint

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Combine says how several recordings of one speaker become one direction.
type Combine string

// The two ways.
const (
	CombineAverage Combine = "average" // one embedding per recording, averaged by quality
	CombinePool    Combine = "pool"    // all net speech joined, one embedding
)

// EnrolOptions say what is good enough to enrol and how it is put together.
type EnrolOptions struct {
	Combine   Combine
	MinSpeech time.Duration // least net speech of all recordings together
	Recording Floor         // what each recording needs to count at all

	// Recordings, or the halves of a single one, must agree. With a calibration the LLR between each and the rest decides,
	// without one the cosine.
	MinSelfLLR    float64
	MinSelfCosine float64
	// Windows of the audio are parted into two groups; where the windows of each are, on average, further than this from the
	// other group, two people speak.
	MinGroupLLR    float64
	MinGroupCosine float64
	WindowSeconds  float64 // length of a window, 1 to 30; 0 switches the check for several speakers off
}

// DefaultEnrol returns 20 s of net speech, recordings of at least 2 s.
func DefaultEnrol() EnrolOptions {
	return EnrolOptions{
		Combine:    CombineAverage,
		MinSpeech:  20 * time.Second,
		Recording:  Floor{NetSpeech: 2 * time.Second, SNRdB: 6, Clipped: 0.05},
		MinSelfLLR: 0, MinSelfCosine: 0.3,
		MinGroupLLR: 0, MinGroupCosine: 0.2,
		WindowSeconds: 4,
	}
}

// Validate returns every problem of o, joined; errors.Is finds ErrOptions.
func (o EnrolOptions) Validate() error {
	errs := []error{o.Recording.Validate()}
	bad := func(name string, v any, want string) {
		errs = append(errs, fmt.Errorf("%w: %s: %v, want %s", ErrOptions, name, v, want))
	}
	if o.Combine != CombineAverage && o.Combine != CombinePool {
		bad("Combine", o.Combine, fmt.Sprintf("%q or %q", CombineAverage, CombinePool))
	}
	if o.MinSpeech < 0 {
		bad("MinSpeech", o.MinSpeech, "0 or more")
	}
	if !within(o.MinSelfLLR, 100) || !within(o.MinGroupLLR, 100) {
		bad("MinSelfLLR, MinGroupLLR", []float64{o.MinSelfLLR, o.MinGroupLLR}, "within ±100")
	}
	if !within(o.MinSelfCosine, 1) || !within(o.MinGroupCosine, 1) {
		bad("MinSelfCosine, MinGroupCosine", []float64{o.MinSelfCosine, o.MinGroupCosine}, "within ±1")
	}
	if o.WindowSeconds != 0 && !(o.WindowSeconds >= 1 && o.WindowSeconds <= 30) {
		bad("WindowSeconds", o.WindowSeconds, "0 (off) or 1 to 30")
	}
	return errors.Join(errs...)
}

// Recording is what became of one recording of an enrolment.
type Recording struct {
	Quality Quality
	Used    bool
	Reasons []Reason // why it was left out
}

// Enrol makes a voiceprint of recordings of one speaker. A recording below its floor, or one that was given twice, is left out and
// the report says why; what is left must be enough, agree with itself and hold one speaker. The report has one entry per recording
// in their order, also with an error. Errors: *QualityError, ErrOptions.
func (e *Extractor) Enrol(o EnrolOptions, recordings ...Speech) (*Voiceprint, []Recording, error) {
	if err := o.Validate(); err != nil {
		return nil, nil, err
	}
	b := &builder{e: e, o: o}
	report, _ := b.admit(recordings)
	total := time.Duration(0)
	for _, s := range b.speech {
		total += s.Quality.NetSpeech
	}
	if total < o.MinSpeech || len(b.speech) == 0 {
		reasons := []Reason{{CodeTooLittleSpeech, fmt.Sprintf("%.1f s of usable net speech in %d of %d recordings, want at least %.1f s",
			total.Seconds(), len(b.speech), len(recordings), o.MinSpeech.Seconds())}}
		for i, r := range report {
			for _, why := range r.Reasons {
				reasons = append(reasons, Reason{why.Code, fmt.Sprintf("recording %d: %s", i+1, why.Text)})
			}
		}
		return nil, report, &QualityError{reasons}
	}
	if len(b.speech) > MaxSources {
		return nil, report, fmt.Errorf("%w: %d recordings, want at most %d", ErrOptions, len(b.speech), MaxSources)
	}
	parts, err := b.parts()
	if err != nil {
		return nil, report, err
	}
	reasons, err := b.selfMatch(parts)
	if err != nil {
		return nil, report, err
	}
	several, err := b.severalSpeakers()
	if err != nil {
		return nil, report, err
	}
	if reasons = append(reasons, several...); len(reasons) > 0 {
		return nil, report, &QualityError{reasons}
	}
	p, err := b.build()
	return p, report, err
}

// Extend returns p with further recordings of the same speaker counted in; p is unchanged. Each must match the print. Recordings
// that p or an earlier one already holds are left out; when nothing else is given the error is ErrDuplicate.
// Errors: ErrModel for a print of another model, *QualityError, ErrOptions.
func (e *Extractor) Extend(p *Voiceprint, o EnrolOptions, recordings ...Speech) (*Voiceprint, []Recording, error) {
	if err := o.Validate(); err != nil {
		return nil, nil, err
	}
	if err := p.Validate(); err != nil {
		return nil, nil, err
	}
	side, err := e.m.Side(p.Embedding())
	if err != nil {
		return nil, nil, err
	}
	b := &builder{e: e, o: o, known: p.Sources}
	report, reasons := b.admit(recordings)
	if len(b.speech) == 0 {
		return nil, report, &QualityError{reasons}
	}
	if len(p.Sources)+len(b.speech) > MaxSources {
		return nil, report, fmt.Errorf("%w: %d recordings beside %d, want at most %d in all", ErrOptions, len(b.speech), len(p.Sources), MaxSources)
	}
	several, err := b.severalSpeakers()
	if err != nil {
		return nil, report, err
	}
	reasons = several
	fresh, err := b.build()
	if err != nil {
		return nil, report, err
	}
	test, err := e.m.Side(fresh.Embedding())
	if err != nil {
		return nil, report, err
	}
	if ok, text := e.m.alike(side, test, o.MinSelfLLR, o.MinSelfCosine); !ok {
		reasons = append(reasons, Reason{CodeNoPrintMatch, "the new audio does not match the print: " + text})
	}
	if len(reasons) > 0 {
		return nil, report, &QualityError{reasons}
	}
	out, err := merge(p, fresh)
	return out, report, err
}

// merge returns the weighted mean of two prints of one model.
func merge(a, b *Voiceprint) (*Voiceprint, error) {
	wa, wb := a.weight(), b.weight()
	out := &Voiceprint{Model: a.Model, Vector: make([]float32, len(a.Vector)), Sources: slices.Concat(a.Sources, b.Sources)}
	for i := range out.Vector {
		out.Vector[i] = float32((wa*a.Length*float64(a.Vector[i]) + wb*b.Length*float64(b.Vector[i])) / (wa + wb))
	}
	return out.finish()
}

// finish makes the mean in Vector length 1, keeping its length, and sums the sources up.
func (p *Voiceprint) finish() (*Voiceprint, error) {
	p.Length = min(norm(p.Vector), 1)
	if !unit(p.Vector) {
		return nil, fmt.Errorf("%w: the recordings point in opposite directions", ErrQuality)
	}
	parts := make([]Speech, len(p.Sources))
	total := time.Duration(0)
	for i, s := range p.Sources {
		parts[i] = Speech{Quality: s.Quality}
		total += s.Quality.NetSpeech
	}
	p.Quality = meanQuality(parts)
	p.Quality.NetSpeech = total
	return p, p.Validate()
}

// builder holds the recordings of one enrolment that count.
type builder struct {
	e          *Extractor
	o          EnrolOptions
	known      []Source // enrolled before
	speech     []Speech
	sources    []Source
	embeddings []Embedding // one per speech, once made
}

// admit takes the recordings that pass their floor and were not heard before, and returns all reasons of the others.
func (b *builder) admit(recordings []Speech) ([]Recording, []Reason) {
	report := make([]Recording, len(recordings))
	var all []Reason
	for i, s := range recordings {
		r := &report[i]
		r.Quality = s.Quality
		r.Reasons = b.o.Recording.Check(s.Quality)
		src := Source{Digest: s.Digest(), Quality: s.Quality, Weight: s.Quality.weight()}
		same := func(k Source) bool { return k.Digest == src.Digest }
		if slices.ContainsFunc(b.known, same) || slices.ContainsFunc(b.sources, same) {
			r.Reasons = []Reason{{CodeSameAudio, "the same audio was given before"}}
		}
		if len(r.Reasons) > 0 {
			all = append(all, r.Reasons...)
			continue
		}
		r.Used = true
		b.speech = append(b.speech, s)
		b.sources = append(b.sources, src)
	}
	return report, all
}

// embedAll makes one embedding per recording.
func (b *builder) embedAll() error {
	for len(b.embeddings) < len(b.speech) {
		v, err := b.e.Embed(b.speech[len(b.embeddings)])
		if err != nil {
			return err
		}
		b.embeddings = append(b.embeddings, v)
	}
	return nil
}

// parts returns what must agree: the recordings, or the halves of a single one.
func (b *builder) parts() ([]Embedding, error) {
	if len(b.speech) > 1 {
		return b.embeddings, b.embedAll()
	}
	s := b.speech[0]
	half := len(s.Samples) / 2
	var out []Embedding
	for _, x := range [][]float32{s.Samples[:half], s.Samples[half:]} {
		part := Speech{Samples: x, Quality: s.Quality}
		part.Quality.NetSpeech = s.Quality.NetSpeech / 2
		v, err := b.e.Embed(part)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// selfMatch compares every part with the mean of the others.
func (b *builder) selfMatch(parts []Embedding) ([]Reason, error) {
	var reasons []Reason
	for i := range parts {
		rest := make([]Embedding, 0, len(parts)-1)
		rest = append(append(rest, parts[:i]...), parts[i+1:]...)
		mean, ok := meanEmbedding(rest)
		if !ok {
			return nil, fmt.Errorf("%w: the recordings point in opposite directions", ErrQuality)
		}
		x, errX := b.e.m.Side(parts[i])
		y, errY := b.e.m.Side(mean)
		if err := errors.Join(errX, errY); err != nil {
			return nil, err
		}
		if ok, text := b.e.m.alike(x, y, b.o.MinSelfLLR, b.o.MinSelfCosine); !ok {
			what := fmt.Sprintf("recording %d does not match the others", i+1)
			if len(b.speech) == 1 {
				what = "the two halves of the recording do not match"
			}
			reasons = append(reasons, Reason{CodeNoSelfMatch, what + ": " + text})
			if len(parts) == 2 { // the comparison the other way round is the same
				break
			}
		}
	}
	return reasons, nil
}

// likeness compares two sides by LLR where the model has a calibration, else by cosine.
func (m *Model) likeness(a, b Side) float64 {
	if m.calibration != nil {
		return m.calibration.LLR(m.Score(a, b), a.quality, b.quality)
	}
	return cosine(a.vector, b.vector)
}

// alike judges the likeness of two sides and says it in words.
func (m *Model) alike(a, b Side, minLLR, minCosine float64) (bool, string) {
	v := m.likeness(a, b)
	if m.calibration != nil {
		return v >= minLLR, fmt.Sprintf("LLR %.1f, want at least %.1f", v, minLLR)
	}
	return v >= minCosine, fmt.Sprintf("cosine %.2f, want at least %.2f", v, minCosine)
}

// build puts the recordings together.
func (b *builder) build() (*Voiceprint, error) {
	p := &Voiceprint{Model: b.e.m.id, Vector: make([]float32, b.e.m.Dims()), Sources: b.sources}
	if b.o.Combine == CombinePool {
		if err := b.e.Into(p.Vector, JoinSpeech(b.speech...).Samples); err != nil {
			return nil, err
		}
		return p.finish()
	}
	if err := b.embedAll(); err != nil {
		return nil, err
	}
	total := p.weight()
	for i, v := range b.embeddings {
		for j, x := range v.Vector {
			p.Vector[j] += float32(b.sources[i].Weight / total * float64(x))
		}
	}
	return p.finish()
}

// meanEmbedding returns the direction of the mean of embeddings of one model, weighed by quality; false when they cancel out.
func meanEmbedding(vs []Embedding) (Embedding, bool) {
	out := Embedding{Model: vs[0].Model, Vector: make([]float32, len(vs[0].Vector))}
	parts := make([]Speech, len(vs))
	total := time.Duration(0)
	for k, v := range vs {
		w := v.Quality.weight()
		for i, x := range v.Vector {
			out.Vector[i] += float32(w * float64(x))
		}
		parts[k] = Speech{Quality: v.Quality}
		total += v.Quality.NetSpeech
	}
	out.Quality = meanQuality(parts)
	out.Quality.NetSpeech = total
	return out, unit(out.Vector)
}

func cosine(a, b []float32) float64 {
	sum := 0.0
	for i, v := range a {
		sum += float64(v) * float64(b[i])
	}
	return math.Min(math.Max(sum, -1), 1)
}
