package policy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/timbre-voice/timbre/interaction/policy"
)

// law is what a jurisdiction asks whatever a site configured. Terms of a base or an override that do not name the jurisdiction give
// way to it; terms that name it and contradict it are refused.
type law struct {
	cite         string
	jurisdiction string // EU, a country or a state
	notice       bool   // expressed emotion is scored after a notice only
	release      bool   // no voiceprint without a release
	unusedMonths int    // at most, until an unused voiceprint expires; 0: no limit
}

// laws holds one row for each law that a setting answers. Agent emotion stands apart, in interaction/policy, since it is refused
// where nothing is configured too.
var laws = []law{
	{cite: "EU AI Act Art. 50(3)", jurisdiction: "EU", notice: true},
	{cite: "740 ILCS 14/15 (Illinois BIPA)", jurisdiction: "US-IL", release: true, unusedMonths: 36},
	{cite: "Tex. Bus. & Com. Code § 503.001 (CUBI)", jurisdiction: "US-TX", release: true, unusedMonths: 12},
}

// within reports whether place lies in an area: EU in EU, DE in EU, US-IL in US and in US-IL.
func within(place, area string) bool {
	return place == area || area == "EU" && policy.InEU(place) || !strings.Contains(area, "-") && strings.HasPrefix(place, area+"-")
}

// forbidden returns what t says against the law of a jurisdiction that the same place of the file names. Where base is set, only
// what differs from the default counts as said.
func (c *Config) forbidden(t Terms, jurisdiction string, base bool) error {
	var errs []error
	if t.AgentEmotion != nil && *t.AgentEmotion {
		p := policy.Permit{Policy: "p", Jurisdiction: jurisdiction, AgentEmotion: true}
		if err := p.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("agent_emotion: %w", err))
		}
	}
	for _, l := range laws {
		if jurisdiction == "" || !within(jurisdiction, l.jurisdiction) {
			continue
		}
		if l.notice && !base && t.NoticeRequired != nil && !*t.NoticeRequired {
			errs = append(errs, fmt.Errorf("notice_required: false in %s, want true (%s)", jurisdiction, l.cite))
		}
		if l.release && !base && t.ReleaseRequired != nil && !*t.ReleaseRequired {
			errs = append(errs, fmt.Errorf("release_required: false in %s, want true (%s)", jurisdiction, l.cite))
		}
		if m := t.PrintUnusedMonths; l.unusedMonths > 0 && !base && m != nil && *m > l.unusedMonths {
			errs = append(errs, fmt.Errorf("print_unused_months: %d in %s, want at most %d (%s)", *m, jurisdiction, l.unusedMonths, l.cite))
		}
	}
	return errors.Join(errs...)
}

// apply lays the law of a jurisdiction over terms that are complete, and notes in source what it decided.
func apply(t *Terms, jurisdiction string, source map[string]string) {
	if *t.AgentEmotion && (jurisdiction == "" || policy.InEU(jurisdiction)) {
		t.AgentEmotion = ptr(false)
		source["agent_emotion"] = "law: EU AI Act Art. 5(1)(f)"
	}
	for _, l := range laws {
		if !within(jurisdiction, l.jurisdiction) {
			continue
		}
		if l.notice && !*t.NoticeRequired {
			t.NoticeRequired = ptr(true)
			source["notice_required"] = "law: " + l.cite
		}
		if l.release && !*t.ReleaseRequired {
			t.ReleaseRequired = ptr(true)
			source["release_required"] = "law: " + l.cite
		}
		if l.unusedMonths > 0 && *t.PrintUnusedMonths > l.unusedMonths {
			t.PrintUnusedMonths = ptr(l.unusedMonths)
			source["print_unused_months"] = "law: " + l.cite
		}
	}
}
