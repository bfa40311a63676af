package audio

import (
	"fmt"
	"io"
	"slices"
)

// Format says what was found in a stream.
type Format struct {
	Container string // wav, rf64, flac, mp3 or ogg
	Encoding  string // pcm_u8, pcm_s16le, pcm_s24le, pcm_s32le, pcm_f32le, pcm_f64le, alaw, mulaw, g722, flac, mp3 or opus
	Rate      int    // samples per second of the float32 samples that Read gives
	Channels  int    // channels, 1 to MaxChannels
	Bits      int    // bits per stored sample; 0 for codecs that have none (mp3, opus, g722)
}

// String prints the format as "wav mulaw 8000 Hz, 2 channels, 8 bits".
func (f Format) String() string {
	s := fmt.Sprintf("%s %s %d Hz, %d channels", f.Container, f.Encoding, f.Rate, f.Channels)
	if f.Channels == 1 {
		s = s[:len(s)-1]
	}
	if f.Bits > 0 {
		s += fmt.Sprintf(", %d bits", f.Bits)
	}
	return s
}

// Reader gives the samples of one stream, one slice per channel.
type Reader interface {
	// Format is fixed from the start of the stream to its end.
	Format() Format
	// Read fills dst, which holds Format().Channels slices of one length, and returns the samples written per channel. It
	// returns less than asked whenever that is convenient, never 0 with a nil error unless dst has no room, and 0 with io.EOF
	// at the end. After an error every later call returns the same error.
	Read(dst [][]float32) (n int, err error)
	// Warnings tells what is wrong with the stream but did not stop it: a length that was never written, a truncated end,
	// repaired values. The list is whole once Read has returned io.EOF. The caller owns the slice.
	Warnings() []string
	// Truncated reports, once Read has returned io.EOF, that the stream broke off before the end that it had promised.
	Truncated() bool
}

// readBlock is how many samples per channel ReadAll asks for at once.
const readBlock = 4096

// ReadAll reads r to its end and returns the samples as C slices of N float32 in [-1, 1], what the stream said that it was and
// its warnings.
//
// maxSamples bounds N; 0 or less means no bound. A longer stream gives ErrLimit. On an error after the header the samples read
// so far are returned with it. Memory grows with the samples that were really decoded, never with a length that a header claims.
func ReadAll(r io.Reader, maxSamples int64) ([][]float32, Format, []string, error) {
	rd, err := NewReader(r)
	if err != nil {
		return nil, Format{}, nil, err
	}
	f := rd.Format()
	x := make([][]float32, f.Channels)
	view := make([][]float32, f.Channels)
	n := 0
	for {
		for c := range x {
			if n == cap(x[c]) {
				// Doubling, and little at first, so that what is small stays small.
				x[c] = slices.Grow(x[c], max(n, readBlock/f.Channels, 64))
			}
			x[c] = x[c][:cap(x[c])]
			view[c] = x[c][n:min(len(x[c]), n+readBlock)]
		}
		room := len(view[0])
		for _, v := range view {
			room = min(room, len(v))
		}
		for c := range view {
			view[c] = view[c][:room]
		}
		k, err := rd.Read(view)
		n += k
		if maxSamples > 0 && int64(n) > maxSamples {
			n, err = int(maxSamples), fmt.Errorf("%w: more than %d samples per channel", ErrLimit, maxSamples)
		}
		if err == nil {
			continue
		}
		for c := range x {
			x[c] = x[c][:n]
		}
		if err == io.EOF {
			err = nil
		}
		return x, f, rd.Warnings(), err
	}
}

// dstRoom checks dst against the stream's channels and returns the samples per channel that it has space for.
func dstRoom(dst [][]float32, channels int) (int, error) {
	if len(dst) != channels {
		return 0, fmt.Errorf("%w: dst has %d, want %d", ErrChannels, len(dst), channels)
	}
	for c := range dst {
		if len(dst[c]) != len(dst[0]) {
			return 0, fmt.Errorf("%w: channel %d has room for %d samples, channel 0 for %d", ErrChannels, c, len(dst[c]), len(dst[0]))
		}
	}
	return len(dst[0]), nil
}

// checkShape checks what a header claims of channels and rate against the limits; at says where it stood.
func checkShape(at string, channels, rate int) error {
	if channels < 1 || channels > MaxChannels {
		return fmt.Errorf("%w: %s: %d channels, want 1 to %d", ErrLimit, at, channels, MaxChannels)
	}
	if rate < MinRate || rate > MaxRate {
		return fmt.Errorf("%w: %s: %d Hz, want %d to %d", ErrLimit, at, rate, MinRate, MaxRate)
	}
	return nil
}
