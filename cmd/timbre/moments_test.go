package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/interaction"
)

func TestMomentsOfTheHandMadeCall(t *testing.T) {
	want := []string{
		"00:55 customer is louder and faster than usual (6.7 syllables/s against the own median of 4.4, 9.4 dB above the own median of -25.6 dBFS, for 5.9 s)",
		"00:55 customer interrupts agent (both speak for 1.2 s)",
		"00:24 nobody speaks for 7.4 s (the longest without music on hold; agent spoke before, customer after)",
		"00:12 agent interrupts customer (both speak for 0.8 s)",
		"00:36 hold music (14.4 s on the agent's channel)",
	}
	// The 15.2 s from 00:35 on are hold music, the 2.5 s before the first word are not the longest, the lost 0.26 s are too short.
	got := momentsOf(handMade())
	if len(got) != len(want) {
		t.Fatalf("%d moments, want %d: %+v", len(got), len(want), got)
	}
	for i, m := range got {
		if s := fmt.Sprintf("%s %s (%s)", clock(m.StartMs), m.What, m.Why); s != want[i] {
			t.Errorf("moment %d is\n%s, want\n%s", i+1, s, want[i])
		}
	}
}

func TestMomentsOfACallInWhichNothingStandsOut(t *testing.T) {
	r := handMade()
	r.Sounds, r.Contact.Media.Gaps = nil, nil
	r.Conversation.NonTalkTime, r.Conversation.Interruptions = interaction.NonTalkTime{}, &interaction.Interruptions{}
	for i := range r.Segments {
		r.Segments[i].Prosody.LoudnessDBFS, r.Segments[i].Prosody.SyllablesPerS = ptr(-20.0), ptr(4.0)
	}
	if got := momentsOf(r); len(got) != 0 {
		t.Errorf("%d moments, want none: %+v", len(got), got)
	}
	if got := string(draw(t, r, reportOptions{})); !strings.Contains(got, "Nothing in this call stands out") || !strings.Contains(got, "Interruptions                 none") {
		t.Errorf("the report does not say so:\n%s", got)
	}
}

func TestMomentsAreFewAndTheWorstFirst(t *testing.T) {
	r := handMade()
	for i := range int64(30) {
		r.Alerts = append(r.Alerts, interaction.Alert{Rule: "r", Severity: []string{"info", "critical", "warning"}[i%3], StartMs: 1000 * i})
	}
	got := momentsOf(r)
	if len(got) != maxMoments {
		t.Fatalf("%d moments, want %d", len(got), maxMoments)
	}
	for i, m := range got {
		if !strings.HasPrefix(m.Why, "critical") || i > 0 && m.StartMs < got[i-1].StartMs {
			t.Errorf("moment %d is %+v, want the critical alerts in their order", i+1, m)
		}
	}
}

func TestColumnScale(t *testing.T) {
	for _, c := range []struct {
		ms, want  int64
		n, strips int
	}{
		{0, 100, 60, 4}, {24_000, 100, 60, 4}, {24_001, 200, 60, 4}, {89_430, 500, 60, 4}, {89_430, 2000, 60, 1}, {600_000, 3000, 60, 4},
		{3_600_000, 18_000, 60, 4}, {10 * 3_600_000, 180_000, 60, 4}, {1000 * 3_600_000, 23_040_000, 60, 4},
	} {
		got := columnScale(c.ms, c.n, c.strips)
		if got != c.want || c.ms > got*int64(c.n)*int64(c.strips) {
			t.Errorf("%d ms on %d strips of %d columns: %d ms a column, want %d", c.ms, c.strips, c.n, got, c.want)
		}
	}
	if got := columnScale(1<<62, 60, 4); got <= 0 {
		t.Errorf("an absurd length gives %d ms a column", got)
	}
}

func TestLanesNameTheSides(t *testing.T) {
	r := handMade()
	r.Contact.Media.Channels = 12
	r.Participants = append(r.Participants, interaction.Participant{ID: "p2", Role: interaction.RoleAgent, Channel: 2}, interaction.Participant{ID: "p3", Role: "supervisor", Channel: 3})
	ls, left := lanes(r)
	var got []string
	for _, l := range ls {
		got = append(got, l.Label)
	}
	want := "agent 0, customer, agent 2, channel 3, channel 4, channel 5, channel 6, channel 7"
	if s := strings.Join(got, ", "); s != want || left != 4 {
		t.Errorf("lanes %s and %d left out, want %s and 4", s, left, want)
	}
	out := string(draw(t, r, reportOptions{}))
	if !strings.Contains(out, "4 channels more, not drawn here") || !strings.Contains(out, "AGENT 2") {
		t.Errorf("the report does not name the lanes:\n%s", out)
	}
}
