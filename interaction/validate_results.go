package interaction

import (
	"maps"
	"math"
	"slices"
	"strings"
)

// conversation checks the sums and the order inside the conversation metrics.
func (k *crossCheck) conversation() {
	c := k.r.Conversation
	if c == nil {
		return
	}
	const path = "conversation"
	total := c.TotalConversationDurationMs
	if total > k.r.Contact.DurationMs {
		k.add(path+".total_conversation_duration_ms", total, "at most contact.duration_ms %d", k.r.Contact.DurationMs)
	}
	k.talkTime(path+".talk_time", c)
	k.instances(path+".non_talk_time", c.NonTalkTime.Instances, c.NonTalkTime.TotalMs, c.NonTalkTime.LongestMs)
	if o := c.Overtalk; o != nil {
		k.instances(path+".overtalk", o.Instances, o.TotalMs, o.LongestMs)
	}
	if in := c.Interruptions; in != nil {
		k.interruptions(path+".interruptions", in)
	}
	if turns := c.Turns; turns != nil {
		k.turns(path+".turns", turns)
	}
	for _, role := range slices.Sorted(maps.Keys(c.ResponseLatencyMs)) {
		l := c.ResponseLatencyMs[role]
		if l.MedianMs > l.P90Ms || l.P90Ms > l.MaxMs {
			k.add(path+".response_latency_ms."+string(role), []int64{l.MedianMs, l.P90Ms, l.MaxMs}, "median, p90 and max in order")
		}
	}
	k.channelMetrics(path+".channels", c)
	for i, l := range c.Legs {
		if k.byID[l.ParticipantID] == nil {
			k.add(index(path+".legs", i)+".participant_id", l.ParticipantID, "the id of a participant")
		}
	}
}

func (k *crossCheck) talkTime(path string, c *Conversation) {
	var sum, longest int64
	var share float64
	for _, t := range c.TalkTime.ByRole {
		sum += t.TotalMs
		longest = max(longest, t.TotalMs)
		share += t.Share
	}
	all := c.TalkTime.TotalMs
	if all > c.TotalConversationDurationMs {
		k.add(path+".total_ms", all, "at most total_conversation_duration_ms %d", c.TotalConversationDurationMs)
	}
	// Overtalk is counted once in the total and once for each side. Without sides there is nothing to compare.
	if len(c.TalkTime.ByRole) > 0 && (all > sum || all < longest) {
		k.add(path+".total_ms", all, "%d to %d, from the longest side to the sum of the sides", longest, sum)
	}
	if sum > 0 && math.Abs(share-1) > 1e-3 || sum == 0 && share != 0 {
		k.add(path+".by_role", word("shares"), "shares with a sum of 1 to within 0.001, or 0 where nobody spoke")
	}
}

// instances checks a list of disjoint intervals in order against its total and its longest.
func (k *crossCheck) instances(path string, list []Instance, total, longest int64) {
	sum, most := k.instanceList(path+".instances", list)
	if total != sum {
		k.add(path+".total_ms", total, "%d, the sum of the instances", sum)
	}
	if longest != most {
		k.add(path+".longest_ms", longest, "%d, the longest of the instances", most)
	}
}

func (k *crossCheck) instanceList(path string, list []Instance) (sum, longest int64) {
	var last int64
	for i, x := range list {
		at := index(path, i)
		if x.EndMs <= x.StartMs {
			k.add(at+".end_ms", x.EndMs, "more than start_ms %d", x.StartMs)
		}
		if x.DurationMs != x.EndMs-x.StartMs {
			k.add(at+".duration_ms", x.DurationMs, "%d, end_ms less start_ms", x.EndMs-x.StartMs)
		}
		if x.EndMs > k.r.Conversation.TotalConversationDurationMs {
			k.add(at+".end_ms", x.EndMs, "at most total_conversation_duration_ms %d", k.r.Conversation.TotalConversationDurationMs)
		}
		if i > 0 && x.StartMs < last {
			k.add(at+".start_ms", x.StartMs, "at least %d, the end of the instance before", last)
		}
		last = x.EndMs
		sum += x.DurationMs
		longest = max(longest, x.DurationMs)
	}
	return sum, longest
}

func (k *crossCheck) interruptions(path string, in *Interruptions) {
	count, sum := 0, int64(0)
	for _, role := range []Role{RoleAgent, RoleCustomer} {
		ms, _ := k.instanceList(path+".by_interrupter."+string(role), in.ByInterrupter[role])
		count += len(in.ByInterrupter[role])
		sum += ms
	}
	if len(in.ByInterrupter[RoleUnknown]) > 0 {
		k.add(path+".by_interrupter.unknown", len(in.ByInterrupter[RoleUnknown]), "no interruption by an unknown side")
	}
	if in.TotalCount != count {
		k.add(path+".total_count", in.TotalCount, "%d, the number of instances", count)
	}
	if in.TotalMs > sum {
		k.add(path+".total_ms", in.TotalMs, "at most %d, the sum of the instances", sum)
	}
}

