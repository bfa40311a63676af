package audio

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// wantErr checks that err wraps is and that its text has every one of parts.
func wantErr(t *testing.T, err, is error, parts ...string) {
	t.Helper()
	if !errors.Is(err, is) {
		t.Fatalf("error %v, want one that is %q", err, is)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q does not say %q", err, p)
		}
	}
	t.Log(err)
}

// fuzzReader reads b whole and holds what every reader promises: no panic, an end, errors to branch on, finite samples, and memory
// that grows with the input.
func fuzzReader(t *testing.T, b []byte, perByte int) {
	r, err := NewReader(bytes.NewReader(b))
	if err != nil {
		if !isOurs(err) {
			t.Fatalf("%v is none of the package's errors", err)
		}
		return
	}
	f := r.Format()
	if f.Container == "mp3" && perByte > 0 { // whatever the target: at 32 kbit/s and 48 kHz a byte is 12 samples
		perByte = max(perByte, 12)
	}
	if f.Channels < 1 || f.Channels > MaxChannels || f.Rate < MinRate || f.Rate > MaxRate {
		t.Fatalf("format %v is outside the limits", f)
	}
	dst := make([][]float32, f.Channels)
	for c := range dst {
		dst[c] = make([]float32, 500)
	}
	total := 0
	for empty := 0; ; {
		n, err := r.Read(dst)
		for c := range dst {
			for _, v := range dst[c][:n] {
				if math.Abs(float64(v)) > maxFloat || v != v {
					t.Fatalf("sample %v", v)
				}
			}
		}
		total += n
		if err == io.EOF {
			break
		}
		if err != nil {
			if !isOurs(err) {
				t.Fatalf("%v is none of the package's errors", err)
			}
			break
		}
		if n == 0 {
			if empty++; empty > 0 {
				t.Fatal("no sample and no error")
			}
		}
		if perByte > 0 && total > perByte*(len(b)+5000) {
			t.Fatalf("%d samples from %d bytes", total, len(b))
		}
	}
	if n, err := r.Read(dst); n != 0 || err == nil {
		t.Fatalf("after the end: %d samples, error %v", n, err)
	}
	_ = r.Warnings()
}

// benchReader decodes file over and over.
func benchReader(b *testing.B, file []byte) {
	r, err := NewReader(bytes.NewReader(file))
	if err != nil {
		b.Fatal(err)
	}
	f := r.Format()
	dst := make([][]float32, f.Channels)
	for c := range dst {
		dst[c] = make([]float32, 4096)
	}
	samples := 0
	b.ReportAllocs()
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		r, err := NewReader(bytes.NewReader(file))
		for err == nil {
			var n int
			n, err = r.Read(dst)
			samples += n
		}
		if err != io.EOF {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(samples)/float64(f.Rate)/b.Elapsed().Seconds(), "x_realtime")
}

