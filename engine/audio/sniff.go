package audio

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"
)

// headBytes is how much of the start is looked at to recognise content.
const headBytes = 4096

const wanted = "want WAV, RF64, FLAC, MP3 or Ogg Opus"

// NewReader recognises the content of r and returns the reader for it: WAV, RF64, FLAC, MP3 or Ogg Opus. Names and extensions
// play no part. Errors: ErrFormat for anything else, naming what the content looks like where that is known; ErrTruncated when r
// ends inside the header; ErrUnsupported and ErrLimit for headers that are understood but refused.
//
// The reader takes what it needs from r in blocks and may read past the end of the audio. It is not safe for concurrent use and
// needs no closing.
func NewReader(r io.Reader) (Reader, error) {
	in := newInput(r, headBytes)
	// A live source may have sent no more than a header yet, so ask for as little as decides.
	head, err := in.Peek(12)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("audio: offset 0: %w", err)
	}
	switch {
	case len(head) == 0:
		return nil, fmt.Errorf("%w: 0 bytes, %s", ErrTruncated, wanted)
	case hasPrefix(head, "RIFF"), hasPrefix(head, "RF64"), hasPrefix(head, "BW64"):
		return newWAV(in)
	case hasPrefix(head, "fLaC"):
		return newFLAC(in)
	case hasPrefix(head, "OggS"):
		return newOpus(in)
	}
	if head, err = in.Peek(headBytes); err != nil && err != io.EOF {
		return nil, fmt.Errorf("audio: offset 0: %w", err)
	}
	if hasPrefix(head, "ID3") || looksLikeMP3(head) {
		return newMP3(in)
	}
	if kind := recognise(head); kind != "" {
		return nil, fmt.Errorf("%w: looks like %s, %s", ErrFormat, kind, wanted)
	}
	return nil, fmt.Errorf("%w: starts with % x, %s", ErrFormat, head[:min(len(head), 8)], wanted)
}

func hasPrefix(b []byte, s string) bool {
	return len(b) >= len(s) && string(b[:len(s)]) == s
}

// magics is content that people hand in by mistake, by its first bytes.
func magics() []struct{ prefix, kind string } {
	return []struct{ prefix, kind string }{
		{"RIFX", "big-endian WAV (RIFX)"},
		{"riff\x2e\x91\xcf\x11", "Sony Wave64"},
		{"FORM", "AIFF"},
		{".snd", "Sun/NeXT .au audio"},
		{"caff", "Apple Core Audio (CAF)"},
		{"\x1aE\xdf\xa3", "Matroska or WebM"},
		{"#!AMR-WB\n", "AMR-WB speech"},
		{"#!AMR\n", "AMR speech"},
		{"#!SILK_V3", "raw SILK speech"},
		{"FLV\x01", "Flash video"},
		{"0&\xb2u\x8ef\xcf\x11", "Windows Media (ASF)"},
		{"MAC ", "Monkey's Audio"},
		{"wvpk", "WavPack"},
		{"PK\x03\x04", "a zip archive"},
		{"\x1f\x8b", "gzip data"},
		{"BZh", "bzip2 data"},
		{"\xfd7zXZ\x00", "xz data"},
		{"7z\xbc\xaf\x27\x1c", "a 7z archive"},
		{"%PDF", "a PDF document"},
		{"\x89PNG", "a PNG image"},
		{"\xff\xd8\xff", "a JPEG image"},
		{"GIF8", "a GIF image"},
		{"\x7fELF", "a program (ELF)"},
		{"MZ", "a program (Windows)"},
		{"\xff\xfe", "UTF-16 text"},
		{"\xfe\xff", "UTF-16 text"},
		{"SQLite format 3", "an SQLite database"},
		{"ID3", "an ID3 tag"},
	}
}

// recognise names content that is not read here, "" when it is unknown.
func recognise(head []byte) string {
	for _, m := range magics() {
		if hasPrefix(head, m.prefix) {
			return m.kind
		}
	}
	// ISO base media: a box length, then its type.
	if len(head) >= 12 && string(head[4:8]) == "ftyp" {
		return fmt.Sprintf("MP4 or QuickTime (brand %.4q)", head[8:12])
	}
	// ADTS: twelve bits of sync and layer 0 (ISO/IEC 13818-7).
	if len(head) >= 2 && head[0] == 0xff && head[1]&0xf6 == 0xf0 {
		return "AAC (ADTS)"
	}
	if h, ok := parseMP3Header(head); ok && h.layer != 3 {
		return fmt.Sprintf("MPEG audio layer %d", h.layer)
	}
	// MPEG transport stream: a sync byte every 188 bytes.
	if len(head) > 188 && head[0] == 0x47 && head[188] == 0x47 {
		return "an MPEG transport stream"
	}
	if allByte(head, 0) {
		return fmt.Sprintf("zero bytes only (%d looked at)", len(head))
	}
	return recogniseText(head)
}

// recogniseText names HTML, XML, JSON and plain text, "" for binary content.
func recogniseText(head []byte) string {
	// The cut at the end of head may split a rune; up to three bytes of it are forgiven.
	text := head
	for i := 0; i < 3 && len(text) > 0 && !utf8.Valid(text); i++ {
		text = text[:len(text)-1]
	}
	if len(text) == 0 || !utf8.Valid(text) {
		return ""
	}
	for _, b := range text {
		if b < 0x20 && b != '\t' && b != '\n' && b != '\r' && b != '\f' && b != 0x1b {
			return ""
		}
	}
	t := bytes.TrimLeft(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), " \t\r\n")
	low := bytes.ToLower(t[:min(len(t), 64)])
	switch {
	case hasPrefix(low, "<!doctype html"), hasPrefix(low, "<html"):
		return "an HTML page"
	case hasPrefix(low, "<?xml"), hasPrefix(low, "<!doctype"):
		return "XML"
	case hasPrefix(low, "{"), hasPrefix(low, "["):
		return "JSON or other text"
	}
	line, _, _ := bytes.Cut(t, []byte("\n"))
	return fmt.Sprintf("text (%.24q)", bytes.TrimSpace(line))
}

func allByte(b []byte, v byte) bool {
	for _, x := range b {
		if x != v {
			return false
		}
	}
	return len(b) > 0
}

// looksLikeMP3 tells whether head starts with a Layer III frame: one header, and a second that agrees with it where the first
// ends, so that two chance bytes of 0xFF do not make an MP3 of noise. A stream that ends before the second header is taken at
// the first one's word.
func looksLikeMP3(head []byte) bool {
	h, ok := parseMP3Header(head)
	if !ok || h.layer != 3 {
		return false
	}
	if h.size == 0 { // free format has no length to follow; the reader refuses it with its own message
		return true
	}
	if len(head) < h.size+4 {
		return true
	}
	h2, ok := parseMP3Header(head[h.size:])
	return ok && h2.sameStream(h)
}
