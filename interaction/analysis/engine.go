package analysis

import (
	"fmt"

	"github.com/timbre-voice/timbre/engine/vad"
	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/models"
)

// speechModel is the shipped model that tells speech from other sounds.
const speechModel = "vad-gru-v1"

// Engine holds the loaded models, shared by all sessions. Safe for concurrent use.
type Engine struct {
	vad    vad.Options
	net    *vad.Net
	models []interaction.Model
}

// NewEngine loads the shipped models and checks that they are intact.
func NewEngine() (*Engine, error) {
	a, err := models.Load(speechModel)
	if err != nil {
		return nil, fmt.Errorf("analysis: %w", err)
	}
	net, err := vad.LoadNet(a.Tensors)
	if err != nil {
		return nil, fmt.Errorf("analysis: model %s: %w", speechModel, err)
	}
	e := &Engine{vad: vad.DefaultOptions(), net: net}
	e.models = append(e.models, interaction.Model{
		Name:         a.Manifest.Name,
		Version:      a.Manifest.Version,
		SHA256:       a.Manifest.SHA256,
		LicenceClass: a.Manifest.LicenceClass,
	})
	return e, nil
}
