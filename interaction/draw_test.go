package interaction

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"
)

// drawDocument makes a document from the schema alone. It knows the keywords that our schema uses and fails on a type that it
// does not know.
func drawDocument(t *rapid.T, s *jsonschema.Schema) any {
	for s.Ref != nil {
		s = s.Ref
	}
	if s.Enum != nil {
		return rapid.SampledFrom(s.Enum.Values).Draw(t, "word")
	}
	switch kind := s.Types.ToStrings()[0]; kind {
	case "object":
		doc := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			if slices.Contains(s.Required, name) || rapid.Bool().Draw(t, name) {
				doc[name] = drawDocument(t, s.Properties[name])
			}
		}
		if of, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
			for range rapid.IntRange(0, 2).Draw(t, "members") {
				key := rapid.StringN(0, 5, -1).Draw(t, "key")
				if s.PropertyNames != nil {
					key = drawDocument(t, s.PropertyNames).(string)
				}
				doc[key] = drawDocument(t, of)
			}
			// encoding/json leaves an empty map with omitempty out, so one is no document that comes back as it was.
			if key := "only"; len(doc) == 0 {
				if s.PropertyNames != nil {
					key = drawDocument(t, s.PropertyNames).(string)
				}
				doc[key] = drawDocument(t, of)
			}
		}
		return doc
	case "array":
		doc := []any{}
		for range rapid.IntRange(1, 2).Draw(t, "elements") { // not 0, for the same reason
			doc = append(doc, drawDocument(t, s.Items2020))
		}
		return doc
	case "string":
		switch {
		case s.Format != nil:
			return drawTime(t).Format(time.RFC3339Nano)
		case s.Pattern != nil:
			return rapid.StringMatching(s.Pattern.String()).Draw(t, "text")
		}
		return rapid.StringN(1, 12, -1).Draw(t, "text")
	case "integer":
		low, high := int64(-1<<53), int64(1<<53)
		if s.Minimum != nil {
			low, high = whole(s.Minimum), whole(s.Maximum)
		}
		return json.Number(fmt.Sprint(rapid.Int64Range(low, high).Draw(t, "integer")))
	case "number":
		low, high := -1e12, 1e12
		if s.Minimum != nil {
			low, _ = s.Minimum.Float64()
			high, _ = s.Maximum.Float64()
		}
		x := rapid.Float64Range(low, high).Draw(t, "number") + 0 // no minus zero
		return json.Number(fmt.Sprint(x))
	case "boolean":
		return true // encoding/json leaves false with omitempty out
	default:
		t.Fatalf("type %s", kind)
		return nil
	}
}

func whole(x *big.Rat) int64 {
	f, _ := x.Float64()
	return int64(f)
}

func drawTime(t *rapid.T) time.Time {
	return time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "time"), 0).UTC()
}

