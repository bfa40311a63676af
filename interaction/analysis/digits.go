package analysis

import (
	"context"
	"fmt"
	"strings"

	"github.com/timbre-voice/timbre/interaction"
)

const (
	// digitNearMs is how far a told digit may lie from a tone that was heard and still be the same key: platforms tell it when
	// the key is released, behind their own buffers.
	digitNearMs = 1000

	// digitMs is the length given to a key whose length nobody told: the least that a receiver must accept (ITU-T Q.24).
	digitMs = 40

	maxDigits = 10000
)

// digit is a key that the platform told, with the length of its press, 0 where it did not tell that.
type digit struct {
	atMs, lengthMs int64
	key            string
	heard          bool // its tone was heard too, for the events
}

// Digit tells that the person on a channel pressed a key at a position, for platforms that take the tones out of the audio and
// tell them apart. In the record it is a DTMF sound, unless the tone itself was heard there. key is one of 0-9, *, #, A-D; the
// permit decides whether it is written in clear. Of a key whose tone is heard as well one event leaves: what comes first.
func (s *Session) Digit(ctx context.Context, channel int, atMs, lengthMs int64, key string) error {
	if err := s.checkChannel(channel); err != nil {
		return err
	}
	if len(key) != 1 || !strings.Contains("0123456789*#ABCD", key) || atMs < 0 || lengthMs < 0 {
		return fmt.Errorf("analysis: digit %q at %d ms for %d ms, want one of 0-9, *, #, A-D and no negative time", key, atMs, lengthMs)
	}
	return s.send(ctx, piece{do: func() {
		if c := s.channels[channel]; len(c.digits) < maxDigits {
			c.tellDigit(digit{atMs: atMs, lengthMs: lengthMs, key: key})
		}
	}})
}

// tellDigit keeps a told digit and emits it, unless its tone was heard before.
func (c *channel) tellDigit(d digit) {
	for i := range c.sounds {
		if s := &c.sounds[i]; !s.told && d.near(&s.record) {
			s.told, d.heard = true, true
			break
		}
	}
	c.digits = append(c.digits, d)
	if !d.heard {
		told := c.soundOf(d)
		c.emit(Event{Kind: EventSound, Channel: c.index, AtMs: told.EndMs, Sound: &told})
	}
}

// wasTold reports whether the event of a tone has left already, as a digit that the platform told.
func (c *channel) wasTold(s *sound) bool {
	for i := range c.digits {
		if d := &c.digits[i]; !d.heard && d.near(&s.record) {
			s.told, d.heard = true, true
			return true
		}
	}
	return false
}

// near reports whether a sound is the tone of the digit.
func (d *digit) near(r *interaction.Sound) bool {
	return r.Kind == interaction.SoundDTMF && r.StartMs-digitNearMs <= d.atMs && d.atMs <= r.EndMs+digitNearMs
}

// soundOf returns a told digit as a sound.
func (c *channel) soundOf(d digit) interaction.Sound {
	length := d.lengthMs
	if length == 0 {
		length = digitMs
	}
	s := interaction.Sound{Kind: interaction.SoundDTMF, Channel: c.index, StartMs: d.atMs, EndMs: d.atMs + length, Detail: d.key}
	if !c.keepDigits {
		s.Detail = "masked"
	}
	return s
}

// toldDigits returns the told digits whose tone was not heard. Each tone stands for one digit.
func (c *channel) toldDigits(endMs int64) []interaction.Sound {
	used := make([]bool, len(c.sounds))
	heard := func(d digit) bool {
		for i, s := range c.sounds {
			if !used[i] && d.near(&s.record) {
				used[i] = true
				return true
			}
		}
		return false
	}
	var out []interaction.Sound
	for _, d := range c.digits {
		if heard(d) || endMs == 0 {
			continue
		}
		s := c.soundOf(d)
		length := s.EndMs - s.StartMs
		s.StartMs = min(s.StartMs, endMs-1)
		s.EndMs = min(s.StartMs+length, endMs)
		out = append(out, s)
	}
	return out
}
