package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/timbre-voice/timbre/interaction"
)

// clock returns a position in the call as mm:ss, or h:mm:ss from the first hour on, rounded down.
func clock(ms int64) string {
	s := max(ms, 0) / 1000
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}

// span returns a length of time: tenths of a second below a minute, whole seconds from there on, so that it is never mistaken
// for a clock position.
func span(ms int64) string {
	if ms < 59_950 {
		return fmt.Sprintf("%.1f s", float64(ms)/1000)
	}
	s := (ms + 500) / 1000
	if s >= 3600 {
		return fmt.Sprintf("%d h %02d min", s/3600, s/60%60)
	}
	return fmt.Sprintf("%d min %02d s", s/60, s%60)
}

// percent returns a fraction as a percentage, with a decimal where the whole number would hide that it is not 0 or 100.
func percent(f float64) string {
	p := f * 100
	switch {
	case p > 0 && p < 0.05:
		return "<0.1 %"
	case p != math.Round(p) && (p < 1 || p > 99):
		return fmt.Sprintf("%.1f %%", p)
	}
	return fmt.Sprintf("%.0f %%", p)
}

// share returns percent(part/whole), or "-" where there is no whole.
func share(part, whole int64) string {
	if whole <= 0 {
		return "-"
	}
	return percent(float64(part) / float64(whole))
}

// count returns "1 turn", "2 turns".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// plain returns s with everything that could act on a terminal or break a line replaced: names and paths come from outside.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// oneLine returns the text of err with the errors it joins on one line, fit for a terminal.
func oneLine(err error) string {
	return plain(strings.ReplaceAll(err.Error(), "\n", "; "))
}

// fit returns s cut to n columns, the middle left out, since both the folder and the end of a path tell files apart.
func fit(s string, n int, ellipsis string) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	if n <= len([]rune(ellipsis)) {
		return string(r[:max(n, 0)])
	}
	keep := n - len([]rune(ellipsis))
	head := keep / 3
	return string(r[:head]) + ellipsis + string(r[len(r)-(keep-head):])
}

// pad returns s filled with spaces to n columns.
func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(n-utf8.RuneCountInString(s), 0))
}

// wrap breaks s at spaces into lines of at most n columns; a longer word stands alone and a unit stays with its number.
func wrap(s string, n int) []string {
	var words []string
	for _, w := range strings.Fields(s) {
		if k := len(words); k > 0 && slices.Contains(units, strings.TrimRight(w, ".,;:)")) && strings.ContainsAny(words[k-1][len(words[k-1])-1:], "0123456789") {
			words[k-1] += " " + w
			continue
		}
		words = append(words, w)
	}
	var lines []string
	line := ""
	for _, word := range words {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= n:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

var units = []string{"s", "min", "h", "%", "dB", "dBFS", "Hz", "ms", "syllables/s"}

// codeWords says in words why something is absent from the record.
func codeWords(c interaction.Code) string {
	switch c {
	case interaction.CodeNoModel:
		return "no model for it is loaded"
	case interaction.CodeRoleUnknown:
		return "the channel is not known to be the customer's"
	case interaction.CodeSidesNotSeparated:
		return "agent and customer share the channel"
	case interaction.CodePolicy:
		return "the policy does not permit it"
	case interaction.CodeNoNotice:
		return "the notice that the policy asks for was not played yet"
	case interaction.CodeNoConsent:
		return "no consent reference was given"
	case interaction.CodeTooShort:
		return "less speech than the method needs"
	case interaction.CodeTooNoisy:
		return "too much noise for the method"
	case interaction.CodeNoSpeech:
		return "no speech was found"
	case interaction.CodeNoClaim:
		return "nobody said who the caller claims to be"
	case interaction.CodeOptedOut:
		return "the person opted out of voice identity"
	case interaction.CodePrivacy:
		return "the samples were dropped under a privacy mark"
	}
	return strings.ReplaceAll(plain(string(c)), "_", " ")
}

// whatWords names a field of the record as a reviewer would.
func whatWords(what string) string {
	switch what {
	case "emotion":
		return "emotion"
	case "voice":
		return "voice identity"
	case "affect":
		return "course of the emotion"
	case "cx.predicted_csat":
		return "predicted CSAT"
	case "conversation":
		return "conversation figures"
	case "conversation.interruptions":
		return "interruptions"
	case "conversation.response_latency_ms":
		return "response times"
	case "conversation.talk_time.by_role":
		return "talk time by side"
	case "prosody":
		return "manner of speaking"
	case "prosody.f0_hz":
		return "pitch"
	case "prosody.f0_range_st":
		return "pitch range"
	case "prosody.syllables_per_s":
		return "pace"
	case "prosody.hnr_db":
		return "harmonics-to-noise ratio"
	}
	name := plain(what)
	if i := strings.LastIndex(name, "."); i >= 0 && i+1 < len(name) {
		name = name[i+1:]
	}
	name = strings.ReplaceAll(strings.TrimSuffix(name, "_ms"), "_", " ")
	if name == "" {
		return "a field without a name"
	}
	return name
}

// soundWords names a kind of sound.
func soundWords(k interaction.SoundKind) string {
	switch k {
	case interaction.SoundHoldMusic:
		return "hold music"
	case interaction.SoundDTMF:
		return "keypad tone"
	case interaction.SoundFax:
		return "fax tone"
	}
	return strings.ReplaceAll(plain(string(k)), "_", " ")
}
