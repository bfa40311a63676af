package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/internal/testkit"
)

func ptr[T any](v T) *T { return &v }

// said is one segment of a hand-made call.
type said struct {
	channel        int
	startMs, endMs int64
	dBFS, pace     float64
}

func segment(i int, s said) interaction.Segment {
	return interaction.Segment{
		ID: "s" + string(rune('a'+i)), Channel: s.channel, StartMs: s.startMs, EndMs: s.endMs,
		ParticipantID: []string{"p0", "p1"}[s.channel],
		Prosody:       &interaction.Prosody{LoudnessDBFS: ptr(s.dBFS), SyllablesPerS: ptr(s.pace), F0Hz: ptr(120 + 80*float64(s.channel))},
	}
}

// handMade is a call of 75 s with one of everything that a report shows.
func handMade() *interaction.Interaction {
	r := &interaction.Interaction{
		Schema: interaction.SchemaID,
		Contact: interaction.Contact{
			ID: "hand-made", Tenant: "default", State: interaction.StateComplete, Revision: 1, DurationMs: 75_250, Language: "en",
			Attributes: map[string]string{"channel_roles": "default", "queue_name": "billing"},
			Source:     interaction.Source{Kind: "file", URI: "calls/hand-made.wav"},
			Audio:      interaction.Audio{Kept: "none"},
			Media: interaction.Media{Encoding: "mulaw", SampleRateHz: 8000, Channels: 2, LostMs: 260,
				Warnings: []string{"data chunk promises 1204160 bytes and has 1204000"}},
		},
		Governance: interaction.Governance{Policy: "default"},
		Participants: []interaction.Participant{
			{ID: "p0", Role: interaction.RoleAgent, Channel: 0, ExternalID: "a-17", DisplayName: "Marta", ToMs: 75_250},
			{ID: "p1", Role: interaction.RoleCustomer, Channel: 1, ToMs: 75_250},
		},
		Sounds: []interaction.Sound{
			{Kind: interaction.SoundRingback, Channel: 1, StartMs: 0, EndMs: 1900, Detail: "plan US, 440+480 Hz"},
			{Kind: interaction.SoundDTMF, Channel: 1, StartMs: 20_100, EndMs: 20_180, Detail: "*"},
			{Kind: interaction.SoundDTMF, Channel: 1, StartMs: 20_700, EndMs: 20_780, Detail: "*"},
			{Kind: interaction.SoundHoldMusic, Channel: 0, StartMs: 36_000, EndMs: 50_400},
		},
		Marks: []interaction.Mark{{Kind: "hold", AtMs: 35_900}, {Kind: "unhold", AtMs: 50_500}},
	}
	for i, s := range []said{
		{0, 2500, 7200, -20, 4.1}, {1, 7600, 12_900, -26, 4.4}, {0, 12_100, 16_000, -20.5, 4.2}, {1, 16_400, 19_800, -26.4, 4.2},
		{0, 21_500, 24_000, -21, 4.0}, {1, 31_400, 34_000, -25, 4.3}, {0, 34_200, 35_800, -19.5, 4.4}, {0, 51_000, 56_300, -20.2, 4.2},
		{1, 55_100, 61_000, -16.2, 6.7}, {0, 61_800, 64_100, -28.1, 3.2}, {1, 64_900, 69_000, -25.6, 4.1}, {0, 69_500, 74_000, -20, 4.1},
	} {
		r.Segments = append(r.Segments, segment(i, s))
	}
	instance := func(a, b int64) interaction.Instance {
		return interaction.Instance{StartMs: a, EndMs: b, DurationMs: b - a}
	}
	r.Conversation = &interaction.Conversation{
		TotalConversationDurationMs: 75_250,
		TalkTime: interaction.TalkTime{TotalMs: 44_400, ByRole: map[interaction.Role]interaction.RoleTalk{
			interaction.RoleAgent: {TotalMs: 24_800, Share: 0.53}, interaction.RoleCustomer: {TotalMs: 21_400, Share: 0.47}}},
		NonTalkTime: interaction.NonTalkTime{TotalMs: 25_100, LongestMs: 15_200,
			Instances: []interaction.Instance{instance(0, 2500), instance(24_000, 31_400), instance(35_800, 51_000)}},
		Overtalk: &interaction.Overtalk{TotalMs: 2000, LongestMs: 1200, Instances: []interaction.Instance{instance(12_100, 12_900), instance(55_100, 56_300)}},
		Interruptions: &interaction.Interruptions{TotalCount: 2, TotalMs: 2000, ByInterrupter: map[interaction.Role][]interaction.Instance{
			interaction.RoleAgent: {instance(12_100, 12_900)}, interaction.RoleCustomer: {instance(55_100, 56_300)}}},
		Turns: &interaction.Turns{TotalCount: 11, ByRole: map[interaction.Role]interaction.RoleTurn{
			interaction.RoleAgent: {Count: 6, MeanMs: 4100, LongestMs: 5300}, interaction.RoleCustomer: {Count: 5, MeanMs: 4300, LongestMs: 5900}}},
		ResponseLatencyMs: map[interaction.Role]interaction.Latency{
			interaction.RoleAgent: {Count: 3, MedianMs: 500, P90Ms: 800, MaxMs: 800}, interaction.RoleCustomer: {Count: 3, MedianMs: 400, P90Ms: 7400, MaxMs: 7400}},
		Pace: map[interaction.Role]interaction.Pace{interaction.RoleAgent: {SyllablesPerS: 4.1, Syllables: 102}, interaction.RoleCustomer: {SyllablesPerS: 4.8, Syllables: 103}},
		Channels: []interaction.ChannelMetrics{
			{Channel: 0, Role: interaction.RoleAgent, TalkTimeMs: 24_800, LoudnessDBFS: ptr(-20.3), LoudnessLUFS: ptr(-21.9), NoiseDBFS: ptr(-61.0), SNRdB: ptr(40.7)},
			{Channel: 1, Role: interaction.RoleCustomer, TalkTimeMs: 21_400, LoudnessDBFS: ptr(-24.8), NoiseDBFS: ptr(-33.0), SNRdB: ptr(8.2), ClippedShare: 0.0042, LostMs: 260},
		},
	}
	r.Contact.Media.Gaps = []interaction.Gap{{Channel: 1, StartMs: 70_000, EndMs: 70_260, Reason: "lost"}}
	r.NotComputed = []interaction.NotComputed{
		{What: "voice", Code: interaction.CodeNoModel},
		{What: "emotion", Channel: ptr(1), Code: interaction.CodeNoModel},
		{What: "affect", Code: interaction.CodeNoModel},
		{What: "emotion", Channel: ptr(0), Code: interaction.CodePolicy},
		{What: "prosody.jitter", Channel: ptr(0), Segment: "sc", Code: interaction.CodeTooShort, Detail: "210 ms voiced, want 300 ms"},
		{What: "prosody.jitter", Channel: ptr(1), Segment: "sd", Code: interaction.CodeTooShort, Detail: "110 ms voiced, want 300 ms"},
	}
	return r
}

