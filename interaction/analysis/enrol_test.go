package analysis

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/voiceprint"
)

// enrolling is a Voice that enrols, and notes who.
type enrolling struct {
	*knowing
	may      map[string]bool
	asked    error
	collects int
	heard    []string
	netMs    int64
	told     error
}

func (e *enrolling) MayEnrol(_ context.Context, customer string) (bool, error) {
	return e.may[customer], e.asked
}

func (e *enrolling) Collect(rate int) (*voiceprint.Collector, error) {
	e.collects++
	return voiceprint.NewCollector(voiceprint.DefaultCollector(rate), nil)
}

func (e *enrolling) EnrolHeard(_ context.Context, customer, call string, s voiceprint.Speech) error {
	e.heard, e.netMs = append(e.heard, customer+" "+call), s.Quality.NetSpeech.Milliseconds()
	return e.told
}

var streamed = interaction.Contact{Source: interaction.Source{Kind: "stream", Dialect: "generic"}, Media: interaction.Media{Encoding: "mulaw"}}

// TestEnrolsOfACallOnlyWhomItMay: the customer's speech is collected, and handed on when the call ended in order, for a customer who may
// be enrolled, on a channel of the customer's own, and for nobody else.
func TestEnrolsOfACallOnlyWhomItMay(t *testing.T) {
	e, err := testEngine()
	if err != nil {
		t.Fatal(err)
	}
	x := customerAudio(t)
	permitted := policy.Permit{Policy: "p", Verification: true}
	for _, c := range []struct {
		name      string
		permit    policy.Permit
		channel   Channel
		binds     []interaction.Binding
		interrupt bool
		out       bool
		asked     error
		want      []string
		collects  int
	}{
		{name: "bound_at_the_start", permit: permitted, binds: []interaction.Binding{{CustomerID: "anna"}}, want: []string{"anna call-1"}, collects: 1},
		{name: "claims_to_be_herself", permit: permitted, binds: []interaction.Binding{{CustomerID: "anna"}, {ClaimedIdentity: "anna"}}, want: []string{"anna call-1"}, collects: 1},
		{name: "nobody_bound", permit: permitted},
		{name: "a_claim_alone", permit: permitted, binds: []interaction.Binding{{ClaimedIdentity: "anna"}}},
		{name: "may_not", permit: permitted, binds: []interaction.Binding{{CustomerID: "bert"}}},
		{name: "claims_to_be_another", permit: permitted, binds: []interaction.Binding{{CustomerID: "anna"}, {ClaimedIdentity: "bert"}}},
		{name: "claimed_to_be_another_before", permit: permitted, binds: []interaction.Binding{{ClaimedIdentity: "bert"}, {CustomerID: "anna"}}},
		{name: "another_customer", permit: permitted, binds: []interaction.Binding{{CustomerID: "anna"}, {CustomerID: "bert"}}},
		{name: "cannot_be_asked", permit: permitted, binds: []interaction.Binding{{CustomerID: "anna"}}, asked: errors.New("no database")},
		{name: "opted_out", permit: permitted, binds: []interaction.Binding{{CustomerID: "anna"}}, out: true},
		{name: "policy_without_voice", permit: policy.Permit{Policy: "p"}, binds: []interaction.Binding{{CustomerID: "anna"}}},
		{name: "release_required", permit: policy.Permit{Policy: "p", Verification: true, ReleaseRequired: true}, binds: []interaction.Binding{{CustomerID: "anna"}}, want: []string{"anna call-1"}, collects: 1},
		{name: "the_agent", permit: permitted, channel: Channel{Role: interaction.RoleAgent, Separated: true}, binds: []interaction.Binding{{CustomerID: "anna"}}},
		{name: "both_sides_on_one_channel", permit: permitted, channel: Channel{Role: interaction.RoleCustomer, Mixed: true}, binds: []interaction.Binding{{CustomerID: "anna"}}},
		{name: "broken_off", permit: permitted, binds: []interaction.Binding{{CustomerID: "anna"}}, interrupt: true, collects: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := &enrolling{knowing: newKnowing(t, e, x), may: map[string]bool{"anna": true}, asked: c.asked}
			k.out["anna"] = c.out
			if c.channel == (Channel{}) {
				c.channel = Channel{Role: interaction.RoleCustomer, Separated: true}
			}
			s, err := e.NewSession(Options{ID: "call-1", Rate: Rate, Channels: []Channel{c.channel}, Permit: c.permit, Voice: k, Contact: streamed})
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range c.binds {
				if err := s.Bind(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Write(t.Context(), 0, x); err != nil {
				t.Fatal(err)
			}
			end := s.Close
			if c.interrupt {
				end = s.Interrupt
			}
			if _, err := end(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(k.heard, c.want) || k.collects != c.collects {
				t.Errorf("enrolled %q and %d collected, want %q and %d", k.heard, k.collects, c.want, c.collects)
			}
			if len(c.want) > 0 && k.netMs < 10000 {
				t.Errorf("%d ms of speech handed on", k.netMs)
			}
		})
	}
}

func TestAnEnrolmentThatFailsIsToldInTheRecord(t *testing.T) {
	e, err := testEngine()
	if err != nil {
		t.Fatal(err)
	}
	x := customerAudio(t)
	k := &enrolling{knowing: newKnowing(t, e, x), may: map[string]bool{"anna": true}, told: errors.New("no print was made: unavailable")}
	s, err := e.NewSession(Options{ID: "call-1", Rate: Rate, Channels: []Channel{{Role: interaction.RoleCustomer, Separated: true}}, Permit: policy.Permit{Policy: "p", Verification: true}, Voice: k, Contact: streamed})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Bind(t.Context(), interaction.Binding{CustomerID: "anna"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), 0, x); err != nil {
		t.Fatal(err)
	}
	r, err := s.Close(t.Context())
	if err != nil || !slices.Contains(r.Contact.Media.Warnings, "no print was made: unavailable") {
		t.Errorf("warnings %q, %v", r.Contact.Media.Warnings, err)
	}
}
