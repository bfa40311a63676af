package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/timbre-voice/timbre/interaction"
)

// ErrAgentEmotion reports a permit that would infer emotions of a person at work where the law prohibits it.
var ErrAgentEmotion = errors.New("policy: agent emotion is prohibited")

// Permit says what one call's session may compute and keep. One with nothing but a name permits nothing but conversation metrics,
// which need no permit: pace, loudness, pauses and overtalk are measured on every side.
type Permit struct {
	Policy          string   // name of the policy it came from, for the record
	Jurisdiction    string   // ISO 3166-1 country, a US state as US-IL, or EU; empty when nobody set one
	CustomerEmotion bool     // score expressed emotion on channels mapped to the customer
	AgentEmotion    bool     // the same for agents; Validate refuses it in the EU and where Jurisdiction is empty
	NoticeRequired  bool     // score emotion only on speech after the notice was played
	Verification    bool     // embed the customer's speech and compare it with the claimed identity's voiceprint
	ReleaseRequired bool     // embed nobody whose written release is not known, as Illinois (BIPA) and Texas (CUBI) ask
	Shadow          bool     // results of voice are scored and kept for calibration, and shown to nobody during the call
	Identification  bool     // search the gallery without a claim
	Watchlists      []string // watchlists that may be searched; each needs its purpose, legal basis, retention and approver
	KeepDigits      bool     // write DTMF digits in clear; off, a digit is masked, since callers key in card numbers
	KeepAudio       bool     // keep the audio itself
	RetentionDays   int      // days until the record is deleted; 0: no limit set here
}

// Default returns the permit for a call about which nothing is configured: the customer's emotion and verification against a
// claimed identity, no agent emotion, no search, no watchlist, no digits, no audio kept.
func Default() Permit {
	return Permit{Policy: "default", CustomerEmotion: true, Verification: true}
}

// Validate lists every contradiction in p. It returns ErrAgentEmotion, wrapped, where agent emotion is switched on in the EU or
// without a jurisdiction.
func (p Permit) Validate() error {
	var errs []error
	if p.Policy == "" {
		errs = append(errs, errors.New("policy: name: empty, want the name of the policy that gave the permit"))
	}
	if p.AgentEmotion {
		switch {
		case p.Jurisdiction == "":
			errs = append(errs, fmt.Errorf("%w: no jurisdiction is set, want one outside the EU (EU AI Act Art. 5(1)(f))", ErrAgentEmotion))
		case InEU(p.Jurisdiction):
			errs = append(errs, fmt.Errorf("%w: jurisdiction %s is in the EU (EU AI Act Art. 5(1)(f))", ErrAgentEmotion, p.Jurisdiction))
		}
	}
	if p.RetentionDays < 0 {
		errs = append(errs, fmt.Errorf("policy: retention: %d days, want 0 or more", p.RetentionDays))
	}
	return errors.Join(errs...)
}

// Call is what is known of a call when a stage asks.
type Call struct {
	Role       interaction.Role // of the channel in question
	Separated  bool             // the sides are on channels of their own, or the channel is known to hold one person
	NoticeMs   int64            // when the notice was played, ms from the start of the audio; negative: not played
	AtMs       int64            // start of the speech in question
	HasClaim   bool             // somebody said who the caller claims to be
	HasOptOut  bool             // that person opted out
	HasConsent bool             // a consent reference is known
}

// Emotion returns "" when expressed emotion may be scored on this speech, else the code that says why not.
func (p Permit) Emotion(c Call) interaction.Code {
	switch {
	case !c.Separated:
		return interaction.CodeSidesNotSeparated
	case c.Role == interaction.RoleUnknown:
		return interaction.CodeRoleUnknown
	case c.Role == interaction.RoleAgent && !p.AgentEmotion, c.Role == interaction.RoleCustomer && !p.CustomerEmotion:
		return interaction.CodePolicy
	case p.NoticeRequired && (c.NoticeMs < 0 || c.AtMs < c.NoticeMs):
		return interaction.CodeNoNotice
	}
	return ""
}

// Voice returns "" when the customer's speech may be embedded and compared, else the code that says why not. Without a claim
// only a permitted search can use an embedding, so none is made.
func (p Permit) Voice(c Call) interaction.Code {
	search := p.Identification || len(p.Watchlists) > 0
	switch {
	case c.HasOptOut:
		return interaction.CodeOptedOut
	case !c.Separated:
		return interaction.CodeSidesNotSeparated
	case c.Role == interaction.RoleUnknown:
		return interaction.CodeRoleUnknown
	case c.Role == interaction.RoleAgent, !p.Verification && !search:
		return interaction.CodePolicy
	case p.ReleaseRequired && !c.HasConsent:
		return interaction.CodeNoConsent
	case !c.HasClaim && !search:
		return interaction.CodeNoClaim
	}
	return ""
}

// Enrol returns "" when a voiceprint may be made of this speech, else the code that says why not.
func (p Permit) Enrol(c Call) interaction.Code {
	if !c.HasConsent {
		return interaction.CodeNoConsent
	}
	c.HasClaim = true
	return p.Voice(c)
}

// memberStates are the ISO 3166-1 codes of the European Union's members; EL is the Union's own code for Greece.
var memberStates = []string{
	"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV", "MT",
	"NL", "PL", "PT", "RO", "SE", "SI", "SK",
}

// InEU reports whether a jurisdiction, as in Permit, is the European Union, one of its members or a region of one.
func InEU(jurisdiction string) bool {
	country, _, _ := strings.Cut(strings.ToUpper(jurisdiction), "-")
	return country == "EU" || slices.Contains(memberStates, country)
}
