package analysis

import (
	"cmp"
	"context"
	"math"
	"sync"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/sentiment"
)

// Normals keeps what calls of a customer say of the voice's own normal, for the calls after them: unlabelled statistics and how aroused
// the speech behind them was on the whole, never a score of a moment.
// A session asks for them where the permit allows the customer's emotion. Earlier is called from Bind, Keep by who ends the session.
// Their errors are told in the record, so that they must not name a person.
type Normals interface {
	// Earlier returns the statistics of the customer's calls before this one, whole; false where none may be used or none are kept, and
	// where this call is among them: a call that is analysed once more is not its own past.
	Earlier(ctx context.Context, customer, interaction string) (sentiment.Normaliser, bool, error)
	// Keep is given the statistics of a call that ended in order, without those of the calls before it. One that was given before counts
	// once.
	Keep(ctx context.Context, customer, interaction string, n sentiment.Normaliser) error
}

// Of a call less than leastKept seconds of clear speech says too little of a voice to be kept. Clear is a segment of leastKeptSNR dB
// above the noise: what a noisy line says of a voice misleads on a quiet one.
const (
	leastKept    = 5.0
	leastKeptSNR = 15.0
)

// normalLane is what a session knows of the customer's normal. Touched by the owner goroutine, or who ends the session after it, but for
// asked.
type normalLane struct {
	normals  Normals              // nil: none
	customer string               // whom the call was told last; empty: nobody
	claimed  string               // whom the caller claims to be
	of       string               // whose earlier is
	earlier  sentiment.Normaliser // as this call begins with it
	failed   []string             // look-ups

	mu    sync.Mutex
	asked string // the customer of the latest answer
}

// newNormalLane returns a lane that asks n where the session can score the customer's emotion.
func (e *Engine) newNormalLane(o *Options) *normalLane {
	l := &normalLane{}
	if e.newEmotion != nil && o.Permit.CustomerEmotion {
		l.normals = o.Normals
	}
	return l
}

// askEarlier asks, in the goroutine of Bind, what earlier calls say of the customer whom b names: once, until a binding names another.
func (s *Session) askEarlier(ctx context.Context, b *interaction.Binding) func() {
	l := s.normal
	if l.normals == nil {
		return func() {}
	}
	customer, claimed := b.CustomerID, b.ClaimedIdentity
	l.mu.Lock()
	defer l.mu.Unlock()
	if customer == "" || customer == l.asked {
		return func() { l.told(customer, claimed) }
	}
	l.asked = customer
	n, known, err := l.normals.Earlier(ctx, customer, s.opts.ID)
	return func() {
		l.told(customer, claimed)
		if l.of, l.earlier = customer, (sentiment.Normaliser{}); err != nil {
			l.failed = append(l.failed, err.Error())
		} else if known {
			l.earlier = n.Earlier()
		}
		for _, c := range s.channels {
			c.emotion.forgetShown()
		}
	}
}

// told takes whom a binding names, in the owner goroutine.
func (l *normalLane) told(customer, claimed string) {
	l.customer, l.claimed = cmp.Or(customer, l.customer), cmp.Or(claimed, l.claimed)
}

// theirs reports whether the caller is, for all that was told, the customer alone.
func (l *normalLane) theirs() bool {
	return l.customer != "" && (l.claimed == "" || l.claimed == l.customer)
}

// earlier returns what is known of the speaker on c from before the call: nothing, unless the customer is there.
func (c *channel) earlier() sentiment.Normaliser {
	l := c.session.normal
	if c.who.Role != interaction.RoleCustomer || !l.theirs() || l.of != l.customer {
		return sentiment.Normaliser{}
	}
	return l.earlier
}

// addEarlier says of the customer's affect in r how much speech of earlier calls its scores know of.
func (s *Session) addEarlier(r *interaction.Interaction) {
	for i := range r.Affect {
		for _, p := range r.Participants {
			if p.ID == r.Affect[i].ParticipantID {
				if known := s.channels[p.Channel].earlier(); known.Seconds() > 0 {
					r.Affect[i].EarlierMs = ptrTo(int64(math.Round(known.Seconds() * 1000)))
				}
			}
		}
	}
}

// endNormals hands on what the call, whose record is r, says of the customer's normal, and tells r what went wrong. A caller who was held
// against the print of the customer and is not that person says nothing of it.
func (s *Session) endNormals(ctx context.Context, r *interaction.Interaction) {
	l := s.normal
	r.Contact.Media.Warnings = append(r.Contact.Media.Warnings, l.failed...)
	if l.normals == nil || !l.theirs() || r.Contact.State != interaction.StateComplete {
		return
	}
	if v := s.voice.ended; v != nil && v.Decision == interaction.NotAuthenticated {
		return
	}
	for _, c := range s.channels {
		if c.who.Role != interaction.RoleCustomer || c.emotion == nil || c.emotion.clear.Seconds() < leastKept {
			continue
		}
		if err := l.normals.Keep(ctx, l.customer, s.opts.ID, c.emotion.clear); err != nil {
			r.Contact.Media.Warnings = append(r.Contact.Media.Warnings, err.Error())
		}
	}
}
