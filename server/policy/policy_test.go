package policy

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/server/identity"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func parse(t *testing.T, text string) Config {
	t.Helper()
	c, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func resolve(t *testing.T, c Config, call Call) Resolved {
	t.Helper()
	r, err := c.Resolve(call)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestExampleIsTheDefault(t *testing.T) {
	got := parse(t, string(Example()))
	if len(got.Overrides) != 0 {
		t.Errorf("%d overrides, want none", len(got.Overrides))
	}
	got.Overrides = nil
	if d := cmp.Diff(Default(), got); d != "" {
		t.Errorf("-default +example:\n%s", d)
	}
	for _, text := range []string{"", "# nothing but a comment\n", "---\n", "policy: {}\n"} {
		if d := cmp.Diff(Default(), parse(t, text)); d != "" {
			t.Errorf("%q: -default +parsed:\n%s", text, d)
		}
	}
}

// TestDefaultIsThatOfTheSession holds that a server without a file permits what a session without a server does.
func TestDefaultIsThatOfTheSession(t *testing.T) {
	if d := cmp.Diff(policy.Default(), resolve(t, Default(), Call{Tenant: "any"}).Permit); d != "" {
		t.Errorf("-interaction/policy +server/policy:\n%s", d)
	}
}

// TestEveryKeyIsDocumented holds that each key stands in the example with a comment above it.
func TestEveryKeyIsDocumented(t *testing.T) {
	lines := strings.Split(string(Example()), "\n")
	var walk func(v reflect.Type, indent string)
	walk = func(v reflect.Type, indent string) {
		for i := range v.NumField() {
			f := v.Field(i)
			if f.Anonymous {
				walk(f.Type, indent)
				continue
			}
			key, found := indent+f.Tag.Get("yaml")+":", false
			for n, l := range lines {
				if strings.HasPrefix(l, key) {
					found = strings.HasPrefix(lines[n-1], indent+"# ")
				}
			}
			if !found {
				t.Errorf("%s: not in the example with a comment above it", strings.TrimSpace(key))
			}
		}
	}
	walk(reflect.TypeFor[Config](), "  ")
	walk(reflect.TypeFor[identity.Limits](), "    ")
	for _, v := range []reflect.Type{reflect.TypeFor[Search](), reflect.TypeFor[Override](), reflect.TypeFor[Selector]()} {
		for i := range v.NumField() {
			if key := strings.Split(v.Field(i).Tag.Get("yaml"), ",")[0]; key != "" && !strings.Contains(string(Example()), key) {
				t.Errorf("%s.%s: not in the example", v.Name(), key)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	search := "kind: watchlist, list: fraud, purpose: p, legal_basis: l, retention_days: 30, approver: a"
	without := func(key string) string {
		var kept []string
		for _, part := range strings.Split(search, ", ") {
			if !strings.HasPrefix(part, key+":") {
				kept = append(kept, part)
			}
		}
		return "policy: {searches: [{" + strings.Join(kept, ", ") + "}]}"
	}
	for _, c := range []struct{ name, text, want string }{
		{"unknown_key", "policy: {customer_emotoin: true}", "customer_emotoin"},
		{"unknown_key_of_an_override", "policy: {overrides: [{name: a, for: {queue: [x]}, shadow: true}]}", "queue"},
		{"unknown_section", "polices: {}", "polices"},
		{"wrong_type", "policy: {shadow: 3}", "shadow"},
		{"no_name", "policy: {name: ''}", `name: ""`},
		{"plus_in_a_name", "policy: {overrides: [{name: a+b, for: {sites: [x]}, shadow: true}]}", "holds a +"},
		{"agent_emotion_without_jurisdiction", "policy: {agent_emotion: true}", "no jurisdiction is set"},
		{"agent_emotion_in_the_EU", "policy: {agent_emotion: true, jurisdiction: EU}", "Art. 5(1)(f)"},
		{"agent_emotion_in_a_member_state", "policy: {overrides: [{name: a, for: {jurisdictions: [PL]}, agent_emotion: true}]}", "jurisdiction PL is in the EU"},
		{"agent_emotion_of_a_tenant_without_jurisdiction", "policy: {overrides: [{name: a, for: {tenants: [x]}, agent_emotion: true}]}", "no jurisdiction is set"},
		{"no_notice_in_the_EU", "policy: {overrides: [{name: a, for: {jurisdictions: [DE]}, notice_required: false}]}", "notice_required: false in DE"},
		{"earlier_calls_without_emotion", "policy: {customer_emotion: false, earlier_calls: true}", "earlier_calls: true with customer_emotion: false"},
		{"earlier_calls_of_an_override_without_emotion", "policy: {overrides: [{name: a, for: {sites: [x]}, customer_emotion: false, earlier_calls: true}]}", "override 1 (a): earlier_calls: true"},
		{"earlier_calls_over_a_base_without_emotion", "policy: {customer_emotion: false, overrides: [{name: a, for: {sites: [x]}, earlier_calls: true}]}", "override 1 (a): earlier_calls: true"},
		{"no_release_in_Illinois", "policy: {overrides: [{name: a, for: {jurisdictions: [US-IL]}, release_required: false}]}", "740 ILCS 14/15"},
		{"Texas_for_two_years", "policy: {overrides: [{name: a, for: {jurisdictions: [US-TX]}, print_unused_months: 24}]}", "24 in US-TX, want at most 12"},
		{"prints_for_ever", "policy: {print_unused_months: 0}", "print_unused_months: 0, want 1 to 36"},
		{"negative_retention", "policy: {retention_days: -1}", "retention_days: -1"},
		{"search_without_purpose", without("purpose"), "purpose: empty"},
		{"search_without_legal_basis", without("legal_basis"), "legal_basis: empty"},
		{"search_without_retention", without("retention_days"), "retention_days: 0"},
		{"search_without_approver", without("approver"), "approver: empty"},
		{"watchlist_without_list", without("list"), "want a list for a watchlist"},
		{"counting_per_voice", "policy: {searches: [{kind: counting}]}", "searches[0]: kind counting: calls are not counted per voice: it would take a print of every caller"},
		{"pending_for_ever", "policy: {pending_days: 0}", "pending_days: 0, want 1 to 365"},
		{"duplicates_with_a_list", "policy: {searches: [{" + strings.Replace(search, "watchlist", "duplicates", 1) + "}]}", "want a list for a watchlist and for nothing else"},
		{"search_of_no_kind", "policy: {searches: [{" + strings.Replace(search, "watchlist", "everybody", 1) + "}]}", `kind "everybody"`},
		{"the_same_search_twice", "policy: {searches: [{" + search + "}, {" + search + "}]}", "stands twice"},
		{"jurisdiction_that_is_none", "policy: {jurisdiction: Illinois}", `jurisdiction "Illinois"`},
		{"override_for_everybody", "policy: {overrides: [{name: a, shadow: true}]}", "for: empty"},
		{"override_that_says_nothing", "policy: {overrides: [{name: a, for: {sites: [x]}}]}", "no terms"},
		{"two_overrides_of_a_name", "policy: {overrides: [{name: a, for: {sites: [x]}, shadow: true}, {name: a, for: {sites: [y]}, shadow: true}]}", "taken"},
		{"override_without_a_name", "policy: {overrides: [{for: {sites: [x]}, shadow: true}]}", "want one of its own"},
		{"a_site_twice", "policy: {overrides: [{name: a, for: {sites: [x, x]}, shadow: true}]}", "each name once"},
		{"no_failures", "policy: {attempts: {failures: 0, delay: 30s, lock_after: 10}}", "failures: 0"},
		{"short_delay", "policy: {attempts: {failures: 5, delay: 1s, lock_after: 10}}", "delay: 1s, want 30s"},
		{"lock_before_delay", "policy: {attempts: {failures: 5, delay: 30s, lock_after: 4}}", "lock_after: 4"},
		{"too_long", strings.Repeat("#", maxPolicy+1), "want at most"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Parse([]byte(c.text)); !errors.Is(err, ErrPolicy) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want ErrPolicy and %q", err, c.want)
			}
		})
	}
}

const several = `
policy:
  jurisdiction: US-NY
  agent_emotion: true
  searches: [{kind: watchlist, list: fraud, purpose: p, legal_basis: l, retention_days: 30, approver: a}]
  overrides:
    - name: europe
      for: {jurisdictions: [EU]}
      searches: []
      retention_days: 90
    - name: berlin
      for: {tenants: [acme], sites: [berlin]}
      retention_days: 30
      shadow: true
    - name: billing
      for: {queues: [billing]}
      customer_emotion: false
`

func TestResolve(t *testing.T) {
	c := parse(t, several)
	for _, x := range []struct {
		name  string
		call  Call
		check func(r Resolved) bool
	}{
		{"base", Call{}, func(r Resolved) bool {
			return r.Permit.AgentEmotion && r.Permit.Jurisdiction == "US-NY" && len(r.Permit.Watchlists) == 1 && r.Permit.Policy == "default"
		}},
		{"law_over_the_base", Call{Jurisdiction: "FR"}, func(r Resolved) bool {
			return !r.Permit.AgentEmotion && r.Permit.NoticeRequired && r.Source["agent_emotion"] == "law: EU AI Act Art. 5(1)(f)"
		}},
		{"an_empty_list_takes_searches_away", Call{Jurisdiction: "FR"}, func(r Resolved) bool { return len(r.Searches)+len(r.Permit.Watchlists) == 0 }},
		{"later_over_earlier", Call{Tenant: "acme", Site: "berlin", Jurisdiction: "DE-BE"}, func(r Resolved) bool {
			return r.Permit.RetentionDays == 30 && r.Permit.Shadow && r.Permit.Policy == "default+europe+berlin"
		}},
		{"a_site_of_another_tenant", Call{Tenant: "other", Site: "berlin"}, func(r Resolved) bool { return !r.Permit.Shadow }},
		{"queue", Call{Queue: "billing"}, func(r Resolved) bool { return !r.Permit.CustomerEmotion && r.Source["customer_emotion"] == "billing" }},
		{"Illinois", Call{Jurisdiction: "US-IL"}, func(r Resolved) bool { return r.Permit.ReleaseRequired && r.PrintUnusedMonths == 36 }},
		{"Texas", Call{Jurisdiction: "US-TX"}, func(r Resolved) bool { return r.Permit.ReleaseRequired && r.PrintUnusedMonths == 12 }},
	} {
		t.Run(x.name, func(t *testing.T) {
			if r := resolve(t, c, x.call); !x.check(r) {
				t.Errorf("%+v", r)
			}
		})
	}
	for name, call := range map[string]Call{"misspelt_site": {Site: "berlni"}, "jurisdiction_that_is_none": {Jurisdiction: "us-il"}} {
		if _, err := c.Resolve(call); !errors.Is(err, ErrPolicy) {
			t.Errorf("%s: %v, want ErrPolicy", name, err)
		}
	}
}

func TestAgainIsWhatTheRecordSays(t *testing.T) {
	c := parse(t, several)
	r := resolve(t, c, Call{Tenant: "acme", Site: "berlin", Jurisdiction: "DE", Queue: "billing"})
	again, err := c.Again(r.Permit.Policy, r.Permit.Jurisdiction)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(r, again); d != "" {
		t.Errorf("-then +again:\n%s", d)
	}
	if again, err = c.Again("default+gone", ""); err != nil || again.Permit.RetentionDays != 0 {
		t.Errorf("an override that is gone: %+v, %v", again, err)
	}
}

// TestTheEUNeverScoresAgents tries every combination that a file and a call can make of it.
func TestTheEUNeverScoresAgents(t *testing.T) {
	c := parse(t, several)
	for _, j := range []string{"EU", "DE", "FR", "PL", "GR", "EL", "DE-BY"} {
		for _, tenant := range []string{"", "acme"} {
			for _, site := range []string{"", "berlin"} {
				r := resolve(t, c, Call{Tenant: tenant, Site: site, Jurisdiction: j})
				if code := r.Permit.Emotion(policy.Call{Role: interaction.RoleAgent, Separated: true}); code != interaction.CodePolicy {
					t.Errorf("%s %s %s: agent emotion answers %q", tenant, site, j, code)
				}
			}
		}
	}
}

func TestExplain(t *testing.T) {
	c := parse(t, several)
	r := resolve(t, c, Call{Tenant: "acme", Site: "berlin", Jurisdiction: "DE"})
	testkit.Text(t, filepath.Join("testdata", "berlin.txt"), []byte(r.Text()))
	r = resolve(t, c, Call{Jurisdiction: "US-TX"})
	testkit.Text(t, filepath.Join("testdata", "texas.txt"), []byte(r.Text()))
	keys := map[string]bool{}
	for _, l := range r.Lines() {
		keys[l.Key] = true
		if l.Source == "" || l.Text == "" {
			t.Errorf("%s: text %q, source %q, want both", l.Key, l.Text, l.Source)
		}
	}
	for i := range reflect.TypeFor[Terms]().NumField() {
		if key := reflect.TypeFor[Terms]().Field(i).Tag.Get("yaml"); !keys[key] {
			t.Errorf("%s is not explained", key)
		}
	}
}

// TestEarlierCallsGiveWayToEmotion: where a call's emotion is not scored, nothing is kept for it, and the line says what decided it.
func TestEarlierCallsGiveWayToEmotion(t *testing.T) {
	c := parse(t, "policy: {earlier_calls: true, overrides: [{name: calm, for: {queues: [billing]}, customer_emotion: false}]}")
	if r := resolve(t, c, Call{}); !r.EarlierCalls || r.Source["earlier_calls"] != "default" {
		t.Errorf("%+v, want earlier calls", r)
	}
	if r := resolve(t, c, Call{Queue: "billing"}); r.EarlierCalls || r.Source["earlier_calls"] != "calm" {
		t.Errorf("earlier calls %t by %q, want none by calm", r.EarlierCalls, r.Source["earlier_calls"])
	}
	if r := resolve(t, Default(), Call{}); r.EarlierCalls {
		t.Error("on where nobody asked for it")
	}
}

func TestSearch(t *testing.T) {
	r := resolve(t, parse(t, several), Call{})
	if s, ok := r.Search(SearchWatchlist, "fraud"); !ok || s.Approver != "a" {
		t.Errorf("%+v, %v", s, ok)
	}
	if _, ok := r.Search(SearchDuplicates, ""); ok {
		t.Error("duplicates are searched for, which nothing permits")
	}
}

func TestAttemptsAreAsWritten(t *testing.T) {
	r := resolve(t, parse(t, "policy: {attempts: {failures: 3, delay: 1m, lock_after: 6}}"), Call{})
	if want := (identity.Limits{Failures: 3, Delay: time.Minute, LockAfter: 6}); r.Attempts != want {
		t.Errorf("%+v, want %+v", r.Attempts, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Example())
	f.Add([]byte(several))
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse(text)
		if err != nil {
			return
		}
		for _, j := range []string{"", "EU", "DE", "US-IL", "US-TX"} {
			r, err := c.Resolve(Call{Jurisdiction: j})
			if err != nil {
				t.Fatalf("valid, and not resolved in %q: %v", j, err)
			}
			if r.Permit.AgentEmotion && (r.Permit.Jurisdiction == "" || policy.InEU(r.Permit.Jurisdiction)) {
				t.Fatalf("agent emotion in %q", r.Permit.Jurisdiction)
			}
		}
	})
}
