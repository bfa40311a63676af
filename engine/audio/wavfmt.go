package audio

import (
	"encoding/binary"
	"fmt"
)

// Format tags of the fmt chunk (RFC 2361 and the WAVEFORMATEX registry).
const (
	tagPCM        = 0x0001
	tagFloat      = 0x0003
	tagALaw       = 0x0006
	tagMuLaw      = 0x0007
	tagExtensible = 0xFFFE
)

// fmtChunk is what a fmt chunk said, checked.
type fmtChunk struct {
	Format
	bytes int // bytes per stored sample
	block int // bytes per sample of all channels
}

// subFormat is the part of an extensible GUID that follows the two bytes of the format tag
// (KSDATAFORMAT_SUBTYPE_WAVEFORMATEX).
const subFormat = "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"

// parseFmt reads the body of a fmt chunk: b is its first 40 bytes or fewer. warn receives what is odd but harmless.
func parseFmt(b []byte, container string, warn func(string, ...any)) (fmtChunk, error) {
	if len(b) < 16 {
		return fmtChunk{}, fmt.Errorf("%w: wav: fmt chunk: %d bytes, want at least 16", ErrFormat, len(b))
	}
	tag := int(binary.LittleEndian.Uint16(b))
	channels := int(binary.LittleEndian.Uint16(b[2:]))
	rate := binary.LittleEndian.Uint32(b[4:])
	byteRate := binary.LittleEndian.Uint32(b[8:])
	block := int(binary.LittleEndian.Uint16(b[12:]))
	bits := int(binary.LittleEndian.Uint16(b[14:]))
	if err := checkShape("wav: fmt chunk", channels, int(rate)); err != nil {
		return fmtChunk{}, err
	}
	if tag == tagExtensible {
		if len(b) < 40 {
			return fmtChunk{}, fmt.Errorf("%w: wav: fmt chunk: %d bytes, want 40 for WAVE_FORMAT_EXTENSIBLE", ErrFormat, len(b))
		}
		if string(b[26:40]) != subFormat {
			return fmtChunk{}, fmt.Errorf("%w: wav: fmt chunk: subformat % x, want PCM, float, A-law or mu-law", ErrUnsupported, b[24:40])
		}
		tag = int(binary.LittleEndian.Uint16(b[24:]))
		// Valid bits below the container size are left-justified, so the container's scale is right for them too.
		if valid := int(binary.LittleEndian.Uint16(b[18:])); valid > bits {
			warn("fmt chunk: %d valid bits in samples of %d bits: ignored", valid, bits)
		}
	}
	encoding, err := wavEncoding(tag, bits)
	if err != nil {
		return fmtChunk{}, err
	}
	f := fmtChunk{
		Format: Format{Container: container, Encoding: encoding, Rate: int(rate), Channels: channels, Bits: bits},
		bytes:  bits / 8,
		block:  channels * bits / 8,
	}
	switch block {
	case f.block:
	case 0:
		warn("fmt chunk: block align 0: took %d (%d channels of %d bits)", f.block, channels, bits)
	default:
		// Which of the three fields lies cannot be known, and the wrong guess analyses noise as a call.
		return fmtChunk{}, fmt.Errorf("%w: wav: fmt chunk: block align %d, want %d (%d channels of %d bits)", ErrFormat, block, f.block, channels, bits)
	}
	if want := rate * uint32(f.block); byteRate != want {
		warn("fmt chunk: %d bytes per second, want %d: ignored", byteRate, want)
	}
	return f, nil
}

// wavEncoding names the encoding of a format tag with samples of so many bits.
func wavEncoding(tag, bits int) (string, error) {
	sizes := func(name, want string) error {
		return fmt.Errorf("%w: wav: fmt chunk: %d bits per sample of %s, want %s", ErrUnsupported, bits, name, want)
	}
	switch tag {
	case tagPCM:
		switch bits {
		case 8:
			return "pcm_u8", nil
		case 16, 24, 32:
			return fmt.Sprintf("pcm_s%dle", bits), nil
		}
		return "", sizes("PCM", "8, 16, 24 or 32")
	case tagFloat:
		switch bits {
		case 32, 64:
			return fmt.Sprintf("pcm_f%dle", bits), nil
		}
		return "", sizes("IEEE float", "32 or 64")
	case tagALaw, tagMuLaw:
		if bits != 8 {
			return "", sizes(tagName(tag), "8")
		}
		if tag == tagALaw {
			return "alaw", nil
		}
		return "mulaw", nil
	}
	return "", fmt.Errorf("%w: wav: fmt chunk: format tag 0x%04x (%s), want PCM, float, A-law or mu-law", ErrUnsupported, tag, tagName(tag))
}

// tagName names the format tags that contact-center recorders are known to write.
func tagName(tag int) string {
	switch tag {
	case 0x0000:
		return "unknown by its own word"
	case 0x0002:
		return "Microsoft ADPCM"
	case tagALaw:
		return "A-law"
	case tagMuLaw:
		return "mu-law"
	case 0x0010:
		return "OKI ADPCM"
	case 0x0011:
		return "IMA ADPCM"
	case 0x0014, 0x0111:
		return "G.723.1"
	case 0x0017:
		return "Dialogic ADPCM"
	case 0x0022:
		return "TrueSpeech"
	case 0x0031:
		return "GSM 6.10"
	case 0x0040, 0x0064:
		return "G.726 or G.721 ADPCM"
	case 0x0050:
		return "MPEG audio layer I or II"
	case 0x0055:
		return "MP3"
	case 0x0065, 0x028F:
		return "G.722"
	case 0x0083, 0x0133:
		return "G.729"
	case 0x00FF:
		return "AAC"
	case 0x0160, 0x0161, 0x0162:
		return "Windows Media Audio"
	case 0xA109:
		return "Speex"
	case tagExtensible:
		return "extensible within extensible"
	}
	return "not known here"
}
