// Package layers holds the house rule of who may import whom, as one table that a test checks against the code.
//
// Imports point down only. A package that is not in the table fails the test, so that a new room is placed on purpose.
package layers

// Module is the path that every package of ours begins with.
const Module = "github.com/timbre-voice/timbre/"

// Allowed lists, for each package below Module, the packages of ours that its non-test code may import.
var Allowed = map[string][]string{
	"engine/timeline":          {},
	"engine/nn":                {},
	"engine":                   {},
	"engine/audio":             {"engine/timeline"},
	"engine/vad":               {"engine", "engine/nn", "engine/timeline"},
	"models":                   {"engine/nn"},
	"voiceprint/eval":          {"internal/table"},
	"voiceprint":               {"internal/newton", "engine", "engine/audio", "engine/nn", "engine/timeline", "engine/vad", "models", "voiceprint/eval"},
	"sentiment":                {"engine", "engine/nn", "engine/timeline", "models"},
	"sentiment/eval":           {"internal/newton", "engine", "engine/timeline", "engine/vad", "sentiment"},
	"interaction":              {},
	"interaction/policy":       {"interaction"},
	"interaction/csat":         {"internal/newton", "interaction"},
	"interaction/analysis":     {"engine", "engine/audio", "engine/timeline", "engine/vad", "models", "voiceprint", "sentiment", "interaction", "interaction/csat", "interaction/policy"},
	"server/api":               {"internal/loopback", "interaction", "server/console/scorecard"},
	"server/caller":            {"engine/vad", "voiceprint", "interaction", "interaction/policy", "interaction/analysis", "server/identity", "server/store"},
	"server/cluster":           {"interaction", "server/ingest"},
	"server/console":           {"internal/loopback", "interaction", "interaction/policy", "server/console/scorecard"},
	"server/console/backing":   {"engine/audio", "interaction", "server/console", "server/store"},
	"server/console/scorecard": {"interaction"},
	"server/events":            {"internal/loopback", "interaction"},
	"server/events/rules":      {"interaction"},
	"server/identity":          {"interaction", "server/store"},
	"server/ingest":            {"engine/audio", "interaction"},
	"server/live":              {"interaction", "interaction/policy", "interaction/analysis", "server/ingest"},
	"server/people":            {"internal/table", "voiceprint", "sentiment", "interaction", "interaction/policy", "interaction/analysis", "server/caller", "server/identity", "server/policy", "server/store"},
	"server/policy":            {"interaction/policy", "server/identity"},
	"server/recording":         {"engine/audio"},
	"server/store":             {"interaction"},
	"server": {"internal/loopback", "engine/audio", "engine/vad", "voiceprint", "interaction", "interaction/policy", "interaction/analysis", "server/api", "server/caller", "server/cluster", "server/console", "server/console/backing", "server/console/scorecard", "server/events",
		"server/events/rules", "server/identity", "server/ingest", "server/live", "server/people", "server/policy", "server/recording", "server/store"},
	"models/train/vad/steps":   {"engine", "engine/nn", "engine/vad"},
	"models/train/emotion/lld": {"engine", "engine/vad", "models", "sentiment", "sentiment/eval"},
	"cmd/timbre": {"engine", "engine/audio", "engine/timeline", "engine/vad", "models", "voiceprint", "voiceprint/eval", "sentiment", "sentiment/eval", "interaction", "interaction/csat",
		"interaction/policy", "interaction/analysis", "server", "server/api", "server/caller", "server/identity", "server/ingest", "server/people", "server/policy", "server/store", "internal/degrade", "internal/table"},
	"internal/demo":     {"interaction"},
	"internal/faults":   {},
	"internal/load":     {"engine/audio", "interaction", "server/ingest"},
	"internal/loopback": {},
	"internal/newton":   {},
	"internal/table":    {},
	"internal/testkit":  {},
	"internal/degrade":  {"engine", "engine/audio"},
	"internal/layers":   {},
}

// Pure lists the packages that are slices in, slices out: no files, no network, no logging, no clock and no goroutines, so
// that whoever calls them decides about all of these.
var Pure = []string{"engine", "engine/timeline", "engine/nn", "engine/vad", "voiceprint/eval", "interaction", "interaction/policy", "server/events/rules", "voiceprint", "sentiment", "sentiment/eval",
	"interaction/csat", "internal/degrade", "internal/newton", "internal/table", "server/console/scorecard"}
