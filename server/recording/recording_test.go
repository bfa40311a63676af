package recording

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/timbre-voice/timbre/engine/audio"
)

func open(t *testing.T) (*Folder, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "a[b]*")
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return f, dir
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// TestRecordingIsWhatWasWritten writes channels in random pieces, with silence between, in random order, and reads the file.
func TestRecordingIsWhatWasWritten(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, encoding := range []string{"mulaw", "alaw", "pcm_s16le", "opus"} {
		for round := range 10 {
			t.Run(fmt.Sprintf("%s_%d", encoding, round), func(t *testing.T) {
				f, dir := open(t)
				r, err := f.Begin("acme", "c1", 8000, encoding)
				if err != nil {
					t.Fatal(err)
				}
				want := make([][]float32, 1+random.IntN(3))
				longest := 0
				for range 40 {
					c := random.IntN(len(want))
					n := random.IntN(3000)
					if random.IntN(3) == 0 {
						err = r.Skip(c, int64(n))
						want[c] = append(want[c], make([]float32, n)...)
					} else {
						x := make([]float32, n)
						for i := range x {
							x[i] = 1.8*random.Float32() - 0.9
						}
						err = r.Write(c, x)
						want[c] = append(want[c], x...)
					}
					if err != nil {
						t.Fatal(err)
					}
					longest = max(longest, len(want[c]))
				}
				name, err := r.Finish()
				if err != nil || name != "c1.wav" {
					t.Fatalf("%q, %v", name, err)
				}
				if got := names(t, filepath.Join(dir, "acme")); !slices.Equal(got, []string{"c1.wav"}) {
					t.Errorf("files %v", got)
				}
				file, err := f.File("acme", name)
				if err != nil {
					t.Fatal(err)
				}
				defer file.Close()
				if info, err := file.Stat(); err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
				}
				got, format, _, err := audio.ReadAll(file, 0)
				if err != nil {
					t.Fatal(err)
				}
				if format.Rate != 8000 || len(got[0]) != longest {
					t.Fatalf("%+v, %d samples, want %d", format, len(got[0]), longest)
				}
				for c := range got {
					for i, v := range got[c] {
						w := float32(0)
						if c < len(want) && i < len(want[c]) {
							w = want[c][i]
						}
						if d := v - w; d > 0.04 || d < -0.04 { // half of the widest step of G.711 is 0.0157, and A-law has no zero
							t.Fatalf("channel %d, sample %d: %g, want %g", c, i, v, w)
						}
					}
				}
			})
		}
	}
}

func TestRecordingThatIsNotFinished(t *testing.T) {
	f, dir := open(t)
	begin := func(id string) *Recording {
		t.Helper()
		r, err := f.Begin("acme", id, 8000, "mulaw")
		if err != nil {
			t.Fatal(err)
		}
		for c := range 2 {
			if err := r.Write(c, make([]float32, 100)); err != nil {
				t.Fatal(err)
			}
		}
		return r
	}
	if err := begin("discarded").Discard(); err != nil {
		t.Error(err)
	}
	if left := names(t, filepath.Join(dir, "acme")); len(left) != 0 {
		t.Errorf("left after Discard: %v", left)
	}
	kept := begin("kept")
	if _, err := kept.Finish(); err != nil {
		t.Error(err)
	}
	if err := kept.Discard(); err != nil {
		t.Error(err)
	}
	if _, err := kept.Finish(); err == nil {
		t.Error("finished twice")
	}
	if err := kept.Write(0, make([]float32, 1)); err == nil {
		t.Error("written after the end")
	}
	died := begin("died")
	defer died.Discard()
	if got := names(t, filepath.Join(dir, "acme")); len(got) != 3 {
		t.Errorf("files %v, want the kept one and two parts", got)
	}
	if _, err := f.File("acme", "died.0.part"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a part was opened: %v", err)
	}
	if _, err := Open(dir); err != nil {
		t.Fatal(err)
	}
	if got := names(t, filepath.Join(dir, "acme")); !slices.Equal(got, []string{"kept.wav"}) {
		t.Errorf("files %v after a new start, want kept.wav", got)
	}
	silent, err := f.Begin("acme", "silent", 8000, "mulaw")
	if err != nil {
		t.Fatal(err)
	}
	if name, err := silent.Finish(); name != "" || err != nil {
		t.Errorf("without audio: %q, %v", name, err)
	}
}

