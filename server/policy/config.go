package policy

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/server/identity"
)

// ErrPolicy marks a policy that contradicts itself or the law, and a call that it cannot be resolved for.
var ErrPolicy = errors.New("policy: refused")

// Config is the policy of a site: the base for every call, and overrides for some. policy.example.yaml says what each key means.
type Config struct {
	Name         string `yaml:"name"`
	Jurisdiction string `yaml:"jurisdiction"` // of calls that tell none
	Terms        `yaml:",inline"`
	Overrides    []Override `yaml:"overrides"`
}

// Override is terms for some calls.
type Override struct {
	Name  string   `yaml:"name"`
	For   Selector `yaml:"for"`
	Terms `yaml:",inline"`
}

// Selector says which calls an override is for: those that fit each list that is not empty.
type Selector struct {
	Tenants       []string `yaml:"tenants"`
	Sites         []string `yaml:"sites"`
	Jurisdictions []string `yaml:"jurisdictions"` // EU means every member, US every state
	Queues        []string `yaml:"queues"`
}

// Terms are what one place of the file says. nil says nothing.
type Terms struct {
	CustomerEmotion   *bool            `yaml:"customer_emotion"`
	AgentEmotion      *bool            `yaml:"agent_emotion"`
	NoticeRequired    *bool            `yaml:"notice_required"`
	Verification      *bool            `yaml:"verification"`
	ReleaseRequired   *bool            `yaml:"release_required"`
	Shadow            *bool            `yaml:"shadow"`
	PassiveEnrolment  *bool            `yaml:"passive_enrolment"`
	SecondPerson      *bool            `yaml:"second_person"`
	EarlierCalls      *bool            `yaml:"earlier_calls"`
	Searches          *[]Search        `yaml:"searches"`
	Attempts          *identity.Limits `yaml:"attempts"`
	PrintUnusedMonths *int             `yaml:"print_unused_months"`
	PendingDays       *int             `yaml:"pending_days"`
	KeepDigits        *bool            `yaml:"keep_digits"`
	KeepAudio         *bool            `yaml:"keep_audio"`
	RetentionDays     *int             `yaml:"retention_days"`
}

// SearchKind says what a voice is compared with.
type SearchKind string

// The kinds of search.
const (
	SearchWatchlist      SearchKind = "watchlist"      // the approved entries of one list
	SearchIdentification SearchKind = "identification" // every enrolled person
	SearchDuplicates     SearchKind = "duplicates"     // every enrolled person, when another is enrolled
)

// searchCounting is a kind that is known and refused.
const searchCounting SearchKind = "counting"

// noCounting is why calls are not counted per voice. The figures are those of the model's card.
const noCounting = "kind counting: calls are not counted per voice: it would take a print of every caller, of whom most consented to none, " +
	"and among the calls of a day the shipped model would miss most repeats or count strangers as one (FNMR 33 % at FMR 1 % for one comparison). " +
	"Attempts on a claimed identity are counted under attempts, known voices are found with kind watchlist"

// Search permits one kind of search. All of it but List is required, and List for a watchlist.
type Search struct {
	Kind          SearchKind `yaml:"kind" json:"kind"`
	List          string     `yaml:"list" json:"list,omitempty"`
	Purpose       string     `yaml:"purpose" json:"purpose"`
	LegalBasis    string     `yaml:"legal_basis" json:"legal_basis"`
	RetentionDays int        `yaml:"retention_days" json:"retention_days"` // of an entry; a hit stays with its record
	Approver      string     `yaml:"approver" json:"approver"`
}

