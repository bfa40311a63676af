package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/timbre-voice/timbre/interaction"
)

// maxLanes bounds how many channels are drawn.
const maxLanes = 8

// lane is one channel of the call as the report and the timeline show it.
type lane struct {
	Channel  int
	Role     interaction.Role
	Label    string // agent, customer, or with its number where that does not tell it apart
	Segments []interaction.Segment
	Sounds   []interaction.Sound
	Metrics  *interaction.ChannelMetrics // nil: not measured
	Norm     norm
}

// norm is how the speaker of a lane usually speaks in this call: medians over the segments, each weighted with its length.
// A value is NaN where no segment has it.
type norm struct {
	LoudnessDBFS  float64
	SyllablesPerS float64
}

// lanes returns the channels of r in order, at most maxLanes of them, and the number left out.
func lanes(r *interaction.Interaction) (drawn []lane, left int) {
	byChannel := map[int]*lane{}
	at := func(ch int) *lane {
		l := byChannel[ch]
		if l == nil {
			l = &lane{Channel: ch, Role: interaction.RoleUnknown}
			byChannel[ch] = l
		}
		return l
	}
	for ch := range min(r.Contact.Media.Channels, maxLanes) {
		at(ch)
	}
	for _, p := range r.Participants {
		if l := at(p.Channel); l.Role == interaction.RoleUnknown {
			l.Role = p.Role
		}
	}
	if r.Conversation != nil {
		for i, m := range r.Conversation.Channels {
			l := at(m.Channel)
			l.Metrics = &r.Conversation.Channels[i]
			if l.Role == interaction.RoleUnknown {
				l.Role = m.Role
			}
		}
	}
	for _, s := range r.Segments {
		l := at(s.Channel)
		l.Segments = append(l.Segments, s)
	}
	for _, s := range r.Sounds {
		l := at(s.Channel)
		l.Sounds = append(l.Sounds, s)
	}
	for _, l := range byChannel {
		l.Norm = newNorm(l.Segments)
		drawn = append(drawn, *l)
	}
	slices.SortFunc(drawn, func(a, b lane) int { return cmp.Compare(a.Channel, b.Channel) })
	left = max(max(r.Contact.Media.Channels, len(drawn))-maxLanes, 0)
	drawn = drawn[:min(len(drawn), maxLanes)]
	label(drawn)
	return drawn, left
}

// label names each lane by its role where one channel alone has it, else by role and channel.
func label(ls []lane) {
	n := map[interaction.Role]int{}
	for _, l := range ls {
		n[l.Role]++
	}
	for i := range ls {
		l := &ls[i]
		switch {
		case l.Role != interaction.RoleAgent && l.Role != interaction.RoleCustomer:
			l.Label = fmt.Sprintf("channel %d", l.Channel)
		case n[l.Role] > 1:
			l.Label = fmt.Sprintf("%s %d", l.Role, l.Channel)
		default:
			l.Label = string(l.Role)
		}
	}
}

func newNorm(segments []interaction.Segment) norm {
	var loudness, pace []weighted
	for _, s := range segments {
		if p := s.Prosody; p != nil {
			w := float64(s.EndMs - s.StartMs)
			if p.LoudnessDBFS != nil {
				loudness = append(loudness, weighted{*p.LoudnessDBFS, w})
			}
			if p.SyllablesPerS != nil {
				pace = append(pace, weighted{*p.SyllablesPerS, w})
			}
		}
	}
	return norm{median(loudness), median(pace)}
}

type weighted struct{ value, weight float64 }

// median returns the value below which half of the weight lies; NaN for no weight. It reorders v.
func median(v []weighted) float64 {
	slices.SortFunc(v, func(a, b weighted) int { return cmp.Compare(a.value, b.value) })
	total := 0.0
	for _, x := range v {
		total += max(x.weight, 0)
	}
	sum := 0.0
	for _, x := range v {
		sum += max(x.weight, 0)
		if sum > 0 && sum >= total/2 {
			return x.value
		}
	}
	return math.NaN()
}

// sideWords returns how a sentence names the side that is on a channel.
func sideWords(ls []lane, channel int) string {
	for _, l := range ls {
		if l.Channel == channel {
			return l.Label
		}
	}
	return fmt.Sprintf("channel %d", channel)
}

// channelWords returns how a sentence names a channel itself.
func channelWords(ls []lane, channel int) string {
	side := sideWords(ls, channel)
	if side == string(interaction.RoleAgent) || side == string(interaction.RoleCustomer) {
		return "the " + side + "'s channel"
	}
	return fmt.Sprintf("channel %d", channel)
}
