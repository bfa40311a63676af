package analysis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/voiceprint"
)

// Voice knows persons by their voices, for one session. The session asks the permit before Claim, Listen and Gallery:
// what it refuses is not called. Claim and OptedOut are called from Bind; Listen and Gallery by the session's own
// goroutine, so that they must answer from memory; Outcome by who ends the session.
type Voice interface {
	// Claim looks up the person whom the caller claims to be.
	Claim(ctx context.Context, speaker string) (Claimed, error)
	// OptedOut reports whether a person asked never to be known by voice.
	OptedOut(ctx context.Context, speaker string) (bool, error)
	// Listen returns what takes in the customer's speech and embeds it. The audio came in at rate samples per second, and the scores
	// of the speech come delay samples at voiceprint.Rate after their step. It is the only way by which a session comes to a speaker
	// model.
	Listen(rate int, delay int64) (*voiceprint.Listener, error)
	// Model names the speaker model, for the record.
	Model() interaction.Model
	// Gallery returns the prints of a watchlist, or of everybody where list is empty, and whose each entry is.
	Gallery(list string) (*voiceprint.Gallery, func(entry string) (speaker string), error)
	// Outcome is told what became of each claim, once, when the call has ended.
	Outcome(ctx context.Context, o VoiceOutcome) error
}

// Claimed is what is known of a claimed identity.
type Claimed struct {
	Decision interaction.Decision   // "": Print may be compared with; else the answer, without hearing anything
	Print    *voiceprint.Voiceprint // nil with a Decision
	Released bool                   // a release of the person is in the consent ledger
}

// VoiceOutcome is the end of one claim.
type VoiceOutcome struct {
	Speaker     string // the claimed identity
	Interaction string
	Decision    interaction.Decision
	LLR         *float64
	Threshold   *float64
	NetSpeechMs int64
	Reasons     []string
	Shadow      bool // nobody was shown it
}

// Reasons of a voice result that are the session's own.
const (
	reasonLookupFailed = "lookup_failed"   // what is known of the claimed person could not be read
	reasonNoClaim      = "no_claim"        // a search was permitted, and nobody said who the caller claims to be
	reasonCannotListen = "cannot_listen"   // the audio or the model does not allow it
	reasonLead         = "watchlist_match" // a lead for a person, never a refusal
)

// Speech is looked at anew after so much of the channel came in; what costs, an embedding, is spaced by net speech.
const (
	voiceLook   = time.Second / 2
	firstSearch = 4 * time.Second // net speech
	searchAgain = 1.5             // growth of net speech from one search to the next
)

// claim is one claimed identity of a call.
type claim struct {
	speaker  string
	known    Claimed
	failed   bool // the look-up
	verifier *voiceprint.Verifier
}

// voiceLane is what a session knows of the customer's voice. Touched by the owner goroutine, or who ends the session after it.
type voiceLane struct {
	voice    Voice
	live     voiceprint.LiveOptions
	claim    *claim // the latest; nil: nobody claimed anything
	optedOut bool   // the customer, whoever the caller claims to be
	listener *voiceprint.Listener
	channel  int // that is listened to, once there is a listener
	cannot   string
	since    int           // samples since the last look
	nextAt   time.Duration // net speech at which to search again
	hits     map[string]interaction.Candidate
	outcomes []VoiceOutcome // of claims that another took the place of
	ended    *interaction.Voice
}

// lookUp asks, in the goroutine of Bind, what is known of whom b names.
func (s *Session) lookUp(ctx context.Context, b *interaction.Binding) func() {
	v := s.opts.Voice
	if v == nil || b.ClaimedIdentity == "" && b.CustomerID == "" {
		return func() {}
	}
	out := false
	for _, person := range []string{b.ClaimedIdentity, b.CustomerID} {
		if person == "" {
			continue
		}
		yes, err := v.OptedOut(ctx, person)
		out = out || yes || err != nil // who cannot be asked about is not embedded
	}
	var c *claim
	if b.ClaimedIdentity != "" {
		c = &claim{speaker: b.ClaimedIdentity}
		switch {
		case out:
			c.known.Decision = interaction.OptedOut
		case s.opts.Permit.Verification:
			var err error
			if c.known, err = v.Claim(ctx, b.ClaimedIdentity); err != nil {
				c.known, c.failed = Claimed{}, true
			}
		}
	}
	return func() { s.claimed(c, out) }
}

