package rules

import (
	"cmp"
	"math"
	"slices"

	"github.com/timbre-voice/timbre/interaction"
)

// LagMs is how long after speech or music began it may take to be known while a call runs. A silence is alerted that much later, so
// that it is not taken back.
const LagMs = 3000

// minOvertalkMs is the least length of an instance of overtalk, as in the record's conversation metrics.
const minOvertalkMs = 200

// Call tries the rules of a set on one call. What becomes known goes in by the methods, in the order of Known time, and each
// returns the alerts that it raises, in the order of the rules. For one goroutine at a time.
type Call struct {
	queue    string
	rules    []*state
	speech   map[interaction.Role][]span // finished segments of either side, by end; old ones are forgotten
	speaking map[int]int64               // start of the open segment, by channel
	holding  bool                        // a hold mark is open
	playing  map[int]int64               // start of open music or ringing, by channel
	quiet    int64                       // end of the last speech or hold
	voiced   int64                       // end of the last speech
}

type span struct{ start, end int64 }

// state is what one rule remembers of the call.
type state struct {
	Rule
	anger struct {
		span
		speechMs int64
		sum      float64 // of probability times ms
		fired    bool
	}
	silentFrom int64 // the silence that was alerted last began here; -1: none
	overtalk   []span
	decided    map[interaction.Decision]bool
	hits       map[string]bool
}

// NewCall returns the state of a call's beginning. queue is the call's, as far as it is known.
func (s Set) NewCall(queue string) *Call {
	c := &Call{queue: queue, speech: map[interaction.Role][]span{}, speaking: map[int]int64{}, playing: map[int]int64{}}
	for _, r := range s.Rules {
		c.rules = append(c.rules, &state{Rule: r, silentFrom: -1, decided: map[interaction.Decision]bool{}, hits: map[string]bool{}})
	}
	return c
}

// Queue says in which queue the call is from now on.
func (c *Call) Queue(queue string) { c.queue = queue }

// all returns the rules for a call of this queue.
func (c *Call) all(yield func(*state) bool) {
	for _, r := range c.rules {
		if (len(r.Queues) == 0 || slices.Contains(r.Queues, c.queue)) && !yield(r) {
			return
		}
	}
}

// SpeechStarted says that somebody began to speak on a channel.
func (c *Call) SpeechStarted(channel int, startMs int64) []interaction.Alert {
	alerts := c.silence(startMs)
	c.speaking[channel] = startMs
	return alerts
}

// Segment takes a finished segment of a participant of a role.
func (c *Call) Segment(s interaction.Segment, role interaction.Role) []interaction.Alert {
	var alerts []interaction.Alert
	if len(c.speaking) == 0 { // its start was not told
		alerts = c.silence(s.StartMs)
	}
	delete(c.speaking, s.Channel)
	c.quiet, c.voiced = max(c.quiet, s.EndMs), max(c.voiced, s.EndMs)
	both := c.overtalk(span{s.StartMs, s.EndMs}, role)
	for r := range c.all {
		if r.CustomerAnger != nil && role == interaction.RoleCustomer && s.Emotion != nil {
			alerts = append(alerts, r.angry(s)...)
		}
		if r.Overtalk != nil {
			alerts = append(alerts, r.talkedOver(both)...)
		}
	}
	return alerts
}

func (r *state) angry(s interaction.Segment) []interaction.Alert {
	a := &r.anger
	p := s.Emotion.Probabilities["angry"]
	if p < r.CustomerAnger.Over {
		a.speechMs, a.sum, a.fired = 0, 0, false
		return nil
	}
	if a.speechMs == 0 {
		a.start = s.StartMs
	}
	ms := s.EndMs - s.StartMs
	a.end = s.EndMs
	a.speechMs += ms
	a.sum += p * float64(ms)
	if a.fired || a.speechMs < r.CustomerAnger.For.Milliseconds() {
		return nil
	}
	a.fired = true
	return []interaction.Alert{r.alert(a.start, a.end, "probability of expressed anger %.2f on average and never under %.2f over %.1f s of the customer's speech",
		a.sum/float64(max(a.speechMs, 1)), r.CustomerAnger.Over, float64(a.speechMs)/1000)}
}

