package audio

import (
	"encoding/binary"
	"fmt"
	"io"
)

// mp3Header is one MPEG audio frame header (ISO/IEC 11172-3 and 13818-3).
type mp3Header struct {
	word     uint32
	version  int // 1, 2, or 25 for the unofficial MPEG-2.5
	layer    int // 1 to 3
	rate     int // samples per second
	channels int
	crc      bool
	size     int // bytes of the frame with its header; 0 for free format
}

// parseMP3Header reads the header at the start of b.
func parseMP3Header(b []byte) (mp3Header, bool) {
	if len(b) < 4 || b[0] != 0xff || b[1]&0xe0 != 0xe0 {
		return mp3Header{}, false
	}
	w := binary.BigEndian.Uint32(b)
	h := mp3Header{word: w, layer: 4 - int(w>>17&3), channels: 2, crc: w>>16&1 == 0}
	bitrate, rate, emphasis := int(w>>12&15), int(w>>10&3), w&3
	shift := 0
	switch w >> 19 & 3 {
	case 0:
		h.version, shift = 25, 2
	case 2:
		h.version, shift = 2, 1
	case 3:
		h.version = 1
	default:
		return mp3Header{}, false
	}
	if h.layer == 4 || bitrate == 15 || rate == 3 || emphasis == 2 {
		return mp3Header{}, false
	}
	h.rate = [3]int{44100, 48000, 32000}[rate] >> shift
	if w>>6&3 == 3 {
		h.channels = 1
	}
	if h.layer == 3 && bitrate > 0 {
		kbit := [15]int{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320}[bitrate]
		slots := 144
		if h.version != 1 {
			kbit = [15]int{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}[bitrate]
			slots = 72
		}
		h.size = slots*kbit*1000/h.rate + int(w>>9&1)
	}
	return h, true
}

// sameStream tells whether two headers can belong to one stream: version, layer and rate do not change in one.
func (h mp3Header) sameStream(o mp3Header) bool {
	const fixed = 0xfffe0c00
	return h.word&fixed == o.word&fixed
}

// samples is how many samples per channel the frame holds.
func (h mp3Header) samples() int {
	if h.version == 1 {
		return 1152
	}
	return 576
}

// granules is how many granules of 576 samples per channel the frame holds.
func (h mp3Header) granules() int { return h.samples() / 576 }

// reservoirBits is how many bits say how far back the frame's data begins.
func (h mp3Header) reservoirBits() int {
	if h.version == 1 {
		return 9
	}
	return 8
}

// mode is mode_extension where the frame is joint stereo: 1 intensity, 2 middle and side, 3 both; 0 everywhere else.
func (h mp3Header) mode() int {
	if h.word>>6&3 != 1 {
		return 0
	}
	return int(h.word >> 4 & 3)
}

// sideSize is the bytes of side information behind header and CRC.
func (h mp3Header) sideSize() int {
	switch {
	case h.version == 1 && h.channels == 2:
		return 32
	case h.version == 1 || h.channels == 2:
		return 17
	}
	return 9
}

// mp3Gate hands the decoder whole, plausible frames of one stream and nothing else: no tags, no garbage, no Xing frame, no frame
// cut off at the end.
type mp3Gate struct {
	in        *input
	first     mp3Header
	have      bool // first is set
	frames    int64
	delay     int    // samples at the start that are the encoder's and decoder's, not the recording's
	total     int64  // samples per channel of the recording by the Xing tag, -1 when it does not say
	skipped   int64  // bytes that belong to no frame
	skipAt    int64  // offset of the first of them
	searching bool   // the last bytes belonged to no frame
	lost      bool   // bytes were skipped before the frame in frameBuf, enough of them for a frame
	at        int64  // offset of the frame in frameBuf
	mixed     int64  // frames with another number of channels than the first
	cut       string // how the end was cut
	frameBuf  []byte
}

// skipID3 discards ID3v2 tags at the start without keeping them, whatever size they claim.
func (g *mp3Gate) skipID3() error {
	for {
		h, _ := g.in.Peek(10)
		if !hasPrefix(h, "ID3") {
			return nil
		}
		at := g.in.offset()
		if len(h) < 10 {
			return fmt.Errorf("%w: mp3: ID3 tag at offset %d: %d bytes of header, want 10", ErrTruncated, at, len(h))
		}
		size := 10 + int64(h[6]&0x7f)<<21 + int64(h[7]&0x7f)<<14 + int64(h[8]&0x7f)<<7 + int64(h[9]&0x7f)
		if h[5]&0x10 != 0 { // a footer repeats the header
			size += 10
		}
		if n, err := g.in.skip(size); err != nil {
			return short(err, fmt.Sprintf("mp3: ID3 tag at offset %d: %d bytes of %d, no audio yet", at, n, size), g.in.offset())
		}
	}
}