func draw(t *testing.T, r *interaction.Interaction, o reportOptions) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := render(&b, r, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReportDrawings(t *testing.T) {
	for _, c := range []struct {
		name string
		r    *interaction.Interaction
		o    reportOptions
	}{
		{"report.txt", handMade(), reportOptions{}},
		{"report-ascii.txt", handMade(), reportOptions{ASCII: true}},
		{"report-60.txt", handMade(), reportOptions{Width: 60}},
		{"report-120.txt", handMade(), reportOptions{Width: 120}},
		{"report-colour.txt", handMade(), reportOptions{Colour: true}},
		{"report-silent.txt", silentCall(), reportOptions{}},
		{"report-mono.txt", monoCall(), reportOptions{}},
		{"report-scored.txt", scoredCall(), reportOptions{}},
		{"report-long.txt", longCall(), reportOptions{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := draw(t, c.r, c.o)
			testkit.Text(t, filepath.Join("testdata", c.name), got)
			width := max(c.o.Width, 60)
			if c.o.Width == 0 {
				width = 80
			}
			for i, line := range strings.Split(string(got), "\n") {
				if n := utf8.RuneCountInString(line); n > width && !c.o.Colour {
					t.Errorf("line %d is %d columns wide, want at most %d: %q", i+1, n, width, line)
				}
				if strings.ContainsFunc(line, func(r rune) bool { return r > '~' }) && c.o.ASCII {
					t.Errorf("line %d is not ASCII: %q", i+1, line)
				}
			}
		})
	}
}

func silentCall() *interaction.Interaction {
	r := handMade()
	r.Contact.DurationMs, r.Contact.Media.Warnings, r.Contact.Media.Gaps, r.Contact.Media.LostMs = 30_000, nil, nil, 0
	r.Participants[0].ToMs, r.Participants[1].ToMs = 30_000, 30_000
	r.Segments, r.Sounds, r.Marks = nil, nil, nil
	r.Conversation = &interaction.Conversation{
		TotalConversationDurationMs: 30_000,
		NonTalkTime:                 interaction.NonTalkTime{TotalMs: 30_000, LongestMs: 30_000, Instances: []interaction.Instance{{EndMs: 30_000, DurationMs: 30_000}}},
		Channels:                    []interaction.ChannelMetrics{{Channel: 0, Role: interaction.RoleAgent}, {Channel: 1, Role: interaction.RoleCustomer}},
	}
	r.NotComputed = r.NotComputed[:4]
	for _, what := range []string{"talk_time.by_role", "overtalk", "interruptions", "turns", "response_latency_ms", "pace"} {
		r.NotComputed = append(r.NotComputed, interaction.NotComputed{What: "conversation." + what, Code: interaction.CodeNoSpeech})
	}
	return r
}

func monoCall() *interaction.Interaction {
	r := handMade()
	r.Contact.Media.Channels = 1
	r.Contact.Media.Gaps, r.Contact.Media.LostMs, r.Marks = nil, 0, nil
	r.Participants = []interaction.Participant{{ID: "p0", Role: interaction.RoleUnknown, ToMs: 75_250}}
	for i := range r.Segments {
		s := &r.Segments[i]
		s.Channel, s.ParticipantID = 0, "p0"
		if i > 0 {
			s.StartMs = max(s.StartMs, r.Segments[i-1].EndMs)
		}
	}
	for i := range r.Sounds {
		r.Sounds[i].Channel = 0
	}
	c := r.Conversation
	c.TalkTime.ByRole = map[interaction.Role]interaction.RoleTalk{interaction.RoleUnknown: {TotalMs: 44_400, Share: 1}}
	c.Overtalk, c.Interruptions, c.Turns, c.ResponseLatencyMs, c.Pace = nil, nil, nil, nil, nil
	c.Channels = []interaction.ChannelMetrics{{Channel: 0, Role: interaction.RoleUnknown, TalkTimeMs: 44_400, LoudnessDBFS: ptr(-21.3), SNRdB: ptr(30.0)}}
	r.NotComputed = nil
	for _, what := range []string{"conversation.overtalk", "conversation.interruptions", "conversation.turns", "conversation.response_latency_ms", "conversation.pace", "emotion", "affect", "voice"} {
		r.NotComputed = append(r.NotComputed, interaction.NotComputed{What: what, Channel: ptr(0), Code: interaction.CodeSidesNotSeparated})
	}
	return r
}

// scoredCall is a record in which every model has run.
func scoredCall() *interaction.Interaction {
	r := handMade()
	r.NotComputed = nil
	for i := range r.Segments {
		if r.Segments[i].Channel == 1 {
			r.Segments[i].Emotion = &interaction.Emotion{Label: "neutral", Probabilities: map[string]float64{"neutral": 0.75, "angry": 0.25}, Arousal: 0.4, Valence: 0.5, Confidence: 0.7}
		}
	}
	for _, what := range []string{"emotion", "affect"} {
		r.NotComputed = append(r.NotComputed, interaction.NotComputed{What: what, Channel: ptr(0), Code: interaction.CodePolicy})
	}
	r.Governance.Models = []interaction.Model{{Name: "voice-tdnn-v1", Version: "1.0.0", SHA256: strings.Repeat("ab", 32), LicenceClass: "permissive"}}
	r.Alerts = []interaction.Alert{{Rule: "long hold", Severity: "warning", StartMs: 36_000, EndMs: 50_400, Evidence: "hold of 14.4 s, limit 10 s"}}
	r.Voice = &interaction.Voice{Decision: interaction.Inconclusive, LLR: ptr(1.25), Threshold: ptr(4.6), NetSpeechMs: 21_400,
		Reasons: []string{"low_snr", "spoof_not_checked"}, Assurance: interaction.AssuranceEvidenceOnly}
	point := func(s said, arousal, anger float64) interaction.AffectPoint {
		return interaction.AffectPoint{AtMs: s.startMs, SpeechMs: s.endMs - s.startMs, Arousal: arousal, Valence: 0.5 - anger/4, Anger: anger,
			ArousalSD: ptr(0.08), ValenceSD: ptr(0.12), AngerSD: ptr(0.1)}
	}
	a := interaction.Affect{ParticipantID: "p1", Trend: "worsening", ClassMs: map[string]int64{"neutral": 15_500, "angry": 5900}, EarlierMs: ptr(int64(30_000))}
	for _, p := range []struct {
		said
		arousal, anger float64
	}{{said{startMs: 7600, endMs: 12_900}, 0.31, 0.08}, {said{startMs: 16_400, endMs: 19_800}, 0.35, 0.12}, {said{startMs: 31_400, endMs: 34_000}, 0.52, 0.3},
		{said{startMs: 55_100, endMs: 61_000}, 0.91, 0.77}, {said{startMs: 64_900, endMs: 69_000}, 0.72, 0.5}} {
		a.Timeline = append(a.Timeline, point(p.said, p.arousal, p.anger))
	}
	a.Overall = interaction.AffectPoint{AtMs: 7600, Arousal: 0.5, Valence: 0.42, Anger: 0.31, SpeechMs: 21_400}
	a.Start, a.End = a.Timeline[0], a.Timeline[4]
	a.PeakNegative = &a.Timeline[3]
	r.Affect = []interaction.Affect{a}
	r.CX = &interaction.CX{PeakEnd: ptr(0.365), PredictedCSAT: &interaction.PredictedCSAT{Value: 2.6, Low: 1, High: 4}}
	return r
}

// longCall is an hour in which a turn is narrower than a column.
func longCall() *interaction.Interaction {
	r := handMade()
	r.Contact.DurationMs, r.Marks, r.Contact.Media.Gaps, r.Contact.Media.LostMs = 3_723_000, nil, nil, 0
	r.Participants[0].ToMs, r.Participants[1].ToMs = 3_723_000, 3_723_000
	r.Conversation.Channels[1].LostMs, r.NotComputed = 0, r.NotComputed[:4]
	one := r.Segments
	r.Segments = nil
	for at := int64(0); at+75_000 < r.Contact.DurationMs; at += 75_000 {
		for _, s := range one {
			s.ID, s.StartMs, s.EndMs = fmt.Sprintf("%s%d", s.ID, at), s.StartMs+at, s.EndMs+at
			r.Segments = append(r.Segments, s)
		}
	}
	return r
}

func TestReportPrintsNothingThatActsOnATerminal(t *testing.T) {
	r := handMade()
	evil := "\x1b[2J\x07x\r\n\u202e"
	r.Contact.ID, r.Contact.Language, r.Contact.Source.URI = evil, evil, evil
	r.Contact.Media.Encoding, r.Contact.Media.Warnings = evil, []string{evil}
	r.Participants[0].DisplayName, r.Participants[1].ExternalID = evil, evil
	r.Sounds[0].Detail, r.Sounds[0].Kind, r.Marks[0].Detail = evil, interaction.SoundKind(evil), evil
	r.NotComputed[0].What, r.NotComputed[0].Detail, r.NotComputed[0].Code = evil, evil, interaction.Code(evil)
	r.Alerts = []interaction.Alert{{Rule: evil, Severity: evil, Evidence: evil}}
	r.Contact.Media.Gaps[0].Reason, r.Contact.Media.Gaps[0].EndMs = evil, 73_000
	got := draw(t, r, reportOptions{Path: evil})
	if i := bytes.IndexAny(got, "\x1b\x07\r"); i >= 0 || bytes.Contains(got, []byte("\u202e")) {
		t.Errorf("a control character of the record reached the report:\n%q", got)
	}
}

func TestReportOfAnEmptyRecord(t *testing.T) {
	got := string(draw(t, &interaction.Interaction{}, reportOptions{}))
	if !strings.Contains(got, "No speech was found") {
		t.Errorf("the report of an empty record does not say that there is no speech:\n%s", got)
	}
}

func TestHandMadeRecordsAreRecords(t *testing.T) {
	for name, r := range map[string]*interaction.Interaction{"hand_made": handMade(), "silent": silentCall(), "mono": monoCall(), "scored": scoredCall(), "long": longCall()} {
		if err := r.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
