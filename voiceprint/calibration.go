package voiceprint

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// The quantities that a calibration may look at. Each is a function of the score and of the quality of both sides.
const (
	TermScore       = "score"              // as Model.Score gives it
	TermEnrolSpeech = "ln_enrol_s"         // natural log of the seconds of net speech enrolled
	TermTestSpeech  = "ln_test_s"          // and of the seconds tested
	TermScoreSpeech = "score_x_ln_least_s" // score times the natural log of the shorter of the two
	TermSNR         = "least_snr_db"       // SNR of the noisier side
	TermBandwidth   = "least_bandwidth_hz" // band edge of the narrower side
)

// Terms returns every quantity that a calibration may look at, the score first.
func Terms() []string {
	return []string{TermScore, TermEnrolSpeech, TermTestSpeech, TermScoreSpeech, TermSNR, TermBandwidth}
}

// Term is one quantity with its weight.
type Term struct {
	Name   string  `json:"name"`   // one of Terms
	Weight float64 `json:"weight"` // LLR per unit
	// Low and High bound the quantity to what was seen in the fit, so that nothing is extrapolated; the score itself and its
	// product are not bounded, only the speech in the product.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	Mean float64 `json:"mean"` // stands in where the quantity could not be measured
}

// Threshold is the LLR that holds a false match rate, as far as the trials of the fit can tell.
type Threshold struct {
	FMR       float64 `json:"fmr"`       // the rate wanted
	LLR       float64 `json:"llr"`       // accept at or above it
	LLRLow    float64 `json:"llr_low"`   // interval of the threshold, by speakers
	LLRHigh   float64 `json:"llr_high"`  //
	FMRLow    float64 `json:"fmr_low"`   // interval of the rate at the threshold
	FMRHigh   float64 `json:"fmr_high"`  //
	FNMR      float64 `json:"fnmr"`      // refused targets at the threshold
	FNMRLow   float64 `json:"fnmr_low"`  // interval
	FNMRHigh  float64 `json:"fnmr_high"` //
	Statement string  `json:"statement"` // the numbers behind it, in words
}

// Fit tells what a calibration was fitted on.
type Fit struct {
	Data       string  `json:"data"`       // in words, from the caller
	Targets    int     `json:"targets"`    // trials
	Nontargets int     `json:"nontargets"` //
	Speakers   int     `json:"speakers"`   // distinct, on either side
	PTarget    float64 `json:"p_target"`   // effective prior that the fit was weighted for
	Ridge      float64 `json:"ridge"`      // penalty on the standardised weights
	Cllr       float64 `json:"cllr"`       // in bits, on the trials of the fit
	MinCllr    float64 `json:"min_cllr"`
}

// Calibration maps a score and the quality of both sides to a natural-log likelihood ratio:
//
//	LLR = Bias + Σ Weight·quantity
//
// It belongs to one model and one kind of score. It never changes and is safe for concurrent use. The JSON form is read by
// ParseCalibration.
type Calibration struct {
	Model      ModelID
	Scoring    string
	Bias       float64
	Terms      []Term
	Thresholds []Threshold // by falling FMR; only those that the trials support
	Withheld   []string    // why a threshold is not offered, in words
	Fit        Fit
}

// calibrationJSON is the file, version 1.
type calibrationJSON struct {
	Schema     string      `json:"schema"`
	Model      string      `json:"model"`
	Version    string      `json:"version"`
	SHA256     string      `json:"sha256"`
	Scoring    string      `json:"scoring"`
	Bias       float64     `json:"bias"`
	Terms      []Term      `json:"terms"`
	Thresholds []Threshold `json:"thresholds"`
	Withheld   []string    `json:"withheld"`
	Fit        Fit         `json:"fit"`
}

const calibrationSchema = "timbre.calibration/1"

// maxCalibration bounds what is read.
const maxCalibration = 1 << 20

// MarshalJSON writes the file.
func (c *Calibration) MarshalJSON() ([]byte, error) {
	return json.Marshal(calibrationJSON{calibrationSchema, c.Model.Name, c.Model.Version, hex.EncodeToString(c.Model.SHA256[:]), c.Scoring,
		c.Bias, c.Terms, c.Thresholds, c.Withheld, c.Fit})
}

// ParseCalibration reads a calibration file strictly: no field unknown or missing its range, no text after it. Errors: ErrFormat.
func ParseCalibration(b []byte) (*Calibration, error) {
	if len(b) > maxCalibration {
		return nil, fmt.Errorf("%w: %d bytes, want at most %d", ErrFormat, len(b), maxCalibration)
	}
	var f calibrationJSON
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: text after the object", ErrFormat)
	}
	if f.Schema != calibrationSchema {
		return nil, fmt.Errorf("%w: schema %q, want %q", ErrFormat, f.Schema, calibrationSchema)
	}
	c := &Calibration{Model: ModelID{Name: f.Model, Version: f.Version}, Scoring: f.Scoring, Bias: f.Bias, Terms: f.Terms,
		Thresholds: f.Thresholds, Withheld: f.Withheld, Fit: f.Fit}
	if sum, err := hex.DecodeString(f.SHA256); err != nil || len(sum) != len(c.Model.SHA256) {
		return nil, fmt.Errorf("%w: sha256 %q, want 64 hex digits", ErrFormat, f.SHA256)
	} else {
		copy(c.Model.SHA256[:], sum)
	}
	return c, c.Validate()
}