// next leaves the next frame in frameBuf and returns its header; io.EOF at the end.
func (g *mp3Gate) next() (mp3Header, error) {
	skipped := g.skipped
	for {
		b, err := g.in.Peek(4)
		if len(b) < 4 {
			if err != io.EOF {
				return mp3Header{}, fmt.Errorf("audio: mp3: offset %d: %w", g.in.offset(), err)
			}
			if len(b) > 0 {
				g.skip(len(b))
			}
			return mp3Header{}, io.EOF
		}
		h, ok := parseMP3Header(b)
		if ok && g.have {
			ok = h.sameStream(g.first)
		} else if ok && g.skipped > 0 {
			ok = h.layer == 3 && h.size > 0 // what is odd about a first frame is worth an error only where it stands first
		}
		if ok && h.size > 0 && (!g.have || g.searching) {
			ok = g.followed(h)
		}
		if !ok {
			if hasPrefix(b, "TAG") { // ID3v1 closes the file
				if tag, _ := g.in.Peek(129); len(tag) == 128 {
					_, _ = g.in.skip(128)
					continue
				}
			}
			g.skip(1)
			continue
		}
		if !g.have {
			if err := g.start(h); err != nil {
				return mp3Header{}, err
			}
		}
		if h.size == 0 {
			return mp3Header{}, fmt.Errorf("%w: mp3: free-format frame at offset %d, want a bit rate", ErrUnsupported, g.in.offset())
		}
		whole, err := g.in.Peek(h.size)
		if err != nil && err != io.EOF {
			return mp3Header{}, fmt.Errorf("audio: mp3: offset %d: %w", g.in.offset(), err)
		}
		if len(whole) < h.size {
			g.cut = fmt.Sprintf("frame at offset %d: %d bytes of %d: truncated", g.in.offset(), len(whole), h.size)
			return mp3Header{}, io.EOF
		}
		// Less than a frame was put between two; as much as a frame stands where one was, whose data is gone with it.
		gone := g.skipped - skipped
		g.lost = gone > 0 && gone >= int64(len(g.frameBuf))-1
		g.frameBuf = append(g.frameBuf[:0], whole[:h.size]...)
		g.at = g.in.offset()
		_, _ = g.in.skip(int64(h.size))
		g.searching = false
		if h.channels != g.first.channels {
			g.mixed++
		}
		g.frames++
		return h, nil
	}
}

// followed tells whether another header of the same stream, a closing tag or the end stands behind the frame of h: behind garbage
// a chance sync word is likelier than a frame.
func (g *mp3Gate) followed(h mp3Header) bool {
	b, _ := g.in.Peek(h.size + 4)
	if len(b) < h.size+4 {
		return true
	}
	next, ok := parseMP3Header(b[h.size:])
	return ok && next.sameStream(h) || hasPrefix(b[h.size:], "TAG")
}

// skip passes over n bytes that are no frame.
func (g *mp3Gate) skip(n int) {
	if g.skipped == 0 {
		g.skipAt = g.in.offset()
	}
	g.searching = true
	k, _ := g.in.skip(int64(n))
	g.skipped += k
}

// start takes the first header for that of the stream.
func (g *mp3Gate) start(h mp3Header) error {
	at := g.in.offset()
	if h.layer != 3 {
		return fmt.Errorf("%w: mp3: MPEG audio layer %d at offset %d, want layer 3", ErrUnsupported, h.layer, at)
	}
	g.first, g.have, g.total = h, true, -1
	return nil
}

// audio leaves the next frame that holds audio in frameBuf and returns its header; io.EOF at the end.
func (g *mp3Gate) audio() (mp3Header, error) {
	h, err := g.next()
	if err == nil && g.frames == 1 && g.xing(h) {
		return g.next()
	}
	return h, err
}

// xing reads the tag frame that LAME and its kin put first. It holds no audio; its delay and padding make the decoded length
// that of the recording.
func (g *mp3Gate) xing(h mp3Header) bool {
	at := 4 + h.sideSize()
	b := g.frameBuf
	if len(b) >= 40 && string(b[36:40]) == "VBRI" { // Fraunhofer's counterpart, which tells nothing that is needed
		return true
	}
	if len(b) < at+8 || string(b[at:at+4]) != "Xing" && string(b[at:at+4]) != "Info" {
		return false
	}
	flags := binary.BigEndian.Uint32(b[at+4:])
	p, frames := at+8, int64(-1)
	if flags&1 != 0 && len(b) >= p+4 {
		frames = int64(binary.BigEndian.Uint32(b[p:]))
		p += 4
	}
	if flags&2 != 0 { // bytes
		p += 4
	}
	if flags&4 != 0 { // seek table
		p += 100
	}
	if flags&8 != 0 { // quality
		p += 4
	}
	// Encoder tag: 9 bytes name, ..., at 21 twelve bits of delay and twelve of padding.
	if len(b) < p+24 {
		return true
	}
	delay := int(b[p+21])<<4 | int(b[p+22])>>4
	padding := int(b[p+22]&15)<<8 | int(b[p+23])
	if string(b[p:p+4]) != "LAME" && string(b[p:p+3]) != "Lav" {
		return true
	}
	// The decoder itself delays by a filter bank and an overlap: 528 + 1 samples.
	g.delay = delay + 529
	if frames > 0 {
		g.total = max(frames*int64(h.samples())-int64(delay)-int64(padding), 0)
	}
	return true
}
