package analysis

import (
	"fmt"

	"github.com/timbre-voice/timbre/engine/vad"
	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/models"
	"github.com/timbre-voice/timbre/sentiment"
)

// speechModel is the shipped model that tells speech from other sounds.
const speechModel = "vad-gru-v1"

// DefaultEmotionModel is the shipped model that reads what a segment expresses, where no other one is given.
const DefaultEmotionModel = "emotion-tdnn-v1"

// Engine holds the loaded models, shared by all sessions. Safe for concurrent use.
type Engine struct {
	vad    vad.Options
	net    *vad.Net
	models []interaction.Model

	newEmotion   func() emotionScorer // nil: no model of emotion
	emotionModel interaction.Model
}

// NewEngine loads the shipped models and checks that they are intact. Emotion is read by the model emotion, by DefaultEmotionModel where that is nil.
func NewEngine(emotion *models.Artefact) (*Engine, error) {
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
	if emotion == nil {
		if emotion, err = models.Load(DefaultEmotionModel); err != nil {
			return nil, fmt.Errorf("analysis: %w", err)
		}
	}
	m, err := sentiment.LoadModel(emotion)
	if err != nil {
		return nil, fmt.Errorf("analysis: %w", err)
	}
	e.newEmotion, e.emotionModel = func() emotionScorer { return m.NewScorer() }, identity(emotion)
	return e, nil
}

// EmotionModel names the model that reads emotion; false where there is none.
func (e *Engine) EmotionModel() (interaction.Model, bool) { return e.emotionModel, e.newEmotion != nil }

// identity names a model in records.
func identity(a *models.Artefact) interaction.Model {
	return interaction.Model{
		Name:         a.Manifest.Name,
		Version:      a.Manifest.Version,
		SHA256:       a.Manifest.SHA256,
		LicenceClass: a.Manifest.LicenceClass,
	}
}
