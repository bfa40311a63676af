package console

import (
	"slices"

	"github.com/timbre-voice/timbre/interaction"
)

// timeline is what the page's script draws on the one time axis of a call. Times are milliseconds from the start of the audio.
type timeline struct {
	Call       string           `json:"call"`
	DurationMs int64            `json:"duration_ms"`
	Audio      bool             `json:"audio"` // can be played
	Peaks      bool             `json:"peaks"` // there is audio to draw
	Channels   []timelineSide   `json:"channels"`
	Segments   []timelineStroke `json:"segments"`
	Quiet      []timelineSpan   `json:"quiet"` // silence, hold and overtalk
	Alerts     []timelineAlert  `json:"alerts"`
	Curve      *timelineCurve   `json:"curve,omitempty"`
	PeakMs     *int64           `json:"peak_ms,omitempty"`
	SilenceMs  *int64           `json:"silence_ms,omitempty"` // of the longest
}

type timelineSide struct {
	Channel int    `json:"channel"`
	Role    string `json:"role"`
	Name    string `json:"name"`
}

type timelineStroke struct {
	ID         string   `json:"id"`
	Channel    int      `json:"ch"`
	StartMs    int64    `json:"s"`
	EndMs      int64    `json:"e"`
	Label      string   `json:"label,omitempty"` // as corrected
	Word       string   `json:"word"`
	Confidence float64  `json:"conf,omitempty"`
	Arousal    float64  `json:"arousal,omitempty"`
	Level      *float64 `json:"level,omitempty"` // dBFS
	Corrected  bool     `json:"corrected,omitempty"`
}

type timelineSpan struct {
	Kind    string `json:"kind"`
	Word    string `json:"word"`
	StartMs int64  `json:"s"`
	EndMs   int64  `json:"e"`
}

type timelineAlert struct {
	Word     string `json:"word"`
	Severity string `json:"severity"`
	Said     string `json:"said"`
	StartMs  int64  `json:"s"`
	EndMs    int64  `json:"e"`
}

// timelineCurve holds the customer's affect at times, in columns of one length.
type timelineCurve struct {
	AtMs    []int64   `json:"t"`
	Anger   []float64 `json:"anger"`
	Arousal []float64 `json:"arousal"`
	Valence []float64 `json:"valence"`
}

// timelineOf gathers what is drawn.
func (c *Console) timelineOf(lang string, r *interaction.Interaction, playable bool) timeline {
	t := timeline{Call: r.Contact.ID, DurationMs: max(r.Contact.DurationMs, 1), Audio: playable, Peaks: playable,
		Channels: []timelineSide{}, Segments: []timelineStroke{}, Quiet: []timelineSpan{}, Alerts: []timelineAlert{}}
	for ch := range max(r.Contact.Media.Channels, 1) {
		if ch == 8 {
			break // no call has more sides; a record may say anything
		}
		role := string(interaction.RoleUnknown)
		for _, p := range r.Participants {
			if p.Channel == ch {
				role = string(p.Role)
			}
		}
		t.Channels = append(t.Channels, timelineSide{ch, role, c.channelName(lang, r, ch)})
	}
	// The customer is what the eye looks for.
	slices.SortStableFunc(t.Channels, func(a, b timelineSide) int { return customerFirst(a.Role) - customerFirst(b.Role) })
	for _, s := range r.Segments {
		k := timelineStroke{ID: s.ID, Channel: s.Channel, StartMs: s.StartMs, EndMs: s.EndMs, Word: c.words.word(lang, "role", string(roleOf(r, s.ParticipantID)))}
		if e := s.Emotion; e != nil {
			k.Label, k.Confidence, k.Arousal = e.Label, e.Confidence, e.Arousal
			for _, x := range s.Corrections {
				if x.Field == "emotion" {
					k.Label, k.Corrected = x.To, true
				}
			}
			k.Word = c.words.word(lang, "emotion", k.Label)
		}
		if s.Prosody != nil {
			k.Level = s.Prosody.LoudnessDBFS
		}
		t.Segments = append(t.Segments, k)
	}
	quiet := func(kind string, start, end int64) {
		t.Quiet = append(t.Quiet, timelineSpan{kind, c.words.word(lang, "span", kind), start, end})
	}
	if x := r.Conversation; x != nil {
		for _, i := range x.NonTalkTime.Instances {
			quiet("silence", i.StartMs, i.EndMs)
		}
		if at := longestOf(x.NonTalkTime.Instances); at != nil {
			t.SilenceMs = &at.StartMs
		}
		if x.Overtalk != nil {
			for _, i := range x.Overtalk.Instances {
				quiet("overtalk", i.StartMs, i.EndMs)
			}
		}
	}
	for _, s := range r.Sounds {
		if s.Kind == interaction.SoundHoldMusic || s.Kind == interaction.SoundRingback {
			quiet(string(s.Kind), s.StartMs, s.EndMs)
		}
	}
	held := int64(-1)
	for _, m := range r.Marks {
		switch {
		case m.Kind == "hold" && held < 0:
			held = m.AtMs
		case m.Kind == "unhold" && held >= 0:
			quiet("hold", held, m.AtMs)
			held = -1
		}
	}
	if held >= 0 {
		quiet("hold", held, t.DurationMs)
	}
	for _, g := range r.Contact.Media.Gaps {
		quiet("gap", g.StartMs, g.EndMs)
	}
	for _, a := range r.Alerts {
		t.Alerts = append(t.Alerts, timelineAlert{c.words.word(lang, "rule", a.Rule), a.Severity, a.Evidence, a.StartMs, a.EndMs})
	}
	slices.SortStableFunc(t.Alerts, func(a, b timelineAlert) int { return int(a.StartMs - b.StartMs) })
	if a := customerAffect(r); a != nil {
		if a.PeakNegative != nil {
			t.PeakMs = &a.PeakNegative.AtMs
		}
		if len(a.Timeline) > 0 {
			t.Curve = &timelineCurve{}
			for _, p := range a.Timeline {
				t.Curve.AtMs = append(t.Curve.AtMs, p.AtMs)
				t.Curve.Anger = append(t.Curve.Anger, p.Anger)
				t.Curve.Arousal = append(t.Curve.Arousal, p.Arousal)
				t.Curve.Valence = append(t.Curve.Valence, p.Valence)
			}
		}
	}
	return t
}

func customerFirst(role string) int {
	switch role {
	case string(interaction.RoleCustomer):
		return 0
	case string(interaction.RoleAgent):
		return 1
	}
	return 2
}
