package voiceprint

import (
	"fmt"
	"slices"
)

// JudgedTrial is a trial of which the LLR under the model's calibration is all that was kept, and which of the two it was in truth.
type JudgedTrial struct {
	Target                    bool
	LLR                       float64
	EnrolSpeaker, TestSpeaker string // as in CalibrationTrial
}

// Recalibrate returns the calibration of m with an affine map laid over it, LLR' = scale·LLR + offset, and with thresholds on LLR' as far as
// the trials support them. Both are fitted as FitCalibration fits, and refused as it refuses; o.Terms is not looked at. What LLR looks
// at beside the score keeps its share. Errors: ErrUncalib without a calibration, ErrCalibrate, ErrOptions.
func (m *Model) Recalibrate(trials []JudgedTrial, o FitOptions) (*Calibration, error) {
	if m.calibration == nil {
		return nil, fmt.Errorf("%w: want the calibration that the trials were judged with", ErrUncalib)
	}
	o.Terms = []string{TermScore} // which the LLR stands in for
	fit := make([]CalibrationTrial, len(trials))
	for i, t := range trials {
		fit[i] = CalibrationTrial{Target: t.Target, Score: t.LLR, EnrolSpeaker: t.EnrolSpeaker, TestSpeaker: t.TestSpeaker}
	}
	over, err := m.FitCalibration(fit, o)
	if err != nil {
		return nil, err
	}
	scale, offset := over.Terms[0].Weight, over.Bias
	c := *m.calibration
	c.Bias = scale*c.Bias + offset
	c.Terms = slices.Clone(c.Terms)
	for i := range c.Terms {
		c.Terms[i].Weight *= scale
	}
	c.Thresholds, c.Withheld, c.Fit = over.Thresholds, over.Withheld, over.Fit
	return &c, c.Validate()
}
