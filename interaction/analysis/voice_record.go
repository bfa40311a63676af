package analysis

import (
	"cmp"
	"math"
	"slices"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/voiceprint"
)

// judge words the decision on a claim.
func (s *Session) judge(c *claim) interaction.Voice {
	v := interaction.Voice{Decision: interaction.Inconclusive, Reasons: []string{}, Assurance: interaction.AssuranceEvidenceOnly,
		Codec: s.opts.Contact.Media.Encoding}
	var d voiceprint.Decision
	switch {
	case c == nil:
		v.Reasons = append(v.Reasons, reasonNoClaim, voiceprint.CodeSpoofNotChecked)
		return v
	case c.failed:
		v.Reasons = append(v.Reasons, reasonLookupFailed, voiceprint.CodeSpoofNotChecked)
		return v
	case c.known.Decision != "":
		d = voiceprint.Withhold(voiceprint.Outcome(c.known.Decision))
	case c.verifier != nil:
		d = c.verifier.Decision()
	default:
		code := voiceprint.CodeNoSpeech
		if s.voice.cannot != "" {
			code = reasonCannotListen
		}
		v.Reasons = append(v.Reasons, code, voiceprint.CodeSpoofNotChecked)
		return v
	}
	v.Decision, v.LLR, v.Threshold, v.NetSpeechMs = interaction.Decision(d.Outcome), d.LLR, d.Threshold, d.Quality.NetSpeech.Milliseconds()
	if snr := d.Quality.SNRdB; !math.IsNaN(snr) && !math.IsInf(snr, 0) {
		v.SNRdB = rounded(snr, 1)
	}
	for _, r := range d.Reasons {
		v.Reasons = append(v.Reasons, r.Code)
	}
	if !slices.Contains(v.Reasons, voiceprint.CodeSpoofNotChecked) { // nothing was heard, so nothing was checked either
		v.Reasons = append(v.Reasons, voiceprint.CodeSpoofNotChecked)
	}
	return v
}

// voiceRecord returns the record's group as far as the call has come.
func (s *Session) voiceRecord() *interaction.Voice {
	if s.voice.ended != nil {
		v := *s.voice.ended
		return &v
	}
	v := s.judge(s.voice.claim)
	for _, hit := range s.voice.hits {
		if hit.List == "" {
			v.Candidates = append(v.Candidates, hit)
		} else {
			v.Watchlist = append(v.Watchlist, hit)
		}
	}
	sortCandidates(v.Candidates)
	sortCandidates(v.Watchlist)
	if len(v.Watchlist) > 0 {
		v.Reasons = append(v.Reasons, reasonLead)
	}
	return &v
}

// putVoice writes the group into a record, unless every channel has a reason why it is absent.
func (s *Session) putVoice(r *interaction.Interaction) {
	for _, c := range s.channels {
		if code, _ := s.voiceAbsence(c); code != "" {
			continue
		}
		r.Voice = s.voiceRecord()
		if s.voice.channel >= 0 {
			r.Governance.Models = append(r.Governance.Models, s.voice.voice.Model())
		}
		return
	}
}

// voiceAbsence returns why a channel has no voice result; "" where it has one.
func (s *Session) voiceAbsence(c *channel) (interaction.Code, string) {
	l := &s.voice
	if l.voice == nil {
		call := s.policyCall(c)
		call.HasClaim, call.HasConsent = true, true // matters only where there is a model that could compare
		if code := s.opts.Permit.Voice(call); code != "" {
			return code, ""
		}
		return interaction.CodeNoModel, "it needs a database of enrolled voices"
	}
	code := s.voiceCode(c)
	switch {
	case code == interaction.CodeOptedOut && l.claim != nil && c.who.Role == interaction.RoleCustomer && s.mayTell():
		return "", "" // the decision opted_out says it
	case code != "":
		return code, ""
	case s.opts.Permit.Shadow:
		return interaction.CodePolicy, "shadow mode: scored, kept for calibration and not shown"
	}
	return "", ""
}

// sortCandidates puts the best first.
func sortCandidates(c []interaction.Candidate) {
	slices.SortFunc(c, func(a, b interaction.Candidate) int {
		return cmp.Or(cmp.Compare(b.LLR, a.LLR), cmp.Compare(a.List, b.List), cmp.Compare(a.SpeakerID, b.SpeakerID))
	})
}
