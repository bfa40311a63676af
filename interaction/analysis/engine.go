package analysis

import (
	"fmt"

	"github.com/timbre-voice/timbre/engine/vad"
	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/models"
	"github.com/timbre-voice/timbre/sentiment"
)

// The shipped models of a session.
const (
	speechModel  = "vad-gru-v1"      // tells speech from other sounds
	emotionModel = "emotion-tdnn-v1" // reads what a segment expresses
)

// Engine holds the loaded models, shared by all sessions. Safe for concurrent use.
type Engine struct {
	vad    vad.Options
	net    *vad.Net
	models []interaction.Model

	newEmotion   func() emotionScorer // nil: no model of emotion
	emotionModel interaction.Model
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
	e.models = append(e.models, identity(a))
	if err := e.loadEmotion(emotionModel); err != nil {
		return nil, err
	}
	return e, nil
}

// EmotionModel names the model that reads emotion; false where there is none.
func (e *Engine) EmotionModel() (interaction.Model, bool) { return e.emotionModel, e.newEmotion != nil }

// loadEmotion makes the shipped model of that name the one that reads emotion.
func (e *Engine) loadEmotion(name string) error {
	a, err := models.Load(name)
	if err != nil {
		return fmt.Errorf("analysis: %w", err)
	}
	m, err := sentiment.LoadModel(a.Tensors)
	if err != nil {
		return fmt.Errorf("analysis: model %s: %w", name, err)
	}
	e.newEmotion, e.emotionModel = func() emotionScorer { return m.NewScorer() }, identity(a)
	return nil
}

// identity names a model in records.
func identity(a *models.Artefact) interaction.Model {
	return interaction.Model{
		Name:         a.Manifest.Name,
		Version:      a.Manifest.Version,
		SHA256:       a.Manifest.SHA256,
		LicenceClass: a.Manifest.LicenceClass,
	}
}
