package csat

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/timbre-voice/timbre/interaction"
)

// SchemaID is the value of Model.Schema in every file that this package writes.
const SchemaID = "timbre.csat/1"

// maxModelBytes bounds a model file; ours are of a few kilobytes.
const maxModelBytes = 1 << 16

// Model is a site's calibration. Safe for concurrent use; not to be changed after Parse or Calibrate.
type Model struct {
	Schema     string     `json:"schema"`     // SchemaID
	Features   []Feature  `json:"features"`   // all of them, in the order of Features
	Thresholds []float64  `json:"thresholds"` // between the answers 1 to 5, ascending
	Penalty    float64    `json:"penalty"`    // ridge, chosen by cross-validation
	Validation Validation `json:"validation"`
	Response   []Band     `json:"response"` // by rising anger
}

// Feature is one feature with its scale and its say. A positive weight raises the answer.
type Feature struct {
	Name   string  `json:"name"`
	Mean   float64 `json:"mean"`
	SD     float64 `json:"sd"`
	Weight float64 `json:"weight"` // per standard deviation
}

// Validation says how well answers were predicted that the fit had not seen, in folds, the penalty chosen anew within each. The
// reference predicts each answer by how often it was given. Losses are mean negative natural-log probabilities.
type Validation struct {
	Calls            int     `json:"calls"`
	Answers          int     `json:"answers"`
	Folds            int     `json:"folds"`
	LogLoss          float64 `json:"log_loss"`
	LogLossReference float64 `json:"log_loss_reference"`
	MAE              float64 `json:"mae"` // mean absolute error of the predicted mean
	MAEReference     float64 `json:"mae_reference"`
	Coverage         float64 `json:"coverage"`       // share of the answers inside their 95 % interval
	MeanAnswer       float64 `json:"mean_answer"`    // of those who answered
	MeanPredicted    float64 `json:"mean_predicted"` // of all calls
}

// Band says how many of the calls of one band of peak anger answered, with the 95 % interval of the share.
type Band struct {
	Name          string   `json:"name"`       // calm, raised or angry
	AngerFrom     float64  `json:"anger_from"` // the band holds peaks of anger from here on
	Calls         int      `json:"calls"`
	Answers       int      `json:"answers"`
	Rate          *float64 `json:"rate,omitempty"` // absent without calls, as the rest
	RateLow       *float64 `json:"rate_low,omitempty"`
	RateHigh      *float64 `json:"rate_high,omitempty"`
	MeanAnswer    *float64 `json:"mean_answer,omitempty"` // absent without answers
	MeanPredicted *float64 `json:"mean_predicted,omitempty"`
}

// Predict returns the mean answer to a call of features x and the interval of answers that holds 95 % of them.
func (m *Model) Predict(x Features) interaction.PredictedCSAT {
	s, o := m.parts()
	value, low, high := summarise(o.probabilities(s.apply(x)))
	return interaction.PredictedCSAT{Value: value, Low: low, High: high}
}

// summarise returns the mean of p, rounded, and the whole answers between which 95 % lie, widened to hold the mean.
func summarise(p [answers]float64) (value, low, high float64) {
	below := 0.0
	for k, q := range p {
		answer := float64(k + 1)
		value += answer * q
		below += q
		if low == 0 && below >= 0.025 {
			low = answer
		}
		if high == 0 && below >= 0.975-1e-12 {
			high = answer
		}
	}
	value = min(max(math.Round(value*100)/100, 1), answers)
	return value, min(low, math.Floor(value)), max(high, math.Ceil(value))
}

func (m *Model) parts() (s scale, o ordinal) {
	for i, f := range m.Features {
		s.mean[i], s.sd[i], o.weight[i] = f.Mean, f.SD, f.Weight
	}
	copy(o.cut[:], m.Thresholds)
	return s, o
}

