package audio

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Ogg framing (RFC 3533): pages of up to 255 segments; a packet is a run of segments ended by one shorter than 255 bytes and may
// span pages.
const (
	oggHeader    = 27
	oggMaxPage   = oggHeader + 255 + 255*255
	oggMaxPacket = 1 << 16 // longer than any Opus packet (48 frames of 1275 bytes and their lengths)

	oggContinued = 1 // the page's first packet began on an earlier page
	oggBegin     = 2
	oggEnd       = 4
)

// oggPage is one page as it was read. Its packets are valid until the next page is read.
type oggPage struct {
	at       int64 // offset in the stream
	flags    byte
	granule  int64 // codec time at the end of the last packet completed on the page, -1 for none
	serial   uint32
	sequence uint32
	packets  [][]byte
	tooLong  int // packets dropped for their length
}

// oggReader reads the pages of one logical stream.
type oggReader struct {
	in      *input
	crc     [256]uint32
	serial  uint32
	started bool   // serial is set
	next    uint32 // sequence number expected
	ended   bool   // the stream's last page was read
	whole   []byte // the body of the current page
	part    []byte // packet begun on earlier pages
	joined  []byte // the packet that part became on the current page
	inPart  bool   // a packet is open at the end of the last page
	long    bool   // that packet is beyond oggMaxPacket and is being dropped

	skipped int64 // bytes that belong to no page
	skipAt  int64
	badCRC  int
	foreign int    // pages of other streams
	lost    int64  // pages missing by their numbers
	cut     string // how the end was cut
}

// newOggReader buffers whole pages, so that a page with a wrong checksum can be given back and searched.
func newOggReader(r io.Reader) *oggReader {
	o := &oggReader{in: newInput(r, oggMaxPage)}
	// CRC-32 with polynomial 0x04c11db7, not reflected, no inversion (RFC 3533 §6).
	for i := range o.crc {
		v := uint32(i) << 24
		for range 8 {
			v = v<<1 ^ v>>31*0x04c11db7
		}
		o.crc[i] = v
	}
	return o
}

// page reads the next good page of the stream, io.EOF at the end. Pages of other streams and damaged pages are passed over and
// counted; the first page decides which stream is read.
func (o *oggReader) page() (oggPage, error) {
	for {
		b, err := o.in.Peek(oggHeader)
		if err != nil && err != io.EOF {
			return oggPage{}, fmt.Errorf("audio: ogg: offset %d: %w", o.in.offset(), err)
		}
		if len(b) == 0 {
			return oggPage{}, io.EOF
		}
		if len(b) < oggHeader {
			o.cut = fmt.Sprintf("page header at offset %d: %d bytes of %d: truncated", o.in.offset(), len(b), oggHeader)
			_, _ = o.in.skip(int64(len(b)))
			return oggPage{}, io.EOF
		}
		if string(b[:4]) != "OggS" || b[4] != 0 {
			o.skip(b)
			continue
		}
		if b, err = o.in.Peek(oggHeader + int(b[26])); err == nil {
			size := len(b)
			for _, s := range b[oggHeader:] {
				size += int(s)
			}
			b, err = o.in.Peek(size)
		}
		if err != nil && err != io.EOF {
			return oggPage{}, fmt.Errorf("audio: ogg: offset %d: %w", o.in.offset(), err)
		}
		if err == io.EOF {
			o.cut = fmt.Sprintf("page at offset %d: ends after %d bytes: truncated", o.in.offset(), len(b))
			_, _ = o.in.skip(int64(len(b)))
			return oggPage{}, io.EOF
		}
		if o.checksum(b) != binary.LittleEndian.Uint32(b[22:]) {
			o.badCRC++
			o.skip(b[:4])
			continue
		}
		p := oggPage{
			at:       o.in.offset(),
			flags:    b[5],
			granule:  int64(binary.LittleEndian.Uint64(b[6:])),
			serial:   binary.LittleEndian.Uint32(b[14:]),
			sequence: binary.LittleEndian.Uint32(b[18:]),
		}
		o.whole = append(o.whole[:0], b[oggHeader:]...)
		lacing, body := o.whole[:b[26]], o.whole[b[26]:]
		_, _ = o.in.skip(int64(len(b)))
		if !o.mine(p) {
			continue
		}
		o.split(&p, lacing, body)
		return p, nil
	}
}

