package models

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"
)

// Sentinels of this package.
var (
	ErrNotFound  = errors.New("models: no such model")
	ErrManifest  = errors.New("models: bad manifest")
	ErrIntegrity = errors.New("models: weights are not the ones of the manifest")
	ErrMismatch  = errors.New("models: model does not fit")
)

// Licence classes.
const (
	Permissive    = "permissive"     // any use, keep the notice
	ShareAlike    = "share-alike"    // any use, pass on under the same terms
	NonCommercial = "non-commercial" // trying out only, until the user accepts the licence
)

// LicenceClasses returns the classes from the freest to the strictest.
func LicenceClasses() []string { return []string{Permissive, ShareAlike, NonCommercial} }

// Data is one source that a model was trained on.
type Data struct {
	Name    string `json:"name"`
	What    string `json:"what"`
	Licence string `json:"licence"`
}

// File is one more file of an artefact, for what is neither manifest, weights nor card: it may change without new weights.
type File struct {
	Name   string `json:"name"`   // in the folder: lower case, ending in .json or .safetensors
	Bytes  int64  `json:"bytes"`  // size
	SHA256 string `json:"sha256"` // 64 hex digits
}

// Manifest says what an artefact is. All fields but the last are required.
type Manifest struct {
	Name         string   `json:"name"`            // folder name: <task>-<arch>-v<N>
	Task         string   `json:"task"`            // what it computes, as "vad"
	Arch         string   `json:"arch"`            // kind of network, as "gru"
	Version      string   `json:"version"`         // of the weights: a new training is a new version
	Summary      string   `json:"summary"`         // one sentence
	Created      string   `json:"created"`         // date, YYYY-MM-DD
	SampleRateHz int      `json:"sample_rate_hz"`  // rate of the audio it was trained for
	Features     string   `json:"features"`        // feature options as their String prints them; a loader compares the text
	InputDims    int      `json:"input_dims"`      // D of an input row
	OutputDims   int      `json:"output_dims"`     // D of an output row
	Classes      []string `json:"classes"`         // names of the output dims, empty for an embedding
	Params       int      `json:"params"`          // values in the weights file
	WeightsType  string   `json:"weights_type"`    // F32, F16 or I8
	WeightsBytes int64    `json:"weights_bytes"`   // size of weights.safetensors
	SHA256       string   `json:"sha256"`          // of weights.safetensors, 64 hex digits
	Licence      string   `json:"licence"`         // of the weights, SPDX identifier
	LicenceClass string   `json:"licence_class"`   // permissive, share-alike or non-commercial
	TrainingData []Data   `json:"training_data"`   // every source
	Recipe       string   `json:"recipe"`          // folder of the recipe, from the root of the repository
	Files        []File   `json:"files,omitempty"` // further files, as the calibration of a speaker model
}

// maxManifest bounds what is read as a manifest.
const maxManifest = 1 << 20

// nameForm ties the folder name to task and arch.
var nameForm = regexp.MustCompile(`^([a-z0-9]+)-([a-z0-9]+)-v([0-9]+)$`)

// fileForm keeps further files in the folder and within what the program embeds.
var fileForm = regexp.MustCompile(`^[a-z0-9_-]{1,64}\.(json|safetensors)$`)

// ParseManifest reads and checks a manifest. Unknown fields and trailing text are refused, so that a misspelt field is not
// silently dropped. Errors: ErrManifest, with every problem listed.
func ParseManifest(b []byte) (Manifest, error) {
	var m Manifest
	if len(b) > maxManifest {
		return m, fmt.Errorf("%w: %d bytes, want at most %d", ErrManifest, len(b), maxManifest)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return m, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return m, fmt.Errorf("%w: text after the object", ErrManifest)
	}
	return m, m.Validate()
}

