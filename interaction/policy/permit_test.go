package policy

import (
	"errors"
	"testing"

	"github.com/timbre-voice/timbre/interaction"
)

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name string
		p    Permit
		want error
	}{
		{"default", Default(), nil},
		{"nothing_but_a_name", Permit{Policy: "p"}, nil},
		{"agent_emotion_without_jurisdiction", Permit{Policy: "p", AgentEmotion: true}, ErrAgentEmotion},
		{"agent_emotion_in_the_EU", Permit{Policy: "p", AgentEmotion: true, Jurisdiction: "EU"}, ErrAgentEmotion},
		{"agent_emotion_in_a_member_state", Permit{Policy: "p", AgentEmotion: true, Jurisdiction: "pl"}, ErrAgentEmotion},
		{"agent_emotion_in_a_region_of_a_member_state", Permit{Policy: "p", AgentEmotion: true, Jurisdiction: "DE-BY"}, ErrAgentEmotion},
		{"agent_emotion_elsewhere", Permit{Policy: "p", AgentEmotion: true, Jurisdiction: "US-TX"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.p.Validate(); !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
				t.Errorf("Validate() = %v, want %v", err, c.want)
			}
		})
	}
	if (Permit{Policy: "p", RetentionDays: -1}).Validate() == nil {
		t.Error("a negative retention is accepted")
	}
	if (Permit{}).Validate() == nil {
		t.Error("a permit of no policy is accepted")
	}
}

func TestEmotion(t *testing.T) {
	customer := Call{Role: interaction.RoleCustomer, Separated: true, NoticeMs: -1}
	noticed := customer
	noticed.NoticeMs, noticed.AtMs = 5000, 5000
	early := noticed
	early.AtMs = 4999
	agent := Call{Role: interaction.RoleAgent, Separated: true}
	notice := Default()
	notice.NoticeRequired = true
	outside := Permit{Policy: "p", AgentEmotion: true, Jurisdiction: "US-TX"}
	for _, c := range []struct {
		name string
		p    Permit
		call Call
		want interaction.Code
	}{
		{"customer", Default(), customer, ""},
		{"customer_forbidden", Permit{}, customer, interaction.CodePolicy},
		{"agent", Default(), agent, interaction.CodePolicy},
		{"agent_where_allowed", outside, agent, ""},
		{"unknown", Default(), Call{Role: interaction.RoleUnknown, Separated: true}, interaction.CodeRoleUnknown},
		{"both_on_one_channel", Default(), Call{Role: interaction.RoleUnknown}, interaction.CodeSidesNotSeparated},
		{"notice_not_played", notice, customer, interaction.CodeNoNotice},
		{"before_the_notice", notice, early, interaction.CodeNoNotice},
		{"after_the_notice", notice, noticed, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.p.Emotion(c.call); got != c.want {
				t.Errorf("Emotion() = %q, want %q", got, c.want)
			}
		})
	}
}

func TestVoice(t *testing.T) {
	claim := Call{Role: interaction.RoleCustomer, Separated: true, HasClaim: true}
	none := Call{Role: interaction.RoleCustomer, Separated: true}
	released := claim
	released.HasConsent = true
	opted := claim
	opted.HasOptOut = true
	for _, c := range []struct {
		name string
		p    Permit
		call Call
		want interaction.Code
	}{
		{"claimed", Default(), claim, ""},
		{"no_claim", Default(), none, interaction.CodeNoClaim},
		{"no_claim_but_a_watchlist", Permit{Watchlists: []string{"fraud"}}, none, ""},
		{"forbidden", Permit{}, claim, interaction.CodePolicy},
		{"release_required_and_unknown", Permit{Verification: true, ReleaseRequired: true}, claim, interaction.CodeNoConsent},
		{"release_required_even_against_a_watchlist", Permit{Watchlists: []string{"fraud"}, ReleaseRequired: true}, none, interaction.CodeNoConsent},
		{"release_required_and_known", Permit{Verification: true, ReleaseRequired: true}, released, ""},
		{"opted_out_even_against_a_watchlist", Permit{Watchlists: []string{"fraud"}}, opted, interaction.CodeOptedOut},
		{"agent", Default(), Call{Role: interaction.RoleAgent, Separated: true, HasClaim: true}, interaction.CodePolicy},
		{"unknown", Default(), Call{Role: interaction.RoleUnknown, Separated: true, HasClaim: true}, interaction.CodeRoleUnknown},
		{"one_channel", Default(), Call{Role: interaction.RoleUnknown, HasClaim: true}, interaction.CodeSidesNotSeparated},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.p.Voice(c.call); got != c.want {
				t.Errorf("Voice() = %q, want %q", got, c.want)
			}
		})
	}
	if got := Default().Enrol(claim); got != interaction.CodeNoConsent {
		t.Errorf("Enrol without consent = %q, want no_consent", got)
	}
	claim.HasConsent = true
	if got := Default().Enrol(claim); got != "" {
		t.Errorf("Enrol with consent = %q, want permission", got)
	}
}