func (s Search) validate() error {
	var errs []error
	if s.Kind == searchCounting {
		return errors.New(noCounting)
	}
	if !slices.Contains([]SearchKind{SearchWatchlist, SearchIdentification, SearchDuplicates}, s.Kind) {
		errs = append(errs, fmt.Errorf("kind %q, want watchlist, identification or duplicates", s.Kind))
	}
	if (s.List != "") != (s.Kind == SearchWatchlist) {
		errs = append(errs, fmt.Errorf("list %q with kind %s, want a list for a watchlist and for nothing else", s.List, s.Kind))
	}
	for _, f := range []struct{ key, value string }{{"purpose", s.Purpose}, {"legal_basis", s.LegalBasis}, {"approver", s.Approver}} {
		if strings.TrimSpace(f.value) == "" {
			errs = append(errs, fmt.Errorf("%s: empty, want one: a search without it is not permitted", f.key))
		}
	}
	if s.RetentionDays < 1 || s.RetentionDays > 36500 {
		errs = append(errs, fmt.Errorf("retention_days: %d, want 1 to 36500", s.RetentionDays))
	}
	return errors.Join(errs...)
}

func ptr[T any](v T) *T { return &v }

// Default returns the policy where nobody configured anything; see interaction/policy.Default.
func Default() Config {
	p := policy.Default()
	return Config{Name: p.Policy, Terms: Terms{
		CustomerEmotion: ptr(p.CustomerEmotion), AgentEmotion: ptr(p.AgentEmotion), NoticeRequired: ptr(p.NoticeRequired),
		Verification: ptr(p.Verification), ReleaseRequired: ptr(false), Shadow: ptr(false), PassiveEnrolment: ptr(false), SecondPerson: ptr(false), EarlierCalls: ptr(false), Searches: &[]Search{},
		Attempts: ptr(identity.DefaultLimits()), PrintUnusedMonths: ptr(identity.UnusedMonths), PendingDays: ptr(identity.PendingDays), KeepDigits: ptr(p.KeepDigits),
		KeepAudio: ptr(p.KeepAudio), RetentionDays: ptr(p.RetentionDays),
	}}
}

//go:embed policy.example.yaml
var example []byte

// Example returns a policy with every key at its default and what it means, a copy that the caller may keep.
func Example() []byte { return slices.Clone(example) }

// maxPolicy bounds what is read as a policy.
const maxPolicy = 1 << 20

// Parse reads a YAML text whose one key is policy, over the default, and validates it. An unknown key is an error.
func Parse(text []byte) (Config, error) {
	if len(text) > maxPolicy {
		return Config{}, fmt.Errorf("%w: %d bytes, want at most %d", ErrPolicy, len(text), maxPolicy)
	}
	doc := struct {
		Policy Config `yaml:"policy"`
	}{Default()}
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return Config{}, fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	if reflect.DeepEqual(doc.Policy, Config{}) { // the decoder empties what a text of nothing but comments is laid over
		doc.Policy = Default()
	}
	return doc.Policy, doc.Policy.Validate()
}

// jurisdictions are ISO 3166-1 alpha-2 codes, those with a subdivision, and EU.
var jurisdictions = regexp.MustCompile(`^[A-Z]{2}(-[A-Z0-9]{1,3})?$`)

func checkJurisdiction(j string) error {
	if j != "" && !jurisdictions.MatchString(j) {
		return fmt.Errorf("jurisdiction %.40q, want an ISO 3166 code as DE or US-IL, or EU", j)
	}
	return nil
}

