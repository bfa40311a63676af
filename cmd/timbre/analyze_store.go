package main

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/server/caller"
	"github.com/timbre-voice/timbre/server/identity"
)

// archive is the database of timbre analyze --db: customers are held against the prints in it, and the records are kept there.
type archive struct {
	*prints
	known    *caller.Known
	registry *identity.Registry
}

// openArchive opens or makes the database that f names and loads the speaker model.
func openArchive(ctx context.Context, f databaseFlags) (*archive, error) {
	v, err := loadVoices(voiceFlags{model: speakerModel})
	if err != nil {
		return nil, err
	}
	p, err := openPrints(ctx, f, mayCreate)
	if err != nil {
		return nil, err
	}
	id := v.model.ID()
	return &archive{
		prints:   p,
		registry: identity.NewRegistry(p.rows, p.keys, time.Now),
		known: caller.New(caller.Options{Model: v.model, Now: time.Now, Name: interaction.Model{
			Name: id.Name, Version: id.Version, SHA256: hex.EncodeToString(id.SHA256[:]), LicenceClass: v.manifest.LicenceClass,
		}}),
	}, nil
}

// voice tells one recording who its customer is.
func (a *archive) voice(ctx context.Context, permit policy.Permit) (analysis.Voice, error) {
	return a.known.Call(ctx, a.registry, permit, identity.DefaultRules())
}

// save keeps a record and returns it as it was stored.
func (a *archive) save(ctx context.Context, r *interaction.Interaction) (*interaction.Interaction, error) {
	return a.rows.SaveInteraction(ctx, r)
}
