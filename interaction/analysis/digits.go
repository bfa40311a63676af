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
}

// Digit tells that the person on a channel pressed a key at a position, for platforms that take the tones out of the audio and
// tell them apart. In the record it is a DTMF sound, unless the tone itself was heard there. key is one of 0-9, *, #, A-D; the
// permit decides whether it is written in clear.
func (s *Session) Digit(ctx context.Context, channel int, atMs, lengthMs int64, key string) error {
	if err := s.checkChannel(channel); err != nil {
		return err
	}
	if len(key) != 1 || !strings.Contains("0123456789*#ABCD", key) || atMs < 0 || lengthMs < 0 {
		return fmt.Errorf("analysis: digit %q at %d ms for %d ms, want one of 0-9, *, #, A-D and no negative time", key, atMs, lengthMs)
	}
	return s.send(ctx, piece{do: func() {
		if c := s.channels[channel]; len(c.digits) < maxDigits {
			c.digits = append(c.digits, digit{atMs, lengthMs, key})
		}
	}})
}

// toldDigits returns the told digits whose tone was not heard. Each tone stands for one digit.
func (c *channel) toldDigits(endMs int64) []interaction.Sound {
	used := make([]bool, len(c.sounds))
	heard := func(d digit) bool {
		for i, s := range c.sounds {
			r := &s.record
			if !used[i] && r.Kind == interaction.SoundDTMF && r.StartMs-digitNearMs <= d.atMs && d.atMs <= r.EndMs+digitNearMs {
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
		length := d.lengthMs
		if length == 0 {
			length = digitMs
		}
		start := min(d.atMs, endMs-1)
		s := interaction.Sound{Kind: interaction.SoundDTMF, Channel: c.index, StartMs: start, EndMs: min(start+length, endMs), Detail: d.key}
		if !c.keepDigits {
			s.Detail = "masked"
		}
		out = append(out, s)
	}
	return out
}
