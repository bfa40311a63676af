package audio

import (
	"errors"
	"fmt"
	"io"
)

// mp3Reader reads MPEG-1, MPEG-2 and MPEG-2.5 Layer III. Framing, tags and limits are handled by mp3Gate, the decoding by mp3Decoder.
type mp3Reader struct {
	gate     *mp3Gate
	dec      *mp3Decoder
	f        Format
	pos      int   // samples per channel of the decoded frame that are given
	have     int   // samples per channel of the decoded frame
	lead     int   // samples of silence still to give before them, for frames that could not be decoded at the start
	drop     int   // samples per channel still to drop at the start
	got      int64 // samples per channel given
	silenced int   // frames replaced by silence because their data is missing
	bad      int   // frames replaced by silence for anything else
	run      int   // how many of them came without a good one between
	badErr   error // why the first of them was
	err      error
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
	if r.silenced > 0 {
		w = append(w, fmt.Sprintf("mp3: %d frames refer to data that is missing or too long: silence in their place", r.silenced))
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

// open reads up to the first frame that can be decoded.
func (r *mp3Reader) open() error {
	for {
		err := r.next()
		switch {
		case err == nil && r.run == 0:
			return nil
		case err == nil:
			r.lead += r.have
		case err == io.EOF && r.gate.cut != "":
			return fmt.Errorf("%w: mp3: %s before the first whole frame", ErrTruncated, r.gate.cut)
		case err == io.EOF && r.bad > 0:
			return fmt.Errorf("%w: mp3: no frame could be decoded, first: %w", ErrFormat, r.badErr)
		case err == io.EOF && r.gate.have:
			return fmt.Errorf("%w: mp3: ends at offset %d before the first frame with audio", ErrTruncated, r.gate.in.offset())
		case err == io.EOF:
			return fmt.Errorf("%w: mp3: no frame in %d bytes", ErrFormat, r.gate.in.offset())
		default:
			return err
		}
	}
}

// next decodes the next frame. One that cannot be decoded is silence, until there are too many.
func (r *mp3Reader) next() error {
	h, err := r.gate.audio()
	if err != nil {
		return err
	}
	if r.dec == nil {
		r.dec = newMP3Decoder(r.gate.first)
	}
	if r.gate.lost {
		r.dec.forget()
	}
	r.pos, r.have = 0, h.samples()
	switch err := r.dec.frame(h, r.gate.frameBuf); {
	case err == nil:
		r.run = 0
	case errors.Is(err, errMP3Missing):
		r.silenced++
		r.run = 0
	default:
		if r.bad++; r.badErr == nil {
			r.badErr = fmt.Errorf("offset %d: %w", r.gate.at, err)
		}
		if r.run++; r.run > mp3MaxBad {
			r.have = 0
			return fmt.Errorf("%w: mp3: %d frames in a row could not be decoded, first: %w", ErrFormat, r.run, r.badErr)
		}
	}
	return nil
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
		}
		n = int(min(int64(n), total-r.got))
	}
	for r.err == nil {
		k := min(r.drop, r.lead)
		r.drop, r.lead = r.drop-k, r.lead-k
		k = min(r.drop, r.have-r.pos)
		r.drop, r.pos = r.drop-k, r.pos+k
		switch {
		case r.lead > 0:
			n = min(n, r.lead)
			for c := range dst {
				clear(dst[c][:n])
			}
			r.lead -= n
		case r.pos < r.have:
			n = min(n, r.have-r.pos)
			for c := range dst {
				copy(dst[c][:n], r.dec.pcm[c][r.pos:])
			}
			r.pos += n
		default:
			r.err = r.next()
			continue
		}
		r.got += int64(n)
		return n, nil
	}
	return 0, r.err
}
