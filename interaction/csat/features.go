package csat

import (
	"errors"
	"math"

	"github.com/timbre-voice/timbre/interaction"
)

// The features, in the order of Features.
const (
	angerPeak = iota
	angerEnd
	arousalOverall
	arousalEnd
	talkShare
	overtalkShare
	interruptionRate
	nonTalkShare
	logMinutes
	numFeatures
)

var featureNames = [numFeatures]string{"anger_peak", "anger_end", "arousal_overall", "arousal_end", "customer_talk_share", "overtalk_share",
	"interruptions_per_minute", "non_talk_share", "log_minutes"}

// Features is what a prediction stands on. A value that a record does not have is NaN and counts as the mean of the calibration.
type Features [numFeatures]float64

// ErrNoAffect reports a record in which no customer has affect with a probability of anger.
var ErrNoAffect = errors.New("csat: no affect of a customer with a peak of anger in the record")

// Measure takes the features of a record, of the customer with the most scored speech. It returns ErrNoAffect where there is none.
func Measure(r *interaction.Interaction) (Features, error) {
	var a *interaction.Affect
	for i := range r.Affect {
		c := &r.Affect[i]
		for _, p := range r.Participants {
			if p.ID == c.ParticipantID && p.Role == interaction.RoleCustomer && c.PeakNegative != nil && (a == nil || c.Overall.SpeechMs > a.Overall.SpeechMs) {
				a = c
			}
		}
	}
	var x Features
	for i := range x {
		x[i] = math.NaN()
	}
	if a == nil {
		return x, ErrNoAffect
	}
	x[angerPeak], x[angerEnd] = a.PeakNegative.Anger, a.End.Anger
	x[arousalOverall], x[arousalEnd] = a.Overall.Arousal, a.End.Arousal
	c := r.Conversation
	if c == nil || c.TotalConversationDurationMs <= 0 {
		return x, nil
	}
	minutes := float64(c.TotalConversationDurationMs) / 60_000
	share := func(ms int64) float64 { return float64(ms) / float64(c.TotalConversationDurationMs) }
	x[nonTalkShare], x[logMinutes] = share(c.NonTalkTime.TotalMs), math.Log(minutes)
	if t, ok := c.TalkTime.ByRole[interaction.RoleCustomer]; ok {
		x[talkShare] = t.Share
	}
	if c.Overtalk != nil {
		x[overtalkShare] = share(c.Overtalk.TotalMs)
	}
	if c.Interruptions != nil {
		x[interruptionRate] = float64(c.Interruptions.TotalCount) / minutes
	}
	return x, nil
}

// scale holds the mean and the standard deviation of each feature over some calls.
type scale struct{ mean, sd Features }

// maxZ bounds how far a feature may lie from the mean of the calibration, in standard deviations: beyond it the model saw next
// to nothing.
const maxZ = 3

// newScale measures calls. A feature that never varies, or that no call has, gets a standard deviation of 1 and so no say.
func newScale(calls []Call) scale {
	var s scale
	for i := range numFeatures {
		var n, sum, squares float64
		for _, c := range calls {
			if x := c.X[i]; !math.IsNaN(x) {
				n++
				sum += x
			}
		}
		s.sd[i] = 1
		if n == 0 {
			continue
		}
		s.mean[i] = sum / n
		for _, c := range calls {
			if x := c.X[i]; !math.IsNaN(x) {
				squares += (x - s.mean[i]) * (x - s.mean[i])
			}
		}
		if sd := math.Sqrt(squares / n); sd > 1e-9 {
			s.sd[i] = sd
		}
	}
	return s
}

// apply returns x in standard deviations from the mean, 0 for what was not measured.
func (s *scale) apply(x Features) Features {
	var z Features
	for i := range x {
		if !math.IsNaN(x[i]) {
			z[i] = min(max((x[i]-s.mean[i])/s.sd[i], -maxZ), maxZ)
		}
	}
	return z
}
