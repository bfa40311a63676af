package audio

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// Every mode of the codec against libopus at 48 kHz.
func TestOpusGolden(t *testing.T) { testGolden(t, "opus.json") }

// opusFile puts packets of 20 ms behind the headers: the page of packet i ends at granule[i].
func opusFile(head []byte, granules []int64, packet []byte) []byte {
	b := oggPageBytes(oggBegin, 0, 5, 0, []byte{byte(len(head))}, head)
	b = append(b, oggPageBytes(0, 0, 5, 1, []byte{16}, []byte("OpusTags\x00\x00\x00\x00\x00\x00\x00\x00"))...)
	for i, g := range granules {
		flags := byte(0)
		if i == len(granules)-1 {
			flags = oggEnd
		}
		b = append(b, oggPageBytes(flags, g, 5, uint32(i+2), []byte{byte(len(packet))}, packet)...)
	}
	return b
}

// opusHeadBytes is an identification header.
func opusHeadBytes(channels, preSkip, rate, gain, family int) []byte {
	return append([]byte("OpusHead\x01"), byte(channels), byte(preSkip), byte(preSkip>>8), byte(rate), byte(rate>>8), byte(rate>>16), byte(rate>>24), byte(gain), byte(gain>>8), byte(family))
}

// silence20 is a CELT packet of 20 ms: narrowband mono, one empty frame.
func silence20() []byte { return []byte{0x98, 0xff, 0xfe} }

func TestOpusLengths(t *testing.T) {
	head := opusHeadBytes(1, 312, 48000, 0, 0)
	for name, tc := range map[string]struct {
		head     []byte
		granules []int64
		samples  int
	}{
		"pre_skip_only":         {head, []int64{960, 1920, 2880}, 2880 - 312},
		"end_trimmed":           {head, []int64{960, 1920, 2500}, 2500 - 312},
		"trimmed_by_two_pages":  {head, []int64{960, 1920, 1000}, 1920 - 312},
		"one_page_trimmed":      {head, []int64{500}, 500 - 312},
		"starts_late":           {head, []int64{90960, 91920, 92500}, 2500 - 312},
		"all_skipped":           {opusHeadBytes(1, 5000, 48000, 0, 0), []int64{960, 1920}, 0},
		"made_from_8_khz":       {opusHeadBytes(1, 312, 8000, 0, 0), []int64{960, 1920, 2880}, 2880 - 312},
		"granule_from_the_moon": {head, []int64{960, 1920, 1 << 60}, 2880 - 312},
	} {
		t.Run(name, func(t *testing.T) {
			x, f, warnings, err := ReadAll(bytes.NewReader(opusFile(tc.head, tc.granules, silence20())), 0)
			if err != nil {
				t.Fatal(err)
			}
			if len(x[0]) != tc.samples {
				t.Errorf("%v: %d samples, want %d", f, len(x[0]), tc.samples)
			}
			if len(warnings) != 0 {
				t.Errorf("warnings %q", warnings)
			}
		})
	}
}

func TestOpusGain(t *testing.T) {
	file := goldenFile(t, "celt-48k-2ms5.opus")
	plain, _, _, err := ReadAll(bytes.NewReader(file), 0)
	if err != nil {
		t.Fatal(err)
	}
	loud := bytes.Clone(file)
	loud[28+16], loud[28+17] = 0x14, 0xfa // -1516/256 = -5.92 dB: a factor of 0.5057
	setCRC(loud[:28+19])
	quiet, _, _, err := ReadAll(bytes.NewReader(loud), 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range plain[0] {
		if d := quiet[0][i] - v*0.50574; d > 1e-4 || d < -1e-4 {
			t.Fatalf("sample %d: %v, want %v", i, quiet[0][i], v*0.50574)
		}
	}
}

// A gain that no recording has is a broken header, not a reason to multiply by millions.
func TestOpusGainOutOfRange(t *testing.T) {
	for _, gain := range []int{-32768, -12289, 12289, 32767} {
		_, _, warnings, err := ReadAll(bytes.NewReader(opusFile(opusHeadBytes(1, 0, 48000, gain, 0), []int64{960}, silence20())), 0)
		if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "output gain") {
			t.Errorf("gain %d/256 dB: warnings %q, error %v", gain, warnings, err)
		}
	}
}

func TestOpusDamage(t *testing.T) {
	file := opusFile(opusHeadBytes(1, 0, 48000, 0, 0), []int64{960, 1920, 2880}, silence20())
	page := len(oggPageBytes(0, 0, 5, 2, []byte{3}, silence20()))
	last := len(file) - page
	four := opusFile(opusHeadBytes(1, 0, 48000, 0, 0), []int64{960, 1920, 2880, 3840}, silence20())
	year := opusFile(opusHeadBytes(1, 0, 48000, 0, 0), []int64{960, 1920, 48000 * 86400 * 365, 48000*86400*365 + 960}, silence20())
	bad := slices.Concat(file[:last], oggPageBytes(0, 2880, 5, 4, []byte{2}, []byte{0x9b, 0x00}), oggPageBytes(oggEnd, 2880, 5, 5, []byte{1}, []byte{0x99}))
	for name, tc := range map[string]struct {
		file    []byte
		samples int
		warning string
	}{
		"lost_page":          {slices.Concat(four[:last-page], four[last:]), 3840, "20 ms lost with missing pages"},
		"lost_for_a_year":    {slices.Concat(year[:last-page], year[last:]), 3*960 + 480000, "10000 ms lost"},
		"no_last_page":       {file[:last], 1920, "no last page before the end"},
		"cut_in_a_page":      {file[:len(file)-1], 1920, "truncated"},
		"packet_no_frames":   {bad, 2880, "1 packets without a duration"},
		"chained":            {slices.Concat(file, opusFile(opusHeadBytes(1, 0, 48000, 0, 0), []int64{960}, silence20())), 3840, ""},
		"chained_other_rate": {slices.Concat(file, opusFile(opusHeadBytes(1, 0, 8000, 0, 0), []int64{960}, silence20())), 3840, ""},
	} {
		t.Run(name, func(t *testing.T) {
			x, _, warnings, err := ReadAll(bytes.NewReader(tc.file), 0)
			if err != nil {
				t.Fatal(err)
			}
			if len(x[0]) != tc.samples {
				t.Errorf("%d samples, want %d (%q)", len(x[0]), tc.samples, warnings)
			}
			if w := strings.Join(warnings, "; "); (w == "") != (tc.warning == "") || !strings.Contains(w, tc.warning) {
				t.Errorf("warnings %q, want %q", w, tc.warning)
			}
		})
	}
}