// skip passes over damaged bytes to the next place where a page could begin; b is what is in front, at least 4 bytes.
func (o *oggReader) skip(b []byte) {
	if o.skipped == 0 {
		o.skipAt = o.in.offset()
	}
	n := 1
	for n+4 <= len(b) && string(b[n:n+4]) != "OggS" {
		n++
	}
	k, _ := o.in.skip(int64(n))
	o.skipped += k
}

// checksum is the page's CRC with its own field taken as zero.
func (o *oggReader) checksum(page []byte) uint32 {
	var c uint32
	for i, b := range page {
		if i >= 22 && i < 26 {
			b = 0
		}
		c = c<<8 ^ o.crc[byte(c>>24)^b]
	}
	return c
}

// mine tells whether p belongs to the stream being read, and follows its numbering. A stream that begins after the last page of
// the one before is its continuation (a chained file).
func (o *oggReader) mine(p oggPage) bool {
	switch {
	case !o.started, o.ended && p.flags&oggBegin != 0:
		o.started, o.ended = true, false
		o.serial, o.next = p.serial, p.sequence
		o.inPart, o.long, o.part = false, false, o.part[:0]
	case p.serial != o.serial || o.ended:
		o.foreign++
		return false
	}
	if p.sequence != o.next {
		if gap := int64(p.sequence) - int64(o.next); gap > 0 {
			o.lost += gap
		}
		o.inPart, o.long, o.part = false, false, o.part[:0]
	}
	o.next = p.sequence + 1
	o.ended = p.flags&oggEnd != 0
	return true
}

// split cuts the page into packets and keeps what continues on the next one.
func (o *oggReader) split(p *oggPage, lacing, body []byte) {
	// Without its beginning, what the page continues is no packet; without a continuation, what was begun stays open for ever.
	orphan := p.flags&oggContinued != 0 && !o.inPart
	if p.flags&oggContinued == 0 {
		o.part, o.inPart, o.long = o.part[:0], false, false
	}
	for at, end, i := 0, 0, 0; i < len(lacing); i++ {
		end += int(lacing[i])
		if lacing[i] == 255 && i+1 < len(lacing) {
			continue
		}
		piece := body[at:end]
		at = end
		open := lacing[i] == 255 // only at the end of the page
		switch {
		case orphan:
			orphan = open
		case !o.inPart && !open:
			p.packets = append(p.packets, piece)
		default:
			o.long = o.long || len(o.part)+len(piece) > oggMaxPacket
			if !o.long {
				o.part = append(o.part, piece...)
			}
			if o.inPart = open; open {
				break
			}
			if o.long {
				p.tooLong++
			} else {
				o.joined = append(o.joined[:0], o.part...)
				p.packets = append(p.packets, o.joined)
			}
			o.part, o.long = o.part[:0], false
		}
	}
}

// warnings tells what was passed over.
func (o *oggReader) warnings() []string {
	var w []string
	if o.badCRC > 0 {
		w = append(w, fmt.Sprintf("ogg: %d pages with a wrong checksum: skipped", o.badCRC))
	}
	if o.skipped > 0 {
		w = append(w, fmt.Sprintf("ogg: %d bytes from offset %d on belong to no good page: skipped", o.skipped, o.skipAt))
	}
	if o.lost > 0 {
		w = append(w, fmt.Sprintf("ogg: %d pages are missing by their numbers", o.lost))
	}
	if o.foreign > 0 {
		w = append(w, fmt.Sprintf("ogg: %d pages of other streams: ignored", o.foreign))
	}
	if o.cut != "" {
		w = append(w, "ogg: "+o.cut)
	}
	return w
}
