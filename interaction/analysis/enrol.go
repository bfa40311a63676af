package analysis

import (
	"cmp"
	"context"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/voiceprint"
)

// Enroller is a Voice that also makes a voiceprint of calls of a customer who has none: a session that is given one listens to the
// customer's speech for it where the permit allows an enrolment, and hands the speech on once the call has ended in order. MayEnrol is
// called from Bind, Collect by the session's own goroutine, EnrolHeard by who ends the session.
type Enroller interface {
	Voice
	// MayEnrol reports whether a print of the customer, who has none, may be made of calls: a consent is in force that covers it.
	MayEnrol(ctx context.Context, customer string) (bool, error)
	// Collect returns what takes in the customer's speech, at rate samples per second.
	Collect(rate int) (*voiceprint.Collector, error)
	// EnrolHeard is given the customer's speech of a call, which is the receiver's. What is too little for a print is no error. Its
	// errors are told in the record, so that they must not name a person.
	EnrolHeard(ctx context.Context, customer, interaction string, s voiceprint.Speech) error
}

// enrolLane is what a session hears for an enrolment. Touched by the owner goroutine, or who ends the session after it.
type enrolLane struct {
	enroller  Enroller // nil: none
	customer  string   // who may be enrolled; empty: nobody
	collector *voiceprint.Collector
	channel   int // that is listened to, once there is a collector
}

func newEnrolLane(o *Options) enrolLane {
	e, _ := o.Voice.(Enroller)
	return enrolLane{enroller: e}
}

// askEnrol asks, in the goroutine of Bind, whether the customer whom b names may be enrolled.
func (s *Session) askEnrol(ctx context.Context, b *interaction.Binding) func() {
	e := s.enrol.enroller
	if e == nil || b.CustomerID == "" && b.ClaimedIdentity == "" {
		return func() {}
	}
	may := false
	if b.CustomerID != "" {
		yes, err := e.MayEnrol(ctx, b.CustomerID)
		may = yes && err == nil // who cannot be asked about is not heard
	}
	customer, claimed := b.CustomerID, b.ClaimedIdentity
	return func() { s.enrollable(customer, claimed, may) }
}

// enrollable takes what askEnrol found, in the owner goroutine. Another customer, or a claim to be somebody else, forgets what was heard.
func (s *Session) enrollable(customer, claimed string, may bool) {
	l := &s.enrol
	next := l.customer
	switch {
	case customer != "" && may:
		next = customer
	case customer != "":
		next = ""
	}
	if claimed = cmp.Or(claimed, s.bound.ClaimedIdentity); claimed != "" && claimed != next {
		next = ""
	}
	if next != l.customer {
		l.customer, l.collector = next, nil
	}
}

// hearEnrol takes the next samples of a channel, as they came.
func (s *Session) hearEnrol(c *channel, x []float32) {
	l := &s.enrol
	if l.customer == "" || c.who.Role != interaction.RoleCustomer {
		return
	}
	call := s.policyCall(c)
	call.HasOptOut, call.HasConsent = s.voice.optedOut, true
	if s.opts.Permit.Enrol(call) != "" {
		l.collector = nil
		return
	}
	var err error
	if l.collector == nil || l.channel != c.index {
		if l.collector, err = l.enroller.Collect(s.opts.Rate); err != nil {
			l.customer, l.collector = "", nil
			return
		}
		l.channel = c.index
	}
	if err := l.collector.Write(x); err != nil {
		l.customer, l.collector = "", nil
	}
}

// endEnrol hands on the customer's speech of a call that ended in order.
func (s *Session) endEnrol(ctx context.Context, state interaction.State) error {
	l := &s.enrol
	c := l.collector
	l.collector = nil // the speech of the call is not kept
	if c == nil || l.customer == "" || s.voice.optedOut || state != interaction.StateComplete {
		return nil
	}
	c.Flush()
	return l.enroller.EnrolHeard(ctx, l.customer, s.opts.ID, c.Speech())
}