// overtalk returns where s meets the finished speech of the other side, and remembers s.
func (c *Call) overtalk(s span, role interaction.Role) []span {
	var other interaction.Role
	switch role {
	case interaction.RoleAgent:
		other = interaction.RoleCustomer
	case interaction.RoleCustomer:
		other = interaction.RoleAgent
	default: // nobody knows whom it talks over
		return nil
	}
	var both []span
	for _, o := range c.speech[other] {
		if v := (span{max(o.start, s.start), min(o.end, s.end)}); v.end-v.start >= minOvertalkMs {
			both = append(both, v)
		}
	}
	// What ended longer ago than any segment lasts can meet nothing that is still to come.
	c.speech[role] = append(slices.DeleteFunc(c.speech[role], func(o span) bool { return o.end < s.start-longest.Milliseconds() }), s)
	return both
}

func (r *state) talkedOver(both []span) []interaction.Alert {
	var alerts []interaction.Alert
	for _, v := range both {
		r.Rule.Overtalk.forget(&r.overtalk, v.end)
		r.overtalk = append(r.overtalk, v)
		var sum int64
		for _, o := range r.overtalk {
			sum += o.end - o.start
		}
		if sum >= r.Overtalk.Over.Milliseconds() {
			first := slices.MinFunc(r.overtalk, func(a, b span) int { return cmp.Compare(a.start, b.start) })
			alerts = append(alerts, r.alert(first.start, v.end, "agent and customer spoke at once for %.1f s in %d instances within %g s",
				float64(sum)/1000, len(r.overtalk), r.Overtalk.within().Seconds()))
			r.overtalk = nil
		}
	}
	return alerts
}

// forget drops the instances that began too long before end.
func (c Overtalk) forget(list *[]span, end int64) {
	*list = slices.DeleteFunc(*list, func(o span) bool { return o.start < end-c.within().Milliseconds() })
}

// SoundStarted says that a sound other than speech began on a channel.
func (c *Call) SoundStarted(kind interaction.SoundKind, channel int, startMs int64) []interaction.Alert {
	if !isHold(kind) {
		return nil
	}
	alerts := c.silence(startMs)
	c.playing[channel] = startMs
	return alerts
}

// Sound takes a finished sound.
func (c *Call) Sound(s interaction.Sound) []interaction.Alert {
	if !isHold(s.Kind) {
		return nil
	}
	var alerts []interaction.Alert
	if _, told := c.playing[s.Channel]; !told {
		alerts = c.silence(s.StartMs)
	}
	delete(c.playing, s.Channel)
	c.quiet = max(c.quiet, s.EndMs)
	return alerts
}

func isHold(k interaction.SoundKind) bool {
	return k == interaction.SoundHoldMusic || k == interaction.SoundRingback
}

// Mark takes what the platform told.
func (c *Call) Mark(m interaction.Mark) []interaction.Alert {
	switch m.Kind {
	case "hold":
		alerts := c.silence(m.AtMs)
		c.holding = true
		return alerts
	case "unhold":
		if c.holding {
			alerts := c.silence(m.AtMs)
			c.holding = false
			c.quiet = max(c.quiet, m.AtMs)
			return alerts
		}
	}
	return nil
}

