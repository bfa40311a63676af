package server

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/live"
	"github.com/timbre-voice/timbre/server/recording"
	"github.com/timbre-voice/timbre/server/store"
)

// recordings is api.Recordings over the folder in which the hub records.
type recordings struct {
	store  *store.Store
	folder *recording.Folder
	keys   identity.Keys // names persons in the audit log
	now    func() time.Time
}

var _ api.Recordings = (*recordings)(nil)

// mediaTypes are by the end of a recording's name. Read only.
var mediaTypes = map[string]string{".wav": "audio/wav", ".flac": "audio/flac", ".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".opus": "audio/ogg"}

func (s *recordings) Recording(ctx context.Context, tenant, id string) (api.Recording, error) {
	r, err := s.store.Tenant(tenant).Interaction(ctx, id)
	if err != nil {
		return api.Recording{}, fault(err)
	}
	kept := &r.Contact.Audio
	name, ours := strings.CutPrefix(kept.URI, interaction.KeptScheme)
	switch {
	case kept.Kept != "timbre" || !ours:
		return api.Recording{}, fmt.Errorf("%w: the audio of this call is not kept here: %s", api.ErrNotFound, kept.Kept)
	case kept.ExpiresAt != nil && !s.now().Before(*kept.ExpiresAt):
		return api.Recording{}, fmt.Errorf("%w: the audio of this call was kept until %s", api.ErrNotFound, kept.ExpiresAt.Format(time.RFC3339))
	}
	f, err := s.folder.File(tenant, name)
	if errors.Is(err, recording.ErrNotFound) {
		return api.Recording{}, fmt.Errorf("%w: the audio of this call is not on this node", api.ErrNotFound)
	}
	if err != nil {
		return api.Recording{}, err
	}
	info, err := f.Stat()
	if err != nil {
		return api.Recording{}, errors.Join(fmt.Errorf("server: recording: %w", err), f.Close())
	}
	out := api.Recording{ReadSeekCloser: f, Type: mediaTypes[strings.ToLower(filepath.Ext(name))], Changed: info.ModTime()}
	if out.Type == "" {
		out.Type = "application/octet-stream"
	}
	return out, nil
}

func (s *recordings) Listened(ctx context.Context, tenant, by, id string) error {
	_, err := s.store.Tenant(tenant).AppendAudit(ctx, store.AuditEntry{Actor: by, Action: "listen", Subject: id})
	return fault(err)
}

// begin starts the recording of a live call.
func (s *recordings) begin(tenant, id string, rate int, encoding string) (live.Recording, error) {
	r, err := s.folder.Begin(tenant, id, rate, encoding)
	if err != nil {
		return nil, err // not r: a nil pointer is no nil Recording
	}
	return r, nil
}

// keep keeps the recording at path and writes into r where it is. name is the client's, for its ending.
func (s *recordings) keep(tenant, path, name string, r *interaction.Interaction) error {
	file, err := s.folder.Keep(tenant, r.Contact.ID, filepath.Ext(name), path)
	if err != nil {
		return err
	}
	r.Contact.Audio = interaction.Audio{Kept: "timbre", URI: interaction.KeptScheme + file}
	return nil
}

// deleteCall deletes a record, and after it the audio of the call: where the record is held, both stay.
func (s *recordings) deleteCall(ctx context.Context, tenant, id string) error {
	if err := s.store.Tenant(tenant).DeleteInteraction(ctx, id); err != nil {
		return err
	}
	return s.folder.Remove(tenant, id)
}

// alias returns the pseudonym by which the audit log names a person.
func (s *recordings) alias(tenant, person string) (string, error) {
	return s.keys.Pseudonym(identity.Subject{Tenant: tenant, Speaker: person})
}
