package audio

import (
	"fmt"
	"io"
	"math"

	goaudio "github.com/go-audio/audio"
	"github.com/go-audio/wav"
)

// wavTail is the samples handed to the encoder at once.
const wavTail = 4096

// WriteWAV writes C channels of samples in [-1, 1] as a WAV file of encoding pcm_s16le, mulaw or alaw at rate samples per second.
// Samples beyond the range are clipped, NaN is written as 0. All channels have one length; ErrChannels otherwise, ErrUnsupported
// for another encoding, ErrLimit for more than MaxChannels or a rate outside MinRate to MaxRate.
func WriteWAV(w io.WriteSeeker, enc string, rate int, x [][]float32) error {
	tag, bits := tagPCM, 16
	encode := func(v int) int { return v }
	switch enc {
	case "pcm_s16le":
	case "mulaw":
		tag, bits = tagMuLaw, 8
		encode = func(v int) int { return int(muLawEncode(v)) }
	case "alaw":
		tag, bits = tagALaw, 8
		encode = func(v int) int { return int(aLawEncode(v)) }
	default:
		return fmt.Errorf("%w: wav: write encoding %q, want pcm_s16le, mulaw or alaw", ErrUnsupported, enc)
	}
	if err := checkShape("wav: write", len(x), rate); err != nil {
		return err
	}
	for c := range x {
		if len(x[c]) != len(x[0]) {
			return fmt.Errorf("%w: wav: write: channel %d has %d samples, channel 0 has %d", ErrChannels, c, len(x[c]), len(x[0]))
		}
	}
	out := wav.NewEncoder(w, rate, bits, len(x), tag)
	buf := &goaudio.IntBuffer{
		Format:         &goaudio.Format{NumChannels: len(x), SampleRate: rate},
		SourceBitDepth: bits,
	}
	for at := 0; ; at += wavTail {
		n := min(len(x[0])-at, wavTail)
		buf.Data = buf.Data[:0]
		for i := range n {
			for c := range x {
				buf.Data = append(buf.Data, encode(int(toS16(x[c][at+i]))))
			}
		}
		// Written once even when empty: the encoder makes its header with the first buffer.
		if err := out.Write(buf); err != nil {
			return fmt.Errorf("audio: wav: write: %w", err)
		}
		if at+n == len(x[0]) {
			break
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("audio: wav: write: %w", err)
	}
	return nil
}

// toS16 rounds a sample to 16 bits, clipped, NaN to 0.
func toS16(v float32) int16 {
	s := math.RoundToEven(float64(v) * 32768)
	if s != s {
		return 0
	}
	return int16(min(max(s, -32768), 32767))
}
