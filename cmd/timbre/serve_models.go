package main

import (
	"github.com/timbre-voice/timbre/models"
	"github.com/timbre-voice/timbre/server/api"
)

// freeEmotionModel is the shipped model that reads emotion and may be used commercially.
const freeEmotionModel = "emotion-mlp-v2"

// modelsInUse returns the models that a server works with, each checked against its manifest: all in this binary, but of those that
// read emotion the given one alone, wherever it is from.
func modelsInUse(emotion *models.Artefact) ([]*models.Artefact, error) {
	list, err := models.List()
	if err != nil {
		return nil, err
	}
	out := []*models.Artefact{emotion}
	for _, m := range list {
		if m.Task == emotion.Manifest.Task {
			continue
		}
		a, err := models.Load(m.Name)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// toldModels describes models to who asks the server.
func toldModels(list []*models.Artefact) []api.Model {
	var out []api.Model
	for _, a := range list {
		m := a.Manifest
		v := api.Model{
			Name: m.Name, Task: m.Task, Version: m.Version, Summary: m.Summary, SampleRateHz: m.SampleRateHz, Classes: m.Classes, Params: m.Params, WeightsBytes: m.WeightsBytes,
			SHA256: m.SHA256, Licence: m.Licence, LicenceClass: m.LicenceClass, Card: a.Card,
		}
		for _, d := range m.TrainingData {
			v.TrainingData = append(v.TrainingData, api.TrainingSet(d))
		}
		out = append(out, v)
	}
	return out
}
