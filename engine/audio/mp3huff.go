package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// mp3Tree decodes the words of one Huffman code by looking them up, 8 bits first and the rest, if any, in one more step.
type mp3Tree struct {
	words   []uint32 // length << 8 | value; or mp3Link | bits of the second step << 16 | where its words begin
	linbits int
}

const (
	mp3First = 8 // bits of the first step
	mp3Link  = 1 << 31
)

// newMP3Tree builds the tables of one code; no words for a code that does not exist.
func newMP3Tree(code int) mp3Tree {
	t := mp3Tree{linbits: mp3Linbits(code)}
	entries := mp3Codes(code)
	if entries == nil {
		return t
	}
	t.words = make([]uint32, 1<<mp3First)
	// Left-aligned in 32 bits, each word begins where the one before it ends. Words with the same first 8 bits are neighbours.
	for i, at := 0, uint64(0); i < len(entries); {
		bits := int(entries[i] >> 8)
		if bits <= mp3First {
			t.fill(int(at>>(32-mp3First)), mp3First-bits, entries[i])
			at += 1 << (32 - bits)
			i++
			continue
		}
		head, longest := at>>(32-mp3First), 0
		n, end := 0, at
		for ; i+n < len(entries) && end>>(32-mp3First) == head; n++ {
			bits := int(entries[i+n] >> 8)
			longest = max(longest, bits)
			end += 1 << (32 - bits)
		}
		rest := longest - mp3First
		base := len(t.words)
		t.words[head] = mp3Link | uint32(rest)<<16 | uint32(base)
		t.words = append(t.words, make([]uint32, 1<<rest)...)
		for ; n > 0; n-- {
			bits := int(entries[i] >> 8)
			t.fill(base+int(at>>(32-longest))&(1<<rest-1), longest-bits, entries[i])
			at += 1 << (32 - bits)
			i++
		}
	}
	return t
}

// fill enters a word that leaves free bits of its table open.
func (t *mp3Tree) fill(at, free int, entry uint16) {
	for i := range 1 << free {
		t.words[at+i] = uint32(entry)
	}
}

// mp3Powers is how many powers of 4/3 are kept; larger values are rare.
const mp3Powers = 1024

// mp3Spectrum turns Huffman coded bits into values |v|^(4/3) with their signs. It is built once for a stream.
type mp3Spectrum struct {
	trees  [32]mp3Tree
	quads  mp3Tree
	powers [mp3Powers]float32
}

func newMP3Spectrum() *mp3Spectrum {
	s := &mp3Spectrum{quads: newMP3Tree(32)}
	for i := range s.trees {
		if i > 16 && i != 24 { // the words of 16 and 24 with other linbits
			s.trees[i] = mp3Tree{words: s.trees[i&^7].words, linbits: mp3Linbits(i)}
			continue
		}
		s.trees[i] = newMP3Tree(i)
	}
	for i := range s.powers {
		s.powers[i] = float32(float64(i) * math.Cbrt(float64(i)))
	}
	return s
}

// power is v^(4/3).
func (s *mp3Spectrum) power(v uint64) float32 {
	if v < mp3Powers {
		return s.powers[v]
	}
	return float32(float64(v) * math.Cbrt(float64(v)))
}

var (
	errMP3Code  = errors.New("a Huffman code that does not exist")
	errMP3Spill = errors.New("spectrum longer than its part of the frame")
)

// read decodes the bits from p up to end of b into x and returns how many lines may differ from 0; those behind are 0. b must reach
// 8 bytes further than end. bounds are the lines where the three regions of big values end.
func (s *mp3Spectrum) read(x *[576]float32, b []byte, p, end int, g *mp3Granule, bounds [3]int) (int, error) {
	clear(x[:])
	i := 0
	for r, stop := range bounds {
		if i >= stop {
			continue
		}
		code := g.tables[r]
		if code == 0 { // all of it 0
			i = stop
			continue
		}
		t := &s.trees[code]
		if len(t.words) == 0 {
			return 0, fmt.Errorf("%w: %d", errMP3Code, code)
		}
		words, linbits := t.words, t.linbits
		for ; i < stop; i += 2 {
			// One load serves a pair: 19 bits of word, twice 13 linbits and a sign, of 57 bits at least.
			w := binary.BigEndian.Uint64(b[p>>3:]) << (p & 7)
			e := words[w>>(64-mp3First)]
			if e >= mp3Link {
				e = words[int(e&0xffff)+int(w<<mp3First>>(64-e>>16&31))]
			}
			n := int(e >> 8)
			w <<= n
			if v := uint64(e >> 4 & 15); v > 0 {
				if v == 15 && linbits > 0 {
					v += w >> (64 - linbits)
					w <<= linbits
					n += linbits
				}
				x[i] = mp3Signed(s.power(v), w)
				w <<= 1
				n++
			}
			if v := uint64(e & 15); v > 0 {
				if v == 15 && linbits > 0 {
					v += w >> (64 - linbits)
					w <<= linbits
					n += linbits
				}
				x[i+1] = mp3Signed(s.power(v), w)
				n++
			}
			if p += n; p > end {
				return 0, errMP3Spill
			}
		}
	}
	for ; p < end && i <= 572; i += 4 {
		w := binary.BigEndian.Uint64(b[p>>3:]) << (p & 7)
		v, n := uint32(w>>60)^15, 4 // code B is the inverted bits
		if g.quadsA {
			e := s.quads.words[w>>(64-mp3First)]
			v, n = e&15, int(e>>8)
		}
		w <<= n
		for j := range 4 {
			if v>>(3-j)&1 > 0 {
				x[i+j] = mp3Signed(1, w)
				w <<= 1
				n++
			}
		}
		if p += n; p > end { // what is left was stuffing
			clear(x[i : i+4])
			break
		}
	}
	return i, nil
}

// mp3Signed is v with the sign in the highest bit of w.
func mp3Signed(v float32, w uint64) float32 {
	return math.Float32frombits(math.Float32bits(v) ^ uint32(w>>32)&(1<<31))
}
