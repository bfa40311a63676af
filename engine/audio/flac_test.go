package audio

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

func TestFLACGolden(t *testing.T) { testGolden(t, "flac.json") }

// flacInfo is the marker and a last STREAMINFO block.
func flacInfo(rate, channels, bits int, samples uint64) []byte {
	b := []byte("fLaC\x80\x00\x00\x22\x10\x00\x10\x00\x00\x00\x00\x00\x00\x00")
	v := uint64(rate)<<44 | uint64(channels-1)<<41 | uint64(bits-1)<<36 | samples
	return append(binary.BigEndian.AppendUint64(b, v), make([]byte, 16)...)
}

// flacBomb is a valid file of under 100 bytes: as many frames of one repeated value as fit.
func flacBomb(channels, block int) []byte {
	b := flacInfo(8000, channels, 8, 0)
	for n := byte(0); ; n++ {
		f := []byte{0xff, 0xf8, 0x70, byte(channels-1)<<4 | 2, n, byte((block - 1) >> 8), byte(block - 1)}
		f = append(f, crcMSB(f, 8, 0x07))
		for range channels {
			f = append(f, 0, 0) // constant subframe of value 0
		}
		c := crcMSB16(f)
		f = append(f, byte(c>>8), byte(c))
		if len(b)+len(f) > 100 {
			return b
		}
		b = append(b, f...)
	}
}

// crcMSB is an 8-bit CRC, highest bit first, from 0.
func crcMSB(b []byte, _ int, poly byte) byte {
	var c byte
	for _, v := range b {
		c ^= v
		for range 8 {
			c = c<<1 ^ c>>7*poly
		}
	}
	return c
}

// crcMSB16 is the CRC-16 of FLAC frames: polynomial 0x8005, highest bit first, from 0.
func crcMSB16(b []byte) uint16 {
	var c uint16
	for _, v := range b {
		c ^= uint16(v) << 8
		for range 8 {
			c = c<<1 ^ c>>15*0x8005
		}
	}
	return c
}

func TestFLACDamage(t *testing.T) {
	good := goldenFile(t, "mono-16k-level0.flac")
	want, _, _, err := ReadAll(bytes.NewReader(good), 0)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(good)
	flipped[len(flipped)-40] ^= 1
	for name, tc := range map[string]struct {
		file    []byte
		warning string
		is      error
		text    string
	}{
		"whole":             {good, "", nil, ""},
		"cut_in_last_frame": {good[:len(good)-100], "truncated at offset", nil, ""},
		"id3v1_behind":      {slices.Concat(good, []byte("TAG"), make([]byte, 125)), "bytes after the last frame", nil, ""},
		"id3_before":        {slices.Concat([]byte("ID3\x03\x00\x00\x00\x00\x00\x05hello"), good), "", nil, ""},
		"flipped_bit":       {flipped, "", ErrFormat, "CRC-16"},
	} {
		t.Run(name, func(t *testing.T) {
			x, _, warnings, err := ReadAll(bytes.NewReader(tc.file), 0)
			if tc.is != nil {
				wantErr(t, err, tc.is, tc.text, "offset", "sample")
			} else if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(warnings, "; "); (got == "") != (tc.warning == "") || !strings.Contains(got, tc.warning) {
				t.Errorf("warnings %q, want %q", got, tc.warning)
			}
			if n := len(x[0]); !slices.Equal(x[0], want[0][:n]) || n < 1 && tc.is == nil {
				t.Errorf("%d samples are not the beginning of the file's", n)
			}
		})
	}
}

func TestFLACRefuses(t *testing.T) {
	seek := func(kind byte, size int) []byte {
		b := flacInfo(8000, 1, 16, 0)
		b[4] = 0 // not the last block
		return append(b, kind, byte(size>>16), byte(size>>8), byte(size))
	}
	for name, tc := range map[string]struct {
		file []byte
		is   error
		text string
	}{
		"marker_only":        {[]byte("fLaC"), ErrTruncated, "ends at offset 4"},
		"stream_info_cut":    {flacInfo(8000, 1, 16, 0)[:20], ErrTruncated, "12 bytes of 34"},
		"stream_info_of_33":  {append([]byte("fLaC\x80\x00\x00\x21"), make([]byte, 33)...), ErrFormat, "33 bytes, want 34"},
		"seek_table_first":   {append([]byte("fLaC\x83\x00\x00\x22"), make([]byte, 34)...), ErrFormat, "type 3 at offset 4"},
		"picture_of_16_MiB":  {seek(6, 1<<24-1), ErrTruncated, "0 bytes of 16777215"},
		"second_stream_info": {seek(0, 34), ErrFormat, "type 0 at offset 42"},
		"type_127":           {seek(127, 34), ErrFormat, "type 127"},
		"32_bits":            {flacInfo(8000, 1, 32, 0), ErrUnsupported, "32 bits per sample, want 4 to 24"},
		"1_hz":               {flacInfo(1, 1, 16, 0), ErrLimit, "1 Hz"},
		"no_frame":           {slices.Concat(flacInfo(8000, 1, 16, 0), []byte("this is no frame")), ErrFormat, "sync-code"},
		"bomb":               {flacBomb(8, 16384), ErrLimit, "unpack to"},
		"other_channels":     {slices.Concat(flacInfo(8000, 2, 8, 0), flacBomb(1, 4096)[42:]), ErrFormat, "1 channels, want 2"},
		"other_bits":         {slices.Concat(flacInfo(8000, 1, 16, 0), flacBomb(1, 4096)[42:]), ErrFormat, "8 bits per sample, want 16"},
		"block_of_65536":     {flacBomb(1, 65535), ErrLimit, "block of 65535 samples"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, _, err := ReadAll(bytes.NewReader(tc.file), 0)
			wantErr(t, err, tc.is, tc.text)
		})
	}
}

// A promise of more samples than there are is told.
func TestFLACShortOfItsPromise(t *testing.T) {
	b := flacBomb(1, 1000)
	binary.BigEndian.PutUint64(b[18:], binary.BigEndian.Uint64(b[18:])|90000)
	x, _, warnings, err := ReadAll(bytes.NewReader(b), 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(x[0]) == 0 || len(warnings) != 1 || !strings.Contains(warnings[0], "of 90000: truncated at offset") {
		t.Errorf("%d samples, warnings %q", len(x[0]), warnings)
	}
}

func FuzzFLAC(f *testing.F) {
	seedFixtures(f, ".flac")
	for _, name := range []string{"stereo-8k-s16.flac", "mono-16k-level0.flac", "stereo-16k-level12.flac"} {
		b := goldenFile(f, name)
		// Without the padding block, so that mutation finds the frames.
		f.Add(slices.Concat([]byte("fLaC\x80"), b[5:42], b[len(b)-3000:]))
		f.Add(b)
	}
	f.Add(flacBomb(1, 4096))
	f.Add(flacBomb(8, 16384))
	f.Fuzz(func(t *testing.T, b []byte) { fuzzReader(t, b, 0) })
}

func BenchmarkFLAC(b *testing.B) {
	for _, name := range []string{"mono-8k-s16.flac", "stereo-44k1-s24.flac"} {
		b.Run(strings.TrimSuffix(name, ".flac"), func(b *testing.B) { benchReader(b, goldenFile(b, name)) })
	}
}
