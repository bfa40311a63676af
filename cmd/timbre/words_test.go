package main

import (
	"errors"
	"math"
	"slices"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/timbre-voice/timbre/interaction"
)

func TestTimesAndNumbersInWords(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{clock(0), "00:00"}, {clock(59_999), "00:59"}, {clock(60_000), "01:00"}, {clock(3_599_999), "59:59"}, {clock(3_600_000), "1:00:00"}, {clock(-5), "00:00"},
		{span(0), "0.0 s"}, {span(1940), "1.9 s"}, {span(59_949), "59.9 s"}, {span(59_950), "1 min 00 s"}, {span(75_250), "1 min 15 s"}, {span(3_723_000), "1 h 02 min"},
		{shortSpan(599_999), "600.0 s"}, {shortSpan(600_000), "10 min"}, {shortSpan(5_430_000), "91 min"},
		{percent(0), "0 %"}, {percent(1), "100 %"}, {percent(0.5), "50 %"}, {percent(0.004), "0.4 %"}, {percent(0.996), "99.6 %"}, {percent(0.0001), "<0.1 %"},
		{share(1, 0), "-"}, {share(1, 4), "25 %"},
		{count(1, "turn"), "1 turn"}, {count(0, "turn"), "0 turns"}, {count(2, "turn"), "2 turns"},
		{plain("a\x1b[31m\n\u202eb\xffż"), "a?[31m??b?ż"},
		{oneLine(errors.Join(errors.New("a"), errors.New("b"))), "a; b"},
		{fit("short", 5, "…"), "short"}, {fit("calls/of/today/a.wav", 12, "…"), "cal…ay/a.wav"}, {fit("abcdef", 2, "..."), "ab"}, {fit("abc", 0, "…"), ""},
		{whatWords("prosody.hnr_db"), "harmonics-to-noise ratio"}, {whatWords("conversation.non_talk_time"), "non talk time"}, {whatWords(""), "a field without a name"}, {whatWords("x."), "x."},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestEveryCodeHasWords(t *testing.T) {
	for _, c := range []interaction.Code{interaction.CodeNoModel, interaction.CodeRoleUnknown, interaction.CodeSidesNotSeparated, interaction.CodePolicy, interaction.CodeNoNotice,
		interaction.CodeNoConsent, interaction.CodeTooShort, interaction.CodeTooNoisy, interaction.CodeNoSpeech, interaction.CodeNoClaim, interaction.CodeOptedOut, interaction.CodePrivacy} {
		if codeWords(c) == codeWords("made_up") || len(codeWords(c)) < 15 {
			t.Errorf("code %s reads %q, want a sentence", c, codeWords(c))
		}
	}
	if got := codeWords("made_up"); got != "made up" {
		t.Errorf("an unknown code reads %q, want its own words", got)
	}
}

func TestWrapKeepsEveryWordAndTheWidth(t *testing.T) {
	if got := wrap("Longest time without talk 15.2 s at 00:35.", 30); !slices.Equal(got, []string{"Longest time without talk", "15.2 s at 00:35."}) {
		t.Errorf("a number and its unit were parted: %q", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.StringMatching(`[a-z0-9ż]{1,12}`)).Draw(t, "words")
		n := rapid.IntRange(1, 40).Draw(t, "n")
		text, back := "", ""
		for _, w := range words {
			text += w + " "
		}
		for _, l := range wrap(text, n) {
			if utf8.RuneCountInString(l) > max(n, 26) {
				t.Fatalf("line %q is longer than %d and than any word", l, n)
			}
			back += l + " "
		}
		if back != text {
			t.Fatalf("wrapped %q, got back %q", text, back)
		}
	})
}

func TestMedianIsWeighted(t *testing.T) {
	for _, c := range []struct {
		v    []weighted
		want float64
	}{
		{[]weighted{{5, 1}}, 5},
		{[]weighted{{9, 1}, {1, 1}, {5, 1}}, 5},
		{[]weighted{{1, 1}, {2, 1}, {9, 10}}, 9},
		{[]weighted{{1, 3}, {9, 1}, {8, 1}}, 1},
	} {
		if got := median(c.v); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.v, got, c.want)
		}
	}
	if got := median([]weighted{{4, 0}}); !math.IsNaN(got) || !math.IsNaN(median(nil)) {
		t.Errorf("the median of nothing is %v, want NaN", got)
	}
}