func (k *crossCheck) turns(path string, t *Turns) {
	count := 0
	for _, role := range slices.Sorted(maps.Keys(t.ByRole)) {
		x := t.ByRole[role]
		count += x.Count
		if x.MeanMs > x.LongestMs || x.Count == 0 && x.LongestMs != 0 {
			k.add(path+".by_role."+string(role), []int64{int64(x.Count), x.MeanMs, x.LongestMs}, "a mean of at most the longest; 0 without turns")
		}
	}
	if t.TotalCount != count {
		k.add(path+".total_count", t.TotalCount, "%d, the sum over roles", count)
	}
}

func (k *crossCheck) channelMetrics(path string, c *Conversation) {
	lost := map[int]int64{}
	for _, g := range k.r.Contact.Media.Gaps {
		lost[g.Channel] += g.EndMs - g.StartMs
	}
	seen := map[int]bool{}
	for i, m := range c.Channels {
		at := index(path, i)
		k.channel(at, m.Channel)
		if seen[m.Channel] {
			k.add(at+".channel", m.Channel, "a channel of its own")
		}
		seen[m.Channel] = true
		if m.TalkTimeMs > c.TalkTime.TotalMs {
			k.add(at+".talk_time_ms", m.TalkTimeMs, "at most talk_time.total_ms %d", c.TalkTime.TotalMs)
		}
		if m.LostMs != lost[m.Channel] {
			k.add(at+".lost_ms", m.LostMs, "%d, the sum of the channel's gaps", lost[m.Channel])
		}
	}
}

func (k *crossCheck) affect() {
	seen := map[string]bool{}
	for i := range k.r.Affect {
		a := &k.r.Affect[i]
		path := index("affect", i)
		p := k.byID[a.ParticipantID]
		switch {
		case p == nil:
			k.add(path+".participant_id", a.ParticipantID, "the id of a participant")
		case seen[a.ParticipantID]:
			k.add(path+".participant_id", a.ParticipantID, "one affect per participant")
		case p.Role == RoleUnknown:
			k.add(path+".participant_id", a.ParticipantID, "a participant whose role is known")
		case p.Role == RoleAgent && k.r.Governance.Jurisdiction == "":
			k.add(path+".participant_id", a.ParticipantID, "no affect of an agent where governance.jurisdiction is not set")
		}
		seen[a.ParticipantID] = true
		if len(a.Deciles) > 10 {
			k.add(path+".deciles", len(a.Deciles), "at most 10")
		}
		k.points(path+".deciles", a.Deciles)
		k.points(path+".timeline", a.Timeline)
		for _, p := range []struct {
			name  string
			point *AffectPoint
		}{{"overall", &a.Overall}, {"start", &a.Start}, {"end", &a.End}, {"peak_positive", a.PeakPositive}, {"peak_negative", a.PeakNegative}} {
			if p.point != nil {
				k.inside(path+"."+p.name, *p.point)
			}
		}
		var sum int64
		for _, label := range slices.Sorted(maps.Keys(a.ClassMs)) {
			sum += a.ClassMs[label]
		}
		if len(a.ClassMs) > 0 && sum != a.Overall.SpeechMs {
			k.add(path+".class_ms", sum, "a sum of overall.speech_ms %d", a.Overall.SpeechMs)
		}
	}
}

func (k *crossCheck) inside(path string, p AffectPoint) {
	if p.AtMs > k.r.Contact.DurationMs {
		k.add(path+".at_ms", p.AtMs, "at most contact.duration_ms %d", k.r.Contact.DurationMs)
	}
}

func (k *crossCheck) points(path string, points []AffectPoint) {
	for i, p := range points {
		k.inside(index(path, i), p)
		if i > 0 && p.AtMs < points[i-1].AtMs {
			k.add(index(path, i)+".at_ms", p.AtMs, "points by time")
		}
	}
}

