package analysis

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/policy"
)

// maxMarks bounds the marks of one call.
const maxMarks = 10000

// Bind takes what became known of the call, at any time of it; what b leaves empty stays as it was. The roles hold for the whole
// call, from its start, however late they become known, and a side that moves to another channel leaves the one it was on. The
// agent named is the one of the latest leg. b is checked with Validate, and its roles may only name channels that exist.
func (s *Session) Bind(ctx context.Context, b interaction.Binding) error {
	if err := b.Validate(); err != nil {
		return fmt.Errorf("analysis: %w", err)
	}
	if n := len(b.ChannelRoles); n > 0 {
		if err := s.checkChannel(n - 1); err != nil {
			return fmt.Errorf("%w: channel_roles", err)
		}
	}
	b.ChannelRoles = slices.Clone(b.ChannelRoles)
	told := s.ask(ctx, &b)
	return s.send(ctx, piece{do: func() { s.bind(b, told) }})
}

// ask looks up, in the goroutine of Bind, whom b names, and returns what takes the answers in the owner goroutine.
func (s *Session) ask(ctx context.Context, b *interaction.Binding) func() {
	voice, enrol, earlier := s.lookUp(ctx, b), s.askEnrol(ctx, b), s.askEarlier(ctx, b)
	return func() { voice(); enrol(); earlier() }
}

// bind is Bind in the owner goroutine. told takes what was looked up.
func (s *Session) bind(b interaction.Binding, told func()) {
	last := &s.legs[len(s.legs)-1]
	last.externalID = cmp.Or(b.AgentID, last.externalID)
	last.displayName = cmp.Or(b.AgentName, last.displayName)
	if b.ConsentRef != "" && !slices.Contains(s.consents, b.ConsentRef) {
		s.consents = append(s.consents, b.ConsentRef)
	}
	s.bound.Merge(b)
	var customer *channel
	for i, role := range b.ChannelRoles {
		if role == "" {
			continue
		}
		told := role != interaction.RoleUnknown
		for _, c := range s.channels {
			if told && c.who.Role == role && c.index != i {
				c.who.Role = interaction.RoleUnknown
			}
		}
		who := &s.channels[i].who
		who.Role = role
		who.Separated = who.Separated || told && !who.Mixed
		if role == interaction.RoleCustomer {
			customer = s.channels[i]
		}
	}
	told()
	if customer != nil {
		customer.catchUp()
	}
}

// bindContact lays what was bound over what was known at the start.
func (s *Session) bindContact(c *interaction.Contact) {
	b := &s.bound
	c.ContactID = cmp.Or(b.ContactID, c.ContactID)
	c.RelatedContactID = cmp.Or(b.RelatedContactID, c.RelatedContactID)
	c.Direction = cmp.Or(b.Direction, c.Direction)
	c.Language = cmp.Or(b.Language, c.Language)
	c.Queue = cmp.Or(b.Queue, c.Queue)
	c.ClaimedIdentity = cmp.Or(b.ClaimedIdentity, c.ClaimedIdentity)
	c.Attributes = maps.Clone(c.Attributes)
	if len(b.Attributes) > 0 {
		if c.Attributes == nil {
			c.Attributes = map[string]string{}
		}
		maps.Copy(c.Attributes, b.Attributes)
	}
}

// policyCall is what the permit is asked about a channel.
func (s *Session) policyCall(c *channel) policy.Call {
	call := policy.Call{
		Role:       c.who.Role,
		Separated:  c.who.Separated,
		NoticeMs:   -1,
		HasClaim:   s.bound.ClaimedIdentity != "",
		HasConsent: len(s.consents) > 0,
	}
	if at, start := s.bound.NoticePlayedAt, s.opts.Contact.StartedAt; at != nil && start != nil {
		call.NoticeMs = max(at.Sub(*start).Milliseconds(), 0) // one played before the audio holds for all of it
	}
	return call
}

// Mark notes that something happened at m.AtMs. Marks may come in any order. A transfer, an agent_joined and an agent_left begin
// a new leg of the agents, whose agent is m.Detail or becomes known with Bind; hold and unhold bound times in which nobody waits
// for an answer. Marks beyond the end of the audio stand at its end.
func (s *Session) Mark(ctx context.Context, m interaction.Mark) error {
	if !slices.Contains(markKinds, m.Kind) {
		return fmt.Errorf("analysis: mark: kind %q, want one of %v", m.Kind, markKinds)
	}
	if m.AtMs < 0 {
		return fmt.Errorf("analysis: mark %s: %d ms, want 0 or more", m.Kind, m.AtMs)
	}
	if b := (interaction.Binding{AgentID: m.Detail}); b.Validate() != nil {
		return fmt.Errorf("analysis: mark %s: detail: %d bytes, want at most 512 of printable UTF-8", m.Kind, len(m.Detail))
	}
	return s.send(ctx, piece{do: func() { s.mark(m) }})
}

// markKinds are the words of a mark.
var markKinds = []string{"hold", "unhold", "transfer", "agent_joined", "agent_left", "ivr", "privacy_on", "privacy_off"}

// mark is Mark in the owner goroutine.
func (s *Session) mark(m interaction.Mark) {
	if len(s.marks) >= maxMarks {
		return
	}
	at, _ := slices.BinarySearchFunc(s.marks, m.AtMs+1, func(e interaction.Mark, t int64) int { return cmp.Compare(e.AtMs, t) })
	s.marks = slices.Insert(s.marks, at, m)
	switch m.Kind {
	case "transfer", "agent_joined":
		s.addLeg(leg{fromMs: m.AtMs, externalID: m.Detail})
	case "agent_left":
		s.addLeg(leg{fromMs: m.AtMs})
	}
}

// AddChannel gives the call one channel more, as when the other side's stream comes on a connection of its own, and returns its
// number. Its audio begins at the start of the call: Skip first what it missed.
func (s *Session) AddChannel(ctx context.Context, who Channel) (int, error) {
	s.adding.Lock()
	defer s.adding.Unlock()
	index := int(s.count.Load())
	if index >= maxChannels {
		return 0, fmt.Errorf("analysis: channels: %d, want at most %d", index+1, maxChannels)
	}
	role := who.Role
	who.Role = ""
	c, err := newChannel(s, index, who)
	if err != nil {
		return 0, err
	}
	if err := s.send(ctx, piece{do: func() {
		s.channels = append(s.channels, c)
		taken := slices.ContainsFunc(s.channels, func(o *channel) bool { return o.who.Role == role })
		if role != "" && !taken {
			c.who.Role = role
		}
	}}); err != nil {
		return 0, err
	}
	s.count.Store(int32(index + 1))
	return index, nil
}

// Snapshot returns the record as far as the call has come, in state live: what was written before is in it, except a segment
// that is still being spoken. The caller must not change it, for it shares the measurements with the session.
func (s *Session) Snapshot(ctx context.Context) (*interaction.Interaction, error) {
	out := make(chan *interaction.Interaction, 1)
	if err := s.send(ctx, piece{do: func() { out <- s.assemble(interaction.StateLive) }}); err != nil {
		return nil, err
	}
	select {
	case r := <-out:
		return r, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// marksUntil returns the marks, those beyond the end moved to it.
func (s *Session) marksUntil(endMs int64) []interaction.Mark {
	out := slices.Clone(s.marks)
	for i := range out {
		out[i].AtMs = min(out[i].AtMs, endMs)
	}
	return out
}