// Every golden file gives the same samples however the bytes arrive and however many are asked for.
func TestReadCutsChangeNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, name := range []string{"ffmpeg-pcm_s24le-2ch.wav", "ffmpeg-pcm_mulaw-2ch.wav", "stereo-8k-s16.flac", "stereo-44k1-128.mp3", "silk-16k-60ms.opus", "celt-48k-20ms-stereo.opus"} {
		file := goldenFile(t, name)
		want, f, _, err := ReadAll(bytes.NewReader(file), 0)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rd, err := NewReader(iotest.OneByteReader(bytes.NewReader(file)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := make([][]float32, f.Channels)
		for err == nil {
			dst := make([][]float32, f.Channels)
			k := r.IntN(700)
			for c := range dst {
				dst[c] = make([]float32, k)
			}
			var n int
			n, err = rd.Read(dst)
			for c := range dst {
				got[c] = append(got[c], dst[c][:n]...)
			}
		}
		if err != io.EOF {
			t.Fatalf("%s: %v", name, err)
		}
		for c := range want {
			if !slices.Equal(got[c], want[c]) {
				t.Errorf("%s: channel %d differs: %d samples, want %d", name, c, len(got[c]), len(want[c]))
			}
		}
	}
}

func TestReadAllLimit(t *testing.T) {
	file := goldenFile(t, "mono-8k-s16.flac") // 1600 samples
	for _, limit := range []int64{0, 1600, 5000} {
		x, _, _, err := ReadAll(bytes.NewReader(file), limit)
		if err != nil || len(x[0]) != 1600 {
			t.Errorf("limit %d: %d samples, error %v", limit, len(x[0]), err)
		}
	}
	x, _, _, err := ReadAll(bytes.NewReader(file), 1599)
	wantErr(t, err, ErrLimit, "more than 1599")
	if len(x[0]) != 1599 {
		t.Errorf("%d samples with the error, want 1599", len(x[0]))
	}
}

func TestReadChannels(t *testing.T) {
	r, err := NewReader(bytes.NewReader(goldenFile(t, "ffmpeg-pcm_s16le-2ch.wav")))
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Read(make([][]float32, 1))
	wantErr(t, err, ErrChannels, "dst has 1, want 2")
	_, err = r.Read([][]float32{make([]float32, 3), make([]float32, 4)})
	wantErr(t, err, ErrChannels, "channel 1 has room for 4")
}

// A read error that is not the end of the stream comes through with the place where it struck.
func TestReadErrorComesThrough(t *testing.T) {
	broken := errors.New("the disk is gone")
	for _, name := range []string{"ffmpeg-pcm_s16le-1ch.wav", "mono-8k-s16.flac", "mono-16k-32.mp3", "celt-16k-20ms.opus"} {
		file := goldenFile(t, name)
		for _, cut := range []int{0, 3, 20, len(file) / 2, len(file) - 20} {
			_, _, _, err := ReadAll(io.MultiReader(bytes.NewReader(file[:cut]), iotest.ErrReader(broken)), 0)
			if !errors.Is(err, broken) || !strings.Contains(err.Error(), "offset") && !strings.Contains(err.Error(), "audio:") {
				t.Errorf("%s cut at %d: error %v, want %q", name, cut, err, broken)
			}
		}
	}
}

func TestSniff(t *testing.T) {
	vorbis := append([]byte("OggS\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x1e"), "\x01vorbis\x00\x00\x00\x00\x01\x40\x1f\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xb8\x01"...)
	setCRC(vorbis)
	utf16 := []byte("\xff\xfet\x00e\x00x\x00t\x00")
	for name, tc := range map[string]struct {
		data string
		is   error
		text string
	}{
		"empty":            {"", ErrTruncated, "0 bytes"},
		"text_renamed":     {"Dear customer,\nyour call is important\n", ErrFormat, `text ("Dear customer,`},
		"html":             {"<!DOCTYPE html><html><body>404</body></html>", ErrFormat, "HTML"},
		"xml":              {"<?xml version=\"1.0\"?><Error/>", ErrFormat, "XML"},
		"json":             {`{"error":"expired"}`, ErrFormat, "JSON"},
		"utf8_bom":         {"\xef\xbb\xbfhello", ErrFormat, "text"},
		"utf16":            {string(utf16), ErrFormat, "UTF-16"},
		"webm":             {"\x1aE\xdf\xa3\x01\x00\x00\x00\x00\x00\x00\x1fB\x86\x81\x01", ErrFormat, "WebM"},
		"mp4":              {"\x00\x00\x00\x18ftypM4A \x00\x00\x00\x00", ErrFormat, `brand "M4A "`},
		"amr":              {"#!AMR\n\x3c\x91\x17", ErrFormat, "AMR"},
		"amr_wb":           {"#!AMR-WB\n\x3c", ErrFormat, "AMR-WB"},
		"zip":              {"PK\x03\x04\x14\x00\x00\x00", ErrFormat, "zip"},
		"gzip":             {"\x1f\x8b\x08\x00\x00\x00", ErrFormat, "gzip"},
		"aiff":             {"FORM\x00\x00\x00\x20AIFFCOMM", ErrFormat, "AIFF"},
		"au":               {".snd\x00\x00\x00\x18", ErrFormat, ".au"},
		"rifx":             {"RIFX\x00\x00\x00\x20WAVEfmt ", ErrFormat, "big-endian WAV"},
		"avi":              {"RIFF\x00\x00\x00\x20AVI LIST", ErrFormat, `form "AVI "`},
		"pdf":              {"%PDF-1.7\n", ErrFormat, "PDF"},
		"aac":              {"\xff\xf1\x50\x80\x02\x1f\xfc\x00\x00", ErrFormat, "AAC"},
		"vorbis":           {string(vorbis), ErrUnsupported, "Ogg Vorbis, want Opus"},
		"ogg_flac":         {string(goldenFile(t, "ogg-flac.oga")), ErrUnsupported, "Ogg FLAC, want Opus"},
		"zeros":            {string(make([]byte, 3000)), ErrFormat, "zero bytes only (3000"},
		"raw_mulaw":        {"\xff\x7f\xfe\x01\x02\x80\x91\xa3\xff\xff\x00\x01", ErrFormat, "starts with ff 7f"},
		"one_byte":         {"R", ErrFormat, "want WAV"},
		"riff_cut":         {"RIFF\x00\x00", ErrTruncated, "ends at offset 6"},
		"sync_word_alone":  {"\xff\xfb\x90\x00" + string(make([]byte, 1000)), ErrFormat, "starts with ff fb"},
		"quoted_utf8_text": {strings.Repeat("grüße ", 1000), ErrFormat, "text"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, _, err := ReadAll(strings.NewReader(tc.data), 0)
			wantErr(t, err, tc.is, tc.text)
		})
	}
}