// Identity names the model for a record's governance group; the hash is that of its JSON. The weights are the site's own.
func (m *Model) Identity() interaction.Model {
	b, err := json.Marshal(m)
	if err != nil {
		panic("csat: a validated model holds only finite numbers: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return interaction.Model{Name: "csat-ordinal", Version: SchemaID, SHA256: hex.EncodeToString(sum[:]), LicenceClass: "site"}
}

// Write writes m as JSON, for Parse.
func (m *Model) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(m)
}

// Parse reads a model and refuses unknown fields and whatever Validate refuses.
func Parse(data []byte) (*Model, error) {
	if len(data) > maxModelBytes {
		return nil, fmt.Errorf("csat: model: %d bytes, want at most %d", len(data), maxModelBytes)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	m := &Model{}
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("csat: model: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("csat: model: more after the document, want one JSON object")
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return m, nil
}

// Validate lists everything that is wrong with m.
func (m *Model) Validate() error {
	var errs []error
	bad := func(path string, value any, want string) {
		errs = append(errs, fmt.Errorf("csat: model: %s: %v, want %s", path, value, want))
	}
	within := func(path string, x, low, high float64) {
		if math.IsNaN(x) || x < low || x > high {
			bad(path, x, fmt.Sprintf("%g to %g", low, high))
		}
	}
	share := func(path string, x *float64, low, high float64) {
		if x != nil {
			within(path, *x, low, high)
		}
	}
	const large = 1e6
	if m.Schema != SchemaID {
		bad("schema", fmt.Sprintf("%q", m.Schema), SchemaID)
	}
	if len(m.Features) != numFeatures {
		bad("features", len(m.Features), fmt.Sprint(numFeatures))
	}
	for i, f := range m.Features[:min(len(m.Features), numFeatures)] {
		path := fmt.Sprintf("features[%d].", i)
		if f.Name != featureNames[i] {
			bad(path+"name", fmt.Sprintf("%q", f.Name), featureNames[i])
		}
		within(path+"mean", f.Mean, -large, large)
		within(path+"sd", f.SD, 1e-9, large)
		within(path+"weight", f.Weight, -100, 100)
	}
	if len(m.Thresholds) != cuts {
		bad("thresholds", len(m.Thresholds), fmt.Sprint(cuts))
	}
	for i, t := range m.Thresholds {
		within(fmt.Sprintf("thresholds[%d]", i), t, -100, 100)
		if i > 0 && !(t > m.Thresholds[i-1]) {
			bad(fmt.Sprintf("thresholds[%d]", i), t, fmt.Sprintf("more than %g", m.Thresholds[i-1]))
		}
	}
	within("penalty", m.Penalty, 0, large)
	v := m.Validation
	within("validation.answers", float64(v.Answers), MinAnswers, large*large)
	within("validation.calls", float64(v.Calls), float64(v.Answers), large*large)
	within("validation.folds", float64(v.Folds), 2, 100)
	within("validation.log_loss", v.LogLoss, 0, large)
	within("validation.log_loss_reference", v.LogLossReference, 0, large)
	within("validation.mae", v.MAE, 0, cuts)
	within("validation.mae_reference", v.MAEReference, 0, cuts)
	within("validation.coverage", v.Coverage, 0, 1)
	within("validation.mean_answer", v.MeanAnswer, 1, answers)
	within("validation.mean_predicted", v.MeanPredicted, 1, answers)
	if len(m.Response) != len(bands) {
		bad("response", len(m.Response), fmt.Sprint(len(bands)))
	}
	for i, b := range m.Response[:min(len(m.Response), len(bands))] {
		path := fmt.Sprintf("response[%d].", i)
		if b.Name != bands[i].name || b.AngerFrom != bands[i].from {
			bad(path+"name", fmt.Sprintf("%q from %g", b.Name, b.AngerFrom), fmt.Sprintf("%q from %g", bands[i].name, bands[i].from))
		}
		within(path+"calls", float64(b.Calls), 0, large*large)
		within(path+"answers", float64(b.Answers), 0, float64(b.Calls))
		share(path+"rate", b.Rate, 0, 1)
		share(path+"rate_low", b.RateLow, 0, 1)
		share(path+"rate_high", b.RateHigh, 0, 1)
		share(path+"mean_answer", b.MeanAnswer, 1, answers)
		share(path+"mean_predicted", b.MeanPredicted, 1, answers)
	}
	return errors.Join(errs...)
}