func TestOpusRefuses(t *testing.T) {
	one := []int64{960}
	head := opusHeadBytes(1, 312, 48000, 0, 0)
	ok := opusFile(head, one, silence20())
	for name, tc := range map[string]struct {
		file []byte
		is   error
		text string
	}{
		"3_channels":     {opusFile(append(opusHeadBytes(3, 0, 48000, 0, 1), 2, 1, 0, 2, 1), one, silence20()), ErrUnsupported, "3 channels in mapping family 1"},
		"two_streams":    {opusFile(append(opusHeadBytes(2, 0, 48000, 0, 255), 2, 0, 0, 1), one, silence20()), ErrUnsupported, "2 channels in mapping family 255"},
		"0_channels":     {opusFile(opusHeadBytes(0, 0, 48000, 0, 0), one, silence20()), ErrFormat, "0 channels"},
		"version_16":     {opusFile(slices.Concat([]byte("OpusHead\x10"), head[9:]), one, silence20()), ErrUnsupported, "version 16"},
		"head_of_12":     {opusFile(head[:12], one, silence20()), ErrFormat, "12 bytes, want at least 19"},
		"no_tags":        {slices.Concat(ok[:47], oggPageBytes(0, 960, 5, 1, []byte{3}, silence20())), ErrFormat, "want OpusTags"},
		"ends_at_head":   {ok[:47], ErrTruncated, "before OpusTags"},
		"starts_inside":  {ok[47:], ErrFormat, "no beginning of a stream"},
		"checksum_wrong": {append(bytes.Clone(ok[:46]), 7), ErrFormat, "1 pages had a wrong checksum"},
		"chained_stereo": {slices.Concat(ok, opusFile(opusHeadBytes(2, 0, 48000, 0, 0), one, silence20())), ErrFormat, "has 2 channels, want 1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, _, err := ReadAll(bytes.NewReader(tc.file), 0)
			wantErr(t, err, tc.is, tc.text)
		})
	}
}

// Packets of noise give samples or errors, and silence of the right length in a file.
func TestOpusNoisePackets(t *testing.T) {
	r := rand.New(rand.NewPCG(6716, 1))
	d, err := newOpusDecoder(16000, 2)
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for range 3000 {
		p := make([]byte, r.IntN(200))
		for i := range p {
			p[i] = byte(r.IntN(256))
		}
		x, err := d.Decode(nil, p)
		if err != nil {
			failed++
			if !errors.Is(err, ErrFormat) || len(x) != 0 {
				t.Fatalf("%d samples with error %v", len(x), err)
			}
			continue
		}
		if n, _ := opusDuration(p); len(x) != 2*n/3 {
			t.Fatalf("%d samples from %d at 48 kHz", len(x), n)
		}
	}
	if failed == 0 || failed == 3000 {
		t.Errorf("%d of 3000 packets of noise refused", failed)
	}
}

func FuzzOpus(f *testing.F) {
	seedFixtures(f, ".opus")
	for _, name := range []string{"silk-8k-20ms.opus", "silk-16k-120ms-stereo.opus", "hybrid-24k-20ms.opus", "celt-48k-2ms5.opus"} {
		f.Add(goldenFile(f, name))
	}
	f.Add(opusFile(opusHeadBytes(1, 312, 8000, 0, 0), []int64{960, 1920, 2500}, silence20()))
	f.Fuzz(func(t *testing.T, b []byte) { fuzzReader(t, fixCRCs(b), 20000) })
}

func FuzzOpusPacket(f *testing.F) {
	f.Add(silence20(), true)
	f.Add([]byte{0x0b, 0x82, 3, 1, 2, 3, 4}, false)
	f.Fuzz(func(t *testing.T, p []byte, stereo bool) {
		channels := 1
		if stereo {
			channels = 2
		}
		d, err := newOpusDecoder(8000, channels)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := d.Decode(nil, p); err != nil && !errors.Is(err, ErrFormat) {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkOpus(b *testing.B) {
	for _, name := range []string{"silk-8k-20ms.opus", "silk-16k-60ms.opus", "hybrid-24k-20ms.opus", "celt-48k-20ms-stereo.opus"} {
		b.Run(strings.TrimSuffix(name, ".opus"), func(b *testing.B) { benchReader(b, goldenFile(b, name)) })
	}
}
