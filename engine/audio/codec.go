package audio

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Decoder turns the payload of network frames into samples. Frames of one direction of one call go to one Decoder in order, for
// adaptive codecs carry state from frame to frame. Not safe for concurrent use.
type Decoder interface {
	// Decode appends the samples of one payload to dst and returns it. Interleaved channels stay interleaved (see Split).
	// An error leaves dst as it was, and the decoder ready for the next payload.
	Decode(dst []float32, src []byte) ([]float32, error)
	// Rate is the samples per second of what Decode appends.
	Rate() int
}

// NewDecoder returns the decoder of one network encoding at rate samples per second:
//
//	mulaw, ulaw, pcmu            ITU-T G.711 mu-law, any rate
//	alaw, pcma                   ITU-T G.711 A-law, any rate
//	l16, pcm_s16be               16-bit linear, network byte order (RFC 3551 §4.5.11), any rate
//	pcm_s16le, linear16, slin16  16-bit linear, little endian, any rate
//	g722                         ITU-T G.722 at 64 kbit/s; rate 16000, or 8000, the clock rate that RFC 3551 §4.5.2 gives it by mistake
//	opus                         RFC 6716 packets, to one channel at 8000, 12000, 16000, 24000 or 48000
//
// Errors: ErrUnsupported for another encoding or a rate that the codec does not have, ErrLimit for a rate outside MinRate to MaxRate.
func NewDecoder(encoding string, rate int) (Decoder, error) {
	if err := checkShape("codec "+encoding, 1, rate); err != nil {
		return nil, err
	}
	switch encoding {
	case "mulaw", "ulaw", "pcmu":
		return &g711Decoder{g711: newG711("mulaw"), rate: rate}, nil
	case "alaw", "pcma":
		return &g711Decoder{g711: newG711("alaw"), rate: rate}, nil
	case "l16", "pcm_s16be":
		return &l16Decoder{order: binary.BigEndian, rate: rate}, nil
	case "pcm_s16le", "linear16", "slin16":
		return &l16Decoder{order: binary.LittleEndian, rate: rate}, nil
	case "g722":
		if rate != 16000 && rate != 8000 {
			return nil, fmt.Errorf("%w: codec g722: %d Hz, want 16000 (or its RTP clock rate 8000)", ErrUnsupported, rate)
		}
		return newG722Decoder(), nil
	case "opus":
		return newOpusDecoder(rate, 1)
	}
	return nil, fmt.Errorf("%w: codec %q, want mulaw, alaw, l16, pcm_s16le, g722 or opus", ErrUnsupported, encoding)
}

// g711Decoder is a table look-up; it has no state and cannot fail.
type g711Decoder struct {
	*g711
	rate int
}

func (d *g711Decoder) Rate() int { return d.rate }

func (d *g711Decoder) Decode(dst []float32, src []byte) ([]float32, error) {
	n := len(dst)
	dst = slices.Grow(dst, len(src))[:n+len(src)]
	out := dst[n:]
	for i, c := range src {
		out[i] = d.g711.decode[c]
	}
	return dst, nil
}

// l16Decoder reads 16-bit linear PCM. Payloads on a byte stream may be cut inside a sample: the odd byte waits for its other half.
type l16Decoder struct {
	order binary.ByteOrder
	rate  int
	half  [2]byte
	held  bool // half[0] waits for its other byte
}

func (d *l16Decoder) Rate() int { return d.rate }

func (d *l16Decoder) Decode(dst []float32, src []byte) ([]float32, error) {
	const scale = 1.0 / 32768
	if d.held && len(src) > 0 {
		d.half[1] = src[0]
		dst = append(dst, float32(int16(d.order.Uint16(d.half[:])))*scale)
		src, d.held = src[1:], false
	}
	if len(src)%2 == 1 {
		d.half[0], d.held = src[len(src)-1], true
		src = src[:len(src)-1]
	}
	n := len(dst)
	dst = slices.Grow(dst, len(src)/2)[:n+len(src)/2]
	out := dst[n:]
	if d.order == binary.ByteOrder(binary.BigEndian) {
		for i := range out {
			out[i] = float32(int16(binary.BigEndian.Uint16(src[2*i:]))) * scale
		}
		return dst, nil
	}
	fromS16(out, src, 2)
	return dst, nil
}