// claimed takes what lookUp found, in the owner goroutine.
func (s *Session) claimed(c *claim, optedOut bool) {
	l := &s.voice
	l.optedOut = l.optedOut || optedOut
	if c == nil || l.claim != nil && l.claim.speaker == c.speaker && !l.claim.failed {
		return
	}
	if l.claim != nil {
		l.outcomes = append(l.outcomes, s.outcome(l.claim))
	}
	l.claim = c
	if d := c.known.Decision; d != "" && s.mayTell() {
		s.tellVoice()
	}
}

// voiceCode asks the permit whether the customer's speech on c may be embedded and compared.
func (s *Session) voiceCode(c *channel) interaction.Code {
	call := s.policyCall(c)
	l := &s.voice
	call.HasClaim, call.HasConsent, call.HasOptOut = l.claim != nil, l.claim != nil && l.claim.known.Released, l.optedOut
	if call.HasClaim && l.claim.known.Decision == interaction.OptedOut {
		call.HasOptOut = true
	}
	return s.opts.Permit.Voice(call)
}

// hearVoice takes the next piece of a channel.
func (s *Session) hearVoice(c *channel, p voiceprint.Piece) {
	l := &s.voice
	if l.voice == nil || c.who.Role != interaction.RoleCustomer || l.cannot != "" {
		return
	}
	if s.voiceCode(c) != "" {
		l.listener = nil // it was permitted before, and what was kept is forgotten
		return
	}
	if !s.hasUse() {
		return
	}
	if l.listener == nil || l.channel != c.index {
		var err error
		if l.listener, err = l.voice.Listen(s.opts.Rate, c.detector.DelaySamples()); err != nil {
			l.listener, l.cannot = nil, err.Error()
			return
		}
		l.channel = c.index
	}
	if err := l.listener.Write(p); err != nil {
		l.listener, l.cannot = nil, err.Error()
		return
	}
	l.since += len(p.Samples)
	if time.Duration(l.since)*time.Second/Rate >= voiceLook {
		l.since = 0
		s.look(c)
	}
}

// hasUse reports whether an embedding would be compared with anything.
func (s *Session) hasUse() bool {
	p := &s.opts.Permit
	return len(p.Watchlists) > 0 || p.Identification || p.Verification && s.voice.claim != nil && s.voice.claim.known.Print != nil
}

// look compares what was heard so far, where enough is new, and tells what became sharper.
func (s *Session) look(c *channel) {
	l := &s.voice
	changed := s.verify()
	if net := l.listener.Quality().NetSpeech; net >= max(firstSearch, l.nextAt) {
		l.nextAt = time.Duration(searchAgain * float64(net))
		changed = s.search() || changed
	}
	if changed && s.mayTell() {
		s.tellVoice()
	}
}

// verify lets the verifier of the claim look; it reports whether the decision became another or sharper.
func (s *Session) verify() bool {
	l := &s.voice
	if l.claim == nil || l.claim.known.Print == nil || !s.opts.Permit.Verification {
		return false
	}
	if l.claim.verifier == nil {
		v, err := voiceprint.NewVerifier(l.listener.Model(), l.claim.known.Print, l.live)
		if err != nil {
			l.cannot = err.Error()
			return false
		}
		l.claim.verifier = v
	}
	was := l.claim.verifier.Decision()
	if _, err := l.claim.verifier.Update(l.listener); err != nil {
		l.cannot = err.Error()
		return false
	}
	now := l.claim.verifier.Decision()
	return now.Outcome != was.Outcome || now.Quality.NetSpeech != was.Quality.NetSpeech
}

