package main

import (
	"context"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/analysis"
	permit "github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/people"
	"github.com/timbre-voice/timbre/server/policy"
)

// archive is the database of timbre analyze --db: customers are held against the prints in it, and the records are kept there.
type archive struct {
	*prints
	desk *people.Desk
}

// openArchive opens or makes the database that f names and loads the speaker model.
func openArchive(ctx context.Context, f databaseFlags, engine *analysis.Engine) (*archive, error) {
	v, err := loadVoices(voiceFlags{model: speakerModel})
	if err != nil {
		return nil, err
	}
	p, err := openPrints(ctx, f, mayCreate)
	if err != nil {
		return nil, err
	}
	a := &archive{p, p.desk(v)}
	if m, ok := engine.EmotionModel(); ok {
		a.desk.Emotion = identity.Model{Name: m.Name, Version: m.Version, SHA256: m.SHA256}
	}
	return a, nil
}

// customer tells one recording who its customer is, and what earlier calls say of the voice.
func (a *archive) customer(ctx context.Context, permit permit.Permit) (analysis.Voice, analysis.Normals, error) {
	made, err := a.policy.Resolve(policy.Call{Tenant: a.rows.ID(), Jurisdiction: permit.Jurisdiction})
	if err != nil {
		return nil, nil, err
	}
	voice, err := a.desk.Voice(ctx, permit, made)
	if err != nil {
		return nil, nil, err
	}
	return voice, a.desk.Normals(a.by, made), nil
}

// save keeps a record and returns it as it was stored.
func (a *archive) save(ctx context.Context, r *interaction.Interaction) (*interaction.Interaction, error) {
	return a.rows.SaveInteraction(ctx, r)
}
