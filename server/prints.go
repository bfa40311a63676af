package server

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/identity"
	"github.com/timbre-voice/timbre/server/people"
	"github.com/timbre-voice/timbre/server/store"
	"github.com/timbre-voice/timbre/voiceprint"
)

// openKeys opens the file of the tenants' keys, or makes it.
func openKeys(ctx context.Context, path, tenant string, st *store.Store) (*identity.KeyFile, error) {
	keys, err := people.OpenKeys(ctx, st, path, tenant)
	if errors.Is(err, people.ErrOrphans) {
		return nil, fmt.Errorf("server: key_file: %s: not found, but the database holds voiceprints or normals of voices that need it, want the file that they were sealed with", path)
	}
	return keys, err
}

// hear returns the net speech of a clip. What is wrong with the recording is the client's to know.
func (v *voices) hear(ctx context.Context, c api.Clip) (people.Heard, error) {
	none := people.Heard{}
	rd, err := audio.NewReader(c.Audio)
	if err != nil {
		return none, fmt.Errorf("%w: recording: %w", api.ErrInvalid, err)
	}
	f := rd.Format()
	switch {
	case c.Channel < 0 && f.Channels > 1:
		return none, fmt.Errorf("%w: recording of %d channels, want channel 0 to %d", api.ErrInvalid, f.Channels, f.Channels-1)
	case c.Channel >= f.Channels:
		return none, fmt.Errorf("%w: channel %d, want 0 to %d", api.ErrInvalid, c.Channel, f.Channels-1)
	}
	collect, err := voiceprint.NewCollector(voiceprint.DefaultCollector(f.Rate), v.Speech)
	if err != nil {
		return none, fmt.Errorf("%w: recording: %w", api.ErrInvalid, err)
	}
	block := make([][]float32, f.Channels)
	for i := range block {
		block[i] = make([]float32, 4096)
	}
	for {
		n, err := rd.Read(block)
		if err := collect.Write(block[max(c.Channel, 0)][:n]); err != nil {
			return none, fmt.Errorf("%w: recording: %w", api.ErrInvalid, err)
		}
		switch {
		case ctx.Err() != nil:
			return none, context.Cause(ctx)
		case errors.Is(err, io.EOF):
			collect.Flush()
			return people.Heard{Speech: collect.Speech(), Codec: f.Encoding}, nil
		case err != nil:
			return none, fmt.Errorf("%w: recording: %w", api.ErrInvalid, err)
		}
	}
}