// search looks for the voice in the permitted lists, independently of the claim; it reports whether there is a new hit.
func (s *Session) search() bool {
	l, p := &s.voice, &s.opts.Permit
	lists := p.Watchlists
	if p.Identification {
		lists = append([]string{""}, lists...)
	}
	if len(lists) == 0 {
		return false
	}
	test, err := l.listener.Embed()
	if errors.Is(err, voiceprint.ErrNoSpeech) || errors.Is(err, voiceprint.ErrTooLittle) {
		return false
	}
	if err != nil {
		l.cannot = err.Error()
		return false
	}
	fresh := false
	for _, list := range lists {
		g, who, err := l.voice.Gallery(list)
		if err != nil {
			l.cannot = err.Error()
			return false
		}
		o := voiceprint.DefaultIdentify()
		o.Policy = l.live.Policy
		found, err := g.Identify(test, o)
		if err != nil {
			l.cannot = err.Error()
			return false
		}
		for _, hit := range found.Candidates {
			key := list + "\x00" + hit.ID
			if _, known := l.hits[key]; !known {
				fresh = true
			}
			if l.hits == nil {
				l.hits = map[string]interaction.Candidate{}
			}
			l.hits[key] = interaction.Candidate{SpeakerID: who(hit.ID), LLR: *hit.LLR, List: list}
		}
	}
	return fresh
}

// mayTell reports whether results are shown on the call.
func (s *Session) mayTell() bool { return !s.opts.Permit.Shadow }

// tellVoice emits what is known of the voice now.
func (s *Session) tellVoice() {
	if s.opts.OnEvent == nil {
		return
	}
	channel, at := s.voice.channel, int64(0)
	for _, c := range s.channels {
		if c.who.Role == interaction.RoleCustomer {
			channel, at = c.index, ms(c.end())
		}
	}
	s.opts.OnEvent(Event{Kind: EventVoice, Channel: channel, AtMs: at, Voice: s.voiceRecord()})
}

// flushVoice tells that a channel has ended, with the scores that only its end tells.
func (s *Session) flushVoice(c *channel, p voiceprint.Piece) {
	l := &s.voice
	if l.listener == nil || l.channel != c.index {
		return
	}
	if err := l.listener.Flush(p); err != nil {
		l.listener, l.cannot = nil, err.Error()
	}
}

// endVoice decides on all of the customer's speech, once the audio has ended.
func (s *Session) endVoice() {
	l := &s.voice
	if l.voice == nil {
		return
	}
	if l.listener != nil {
		s.verify() // makes the verifier of a short call
		if c := l.claim; c != nil && c.verifier != nil && l.cannot == "" {
			if _, err := c.verifier.Close(l.listener); err != nil {
				l.cannot = err.Error()
			}
		}
		l.hits = nil // the record is that of the whole call, whatever pieces it came in
		s.search()
	}
	if l.claim != nil {
		l.outcomes = append(l.outcomes, s.outcome(l.claim))
	}
	l.ended = s.voiceRecord()
	l.listener = nil // the speech of the call is not kept
}

// tellOutcomes hands on what became of the claims. The first error is returned; the others are tried.
func (s *Session) tellOutcomes(ctx context.Context) error {
	var errs []error
	for _, o := range s.voice.outcomes {
		if err := s.voice.voice.Outcome(ctx, o); err != nil {
			errs = append(errs, fmt.Errorf("analysis: outcome of a claim: %w", err))
		}
	}
	s.voice.outcomes = nil
	return errors.Join(errs...)
}

// outcome returns what became of a claim so far.
func (s *Session) outcome(c *claim) VoiceOutcome {
	v := s.judge(c)
	return VoiceOutcome{Speaker: c.speaker, Interaction: s.opts.ID, Decision: v.Decision, LLR: v.LLR, Threshold: v.Threshold,
		NetSpeechMs: v.NetSpeechMs, Reasons: v.Reasons, Shadow: s.opts.Permit.Shadow}
}

func newVoiceLane(o *Options) voiceLane {
	live := voiceprint.DefaultLive()
	if o.VoiceLive != nil {
		live = *o.VoiceLive
	}
	return voiceLane{voice: o.Voice, live: live, channel: -1}
}
