package audio

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fixtureDir holds the short files whose names state the fact under test.
const fixtureDir = "../../testdata/audio"

// fixtures returns the files of testdata/audio by name; it fails when there are none.
func fixtures(t testing.TB) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(fixtureDir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(fixtureDir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = b
	}
	if len(files) == 0 {
		t.Fatalf("%s is empty", fixtureDir)
	}
	return files
}

// seedFixtures gives a fuzz target the fixtures of one extension that are short enough to mutate.
func seedFixtures(f *testing.F, ext string) {
	for name, b := range fixtures(f) {
		if strings.HasSuffix(name, ext) && len(b) < 20000 {
			f.Add(b)
		}
	}
}

// Every fixture either gives its samples or is refused with the words that its name asks for.
func TestFixtures(t *testing.T) {
	refused := map[string]string{
		"bits_0.wav": "0 bits per sample", "bits_12.wav": "12 bits per sample", "bits_64_pcm.wav": "64 bits per sample",
		"block_align_3.wav": "block align 3, want 2", "channels_0.wav": "0 channels", "channels_64.wav": "64 channels",
		"channels_65535.wav": "65535 channels", "empty.wav": "0 bytes", "extensible_fmt_too_short.wav": "want 40",
		"extensible_unknown_guid.wav": "subformat", "fmt_claims_4gib.wav": "of 4294967280", "fmt_too_short.wav": "want at least 16",
		"html_renamed.wav": "HTML", "list_claims_4gib.wav": "of 4294967280", "mp3_id3_claims_256mib.mp3": "ID3 tag",
		"no_data.wav": "no data chunk", "no_fmt.wav": "no fmt chunk", "opus_channels_0.opus": "0 channels",
		"random_4096_bytes.wav": "starts with", "rate_0.wav": "0 Hz", "rate_1.wav": "1 Hz", "rate_4294967295.wav": "4294967295 Hz",
		"rf64_ds64_too_short.wav": "want at least 24", "riff_avi_renamed.wav": "AVI", "riff_magic_only.wav": "offset 4",
		"rifx_big_endian.wav": "RIFX", "tag_1234.wav": "0x1234", "tag_gsm610.wav": "GSM 6.10", "tag_ima_adpcm.wav": "IMA ADPCM",
		"text_renamed.wav": "looks like text", "thousand_empty_chunks.wav": "no data chunk", "truncated_in_chunk_header.wav": "chunk header",
		"truncated_in_fmt.wav": "fmt chunk", "truncated_in_riff_header.wav": "offset 7", "vorbis_mono_16k.ogg": "Ogg Vorbis",
		"zeros_100_bytes.wav": "zero bytes only",
	}
	for name, b := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			fuzzReader(t, b, 0)
			_, f, warnings, err := ReadAll(bytes.NewReader(b), 0)
			want, bad := refused[name]
			if bad = bad || strings.HasSuffix(name, ".raw") || strings.HasSuffix(name, ".g722"); bad {
				if err == nil || !isOurs(err) || !strings.Contains(err.Error(), want) {
					t.Errorf("%v, error %v, want one that says %q", f, err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			said := strings.Join(warnings, "; ")
			for _, word := range []string{"truncated", "nan", "above_full_scale", "lost", "crc", "claims", "streamed", "garbage", "differ", "two_data"} {
				if strings.Contains(name, word) && said == "" {
					t.Errorf("%v without a warning", f)
				}
			}
			if (strings.HasSuffix(name, "_8k.wav") || strings.HasSuffix(name, "_8k.mp3")) && f.Rate != 8000 || strings.Contains(name, "stereo") != (f.Channels == 2) {
				t.Errorf("%v", f)
			}
		})
	}
}
