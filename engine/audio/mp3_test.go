package audio

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestMP3Golden(t *testing.T) { testGolden(t, "mp3.json") }

// Every sampling rate, one channel, two and joint stereo, and what no encoder makes.
func TestMP3Matrix(t *testing.T) { testGolden(t, "mp3-matrix.json") }

func TestMP3Damage(t *testing.T) {
	good := goldenFile(t, "mono-48k-noxing.mp3")
	want, _, _, err := ReadAll(bytes.NewReader(good), 0)
	if err != nil {
		t.Fatal(err)
	}
	frame := 192 // 144 * 64000 / 48000
	for name, tc := range map[string]struct {
		data    []byte
		samples int
		warning string
	}{
		"garbage_before_third_frame": {slices.Concat(good[:2*frame], []byte("no frame at all here"), good[2*frame:]), len(want[0]), "20 bytes from offset 384"},
		"cut_in_last_frame":          {good[:len(good)-10], len(want[0]) - 1152, "truncated"},
		"id3v1_behind":               {slices.Concat(good, []byte("TAG"), make([]byte, 125)), len(want[0]), ""},
		"huge_id3v2_before":          {slices.Concat([]byte("ID3\x03\x00\x00\x00\x01\x00\x00"), make([]byte, 1<<14), good), len(want[0]), ""},
		"garbage_behind_id3":         {slices.Concat([]byte("ID3\x03\x00\x00\x00\x00\x00\x00"), []byte("\xff\xfb\x90\x00\xff\xfd\x90 not a frame"), good), len(want[0]), "19 bytes from offset 10"},
		"vbri_first":                 {slices.Concat(good[:36], []byte("VBRI"), good[40:]), len(want[0]) - 1152, "1 frames refer to data that is missing"},
		"zero_padding_behind":        {slices.Concat(good, make([]byte, 777)), len(want[0]), "777 bytes from offset"},
	} {
		t.Run(name, func(t *testing.T) {
			x, _, warnings, err := ReadAll(bytes.NewReader(tc.data), 0)
			if err != nil {
				t.Fatal(err)
			}
			if len(x[0]) != tc.samples {
				t.Errorf("%d samples, want %d", len(x[0]), tc.samples)
			}
			if got := strings.Join(warnings, "; "); (tc.warning == "") != (got == "") || !strings.Contains(got, tc.warning) {
				t.Errorf("warnings %q, want %q", got, tc.warning)
			}
		})
	}
}

func TestMP3Refuses(t *testing.T) {
	free := []byte{0xff, 0xfb, 0x04, 0xc0}
	for name, tc := range map[string]struct {
		data []byte
		is   error
		text string
	}{
		"tag_only":        {[]byte("ID3\x03\x00\x00\x00\x00\x00\x0a0123456789"), ErrFormat, "no frame"},
		"tag_of_256_MiB":  {[]byte("ID3\x03\x00\x00\x7f\x7f\x7f\x7f012345"), ErrTruncated, "of 268435465"},
		"tag_header_cut":  {[]byte("ID3\x03\x00"), ErrTruncated, "5 bytes of header"},
		"free_format":     {slices.Concat(free, make([]byte, 500)), ErrUnsupported, "free-format"},
		"one_frame_cut":   {goldenFile(t, "mono-48k-noxing.mp3")[:100], ErrTruncated, "100 bytes of 192"},
		"layer_2":         {slices.Concat([]byte{0xff, 0xfd, 0x44, 0xc0}, make([]byte, 500)), ErrFormat, "layer 2"},
		"only_a_xing_tag": {goldenFile(t, "mono-16k-32.mp3")[:144], ErrTruncated, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, _, err := ReadAll(bytes.NewReader(tc.data), 0)
			wantErr(t, err, tc.is, tc.text)
		})
	}
}

