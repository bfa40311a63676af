package models

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/timbre-voice/timbre/engine/vad"
)

// TestShippedModels loads every model inside the program and hands it to the room that runs it.
func TestShippedModels(t *testing.T) {
	all, err := List()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no model is shipped")
	}
	for _, m := range all {
		t.Run(m.Name, func(t *testing.T) {
			a, err := Load(m.Name)
			if err != nil {
				t.Fatal(err)
			}
			if m.LicenceClass == NonCommercial && (m.Task != "emotion" || !strings.Contains(a.Card, "non-commercial")) {
				t.Errorf("licence class %q: only emotion may be, and its card says so", m.LicenceClass)
			}
			for _, heading := range []string{"# " + m.Name, "## Training data", "## Results", "## Limits"} {
				if !strings.Contains(a.Card, heading) {
					t.Errorf("the card lacks %q", heading)
				}
			}
			switch m.Task {
			case "vad":
				want := Want{Task: "vad", SampleRateHz: vad.Rate, Features: vad.FrontEnd().String(), InputDims: vad.Bands, OutputDims: 3}
				if err := m.Fits(want); err != nil {
					t.Error(err)
				}
				net, err := vad.LoadNet(a.Tensors)
				if err != nil {
					t.Fatal(err)
				}
				if net.Params() != m.Params {
					t.Errorf("network has %d values, manifest says %d", net.Params(), m.Params)
				}
			case "speaker": // voiceprint and sentiment load theirs in their own tests: they import this package
				if err := m.Fits(Want{Task: "speaker", SampleRateHz: 8000, InputDims: 40, OutputDims: 192}); err != nil {
					t.Error(err)
				}
			case "emotion":
				if err := m.Fits(Want{Task: "emotion", SampleRateHz: 8000, OutputDims: 5}); err != nil {
					t.Error(err)
				}
			default:
				t.Errorf("task %q: no room runs it", m.Task)
			}
		})
	}
}

// artefact returns a small valid artefact that tests can damage.
func artefact() (Manifest, fstest.MapFS) {
	header := `{"__metadata__":{"front_end":"none"},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`
	weights := append([]byte{byte(len(header)), 0, 0, 0, 0, 0, 0, 0}, header...)
	weights = append(weights, 0, 0, 128, 63, 0, 0, 0, 64)
	sum := sha256.Sum256(weights)
	m := Manifest{Name: "vad-toy-v1", Task: "vad", Arch: "toy", Version: "1.0.0", Summary: "s", Created: "2026-11-21", SampleRateHz: 8000,
		Features: "none", InputDims: 2, OutputDims: 1, Classes: []string{"speech"}, Params: 2, WeightsType: "F32", WeightsBytes: int64(len(weights)),
		SHA256: hex.EncodeToString(sum[:]), Licence: "CC0-1.0", LicenceClass: Permissive, Recipe: "models/train/toy",
		TrainingData: []Data{{"a", "b", "c"}}}
	more := []byte("further")
	sum = sha256.Sum256(more)
	m.Files = []File{{"scoring.safetensors", int64(len(more)), hex.EncodeToString(sum[:])}}
	return m, fstest.MapFS{
		"vad-toy-v1/scoring.safetensors": {Data: more},
		"vad-toy-v1/weights.safetensors": {Data: weights},
		"vad-toy-v1/CARD.md":             {Data: []byte("# vad-toy-v1\n")},
		"train/README.md":                {Data: []byte("no artefact")},
	}
}

func put(t *testing.T, fsys fstest.MapFS, m Manifest) *Store {
	t.Helper()
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	fsys["vad-toy-v1/manifest.json"] = &fstest.MapFile{Data: b}
	return NewStore(fsys)
}

func TestLoadRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(m *Manifest, fsys fstest.MapFS)
		want   error
		text   string
	}{
		{"nothing_wrong", func(*Manifest, fstest.MapFS) {}, nil, ""},
		{"one_bit_of_the_weights", func(m *Manifest, f fstest.MapFS) { w := f["vad-toy-v1/weights.safetensors"].Data; w[len(w)-1] ^= 1 }, ErrIntegrity, "want "},
		{"one_bit_of_the_header", func(m *Manifest, f fstest.MapFS) { f["vad-toy-v1/weights.safetensors"].Data[20] ^= 1 }, ErrIntegrity, "sha256"},
		{"weights_cut_off", func(m *Manifest, f fstest.MapFS) {
			w := f["vad-toy-v1/weights.safetensors"]
			w.Data = w.Data[:len(w.Data)-1]
		}, ErrIntegrity, "want 10"},
		{"weights_longer", func(m *Manifest, f fstest.MapFS) {
			w := f["vad-toy-v1/weights.safetensors"]
			w.Data = append(w.Data, 0)
		}, ErrIntegrity, "more than"},
		{"weights_missing", func(m *Manifest, f fstest.MapFS) { delete(f, "vad-toy-v1/weights.safetensors") }, ErrIntegrity, "weights.safetensors"},
		{"card_missing", func(m *Manifest, f fstest.MapFS) { delete(f, "vad-toy-v1/CARD.md") }, ErrIntegrity, "CARD.md"},
		{"sha_of_other_weights", func(m *Manifest, f fstest.MapFS) { m.SHA256 = strings.Repeat("ab", 32) }, ErrIntegrity, "abab"},
		{"other_count_of_values", func(m *Manifest, f fstest.MapFS) { m.Params = 3 }, ErrMismatch, "2 values"},
		{"other_features", func(m *Manifest, f fstest.MapFS) { m.Features = "mfcc" }, ErrMismatch, `"mfcc"`},
		{"name_of_another_folder", func(m *Manifest, f fstest.MapFS) { m.Name = "vad-toy-v2" }, ErrManifest, "vad-toy-v2"},
		{"task_of_another_name", func(m *Manifest, f fstest.MapFS) { m.Task = "spk" }, ErrManifest, "spk-toy-vN"},
		{"one_bit_of_a_further_file", func(m *Manifest, f fstest.MapFS) { f["vad-toy-v1/scoring.safetensors"].Data[0] ^= 1 }, ErrIntegrity, "scoring.safetensors"},
		{"further_file_missing", func(m *Manifest, f fstest.MapFS) { delete(f, "vad-toy-v1/scoring.safetensors") }, ErrIntegrity, "scoring.safetensors"},
		{"further_file_longer", func(m *Manifest, f fstest.MapFS) { m.Files[0].Bytes-- }, ErrIntegrity, "more than"},
		{"further_file_outside_the_folder", func(m *Manifest, f fstest.MapFS) { m.Files[0].Name = "../a.json" }, ErrManifest, "files[0]"},
		{"further_file_that_is_the_manifest", func(m *Manifest, f fstest.MapFS) { m.Files[0].Name = "manifest.json" }, ErrManifest, "files[0]"},
		{"further_file_twice", func(m *Manifest, f fstest.MapFS) { m.Files = append(m.Files, m.Files[0]) }, ErrManifest, "files[1]"},
		{"no_licence_class", func(m *Manifest, f fstest.MapFS) { m.LicenceClass = "" }, ErrManifest, "licence_class"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, fsys := artefact()
			c.damage(&m, fsys)
			a, err := put(t, fsys, m).Load("vad-toy-v1")
			if c.want == nil {
				if err != nil {
					t.Fatal(err)
				}
				if w, err := a.Tensors.Float32("w", 2); err != nil || w[0] != 1 || w[1] != 2 {
					t.Errorf("weights %v %v, want [1 2]", w, err)
				}
				return
			}
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || a != nil {
				t.Fatalf("artefact %v, error %v, want %v that names %q", a, err, c.want, c.text)
			}
		})
	}
}

// TestTamperedShippedWeights flips one bit at a time in a real weights file.
func TestTamperedShippedWeights(t *testing.T) {
	all, err := List()
	if err != nil {
		t.Fatal(err)
	}
	name := all[0].Name
	fsys := fstest.MapFS{}
	for _, f := range []string{manifestFile, weightsFile, cardFile} {
		b, err := fs.ReadFile(shipped, name+"/"+f)
		if err != nil {
			t.Fatal(err)
		}
		fsys[name+"/"+f] = &fstest.MapFile{Data: b}
	}
	if _, err := NewStore(fsys).Load(name); err != nil {
		t.Fatal(err)
	}
	w := fsys[name+"/"+weightsFile].Data
	for _, at := range []int{0, 9, len(w) / 2, len(w) - 1} {
		w[at] ^= 0x10
		if _, err := NewStore(fsys).Load(name); !errors.Is(err, ErrIntegrity) {
			t.Errorf("byte %d changed: error %v, want ErrIntegrity", at, err)
		}
		w[at] ^= 0x10
	}
}

