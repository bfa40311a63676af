package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/mewkiz/flac/frame"
)

// Limits of FLAC input (RFC 9639). A frame of a few bytes may unpack to any block of one repeated value, so block and channels
// are bounded by what encoders write, and a stream of a few bytes by what fits the allocation bound of this package.
const (
	flacMaxBlock   = 16384 // samples per channel of one frame: the streamable subset's largest
	flacSmallInput = 256   // up to this many bytes of input ...
	flacSmallOut   = 32768 // ... no more than this many samples of all channels
)

// flacReader reads FLAC. Metadata is walked here, frames are decoded by mewkiz/flac.
type flacReader struct {
	in       *input
	f        Format
	total    int64 // samples per channel that STREAMINFO promises, 0 when it does not
	got      int64 // samples per channel decoded
	all      int64 // samples of all channels decoded
	frame    *frame.Frame
	at       int // samples of frame already read
	warnings []string
	cut      bool // the stream broke off
	err      error
}

func (r *flacReader) Format() Format  { return r.f }
func (r *flacReader) Truncated() bool { return r.cut }

func (r *flacReader) Warnings() []string { return append([]string(nil), r.warnings...) }

func (r *flacReader) warn(format string, args ...any) {
	r.warnings = append(r.warnings, "flac: "+fmt.Sprintf(format, args...))
}

// newFLAC reads the metadata blocks.
func newFLAC(in *input) (Reader, error) {
	r := &flacReader{in: in}
	if _, err := in.skip(4); err != nil {
		return nil, short(err, "flac: marker", in.offset())
	}
	for first := true; ; first = false {
		at := in.offset()
		var h [4]byte
		if _, err := io.ReadFull(in, h[:]); err != nil {
			return nil, short(err, "flac: metadata block header", in.offset())
		}
		kind, size := h[0]&0x7f, int64(h[1])<<16|int64(h[2])<<8|int64(h[3])
		if first != (kind == 0) {
			return nil, fmt.Errorf("%w: flac: metadata block of type %d at offset %d, want STREAMINFO (0) first and only there", ErrFormat, kind, at)
		}
		if kind == 127 {
			return nil, fmt.Errorf("%w: flac: metadata block of type 127 at offset %d, want 0 to 126", ErrFormat, at)
		}
		if first {
			if size != 34 {
				return nil, fmt.Errorf("%w: flac: STREAMINFO at offset %d: %d bytes, want 34", ErrFormat, at, size)
			}
			var b [34]byte
			if n, err := io.ReadFull(in, b[:]); err != nil {
				return nil, short(err, fmt.Sprintf("flac: STREAMINFO: %d bytes of 34", n), in.offset())
			}
			if err := r.streamInfo(b); err != nil {
				return nil, err
			}
		} else if n, err := in.skip(size); err != nil {
			return nil, short(err, fmt.Sprintf("flac: metadata block of type %d at offset %d: %d bytes of %d", kind, at, n, size), in.offset())
		}
		if h[0]&0x80 != 0 {
			return r, nil
		}
	}
}

// streamInfo checks STREAMINFO (RFC 9639 §8.2).
func (r *flacReader) streamInfo(b [34]byte) error {
	v := binary.BigEndian.Uint64(b[10:]) // 20 bits rate, 3 channels-1, 5 bits-1, 36 samples
	r.f = Format{Container: "flac", Encoding: "flac", Rate: int(v >> 44), Channels: int(v>>41&7) + 1, Bits: int(v>>36&31) + 1}
	r.total = int64(v & (1<<36 - 1))
	if err := checkShape("flac: STREAMINFO", r.f.Channels, r.f.Rate); err != nil {
		return err
	}
	if r.f.Bits < 4 || r.f.Bits > 24 {
		return fmt.Errorf("%w: flac: STREAMINFO: %d bits per sample, want 4 to 24", ErrUnsupported, r.f.Bits)
	}
	return nil
}

