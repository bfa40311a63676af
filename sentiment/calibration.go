package sentiment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

// ErrCalibration says that a file is no calibration.
var ErrCalibration = errors.New("sentiment: bad calibration")

// CalibrationFile is the file of an artefact that holds its Calibration, where it has one.
const CalibrationFile = "calibration.json"

const calibrationSchema = "timbre.emotion-calibration/1"

const (
	maxCalibration = 1 << 16 // bytes of a file
	maxOffset      = 10.0    // of a logit; further than any that training shows
	maxScale       = 10.0
)

// Calibration fits the scores of a model to a site's own calls. On a line and in a language that training never heard, the classes are
// shifted as a whole and the model is too sure of them; a scale and one offset a class are what a few dozen labelled clips can tell
// (vector scaling with a common scale, after Guo et al. 2017). What is put right differs with what is known of the speaker: a segment goes
// from Alone to Known as r, see Normaliser, goes from 0 to what knownSeconds of speech make it.
type Calibration struct {
	Alone View
	Known View
	Fit   Fit
}

// knownSeconds is the history at which Known holds.
const knownSeconds = 60.0

// View is what is done to the logits of a segment.
type View struct {
	Classes Scaling[[NumClasses]float64] `json:"classes"`
	Arousal Scaling[float64]             `json:"arousal"`
}

// Scaling makes Scale·l + Offset of logits l behind their temperature. Scale is above 0.
type Scaling[T any] struct {
	Scale  float64 `json:"scale"`
	Offset T       `json:"offset"`
}

// Fit tells what a calibration was fitted on. It changes no score.
type Fit struct {
	Data     string          `json:"data"` // in words
	Clips    int             `json:"clips"`
	Speakers int             `json:"speakers"` // 0 where the clips do not name them
	Counts   [NumClasses]int `json:"counts"`   // clips of each class
}

// calibrationJSON is the file, version 1.
type calibrationJSON struct {
	Schema string `json:"schema"`
	Alone  View   `json:"alone"`
	Known  View   `json:"known"`
	Fit    Fit    `json:"fit"`
}

// Identity returns the view that changes nothing.
func Identity() View {
	return View{Scaling[[NumClasses]float64]{Scale: 1}, Scaling[float64]{Scale: 1}}
}

// NoCalibration returns the calibration that changes nothing.
func NoCalibration() Calibration { return Calibration{Alone: Identity(), Known: Identity()} }

// MarshalJSON writes the file that ParseCalibration reads.
func (c Calibration) MarshalJSON() ([]byte, error) {
	return json.Marshal(calibrationJSON{calibrationSchema, c.Alone, c.Known, c.Fit})
}

// ParseCalibration reads a calibration file strictly: no field unknown or out of range, no text after it. Errors: ErrCalibration.
func ParseCalibration(b []byte) (Calibration, error) {
	if len(b) > maxCalibration {
		return Calibration{}, fmt.Errorf("%w: %d bytes, want at most %d", ErrCalibration, len(b), maxCalibration)
	}
	var f calibrationJSON
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return Calibration{}, fmt.Errorf("%w: %w", ErrCalibration, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return Calibration{}, fmt.Errorf("%w: text after the object", ErrCalibration)
	}
	if f.Schema != calibrationSchema {
		return Calibration{}, fmt.Errorf("%w: schema %q, want %q", ErrCalibration, f.Schema, calibrationSchema)
	}
	c := Calibration{f.Alone, f.Known, f.Fit}
	return c, c.Validate()
}

// Validate returns what is out of range as ErrCalibration.
func (c Calibration) Validate() error {
	for _, v := range []struct {
		name    string
		scale   float64
		offsets []float64
	}{
		{"classes alone", c.Alone.Classes.Scale, c.Alone.Classes.Offset[:]}, {"arousal alone", c.Alone.Arousal.Scale, []float64{c.Alone.Arousal.Offset}},
		{"classes known", c.Known.Classes.Scale, c.Known.Classes.Offset[:]}, {"arousal known", c.Known.Arousal.Scale, []float64{c.Known.Arousal.Offset}},
	} {
		if !(v.scale > 0 && v.scale <= maxScale) {
			return fmt.Errorf("%w: %s: scale %g, want above 0, at most %g", ErrCalibration, v.name, v.scale, maxScale)
		}
		for _, o := range v.offsets {
			if !(math.Abs(o) <= maxOffset) {
				return fmt.Errorf("%w: %s: offset %g, want within ±%g", ErrCalibration, v.name, o, maxOffset)
			}
		}
	}
	return nil
}

// at returns what holds for a segment behind a history of reliability r.
func (c Calibration) at(r float64) View {
	w := min(r*(knownSeconds+MeanSeconds)/knownSeconds, 1)
	mix := func(a, b float64) float64 { return a + w*(b-a) }
	v := View{
		Scaling[[NumClasses]float64]{Scale: mix(c.Alone.Classes.Scale, c.Known.Classes.Scale)},
		Scaling[float64]{mix(c.Alone.Arousal.Scale, c.Known.Arousal.Scale), mix(c.Alone.Arousal.Offset, c.Known.Arousal.Offset)},
	}
	for i := range v.Classes.Offset {
		v.Classes.Offset[i] = mix(c.Alone.Classes.Offset[i], c.Known.Classes.Offset[i])
	}
	return v
}

// Apply returns what a model with this view says where one without a calibration said s. A probability of 0 or 1 is taken for one of
// 1e-7 or of that much less than 1: what was rounded away cannot be scaled.
func (v View) Apply(s Score) Score {
	const least = 1e-7
	var l [NumClasses]float64
	for i, p := range s.Probabilities {
		l[i] = math.Log(max(float64(p), least))
	}
	a := min(max(float64(s.Arousal), least), 1-least)
	return v.score(l, math.Log(a/(1-a)))
}

// score turns logits behind their temperatures into a score.
func (v View) score(classes [NumClasses]float64, arousal float64) Score {
	top := math.Inf(-1)
	for i, l := range classes {
		classes[i] = v.Classes.Scale*l + v.Classes.Offset[i]
		top = max(top, classes[i])
	}
	var p [NumClasses]float64
	sum := 0.0
	for i, l := range classes {
		p[i] = math.Exp(l - top)
		sum += p[i]
	}
	var s Score
	for i, x := range p {
		s.Probabilities[i] = float32(x / sum)
	}
	s.Arousal = float32(1 / (1 + math.Exp(-(v.Arousal.Scale*arousal + v.Arousal.Offset))))
	s.Valence = s.Probabilities[Happy] + s.Probabilities[Neutral]/2
	return s
}
