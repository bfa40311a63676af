package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/timbre-voice/timbre/interaction"
)

// voiceAndEmotion prints what the models said, where they ran. Both are worded as what they are: evidence, and a probability
// of a signal in the voice.
func (p *page) voiceAndEmotion(r *interaction.Interaction, ls []lane) {
	if r.Voice == nil && len(r.Affect) == 0 {
		return
	}
	p.heading("Voice and emotion")
	if v := r.Voice; v != nil {
		s := strings.ReplaceAll(plain(string(v.Decision)), "_", " ") + " (evidence only, never the sole factor)"
		if v.LLR != nil && v.Threshold != nil {
			s += fmt.Sprintf(", LLR %.2f against a threshold of %.2f", *v.LLR, *v.Threshold)
		}
		s += ", from " + span(v.NetSpeechMs) + " of speech"
		if len(v.Reasons) > 0 {
			s += ": " + plain(strings.Join(v.Reasons, ", "))
		}
		p.field("Identity", s)
	}
	for _, f := range r.Affect {
		name := "Emotion"
		for _, q := range r.Participants {
			if q.ID == f.ParticipantID {
				name = upperFirst(sideWords(ls, q.Channel))
			}
		}
		p.affect(name, f)
	}
	p.experience(r.CX)
}

const (
	maxSoundLines = 12
	joinSoundMs   = 2000 // sounds of one kind this close on one channel share a line
)

// sounds lists what was heard beside speech, and what the platform marked.
func (p *page) sounds(r *interaction.Interaction, ls []lane) {
	type group struct {
		interaction.Sound
		n int
	}
	var groups []group
	for _, s := range r.Sounds {
		i := -1
		for j := range groups {
			if g := groups[j]; g.Kind == s.Kind && g.Channel == s.Channel && s.StartMs-g.EndMs <= joinSoundMs {
				i = j
			}
		}
		if i < 0 {
			groups = append(groups, group{s, 1})
			continue
		}
		g := &groups[i]
		g.n++
		g.EndMs = max(g.EndMs, s.EndMs)
		switch {
		case s.Kind == interaction.SoundDTMF && len(s.Detail) == 1: // digits, in the order they were keyed
			g.Detail += s.Detail
		case s.Detail != "" && !strings.Contains(g.Detail, s.Detail):
			g.Detail = strings.TrimPrefix(g.Detail+" "+s.Detail, " ")
		}
	}
	if len(groups) > 0 {
		p.heading("Sounds that are not speech")
	}
	for i, g := range groups {
		if i == maxSoundLines {
			p.line(fmt.Sprintf("  and %d more, in the record", len(groups)-maxSoundLines))
			break
		}
		s := fmt.Sprintf("%s on %s, %s", soundWords(g.Kind), channelWords(ls, g.Channel), span(g.EndMs-g.StartMs))
		if g.n > 1 {
			s = fmt.Sprintf("%s on %s, %d within %s", soundWords(g.Kind), channelWords(ls, g.Channel), g.n, span(g.EndMs-g.StartMs))
		}
		if g.Detail != "" {
			s += " (" + plain(g.Detail) + ")"
		}
		p.line("  " + pad(clock(g.StartMs)+p.g.dash+clock(g.EndMs), 15) + fit(s, p.Width-17, p.g.ellipsis))
	}
	if len(r.Marks) > 0 {
		p.heading("Marks")
	}
	for _, m := range r.Marks {
		s := strings.ReplaceAll(plain(m.Kind), "_", " ")
		if m.Detail != "" {
			s += ": " + plain(m.Detail)
		}
		p.line("  " + pad(clock(m.AtMs), 15) + fit(s, p.Width-17, p.g.ellipsis))
	}
}

// absence is one line of what was not computed: fields that are absent for one reason in the same places.
type absence struct {
	what     []string
	code     interaction.Code
	detail   string
	channels []int
	segments int
	several  bool // the details differ
}

// absences groups the entries of not_computed, in the order of the record: first the places of one field and reason, then the
// fields with the same reason and places.
func absences(r *interaction.Interaction) []absence {
	var fields []absence
	for _, n := range r.NotComputed {
		i := slices.IndexFunc(fields, func(a absence) bool { return a.what[0] == n.What && a.code == n.Code })
		if i < 0 {
			fields = append(fields, absence{what: []string{n.What}, code: n.Code, detail: n.Detail})
			i = len(fields) - 1
		}
		a := &fields[i]
		a.several = a.several || a.detail != n.Detail
		if n.Channel != nil && !slices.Contains(a.channels, *n.Channel) {
			a.channels = append(a.channels, *n.Channel)
		}
		if n.Segment != "" {
			a.segments++
		}
	}
	var out []absence
	for _, f := range fields {
		slices.Sort(f.channels)
		if f.several {
			f.detail = ""
		}
		i := slices.IndexFunc(out, func(a absence) bool {
			return a.code == f.code && a.detail == f.detail && a.segments == f.segments && slices.Equal(a.channels, f.channels)
		})
		if i < 0 {
			out = append(out, f)
			continue
		}
		out[i].what = append(out[i].what, f.what...)
	}
	return out
}

// notComputed says in words what is absent from the record and why.
func (p *page) notComputed(r *interaction.Interaction, ls []lane) {
	as := absences(r)
	if len(as) == 0 {
		return
	}
	p.heading("Not computed")
	for _, a := range as {
		for i, l := range wrap(a.words(ls)+" ["+plain(string(a.code))+"]", p.Width-4) {
			p.line("  " + strings.Repeat("  ", min(i, 1)) + l)
		}
	}
}

// words says what is absent, where and why.
func (a absence) words(ls []lane) string {
	var of, names []string
	for _, c := range a.channels {
		of = append(of, sideWords(ls, c))
	}
	for _, w := range a.what {
		names = append(names, whatWords(w))
	}
	s := upperFirst(strings.Join(names, ", "))
	switch {
	case a.segments > 0 && len(of) > 0:
		s += fmt.Sprintf(" in %s (%s)", count(a.segments, "segment"), strings.Join(of, ", "))
	case a.segments > 0:
		s += " in " + count(a.segments, "segment")
	case len(of) > 0:
		s += " (" + strings.Join(of, ", ") + ")"
	}
	switch {
	case a.detail == "":
		return s + ": " + codeWords(a.code)
	case a.code == interaction.CodeSidesNotSeparated: // there the detail says who is on the recording
		return s + ": " + plain(a.detail)
	}
	return s + ": " + codeWords(a.code) + "; " + plain(a.detail)
}