// drawRecord makes a record that Validate accepts, with each group sometimes absent.
func drawRecord(t *rapid.T) *Interaction {
	flip := func(label string) bool { return rapid.Bool().Draw(t, label) }
	upTo := func(label string, most int64) int64 { return rapid.Int64Range(0, most).Draw(t, label) }
	fraction := rapid.Float64Range(0, 1)
	maybe := func(label string, g *rapid.Generator[float64]) *float64 {
		if !flip(label) {
			return nil
		}
		x := g.Draw(t, label)
		return &x
	}
	r := New()
	r.Contact.ID = rapid.StringN(1, 9, -1).Draw(t, "id")
	r.Contact.State = rapid.SampledFrom([]State{StateLive, StateComplete, StateInterrupted}).Draw(t, "state")
	r.Contact.DurationMs = 1000 + upTo("duration", 600_000)
	r.Contact.Source.Kind = "file"
	channels := rapid.IntRange(1, 3).Draw(t, "channels")
	r.Contact.Media = Media{Encoding: "alaw", SampleRateHz: 8000, Channels: channels}
	r.Governance.Policy = "default"
	r.Governance.Models = []Model{{Name: "m", Version: "v1", LicenceClass: "open",
		SHA256: rapid.StringMatching(`[0-9a-f]{64}`).Draw(t, "sha256")}}
	limit := r.Contact.DurationMs
	lost := map[int]int64{}
	for channel := range channels {
		role := rapid.SampledFrom([]Role{RoleAgent, RoleCustomer, RoleUnknown}).Draw(t, "role")
		p := Participant{ID: fmt.Sprint("p", channel), Role: role, Channel: channel, ToMs: limit}
		r.Participants = append(r.Participants, p)
		for at, i := upTo("start", 9000), 0; at < limit; i++ {
			end := min(limit, at+1+upTo("length", 90_000))
			s := Segment{ID: fmt.Sprint("s", channel, "-", i), ParticipantID: p.ID, Channel: channel, StartMs: at, EndMs: end,
				SNRdB: maybe("snr", rapid.Float64Range(-20, 90))}
			if role == RoleCustomer && flip("emotion") {
				x := fraction.Draw(t, "angry")
				s.Emotion = &Emotion{Label: "angry", Probabilities: map[string]float64{"angry": x, "neutral": 1 - x}}
				if x < 0.5 {
					s.Emotion.Label = "neutral"
				}
			}
			s.Prosody = &Prosody{F0Hz: maybe("f0", rapid.Float64Range(60, 500)), Jitter: maybe("jitter", fraction)}
			r.Segments = append(r.Segments, s)
			at = end + upTo("pause", 90_000)
		}
		if flip("gap") {
			g := Gap{Channel: channel, StartMs: upTo("gap", limit), Reason: "lost"}
			g.EndMs = g.StartMs + upTo("gap length", limit-g.StartMs)
			r.Contact.Media.Gaps = append(r.Contact.Media.Gaps, g)
			r.Contact.Media.LostMs += g.EndMs - g.StartMs
			lost[channel] += g.EndMs - g.StartMs
		}
	}
	slices.SortFunc(r.Segments, func(a, b Segment) int {
		if before(a.StartMs, a.Channel, b.StartMs, b.Channel) {
			return -1
		}
		return 1
	})
	c := 0
	r.NotComputed = []NotComputed{{What: "emotion", Code: CodeNoModel}, {What: "conversation", Code: CodeSidesNotSeparated},
		{What: "affect", Channel: &c, Code: CodePolicy}}
	if len(r.Segments) == 0 {
		r.NotComputed = append(r.NotComputed, NotComputed{What: "segments", Code: CodeNoSpeech})
	}
	if flip("voice") {
		r.Voice = &Voice{Decision: Inconclusive, Reasons: []string{"spoof_not_checked"}, Assurance: AssuranceEvidenceOnly}
	} else {
		r.NotComputed = append(r.NotComputed, NotComputed{What: "voice", Code: CodeNoClaim})
	}
	if flip("conversation") {
		r.Conversation = &Conversation{TotalConversationDurationMs: limit}
		for channel := range channels {
			m := ChannelMetrics{Channel: channel, Role: RoleUnknown, LostMs: lost[channel], ClippedShare: fraction.Draw(t, "clipped")}
			r.Conversation.Channels = append(r.Conversation.Channels, m)
		}
		if flip("overtalk") {
			x := Instance{EndMs: 1 + upTo("overtalk", limit-1)}
			x.DurationMs = x.EndMs
			r.Conversation.Overtalk = &Overtalk{TotalMs: x.DurationMs, LongestMs: x.DurationMs, Instances: []Instance{x}}
			r.Conversation.Interruptions = &Interruptions{TotalCount: 1, ByInterrupter: map[Role][]Instance{RoleAgent: {x}, RoleCustomer: nil}}
		}
	}
	if flip("survey") {
		r.CX = &CX{Surveys: []Survey{{Kind: "nps", Value: rapid.IntRange(0, 10).Draw(t, "nps")}}}
	}
	return r
}
