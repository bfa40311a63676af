package main

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/timbre-voice/timbre/engine"
	"github.com/timbre-voice/timbre/engine/audio"
)

// printed is what a features command printed, from any format.
type printed struct {
	times []float64
	rows  [][]float32
}

func readCSV(t *testing.T, text string, columns []string) printed {
	t.Helper()
	all, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(all[0], ","); got != "time_ms,"+strings.Join(columns, ",") {
		t.Fatalf("the head is %s, want time_ms and %v", got, columns)
	}
	var tab printed
	for _, line := range all[1:] {
		ms, err := strconv.ParseFloat(line[0], 64)
		if err != nil {
			t.Fatal(err)
		}
		row := make([]float32, len(line)-1)
		for i, cell := range line[1:] {
			v := math.NaN()
			if cell != "" {
				if v, err = strconv.ParseFloat(cell, 32); err != nil {
					t.Fatal(err)
				}
			}
			row[i] = float32(v)
		}
		tab.times, tab.rows = append(tab.times, ms), append(tab.rows, row)
	}
	return tab
}

func readJSON(t *testing.T, text string) (frameTable, printed) {
	t.Helper()
	var doc struct {
		frameTable
		Frames []struct {
			TimeMs float64    `json:"time_ms"`
			Values []*float32 `json:"values"`
		} `json:"frames"`
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	var tab printed
	for _, f := range doc.Frames {
		row := make([]float32, len(f.Values))
		for i, v := range f.Values {
			row[i] = absent
			if v != nil {
				row[i] = *v
			}
		}
		tab.times, tab.rows = append(tab.times, f.TimeMs), append(tab.rows, row)
	}
	return doc.frameTable, tab
}

// readNPY reads an NPY file as its specification says, independently of what wrote it.
func readNPY(t *testing.T, b []byte, d int) [][]float32 {
	t.Helper()
	if !bytes.HasPrefix(b, []byte("\x93NUMPY\x01\x00")) {
		t.Fatalf("the magic is %q", b[:8])
	}
	n := int(binary.LittleEndian.Uint16(b[8:]))
	head := string(b[10 : 10+n])
	if (10+n)%64 != 0 || !strings.HasSuffix(head, "\n") {
		t.Errorf("the data begins at %d, want a multiple of 64 behind a line feed", 10+n)
	}
	rest, ok := strings.CutPrefix(head, "{'descr': '<f4', 'fortran_order': False, 'shape': (")
	count, ok2 := strings.CutSuffix(strings.TrimRight(rest, " \n"), fmt.Sprintf(", %d), }", d))
	rows, err := strconv.Atoi(count)
	if !ok || !ok2 || err != nil {
		t.Fatalf("the header is %q, want float32 of %d columns", head, d)
	}
	data := b[10+n:]
	if rows*d*4 != len(data) {
		t.Fatalf("%d bytes of data for %d rows of %d", len(data), rows, d)
	}
	out := make([][]float32, rows)
	for r := range out {
		for k := range d {
			out[r] = append(out[r], math.Float32frombits(binary.LittleEndian.Uint32(data[4*(r*d+k):])))
		}
	}
	return out
}

func sameTable(t *testing.T, what string, got, want printed) {
	t.Helper()
	if len(got.rows) != len(want.rows) || len(got.rows) == 0 {
		t.Fatalf("%s: %d frames, want %d", what, len(got.rows), len(want.rows))
	}
	for i := range got.rows {
		if math.Abs(got.times[i]-want.times[i]) > 1e-6 {
			t.Fatalf("%s: frame %d is at %v ms, want %v", what, i, got.times[i], want.times[i])
		}
		for k := range got.rows[i] {
			g, w := got.rows[i][k], want.rows[i][k]
			if g != w && (g == g || w == w) {
				t.Fatalf("%s: frame %d value %d is %v, want %v", what, i, k, g, w)
			}
		}
	}
}

func TestFeaturesFormatsHaveTheFramesOfTheEngine(t *testing.T) {
	path := clip(t, "voice_male_en_8k.wav")
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, format, _, err := audio.ReadAll(f, 0)
	if err != nil {
		t.Fatal(err)
	}
	o := engine.DefaultMFCC(format.Rate)
	s, err := engine.NewStream(o.Stream())
	if err != nil {
		t.Fatal(err)
	}
	var mfcc, fbank printed
	keep := func(f *engine.Frame) {
		ms := (float64(f.Start) + float64(o.Fbank.Frame.WindowSamples())/2) * 1000 / float64(format.Rate)
		mfcc.times, mfcc.rows = append(mfcc.times, ms), append(mfcc.rows, append([]float32(nil), f.MFCC...))
		fbank.times, fbank.rows = append(fbank.times, ms), append(fbank.rows, append([]float32(nil), f.LogMel...))
	}
	s.Write(x[0], keep)
	s.Flush(keep)
	track, err := engine.Pitch(engine.DefaultPitchOptions(), x[0])
	if err != nil {
		t.Fatal(err)
	}
	var pitch printed
	voiced := 0
	for _, p := range track {
		v := absent
		if p.Voiced() {
			v = p.F0Hz
			voiced++
		}
		pitch.times, pitch.rows = append(pitch.times, float64(p.Center)/8), append(pitch.rows, []float32{v, p.Strength})
	}
	if voiced == 0 || voiced == len(track) {
		t.Fatalf("%d of %d frames are voiced; the recording does not test absent values", voiced, len(track))
	}
	for _, c := range []struct {
		kind    string
		columns []string
		want    printed
	}{
		{"mfcc", numbered("c%d", o.NumCeps), mfcc},
		{"fbank", numbered("mel%d", o.Fbank.Mel.NumBands), fbank},
		{"pitch", []string{"f0_hz", "strength"}, pitch},
	} {
		args := []string{"features", path, "--kind", c.kind, "--format"}
		sameTable(t, c.kind+" csv", readCSV(t, wantExit(t, exitDone, append(args, "csv")), c.columns), c.want)
		head, tab := readJSON(t, wantExit(t, exitDone, append(args, "json")))
		sameTable(t, c.kind+" json", tab, c.want)
		if head.Kind != c.kind || head.RateHz != 8000 || head.File != path || head.Options == "" || len(head.Columns) != len(c.columns) {
			t.Errorf("%s json: the head is %+v", c.kind, head)
		}
		npy := readNPY(t, []byte(wantExit(t, exitDone, append(args, "npy"))), len(c.columns))
		sameTable(t, c.kind+" npy", printed{c.want.times, npy}, c.want) // the format has no times
	}
}

func TestFeaturesOfTheDetector(t *testing.T) {
	path := clip(t, "voice_male_en_8k.wav")
	tab := readCSV(t, wantExit(t, exitDone, []string{"features", path, "--kind", "vad"}), []string{"speech", "music", "noise"})
	speech := 0
	for i, row := range tab.rows {
		if want := 8 + 16*float64(i); tab.times[i] != want {
			t.Fatalf("step %d is at %v ms, want %v", i, tab.times[i], want)
		}
		for _, p := range row {
			if !(p >= 0 && p <= 1) {
				t.Fatalf("step %d has a probability of %v", i, p)
			}
		}
		if row[0] >= 0.5 {
			speech++
		}
	}
	if 2*speech < len(tab.rows) {
		t.Errorf("%d of %d steps of a voice are speech, want most", speech, len(tab.rows))
	}
}

func TestFeaturesRateChannelPresetAndFile(t *testing.T) {
	wide := clip(t, "voice_male_en_16k.wav")
	for _, c := range []struct {
		args []string
		rate int
		hop  float64
	}{
		{[]string{wide}, 8000, 10},
		{[]string{wide, "--rate", "native"}, 16000, 10},
		{[]string{wide, "--rate", "16000", "--preset", "kaldi"}, 16000, 10},
		{[]string{wide, "--rate", "native", "--preset", "librosa"}, 16000, 32},
		{[]string{wide, "--rate", "native", "--preset", "psf", "--kind", "fbank"}, 16000, 10},
		{[]string{clip(t, "pcm_s16le_mono_44k1.wav"), "--rate", "native", "--kind", "pitch"}, 44100, 10},
	} {
		head, tab := readJSON(t, wantExit(t, exitDone, append([]string{"features", "--format", "json"}, c.args...)))
		if head.RateHz != c.rate || len(tab.times) < 2 || math.Abs(tab.times[1]-tab.times[0]-c.hop) > 0.01 {
			t.Errorf("features %v: %d Hz and times %.3v, want %d Hz and a hop of %v ms", c.args, head.RateHz, tab.times[:min(len(tab.times), 3)], c.rate, c.hop)
		}
	}
	stereo := call(t, "short-call.wav")
	left := wantExit(t, exitDone, []string{"features", stereo, "--channel", "0"})
	right := wantExit(t, exitDone, []string{"features", stereo, "--channel", "1"})
	if left == right {
		t.Error("both channels have the same frames")
	}
	out := filepath.Join(t.TempDir(), "right.csv")
	if text := wantExit(t, exitDone, []string{"features", stereo, "--channel", "1", "-o", out}); text != "" {
		t.Errorf("with -o, standard output has %q", text)
	}
	if b, err := os.ReadFile(out); err != nil || string(b) != right {
		t.Errorf("-o FILE has something else than standard output (error %v)", err)
	}
}

func TestFeaturesTellsOfDamage(t *testing.T) {
	out := wantExit(t, exitDone, []string{"features", clip(t, "truncated_in_data_mono_8k.wav")}, "level=WARN")
	if len(readCSV(t, out, numbered("c%d", 20)).rows) == 0 {
		t.Error("no frame of what could be read")
	}
}
