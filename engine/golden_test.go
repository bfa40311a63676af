package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/timbre-voice/timbre/internal/testkit"
)

// goldenFile is one file of testdata/golden, made by an outside tool; see the scripts in testdata/golden/gen.
type goldenFile struct {
	What    string          `json:"what"`
	Tool    string          `json:"tool"`
	Options map[string]any  `json:"options"`
	Input   string          `json:"input"`
	SHA256  string          `json:"sha256"`
	AbsTol  float64         `json:"abs_tol"`
	Values  json.RawMessage `json:"values"`

	name string
}

// goldenRows is a choice of the rows of a matrix.
type goldenRows struct {
	NumRows int         `json:"num_rows"`
	Rows    []int       `json:"rows"`
	Data    [][]float64 `json:"data"`
}

// goldenFiles returns the files that match, at least least of them: a missing golden file is a failure.
func goldenFiles(t *testing.T, least int, pattern ...string) []goldenFile {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(append([]string{testkit.Root(t), "testdata", "golden"}, pattern...)...))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) < least {
		t.Fatalf("%d golden files match %v, want %d or more", len(paths), pattern, least)
	}
	var files []goldenFile
	for _, p := range paths {
		var f goldenFile
		if err := json.Unmarshal(testkit.Read(t, p), &f); err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		f.name = filepath.Base(p[:len(p)-len(".json")])
		if !(f.AbsTol > 0) || f.Tool == "" {
			t.Fatalf("%s: no tolerance or no tool", p)
		}
		files = append(files, f)
	}
	return files
}

// goldenFileNamed returns one file.
func goldenFileNamed(t *testing.T, folder, name string) goldenFile {
	t.Helper()
	return goldenFiles(t, 1, folder, name+".json")[0]
}

// value decodes the values of f.
func (f goldenFile) value(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(f.Values, v); err != nil {
		t.Fatalf("%s: %v", f.name, err)
	}
}

// audio returns the samples of f's input in [-1, 1] and their rate, after checking that it is the file the tool heard.
func (f goldenFile) audio(t *testing.T) ([]float32, int) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(testkit.Root(t), filepath.FromSlash(f.Input)))
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != f.SHA256 {
		t.Fatalf("%s: %s is not the file that the golden values were made from", f.name, f.Input)
	}
	return wav16(t, raw)
}

// wav16 reads 16-bit mono PCM. It is a reader of its own, so that these tests do not hang on the one under test in engine/audio.
func wav16(t testing.TB, raw []byte) (x []float32, rate int) {
	t.Helper()
	for at := 12; at+8 <= len(raw); {
		size := int(binary.LittleEndian.Uint32(raw[at+4:]))
		body := raw[at+8 : at+8+size]
		switch string(raw[at : at+4]) {
		case "fmt ":
			if binary.LittleEndian.Uint16(body[2:]) != 1 || binary.LittleEndian.Uint16(body[14:]) != 16 {
				t.Fatal("not 16-bit mono")
			}
			rate = int(binary.LittleEndian.Uint32(body[4:]))
		case "data":
			for i := 0; i+1 < size; i += 2 {
				x = append(x, float32(int16(binary.LittleEndian.Uint16(body[i:])))/32768)
			}
		}
		at += 8 + size + size%2
	}
	if rate == 0 || len(x) == 0 {
		t.Fatal("no audio")
	}
	return x, rate
}

// compareRows holds got against the rows that f has and returns the greatest difference.
func compareRows(t *testing.T, f goldenFile, got *Matrix, tol float64) float64 {
	t.Helper()
	var want goldenRows
	f.value(t, &want)
	if got.Rows != want.NumRows {
		t.Fatalf("%s: %d frames, %s has %d", f.name, got.Rows, f.Tool, want.NumRows)
	}
	if len(want.Rows) == 0 || len(want.Rows) != len(want.Data) {
		t.Fatalf("%s: %d rows named, %d given", f.name, len(want.Rows), len(want.Data))
	}
	worst, shown := 0.0, 0
	for i, r := range want.Rows {
		if len(want.Data[i]) != got.Cols {
			t.Fatalf("%s: %d columns, %s has %d", f.name, got.Cols, f.Tool, len(want.Data[i]))
		}
		for c, w := range want.Data[i] {
			d := math.Abs(float64(got.Row(r)[c]) - w)
			if worst = max(worst, d); !(d <= tol) && shown < 5 {
				shown++
				t.Errorf("%s: frame %d column %d: %v, %s has %v (tolerance %g)", f.name, r, c, got.Row(r)[c], f.Tool, w, tol)
			}
		}
	}
	return worst
}

// number returns option key of f, or otherwise.
func (f goldenFile) number(key string, otherwise float64) float64 {
	if v, ok := f.Options[key].(float64); ok {
		return v
	}
	return otherwise
}
