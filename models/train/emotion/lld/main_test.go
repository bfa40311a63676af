package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/sentiment"
)

func TestRun(t *testing.T) {
	wav := testkit.Read(t, testkit.Testdata(t, "audio", "voice_female_en_8k.wav"))
	x, _, _, err := audio.ReadAll(bytes.NewReader(wav), 0)
	if err != nil {
		t.Fatal(err)
	}
	var raw []byte
	for _, v := range x[0] {
		raw = binary.LittleEndian.AppendUint16(raw, uint16(int16(v*32768)))
	}
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) {
		if err := os.WriteFile(path(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("a.s16", string(raw))
	write("t.tsv", "start\tlength\tlabel\n0\t24000\tsad\n8000\t800\tsad\n")
	args := []string{"-table", path("t.tsv"), "-audio", path("a.s16"), "-functionals", path("f.f32"), "-cepstra", path("c.f32")}
	if err := run(args, nil); err != nil {
		t.Fatal(err)
	}
	rows := testkit.Read(t, path("f.f32"))
	if len(rows) != 2*4*sentiment.NumFunctionals {
		t.Fatalf("%d bytes of functionals, want two rows", len(rows))
	}
	first := math.Float32frombits(binary.LittleEndian.Uint32(rows))
	second := math.Float32frombits(binary.LittleEndian.Uint32(rows[4*sentiment.NumFunctionals:]))
	if !(first > 20 && first < 50) || !math.IsNaN(float64(second)) {
		t.Errorf("f0_mean %g and %g, want a voice's and NaN for a tenth of a second", first, second)
	}
	var a, b int
	for i, line := range strings.Fields(string(testkit.Read(t, path("c.f32.index")))) {
		for _, c := range line {
			if i == 0 {
				a = 10*a + int(c-'0')
			} else {
				b = 10*b + int(c-'0')
			}
		}
	}
	if got, want := len(testkit.Read(t, path("c.f32"))), 4*40*(a+b); a < 200 || got != want {
		t.Errorf("%d and %d frames in %d bytes, want %d", a, b, got, want)
	}
	var cuts bytes.Buffer
	if err := run(append(args[:len(args):len(args)], "-cuts"), &cuts); err != nil {
		t.Fatal(err)
	}
	var from, to [2]int
	if n, err := fmt.Sscan(cuts.String(), &from[0], &to[0], &from[1], &to[1]); n != 4 || err != nil {
		t.Fatalf("cuts %q: %v", cuts.String(), err)
	}
	if from[0] < 0 || to[0] > 24000 || to[0]-from[0] < 8000 || from[1] != 0 || to[1] != 800 {
		t.Errorf("cuts %q, want the speech of the first clip and all of the second", cuts.String())
	}
	var out bytes.Buffer
	if err := run([]string{"names"}, &out); err != nil || !strings.HasPrefix(out.String(), sentiment.FeatureSet+"\nf0_mean\n") {
		t.Errorf("names: %v, %q", err, out.String())
	}
	write("short.tsv", "start\tlength\n0\t999999999\n")
	write("head.tsv", "begin\tlength\n")
	for _, table := range []string{"absent.tsv", "short.tsv", "head.tsv"} {
		args[1] = path(table)
		if err := run(args, nil); err == nil {
			t.Errorf("%s: no error", table)
		}
	}
}
