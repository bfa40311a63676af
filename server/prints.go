package server

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/store"
	"github.com/timbre-voice/timbre/voiceprint"
)

// openKeys opens the file of the tenants' keys, or makes it where there is none and no print would be orphaned by that.
func openKeys(ctx context.Context, path, tenant string, st *store.Store) (*identity.KeyFile, error) {
	keys, err := identity.OpenKeyFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	tenants, err := st.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range tenants {
		sealed, err := st.Tenant(t.ID).PersonKeysNotUnder(ctx, "", store.Page{Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(sealed.Items) > 0 {
			return nil, fmt.Errorf("server: key_file: %s: not found, but the database holds voiceprints that need it, want the file that they were sealed with", path)
		}
	}
	if keys, err = identity.CreateKeyFile(path, tenant); errors.Is(err, fs.ErrExist) { // another process was faster
		keys, err = identity.OpenKeyFile(path)
	}
	return keys, err
}

// heard is the speech of one clip.
type heard struct {
	speech voiceprint.Speech
	codec  string
}

// hear returns the net speech of a clip. What is wrong with the recording is the client's to know.
func (v *voices) hear(ctx context.Context, c api.Clip) (*heard, error) {
	rd, err := audio.NewReader(c.Audio)
	if err != nil {
		return nil, fmt.Errorf("%w: recording: %w", api.ErrInvalid, err)
	}
	f := rd.Format()
	switch {
	case c.Channel < 0 && f.Channels > 1:
		return nil, fmt.Errorf("%w: recording of %d channels, want channel 0 to %d", api.ErrInvalid, f.Channels, f.Channels-1)
	case c.Channel >= f.Channels:
		return nil, fmt.Errorf("%w: channel %d, want 0 to %d", api.ErrInvalid, c.Channel, f.Channels-1)
	}
	collect, err := voiceprint.NewCollector(voiceprint.DefaultCollector(f.Rate), v.Speech)
	if err != nil {
		return nil, fmt.Errorf("%w: recording: %w", api.ErrInvalid, err)
	}
	block := make([][]float32, f.Channels)
	for i := range block {
		block[i] = make([]float32, 4096)
	}
	for {
		n, err := rd.Read(block)
		if err := collect.Write(block[max(c.Channel, 0)][:n]); err != nil {
			return nil, fmt.Errorf("%w: recording: %w", api.ErrInvalid, err)
		}
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, io.EOF):
			collect.Flush()
			return &heard{collect.Speech(), f.Encoding}, nil
		case err != nil:
			return nil, fmt.Errorf("%w: recording: %w", api.ErrInvalid, err)
		}
	}
}

func bound(tenant, speaker string, model, version string) identity.Binding {
	return identity.Binding{Subject: identity.Subject{Tenant: tenant, Speaker: speaker}, Model: model, ModelVersion: version}
}

// open opens a sealed print.
func (v *voices) open(ctx context.Context, t *store.Tenant, tenant string, row *store.Voiceprint) (*voiceprint.Voiceprint, error) {
	key, err := t.PersonKey(ctx, row.SpeakerID)
	if err != nil {
		return nil, fault(err)
	}
	plain, err := v.vault.Open(ctx, bound(tenant, row.SpeakerID, row.Model, row.ModelVersion), key.Wrapped, row.Sealed)
	if err != nil {
		return nil, fmt.Errorf("server: voiceprint %s: %w", row.ID, err)
	}
	p := &voiceprint.Voiceprint{}
	if err := p.UnmarshalBinary(plain); err != nil {
		return nil, fmt.Errorf("server: voiceprint %s: %w", row.ID, err)
	}
	return p, nil
}

// print returns the print that a person has of the model; nil where there is none.
func (v *voices) print(ctx context.Context, t *store.Tenant, tenant, id string) (store.Voiceprint, *voiceprint.Voiceprint, error) {
	rows, err := t.VoiceprintsOf(ctx, id)
	if err != nil {
		return store.Voiceprint{}, nil, fault(err)
	}
	model := v.Model.ID()
	for i := range rows {
		if r := &rows[i]; r.Model == model.Name && r.ModelVersion == model.Version && r.ModelSHA256 == hex.EncodeToString(model.SHA256[:]) {
			p, err := v.open(ctx, t, tenant, r)
			return *r, p, err
		}
	}
	return store.Voiceprint{}, nil, nil
}

// keep seals a print and stores it with its consent, the person first where the person is new. printID is that of the print it
// replaces, empty for a new one.
func (v *voices) keep(ctx context.Context, t *store.Tenant, tenant, id, printID, consentRef string, p *voiceprint.Voiceprint) error {
	_, err := t.Speaker(ctx, id)
	if store.Code(err) == "not_found" {
		wrapped, err := v.vault.NewPersonKey(ctx, identity.Subject{Tenant: tenant, Speaker: id})
		if err != nil {
			return err
		}
		by, err := identity.WrappedBy(wrapped)
		if err != nil {
			return err
		}
		if _, err := t.AddSpeaker(ctx, store.Speaker{ID: id}, store.PersonKey{SpeakerID: id, KeyID: by.String(), Wrapped: wrapped}); err != nil {
			return fault(err)
		}
	} else if err != nil {
		return fault(err)
	}
	if _, err := t.AddConsent(ctx, store.Consent{SpeakerID: id, Ref: consentRef, Purpose: "verify"}); err != nil {
		return fault(err)
	}
	key, err := t.PersonKey(ctx, id)
	if err != nil {
		return fault(err)
	}
	plain, err := p.MarshalBinary()
	if err != nil {
		return err
	}
	sealed, err := v.vault.Seal(ctx, bound(tenant, id, p.Model.Name, p.Model.Version), key.Wrapped, plain)
	if err != nil {
		return err
	}
	_, err = t.SaveVoiceprint(ctx, store.Voiceprint{
		ID: printID, SpeakerID: id, Model: p.Model.Name, ModelVersion: p.Model.Version, ModelSHA256: hex.EncodeToString(p.Model.SHA256[:]), Sealed: sealed,
		ConsentRef: consentRef, NetSpeechMs: p.Quality.NetSpeech.Milliseconds(), SNRdB: finite(p.Quality.SNRdB), Sources: len(p.Sources),
	})
	return fault(err)
}

// gallery loads the prints that a search may compare with, and whose they are by the id of the print.
func (v *voices) gallery(ctx context.Context, t *store.Tenant, tenant, watchlist string) (*voiceprint.Gallery, map[string]string, error) {
	g, who := voiceprint.NewGallery(v.Model), map[string]string{}
	model := v.Model.ID()
	for page := (store.Page{Limit: store.MaxLimit}); ; {
		l, err := t.Gallery(ctx, model.Name, model.Version, watchlist, page)
		if err != nil {
			return nil, nil, fault(err)
		}
		for i := range l.Items {
			row := &l.Items[i]
			p, err := v.open(ctx, t, tenant, row)
			if err == nil {
				err = g.Add(row.ID, p)
			}
			if err != nil {
				return nil, nil, fmt.Errorf("server: gallery: %w", err)
			}
			who[row.ID] = row.SpeakerID
		}
		if l.Next == "" {
			return g, who, nil
		}
		page.After = l.Next
	}
}
