package audio

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// setCRC writes the checksum of a page, computed bit by bit from RFC 3533 and not by the reader's table.
func setCRC(page []byte) []byte {
	clear(page[22:26])
	var c uint32
	for _, v := range page {
		c ^= uint32(v) << 24
		for range 8 {
			c = c<<1 ^ c>>31*0x04c11db7
		}
	}
	binary.LittleEndian.PutUint32(page[22:], c)
	return page
}

// oggPageBytes builds one page; lacing tells how body is cut.
func oggPageBytes(flags byte, granule int64, serial, sequence uint32, lacing, body []byte) []byte {
	b := append([]byte("OggS\x00"), flags)
	b = binary.LittleEndian.AppendUint64(b, uint64(granule))
	b = binary.LittleEndian.AppendUint32(b, serial)
	b = binary.LittleEndian.AppendUint32(b, sequence)
	b = append(b, 0, 0, 0, 0, byte(len(lacing)))
	return setCRC(slices.Concat(b, lacing, body))
}

// oggPages cuts packets into pages of at most segments segments, so that packets span pages.
func oggPages(packets [][]byte, segments int) []byte {
	type seg struct {
		data []byte
		last bool
	}
	var segs []seg
	for _, p := range packets {
		for len(p) >= 255 {
			segs = append(segs, seg{p[:255], false})
			p = p[255:]
		}
		segs = append(segs, seg{p, true})
	}
	var out []byte
	open := false
	for seq := uint32(0); len(segs) > 0; seq++ {
		n := min(segments, len(segs))
		var lacing, body []byte
		flags, granule := byte(0), int64(-1)
		if open {
			flags |= oggContinued
		}
		if seq == 0 {
			flags |= oggBegin
		}
		for _, s := range segs[:n] {
			lacing, body = append(lacing, byte(len(s.data))), append(body, s.data...)
			if s.last {
				granule = int64(seq)
			}
			open = !s.last
		}
		if segs = segs[n:]; len(segs) == 0 {
			flags |= oggEnd
		}
		out = append(out, oggPageBytes(flags, granule, 1, seq, lacing, body)...)
	}
	return out
}

// readPackets reads every packet of the stream in b.
func readPackets(t *testing.T, b []byte) ([][]byte, *oggReader) {
	t.Helper()
	o := newOggReader(bytes.NewReader(b))
	var got [][]byte
	for {
		p, err := o.page()
		if err != nil {
			return got, o
		}
		for _, k := range p.packets {
			got = append(got, bytes.Clone(k))
		}
	}
}

// Packets of every awkward length come out as they went in, however they are cut into pages.
func TestOggPacketsSpanPages(t *testing.T) {
	r := rand.New(rand.NewPCG(255, 255))
	for range 200 {
		packets := make([][]byte, 1+r.IntN(12))
		for i := range packets {
			n := []int{0, 1, 254, 255, 256, 510, 511, 765, r.IntN(3000)}[r.IntN(9)]
			packets[i] = make([]byte, n)
			for j := range packets[i] {
				packets[i][j] = byte(r.IntN(256))
			}
		}
		segments := 1 + r.IntN(20)
		got, o := readPackets(t, oggPages(packets, segments))
		if !slices.EqualFunc(got, packets, bytes.Equal) {
			t.Fatalf("%d packets in pages of %d segments come out as %d other ones", len(packets), segments, len(got))
		}
		if w := o.warnings(); len(w) != 0 {
			t.Fatalf("warnings %q", w)
		}
	}
}

func TestOggDamage(t *testing.T) {
	packets := [][]byte{count(30), count(200), count(250), count(10)}
	file := oggPages(packets, 1) // a page each
	at := func(n int) int {      // where page n starts
		pos := 0
		for range n {
			pos += 28 + int(file[pos+27])
		}
		return pos
	}
	flipped := bytes.Clone(file)
	flipped[at(1)+40] ^= 1
	for name, tc := range map[string]struct {
		file    []byte
		want    [][]byte
		warning string
	}{
		"flipped_bit":         {flipped, [][]byte{packets[0], packets[2], packets[3]}, "1 pages with a wrong checksum"},
		"missing_page":        {slices.Concat(file[:at(1)], file[at(2):]), [][]byte{packets[0], packets[2], packets[3]}, "1 pages are missing"},
		"garbage_between":     {slices.Concat(file[:at(2)], []byte("garbage with OggS in it"), file[at(2):]), packets, "23 bytes from offset 286"},
		"cut_in_page_header":  {file[:at(3)+10], packets[:3], "10 bytes of 27: truncated"},
		"cut_in_page":         {file[:len(file)-2], packets[:3], "ends after 36 bytes: truncated"},
		"page_of_another":     {slices.Concat(file[:at(1)], oggPageBytes(0, 5, 99, 7, []byte{3}, count(3)), file[at(1):]), packets, "1 pages of other streams"},
		"trailing_after_last": {slices.Concat(file, oggPageBytes(0, 5, 1, 4, []byte{3}, count(3))), packets, "1 pages of other streams"},
	} {
		t.Run(name, func(t *testing.T) {
			got, o := readPackets(t, tc.file)
			if !slices.EqualFunc(got, tc.want, bytes.Equal) {
				t.Errorf("%d packets, want %d", len(got), len(tc.want))
			}
			if w := strings.Join(o.warnings(), "; "); !strings.Contains(w, tc.warning) {
				t.Errorf("warnings %q, want %q", w, tc.warning)
			}
		})
	}
}

// A packet longer than any that Opus can have is dropped, and what follows it is read.
func TestOggPacketTooLong(t *testing.T) {
	packets := [][]byte{count(30), make([]byte, 300000), count(40)}
	got, _ := readPackets(t, oggPages(packets, 255))
	if want := [][]byte{packets[0], packets[2]}; !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("%d packets, want %d", len(got), len(want))
	}
}

func FuzzOgg(f *testing.F) {
	for _, name := range []string{"silk-8k-20ms.opus", "celt-48k-300k.opus", "ogg-flac.oga"} {
		f.Add(goldenFile(f, name))
	}
	f.Add(oggPages([][]byte{count(30), make([]byte, 1000), count(40)}, 2))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = fixCRCs(b)
		o := newOggReader(bytes.NewReader(b))
		total := 0
		for {
			p, err := o.page()
			if err != nil {
				break
			}
			for _, k := range p.packets {
				total += len(k)
			}
		}
		if total > len(b) {
			t.Fatalf("%d bytes of packets from %d bytes", total, len(b))
		}
		o.warnings()
	})
}

// fixCRCs gives every page that can be found in b its right checksum, so that fuzzing gets past it.
func fixCRCs(b []byte) []byte {
	b = bytes.Clone(b)
	for at := 0; at+oggHeader <= len(b); at++ {
		if string(b[at:at+4]) != "OggS" {
			continue
		}
		end := at + oggHeader + int(b[at+26])
		if end > len(b) {
			break
		}
		for _, s := range b[at+oggHeader : end] {
			end += int(s)
		}
		if end <= len(b) {
			setCRC(b[at:end])
			at = end - 1
		}
	}
	return b
}