// Read gives what is left of the current frame, or decodes the next one.
func (r *flacReader) Read(dst [][]float32) (int, error) {
	n, err := dstRoom(dst, r.f.Channels)
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, r.err
	}
	for r.frame == nil || r.at >= int(r.frame.BlockSize) {
		if r.err != nil {
			return 0, r.err
		}
		r.next()
	}
	n = min(n, int(r.frame.BlockSize)-r.at)
	scale := 1 / float32(int64(1)<<(r.f.Bits-1))
	for c := range dst {
		d := dst[c][:n]
		for i, v := range r.frame.Subframes[c].Samples[r.at : r.at+n] {
			d[i] = float32(v) * scale
		}
	}
	r.at += n
	return n, nil
}

// next decodes one frame into r.frame, or sets r.err.
func (r *flacReader) next() {
	r.frame, r.at = nil, 0
	at := r.in.offset()
	f, err := r.decode()
	switch {
	case err == nil:
		r.frame = f
		r.got += int64(f.BlockSize)
		r.all += int64(f.BlockSize) * int64(r.f.Channels)
	case err == io.EOF && r.in.offset() == at:
		if r.total > 0 && r.got != r.total {
			r.cut = true
			r.warn("%d samples per channel of %d: truncated at offset %d", r.got, r.total, at)
		}
		r.err = io.EOF
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		r.cut = true
		r.warn("frame at offset %d is cut off after %d samples per channel: truncated at offset %d", at, r.got, r.in.offset())
		r.err = io.EOF
	case r.total > 0 && r.got >= r.total && errors.Is(err, frame.ErrInvalidSync):
		// All that was promised is there; taggers append ID3v1 and the like.
		r.warn("bytes after the last frame at offset %d: ignored", at)
		r.err = io.EOF
	case errors.Is(err, ErrLimit), errors.Is(err, ErrFormat):
		r.err = fmt.Errorf("%w (frame at offset %d, sample %d)", err, at, r.got)
	default:
		r.err = fmt.Errorf("%w: flac: frame at offset %d, sample %d: %w", ErrFormat, at, r.got, err)
	}
}

// decode checks a frame's header before its samples are unpacked. A panic inside the decoder becomes an error.
func (r *flacReader) decode() (f *frame.Frame, err error) {
	defer func() {
		if p := recover(); p != nil {
			f, err = nil, fmt.Errorf("%w: flac: decoder: %v", ErrFormat, p)
		}
	}()
	f, err = frame.New(r.in)
	if err != nil {
		return nil, err
	}
	if f.Channels.Count() != r.f.Channels {
		return nil, fmt.Errorf("%w: flac: %d channels, want %d", ErrFormat, f.Channels.Count(), r.f.Channels)
	}
	if f.SampleRate != 0 && int(f.SampleRate) != r.f.Rate {
		return nil, fmt.Errorf("%w: flac: %d Hz, want %d", ErrFormat, f.SampleRate, r.f.Rate)
	}
	if f.BitsPerSample == 0 {
		f.BitsPerSample = uint8(r.f.Bits)
	}
	if int(f.BitsPerSample) != r.f.Bits {
		return nil, fmt.Errorf("%w: flac: %d bits per sample, want %d", ErrFormat, f.BitsPerSample, r.f.Bits)
	}
	if f.BlockSize == 0 || f.BlockSize > flacMaxBlock {
		return nil, fmt.Errorf("%w: flac: block of %d samples, want 1 to %d", ErrLimit, f.BlockSize, flacMaxBlock)
	}
	if all := r.all + int64(f.BlockSize)*int64(r.f.Channels); r.in.src.n < flacSmallInput && all > flacSmallOut {
		return nil, fmt.Errorf("%w: flac: %d bytes unpack to %d samples, want at most %d from so few", ErrLimit, r.in.src.n, all, flacSmallOut)
	}
	if err := f.Parse(); err != nil {
		return nil, err
	}
	for _, s := range f.Subframes {
		if len(s.Samples) != int(f.BlockSize) {
			return nil, fmt.Errorf("%w: flac: subframe of %d samples, want %d", ErrFormat, len(s.Samples), f.BlockSize)
		}
	}
	return f, nil
}
