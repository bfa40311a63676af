package voiceprint

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Outcome is the answer of a verification, in the words of the interaction record.
type Outcome string

// The outcomes.
const (
	Authenticated    Outcome = "authenticated"
	NotAuthenticated Outcome = "not_authenticated"
	Inconclusive     Outcome = "inconclusive" // below the quality floor, between the thresholds, or nothing to decide by
	NotEnrolled      Outcome = "not_enrolled"
	OptedOut         Outcome = "opted_out"
	Expired          Outcome = "expired"
	Locked           Outcome = "locked"
)

// Decision is what a voice says about a claimed identity: evidence beside other factors, never a proof by itself.
type Decision struct {
	Outcome   Outcome
	LLR       *float64 // natural log; nil where none was computed
	Threshold *float64 // LLR from which the claim is accepted; nil where there is none
	Quality   Quality  // of the test side
	Reasons   []Reason // at least one
}

// String prints outcome, figures and codes on one line.
func (d Decision) String() string {
	codes := make([]string, len(d.Reasons))
	for i, r := range d.Reasons {
		codes[i] = r.Code
	}
	return fmt.Sprintf("%s: LLR %s, threshold %s, %v, %v", d.Outcome, number(d.LLR), number(d.Threshold), d.Quality, codes)
}

func number(v *float64) string {
	if v == nil {
		return "none"
	}
	return fmt.Sprintf("%.2f", *v)
}

// FromCalibration as Policy.AcceptLLR says that the threshold is the calibration's for Policy.FMR.
var FromCalibration = math.NaN()

// Policy says how a decision is made of an LLR.
type Policy struct {
	FMR       float64 // false match rate to hold: one that the calibration has a threshold for
	AcceptLLR float64 // accept at or above it; FromCalibration for the threshold of FMR
	RejectLLR float64 // refuse below it, or below the accepting one where that is lower; between the two it is inconclusive
	Floor     Floor   // of the test side
}

// DefaultPolicy accepts at a false match rate of 1 %, refuses what speaks for two speakers, and decides from 3 s of net speech on.
func DefaultPolicy() Policy {
	return Policy{FMR: 0.01, AcceptLLR: FromCalibration, RejectLLR: 0, Floor: Floor{NetSpeech: 3 * time.Second, SNRdB: 3, Clipped: 0.1}}
}

// Validate returns every problem of p, joined; errors.Is finds ErrOptions.
func (p Policy) Validate() error {
	errs := []error{p.Floor.Validate()}
	if !(p.FMR > 0 && p.FMR < 1) {
		errs = append(errs, fmt.Errorf("%w: FMR %g, want in (0, 1)", ErrOptions, p.FMR))
	}
	if !math.IsNaN(p.AcceptLLR) && !within(p.AcceptLLR, 100) || !within(p.RejectLLR, 100) {
		errs = append(errs, fmt.Errorf("%w: AcceptLLR %g, RejectLLR %g, want within ±100", ErrOptions, p.AcceptLLR, p.RejectLLR))
	}
	return errors.Join(errs...)
}

// accept returns the LLR from which a claim is accepted, or the reason why there is none.
func (m *Model) accept(p Policy) (float64, *Reason) {
	c := m.calibration
	switch {
	case c == nil:
		return 0, &Reason{CodeNoCalibration, "the model has no calibration, so its scores are no evidence"}
	case !math.IsNaN(p.AcceptLLR):
		return p.AcceptLLR, nil
	}
	if t, ok := c.Threshold(p.FMR); ok {
		return t.LLR, nil
	}
	text := fmt.Sprintf("the calibration offers no threshold for a false match rate of %g", p.FMR)
	for _, w := range c.Withheld {
		text += "; " + w
	}
	return 0, &Reason{CodeNoThreshold, text}
}

// Decide compares the print of the claimed speaker with a test. Errors: ErrModel for sides of another model, ErrOptions.
func (m *Model) Decide(print *Voiceprint, test Embedding, p Policy) (Decision, error) {
	if err := p.Validate(); err != nil {
		return Decision{}, err
	}
	enrol, err := m.Side(print.Embedding())
	if err != nil {
		return Decision{}, err
	}
	side, err := m.Side(test)
	if err != nil {
		return Decision{}, err
	}
	return m.decide(enrol, side, p), nil
}

