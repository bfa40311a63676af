package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/timbre-voice/timbre/interaction"
)

// A moment is a place in the call that is worth a reviewer's ear.
type moment struct {
	StartMs, EndMs int64
	Channel        int    // whose it is; -1: the call's
	What           string // "agent interrupts customer"
	Why            string // the figures that put it on the list
	rank           float64
}

// What makes a moment. The floors keep what is ordinary off the list; they are judgements, not measurements.
const (
	maxMoments       = 8
	maxInterruptions = 3    // of the list; all of them are in the key figures
	silenceFloorMs   = 5000 // the longest time without talk is listed from 2 s on, others from here
	holdFloorMs      = 2000
	joinHoldMs       = 1000 // gap in hold music that does not end the hold
	loudFloorMs      = 800  // shorter segments are shouts of one word or noise
	loudFloorDB      = 6    // above the speaker's own median: twice the amplitude
	fastFloorMs      = 2000 // the rate of a shorter segment hangs on one or two syllables
	fastFloorRatio   = 1.35
	lostFloorMs      = 500
	angerFloor       = 0.5 // probability
)

// momentsOf returns the moments of r, the most pressing first, at most maxMoments of them.
func momentsOf(r *interaction.Interaction) []moment {
	ls, _ := lanes(r)
	var ms []moment
	ms = append(ms, alertMoments(r)...)
	ms = append(ms, affectMoments(r, ls)...)
	ms = append(ms, interruptionMoments(r, ls)...)
	holds := holdSpans(r)
	ms = append(ms, silenceMoments(r, ls, holds)...)
	for _, h := range holds {
		if d := h.EndMs - h.StartMs; d >= holdFloorMs {
			ms = append(ms, moment{h.StartMs, h.EndMs, -1, "hold music", span(d) + " on " + channelWords(ls, h.Channel), 35 + min(seconds(d), 40)})
		}
	}
	for _, l := range ls {
		ms = append(ms, voiceMoments(l)...)
	}
	for _, g := range r.Contact.Media.Gaps {
		if d := g.EndMs - g.StartMs; d >= lostFloorMs {
			ms = append(ms, moment{g.StartMs, g.EndMs, g.Channel, "missing audio", fmt.Sprintf("%s on channel %d: %s", span(d), g.Channel, plain(g.Reason)), 40})
		}
	}
	pressing(ms)
	return ms[:min(len(ms), maxMoments)]
}

// pressing sorts moments, the most pressing first and among equals the earlier.
func pressing(ms []moment) {
	slices.SortStableFunc(ms, func(a, b moment) int {
		return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(a.StartMs, b.StartMs), cmp.Compare(a.Channel, b.Channel))
	})
}

func seconds(ms int64) float64 { return float64(ms) / 1000 }

func alertMoments(r *interaction.Interaction) []moment {
	rank := map[string]float64{"critical": 100, "warning": 90, "info": 60}
	var ms []moment
	for _, a := range r.Alerts {
		ms = append(ms, moment{a.StartMs, a.EndMs, -1, "alert: " + strings.ReplaceAll(plain(a.Rule), "_", " "), plain(a.Severity) + ", " + plain(a.Evidence), rank[a.Severity]})
	}
	return ms
}

func affectMoments(r *interaction.Interaction, ls []lane) []moment {
	var ms []moment
	for _, f := range r.Affect {
		p := f.PeakNegative
		if p == nil || p.Anger < angerFloor {
			continue
		}
		side, ch := "the participant", -1
		for _, q := range r.Participants {
			if q.ID == f.ParticipantID {
				side, ch = sideWords(ls, q.Channel), q.Channel
			}
		}
		ms = append(ms, moment{p.AtMs, p.AtMs, ch, side + " sounds angry",
			fmt.Sprintf("probability of an expressed anger signal %s, arousal %.2f", percent(p.Anger), p.Arousal), 70 + 20*p.Anger})
	}
	return ms
}

func interruptionMoments(r *interaction.Interaction, ls []lane) []moment {
	if r.Conversation == nil || r.Conversation.Interruptions == nil {
		return nil
	}
	var ms []moment
	for _, role := range slices.Sorted(maps.Keys(r.Conversation.Interruptions.ByInterrupter)) {
		ch := -1
		for _, l := range ls {
			if l.Role == role && ch < 0 {
				ch = l.Channel
			}
		}
		for _, v := range r.Conversation.Interruptions.ByInterrupter[role] {
			ms = append(ms, moment{v.StartMs, v.EndMs, ch, fmt.Sprintf("%s interrupts %s", plain(string(role)), otherSide(role)),
				"both speak for " + span(v.EndMs-v.StartMs), 50 + min(seconds(v.EndMs-v.StartMs)*10, 30)})
		}
	}
	pressing(ms)
	return ms[:min(len(ms), maxInterruptions)]
}

func otherSide(role interaction.Role) interaction.Role {
	switch role {
	case interaction.RoleAgent:
		return interaction.RoleCustomer
	case interaction.RoleCustomer:
		return interaction.RoleAgent
	}
	return "the other side"
}

