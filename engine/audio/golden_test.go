package audio

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// goldenDir holds what testdata/golden/gen/codecs.py made with ffmpeg and sox.
const goldenDir = "../../testdata/golden/codecs"

// goldenCase names a coded file and what the outside decoder made of it.
type goldenCase struct {
	File      string  `json:"file"`
	Reference string  `json:"reference"`
	Rate      int     `json:"rate"`
	Channels  int     `json:"channels"`
	MinSNR    float64 `json:"min_snr_db"` // when given, in place of the document's tolerance
	Stride    int     `json:"stride"`     // when given, the reference holds every sample whose number it divides
}

// golden reads one golden document, checks the hashes of the files that it names, and unpacks its values.
// A missing file fails the test.
func golden(t testing.TB, name string, values any) (tol float64) {
	t.Helper()
	var doc struct {
		Tool   string            `json:"tool"`
		SHA256 map[string]string `json:"sha256"`
		Tol    float64           `json:"abs_tol"`
		Values json.RawMessage   `json:"values"`
	}
	if err := json.Unmarshal(goldenFile(t, name), &doc); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if doc.Tool == "" {
		t.Fatalf("%s: no tool named", name)
	}
	for f, want := range doc.SHA256 {
		sum := sha256.Sum256(goldenFile(t, f))
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Fatalf("%s: sha256 of %s is %s, want %s", name, f, got, want)
		}
	}
	if err := json.Unmarshal(doc.Values, values); err != nil {
		t.Fatalf("%s: values: %v", name, err)
	}
	return doc.Tol
}

// goldenFile returns the bytes of one file.
func goldenFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(goldenDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// reference unpacks interleaved 16-bit samples to C channels.
func reference(t testing.TB, name string, channels int) [][]float32 {
	t.Helper()
	b := goldenFile(t, name)
	x := make([][]float32, channels)
	for i := 0; i+2 <= len(b); i += 2 {
		c := i / 2 % channels
		x[c] = append(x[c], float32(int16(binary.LittleEndian.Uint16(b[i:])))/32768)
	}
	return x
}

// decodeGolden reads a golden file whole and checks its format against the case.
func decodeGolden(t *testing.T, g goldenCase) [][]float32 {
	t.Helper()
	x, f, warnings, err := ReadAll(bytes.NewReader(goldenFile(t, g.File)), 0)
	if err != nil {
		t.Fatalf("%s: %v", g.File, err)
	}
	if f.Rate != g.Rate || f.Channels != g.Channels {
		t.Fatalf("%s: %v, want %d Hz and %d channels", g.File, f, g.Rate, g.Channels)
	}
	for _, w := range warnings {
		t.Logf("%s: warning: %s", g.File, w)
	}
	return x
}

// maxDiff compares channel by channel: the largest difference, and the signal to difference ratio in dB.
func maxDiff(t *testing.T, name string, got, want [][]float32) (worst, snr float64) {
	t.Helper()
	var sig, noise float64
	for c := range want {
		if len(got[c]) != len(want[c]) {
			t.Fatalf("%s: channel %d has %d samples, want %d", name, c, len(got[c]), len(want[c]))
		}
		for i, w := range want[c] {
			d := float64(got[c][i]) - float64(w)
			worst = max(worst, math.Abs(d))
			sig += float64(w) * float64(w)
			noise += d * d
		}
	}
	return worst, 10 * math.Log10(sig/noise)
}

// testGolden decodes every case of a document and compares it with the outside decoder within the document's tolerance.
func testGolden(t *testing.T, doc string) {
	var cases []goldenCase
	tol := golden(t, doc, &cases)
	if len(cases) == 0 {
		t.Fatal("no cases")
	}
	for _, g := range cases {
		t.Run(g.File, func(t *testing.T) {
			got := decodeGolden(t, g)
			if g.Stride > 0 {
				for c, x := range got {
					got[c] = nil
					for i := 0; i < len(x); i += g.Stride {
						got[c] = append(got[c], x[i])
					}
				}
			}
			worst, snr := maxDiff(t, g.File, got, reference(t, g.Reference, g.Channels))
			t.Logf("largest difference %.3g of full scale (%.2f steps of 16 bits), signal to difference %.1f dB", worst, worst*32768, snr)
			if g.MinSNR == 0 && worst > tol {
				t.Errorf("differs by %g, want at most %g", worst, tol)
			}
			if snr < g.MinSNR {
				t.Errorf("signal to difference %.1f dB, want at least %g", snr, g.MinSNR)
			}
		})
	}
}