// Validate lists every problem of c: values out of range, searches without their reasons, overrides that can never be told apart,
// and terms that the law of a named jurisdiction forbids. errors.Is finds ErrPolicy.
func (c *Config) Validate() error {
	var errs []error
	fail := func(where string, err error) {
		if err != nil {
			for _, line := range strings.Split(err.Error(), "\n") {
				errs = append(errs, fmt.Errorf("%w: %s: %s", ErrPolicy, where, line))
			}
		}
	}
	if c.Name == "" || strings.Contains(c.Name, "+") {
		fail("name", fmt.Errorf("%q, want the name that records carry, without a +", c.Name))
	}
	fail("jurisdiction", checkJurisdiction(c.Jurisdiction))
	fail("base", c.Terms.validate())
	fail("base", c.forbidden(c.Terms, c.Jurisdiction, true))
	fail("base", c.Terms.scored(nil))
	seen := map[string]bool{}
	for i, o := range c.Overrides {
		where := fmt.Sprintf("override %d (%s)", i+1, o.Name)
		switch {
		case o.Name == "" || o.Name == c.Name:
			fail(where, errors.New("name: empty or that of the policy, want one of its own"))
		case strings.Contains(o.Name, "+"):
			fail(where, errors.New("name: holds a +, which joins the names in records"))
		case seen[o.Name]:
			fail(where, errors.New("name: taken by another override"))
		}
		seen[o.Name] = true
		fail(where, o.For.validate())
		if reflect.ValueOf(o.Terms).IsZero() {
			fail(where, errors.New("no terms, want at least one key beside for"))
		}
		fail(where, o.Terms.validate())
		fail(where, o.Terms.scored(c.CustomerEmotion))
		named := o.For.Jurisdictions
		if len(named) == 0 {
			named = []string{c.Jurisdiction}
		}
		for _, j := range named {
			fail(where, c.forbidden(o.Terms, j, false))
		}
	}
	return errors.Join(errs...)
}

func (s *Selector) validate() error {
	var errs []error
	lists := map[string][]string{"tenants": s.Tenants, "sites": s.Sites, "jurisdictions": s.Jurisdictions, "queues": s.Queues}
	n := 0
	for _, key := range slices.Sorted(maps.Keys(lists)) {
		for i, v := range lists[key] {
			n++
			if v == "" || slices.Contains(lists[key][:i], v) {
				errs = append(errs, fmt.Errorf("for.%s: %q, want each name once and none empty", key, v))
			}
		}
	}
	for _, j := range s.Jurisdictions {
		errs = append(errs, checkJurisdiction(j))
	}
	if n == 0 {
		errs = append(errs, errors.New("for: empty, want at least one tenant, site, jurisdiction or queue; terms for every call belong in the base"))
	}
	return errors.Join(errs...)
}

// scored returns why t asks for earlier calls in vain: the emotion that they would be known for is not scored, by t or, where t is silent, by
// the base.
func (t *Terms) scored(base *bool) error {
	if t.CustomerEmotion != nil {
		base = t.CustomerEmotion
	}
	if t.EarlierCalls != nil && *t.EarlierCalls && base != nil && !*base {
		return errors.New("earlier_calls: true with customer_emotion: false, want the customer's emotion scored, or nothing kept for it")
	}
	return nil
}

func (t *Terms) validate() error {
	var errs []error
	if t.RetentionDays != nil && (*t.RetentionDays < 0 || *t.RetentionDays > 36500) {
		errs = append(errs, fmt.Errorf("retention_days: %d, want 0 to 36500", *t.RetentionDays))
	}
	if m := t.PrintUnusedMonths; m != nil && (*m < 1 || *m > identity.UnusedMonths) {
		errs = append(errs, fmt.Errorf("print_unused_months: %d, want 1 to %d", *m, identity.UnusedMonths))
	}
	if d := t.PendingDays; d != nil && (*d < 1 || *d > 365) {
		errs = append(errs, fmt.Errorf("pending_days: %d, want 1 to 365", *d))
	}
	if t.Attempts != nil {
		if err := t.Attempts.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("attempts: %w", err))
		}
	}
	if t.Searches != nil {
		type key struct {
			kind SearchKind
			list string
		}
		seen := map[key]bool{}
		for i, s := range *t.Searches {
			if err := s.validate(); err != nil {
				for _, line := range strings.Split(err.Error(), "\n") {
					errs = append(errs, fmt.Errorf("searches[%d]: %s", i, line))
				}
			}
			if seen[key{s.Kind, s.List}] {
				errs = append(errs, fmt.Errorf("searches[%d]: %s %q stands twice", i, s.Kind, s.List))
			}
			seen[key{s.Kind, s.List}] = true
		}
	}
	return errors.Join(errs...)
}
