package interaction

import (
	"reflect"
	"regexp"
	"strings"
)

// rule bounds one field. The same rules are checked by Validate and written into the JSON Schema, so that the two agree. On an
// array or a map a rule holds for the elements.
type rule struct {
	enum     []string
	bounded  bool // Min and Max hold
	min, max float64
	text     bool // at least one character
	pattern  *regexp.Regexp
}

// maxExact is the largest integer that every JSON reader keeps exactly (RFC 8259 §6).
const maxExact = 1<<53 - 1

func among(words ...string) rule      { return rule{enum: words} }
func within(low, high float64) rule   { return rule{bounded: true, min: low, max: high} }
func count() rule                     { return within(0, maxExact) }
func matching(re *regexp.Regexp) rule { return rule{pattern: re} }
func strs[S ~string](words ...S) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return out
}

// vocabularies holds the closed lists of words that have a Go type of their own. Read only.
var vocabularies = map[reflect.Type][]string{
	reflect.TypeFor[Role]():      strs(RoleAgent, RoleCustomer, RoleUnknown),
	reflect.TypeFor[State]():     strs(StateLive, StateComplete, StateInterrupted),
	reflect.TypeFor[SoundKind](): strs(SoundHoldMusic, SoundRingback, SoundDTMF, SoundFax, SoundNoise),
	reflect.TypeFor[Decision](): strs(Authenticated, NotAuthenticated, Inconclusive, NotEnrolled, OptedOut, Expired,
		Locked),
	reflect.TypeFor[Code](): strs(CodeNoModel, CodeRoleUnknown, CodeSidesNotSeparated, CodePolicy, CodeNoNotice, CodeNoConsent,
		CodeTooShort, CodeTooNoisy, CodeNoSpeech, CodeNoClaim, CodeOptedOut, CodePrivacy),
}

var (
	probability = within(0, 1)
	text        = rule{text: true}
	level       = within(-200, 10) // dBFS and LUFS: far under the 24-bit noise floor up to peaks of clipped floats
	nonNegative = within(0, 1e9)
	fieldPath   = matching(regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$`))
	sha256Hex   = matching(regexp.MustCompile(`^[0-9a-f]{64}$`))
)

// fieldRules is keyed by Go type and JSON name. Read only. Times (_ms), channel numbers and counts have a rule by their name.
var fieldRules = map[string]rule{
	"Interaction.schema":            among(SchemaID),
	"Contact.id":                    text,
	"Contact.revision":              count(),
	"Contact.direction":             among("inbound", "outbound"),
	"Source.kind":                   among("file", "stream"),
	"Media.encoding":                text,
	"Media.sample_rate_hz":          within(1, maxExact),
	"Media.channels":                within(1, maxExact),
	"Gap.reason":                    among("lost", "late", "privacy"),
	"Audio.kept":                    among("none", "timbre", "external"),
	"Participant.id":                text,
	"Mark.kind":                     among("hold", "unhold", "transfer", "agent_joined", "agent_left", "ivr", "privacy_on", "privacy_off"),
	"Segment.id":                    text,
	"Emotion.label":                 text,
	"Emotion.probabilities":         probability,
	"Emotion.arousal":               probability,
	"Emotion.valence":               probability,
	"Emotion.confidence":            probability,
	"Prosody.f0_hz":                 within(10, 2000),
	"Prosody.f0_range_st":           nonNegative,
	"Prosody.loudness_dbfs":         level,
	"Prosody.syllables_per_s":       nonNegative,
	"Prosody.jitter":                nonNegative,
	"Prosody.shimmer":               nonNegative,
	"Correction.field":              among("emotion", "participant"),
	"Correction.by":                 text,
	"RoleTalk.share":                probability,
	"Interruptions.total_count":     count(),
	"Turns.total_count":             count(),
	"RoleTurn.count":                count(),
	"Latency.count":                 within(1, maxExact), // no answer: the role is absent
	"Pace.syllables_per_s":          nonNegative,
	"Pace.syllables":                count(),
	"ChannelMetrics.loudness_dbfs":  level,
	"ChannelMetrics.loudness_lufs":  level,
	"ChannelMetrics.noise_dbfs":     level,
	"ChannelMetrics.clipped_share":  probability,
	"AffectPoint.arousal":           probability,
	"AffectPoint.valence":           probability,
	"AffectPoint.anger":             probability,
	"AffectPoint.arousal_sd":        probability,
	"AffectPoint.valence_sd":        probability,
	"AffectPoint.anger_sd":          probability,
	"Affect.trend":                  among("improving", "worsening", "steady"),
	"Affect.class_ms":               count(),
	"Affect.earlier_ms":             count(),
	"Voice.reasons":                 text,
	"Voice.assurance":               among(AssuranceEvidenceOnly),
	"Candidate.speaker_id":          text,
	"Spoof.decision":                text,
	"Alert.rule":                    text,
	"Alert.severity":                among("info", "warning", "critical"),
	"CX.peak_end":                   probability,
	"PredictedCSAT.value":           within(1, 5),
	"PredictedCSAT.low":             within(1, 5),
	"PredictedCSAT.high":            within(1, 5),
	"Survey.kind":                   among("nps", "csat", "ces"),
	"Survey.value":                  within(0, 10), // Validate narrows it by kind
	"Task.id":                       text,
	"Task.title":                    text,
	"Task.state":                    among("open", "done"),
	"Evaluation.form":               text,
	"Evaluation.version":            within(1, maxExact),
	"Evaluation.evaluator":          text,
	"Evaluation.state":              among("draft", "submitted", "acknowledged", "disputed"),
	"Governance.policy":             text,
	"Model.name":                    text,
	"Model.version":                 text,
	"Model.sha256":                  sha256Hex,
	"Model.licence_class":           text,
	"NotComputed.what":              fieldPath,
	"LegMetrics.participant_id":     text,
	"LegMetrics.interruption_count": count(),
}

// surveyRange is the scale of each kind of question.
var surveyRange = map[string][2]int{"nps": {0, 10}, "csat": {1, 5}, "ces": {1, 7}}

// ruleFor returns the rule of field f of struct type t.
func ruleFor(t reflect.Type, f reflect.StructField) rule {
	name, optional := jsonName(f)
	if r, ok := fieldRules[t.Name()+"."+name]; ok {
		return r
	}
	if kind := base(f.Type).Kind(); (kind == reflect.Int || kind == reflect.Int64) && (strings.HasSuffix(name, "_ms") || name == "channel") {
		return count()
	}
	if words := vocabularies[base(f.Type)]; words != nil {
		return rule{enum: words}
	}
	return rule{text: optional && f.Type.Kind() == reflect.String} // a text that may be absent is never empty
}

// base strips pointers.
func base(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// jsonName returns the JSON name of f and whether it may be absent.
func jsonName(f reflect.StructField) (name string, optional bool) {
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name, strings.Contains(options, "omitempty")
}
