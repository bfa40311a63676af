package audio

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/hajimehoshi/go-mp3"
)

// mp3Reader reads MPEG-1, MPEG-2 and MPEG-2.5 Layer III. Framing, tags and limits are handled by mp3Gate, the decoding by go-mp3.
//
// MPEG-2.5 at 8 kHz has band tables that the library lacks and gives ErrUnsupported. At 24 kHz one border of the library's band
// table is off by two lines of 576, which is heard as noise some 24 dB and more below the signal, above 6.8 kHz.
type mp3Reader struct {
	gate   *mp3Gate
	dec    *mp3.Decoder
	f      Format
	raw    []byte // decoded bytes, interleaved stereo 16-bit whatever the stream has
	have   int    // bytes of raw filled
	drop   int    // samples per channel still to drop at the start
	got    int64  // samples per channel given
	bad    int    // frames replaced by silence
	run    int    // how many of them came without a good one between
	badErr error  // why the first of them was
	err    error
}

func (r *mp3Reader) Format() Format { return r.f }

func (r *mp3Reader) Truncated() bool { return r.gate.cut != "" }

func (r *mp3Reader) Warnings() []string {
	g := r.gate
	var w []string
	if g.skipped > 0 {
		w = append(w, fmt.Sprintf("mp3: %d bytes from offset %d on belong to no frame: skipped", g.skipped, g.skipAt))
	}
	if g.mixed > 0 {
		w = append(w, fmt.Sprintf("mp3: %d frames change the number of channels: read as %d", g.mixed, r.f.Channels))
	}
	if n := g.silenced + g.repack.silenced; n > 0 {
		w = append(w, fmt.Sprintf("mp3: %d frames refer to data that is missing or too long: silence in their place", n))
	}
	if r.bad > 0 {
		w = append(w, fmt.Sprintf("mp3: %d frames could not be decoded, silence in their place: first: %v", r.bad, r.badErr))
	}
	if g.cut != "" {
		w = append(w, "mp3: "+g.cut)
	}
	return w
}

func newMP3(in *input) (Reader, error) {
	g := &mp3Gate{in: in}
	if err := g.skipID3(); err != nil {
		return nil, err
	}
	// Some taggers put ID3 before FLAC too.
	if head, _ := in.Peek(4); hasPrefix(head, "fLaC") {
		return newFLAC(in)
	}
	r := &mp3Reader{gate: g}
	if err := r.open(); err != nil {
		return nil, err
	}
	r.f = Format{Container: "mp3", Encoding: "mp3", Rate: g.first.rate, Channels: g.first.channels}
	r.drop = g.delay
	return r, nil
}

// mp3MaxBad is how many frames in a row may fail before the stream is given up.
const mp3MaxBad = 50

// open makes the decoder, which reads the first frame.
func (r *mp3Reader) open() error {
	r.raw = make([]byte, 1152*4)
	for {
		err := r.try(func() (err error) {
			// No io.Seeker: the decoder would run through the whole stream for its length.
			r.dec, err = mp3.NewDecoder(struct{ io.Reader }{r.gate})
			return err
		})
		switch {
		case err == nil:
			return nil
		case err == io.EOF && r.gate.cut != "":
			return fmt.Errorf("%w: mp3: %s before the first whole frame", ErrTruncated, r.gate.cut)
		case err == io.EOF && r.bad > 0:
			return fmt.Errorf("%w: mp3: no frame could be decoded, first: %w", ErrFormat, r.badErr)
		case err == io.EOF && r.gate.have:
			return fmt.Errorf("%w: mp3: ends at offset %d before the first frame with audio", ErrTruncated, r.gate.in.offset())
		case err == io.EOF:
			return fmt.Errorf("%w: mp3: no frame in %d bytes", ErrFormat, r.gate.in.offset())
		case r.failed(err) != nil:
			return r.err
		}
	}
}

// try runs a step of the decoder and turns its panic into an error.
func (r *mp3Reader) try(step func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("decoder: %v", p)
		}
	}()
	return step()
}

// failed deals with a frame that could not be decoded: what is left of it is dropped, and it becomes silence. It sets and returns
// r.err when the input itself failed or too many frames did.
func (r *mp3Reader) failed(err error) error {
	if r.gate.err != nil {
		r.err = r.gate.err
		return r.err
	}
	if r.bad++; r.badErr == nil {
		r.badErr = fmt.Errorf("offset %d: %w", r.gate.in.offset(), err)
	}
	if r.run++; r.run > mp3MaxBad {
		r.err = fmt.Errorf("%w: mp3: %d frames in a row could not be decoded, first: %w", ErrFormat, r.run, r.badErr)
		return r.err
	}
	r.gate.pending = nil
	if n := 4 * r.gate.first.samples(); len(r.raw)-r.have >= n {
		clear(r.raw[r.have : r.have+n])
		r.have += n
	}
	return nil
}

// fill decodes more bytes into raw, or sets r.err.
func (r *mp3Reader) fill() {
	err := r.try(func() error {
		n, err := r.dec.Read(r.raw[r.have:])
		r.have += n
		return err
	})
	switch {
	case err == nil:
		r.run = 0
	case err == io.EOF && r.gate.err != nil && r.gate.err != io.EOF:
		r.err = r.gate.err
	case err == io.EOF:
		r.err = io.EOF
	default:
		_ = r.failed(err)
	}
}

// Read gives the next samples, without the encoder's delay and padding where the stream tells them.
func (r *mp3Reader) Read(dst [][]float32) (int, error) {
	n, err := dstRoom(dst, r.f.Channels)
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, r.err
	}
	if total := r.gate.total; total >= 0 {
		if r.got >= total {
			r.err = io.EOF
			return 0, io.EOF
		}
		n = int(min(int64(n), total-r.got))
	}
	for {
		whole := r.have / 4
		if k := min(r.drop, whole); k > 0 {
			r.shift(k)
			r.drop -= k
			continue
		}
		if n = min(n, whole); n > 0 {
			break
		}
		if r.err != nil {
			return 0, r.err
		}
		n = len(dst[0])
		if total := r.gate.total; total >= 0 {
			n = int(min(int64(n), total-r.got))
		}
		r.fill()
	}
	for c := range dst {
		d := dst[c][:n]
		for i := range d {
			d[i] = float32(int16(binary.LittleEndian.Uint16(r.raw[4*i+2*c:]))) / 32768
		}
	}
	r.shift(n)
	r.got += int64(n)
	return n, nil
}

// shift drops the first n decoded samples.
func (r *mp3Reader) shift(n int) {
	r.have = copy(r.raw, r.raw[4*n:r.have])
}
