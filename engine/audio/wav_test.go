package audio

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/go-audio/wav"
)

func TestWAVGolden(t *testing.T) { testGolden(t, "wav.json") }

// wavFile puts chunks behind a RIFF header of the right size.
func wavFile(chunks ...[]byte) []byte {
	body := slices.Concat(chunks...)
	head := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(4+len(body)))
	return slices.Concat(head, []byte("WAVE"), body)
}

// chunk is one chunk that claims size bytes and holds body, padded to an even length.
func chunk(id string, size uint32, body []byte) []byte {
	b := append(binary.LittleEndian.AppendUint32([]byte(id), size), body...)
	if len(body)%2 == 1 {
		b = append(b, 0)
	}
	return b
}

// whole is a chunk that tells the truth about its length.
func whole(id string, body []byte) []byte { return chunk(id, uint32(len(body)), body) }

// fmtBody is the 16 bytes of a plain fmt chunk.
func fmtBody(tag, channels, rate, bits int) []byte {
	b := binary.LittleEndian.AppendUint16(nil, uint16(tag))
	b = binary.LittleEndian.AppendUint16(b, uint16(channels))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate*channels*bits/8))
	b = binary.LittleEndian.AppendUint16(b, uint16(channels*bits/8))
	return binary.LittleEndian.AppendUint16(b, uint16(bits))
}

// extensible is the 40 bytes of WAVE_FORMAT_EXTENSIBLE.
func extensible(tag, channels, rate, bits, valid int, guid string) []byte {
	b := append(fmtBody(tagExtensible, channels, rate, bits), 22, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(valid))
	b = append(b, 3, 0, 0, 0) // speakers: front left and right
	b = binary.LittleEndian.AppendUint16(b, uint16(tag))
	return append(b, guid...)
}

// count is n bytes 1, 2, 3, ... : an off-by-one shows at once.
func count(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i + 1)
	}
	return b
}

// s16 is what 16-bit samples at the even bytes of b become.
func s16(b []byte, channels int) [][]float32 {
	x := make([][]float32, channels)
	for i := 0; i+2 <= len(b); i += 2 {
		c := i / 2 % channels
		x[c] = append(x[c], float32(int16(binary.LittleEndian.Uint16(b[i:])))/32768)
	}
	return x
}

func f32(v ...float32) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

func f64(v ...float64) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	return b
}

// wavCase is one crafted file and what must come of it.
type wavCase struct {
	name    string
	file    []byte
	want    [][]float32
	warning string // "" means none
	oracle  bool   // go-audio/wav reads it right too, so it judges
}