// Validate reports every field that is missing or out of range, as ErrManifest.
func (m Manifest) Validate() error {
	var errs []error
	bad := func(field string, v any, want string) {
		errs = append(errs, fmt.Errorf("%w: %s: %#v, want %s", ErrManifest, field, v, want))
	}
	if p := nameForm.FindStringSubmatch(m.Name); p == nil || p[1] != m.Task || p[2] != m.Arch {
		bad("name", m.Name, fmt.Sprintf("task-arch-vN = %s-%s-vN", m.Task, m.Arch))
	}
	for _, f := range []struct{ name, v string }{{"version", m.Version}, {"summary", m.Summary}, {"features", m.Features},
		{"licence", m.Licence}, {"recipe", m.Recipe}} {
		if f.v == "" {
			bad(f.name, f.v, "some text")
		}
	}
	if _, err := time.Parse(time.DateOnly, m.Created); err != nil {
		bad("created", m.Created, "a date YYYY-MM-DD")
	}
	if m.SampleRateHz < 8000 || m.SampleRateHz > 48000 {
		bad("sample_rate_hz", m.SampleRateHz, "8000 to 48000")
	}
	for _, f := range []struct {
		name string
		v    int
	}{{"input_dims", m.InputDims}, {"output_dims", m.OutputDims}, {"params", m.Params}} {
		if f.v < 1 {
			bad(f.name, f.v, "1 or more")
		}
	}
	if len(m.Classes) != 0 && len(m.Classes) != m.OutputDims {
		bad("classes", m.Classes, fmt.Sprintf("none or output_dims = %d names", m.OutputDims))
	}
	if !slices.Contains([]string{"F32", "F16", "I8"}, m.WeightsType) {
		bad("weights_type", m.WeightsType, "F32, F16 or I8")
	}
	if m.WeightsBytes < 8 {
		bad("weights_bytes", m.WeightsBytes, "8 or more")
	}
	if h, err := hex.DecodeString(m.SHA256); err != nil || len(h) != 32 {
		bad("sha256", m.SHA256, "64 hex digits")
	}
	if !slices.Contains(LicenceClasses(), m.LicenceClass) {
		bad("licence_class", m.LicenceClass, fmt.Sprintf("one of %q", LicenceClasses()))
	}
	if len(m.TrainingData) == 0 {
		bad("training_data", m.TrainingData, "at least one source")
	}
	for i, d := range m.TrainingData {
		if d.Name == "" || d.What == "" || d.Licence == "" {
			bad(fmt.Sprintf("training_data[%d]", i), d, "name, what and licence")
		}
	}
	seen := map[string]bool{manifestFile: true, weightsFile: true}
	for i, f := range m.Files {
		h, err := hex.DecodeString(f.SHA256)
		if !fileForm.MatchString(f.Name) || seen[f.Name] || f.Bytes < 1 || f.Bytes > maxWeights || err != nil || len(h) != 32 {
			bad(fmt.Sprintf("files[%d]", i), f, "a name of its own like scoring.safetensors or calibration.json, bytes and sha256")
		}
		seen[f.Name] = true
	}
	return errors.Join(errs...)
}

// Want is what a caller needs of a model; the zero value of a field means that any will do.
type Want struct {
	Task         string
	SampleRateHz int
	Features     string
	InputDims    int
	OutputDims   int
}

// Fits returns nil when m is what w asks for, else ErrMismatch with every difference.
func (m Manifest) Fits(w Want) error {
	var errs []error
	if w.Task != "" && m.Task != w.Task {
		errs = append(errs, fmt.Errorf("%w: %s: task %q, want %q", ErrMismatch, m.Name, m.Task, w.Task))
	}
	if w.Features != "" && m.Features != w.Features {
		errs = append(errs, fmt.Errorf("%w: %s: features %q, want %q", ErrMismatch, m.Name, m.Features, w.Features))
	}
	for _, f := range []struct {
		name       string
		have, want int
	}{{"sample rate", m.SampleRateHz, w.SampleRateHz}, {"input dims", m.InputDims, w.InputDims}, {"output dims", m.OutputDims, w.OutputDims}} {
		if f.want != 0 && f.have != f.want {
			errs = append(errs, fmt.Errorf("%w: %s: %s %d, want %d", ErrMismatch, m.Name, f.name, f.have, f.want))
		}
	}
	return errors.Join(errs...)
}
