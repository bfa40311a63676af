package main

import (
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/timbre-voice/timbre/interaction"
)

// reportOptions say how a record is drawn in characters.
type reportOptions struct {
	Width  int    // columns; 0: 80. Values under 60 are drawn 60 wide
	ASCII  bool   // draw with ASCII alone
	Colour bool   // paint with ANSI colours; nothing is told by colour alone
	Path   string // how the file was named; empty: as the record names its source
}

// glyphs are the characters of the drawing.
type glyphs struct {
	quiet, usual, loud              string // speech against the speaker's own median level
	music, dtmf, ringback           string
	fax, noise, lost                string
	overtalk, silence, mark         string
	tick, rule, ellipsis, dash, dot string
	levels                          []string // of a value from 0 to 1
}

var (
	unicodeGlyphs = glyphs{"▂", "▄", "▇", "♪", "D", "R", "F", "~", "x", "▒", "░", "▼", "│", "─", "…", "–", "·",
		[]string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}}
	asciiGlyphs = glyphs{"-", "=", "#", "m", "D", "R", "F", "~", "x", "%", ".", "v", "|", "-", "...", "-", "|",
		[]string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}}
)

// The ANSI attributes in use.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	yellow = "33"
	cyan   = "36"
)

// page collects the lines of a report.
type page struct {
	reportOptions
	g glyphs
	b strings.Builder
}

// newPage returns an empty page: 80 characters wide where o does not say, never less than 60.
func newPage(o reportOptions) *page {
	if o.Width == 0 {
		o.Width = 80
	}
	o.Width = max(o.Width, 60)
	p := &page{reportOptions: o, g: unicodeGlyphs}
	if o.ASCII {
		p.g = asciiGlyphs
	}
	return p
}

// render writes the report of r. Everything in it comes from r and o, so that a stored record can be drawn again.
func render(w io.Writer, r *interaction.Interaction, o reportOptions) error {
	p := newPage(o)
	ls, left := lanes(r)
	ms := momentsOf(r)
	p.header(r, ls, left)
	p.timeline(r, ls, ms)
	p.lookFirst(r, ms)
	p.figures(r, ls)
	p.voiceAndEmotion(r, ls)
	p.sounds(r, ls)
	p.notComputed(r, ls)
	_, err := io.WriteString(w, p.b.String())
	return err
}

// paint wraps s in an ANSI attribute.
func (p *page) paint(attr, s string) string {
	if !p.Colour || attr == "" || strings.TrimSpace(s) == "" {
		return s
	}
	return "\x1b[" + attr + "m" + s + "\x1b[0m"
}

// line ends a line; with ASCII, what is not ASCII (names, paths) becomes a question mark.
func (p *page) line(s string) {
	s = strings.TrimRight(s, " ")
	if p.ASCII {
		s = strings.Map(func(r rune) rune {
			if r > '~' {
				return '?'
			}
			return r
		}, s)
	}
	p.b.WriteString(s + "\n")
}

func (p *page) heading(s string) {
	p.line("")
	p.line(p.paint(bold, s))
}

// nameWidth is where the values of fields begin.
const nameWidth = 12

// field writes a name and its value, wrapped behind it.
func (p *page) field(name, value string) {
	for i, l := range wrap(value, p.Width-nameWidth-2) {
		if i > 0 {
			name = ""
		}
		p.line("  " + pad(name, nameWidth) + l)
	}
}

// header names the call, its audio and who is on which channel, and sums the call up.
func (p *page) header(r *interaction.Interaction, ls []lane, left int) {
	path := p.Path
	if path == "" {
		path = r.Contact.Source.URI
	}
	title := r.Contact.ID
	if path != "" {
		title = filepath.Base(path)
	}
	p.line(p.paint(bold, "Timbre call report") + "  " + fit(plain(title), p.Width-20, p.g.ellipsis))
	p.line(p.paint(dim, strings.Repeat(p.g.rule, p.Width)))
	if path != "" {
		p.line("  " + pad("File", nameWidth) + fit(plain(path), p.Width-nameWidth-2, p.g.ellipsis))
	}
	p.field("Audio", audioWords(r))
	for _, l := range ls {
		p.field(fmt.Sprintf("Channel %d", l.Channel), p.who(r, l))
	}
	if r.Contact.Attributes[channelRoles] == "default" {
		p.field("Sides", assumedWords(r))
	}
	if left > 0 {
		p.field("", fmt.Sprintf("%s more, not drawn here; the record has them", count(left, "channel")))
	}
	if r.Contact.Language != "" {
		p.field("Language", plain(r.Contact.Language))
	}
	for _, k := range slices.Sorted(maps.Keys(r.Contact.Attributes)) {
		if k != channelRoles {
			p.field(fit(plain(k), nameWidth-1, p.g.ellipsis), plain(r.Contact.Attributes[k]))
		}
	}
	switch r.Contact.State {
	case interaction.StateInterrupted:
		p.field("State", "interrupted: the audio broke off; everything up to there is in the record")
	case interaction.StateLive:
		p.field("State", "live: the call is still running")
	}
	name := "Caution"
	for _, w := range append(slices.Clone(r.Contact.Media.Warnings), qualityWords(ls)...) {
		p.field(name, plain(w))
		name = ""
	}
	p.field("In short", inShort(r, ls))
}