// wavCases are the files that WAV libraries were measured on when this one was decided on, and more of their kind.
func wavCases() []wavCase {
	pcm16 := whole("fmt ", fmtBody(tagPCM, 1, 8000, 16))
	stereo16 := whole("fmt ", fmtBody(tagPCM, 2, 8000, 16))
	d := count(20)
	data := whole("data", d)
	mono, stereo := s16(d, 1), s16(d, 2)
	ones := []float32{1, -1, 0.5}
	float := whole("fmt ", fmtBody(tagFloat, 1, 8000, 32))
	ds64 := func(n uint64) []byte {
		b := binary.LittleEndian.AppendUint64(nil, 100)
		b = binary.LittleEndian.AppendUint64(b, n)
		return whole("ds64", append(binary.LittleEndian.AppendUint64(b, n/2), 0, 0, 0, 0))
	}
	rf64 := func(b []byte) []byte { return append([]byte("RF64\xff\xff\xff\xff"), b[8:]...) }
	return []wavCase{
		{"pcm8_is_unsigned", wavFile(whole("fmt ", fmtBody(tagPCM, 1, 8000, 8)), whole("data", []byte{0, 128, 255, 192})), [][]float32{{-1, 0, 127.0 / 128, 0.5}}, "", false},
		{"pcm16_mono", wavFile(pcm16, data), mono, "", true},
		{"pcm16_stereo", wavFile(stereo16, data), stereo, "", true},
		{"pcm16_extremes", wavFile(pcm16, whole("data", []byte{0x00, 0x80, 0xff, 0x7f})), [][]float32{{-1, 32767.0 / 32768}}, "", true},
		{"pcm24_mono", wavFile(whole("fmt ", fmtBody(tagPCM, 1, 8000, 24)), whole("data", []byte{0, 0, 0x80, 0xff, 0xff, 0x7f, 1, 0, 0, 0, 0, 0x40})), [][]float32{{-1, 1 - 1.0/(1<<23), 1.0 / (1 << 23), 0.5}}, "", true},
		{"pcm24_odd_data", wavFile(whole("fmt ", fmtBody(tagPCM, 1, 8000, 24)), whole("data", []byte{0, 0, 0x40}), whole("LIST", d)), [][]float32{{0.5}}, "", false},
		{"pcm32_mono", wavFile(whole("fmt ", fmtBody(tagPCM, 1, 8000, 32)), whole("data", []byte{0, 0, 0, 0x80, 0, 0, 0, 0x40})), [][]float32{{-1, 0.5}}, "", true},
		{"float32", wavFile(float, whole("data", f32(ones...))), [][]float32{ones}, "", false},
		{"float64", wavFile(whole("fmt ", fmtBody(tagFloat, 1, 8000, 64)), whole("data", f64(1, -1, 0.5))), [][]float32{ones}, "", false},
		{"float32_extensible", wavFile(whole("fmt ", extensible(tagFloat, 1, 8000, 32, 32, subFormat)), whole("data", f32(ones...))), [][]float32{ones}, "", false},
		{"float32_nan_inf", wavFile(float, whole("data", f32(float32(math.NaN()), float32(math.Inf(1)), 1e30, 0.25))), [][]float32{{0, 0, 0, 0.25}}, "3 float samples are NaN", false},
		{"float32_over_one_is_kept", wavFile(float, whole("data", f32(1.5, -2, 0.25))), [][]float32{{1.5, -2, 0.25}}, "2 float samples are beyond ±1, peak 2: kept", false},
		{"alaw", wavFile(whole("fmt ", fmtBody(tagALaw, 1, 8000, 8)), whole("data", []byte{0xd5, 0x55, 0x2a})), [][]float32{{8.0 / 32768, -8.0 / 32768, -32256.0 / 32768}}, "", false},
		{"mulaw", wavFile(whole("fmt ", fmtBody(tagMuLaw, 1, 8000, 8)), whole("data", []byte{0xff, 0x7f, 0x00, 0x80})), [][]float32{{0, 0, -32124.0 / 32768, 32124.0 / 32768}}, "", false},
		{"mulaw_extensible", wavFile(whole("fmt ", extensible(tagMuLaw, 2, 8000, 8, 8, subFormat)), whole("data", []byte{0xff, 0x00})), [][]float32{{0}, {-32124.0 / 32768}}, "", false},
		{"mulaw_fmt_of_18_with_fact", wavFile(whole("fmt ", append(fmtBody(tagMuLaw, 1, 8000, 8), 0, 0)), whole("fact", []byte{2, 0, 0, 0}), whole("data", []byte{0xff, 0x00})), [][]float32{{0, -32124.0 / 32768}}, "", false},
		{"pcm16_extensible", wavFile(whole("fmt ", extensible(tagPCM, 2, 8000, 16, 16, subFormat)), data), stereo, "", true},
		{"pcm20_in_24_extensible", wavFile(whole("fmt ", extensible(tagPCM, 1, 8000, 24, 20, subFormat)), whole("data", []byte{0, 0, 0x40})), [][]float32{{0.5}}, "", false},
		{"list_before_data", wavFile(pcm16, whole("LIST", count(26)), data), mono, "", true},
		{"odd_list_is_padded", wavFile(pcm16, whole("LIST", count(7)), data), mono, "", true},
		{"junk_before_fmt", wavFile(whole("JUNK", count(28)), pcm16, data), mono, "", true},
		{"unknown_chunk", wavFile(pcm16, whole("xYz!", count(9)), data), mono, "", true},
		{"chunk_id_not_text", wavFile(pcm16, whole("x\x00y\xff", count(9)), data), mono, "", true},
		{"list_after_odd_data", wavFile(whole("fmt ", fmtBody(tagPCM, 1, 8000, 8)), whole("data", []byte{128, 128, 0}), whole("LIST", d)), [][]float32{{0, 0, -1}}, "", false},
		{"fmt_after_data", wavFile(data, pcm16), mono, "", false},
		{"fmt_after_odd_data", wavFile(whole("data", []byte{128, 0, 128}), whole("fmt ", fmtBody(tagPCM, 1, 8000, 8))), [][]float32{{0, -1, 0}}, "", false},
		{"fmt_longer_than_known", wavFile(whole("fmt ", append(fmtBody(tagPCM, 1, 8000, 16), count(60)...)), data), mono, "", false},
		{"data_0_live_recorder", wavFile(pcm16, chunk("data", 0, d)), mono, "data chunk says 0 bytes but more follow: length unknown", false},
		{"data_0_and_nothing", wavFile(pcm16, whole("data", nil)), [][]float32{{}}, "", false},
		{"data_0_and_list", wavFile(pcm16, whole("data", nil), whole("LIST", d)), [][]float32{{}}, "", false},
		{"data_ffffffff_live_recorder", wavFile(pcm16, chunk("data", 0xFFFFFFFF, d)), mono, "data chunk says 4294967295 bytes: length unknown, read to the end", false},
		{"data_7ffff000_sox_pipe", wavFile(pcm16, chunk("data", 0x7FFFF000, d)), mono, "2147479552 bytes: length unknown", false},
		{"truncated_data", wavFile(pcm16, chunk("data", 8000, d)), mono, "data chunk: 20 bytes of 8000: truncated at offset 64", false},
		{"truncated_inside_a_sample", wavFile(stereo16, chunk("data", 8000, d[:10]))[:54], s16(d[:8], 2), "last sample has 2 bytes of 4: dropped", false},
		{"data_says_less_than_there_is", wavFile(pcm16, chunk("data", 6, d)), s16(d[:6], 1), "data chunk says 6 bytes but more than a chunk follows at offset 50: ignored", false},
		{"riff_size_lies", append([]byte("RIFF\x04\x00\x00\x00"), wavFile(pcm16, data)[8:]...), mono, "", false},
		{"byte_rate_lies", wavFile(whole("fmt ", slices.Concat(fmtBody(tagPCM, 1, 8000, 16)[:8], []byte{1, 2, 3, 4}, fmtBody(tagPCM, 1, 8000, 16)[12:])), data), mono, "67305985 bytes per second, want 16000", false},
		{"block_align_0", wavFile(whole("fmt ", slices.Concat(fmtBody(tagPCM, 2, 8000, 16)[:12], []byte{0, 0, 16, 0})), data), stereo, "block align 0: took 4", false},
		{"second_fmt", wavFile(pcm16, whole("fmt ", fmtBody(tagMuLaw, 2, 8000, 8)), data), mono, "second fmt chunk at offset 36: ignored", false},
		{"rf64", rf64(wavFile(ds64(20), pcm16, chunk("data", 0xFFFFFFFF, d), whole("LIST", d))), mono, "", false},
		{"rf64_without_size", rf64(wavFile(ds64(0), pcm16, chunk("data", 0xFFFFFFFF, d))), mono, "length unknown", false},
		{"rf64_without_ds64", rf64(wavFile(pcm16, chunk("data", 0xFFFFFFFF, d))), mono, "no ds64 chunk", false},
		{"bw64", append([]byte("BW64"), rf64(wavFile(ds64(20), pcm16, chunk("data", 0xFFFFFFFF, d)))[4:]...), mono, "", false},
	}
}

