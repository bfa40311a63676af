package audio

import (
	"errors"
	"fmt"
)

// mp3Bits reads numbers out of bytes, the highest bit first. Reading past the end gives zeros.
type mp3Bits struct {
	b  []byte
	at int // in bits
}

func (r *mp3Bits) read(n int) int {
	v := 0
	for range n {
		v <<= 1
		if i := r.at >> 3; i < len(r.b) {
			v |= int(r.b[i]>>(7-r.at&7)) & 1
		}
		r.at++
	}
	return v
}

func (r *mp3Bits) flag() bool { return r.read(1) == 1 }

// mp3Granule is the side information of one channel of a granule (576 samples), and the scalefactors that come with its data.
type mp3Granule struct {
	bits       int // part2_3_length: scalefactors and spectrum
	pairs      int // big_values
	gain       int // global_gain
	compress   int // scalefac_compress
	block      int // block_type: 0 long, 1 start, 2 short, 3 stop
	mixed      bool
	tables     [3]int
	sub        [3]int // subblock_gain
	region0    int    // scalefactor bands of the first region, less 1
	region1    int
	preflag    bool
	shift      int // a step of a scalefactor is 2^(-shift/4) in amplitude
	quadsA     bool
	scale      [39]uint8 // scalefactors: long bands, then three windows of each short band; 0 for the last band, which has none
	noPosition uint64    // bit i: scale[i] is no intensity position (MPEG-2)
	lines      int       // lines of the spectrum that may differ from 0
}

// mp3Side is the side information of a frame.
type mp3Side struct {
	begin    int // main_data_begin, bytes
	scfsi    [2]int
	granules [2][2]mp3Granule // by granule and channel
}

var errMP3Side = errors.New("side information")

// parse reads b, which has h.sideSize() bytes. The scalefactors stay as they are.
func (s *mp3Side) parse(h mp3Header, b []byte) error {
	r := mp3Bits{b: b}
	s.begin = r.read(h.reservoirBits())
	switch {
	case h.version == 1 && h.channels == 1:
		r.read(5) // private
	case h.version == 1:
		r.read(3)
	default:
		r.read(h.channels)
	}
	s.scfsi = [2]int{}
	if h.version == 1 {
		for c := range h.channels {
			s.scfsi[c] = r.read(4)
		}
	}
	for g := range h.granules() {
		for c := range h.channels {
			if err := s.granules[g][c].parse(&r, h.version == 1); err != nil {
				return fmt.Errorf("%w: granule %d, channel %d: %w", errMP3Side, g, c, err)
			}
		}
	}
	return nil
}

func (g *mp3Granule) parse(r *mp3Bits, mpeg1 bool) error {
	scale := g.scale
	*g = mp3Granule{scale: scale, bits: r.read(12), pairs: r.read(9), gain: r.read(8)}
	g.compress = r.read(4)
	if !mpeg1 {
		g.compress = g.compress<<5 | r.read(5)
	}
	if r.flag() {
		if g.block = r.read(2); g.block == 0 {
			return errors.New("block type 0 with window switching")
		}
		g.mixed = r.flag()
		g.tables = [3]int{r.read(5), r.read(5)}
		for i := range g.sub {
			g.sub[i] = r.read(3)
		}
	} else {
		g.tables = [3]int{r.read(5), r.read(5), r.read(5)}
		g.region0, g.region1 = r.read(4), r.read(3)
	}
	g.preflag = mpeg1 && r.flag()
	g.shift = 2 + 2*r.read(1)
	g.quadsA = !r.flag()
	if g.pairs > 288 {
		return fmt.Errorf("%d pairs of big values, want at most 288", g.pairs)
	}
	return nil
}

// switched tells whether the granule's blocks are other than long.
func (g *mp3Granule) switched() bool { return g.block != 0 }

// layout is how the bands lie: how many long ones come first, and with which short one the short ones begin.
func (g *mp3Granule) layout(mpeg1 bool) (longs, firstShort int) {
	switch {
	case g.block != 2:
		return 22, 13
	case !g.mixed:
		return 0, 0
	case mpeg1:
		return 8, 3
	}
	return 6, 3
}

// scaleMPEG1 reads the scalefactors of MPEG-1. reuse are those of the granule before, where scfsi says so.
func (g *mp3Granule) scaleMPEG1(r *mp3Bits, reuse *mp3Granule, scfsi int) {
	lower, upper := mp3Slen(g.compress)
	if g.block == 2 {
		n := 18
		if g.mixed {
			n = 17 // 8 long, 3 windows of 3 short
		}
		g.readScale(r, 0, n, lower)
		g.readScale(r, n, n+18, upper)
		clear(g.scale[n+18:])
		return
	}
	for i, edge := 0, [5]int{0, 6, 11, 16, 21}; i < 4; i++ {
		from, to, n := edge[i], edge[i+1], lower
		if i >= 2 {
			n = upper
		}
		if reuse != nil && scfsi>>(3-i)&1 == 1 {
			copy(g.scale[from:to], reuse.scale[from:to])
			continue
		}
		g.readScale(r, from, to, n)
	}
	clear(g.scale[21:])
}

// scaleMPEG2 reads the scalefactors of MPEG-2 and MPEG-2.5. right tells that the channel is the right one of an intensity pair.
func (g *mp3Granule) scaleMPEG2(r *mp3Bits, right bool) {
	slen, row := mp3LSFSlen(g.compress, right)
	blocks := 0
	if g.block == 2 {
		blocks = 1
		if g.mixed {
			blocks = 2
		}
	}
	g.preflag = row == 2
	at := 0
	for i, count := range mp3LSFGroups(row, blocks) {
		to := at + int(count)
		g.readScale(r, at, to, slen[i])
		if none := uint8(1)<<slen[i] - 1; right && none > 0 { // the highest value is no position
			for k := at; k < to; k++ {
				if g.scale[k] == none {
					g.noPosition |= 1 << k
				}
			}
		}
		at = to
	}
	clear(g.scale[at:])
}

func (g *mp3Granule) readScale(r *mp3Bits, from, to, bits int) {
	for i := from; i < to; i++ {
		g.scale[i] = uint8(r.read(bits))
	}
}
