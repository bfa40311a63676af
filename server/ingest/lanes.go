package ingest

import (
	"context"
	"strings"

	"github.com/timbre-voice/timbre/interaction"
)

// lanes are the tracks of a stream whose media come as messages, each with its track's name.
type lanes struct {
	s       *stream
	byName  map[string]*lane
	first   string // of media that name no track
	payload []byte
}

func newLanes(s *stream, start Start) (lanes, error) {
	l := lanes{s: s, byName: map[string]*lane{}, first: start.Tracks[0].Name}
	clock := &clock{}
	for i, t := range start.Tracks {
		var err error
		if l.byName[t.Name], err = newLane(i, s.call, start.Encoding, start.Rate, clock, s.count); err != nil {
			return l, err
		}
	}
	return l, nil
}

// media takes one chunk. A track that the start did not announce has no place in the call and is passed over.
func (l *lanes) media(ctx context.Context, track string, number, ms number, payload string) error {
	name := trackName(track)
	if name == "" {
		name = l.first
	}
	lane := l.byName[name]
	if lane == nil {
		l.s.count.unknown.Add(1)
		return nil
	}
	var err error
	if l.payload, err = decodeBase64(l.payload[:0], payload); err != nil {
		return err
	}
	return lane.push(ctx, chunk{number: number.or(-1), ms: ms.or(-1), payload: l.payload})
}

// index returns the number of a track, of the first where the name is none.
func (l *lanes) index(track string) int64 {
	if lane := l.byName[trackName(track)]; lane != nil {
		return int64(lane.track)
	}
	return 0
}

// flush gives on what is held.
func (l *lanes) flush(ctx context.Context) error {
	for _, name := range sortedKeys(l.byName) {
		if err := l.byName[name].flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// trackName is a track without the ending that some messages give it.
func trackName(s string) string { return strings.TrimSuffix(strings.ToLower(s), "_track") }

// tracks returns the tracks of a stream with their roles. One named mixed, or alone where nobody says who is on it, holds both sides.
func (s *stream) tracks(names []string, told map[string]interaction.Role) ([]Track, error) {
	var out []Track
	seen := map[string]bool{}
	for _, name := range names {
		if name = trackName(clean(name)); seen[name] || name == "" {
			return nil, badRequest("start: tracks: %.40q twice or empty", name)
		}
		seen[name] = true
		t := s.track(name, told)
		if name == "mixed" {
			t.Separated, t.Mixed = false, true
		}
		out = append(out, t)
	}
	return out, nil
}
