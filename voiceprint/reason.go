package voiceprint

import (
	"fmt"
	"strings"
	"time"
)

// Reason is one fact behind a decision or a refusal: a code that programs branch on and a sentence for people.
type Reason struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// The codes. They never change their meaning.
const (
	CodeSpoofNotChecked   = "spoof_not_checked"      // nobody looked for replayed or synthetic speech
	CodeNoSpeech          = "no_speech"              // nothing to compare
	CodeTooLittleSpeech   = "too_little_speech"      // net speech under the floor
	CodeTooNoisy          = "too_noisy"              // SNR under the floor
	CodeClipped           = "clipped"                // too many samples at full scale
	CodeSeveralSpeakers   = "several_speakers"       // parts of the audio disagree
	CodeNoSelfMatch       = "does_not_match_itself"  // one recording or half is unlike the rest
	CodeNoPrintMatch      = "does_not_match_print"   // a new recording is unlike the print that it should extend
	CodeSameAudio         = "same_audio"             // enrolled before
	CodeAboveThreshold    = "llr_above_threshold"    //
	CodeBelowThreshold    = "llr_below_threshold"    //
	CodeBetweenThresholds = "llr_between_thresholds" //
	CodeHeld              = "decision_held"          // on a live call: the LLR only just crossed a threshold
	CodeNoCalibration     = "no_calibration"         // the model gives no LLR
	CodeNoThreshold       = "no_threshold"           // no trials carry a threshold for the wanted rate
	CodeNotEnrolled       = "not_enrolled"           //
	CodeOptedOut          = "opted_out"              //
	CodeExpired           = "expired"                //
	CodeLocked            = "locked"                 //
)

// spoofNotChecked stands in every decision until replayed and synthetic speech is looked for.
func spoofNotChecked() Reason {
	return Reason{CodeSpoofNotChecked, "replayed or synthetic speech was not looked for"}
}

// Floor is the least quality that something is decided on. An SNR that could not be told does not fail.
type Floor struct {
	NetSpeech time.Duration // least net speech, 0 or more
	SNRdB     float64       // least SNR
	Clipped   float64       // largest share of clipped samples, in [0, 1]
}

// Validate returns every problem of f, joined; errors.Is finds ErrOptions.
func (f Floor) Validate() error {
	if f.NetSpeech < 0 || !within(f.SNRdB, 100) || !(f.Clipped >= 0 && f.Clipped <= 1) {
		return fmt.Errorf("%w: floor %v, want net speech of 0 or more, SNR within ±100 dB, a share in [0, 1]", ErrOptions, f)
	}
	return nil
}

// String prints every field.
func (f Floor) String() string {
	return fmt.Sprintf("speech %.1f s, SNR %g dB, clipped %g", f.NetSpeech.Seconds(), f.SNRdB, f.Clipped)
}

// Check returns what of q lies below the floor; nothing when all is well.
func (f Floor) Check(q Quality) []Reason {
	var out []Reason
	switch {
	case q.NetSpeech == 0:
		out = append(out, Reason{CodeNoSpeech, "no speech was heard"})
	case q.NetSpeech < f.NetSpeech:
		out = append(out, Reason{CodeTooLittleSpeech, fmt.Sprintf("%.1f s of net speech, want at least %.1f s", q.NetSpeech.Seconds(), f.NetSpeech.Seconds())})
	}
	if q.SNRdB < f.SNRdB { // false for NaN
		out = append(out, Reason{CodeTooNoisy, fmt.Sprintf("SNR of %.1f dB, want at least %.1f dB", q.SNRdB, f.SNRdB)})
	}
	if q.Clipped > f.Clipped {
		out = append(out, Reason{CodeClipped, fmt.Sprintf("%.1f %% of the samples are clipped, want at most %.1f %%", 100*q.Clipped, 100*f.Clipped)})
	}
	return out
}

// QualityError is an enrolment that was refused, with every reason. It unwraps to ErrQuality, and to ErrDuplicate when all of the
// audio was enrolled before.
type QualityError struct {
	Reasons []Reason
}

// Error names every reason.
func (e *QualityError) Error() string {
	texts := make([]string, len(e.Reasons))
	for i, r := range e.Reasons {
		texts[i] = r.Code + ": " + r.Text
	}
	return ErrQuality.Error() + ": " + strings.Join(texts, "; ")
}

// Unwrap makes errors.Is find the sentinels.
func (e *QualityError) Unwrap() []error {
	out := []error{ErrQuality}
	all := len(e.Reasons) > 0
	for _, r := range e.Reasons {
		all = all && r.Code == CodeSameAudio
	}
	if all {
		out = append(out, ErrDuplicate)
	}
	return out
}
