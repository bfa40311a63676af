package audio

import (
	"encoding/binary"
	"fmt"
	"math"
)

// WAVHeader returns the beginning of a WAV file of so many sample frames (RIFF, Multimedia Programming Interface 1.0, 1991): what
// follows it is the channels' samples, interleaved, as Encode writes them, and one zero byte where their number of bytes is odd.
// It is for files that are too long to be held in memory, whose length is known. ErrUnsupported for an encoding other than
// pcm_s16le, mulaw and alaw; ErrLimit for more than MaxChannels, a rate outside MinRate to MaxRate, or more than the 4 GiB that
// the format has room for.
func WAVHeader(encoding string, rate, channels int, frames int64) ([]byte, error) {
	tag, width := tagPCM, 2
	switch encoding {
	case "pcm_s16le":
	case "mulaw":
		tag, width = tagMuLaw, 1
	case "alaw":
		tag, width = tagALaw, 1
	default:
		return nil, fmt.Errorf("%w: wav: write encoding %q, want pcm_s16le, mulaw or alaw", ErrUnsupported, encoding)
	}
	if err := checkShape("wav: write", channels, rate); err != nil {
		return nil, err
	}
	block := int64(channels * width)
	const around = 64 // more than the rest of the file
	if most := (math.MaxUint32 - around) / block; frames < 0 || frames > most {
		return nil, fmt.Errorf("%w: wav: write: %d frames, want 0 to %d", ErrLimit, frames, most)
	}
	u16, u32 := binary.LittleEndian.AppendUint16, binary.LittleEndian.AppendUint32
	format := u16(nil, uint16(tag))
	format = u16(format, uint16(channels))
	format = u32(format, uint32(rate))
	format = u32(format, uint32(int64(rate)*block))
	format = u16(format, uint16(block))
	format = u16(format, uint16(8*width))
	if tag != tagPCM { // which alone goes without an extension and a fact
		format = u16(format, 0)
	}
	body := append([]byte("WAVEfmt "), u32(nil, uint32(len(format)))...)
	body = append(body, format...)
	if tag != tagPCM {
		body = u32(u32(append(body, "fact"...), 4), uint32(frames))
	}
	data := frames * block
	body = u32(append(body, "data"...), uint32(data))
	return append(u32([]byte("RIFF"), uint32(int64(len(body))+data+data%2)), body...), nil
}
