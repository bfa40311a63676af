package audio

import "fmt"

// maxOpus48 is the longest packet, 120 ms, in samples at 48 kHz (RFC 6716 §3.2.5, R5).
const maxOpus48 = 5760

// opusDuration returns the samples at 48 kHz that a packet stands for, by its first two bytes alone (RFC 6716 §3.1, §3.2).
func opusDuration(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, fmt.Errorf("%w: opus: packet of 0 bytes, want at least 1", ErrFormat)
	}
	config, count := int(p[0]>>3), 1
	var per int
	switch {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		per = [4]int{480, 960, 1920, 2880}[config&3]
	case config < 16: // hybrid: 10, 20 ms
		per = [2]int{480, 960}[config&1]
	default: // CELT: 2.5, 5, 10, 20 ms
		per = [4]int{120, 240, 480, 960}[config&3]
	}
	switch p[0] & 3 {
	case 1, 2:
		count = 2
	case 3:
		if len(p) < 2 {
			return 0, fmt.Errorf("%w: opus: packet of 1 byte, want a frame count", ErrFormat)
		}
		count = int(p[1] & 0x3f)
	}
	if count == 0 || count*per > maxOpus48 {
		return 0, fmt.Errorf("%w: opus: packet of %d frames of %g ms, want 1 frame to 120 ms", ErrFormat, count, float64(per)/48)
	}
	return count * per, nil
}

// opusHead is the identification header (RFC 7845 §5.1).
type opusHead struct {
	channels int
	preSkip  int // samples at 48 kHz
	gain     int // 1/256 dB
}

// parseOpusHead reads the first packet; at is the offset of its page.
func parseOpusHead(b []byte, at int64) (opusHead, error) {
	if !hasPrefix(b, "OpusHead") {
		return opusHead{}, fmt.Errorf("%w: ogg: first packet at offset %d looks like %s, want Opus", ErrUnsupported, at, oggKind(b))
	}
	if len(b) < 19 {
		return opusHead{}, fmt.Errorf("%w: opus: OpusHead at offset %d: %d bytes, want at least 19", ErrFormat, at, len(b))
	}
	h := opusHead{
		channels: int(b[9]),
		preSkip:  int(b[10]) | int(b[11])<<8,
		gain:     int(int16(uint16(b[16]) | uint16(b[17])<<8)),
	}
	if b[8]>>4 != 0 {
		return opusHead{}, fmt.Errorf("%w: opus: OpusHead at offset %d: version %d, want 0 to 15", ErrUnsupported, at, b[8])
	}
	if h.channels == 0 {
		return opusHead{}, fmt.Errorf("%w: opus: OpusHead at offset %d: 0 channels, want 1 or 2", ErrFormat, at)
	}
	// Another mapping family may still describe one plain stream.
	family := b[18]
	plain := family == 0 || family != 0 && len(b) >= 21+h.channels && b[19] == 1 && int(b[20]) == h.channels-1
	if h.channels > 2 || !plain {
		return opusHead{}, fmt.Errorf("%w: opus: OpusHead at offset %d: %d channels in mapping family %d, want 1 or 2 in one stream", ErrUnsupported, at, h.channels, family)
	}
	return h, nil
}

// oggKind names the codec of a first Ogg packet.
func oggKind(b []byte) string {
	switch {
	case hasPrefix(b, "\x01vorbis"):
		return "Ogg Vorbis"
	case hasPrefix(b, "\x7fFLAC"):
		return "Ogg FLAC"
	case hasPrefix(b, "Speex   "):
		return "Ogg Speex"
	case hasPrefix(b, "\x80theora"):
		return "Ogg Theora video"
	case hasPrefix(b, "fishead"):
		return "Ogg Skeleton with several streams"
	case hasPrefix(b, "PCM     "):
		return "Ogg PCM"
	}
	return fmt.Sprintf("%.8q", b)
}
