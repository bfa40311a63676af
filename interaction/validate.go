package interaction

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Problem is one fault of a record.
type Problem struct {
	Path  string // where, as segments[3].end_ms
	Value string // what stands there
	Want  string // what was expected
}

// Error returns "interaction: path: value, want expected".
func (p *Problem) Error() string {
	return "interaction: " + p.Path + ": " + p.Value + ", want " + p.Want
}

// Validate lists every fault of r at once, joined; each is a *Problem. It checks what the schema checks of one field (words, ranges,
// no NaN or infinity) and what only the fields together can show: references, order, intervals inside the audio, sums, and
// that what is absent from a finished record is named in NotComputed. A nil slice counts as empty.
func (r *Interaction) Validate() error {
	var c checker
	c.fields(reflect.ValueOf(r), "", rule{})
	k := &crossCheck{checker: &c, r: r}
	k.contact()
	k.participants()
	k.segments()
	k.soundsAndMarks()
	k.conversation()
	k.affect()
	k.voice()
	k.review()
	k.governance()
	k.absences()
	return c.err()
}

// fields holds every value under v against its rule.
func (c *checker) fields(v reflect.Value, path string, want rule) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			c.fields(v.Elem(), path, want)
		}
	case reflect.Struct:
		if t, ok := v.Interface().(time.Time); ok {
			if _, err := t.MarshalJSON(); err != nil {
				c.add(path, t.String(), "a time of RFC 3339, year 0 to 9999")
			}
			return
		}
		for i := range v.NumField() {
			f := v.Type().Field(i)
			name, optional := jsonName(f)
			if optional && v.Field(i).IsZero() {
				continue
			}
			c.fields(v.Field(i), join(path, name), ruleFor(v.Type(), f))
		}
	case reflect.Slice:
		for i := range v.Len() {
			c.fields(v.Index(i), index(path, i), want)
		}
	case reflect.Map:
		names := rule{enum: vocabularies[v.Type().Key()]}
		for _, key := range sortedKeys(v) {
			c.scalar(key.String(), join(path, key.String()), names)
			c.fields(v.MapIndex(key), join(path, key.String()), want)
		}
	case reflect.String:
		c.scalar(v.String(), path, want)
	case reflect.Int, reflect.Int64:
		c.bounds(float64(v.Int()), v.Int(), path, want)
	case reflect.Float64:
		c.bounds(v.Float(), v.Float(), path, want)
	}
}

func (c *checker) scalar(s, path string, want rule) {
	switch {
	case !utf8.ValidString(s):
		c.add(path, s, "valid UTF-8")
	case want.enum != nil && !slices.Contains(want.enum, s):
		c.add(path, s, "%s", strings.Join(want.enum, ", "))
	case want.text && s == "":
		c.add(path, s, "a text of at least one character")
	case want.pattern != nil && !want.pattern.MatchString(s):
		c.add(path, s, "a match of %s", want.pattern)
	}
}

func (c *checker) bounds(x float64, shown any, path string, want rule) {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		c.add(path, x, "a finite number; absent where nothing was measured")
	case want.bounded && (x < want.min || x > want.max):
		c.add(path, shown, "%s to %s", number(want.min), number(want.max))
	}
}

