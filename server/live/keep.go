package live

import (
	"fmt"
	"sync"

	"github.com/timbre-voice/timbre/interaction"
)

// Recording keeps the audio of one call. Write and Skip are called by one goroutine per channel at a time.
type Recording interface {
	Write(channel int, x []float32) error
	Skip(channel int, n int64) error // silence for what is missing or was dropped
	// Finish makes the recording whole and returns its name; "" where there was no audio.
	Finish() (name string, err error)
	Discard() error
}

// keeper gives the audio of a call to its recording, if it has one. What fails costs the recording, never the call.
type keeper struct {
	call *call

	mu        sync.Mutex
	recording Recording // nil: none
}

// begin starts a recording where the permit says so.
func (k *keeper) begin(keep bool, encoding string) {
	record := k.call.hub.opts.Record
	if !keep || record == nil {
		return
	}
	r, err := record(k.call.tenant, k.call.id, k.call.rate, encoding)
	if err != nil {
		k.lose(err)
		return
	}
	k.mu.Lock()
	k.recording = r
	k.mu.Unlock()
}

// do gives the recording what f has.
func (k *keeper) do(f func(Recording) error) {
	k.mu.Lock()
	r := k.recording
	k.mu.Unlock()
	if r == nil {
		return
	}
	if err := f(r); err != nil {
		k.mu.Lock()
		mine := k.recording != nil // the other channel may have found it broken too
		k.recording = nil
		k.mu.Unlock()
		if mine {
			k.drop(r)
			k.lose(err)
		}
	}
}

func (k *keeper) drop(r Recording) {
	if err := r.Discard(); err != nil {
		k.call.log.Error("what was kept of the audio is not removed", "err", err)
	}
}

func (k *keeper) lose(err error) {
	k.call.log.Error("audio not kept", "err", err)
	k.call.warn("the audio was to be kept and could not be")
}

func (k *keeper) write(channel int, x []float32) {
	k.do(func(r Recording) error { return r.Write(channel, x) })
}

func (k *keeper) skip(channel int, n int64) {
	k.do(func(r Recording) error { return r.Skip(channel, n) })
}

// finish returns what the record says of the audio.
func (k *keeper) finish() interaction.Audio {
	k.mu.Lock()
	r := k.recording
	k.recording = nil
	k.mu.Unlock()
	out := interaction.Audio{Kept: "none"}
	if r == nil {
		return out
	}
	name, err := r.Finish()
	switch {
	case err != nil:
		k.lose(fmt.Errorf("live: recording: %w", err))
	case name != "":
		out = interaction.Audio{Kept: "timbre", URI: interaction.KeptScheme + name}
	}
	return out
}

// discard leaves nothing of the audio of a call that has no record.
func (k *keeper) discard() {
	k.mu.Lock()
	r := k.recording
	k.recording = nil
	k.mu.Unlock()
	if r != nil {
		k.drop(r)
	}
}