func TestWAVCrafted(t *testing.T) {
	for _, tc := range wavCases() {
		t.Run(tc.name, func(t *testing.T) {
			x, _, warnings, err := ReadAll(bytes.NewReader(tc.file), 0)
			if err != nil {
				t.Fatal(err)
			}
			if len(x) != len(tc.want) {
				t.Fatalf("%d channels, want %d", len(x), len(tc.want))
			}
			for c := range x {
				if !slices.Equal(x[c], tc.want[c]) {
					t.Errorf("channel %d: %v, want %v", c, x[c], tc.want[c])
				}
			}
			if got := strings.Join(warnings, "; "); (got == "") != (tc.warning == "") || !strings.Contains(got, tc.warning) {
				t.Errorf("warnings %q, want %q", got, tc.warning)
			}
			if tc.oracle {
				compareGoAudio(t, tc.file, x)
			}
		})
	}
}

// compareGoAudio holds the samples against go-audio/wav, which is trusted with plain PCM of our own making.
func compareGoAudio(t *testing.T, file []byte, x [][]float32) {
	t.Helper()
	d := wav.NewDecoder(bytes.NewReader(file))
	buf, err := d.FullPCMBuffer()
	if err != nil {
		t.Fatalf("go-audio/wav: %v", err)
	}
	if len(buf.Data) != len(x)*len(x[0]) {
		t.Fatalf("go-audio/wav reads %d values, we %d", len(buf.Data), len(x)*len(x[0]))
	}
	scale := float32(int64(1) << (d.BitDepth - 1))
	for i, v := range buf.Data {
		if got := x[i%len(x)][i/len(x)]; got != float32(v)/scale {
			t.Fatalf("value %d: %v, go-audio/wav has %d", i, got, v)
		}
	}
}