func TestNotFound(t *testing.T) {
	for _, name := range []string{"vad-none-v9", "train", "", "../models/vad-gru-v1", "vad-gru-v1/", "VAD-GRU-V1"} {
		if _, err := Load(name); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: error %v, want ErrNotFound", name, err)
		}
	}
}

func TestListNamesTheBadOne(t *testing.T) {
	m, fsys := artefact()
	s := put(t, fsys, m)
	fsys["vad-bad-v1/manifest.json"] = &fstest.MapFile{Data: []byte(`{"name":"vad-bad-v1"}`)}
	all, err := s.List()
	if !errors.Is(err, ErrManifest) || !strings.Contains(err.Error(), "vad-bad-v1") {
		t.Errorf("error %v, want ErrManifest that names vad-bad-v1", err)
	}
	if len(all) != 1 || all[0].Name != "vad-toy-v1" {
		t.Errorf("list %v, want the good one beside the error", all)
	}
}

func TestManifestRefuses(t *testing.T) {
	m, _ := artefact()
	good, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseManifest(good); err != nil || got.Name != m.Name {
		t.Fatalf("%v %v", got, err)
	}
	if _, err := ParseManifest(append(good, " {}"...)); !errors.Is(err, ErrManifest) {
		t.Errorf("two objects: %v", err)
	}
	if _, err := ParseManifest([]byte(strings.Replace(string(good), `"task"`, `"tsak"`, 1))); !errors.Is(err, ErrManifest) || !strings.Contains(err.Error(), "tsak") {
		t.Errorf("misspelt field: %v", err)
	}
	_, err = ParseManifest([]byte("{}"))
	for _, field := range []string{"name", "version", "summary", "features", "licence", "recipe", "created", "sample_rate_hz", "input_dims",
		"output_dims", "params", "weights_type", "weights_bytes", "sha256", "licence_class", "training_data"} {
		if err == nil || !strings.Contains(err.Error(), " "+field+": ") {
			t.Errorf("an empty manifest does not complain of %s: %v", field, err)
		}
	}
}

func TestFits(t *testing.T) {
	m, _ := artefact()
	if err := m.Fits(Want{}); err != nil {
		t.Errorf("nothing wanted: %v", err)
	}
	if err := m.Fits(Want{Task: "vad", SampleRateHz: 8000, Features: "none", InputDims: 2, OutputDims: 1}); err != nil {
		t.Errorf("all as wanted: %v", err)
	}
	for field, w := range maps.All(map[string]Want{"task": {Task: "spk"}, "sample rate": {SampleRateHz: 16000}, "features": {Features: "x"},
		"input dims": {InputDims: 3}, "output dims": {OutputDims: 3}}) {
		if err := m.Fits(w); !errors.Is(err, ErrMismatch) || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: error %v, want ErrMismatch", field, err)
		}
	}
}

func FuzzParseManifest(f *testing.F) {
	m, _ := artefact()
	b, err := json.Marshal(m)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"name":"a-b-v1","params":-1,"training_data":[{}]}`))
	f.Add([]byte(`{"classes":null,"sha256":"zz"} 1`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseManifest(b)
		if err != nil {
			return
		}
		again, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseManifest(again); err != nil {
			t.Fatalf("accepted, but not when written again: %v", err)
		}
	})
}

// FuzzLoad changes weights under a manifest that vouches for them: the tensors are refused or whole.
func FuzzLoad(f *testing.F) {
	_, fsys := artefact()
	f.Add(fsys["vad-toy-v1/weights.safetensors"].Data, 2)
	f.Fuzz(func(t *testing.T, weights []byte, params int) {
		m, fsys := artefact()
		sum := sha256.Sum256(weights)
		m.SHA256, m.WeightsBytes, m.Params = hex.EncodeToString(sum[:]), int64(len(weights)), params
		fsys["vad-toy-v1/weights.safetensors"] = &fstest.MapFile{Data: weights}
		a, err := put(t, fsys, m).Load("vad-toy-v1")
		if err != nil {
			return
		}
		if a.Tensors.Params() != params {
			t.Fatalf("%d values, manifest %d", a.Tensors.Params(), params)
		}
		if net, err := vad.LoadNet(a.Tensors); err == nil && net.Params() > len(weights) { // above all, it must not panic
			t.Fatalf("a network of %d values from %d bytes", net.Params(), len(weights))
		}
	})
}
