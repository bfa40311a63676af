package voiceprint

import (
	"errors"
	"fmt"
	"time"
)

// LiveOptions say how a decision sharpens while a call runs.
type LiveOptions struct {
	Policy Policy
	Every  time.Duration // net speech that must be new before it is looked at again, 0.5 s or more
	Growth float64       // and by which it must have grown, 1 or more: more than 1 keeps the work of a long call in proportion to its length

	// A decision is certain, and no more speech is looked at, when the LLR lies CertainLLR beyond its threshold with
	// CertainSpeech behind it.
	CertainLLR    float64
	CertainSpeech time.Duration
	// A decision once told changes only when the LLR has crossed its threshold by HoldLLR: it does not flutter.
	HoldLLR float64
}

// DefaultLive returns a look every 2 s of net speech at first.
func DefaultLive() LiveOptions {
	return LiveOptions{Policy: DefaultPolicy(), Every: 2 * time.Second, Growth: 1.5, CertainLLR: 3, CertainSpeech: 8 * time.Second, HoldLLR: 0.5}
}

// Validate returns every problem of o, joined; errors.Is finds ErrOptions.
func (o LiveOptions) Validate() error {
	errs := []error{o.Policy.Validate()}
	bad := func(name string, v any, want string) {
		errs = append(errs, fmt.Errorf("%w: %s: %v, want %s", ErrOptions, name, v, want))
	}
	if o.Every < time.Second/2 {
		bad("Every", o.Every, "0.5 s or more")
	}
	if !(o.Growth >= 1 && o.Growth <= 10) {
		bad("Growth", o.Growth, "1 to 10")
	}
	if !(o.CertainLLR >= 0 && o.CertainLLR <= 100) || !(o.HoldLLR >= 0 && o.HoldLLR <= 100) {
		bad("CertainLLR, HoldLLR", []float64{o.CertainLLR, o.HoldLLR}, "0 to 100")
	}
	if o.CertainSpeech < 0 {
		bad("CertainSpeech", o.CertainSpeech, "0 or more")
	}
	return errors.Join(errs...)
}

// Change is a decision that took the place of another. Outcomes never change without one.
type Change struct {
	From, To Decision
}

// Verifier verifies one claim on a live call. It looks at the net speech so far each time enough is new, and stops when certain.
// Several looks at one call accept an impostor a little more often than one look does: the rate of the threshold holds for one.
// Not safe for concurrent use.
type Verifier struct {
	m       *Model
	o       LiveOptions
	print   *Voiceprint
	enrol   Side
	now     Decision
	next    time.Duration // net speech at which to look again
	certain bool
	closed  bool
}

// NewVerifier returns a verifier of one claim. Its decision is inconclusive until there is speech.
// Errors: ErrModel for a print of another model, ErrOptions.
func NewVerifier(m *Model, print *Voiceprint, o LiveOptions) (*Verifier, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	enrol, err := m.Side(print.Embedding())
	if err != nil {
		return nil, err
	}
	v := &Verifier{m: m, o: o, print: print, enrol: enrol, next: max(o.Every, o.Policy.Floor.NetSpeech)}
	v.now = m.unheard(Quality{SNRdB: unknown, BandwidthHz: unknown}, o.Policy, ErrNoSpeech)
	return v, nil
}

// Decision returns the decision that stands.
func (v *Verifier) Decision() Decision { return v.now }

// Certain reports whether more speech would not be looked at.
func (v *Verifier) Certain() bool { return v.certain }

// Update looks at the net speech of the call so far, each time all of it; it is embedded only where it is time to. Update returns a
// Change when the outcome changed, else nil; LLR and reasons of Decision sharpen without one. Errors: those of h, ErrModel.
func (v *Verifier) Update(h Heard) (*Change, error) {
	if v.certain || v.closed {
		return nil, nil
	}
	net := h.Quality().NetSpeech
	if net < v.next {
		return nil, nil
	}
	v.next = max(net+v.o.Every, time.Duration(float64(net)*v.o.Growth))
	test, err := v.embed(h)
	if err != nil {
		return nil, err
	}
	if test == nil {
		return nil, nil
	}
	d := v.m.decide(v.enrol, *test, v.o.Policy)
	if d.Outcome != v.now.Outcome && v.held(d) {
		accept, llr := *d.Threshold, *d.LLR
		d.Outcome = v.now.Outcome
		d.Reasons = append([]Reason{{CodeHeld, fmt.Sprintf("LLR %.2f is within %.2f of the threshold of %.2f: the decision stands", llr, v.o.HoldLLR, accept)}}, d.Reasons[1:]...)
	}
	v.certain = v.sure(d)
	return v.become(d), nil
}

// Close ends the call and decides on all of its net speech: the record of a live call is that of its recording. A change is returned
// even after a certain decision.
func (v *Verifier) Close(h Heard) (*Change, error) {
	if v.closed {
		return nil, nil
	}
	d, err := v.m.verify(v.print, h, v.o.Policy)
	if err != nil {
		return nil, err
	}
	v.closed = true
	return v.become(d), nil
}

func (v *Verifier) embed(h Heard) (*Side, error) {
	e, err := h.Embed()
	if errors.Is(err, ErrNoSpeech) || errors.Is(err, ErrTooLittle) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	side, err := v.m.Side(e)
	return &side, err
}

// held reports whether a decision that was told stands against d, whose LLR only just crossed over.
func (v *Verifier) held(d Decision) bool {
	if d.LLR == nil || d.Threshold == nil {
		return false
	}
	accept, reject, hold := *d.Threshold, min(v.o.Policy.RejectLLR, *d.Threshold), v.o.HoldLLR
	switch v.now.Outcome {
	case Authenticated:
		return *d.LLR > accept-hold
	case NotAuthenticated:
		return *d.LLR < reject+hold
	}
	return false
}

// sure reports whether more speech would hardly change d.
func (v *Verifier) sure(d Decision) bool {
	if d.LLR == nil || d.Threshold == nil || d.Quality.NetSpeech < v.o.CertainSpeech {
		return false
	}
	switch d.Outcome {
	case Authenticated:
		return *d.LLR >= *d.Threshold+v.o.CertainLLR
	case NotAuthenticated:
		return *d.LLR <= min(v.o.Policy.RejectLLR, *d.Threshold)-v.o.CertainLLR
	}
	return false
}

func (v *Verifier) become(d Decision) *Change {
	was := v.now
	v.now = d
	if was.Outcome == d.Outcome {
		return nil
	}
	return &Change{From: was, To: d}
}