func FuzzMP3(f *testing.F) {
	seedFixtures(f, ".mp3")
	for _, name := range []string{"mono-16k-32.mp3", "mono-48k-noxing.mp3", "mono-22k05-32.mp3", "joint-44k1-v5.mp3", "mono-8k-mpeg25.mp3", "crafted-both-48000.mp3", "crafted-both-11025.mp3"} {
		f.Add(goldenFile(f, name)[:min(1500, len(goldenFile(f, name)))])
	}
	f.Fuzz(func(t *testing.T, b []byte) { fuzzReader(t, b, 12) })
}

func BenchmarkMP3(b *testing.B) {
	for _, name := range []string{"mono-16k-32.mp3", "stereo-44k1-128.mp3"} {
		b.Run(strings.TrimSuffix(name, ".mp3"), func(b *testing.B) { benchReader(b, goldenFile(b, name)) })
	}
}

// A recording cut out of a longer one begins with frames whose data is gone. They become silence, and the rest is what it was.
func TestMP3CutOut(t *testing.T) {
	file := goldenFile(t, "joint-44k1-v5.mp3")
	want := reference(t, "joint-44k1-v5.mp3.s16", 2)
	at, frames := 10+int(file[9]), 0 // behind a short ID3 tag
	for ; frames < 6; frames++ {     // the first is the Xing frame
		h, ok := parseMP3Header(file[at:])
		if !ok {
			t.Fatalf("no frame at offset %d", at)
		}
		at += h.size
	}
	x, _, warnings, err := ReadAll(bytes.NewReader(file[at:]), 0)
	if err != nil {
		t.Fatal(err)
	}
	// Without the Xing frame nothing is trimmed: frame 6 began 5 frames into the audio, 1105 of which were the encoder's.
	first := 5*1152 - 1105
	skip := 3 * 1152
	worst, n := 0.0, 0
	for i := skip; i < len(x[0]) && first+i < len(want[0]); i++ {
		worst = max(worst, math.Abs(float64(x[0][i]-want[0][first+i])))
		n++
	}
	if n < 4000 || worst > 3.01/32768 {
		t.Errorf("%d samples compared, largest difference %g, warnings %q", n, worst, warnings)
	}
}

// Frames that cannot be decoded become silence of their length, and what follows is read.
func TestMP3BadFrames(t *testing.T) {
	file := bytes.Clone(goldenFile(t, "mono-48k-noxing.mp3"))
	want, _, _, err := ReadAll(bytes.NewReader(file), 0)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(192, 192))
	for f := 4; f < 7; f++ {
		for i := f*192 + 6; i < (f+1)*192; i++ {
			file[i] = byte(r.IntN(256))
		}
	}
	x, _, warnings, err := ReadAll(bytes.NewReader(file), 0)
	if err != nil || len(x[0]) != len(want[0]) {
		t.Fatalf("%d samples, want %d, error %v", len(x[0]), len(want[0]), err)
	}
	if !slices.Equal(x[0][:3*1152], want[0][:3*1152]) || !slices.Equal(x[0][12*1152:], want[0][12*1152:]) {
		t.Error("frames before or well behind the bad ones changed")
	}
	if w := strings.Join(warnings, "; "); !strings.Contains(w, "silence in their place") {
		t.Errorf("warnings %q", w)
	}
}

// Bits of frames flipped at random end as samples, warnings or errors, never as a panic or a hang.
func TestMP3RandomDamage(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	for range 200 {
		b := bytes.Clone(goldenFile(t, "joint-44k1-v5.mp3")[:4000])
		for range 1 + r.IntN(30) {
			b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		}
		if _, _, _, err := ReadAll(bytes.NewReader(b), 0); err != nil && !isOurs(err) {
			t.Fatalf("%v is none of the package's errors", err)
		}
	}
}

// isOurs tells whether callers can branch on err.
func isOurs(err error) bool {
	for _, e := range []error{ErrFormat, ErrTruncated, ErrUnsupported, ErrLimit} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
