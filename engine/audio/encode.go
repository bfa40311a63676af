package audio

import (
	"encoding/binary"
	"fmt"
)

// Encode appends the network payload of samples x in [-1, 1] to dst: mulaw, alaw, pcm_s16le or pcm_s16be. It is the inverse of the
// decoders of those encodings, to the nearest value that they have. Samples beyond the range are clipped, NaN is written as 0.
// ErrUnsupported for another encoding, with dst unchanged.
func Encode(dst []byte, encoding string, x []float32) ([]byte, error) {
	switch encoding {
	case "mulaw":
		for _, v := range x {
			dst = append(dst, muLawEncode(int(toS16(v))))
		}
	case "alaw":
		for _, v := range x {
			dst = append(dst, aLawEncode(int(toS16(v))))
		}
	case "pcm_s16le":
		for _, v := range x {
			dst = binary.LittleEndian.AppendUint16(dst, uint16(toS16(v)))
		}
	case "pcm_s16be":
		for _, v := range x {
			dst = binary.BigEndian.AppendUint16(dst, uint16(toS16(v)))
		}
	default:
		return dst, fmt.Errorf("%w: encode to %q, want mulaw, alaw, pcm_s16le or pcm_s16be", ErrUnsupported, encoding)
	}
	return dst, nil
}
