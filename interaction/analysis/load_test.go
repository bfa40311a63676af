package analysis

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/timbre-voice/timbre/interaction"
)

// TestLoadTellsTheAgeOfWhatWaits holds the owner of a session in a message and lets pieces queue up behind it.
func TestLoadTellsTheAgeOfWhatWaits(t *testing.T) {
	var now atomic.Int64
	now.Store(int64(time.Hour))
	o := options(8000, []Channel{{Role: interaction.RoleCustomer, Separated: true}})
	o.Clock = func() time.Duration { return time.Duration(now.Load()) }
	s, err := engineOf(t).NewSession(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Abort()
	if l := s.Load(); l != (Load{}) {
		t.Errorf("before anything: %+v", l)
	}
	began, release := make(chan struct{}), make(chan struct{})
	if err := s.send(t.Context(), piece{do: func() { close(began); <-release }}); err != nil {
		t.Fatal(err)
	}
	<-began
	for range 3 {
		now.Add(int64(time.Second))
		if err := s.Write(t.Context(), 0, make([]float32, 4000)); err != nil {
			t.Fatal(err)
		}
	}
	if l := s.Load(); l.Since != time.Hour || l.Audio != 0 {
		t.Errorf("while the first message is in work: %+v, want that it is the oldest, from the first hour", l)
	}
	close(release)
	if _, err := s.Snapshot(t.Context()); err != nil { // after what was written
		t.Fatal(err)
	}
	if l := s.Load(); l.Audio != 1500*time.Millisecond || l.Busy != 3*time.Second {
		t.Errorf("%+v, want 1.5 s of audio and the 3 s of the first message", l)
	}
	if _, err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l := s.Load(); l.Since != 0 {
		t.Errorf("at the end %+v, want that nothing waits", l)
	}
}
