package people

import (
	"context"
	"fmt"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/store"
	"github.com/timbre-voice/timbre/voiceprint"
)

// ReasonShadow is the reason of a result that is kept and not shown.
const ReasonShadow = "shadow_mode"

// Verified is the answer to a claim.
type Verified struct {
	interaction.Voice
	Explanations []string // the reasons in words, in the same order
}

// Verify answers whether a voice is the claimed person's, and counts the attempt. Every decision is an answer and no error; listen is
// called only where there is a print to compare with. In shadow mode the answer says so, and what was found is kept as an attempt.
// Errors: identity.ErrNotPermitted where the policy permits no verification, those of the registry and of listen.
func (d *Desk) Verify(ctx context.Context, by, speaker string, o voiceprint.Policy, listen Listen) (*Verified, error) {
	made, err := d.resolve(ctx, speaker, "")
	if err != nil {
		return nil, err
	}
	if !made.Permit.Verification {
		return nil, d.Registry.Refuse(ctx, by, "verify", speaker, fmt.Sprintf("policy %s permits no verification by voice", made.Permit.Policy))
	}
	claim, err := d.Registry.Claim(ctx, speaker, d.Known.Model(), made.Rules())
	if err != nil {
		return nil, err
	}
	var v voiceprint.Decision
	codec := ""
	if claim.Decision != "" { // nothing is listened to
		v = voiceprint.Withhold(voiceprint.Outcome(claim.Decision))
		v.Reasons[0].Text = claim.Reason
	} else if v, codec, err = d.compare(ctx, claim.Print, o, listen); err != nil {
		return nil, err
	}
	out := &Verified{Voice: interaction.Voice{
		Decision: interaction.Decision(v.Outcome), LLR: v.LLR, Threshold: v.Threshold, NetSpeechMs: v.Quality.NetSpeech.Milliseconds(),
		SNRdB: finite(v.Quality.SNRdB), Codec: codec, Assurance: interaction.AssuranceEvidenceOnly,
	}}
	out.Reasons, out.Explanations = words(v.Reasons)
	if _, err := d.Registry.Attempt(ctx, by, store.Attempt{
		SpeakerID: speaker, Decision: out.Decision, LLR: out.LLR, Threshold: out.Threshold, NetSpeechMs: out.NetSpeechMs, Reasons: out.Reasons, Shadow: made.Permit.Shadow,
	}, made.Attempts); err != nil {
		return nil, err
	}
	if !made.Permit.Shadow {
		return out, nil
	}
	return &Verified{Voice: interaction.Voice{
		Decision: interaction.Inconclusive, Codec: codec, Reasons: []string{ReasonShadow, voiceprint.CodeSpoofNotChecked}, Assurance: interaction.AssuranceEvidenceOnly,
	}, Explanations: []string{"shadow mode: the result is kept for calibration and not shown", "replayed and synthetic voices are not told from live ones"}}, nil
}

// compare decides on the voice that listen hears.
func (d *Desk) compare(ctx context.Context, plain []byte, o voiceprint.Policy, listen Listen) (voiceprint.Decision, string, error) {
	var print voiceprint.Voiceprint
	if err := print.UnmarshalBinary(plain); err != nil {
		return voiceprint.Decision{}, "", fmt.Errorf("people: voiceprint: %w", err)
	}
	h, err := listen(ctx)
	if err != nil {
		return voiceprint.Decision{}, "", err
	}
	x, back, err := d.Extractor()
	if err != nil {
		return voiceprint.Decision{}, "", err
	}
	defer back()
	v, err := x.Verify(&print, h.Speech, o)
	if err != nil {
		return voiceprint.Decision{}, "", fmt.Errorf("people: verify: %w", err)
	}
	return v, h.Codec, nil
}

// words returns codes and texts of reasons.
func words(reasons []voiceprint.Reason) (codes, texts []string) {
	codes, texts = []string{}, []string{}
	for _, r := range reasons {
		codes, texts = append(codes, r.Code), append(texts, r.Text)
	}
	return codes, texts
}