// Random PCM files of every plain shape, read by both.
func TestWAVAgreesWithGoAudio(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 200 {
		bits := []int{16, 24, 32}[r.IntN(3)]
		channels, n := 1+r.IntN(6), 2*r.IntN(200) // even: go-audio reads the pad byte behind odd data as a sample
		body := make([]byte, n*channels*bits/8)
		for i := range body {
			body[i] = byte(r.IntN(256))
		}
		file := wavFile(whole("fmt ", fmtBody(tagPCM, channels, 8000, bits)), whole("data", body))
		x, _, _, err := ReadAll(bytes.NewReader(file), 0)
		if err != nil {
			t.Fatal(err)
		}
		compareGoAudio(t, file, x)
	}
}

func TestWAVRefuses(t *testing.T) {
	pcm16 := whole("fmt ", fmtBody(tagPCM, 1, 8000, 16))
	data := whole("data", count(20))
	shape := func(tag, channels, rate, bits int) []byte {
		return wavFile(whole("fmt ", fmtBody(tag, channels, rate, bits)), data)
	}
	for _, tc := range []struct {
		name string
		file []byte
		is   error
		text string
	}{
		{"gsm", shape(0x31, 1, 8000, 0), ErrUnsupported, "0x0031 (GSM 6.10)"},
		{"ima_adpcm", shape(0x11, 1, 8000, 4), ErrUnsupported, "IMA ADPCM"},
		{"mp3_inside", shape(0x55, 1, 8000, 0), ErrUnsupported, "(MP3)"},
		{"g729", shape(0x83, 1, 8000, 0), ErrUnsupported, "G.729"},
		{"unknown_tag", shape(0x1234, 1, 8000, 16), ErrUnsupported, "0x1234"},
		{"12_bits", shape(tagPCM, 1, 8000, 12), ErrUnsupported, "12 bits per sample of PCM, want 8, 16, 24 or 32"},
		{"float16", shape(tagFloat, 1, 8000, 16), ErrUnsupported, "16 bits per sample of IEEE float"},
		{"mulaw_16", shape(tagMuLaw, 1, 8000, 16), ErrUnsupported, "of mu-law, want 8"},
		{"0_channels", shape(tagPCM, 0, 8000, 16), ErrLimit, "0 channels, want 1 to 32"},
		{"65535_channels", shape(tagPCM, 65535, 8000, 16), ErrLimit, "65535 channels"},
		{"0_hz", shape(tagPCM, 1, 0, 16), ErrLimit, "0 Hz, want 4000 to 384000"},
		{"4_ghz", shape(tagPCM, 1, 4000000000, 16), ErrLimit, "4000000000 Hz"},
		{"block_align_wrong", wavFile(whole("fmt ", slices.Concat(fmtBody(tagPCM, 2, 8000, 16)[:12], []byte{6, 0, 16, 0})), data), ErrFormat, "block align 6, want 4"},
		{"fmt_of_14", wavFile(whole("fmt ", count(14)), data), ErrFormat, "14 bytes, want at least 16"},
		{"extensible_of_18", wavFile(whole("fmt ", append(fmtBody(tagExtensible, 1, 8000, 16), 0, 0)), data), ErrFormat, "want 40"},
		{"ambisonic_guid", wavFile(whole("fmt ", extensible(tagPCM, 2, 8000, 16, 16, "\x00\x00\x21\x07\xd3\x11\x86\x44\xc8\xc1\xca\x00\x00\x00")), data), ErrUnsupported, "subformat"},
		{"extensible_in_extensible", wavFile(whole("fmt ", extensible(tagExtensible, 2, 8000, 16, 16, subFormat)), data), ErrUnsupported, "extensible within"},
		{"no_fmt", wavFile(data), ErrFormat, "no fmt chunk before the end at offset 40"},
		{"no_data", wavFile(pcm16), ErrTruncated, "no data chunk before the end at offset 36"},
		{"fmt_cut", wavFile(pcm16)[:30], ErrTruncated, "fmt chunk at offset 12: 10 bytes of 16"},
		{"chunk_header_cut", wavFile(pcm16, data)[:40], ErrTruncated, "ends at offset 40"},
		{"list_claims_4_GiB", wavFile(chunk("LIST", 0xFFFFFFF0, count(28))), ErrTruncated, "28 bytes of 4294967280"},
		{"fmt_claims_4_GiB", wavFile(chunk("fmt ", 0xFFFFFFF0, append(fmtBody(tagPCM, 1, 8000, 16), count(4000)...))), ErrTruncated, "4016 bytes of 4294967280"},
		{"garbage_after_fmt", wavFile(pcm16, chunk("\x00\x01\x02\x03", 400, count(4)), data), ErrTruncated, `(chunk "\x00\x01\x02\x03" at offset 36 is none that is known)`},
		{"ds64_short", append([]byte("RF64"), wavFile(whole("ds64", count(8)), pcm16, data)[4:]...), ErrFormat, "8 bytes, want at least 24"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, _, err := ReadAll(bytes.NewReader(tc.file), 0)
			wantErr(t, err, tc.is, tc.text)
		})
	}
}