// silenceMoments lists the time in which nobody spoke, unless music played through most of it: that is a hold.
func silenceMoments(r *interaction.Interaction, ls []lane, holds []interaction.Sound) []moment {
	if r.Conversation == nil {
		return nil
	}
	var quiet []interaction.Instance
	longest := 0
	for _, v := range r.Conversation.NonTalkTime.Instances {
		if mostlyMusic(holds, v.StartMs, v.EndMs) {
			continue
		}
		quiet = append(quiet, v)
		if n := len(quiet) - 1; v.EndMs-v.StartMs > quiet[longest].EndMs-quiet[longest].StartMs {
			longest = n
		}
	}
	longestWords := "the longest of the call"
	if len(quiet) < len(r.Conversation.NonTalkTime.Instances) {
		longestWords = "the longest without music on hold"
	}
	var ms []moment
	for i, v := range quiet {
		d := v.EndMs - v.StartMs
		if i != longest && d < silenceFloorMs {
			continue
		}
		var why []string
		if i == longest && len(quiet) > 1 {
			why = append(why, longestWords)
		}
		if s := around(r, ls, v); s != "" {
			why = append(why, s)
		}
		ms = append(ms, moment{v.StartMs, v.EndMs, -1, "nobody speaks for " + span(d), strings.Join(why, "; "), 45 + min(seconds(d)*2, 40)})
	}
	return ms
}

// around says who spoke before and after v.
func around(r *interaction.Interaction, ls []lane, v interaction.Instance) string {
	before, after := -1, -1
	var beforeMs, afterMs int64
	for i, s := range r.Segments {
		if s.EndMs <= v.StartMs && (before < 0 || s.EndMs > beforeMs) {
			before, beforeMs = i, s.EndMs
		}
		if s.StartMs >= v.EndMs && (after < 0 || s.StartMs < afterMs) {
			after, afterMs = i, s.StartMs
		}
	}
	switch {
	case before >= 0 && after >= 0:
		return fmt.Sprintf("%s spoke before, %s after", sideWords(ls, r.Segments[before].Channel), sideWords(ls, r.Segments[after].Channel))
	case before >= 0:
		return "nobody speaks again"
	case after >= 0:
		return "nobody has spoken yet"
	}
	return ""
}

// holdSpans returns the hold music of all channels, pieces that follow each other closely joined, by start.
func holdSpans(r *interaction.Interaction) []interaction.Sound {
	var hs []interaction.Sound
	for _, s := range r.Sounds {
		if s.Kind == interaction.SoundHoldMusic {
			hs = append(hs, s)
		}
	}
	slices.SortStableFunc(hs, func(a, b interaction.Sound) int { return cmp.Compare(a.StartMs, b.StartMs) })
	joined := hs[:0]
	for _, s := range hs {
		if n := len(joined); n > 0 && s.StartMs-joined[n-1].EndMs <= joinHoldMs {
			joined[n-1].EndMs = max(joined[n-1].EndMs, s.EndMs)
			continue
		}
		joined = append(joined, s)
	}
	return joined
}

// mostlyMusic reports whether hold music covers at least half of the time from startMs to endMs.
func mostlyMusic(holds []interaction.Sound, startMs, endMs int64) bool {
	var music int64
	for _, h := range holds {
		music += max(min(endMs, h.EndMs)-max(startMs, h.StartMs), 0)
	}
	return endMs > startMs && 2*music >= endMs-startMs
}

// voiceMoments returns the loudest and the fastest segment of l where they stand out from how the speaker usually speaks; one
// moment where they are the same segment.
func voiceMoments(l lane) []moment {
	loud, above := -1, 0.0
	fast, ratio := -1, 0.0
	for i, s := range l.Segments {
		p, d := s.Prosody, s.EndMs-s.StartMs
		if p == nil {
			continue
		}
		if p.LoudnessDBFS != nil && d >= loudFloorMs {
			if v := *p.LoudnessDBFS - l.Norm.LoudnessDBFS; v >= loudFloorDB && v > above {
				loud, above = i, v
			}
		}
		if p.SyllablesPerS != nil && d >= fastFloorMs {
			if v := *p.SyllablesPerS / max(l.Norm.SyllablesPerS, 0.1); v >= fastFloorRatio && v > ratio {
				fast, ratio = i, v
			}
		}
	}
	var ms []moment
	if loud >= 0 {
		s := l.Segments[loud]
		ms = append(ms, moment{s.StartMs, s.EndMs, l.Channel, l.Label + " is louder than usual",
			fmt.Sprintf("%.1f dB above the own median of %.1f dBFS, for %s", above, l.Norm.LoudnessDBFS, span(s.EndMs-s.StartMs)), 45 + min(3*(above-loudFloorDB), 30)})
	}
	if fast >= 0 {
		s := l.Segments[fast]
		why := fmt.Sprintf("%.1f syllables/s against the own median of %.1f", *s.Prosody.SyllablesPerS, l.Norm.SyllablesPerS)
		if fast == loud {
			ms[0].What, ms[0].Why = l.Label+" is louder and faster than usual", why+", "+ms[0].Why
			ms[0].rank += 10
			return ms
		}
		ms = append(ms, moment{s.StartMs, s.EndMs, l.Channel, l.Label + " speaks faster than usual", why + ", for " + span(s.EndMs-s.StartMs), 40 + min(20*(ratio-1), 30)})
	}
	return ms
}
