package audio

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

func TestWAVHeader(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, encoding := range []string{"pcm_s16le", "mulaw", "alaw"} {
		for _, shape := range [][2]int{{1, 0}, {1, 801}, {2, 800}, {3, 333}} {
			x := make([][]float32, shape[0])
			for c := range x {
				x[c] = make([]float32, shape[1])
				for i := range x[c] {
					x[c][i] = 2*random.Float32() - 1
				}
			}
			file, err := WAVHeader(encoding, 8000, shape[0], int64(shape[1]))
			if err != nil {
				t.Fatal(err)
			}
			flat, err := Interleave(nil, x)
			if err != nil {
				t.Fatal(err)
			}
			header := len(file)
			if file, err = Encode(file, encoding, flat); err != nil {
				t.Fatal(err)
			}
			if (len(file)-header)%2 == 1 {
				file = append(file, 0)
			}
			got, format, _, err := ReadAll(bytes.NewReader(file), 0)
			if err != nil {
				t.Fatalf("%s, %d channels of %d: %v", encoding, shape[0], shape[1], err)
			}
			if format.Encoding != encoding || format.Rate != 8000 || len(got) != shape[0] || len(got[0]) != shape[1] {
				t.Fatalf("%s, %d channels of %d: read as %+v, %d channels", encoding, shape[0], shape[1], format, len(got))
			}
			// What was encoded once is encoded the same again.
			back, err := Interleave(nil, got)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Encode(nil, encoding, back)
			if err != nil || !bytes.Equal(again, file[header:header+len(again)]) {
				t.Errorf("%s, %d channels of %d: other samples, %v", encoding, shape[0], shape[1], err)
			}
		}
	}
}

func TestWAVHeaderRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		encoding       string
		rate, channels int
		frames         int64
		want           error
	}{
		"encoding":        {"opus", 8000, 1, 1, ErrUnsupported},
		"rate":            {"mulaw", 1, 1, 1, ErrLimit},
		"channels":        {"mulaw", 8000, MaxChannels + 1, 1, ErrLimit},
		"negative_frames": {"mulaw", 8000, 1, -1, ErrLimit},
		"beyond_4_gib":    {"pcm_s16le", 8000, 2, math.MaxUint32 / 4, ErrLimit},
	} {
		if _, err := WAVHeader(c.encoding, c.rate, c.channels, c.frames); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