// voice checks that a decision stands on what it says it stands on.
func (k *crossCheck) voice() {
	v := k.r.Voice
	if v == nil {
		return
	}
	scored := v.LLR != nil || len(v.Candidates) > 0 || len(v.Watchlist) > 0
	switch {
	case v.Decision == Authenticated && (v.LLR == nil || v.Threshold == nil):
		k.add("voice.llr", word("missing"), "llr and threshold, since the decision is authenticated")
	case v.Decision == Authenticated && *v.LLR < *v.Threshold:
		k.add("voice.llr", *v.LLR, "at least threshold %s, since the decision is authenticated", number(*v.Threshold))
	case v.Decision == OptedOut && scored:
		k.add("voice.decision", string(v.Decision), "no llr, candidates or watchlist: an opted-out voice is never compared")
	case v.Decision == NotEnrolled && v.LLR != nil:
		k.add("voice.llr", *v.LLR, "none, since the decision is not_enrolled")
	}
	if v.Spoof == nil && !slices.Contains(v.Reasons, "spoof_not_checked") {
		k.add("voice.reasons", strings.Join(v.Reasons, " "), "spoof_not_checked, since spoof is absent")
	}
	if scored && len(k.r.Governance.Models) == 0 {
		k.add("voice", word("scored"), "governance.models to name the model")
	}
}

func (k *crossCheck) review() {
	for i, a := range k.r.Alerts {
		k.span(index("alerts", i), span{a.StartMs, a.EndMs}, true)
	}
	c := k.r.CX
	if c == nil {
		return
	}
	if p := c.PredictedCSAT; p != nil && (p.Value < p.Low || p.Value > p.High) {
		k.add("cx.predicted_csat.value", p.Value, "low %s to high %s", number(p.Low), number(p.High))
	}
	for i, s := range c.Surveys {
		path := index("cx.surveys", i)
		if scale, ok := surveyRange[s.Kind]; ok && (s.Value < scale[0] || s.Value > scale[1]) {
			k.add(path+".value", s.Value, "%d to %d for %s", scale[0], scale[1], s.Kind)
		}
		if s.AskedAt != nil && s.AnsweredAt != nil && s.AnsweredAt.Before(*s.AskedAt) {
			k.add(path+".answered_at", s.AnsweredAt.String(), "not before asked_at %s", s.AskedAt)
		}
	}
	ids := map[string]bool{}
	for i, t := range c.Tasks {
		if ids[t.ID] {
			k.add(index("cx.tasks", i)+".id", t.ID, "an id of its own")
		}
		ids[t.ID] = true
	}
}

func (k *crossCheck) governance() {
	type key struct{ name, version string }
	seen := map[key]bool{}
	for i, m := range k.r.Governance.Models {
		if seen[key{m.Name, m.Version}] {
			k.add(index("governance.models", i)+".name", m.Name, "each name and version once")
		}
		seen[key{m.Name, m.Version}] = true
	}
}

// absences checks that a finished record says why something is not in it. While a call runs, much is simply not there yet.
func (k *crossCheck) absences() {
	if k.r.Contact.State == StateLive {
		return
	}
	missing := func(path string) {
		if !k.explained(path, nil) {
			k.add(path, word("missing"), "a value or an entry in not_computed")
		}
	}
	if len(k.r.Segments) == 0 && !slices.ContainsFunc(k.r.NotComputed, func(n NotComputed) bool {
		return n.Segment == "" && (n.Code == CodeNoSpeech || n.Code == CodePrivacy)
	}) {
		k.add("segments", word("empty"), "segments or an entry in not_computed with code no_speech or privacy")
	}
	for i := range k.r.Segments {
		s := &k.r.Segments[i]
		if s.Emotion == nil && !k.explained("emotion", s) {
			k.add(index("segments", i)+".emotion", word("missing"), "a value or an entry in not_computed")
		}
		if s.Prosody == nil && !k.explained("prosody", s) {
			k.add(index("segments", i)+".prosody", word("missing"), "a value or an entry in not_computed")
		}
	}
	if len(k.r.Affect) == 0 {
		missing("affect")
	}
	if k.r.Voice == nil {
		missing("voice")
	}
	c := k.r.Conversation
	if c == nil {
		missing("conversation")
		return
	}
	for _, part := range []struct {
		name   string
		absent bool
	}{
		{"talk_time.by_role", len(c.TalkTime.ByRole) == 0},
		{"overtalk", c.Overtalk == nil},
		{"interruptions", c.Interruptions == nil},
		{"turns", c.Turns == nil},
		{"response_latency_ms", len(c.ResponseLatencyMs) == 0},
		{"pace", len(c.Pace) == 0},
	} {
		if part.absent {
			missing("conversation." + part.name)
		}
	}
}

// explained reports whether an entry says why what is absent, of segment s or, where s is nil, anywhere in the call. An entry
// about a group speaks of its members too.
func (k *crossCheck) explained(what string, s *Segment) bool {
	return slices.ContainsFunc(k.r.NotComputed, func(n NotComputed) bool {
		if n.What != what && !strings.HasPrefix(what, n.What+".") {
			return false
		}
		return s == nil || (n.Segment == "" || n.Segment == s.ID) && (n.Channel == nil || *n.Channel == s.Channel)
	})
}
