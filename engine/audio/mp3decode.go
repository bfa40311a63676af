package audio

import (
	"errors"
	"fmt"
)

// mp3Decoder decodes the frames of one stream of MPEG-1, MPEG-2 or MPEG-2.5 Layer III. It allocates nothing once it is made.
type mp3Decoder struct {
	bands    *mp3Bands
	spectrum *mp3Spectrum
	hybrid   *mp3Hybrid
	bank     *mp3Bank

	main [mp3Reservoir + mp3MaxMain + 8]byte // main data: of earlier frames, then of this one, then what a load may touch
	have int                                 // bytes of it
	side mp3Side
	x    [2][2][576]float32 // spectra by granule and channel
	sub  [18][32]float32    // subband samples of one granule
	ch   [2]mp3Channel
	pcm  [2][1152]float32 // the frame decoded last
}

// mp3Channel is what a channel carries from granule to granule.
type mp3Channel struct {
	overlap [32][18]float32
	active  int // subbands of overlap that may differ from 0
	past    mp3Past
}

const (
	mp3Reservoir = 511  // main_data_begin reaches no further back
	mp3MaxMain   = 1441 // 320 kbit/s at 32 kHz, padded; with header and side information
)

var (
	errMP3Missing = errors.New("refers to data that is missing or too long")
	errMP3Short   = errors.New("shorter than its side information")
)

func newMP3Decoder(h mp3Header) *mp3Decoder {
	return &mp3Decoder{bands: newMP3Bands(h), spectrum: newMP3Spectrum(), hybrid: newMP3Hybrid(), bank: newMP3Bank()}
}

// forget drops the data of earlier frames: the next frame does not follow the last one.
func (d *mp3Decoder) forget() { d.have = 0 }

// frame decodes b, a whole frame with its header h, into the first h.samples() samples of d.pcm. A frame that cannot be decoded
// becomes silence, into which the frame before it rings out, and gives errMP3Missing or another error. The version and the rate are
// those of the header that the decoder was made with; the number of channels may change.
func (d *mp3Decoder) frame(h mp3Header, b []byte) error {
	err := d.parse(h, b)
	if err != nil {
		for g := range d.side.granules {
			for c := range d.side.granules[g] {
				d.side.granules[g][c] = mp3Granule{}
			}
		}
	}
	for g := range h.granules() {
		for c := range h.channels {
			d.render(g, c)
		}
	}
	if h.channels == 1 {
		// A stream of two channels goes on in both.
		d.ch[1] = d.ch[0]
		d.pcm[1] = d.pcm[0]
	}
	return err
}

// parse brings the spectra of a frame into d.x. Whatever comes of it, its main data joins the reservoir.
func (d *mp3Decoder) parse(h mp3Header, b []byte) error {
	at := 4
	if h.crc {
		at += 2
	}
	if len(b) < at+h.sideSize() {
		return fmt.Errorf("%w: %d bytes, want at least %d", errMP3Short, len(b), at+h.sideSize())
	}
	side, main := b[at:at+h.sideSize()], b[at+h.sideSize():]
	before := min(d.have, mp3Reservoir)
	copy(d.main[:], d.main[d.have-before:d.have])
	d.have = before + copy(d.main[before:len(d.main)-8], main)

	if err := d.side.parse(h, side); err != nil {
		return err
	}
	bits := 0
	for g := range h.granules() {
		for c := range h.channels {
			bits += d.side.granules[g][c].bits
		}
	}
	begin := before - d.side.begin
	if begin < 0 || bits > 8*(d.have-begin) {
		return errMP3Missing
	}
	at = 8 * begin
	for g := range h.granules() {
		for c := range h.channels {
			if err := d.read(h, g, c, at); err != nil {
				return fmt.Errorf("granule %d, channel %d: %w", g, c, err)
			}
			at += d.side.granules[g][c].bits
		}
		mode := h.mode()
		for c := range h.channels {
			d.bands.amplify(&d.x[g][c], &d.side.granules[g][c], mode == 2)
		}
		if mode != 0 {
			d.bands.stereo(&d.x[g][0], &d.x[g][1], &d.side.granules[g][0], &d.side.granules[g][1], mode)
		}
	}
	return nil
}

// read reads scalefactors and spectrum of granule g, channel c, which begin at bit at of the main data.
func (d *mp3Decoder) read(h mp3Header, g, c, at int) error {
	gr := &d.side.granules[g][c]
	end := at + gr.bits
	r := mp3Bits{b: d.main[:], at: at}
	switch {
	case h.version != 1:
		gr.scaleMPEG2(&r, c == 1 && h.mode()&1 != 0)
	case g == 1:
		gr.scaleMPEG1(&r, &d.side.granules[0][c], d.side.scfsi[c])
	default:
		gr.scaleMPEG1(&r, nil, 0)
	}
	if r.at > end {
		return fmt.Errorf("scalefactors of %d bits in %d", r.at-at, gr.bits)
	}
	var err error
	gr.lines, err = d.spectrum.read(&d.x[g][c], d.main[:], r.at, end, gr, d.bands.regions(gr))
	return err
}

// render turns the spectrum of granule g, channel c, into samples.
func (d *mp3Decoder) render(g, c int) {
	gr, x, ch := &d.side.granules[g][c], &d.x[g][c], &d.ch[c]
	d.bands.reorder(x, gr)
	active := d.hybrid.run(&d.sub, x, &ch.overlap, &ch.active, gr)
	for t := range d.sub {
		clear(d.sub[t][active:])
		d.bank.step((*[32]float32)(d.pcm[c][576*g+32*t:]), &d.sub[t], &ch.past)
	}
}