func sortedKeys(m reflect.Value) []reflect.Value {
	return slices.SortedFunc(slices.Values(m.MapKeys()), func(a, b reflect.Value) int {
		return strings.Compare(a.String(), b.String())
	})
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func index(path string, i int) string {
	return path + "[" + strconv.Itoa(i) + "]"
}

func number(x float64) string {
	return strconv.FormatFloat(x, 'f', -1, 64)
}

// word stands in a message as it is, where a string would be quoted: what was found is not a text of the record.
type word string

// show formats a value for a message, cut short so that a hostile text does not fill the log.
func show(value any) string {
	const most = 64
	switch v := value.(type) {
	case word:
		return string(v)
	case string:
		if len(v) > most {
			return strconv.Quote(v[:most]) + fmt.Sprintf(" and %d bytes more", len(v)-most)
		}
		return strconv.Quote(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return fmt.Sprint(value)
}

// span is an interval as the record writes it.
type span struct{ start, end int64 }

// crossCheck holds the fields of one record against each other.
type crossCheck struct {
	*checker
	r    *Interaction
	byID map[string]*Participant
}

// span checks that [start, end) lies inside the audio; empty says whether it may have no length.
func (k *crossCheck) span(path string, s span, empty bool) {
	limit := k.r.Contact.DurationMs
	switch {
	case s.end < s.start:
		k.add(path+".end_ms", s.end, "at least start_ms %d", s.start)
	case s.end == s.start && !empty:
		k.add(path+".end_ms", s.end, "more than start_ms %d", s.start)
	}
	if s.end > limit {
		k.add(path+".end_ms", s.end, "at most contact.duration_ms %d", limit)
	}
}

func (k *crossCheck) channel(path string, channel int) {
	if n := k.r.Contact.Media.Channels; channel >= n {
		k.add(path+".channel", channel, "under contact.media.channels %d", n)
	}
}

func (k *crossCheck) contact() {
	c := &k.r.Contact
	if c.StartedAt != nil && c.EndedAt != nil && c.EndedAt.Before(*c.StartedAt) {
		k.add("contact.ended_at", c.EndedAt.Format(time.RFC3339Nano), "not before started_at %s", c.StartedAt.Format(time.RFC3339Nano))
	}
	var sum int64
	last := map[int]int64{} // end of the last gap of each channel
	for i, g := range c.Media.Gaps {
		path := index("contact.media.gaps", i)
		k.span(path, span{g.StartMs, g.EndMs}, true)
		k.channel(path, g.Channel)
		if end, ok := last[g.Channel]; ok && g.StartMs < end {
			k.add(path+".start_ms", g.StartMs, "at least %d, the end of the gap before on channel %d", end, g.Channel)
		}
		last[g.Channel] = g.EndMs
		sum += g.EndMs - g.StartMs
	}
	if c.Media.LostMs != sum {
		k.add("contact.media.lost_ms", c.Media.LostMs, "%d, the sum of the gaps", sum)
	}
	if c.Audio.Kept == "external" && c.Audio.URI == "" {
		k.add("contact.audio.uri", word("missing"), "where the audio is, since kept is external")
	}
}

func (k *crossCheck) participants() {
	k.byID = make(map[string]*Participant, len(k.r.Participants))
	for i := range k.r.Participants {
		p := &k.r.Participants[i]
		path := index("participants", i)
		if k.byID[p.ID] != nil {
			k.add(path+".id", p.ID, "an id of its own")
		}
		k.byID[p.ID] = p
		k.channel(path, p.Channel)
		if p.ToMs < p.FromMs {
			k.add(path+".to_ms", p.ToMs, "at least from_ms %d", p.FromMs)
		}
		if p.ToMs > k.r.Contact.DurationMs {
			k.add(path+".to_ms", p.ToMs, "at most contact.duration_ms %d", k.r.Contact.DurationMs)
		}
	}
}

func (k *crossCheck) segments() {
	ids := make(map[string]bool, len(k.r.Segments))
	ends := map[int]int64{}
	for i := range k.r.Segments {
		s := &k.r.Segments[i]
		path := index("segments", i)
		if ids[s.ID] {
			k.add(path+".id", s.ID, "an id of its own")
		}
		ids[s.ID] = true
		k.span(path, span{s.StartMs, s.EndMs}, false)
		k.channel(path, s.Channel)
		if i > 0 && before(s.StartMs, s.Channel, k.r.Segments[i-1].StartMs, k.r.Segments[i-1].Channel) {
			k.add(path+".start_ms", s.StartMs, "segments by start, then channel")
		}
		if end, ok := ends[s.Channel]; ok && s.StartMs < end {
			k.add(path+".start_ms", s.StartMs, "at least %d, the end of the segment before on channel %d", end, s.Channel)
		}
		ends[s.Channel] = max(ends[s.Channel], s.EndMs)
		p := k.byID[s.ParticipantID]
		switch {
		case p == nil:
			k.add(path+".participant_id", s.ParticipantID, "the id of a participant")
		case p.Channel != s.Channel:
			k.add(path+".channel", s.Channel, "%d, the channel of participant %s", p.Channel, show(p.ID))
		}
		if s.Emotion != nil {
			k.emotion(path+".emotion", s.Emotion, p)
		}
	}
	for i, n := range k.r.NotComputed {
		path := index("not_computed", i)
		if n.Segment != "" && !ids[n.Segment] {
			k.add(path+".segment", n.Segment, "the id of a segment")
		}
		if n.Channel != nil {
			k.channel(path, *n.Channel)
		}
	}
}

// emotion checks a score. No policy permits one of a person whose side is unknown, nor of an agent where no jurisdiction is set.
func (k *crossCheck) emotion(path string, e *Emotion, p *Participant) {
	sum, top := 0.0, math.Inf(-1)
	for _, label := range slices.Sorted(maps.Keys(e.Probabilities)) { // in order, so that the sum is the same each time
		sum += e.Probabilities[label]
		top = max(top, e.Probabilities[label])
	}
	if math.Abs(sum-1) > 1e-3 {
		k.add(path+".probabilities", sum, "a sum of 1 to within 0.001")
	}
	if x, ok := e.Probabilities[e.Label]; !ok {
		k.add(path+".label", e.Label, "a key of probabilities")
	} else if x < top {
		k.add(path+".label", e.Label, "the most probable class")
	}
	if len(k.r.Governance.Models) == 0 {
		k.add(path, word("scored"), "governance.models to name the model")
	}
	if p == nil {
		return
	}
	switch {
	case p.Role == RoleUnknown:
		k.add(path, word("scored"), "no emotion of participant %s, whose role is unknown", show(p.ID))
	case p.Role == RoleAgent && k.r.Governance.Jurisdiction == "":
		k.add(path, word("scored"), "no emotion of agent %s where governance.jurisdiction is not set", show(p.ID))
	}
}

func before(startA int64, channelA int, startB int64, channelB int) bool {
	return startA < startB || startA == startB && channelA < channelB
}

func (k *crossCheck) soundsAndMarks() {
	for i, s := range k.r.Sounds {
		path := index("sounds", i)
		k.span(path, span{s.StartMs, s.EndMs}, false)
		k.channel(path, s.Channel)
		if i > 0 && before(s.StartMs, s.Channel, k.r.Sounds[i-1].StartMs, k.r.Sounds[i-1].Channel) {
			k.add(path+".start_ms", s.StartMs, "sounds by start, then channel")
		}
	}
	for i, m := range k.r.Marks {
		path := index("marks", i)
		if m.AtMs > k.r.Contact.DurationMs {
			k.add(path+".at_ms", m.AtMs, "at most contact.duration_ms %d", k.r.Contact.DurationMs)
		}
		if i > 0 && m.AtMs < k.r.Marks[i-1].AtMs {
			k.add(path+".at_ms", m.AtMs, "marks by time")
		}
	}
}