func audioWords(r *interaction.Interaction) string {
	m := r.Contact.Media
	return fmt.Sprintf("%s (%s), %s, %d Hz, %s", clock(r.Contact.DurationMs), span(r.Contact.DurationMs), plain(m.Encoding), m.SampleRateHz, count(m.Channels, "channel"))
}

// assumedWords says what was assumed where nobody told who is on which channel, and how to tell it.
func assumedWords(r *interaction.Interaction) string {
	switch r.Contact.Media.Channels {
	case 1:
		return "not told; --customer-channel 0 says that the channel is one customer's"
	case 2:
		return "assumed, 0 agent and 1 customer; --agent-channel 1 swaps them"
	}
	return "not told; --agent-channel and --customer-channel name them"
}

// channelRoles is the attribute with which a record tells how its channels got their roles: told, or default.
const channelRoles = "channel_roles"

// who says who is on a channel, and why we take it to be so.
func (p *page) who(r *interaction.Interaction, l lane) string {
	s := string(l.Role)
	if l.Role != interaction.RoleAgent && l.Role != interaction.RoleCustomer {
		s = "unknown side"
	}
	switch how := r.Contact.Attributes[channelRoles]; how {
	case "":
	case "default":
		s += " (default)"
	default:
		s += " (as " + plain(how) + ")"
	}
	for _, q := range r.Participants {
		if q.Channel != l.Channel {
			continue
		}
		name := strings.TrimSpace(plain(q.DisplayName) + " " + plain(q.ExternalID))
		leg := ""
		if q.FromMs > 0 || q.ToMs < r.Contact.DurationMs && q.ToMs > 0 {
			leg = fmt.Sprintf("%s%s%s", clock(q.FromMs), p.g.dash, clock(q.ToMs))
		}
		if t := strings.TrimSpace(name + " " + leg); t != "" {
			s += ", " + t
		}
	}
	return s
}

// Levels from which the audio itself deserves a word.
const (
	lowSNRdB     = 10
	clippedFloor = 0.001
)

// qualityWords says what about the audio makes the figures less sure.
func qualityWords(ls []lane) []string {
	var out []string
	for _, l := range ls {
		m := l.Metrics
		if m == nil {
			continue
		}
		if m.SNRdB != nil && *m.SNRdB < lowSNRdB {
			out = append(out, fmt.Sprintf("%s: speech is only %.1f dB above the noise (under %d dB): listen before you judge the voice", l.Label, *m.SNRdB, lowSNRdB))
		}
		if m.ClippedShare >= clippedFloor {
			out = append(out, fmt.Sprintf("%s: %s of the samples are clipped: loudness and voice quality are distorted", l.Label, percent(m.ClippedShare)))
		}
		if m.LostMs > 0 {
			out = append(out, fmt.Sprintf("%s: %s of audio never arrived and stands as silence", l.Label, span(m.LostMs)))
		}
	}
	return out
}

// inShort sums the call up in a sentence or two.
func inShort(r *interaction.Interaction, ls []lane) string {
	c := r.Conversation
	if len(r.Segments) == 0 {
		return "No speech was found in this recording."
	}
	if c == nil {
		return count(len(r.Segments), "segment") + " of speech."
	}
	var parts []string
	for _, l := range ls {
		if t, ok := c.TalkTime.ByRole[l.Role]; ok && len(c.TalkTime.ByRole) > 1 {
			parts = append(parts, fmt.Sprintf("%s %s", l.Label, percent(t.Share)))
		}
	}
	s := "Talk " + strings.Join(parts, ", ") + "."
	if len(parts) == 0 {
		s = fmt.Sprintf("%s of talk in %s.", span(c.TalkTime.TotalMs), span(r.Contact.DurationMs))
	}
	if i := c.Interruptions; i != nil {
		if i.TotalCount == 0 {
			s += " No interruptions."
		} else {
			s += " " + count(i.TotalCount, "interruption") + "."
		}
	}
	if at, d := longestInstance(c.NonTalkTime.Instances); d > 0 {
		s += fmt.Sprintf(" Longest time without talk %s at %s%s.", span(d), clock(at), onHold(r, at, at+d))
	}
	var hold int64
	for _, h := range holdSpans(r) {
		hold += h.EndMs - h.StartMs
	}
	if hold > 0 {
		s += fmt.Sprintf(" Hold music for %s.", span(hold))
	}
	return s
}

// onHold returns a remark where music played through most of the time from startMs to endMs.
func onHold(r *interaction.Interaction, startMs, endMs int64) string {
	if mostlyMusic(holdSpans(r), startMs, endMs) {
		return ", with music on hold"
	}
	return ""
}

func longestInstance(vs []interaction.Instance) (atMs, ms int64) {
	for _, v := range vs {
		if d := v.EndMs - v.StartMs; d > ms {
			atMs, ms = v.StartMs, d
		}
	}
	return atMs, ms
}

func upperFirst(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return strings.ToUpper(s[:n]) + s[n:]
}