// Voice takes a decision on the customer's voice, known at atMs.
func (c *Call) Voice(v interaction.Voice, atMs int64) []interaction.Alert {
	var alerts []interaction.Alert
	for r := range c.all {
		if r.Verification != nil && r.Verification.has(v.Decision) && !r.decided[v.Decision] {
			r.decided[v.Decision] = true
			alerts = append(alerts, r.alert(0, atMs, "voice decision %s after %.1f s of speech; evidence only", v.Decision, float64(v.NetSpeechMs)/1000))
		}
		if r.Watchlist == nil {
			continue
		}
		for _, hit := range v.Watchlist {
			w := r.Watchlist
			if len(w.Lists) > 0 && !slices.Contains(w.Lists, hit.List) || w.MinLLR != nil && hit.LLR < *w.MinLLR || r.hits[hit.List+"\x00"+hit.SpeakerID] {
				continue
			}
			r.hits[hit.List+"\x00"+hit.SpeakerID] = true
			alerts = append(alerts, r.alert(0, atMs, "candidate %s of watchlist %q, log-likelihood ratio %.1f; a lead for a person to look at",
				hit.SpeakerID, hit.List, math.Round(hit.LLR*10)/10))
		}
	}
	return alerts
}

// Progress says that the audio up to ms was processed while the call runs.
func (c *Call) Progress(ms int64) []interaction.Alert { return c.silence(ms - LagMs) }

// Close says that the call ended, with durationMs of audio.
func (c *Call) Close(durationMs int64) []interaction.Alert { return c.silence(durationMs) }

// silence alerts the silence that lasted until ms, if it is long enough and nothing is to be heard now.
func (c *Call) silence(ms int64) []interaction.Alert {
	if len(c.speaking) > 0 {
		return nil
	}
	var alerts []interaction.Alert
	for r := range c.all {
		if r.Silence == nil {
			continue
		}
		from := c.quiet
		if r.Silence.CountHold {
			from = c.voiced
		} else if c.holding || len(c.playing) > 0 {
			continue
		}
		over := r.Silence.Over.Milliseconds()
		if ms-from < over || r.silentFrom == from {
			continue
		}
		r.silentFrom = from
		alerts = append(alerts, r.alert(from, from+over, "nobody spoke for %g s or longer", r.Silence.Over.Seconds()))
	}
	return alerts
}

// Evaluate tries the rules on a past record and returns the alerts by their end. Whatever a rule does not depend on the values that only the whole call gives (scores
// are refined at its end) comes out as it did live.
func (s Set) Evaluate(r *interaction.Interaction) []interaction.Alert {
	c := s.NewCall(r.Contact.Queue)
	roles := map[string]interaction.Role{}
	for _, p := range r.Participants {
		roles[p.ID] = p.Role
	}
	type fact struct {
		atMs int64
		rank int // among facts of the same time: what ends comes before what begins
		tell func() []interaction.Alert
	}
	var facts []fact
	add := func(atMs int64, rank int, tell func() []interaction.Alert) {
		facts = append(facts, fact{atMs, rank, tell})
	}
	for _, seg := range r.Segments {
		add(seg.StartMs, 3, func() []interaction.Alert { return c.SpeechStarted(seg.Channel, seg.StartMs) })
		add(seg.EndMs, 0, func() []interaction.Alert { return c.Segment(seg, roles[seg.ParticipantID]) })
	}
	for _, snd := range r.Sounds {
		add(snd.StartMs, 2, func() []interaction.Alert { return c.SoundStarted(snd.Kind, snd.Channel, snd.StartMs) })
		add(snd.EndMs, 0, func() []interaction.Alert { return c.Sound(snd) })
	}
	for _, m := range r.Marks {
		add(m.AtMs, 1, func() []interaction.Alert { return c.Mark(m) })
	}
	if r.Voice != nil {
		add(r.Contact.DurationMs, 4, func() []interaction.Alert { return c.Voice(*r.Voice, r.Contact.DurationMs) })
	}
	slices.SortStableFunc(facts, func(a, b fact) int { return cmp.Or(cmp.Compare(a.atMs, b.atMs), cmp.Compare(a.rank, b.rank)) })
	var alerts []interaction.Alert
	for _, f := range facts {
		alerts = append(alerts, f.tell()...)
	}
	alerts = append(alerts, c.Close(r.Contact.DurationMs)...)
	slices.SortStableFunc(alerts, func(a, b interaction.Alert) int { return cmp.Compare(a.EndMs, b.EndMs) })
	return alerts
}
