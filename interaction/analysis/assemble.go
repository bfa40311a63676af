package analysis

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/timbre-voice/timbre/engine/timeline"
	"github.com/timbre-voice/timbre/interaction"
)

// warn adds to the record what the reader of the audio had to tolerate. It is for the goroutine that ends the session.
func (s *Session) warn(warnings []string) {
	s.opts.Contact.Media.Warnings = append(s.opts.Contact.Media.Warnings, warnings...)
}

// assemble makes the record as far as the call has come. It is for the owner goroutine, or who ends the session after it.
func (s *Session) assemble(state interaction.State) *interaction.Interaction {
	var total int64
	separated := true
	for _, c := range s.channels {
		total = max(total, c.end())
		separated = separated && (c.who.Separated || c.received == 0)
	}
	r := interaction.New()
	r.Contact = s.contact(state, total)
	r.Governance.Policy = s.opts.Permit.Policy
	r.Governance.Jurisdiction = s.opts.Permit.Jurisdiction
	r.Governance.Models = slices.Clone(s.engine.models)
	r.Governance.ConsentRefs = slices.Clone(s.consents)
	r.Governance.NoticePlayedAt = utc(s.bound.NoticePlayedAt)
	r.Marks = s.marksUntil(ms(total))

	legs := s.keptLegs()
	var tracks []Track
	for i, c := range s.channels {
		if c.received == 0 && total > 0 { // announced by the platform, and never sent: nobody is known to be there
			r.NotComputed = append(r.NotComputed, interaction.NotComputed{What: "segments", Channel: &i, Code: interaction.CodeNoSpeech,
				Detail: "no audio came on the channel"})
			continue
		}
		r.Participants = append(r.Participants, s.participants(c, legs, ms(total))...)
		for _, g := range c.gaps {
			r.Contact.Media.Gaps = append(r.Contact.Media.Gaps, g)
			r.Contact.Media.LostMs += g.EndMs - g.StartMs
		}
		floor, known := c.noiseFloor()
		first := len(r.Segments)
		for _, seg := range c.segments {
			seg.record.SNRdB = snrOver(seg.power, floor, known)
			seg.record.ParticipantID = s.participantID(c, legs, seg.record.StartMs)
			r.Segments = append(r.Segments, seg.record)
			r.NotComputed = append(r.NotComputed, seg.absent...)
		}
		for _, snd := range c.sounds {
			r.Sounds = append(r.Sounds, snd.record)
		}
		r.Sounds = append(r.Sounds, c.toldDigits(ms(total))...)
		r.NotComputed = append(r.NotComputed, s.emotions(c, r.Segments[first:], state == interaction.StateLive)...)
		r.NotComputed = append(r.NotComputed, s.absent(c)...)
		t := c.track()
		t.Hold = t.Hold.Union(s.holds(total))
		tracks = append(tracks, t)
	}
	slices.SortStableFunc(r.Segments, func(a, b interaction.Segment) int {
		return cmp.Or(cmp.Compare(a.StartMs, b.StartMs), cmp.Compare(a.Channel, b.Channel))
	})
	slices.SortStableFunc(r.Sounds, func(a, b interaction.Sound) int {
		return cmp.Or(cmp.Compare(a.StartMs, b.StartMs), cmp.Compare(a.Channel, b.Channel))
	})
	if scoresEmotion(r.Segments) {
		r.Governance.Models = append(r.Governance.Models, s.engine.emotionModel)
	}
	conversation, absent := conversation(tracks, Rate, total, separated)
	conversation.Legs = s.legMetrics(tracks, legs, total, separated)
	r.Conversation = &conversation
	r.NotComputed = append(r.NotComputed, absent...)
	s.putVoice(r)
	AddAffect(r, s.opts.affect())
	s.addEarlier(r)
	predict(r, s.opts.CSAT)
	return r
}

// contact completes what was known at the start of the call.
func (s *Session) contact(state interaction.State, total int64) interaction.Contact {
	c := s.opts.Contact
	s.bindContact(&c)
	c.ID, c.Tenant, c.State, c.Revision = s.opts.ID, s.opts.Tenant, state, 1
	c.StartedAt, c.EndedAt = utc(c.StartedAt), utc(c.EndedAt)
	c.DurationMs = ms(total)
	c.Media.SampleRateHz, c.Media.Channels = s.opts.Rate, len(s.channels)
	c.Media.LostMs, c.Media.Gaps = 0, nil
	if c.Audio.Kept == "" {
		c.Audio.Kept = "none"
	}
	return c
}

// absent lists what was not computed on a channel as a whole, with the permit asked first: what it forbids is forbidden
// whether or not a model is there.
func (s *Session) absent(c *channel) []interaction.NotComputed {
	index := c.index
	entry := func(what string, code interaction.Code, detail string) interaction.NotComputed {
		return interaction.NotComputed{What: what, Channel: &index, Code: code, Detail: detail}
	}
	var out []interaction.NotComputed
	if len(c.segments) == 0 {
		level := "no level: shorter than 20 ms"
		if floor, ok := c.noiseFloor(); ok {
			level = fmt.Sprintf("the channel lies at %.1f dBFS", floor)
		}
		out = append(out, entry("segments", interaction.CodeNoSpeech, "no speech was found; "+level))
	}
	if code, detail := s.voiceAbsence(c); code != "" {
		out = append(out, entry("voice", code, detail))
	}
	return out
}

// track is what the conversation metrics need of a channel.
func (c *channel) track() Track {
	t := Track{Channel: c.index, Role: c.who.Role, Speech: c.speech(), Metrics: interaction.ChannelMetrics{
		Channel:      c.index,
		Role:         c.who.Role,
		ClippedShare: *rounded(c.clipping.share(), 5),
	}}
	for _, s := range c.segments {
		t.Syllables += s.syllables
	}
	var hold []timeline.Interval
	for _, s := range c.sounds {
		if s.record.Kind == interaction.SoundHoldMusic || s.record.Kind == interaction.SoundRingback {
			hold = append(hold, s.Interval)
		}
	}
	t.Hold = timeline.NewSet(hold...)
	for _, g := range c.gaps {
		t.Metrics.LostMs += g.EndMs - g.StartMs
	}
	if n := t.Speech.Len(); n > 0 {
		power := c.power / float64(n)
		t.Metrics.LoudnessDBFS = rounded(dBFS(power), 1)
		t.Metrics.SNRdB = c.snr(power)
		if lufs, ok := c.loudness.Integrated(); ok {
			t.Metrics.LoudnessLUFS = rounded(lufs, 1)
		}
	}
	if floor, ok := c.noiseFloor(); ok {
		t.Metrics.NoiseDBFS = rounded(floor, 1)
	}
	return t
}

// speech returns where there is speech.
func (c *channel) speech() timeline.Set {
	vs := make([]timeline.Interval, len(c.segments))
	for i, s := range c.segments {
		vs[i] = s.Interval
	}
	return timeline.NewSet(vs...)
}
