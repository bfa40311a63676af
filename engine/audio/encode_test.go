package audio

import (
	"bytes"
	"errors"
	"math"
	"testing"
)

func TestEncodeIsTheInverseOfTheDecoders(t *testing.T) {
	for _, encoding := range []string{"mulaw", "alaw", "pcm_s16le", "pcm_s16be"} {
		t.Run(encoding, func(t *testing.T) {
			var codes []byte
			for c := range 256 {
				for low := range 1 + 255*(len(encoding)/8) { // both bytes of linear PCM
					codes = append(codes, byte(low), byte(c))
				}
			}
			if encoding == "mulaw" { // minus zero decodes to zero, whose code is 0xFF
				codes = bytes.ReplaceAll(codes, []byte{0x7f}, []byte{0xff})
			}
			dec, err := NewDecoder(encoding, 8000)
			if err != nil {
				t.Fatal(err)
			}
			x, err := dec.Decode(nil, codes)
			if err != nil {
				t.Fatal(err)
			}
			back, err := Encode(nil, encoding, x)
			if err != nil || !bytes.Equal(back, codes) {
				t.Errorf("encoded again, the codes differ; error %v", err)
			}
		})
	}
	if got, err := Encode(nil, "pcm_s16le", []float32{2, -2, float32(math.NaN())}); err != nil || !bytes.Equal(got, []byte{0xff, 0x7f, 0x00, 0x80, 0, 0}) {
		t.Errorf("beyond the range: % x, error %v", got, err)
	}
	if got, err := Encode([]byte{1}, "opus", []float32{0}); !errors.Is(err, ErrUnsupported) || !bytes.Equal(got, []byte{1}) {
		t.Errorf("opus: %v, error %v, want ErrUnsupported and dst unchanged", got, err)
	}
}
