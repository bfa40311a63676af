package main

import (
	"github.com/timbre-voice/timbre/models"
	"github.com/timbre-voice/timbre/server/api"
)

// servedModels describes the models in this binary, each checked against its manifest.
func servedModels() ([]api.Model, error) {
	list, err := models.List()
	if err != nil {
		return nil, err
	}
	var out []api.Model
	for _, m := range list {
		whole, err := models.Load(m.Name)
		if err != nil {
			return nil, err
		}
		v := api.Model{
			Name: m.Name, Task: m.Task, Version: m.Version, Summary: m.Summary, SampleRateHz: m.SampleRateHz, Classes: m.Classes, Params: m.Params, WeightsBytes: m.WeightsBytes,
			SHA256: m.SHA256, Licence: m.Licence, LicenceClass: m.LicenceClass, Card: whole.Card,
		}
		for _, d := range m.TrainingData {
			v.TrainingData = append(v.TrainingData, api.TrainingSet(d))
		}
		out = append(out, v)
	}
	return out, nil
}