// allocated returns the bytes that f allocates in total, freed or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// No file of 100 bytes allocates more than 1 MB, read whole, whatever it claims: the heads of every golden file, damaged at
// random, and the worst cases that were found by thinking.
func TestSmallFilesAllocateLittle(t *testing.T) {
	cases := map[string][]byte{
		"list_claims_4_GiB": wavFile(chunk("LIST", 0xFFFFFFFF, nil))[:48-24],
		"fmt_claims_4_GiB":  wavFile(chunk("fmt ", 0xFFFFFFF0, fmtBody(1, 1, 8000, 16))),
		"data_claims_4_GiB": wavFile(chunk("fmt ", 16, fmtBody(1, 1, 8000, 16)), chunk("data", 0xFFFFFFF0, make([]byte, 10))),
		"early_data_4_GiB":  wavFile(chunk("data", 0xFFFFFFF0, make([]byte, 10))),
		"32_channels":       wavFile(chunk("fmt ", 16, fmtBody(3, 32, 384000, 64)), chunk("data", 0xFFFFFFFF, make([]byte, 50))),
		"id3_of_256_MiB":    []byte("ID3\x03\x00\x00\x7f\x7f\x7f\x7f012345"),
		"flac_bomb":         flacBomb(2, 16384),
		"flac_bomb_8ch":     flacBomb(8, 16384),
		"flac_bomb_mono":    flacBomb(1, 16384),
	}
	r := rand.New(rand.NewPCG(1, 100))
	for _, name := range []string{"ffmpeg-rf64.wav", "ffmpeg-pcm_f64le-2ch.wav", "mono-8k-s16.flac", "mono-16k-32.mp3", "mono-48k-noxing.mp3", "silk-8k-20ms.opus"} {
		cases["head_of_"+name] = goldenFile(t, name)[:100]
	}
	for name, b := range cases {
		b = b[:min(len(b), 100)]
		for trial := range 40 {
			x := bytes.Clone(b)
			for range trial {
				x[r.IntN(len(x))] = byte(r.IntN(256))
			}
			var err error
			if n := allocated(func() { _, _, _, err = ReadAll(bytes.NewReader(x), 0) }); n > 1<<20 {
				t.Errorf("%s, %d bytes changed: %d bytes allocated, want at most 1 MiB (error %v)", name, trial, n, err)
			}
		}
	}
}

// TestTruncated holds that a stream which broke off says so, and that one whose length was never written does not.
func TestTruncated(t *testing.T) {
	for name, want := range map[string]bool{
		"truncated_in_data_mono_8k.wav":         true,
		"truncated_in_frame_stereo_8k.wav":      true,
		"flac_truncated_in_frame.flac":          true,
		"opus_truncated_in_page.opus":           true,
		"pcm_s16le_stereo_8k.wav":               false,
		"data_length_0_streamed_8k.wav":         false,
		"data_length_ffffffff_streamed_8k.wav":  false,
		"opus_mono_16k_packets_span_pages.opus": false,
	} {
		t.Run(name, func(t *testing.T) {
			f, err := os.Open("../../testdata/audio/" + name)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			rd, err := NewReader(f)
			if err != nil {
				t.Fatal(err)
			}
			x := make([][]float32, rd.Format().Channels)
			for c := range x {
				x[c] = make([]float32, 4096)
			}
			for err == nil {
				_, err = rd.Read(x)
			}
			if err != io.EOF || rd.Truncated() != want {
				t.Errorf("ended with %v, Truncated() = %v, want %v; warnings %q", err, rd.Truncated(), want, rd.Warnings())
			}
		})
	}
}