// decide is Decide on prepared sides and checked options.
func (m *Model) decide(enrol, test Side, p Policy) Decision {
	d := Decision{Outcome: Inconclusive, Quality: test.quality, Reasons: p.Floor.Check(test.quality)}
	low := len(d.Reasons) > 0
	if m.calibration != nil {
		llr := m.calibration.LLR(m.Score(enrol, test), enrol.quality, test.quality)
		d.LLR = &llr
	}
	accept, why := m.accept(p)
	switch {
	case why != nil:
		d.Reasons = append(d.Reasons, *why)
	case low:
		d.Threshold = &accept
	default:
		d.Threshold = &accept
		d.Outcome = judge(*d.LLR, accept, p.RejectLLR)
		d.Reasons = append(d.Reasons, verdict(d.Outcome, *d.LLR, accept, p.RejectLLR))
	}
	d.Reasons = append(d.Reasons, spoofNotChecked())
	return d
}

// judge puts an LLR between the thresholds.
func judge(llr, accept, reject float64) Outcome {
	switch {
	case llr >= accept:
		return Authenticated
	case llr < min(reject, accept):
		return NotAuthenticated
	}
	return Inconclusive
}

func verdict(o Outcome, llr, accept, reject float64) Reason {
	switch o {
	case Authenticated:
		return Reason{CodeAboveThreshold, fmt.Sprintf("LLR %.2f reaches the threshold of %.2f", llr, accept)}
	case NotAuthenticated:
		return Reason{CodeBelowThreshold, fmt.Sprintf("LLR %.2f is below %.2f", llr, min(reject, accept))}
	}
	return Reason{CodeBetweenThresholds, fmt.Sprintf("LLR %.2f lies between %.2f and the threshold of %.2f", llr, reject, accept)}
}

// Verify embeds net speech and decides. Speech that no embedding can be made of is no error but an inconclusive decision.
// Errors: ErrModel, ErrOptions, ErrSample.
func (e *Extractor) Verify(print *Voiceprint, s Speech, p Policy) (Decision, error) {
	return e.m.verify(print, embeddable{e, s}, p)
}

// embeddable is Heard of net speech that is all there.
type embeddable struct {
	e *Extractor
	s Speech
}

func (h embeddable) Quality() Quality          { return h.s.Quality }
func (h embeddable) Embed() (Embedding, error) { return h.e.Embed(h.s) }

func (m *Model) verify(print *Voiceprint, h Heard, p Policy) (Decision, error) {
	test, err := h.Embed()
	if errors.Is(err, ErrNoSpeech) || errors.Is(err, ErrTooLittle) {
		if err := errors.Join(p.Validate(), m.check(print)); err != nil {
			return Decision{}, err
		}
		return m.unheard(h.Quality(), p, err), nil
	}
	if err != nil {
		return Decision{}, err
	}
	return m.Decide(print, test, p)
}

// check returns ErrModel for a print of another model.
func (m *Model) check(print *Voiceprint) error {
	if print.Model != m.id {
		return fmt.Errorf("%w: print of %v, want %v", ErrModel, print.Model, m.id)
	}
	return nil
}

// unheard is the decision on speech that cannot be embedded.
func (m *Model) unheard(q Quality, p Policy, err error) Decision {
	d := Decision{Outcome: Inconclusive, Quality: q}
	if accept, why := m.accept(p); why == nil {
		d.Threshold = &accept
	}
	code := CodeTooLittleSpeech
	if errors.Is(err, ErrNoSpeech) {
		code = CodeNoSpeech
	}
	d.Reasons = p.Floor.Check(q)
	if !slices.ContainsFunc(d.Reasons, func(r Reason) bool { return r.Code == code }) {
		d.Reasons = append([]Reason{{code, err.Error()}}, d.Reasons...)
	}
	d.Reasons = append(d.Reasons, spoofNotChecked())
	return d
}

// Withhold returns the decision on a claim whose voice is not looked at: NotEnrolled, OptedOut, Expired or Locked. It panics on
// another outcome.
func Withhold(o Outcome) Decision {
	texts := map[Outcome]Reason{
		NotEnrolled: {CodeNotEnrolled, "no voiceprint is enrolled for this speaker"},
		OptedOut:    {CodeOptedOut, "the speaker opted out: the voice was not embedded"},
		Expired:     {CodeExpired, "the voiceprint has expired and must be enrolled again"},
		Locked:      {CodeLocked, "the voice factor is locked after failed attempts"},
	}
	r, ok := texts[o]
	if !ok {
		panic(fmt.Sprintf("voiceprint: withhold: outcome %q, want one that needs no voice", o))
	}
	return Decision{Outcome: o, Quality: Quality{SNRdB: math.NaN(), BandwidthHz: math.NaN()}, Reasons: []Reason{r, spoofNotChecked()}}
}