func TestRemove(t *testing.T) {
	f, dir := open(t)
	for _, tenant := range []string{"acme", "rival"} {
		r, err := f.Begin(tenant, "c1", 8000, "mulaw")
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Write(0, make([]float32, 10)); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Finish(); err != nil {
			t.Fatal(err)
		}
	}
	for _, tenant := range []string{"acme", "acme", "nobody", "../acme"} {
		if err := f.Remove(tenant, "c1"); err != nil {
			t.Errorf("%s: %v", tenant, err)
		}
	}
	if left := names(t, filepath.Join(dir, "acme")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if _, err := f.File("acme", "c1.wav"); !errors.Is(err, ErrNotFound) {
		t.Errorf("opened after Remove: %v", err)
	}
	file, err := f.File("rival", "c1.wav")
	if err != nil {
		t.Fatalf("another tenant's recording is gone: %v", err)
	}
	file.Close()
}

func TestBadNames(t *testing.T) {
	f, dir := open(t)
	for _, c := range [][2]string{{"../x", "c1"}, {"a/b", "c1"}, {"", "c1"}, {".", "c1"}, {"acme", "../c1"}, {"acme", ""}, {"acme", `a\b`}} {
		if _, err := f.Begin(c[0], c[1], 8000, "mulaw"); err == nil {
			t.Errorf("tenant %q, call %q was taken", c[0], c[1])
		}
		if _, err := f.File(c[0], c[1]); !errors.Is(err, ErrNotFound) {
			t.Errorf("tenant %q, name %q: %v, want ErrNotFound", c[0], c[1], err)
		}
	}
	if _, err := f.Begin("acme", "c1", 1, "mulaw"); err == nil {
		t.Error("1 Hz was taken")
	}
	r, err := f.Begin("acme", "c1", 8000, "mulaw")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Discard()
	for name, err := range map[string]error{
		"channel":  r.Write(audio.MaxChannels, nil),
		"negative": r.Skip(-1, 1),
		"back":     r.Skip(0, -1),
	} {
		if err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if err := r.Skip(0, maxFrames+1); !errors.Is(err, ErrTooLong) {
		t.Errorf("%v, want ErrTooLong", err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Error(err)
	}
}

func TestKeepUpload(t *testing.T) {
	dir := t.TempDir()
	folder, err := Open(filepath.Join(dir, "audio"))
	if err != nil {
		t.Fatal(err)
	}
	upload := filepath.Join(dir, "upload-1")
	if err := os.WriteFile(upload, []byte("RIFF"), 0o600); err != nil {
		t.Fatal(err)
	}
	if name, err := folder.Keep("acme", "call-1", ".WAV", upload); err != nil || name != "call-1.wav" {
		t.Fatalf("Keep: %q, %v, want call-1.wav", name, err)
	}
	if name, err := folder.Keep("acme", "call-2", ".exe", upload); err != nil || name != "call-2.audio" {
		t.Fatalf("Keep: %q, %v, want call-2.audio", name, err)
	}
	file := filepath.Join(dir, "audio", "acme", "call-1.wav")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("kept file: %v, %v, want one of mode 600", info, err)
	}
	if err := folder.Remove("other", "call-1"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("another tenant's deletion removed the recording: %v", err)
	}
	for _, id := range []string{"call-1", "call-2"} {
		if err := folder.Remove("acme", id); err != nil {
			t.Error(err)
		}
	}
	if left, _ := os.ReadDir(filepath.Dir(file)); len(left) != 0 {
		t.Errorf("%d files are left, want none", len(left))
	}
	for _, bad := range []struct{ tenant, id string }{{"../x", "call-1"}, {"a/b", "call-1"}, {"acme", "../call-1"}, {"acme", "a/b"}} {
		if _, err := folder.Keep(bad.tenant, bad.id, ".wav", upload); err == nil {
			t.Errorf("kept as tenant %q, call %q", bad.tenant, bad.id)
		}
	}
}
