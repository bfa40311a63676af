package live

import (
	"sync"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/server/ingest"
)

// outlet numbers the events of a call and gives them to whoever listens. Nobody who listens can make it wait.
type outlet struct {
	call *call

	mu     sync.Mutex
	seq    int64
	start  interaction.Event // what a subscriber gets first
	subs   map[*ingest.Results]struct{}
	closed bool
}

// emit completes e and gives it out. What is told from outside stands at what was received.
func (o *outlet) emit(e interaction.Event) {
	c := o.call
	c.mu.Lock()
	at := c.ms(c.position())
	c.mu.Unlock()
	o.emitAt(e, at)
}

// emitAt is emit of what stands at a time of the audio.
func (o *outlet) emitAt(e interaction.Event, timeMs int64) {
	c := o.call
	c.mu.Lock()
	e.Queue, e.AgentID, e.TimeMs = c.bound.Queue, c.bound.AgentID, timeMs
	if e.Channel != nil && *e.Channel < len(c.channels) {
		e.Role = c.channels[*e.Channel].role
	}
	c.mu.Unlock()
	o.send(e)
}

func (o *outlet) send(e interaction.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.seq++
	e.Version, e.Tenant, e.CallID, e.Seq = interaction.EventVersion, o.call.tenant, o.call.id, o.seq
	if e.Type == interaction.EventSessionStarted {
		o.start = e
	}
	if o.call.hub.opts.Events != nil {
		o.call.hub.opts.Events.Publish(e)
	}
	for s := range o.subs {
		s.Put(e)
	}
}

// subscribe returns what a subscriber reads, which is closed already where the call is over.
func (o *outlet) subscribe() *ingest.Results {
	s := ingest.NewResults()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		s.Close()
		return s
	}
	s.Put(o.start)
	if o.subs == nil {
		o.subs = map[*ingest.Results]struct{}{}
	}
	o.subs[s] = struct{}{}
	return s
}

// unsubscribe closes what a subscriber reads, once.
func (o *outlet) unsubscribe(s *ingest.Results) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.subs[s]; ok {
		delete(o.subs, s)
		s.Close()
	}
}

// close ends the outlet and all subscribers.
func (o *outlet) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	for s := range o.subs {
		delete(o.subs, s)
		s.Close()
	}
}

// affectEvery is the least audio between two events of affect of a channel: the level moves slowly, and who shows it needs no more.
const affectEvery = 5000 // ms

// tellsAffect reports whether an event of affect is due, and takes it as told.
func (ch *channel) tellsAffect(heardMs int64) bool {
	if ch.affectDue > heardMs {
		return false
	}
	ch.affectDue = heardMs + affectEvery
	return true
}

// channelOf returns a channel by its number; nil where the hub is yet to enter it.
func (c *call) channelOf(index int) *channel {
	c.mu.Lock()
	defer c.mu.Unlock()
	if index >= len(c.channels) {
		return nil
	}
	return c.channels[index]
}

// hear takes an event of the session. It is called by the session's goroutine.
func (c *call) hear(e analysis.Event) {
	channel := e.Channel
	out := interaction.Event{Channel: &channel}
	final := e.Kind == analysis.EventSegment // of a voice the record decides
	switch e.Kind {
	case analysis.EventSpeechStarted:
		at := e.AtMs
		out.Type, out.StartMs = interaction.EventSpeechStarted, &at
	case analysis.EventSegment, analysis.EventProvisional:
		out.Type, out.IsFinal, out.Segment = interaction.EventSegment, &final, e.Segment
	case analysis.EventSoundStarted:
		out.Type, out.Sound = interaction.EventSoundStarted, e.Sound
	case analysis.EventSound:
		out.Type, out.Sound = interaction.EventSound, e.Sound
	case analysis.EventVoice:
		out.Type, out.IsFinal, out.Voice = interaction.EventVoice, &final, e.Voice
	case analysis.EventAffect:
		if ch := c.channelOf(e.Channel); ch == nil || !ch.tellsAffect(e.HeardMs) {
			return
		}
		out.Type, out.Affect = interaction.EventAffect, []interaction.Affect{*e.Course}
	case analysis.EventAlert:
		out.Type, out.Channel, out.Alert = interaction.EventAlert, nil, e.Alert
	default:
		return
	}
	c.out.emitAt(out, e.HeardMs)
	if told := c.hub.opts.Told; told != nil {
		if since := c.session.Load().Since; since > 0 { // of what the session works on now
			told(c.hub.clock() - since)
		}
	}
}
