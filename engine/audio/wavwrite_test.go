package audio

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// memFile is an io.WriteSeeker in memory.
type memFile struct {
	b  []byte
	at int
}

func (m *memFile) Write(p []byte) (int, error) {
	if n := m.at + len(p) - len(m.b); n > 0 {
		m.b = append(m.b, make([]byte, n)...)
	}
	m.at += copy(m.b[m.at:], p)
	return len(p), nil
}

func (m *memFile) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += int64(m.at)
	case io.SeekEnd:
		offset += int64(len(m.b))
	}
	m.at = int(offset)
	return offset, nil
}

// What is written is read back: 16 bits exactly, the laws within their steps, and once coded for ever the same.
func TestWriteWAVRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(16, 2))
	for _, n := range []int{0, 1, 4095, 4096, 9001} {
		for channels := 1; channels <= 3; channels++ {
			x := make([][]float32, channels)
			for c := range x {
				x[c] = make([]float32, n)
				for i := range x[c] {
					x[c][i] = float32(r.IntN(65536)-32768) / 32768
				}
			}
			for _, enc := range []string{"pcm_s16le", "mulaw", "alaw"} {
				var m memFile
				if err := WriteWAV(&m, enc, 8000, x); err != nil {
					t.Fatal(err)
				}
				y, f, warnings, err := ReadAll(bytes.NewReader(m.b), 0)
				if err != nil || len(warnings) != 0 || f.Encoding != enc || f.Rate != 8000 || f.Channels != channels {
					t.Fatalf("%s, %d channels of %d: %v, error %v, warnings %q", enc, channels, n, f, err, warnings)
				}
				var again memFile
				if err := WriteWAV(&again, enc, 8000, y); err != nil || !bytes.Equal(again.b, m.b) && enc != "mulaw" {
					t.Errorf("%s: coding again changes the file (%v)", enc, err)
				}
				for c := range x {
					if len(y[c]) != n {
						t.Fatalf("%s: %d samples, want %d", enc, len(y[c]), n)
					}
					for i := range x[c] {
						d := math.Abs(float64(y[c][i] - x[c][i]))
						if enc == "pcm_s16le" && d != 0 || d > 0.032 {
							t.Fatalf("%s: %v becomes %v", enc, x[c][i], y[c][i])
						}
					}
				}
			}
		}
	}
}

func TestWriteWAVClips(t *testing.T) {
	var m memFile
	x := [][]float32{{2, -2, 1, -1, float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0.5 / 32768, 1.5 / 32768}}
	if err := WriteWAV(&m, "pcm_s16le", 8000, x); err != nil {
		t.Fatal(err)
	}
	y, _, _, err := ReadAll(bytes.NewReader(m.b), 0)
	const top = 32767.0 / 32768
	if want := []float32{top, -1, top, -1, 0, top, -1, 0, 2.0 / 32768}; err != nil || !slices.Equal(y[0], want) {
		t.Errorf("%v, error %v, want %v", y[0], err, want)
	}
}

func TestWriteWAVRefuses(t *testing.T) {
	one := [][]float32{{0}}
	for name, tc := range map[string]struct {
		enc  string
		rate int
		x    [][]float32
		is   error
	}{
		"encoding":      {"mp3", 8000, one, ErrUnsupported},
		"no_channels":   {"alaw", 8000, nil, ErrLimit},
		"rate":          {"alaw", 0, one, ErrLimit},
		"two_lengths":   {"alaw", 8000, [][]float32{{0}, {0, 0}}, ErrChannels},
		"many_channels": {"alaw", 8000, make([][]float32, MaxChannels+1), ErrLimit},
	} {
		if err := WriteWAV(&memFile{}, tc.enc, tc.rate, tc.x); !errors.Is(err, tc.is) {
			t.Errorf("%s: error %v, want one that is %v", name, err, tc.is)
		}
	}
	f, err := os.Open(filepath.Join(goldenDir, "wav.json")) // open for reading only
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := WriteWAV(f, "alaw", 8000, one); err == nil {
		t.Errorf("a file that cannot be written: error %v", err)
	}
}
