package rules

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/timbre-voice/timbre/interaction"
)

// Set is the rules of a site, in the order in which they are tried.
type Set struct {
	Rules []Rule `yaml:"rules" json:"rules"`
}

// Rule raises an alert of its name when its condition, exactly one, is met.
type Rule struct {
	Name     string   `yaml:"name" json:"name"`
	Severity string   `yaml:"severity" json:"severity,omitempty"` // info, warning or critical; empty: warning
	Queues   []string `yaml:"queues" json:"queues,omitempty"`     // the rule is for calls of these alone; empty: for all

	CustomerAnger *CustomerAnger `yaml:"customer_anger" json:"customer_anger,omitempty"`
	Silence       *Silence       `yaml:"silence" json:"silence,omitempty"`
	Overtalk      *Overtalk      `yaml:"overtalk" json:"overtalk,omitempty"`
	Verification  *Verification  `yaml:"verification" json:"verification,omitempty"`
	Watchlist     *Watchlist     `yaml:"watchlist" json:"watchlist,omitempty"`
}

// CustomerAnger is met by For of the customer's speech in a row in which the probability of expressed anger is Over or more. Segments
// that were not scored neither add to the row nor break it.
type CustomerAnger struct {
	Over float64       `yaml:"over" json:"over"` // above 0, at most 1
	For  time.Duration `yaml:"for" json:"for"`   // 0 to 1 h; 0: any one segment
}

// Silence is met when nobody spoke for Over, the time before the first word included.
type Silence struct {
	Over      time.Duration `yaml:"over" json:"over"`             // 1 s to 1 h
	CountHold bool          `yaml:"count_hold" json:"count_hold"` // time on hold and ringing counts as silence
}

// Overtalk is met when both sides spoke at once for Over in any stretch of Within. Instances under 200 ms do not count.
type Overtalk struct {
	Over   time.Duration `yaml:"over" json:"over"`     // above 0, at most Within
	Within time.Duration `yaml:"within" json:"within"` // at most 1 h; 0: 60 s
}

// Verification is met by a voice decision.
type Verification struct {
	Decisions []interaction.Decision `yaml:"decisions" json:"decisions"` // empty: not_authenticated
}

// Watchlist is met by a candidate from a watchlist. A hit is a lead for a person to look at.
type Watchlist struct {
	Lists  []string `yaml:"lists" json:"lists,omitempty"`     // empty: any
	MinLLR *float64 `yaml:"min_llr" json:"min_llr,omitempty"` // absent: any
}

const (
	defaultSeverity = "warning"
	defaultWithin   = time.Minute
	longest         = time.Hour
	maxRules        = 1000
)

// Parse reads a set of rules from YAML or JSON and returns every problem of it at once. Unknown keys are errors. An empty text is an
// empty set.
func Parse(text []byte) (Set, error) {
	var s Set
	err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&s)
	if err != nil && !errors.Is(err, io.EOF) {
		return Set{}, fmt.Errorf("rules: %w", err)
	}
	if err := s.Validate(); err != nil {
		return Set{}, err
	}
	return s, nil
}

// Validate lists everything that is wrong with s.
func (s Set) Validate() error {
	var errs []error
	if len(s.Rules) > maxRules {
		return fmt.Errorf("rules: %d rules, want at most %d", len(s.Rules), maxRules)
	}
	seen := map[string]bool{}
	for i, r := range s.Rules {
		at := fmt.Sprintf("rules: rule %d (%q)", i+1, r.Name)
		fail := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("%s: "+format, append([]any{at}, args...)...))
		}
		switch {
		case r.Name == "":
			fail("name: empty, want one")
		case seen[r.Name]:
			fail("name: taken by another rule, want one of its own")
		}
		seen[r.Name] = true
		if !slices.Contains([]string{"", "info", "warning", "critical"}, r.Severity) {
			fail("severity: %q, want info, warning or critical", r.Severity)
		}
		n := 0
		if c := r.CustomerAnger; c != nil {
			n++
			if !(c.Over > 0 && c.Over <= 1) {
				fail("customer_anger: over: %v, want above 0 and at most 1", c.Over)
			}
			if c.For < 0 || c.For > longest {
				fail("customer_anger: for: %s, want 0 to %s", c.For, longest)
			}
		}
		if c := r.Silence; c != nil {
			n++
			if c.Over < time.Second || c.Over > longest {
				fail("silence: over: %s, want 1s to %s", c.Over, longest)
			}
		}
		if c := r.Overtalk; c != nil {
			n++
			if c.Within < 0 || c.Within > longest {
				fail("overtalk: within: %s, want 0 to %s", c.Within, longest)
			} else if c.Over <= 0 || c.Over > c.within() {
				fail("overtalk: over: %s, want above 0 and at most within, %s", c.Over, c.within())
			}
		}
		if c := r.Verification; c != nil {
			n++
			for _, d := range c.Decisions {
				if !slices.Contains(decisions, d) {
					fail("verification: decision %q, want one of %v", d, decisions)
				}
			}
		}
		if r.Watchlist != nil {
			n++
		}
		if n != 1 {
			fail("%d conditions, want one of customer_anger, silence, overtalk, verification, watchlist", n)
		}
	}
	return errors.Join(errs...)
}

// decisions are what a verification can say. Read only.
var decisions = []interaction.Decision{
	interaction.Authenticated, interaction.NotAuthenticated, interaction.Inconclusive, interaction.NotEnrolled, interaction.OptedOut,
	interaction.Expired, interaction.Locked,
}

func (c Overtalk) within() time.Duration {
	if c.Within == 0 {
		return defaultWithin
	}
	return c.Within
}

func (c Verification) has(d interaction.Decision) bool {
	if len(c.Decisions) == 0 {
		return d == interaction.NotAuthenticated
	}
	return slices.Contains(c.Decisions, d)
}

func (r Rule) alert(startMs, endMs int64, format string, args ...any) interaction.Alert {
	severity := r.Severity
	if severity == "" {
		severity = defaultSeverity
	}
	return interaction.Alert{Rule: r.Name, Severity: severity, StartMs: startMs, EndMs: endMs, Evidence: fmt.Sprintf(format, args...)}
}