func FuzzWAV(f *testing.F) {
	seedFixtures(f, ".wav")
	for _, tc := range wavCases() {
		f.Add(tc.file)
	}
	for _, name := range []string{"ffmpeg-rf64.wav", "ffmpeg-pcm_f64le-2ch.wav", "sox-mulaw.wav", "ffmpeg-pipe.wav"} {
		f.Add(goldenFile(f, name))
	}
	f.Fuzz(func(t *testing.T, b []byte) { fuzzReader(t, b, 1) })
}

// minute is a WAV file of a minute of noise.
func minute(rate, channels, tag, bits int) []byte {
	body := make([]byte, 60*rate*channels*bits/8)
	r := rand.New(rand.NewPCG(60, 60))
	for i := range body {
		body[i] = byte(r.IntN(256))
	}
	if tag == tagFloat {
		for i := 0; i < len(body); i += 4 {
			binary.LittleEndian.PutUint32(body[i:], math.Float32bits(float32(2*r.Float64()-1)))
		}
	}
	return wavFile(whole("fmt ", fmtBody(tag, channels, rate, bits)), whole("data", body))
}

func BenchmarkWAV(b *testing.B) {
	for _, bm := range []struct {
		name                      string
		rate, channels, tag, bits int
	}{
		{"pcm16_8k_mono", 8000, 1, tagPCM, 16},
		{"pcm16_8k_stereo", 8000, 2, tagPCM, 16},
		{"mulaw_8k_stereo", 8000, 2, tagMuLaw, 8},
		{"pcm24_48k_stereo", 48000, 2, tagPCM, 24},
		{"float32_48k_stereo", 48000, 2, tagFloat, 32},
	} {
		b.Run(bm.name, func(b *testing.B) { benchReader(b, minute(bm.rate, bm.channels, bm.tag, bm.bits)) })
	}
}

// BenchmarkWAVGoAudio is the peer on the same file as BenchmarkWAV/pcm16_8k_mono.
func BenchmarkWAVGoAudio(b *testing.B) {
	file := minute(8000, 1, tagPCM, 16)
	b.ReportAllocs()
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		buf, err := wav.NewDecoder(bytes.NewReader(file)).FullPCMBuffer()
		if err != nil || len(buf.Data) != 480000 {
			b.Fatal(err, len(buf.Data))
		}
		buf.AsFloat32Buffer()
	}
	b.ReportMetric(60*float64(b.N)/b.Elapsed().Seconds(), "x_realtime")
}
