package audio

import "encoding/binary"

// mp3Repack rewrites frames of low sampling rates that go-mp3 v0.3.4 would read wrongly, into ones that it reads right: it takes
// one byte too few of a padded frame at 22.05 kHz, and knows nothing of MPEG-2.5. At 11.025 and 12 kHz MPEG-2.5 differs from
// MPEG-2 at 16 kHz in nothing but what the header says; at 8 kHz its band tables are its own, and it stays unsupported.
//
// Every frame leaves with its whole main data in itself, so that no frame refers to an earlier one, and at the highest bit rate,
// so that there is room for it.
type mp3Repack struct {
	need      bool
	reservoir []byte // the last 255 bytes of main data at most
	out       []byte
	silenced  int // frames whose data was missing or did not fit
}

// repackable tells whether frames of this stream must be, and can be, rewritten.
func repackable(h mp3Header) bool {
	return h.version == 2 && h.rate == 22050 || h.version == 25 && h.rate != 8000
}

// frame returns b, a frame of header h, rewritten. The result is valid until the next call.
func (r *mp3Repack) frame(h mp3Header, b []byte) []byte {
	const (
		noCRC    = 1 << 16
		topRate  = 14 << 12 // 160 kbit/s
		mpeg2    = 2 << 19
		as16k    = 2 << 10
		clearAll = 3<<19 | 15<<12 | 3<<10 | 1<<9
	)
	word := h.word&^uint32(clearAll) | mpeg2 | topRate | noCRC
	rate := 22050
	if h.version == 25 {
		word |= as16k
		rate = 16000
	}
	size := 144 * 160000 / rate >> 1 // as the decoder computes it
	side := b[4:]
	if h.crc {
		side = b[6:]
	}
	if len(side) < h.sideSize() {
		return b
	}
	main := side[h.sideSize():]
	side = side[:h.sideSize()]

	// part2_3_length: 12 bits of every 63 after main_data_begin and the private bits.
	bits := lsfBits(side, 8+h.channels, 12)
	if h.channels == 2 {
		bits += lsfBits(side, 8+h.channels+63, 12)
	}
	need, begin := (bits+7)/8, int(side[0])

	r.out = append(r.out[:0], make([]byte, size)...)
	binary.BigEndian.PutUint32(r.out, word)
	body := r.out[4+h.sideSize():]
	if begin <= len(r.reservoir) && need <= begin+len(main) && need <= len(body) {
		copy(r.out[5:], side[1:]) // side[0], main_data_begin, becomes 0
		from := r.reservoir[len(r.reservoir)-begin:]
		n := copy(body[:need], from)
		copy(body[n:need], main)
	} else {
		r.silenced++ // side information of zeros is a frame of silence
	}
	r.reservoir = append(r.reservoir, main...)
	if drop := len(r.reservoir) - 255; drop > 0 {
		r.reservoir = r.reservoir[:copy(r.reservoir, r.reservoir[drop:])]
	}
	return r.out
}

// lsfBits reads n bits from bit position at, the highest first.
func lsfBits(b []byte, at, n int) int {
	v := 0
	for i := at; i < at+n; i++ {
		v = v<<1 | int(b[i/8]>>(7-i%8)&1)
	}
	return v
}
