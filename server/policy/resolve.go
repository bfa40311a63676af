package policy

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/server/identity"
)

// Call is what a policy is resolved for. Empty fields are not known.
type Call struct {
	Tenant       string
	Site         string // what the endpoint names as its policy
	Jurisdiction string // empty: that of the policy
	Queue        string
}

// Resolved is what may be done with one call.
type Resolved struct {
	Permit            policy.Permit
	Searches          []Search
	PassiveEnrolment  bool // voiceprints may be made of calls; they wait for a person's approval
	SecondPerson      bool // who asked for a print does not approve it
	EarlierCalls      bool // what calls of a customer who agreed say of the voice's own normal is kept for the calls after them
	Attempts          identity.Limits
	PrintUnusedMonths int
	PendingDays       int               // after which a print that waits for approval is removed
	Source            map[string]string // by key of Terms: default, the policy's name, an override's, or a law
}

// Rules returns what r says of the registry's work.
func (r *Resolved) Rules() identity.Rules {
	return identity.Rules{Attempts: r.Attempts, ReleaseRequired: r.Permit.ReleaseRequired, PassiveEnrolment: r.PassiveEnrolment, SecondPerson: r.SecondPerson,
		PrintUnusedMonths: r.PrintUnusedMonths, PendingDays: r.PendingDays}
}

// Search returns the search that is permitted, and whether it is.
func (r *Resolved) Search(kind SearchKind, list string) (Search, bool) {
	i := slices.IndexFunc(r.Searches, func(s Search) bool { return s.Kind == kind && s.List == list })
	if i < 0 {
		return Search{}, false
	}
	return r.Searches[i], true
}

// Resolve returns what may be done with a call. c must be valid. It returns ErrPolicy for a jurisdiction that is none, and for a
// site that no override names: a misspelt site must not fall back to what is laxer.
func (c *Config) Resolve(call Call) (Resolved, error) {
	if err := checkJurisdiction(call.Jurisdiction); err != nil {
		return Resolved{}, fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	if call.Jurisdiction == "" {
		call.Jurisdiction = c.Jurisdiction
	}
	known := call.Site == ""
	var fit []Override
	for _, o := range c.Overrides {
		known = known || slices.Contains(o.For.Sites, call.Site)
		if o.For.match(call) {
			fit = append(fit, o)
		}
	}
	if !known {
		return Resolved{}, fmt.Errorf("%w: site %.40q, want one that an override names", ErrPolicy, call.Site)
	}
	return c.lay(fit, call.Jurisdiction)
}

// Again resolves what a record was made under: policy and jurisdiction as its governance tells them. An override that the file no
// longer holds says nothing.
func (c *Config) Again(policy, jurisdiction string) (Resolved, error) {
	names := strings.Split(policy, "+")
	var fit []Override
	for _, o := range c.Overrides {
		if slices.Contains(names[1:], o.Name) {
			fit = append(fit, o)
		}
	}
	return c.lay(fit, jurisdiction)
}

// lay lays overrides over the base, and the law over both.
func (c *Config) lay(overrides []Override, jurisdiction string) (Resolved, error) {
	t, source, names := Terms{}, map[string]string{}, []string{c.Name}
	overlay(&t, Default().Terms, "default", source)
	overlay(&t, c.Terms, c.Name, source)
	for _, o := range overrides {
		overlay(&t, o.Terms, o.Name, source)
		names = append(names, o.Name)
	}
	apply(&t, jurisdiction, source)
	if *t.EarlierCalls && !*t.CustomerEmotion { // they are known for nothing else
		t.EarlierCalls, source["earlier_calls"] = ptr(false), source["customer_emotion"]
	}
	r := Resolved{
		Permit: policy.Permit{
			Policy: strings.Join(names, "+"), Jurisdiction: jurisdiction, CustomerEmotion: *t.CustomerEmotion, AgentEmotion: *t.AgentEmotion,
			NoticeRequired: *t.NoticeRequired, Verification: *t.Verification, ReleaseRequired: *t.ReleaseRequired, Shadow: *t.Shadow,
			KeepDigits: *t.KeepDigits, KeepAudio: *t.KeepAudio, RetentionDays: *t.RetentionDays,
		},
		Searches: slices.Clone(*t.Searches), PassiveEnrolment: *t.PassiveEnrolment, SecondPerson: *t.SecondPerson, EarlierCalls: *t.EarlierCalls, Attempts: *t.Attempts, PrintUnusedMonths: *t.PrintUnusedMonths,
		PendingDays: *t.PendingDays, Source: source,
	}
	for _, s := range r.Searches {
		switch s.Kind {
		case SearchWatchlist:
			r.Permit.Watchlists = append(r.Permit.Watchlists, s.List)
		case SearchIdentification:
			r.Permit.Identification = true
		}
	}
	if err := r.Permit.Validate(); err != nil {
		return Resolved{}, fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	return r, nil
}

func (s *Selector) match(c Call) bool {
	in := func(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }
	return in(s.Tenants, c.Tenant) && in(s.Sites, c.Site) && in(s.Queues, c.Queue) &&
		(len(s.Jurisdictions) == 0 || slices.ContainsFunc(s.Jurisdictions, func(area string) bool { return within(c.Jurisdiction, area) }))
}

// overlay copies what src says into dst and notes who said it, unless it is what stood there.
func overlay(dst *Terms, src Terms, who string, source map[string]string) {
	d, s := reflect.ValueOf(dst).Elem(), reflect.ValueOf(src)
	for i := range s.NumField() {
		if s.Field(i).IsNil() || reflect.DeepEqual(d.Field(i).Interface(), s.Field(i).Interface()) {
			continue
		}
		d.Field(i).Set(s.Field(i))
		source[s.Type().Field(i).Tag.Get("yaml")] = who
	}
}