// Validate returns every fault of c as ErrFormat. A score that counts against the speaker anywhere is one.
func (c *Calibration) Validate() error {
	var errs []error
	bad := func(format string, a ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrFormat}, a...)...))
	}
	if c.Model.Name == "" || c.Model.Version == "" || c.Scoring == "" {
		bad("model %q, version %q, scoring %q, want all three", c.Model.Name, c.Model.Version, c.Scoring)
	}
	if !within(c.Bias, 1e4) {
		bad("bias %g, want within ±10000", c.Bias)
	}
	seen := map[string]bool{}
	for _, t := range c.Terms {
		if !slices.Contains(Terms(), t.Name) || seen[t.Name] {
			bad("term %q, want each of %q at most once", t.Name, Terms())
		}
		seen[t.Name] = true
		if !within(t.Weight, 1e4) || !within(t.Low, 1e6) || !within(t.High, 1e6) || !within(t.Mean, 1e6) || t.Low > t.Mean || t.Mean > t.High {
			bad("term %s: weight %g, low %g, mean %g, high %g, want finite and low <= mean <= high", t.Name, t.Weight, t.Low, t.Mean, t.High)
		}
	}
	if s := c.slope(); !(s > 0) {
		bad("the LLR rises by %g per unit of score where it rises least, want above 0", s)
	}
	for i, t := range c.Thresholds {
		if !(t.FMR > 0 && t.FMR < 1) || !within(t.LLR, 1e4) || i > 0 && t.FMR >= c.Thresholds[i-1].FMR {
			bad("threshold %d: fmr %g, llr %g, want falling rates in (0, 1) and a finite LLR", i, t.FMR, t.LLR)
		}
	}
	if c.Fit.Targets < 1 || c.Fit.Nontargets < 1 || !(c.Fit.PTarget > 0 && c.Fit.PTarget < 1) {
		bad("fit on %d targets and %d nontargets at p_target %g, want some of both and a prior in (0, 1)", c.Fit.Targets, c.Fit.Nontargets, c.Fit.PTarget)
	}
	return errors.Join(errs...)
}

func within(v, limit float64) bool { return v >= -limit && v <= limit }

// slope returns the least rise of the LLR with the score, over all that the other quantities may be.
func (c *Calibration) slope() float64 {
	var s, product float64
	for _, t := range c.Terms {
		switch t.Name {
		case TermScore:
			s = t.Weight
		case TermScoreSpeech:
			product = min(t.Weight*t.Low, t.Weight*t.High)
		}
	}
	return s + product
}

// LLR returns the natural-log likelihood ratio of one speaker over two for a trial with that score and those qualities.
func (c *Calibration) LLR(score float64, enrol, test Quality) float64 {
	llr := c.Bias
	for i := range c.Terms {
		t := &c.Terms[i]
		v := quantity(t.Name, score, enrol, test)
		if t.Name == TermScore {
			llr += t.Weight * v
			continue
		}
		if math.IsNaN(v) {
			v = t.Mean
		}
		v = min(max(v, t.Low), t.High)
		if t.Name == TermScoreSpeech {
			v *= score
		}
		llr += t.Weight * v
	}
	return llr
}

// quantity returns the value of a term, that of TermScoreSpeech without the score; NaN where it could not be measured.
func quantity(name string, score float64, enrol, test Quality) float64 {
	ln := func(q Quality) float64 { return math.Log(max(q.NetSpeech.Seconds(), 0.1)) }
	least := func(a, b float64) float64 { // of what is known
		switch {
		case math.IsNaN(a):
			return b
		case math.IsNaN(b):
			return a
		}
		return min(a, b)
	}
	switch name {
	case TermScore:
		return score
	case TermEnrolSpeech:
		return ln(enrol)
	case TermTestSpeech:
		return ln(test)
	case TermScoreSpeech:
		return min(ln(enrol), ln(test))
	case TermSNR:
		return least(enrol.SNRdB, test.SNRdB)
	case TermBandwidth:
		return least(enrol.BandwidthHz, test.BandwidthHz)
	}
	return math.NaN()
}

// Threshold returns the threshold of a false match rate; false when the trials of the fit did not support one.
func (c *Calibration) Threshold(fmr float64) (Threshold, bool) {
	for _, t := range c.Thresholds {
		if math.Abs(t.FMR-fmr) <= 1e-9 {
			return t, true
		}
	}
	return Threshold{}, false
}
