package audio

import "math/bits"

// g711 is one law of ITU-T G.711 (11/88) as tables: decode in [-1, 1), encode from 16-bit linear.
//
// The standard's 14-bit (mu-law) and 13-bit (A-law) values are scaled to 16 bits as everyone does, so that both laws share one
// full scale of 32768: mu-law reaches ±32124, A-law ±32256.
type g711 struct {
	decode [256]float32
	encode func(v int) byte
}

// newG711 builds the tables of "alaw" or "mulaw".
func newG711(law string) *g711 {
	g := &g711{encode: muLawEncode}
	linear := muLawLinear
	if law == "alaw" {
		g.encode, linear = aLawEncode, aLawLinear
	}
	for c := range g.decode {
		g.decode[c] = float32(linear(byte(c))) / 32768
	}
	return g
}

// Code layout of both laws: sign, three bits of segment, four bits of step within the segment. Segments double their step.
const (
	muLawBias = 132   // 33 of the standard in 16-bit units: shifts segment borders to powers of two
	muLawClip = 32635 // largest magnitude that the bias does not push out of the top segment
)

// muLawLinear decodes one mu-law code to 16 bits. All bits of a code are inverted on the line.
func muLawLinear(c byte) int {
	c = ^c
	v := (int(c&0x0f)<<3+muLawBias)<<(c>>4&7) - muLawBias
	if c&0x80 != 0 {
		return -v
	}
	return v
}

// muLawEncode returns the code of v by the decision values of the standard, with v clipped to its range. Zero is the positive zero 0xFF.
func muLawEncode(v int) byte {
	sign := byte(0)
	if v < 0 {
		v, sign = -v, 0x80
	}
	v = min(v, muLawClip) + muLawBias
	seg := bits.Len(uint(v>>7)) - 1
	return ^(sign | byte(seg)<<4 | byte(v>>(seg+3))&0x0f)
}

// aLawLinear decodes one A-law code to 16 bits. Even bits are inverted on the line.
func aLawLinear(c byte) int {
	c ^= 0x55
	v := int(c&0x0f)<<4 + 8
	if seg := c >> 4 & 7; seg > 0 {
		v = (v + 0x100) << (seg - 1)
	}
	if c&0x80 == 0 {
		return -v
	}
	return v
}

// aLawEncode returns the code of v by the decision values of the standard, with v clipped to its range.
func aLawEncode(v int) byte {
	sign := byte(0x80)
	if v < 0 {
		// One's complement, so that the step from -16 to -1 mirrors that from 0 to 15.
		v, sign = -v-1, 0
	}
	v = min(v, 32767)
	seg := bits.Len(uint(v >> 8))
	return (sign | byte(seg)<<4 | byte(v>>(max(seg, 1)+3))&0x0f) ^ 0x55
}
