package audio

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/pion/opus"
)

// opusDecoder decodes bare packets with pion/opus.
type opusDecoder struct {
	dec      opus.Decoder
	rate     int
	channels int
	out      []float32 // room for one packet of 120 ms
}

// newOpusDecoder decodes to 1 or 2 channels at 8000, 12000, 16000, 24000 or 48000 samples per second.
func newOpusDecoder(rate, channels int) (*opusDecoder, error) {
	if !opusRate(rate) {
		return nil, fmt.Errorf("%w: codec opus: %d Hz, want 8000, 12000, 16000, 24000 or 48000", ErrUnsupported, rate)
	}
	dec, err := opus.NewDecoderWithOutput(rate, channels)
	if err != nil {
		return nil, fmt.Errorf("%w: codec opus: %d Hz, %d channels: %w", ErrUnsupported, rate, channels, err)
	}
	return &opusDecoder{dec: dec, rate: rate, channels: channels, out: make([]float32, maxOpus48/(48000/rate)*channels)}, nil
}

// opusRate tells whether the codec can be decoded at rate.
func opusRate(rate int) bool {
	switch rate {
	case 8000, 12000, 16000, 24000, 48000:
		return true
	}
	return false
}

func (d *opusDecoder) Rate() int { return d.rate }

// Decode appends the samples of one packet, interleaved.
func (d *opusDecoder) Decode(dst []float32, src []byte) ([]float32, error) {
	x, err := d.packet(src)
	return append(dst, x...), err
}

// packet decodes one packet into d.out. A panic inside the decoder becomes an error.
func (d *opusDecoder) packet(src []byte) (x []float32, err error) {
	want, err := opusDuration(src)
	if err != nil {
		return nil, err
	}
	defer func() {
		if p := recover(); p != nil {
			x, err = nil, fmt.Errorf("%w: opus: packet of %d bytes: decoder: %v", ErrFormat, len(src), p)
			// What the panic left behind is not to be trusted; a fresh state is.
			_ = d.dec.Init(d.rate, d.channels)
		}
	}()
	n, err := d.dec.DecodeToFloat32(src, d.out)
	if err != nil {
		return nil, fmt.Errorf("%w: opus: packet of %d bytes: %w", ErrFormat, len(src), err)
	}
	if n != want/(48000/d.rate) {
		return nil, fmt.Errorf("%w: opus: packet of %d bytes: decoded %d samples, want %d", ErrFormat, len(src), n, want/(48000/d.rate))
	}
	x = d.out[:n*d.channels]
	for i, v := range x {
		if !(math.Abs(float64(v)) <= opusMaxLevel) {
			x[i] = 0
		}
	}
	return x, nil
}

// opusMaxLevel is the magnitude up to which decoded samples are believed; noise packets can exceed it. With the largest gain it
// stays within maxFloat.
const opusMaxLevel = 256

// opusMaxGain is the output gain in 1/256 dB that is believed; the field reaches ±128 dB.
const opusMaxGain = 48 * 256

// opusMaxGap is the longest silence that stands for lost pages, 10 s; a granule position may claim centuries.
const opusMaxGap = 10 * 48000

// opusReader reads Ogg Opus (RFC 7845). Lost pages leave silence, so that what follows keeps its time.
type opusReader struct {
	ogg      *oggReader
	dec      *opusDecoder
	head     opusHead
	f        Format
	gain     float32
	page     oggPage
	next     int   // packet of page to decode next
	time     int64 // samples at 48 kHz decoded so far, pre-skip included
	first    bool  // the first page with audio is still to come
	start    int64 // granule position at which the audio began
	end      int64 // samples at 48 kHz at which it ends by its last page, -1 when not told
	x        []float32
	bad      int   // packets replaced by silence
	badErr   error // why the first of them was
	dropped  int   // packets without a usable duration
	lost     int64 // pages lost by the count of the Ogg layer when the last page was timed
	gap      int64 // samples of silence still to be given for lost pages
	filled   int64 // samples of silence given for lost pages
	warnings []string
	noEnd    bool // the input ended between pages, before the last one
	err      error
}

func (r *opusReader) Format() Format { return r.f }

func (r *opusReader) Truncated() bool { return r.noEnd || r.ogg.cut != "" }

func (r *opusReader) Warnings() []string {
	w := append(append([]string(nil), r.warnings...), r.ogg.warnings()...)
	if r.bad > 0 {
		w = append(w, fmt.Sprintf("opus: %d packets could not be decoded, silence in their place: first: %v", r.bad, r.badErr))
	}
	if r.filled > 0 {
		w = append(w, fmt.Sprintf("opus: %d ms lost with missing pages: silence in their place", r.filled/48))
	}
	if r.dropped > 0 {
		w = append(w, fmt.Sprintf("opus: %d packets without a duration: dropped", r.dropped))
	}
	return w
}

// newOpus reads the header packets.
func newOpus(in *input) (Reader, error) {
	r := &opusReader{ogg: newOggReader(in), end: -1}
	p, err := r.ogg.page()
	if err != nil {
		return nil, r.ended(err, "before the first page")
	}
	if p.flags&oggBegin == 0 || len(p.packets) == 0 {
		return nil, fmt.Errorf("%w: ogg: page at offset %d has no beginning of a stream, want OpusHead", ErrFormat, p.at)
	}
	if r.head, err = parseOpusHead(p.packets[0], p.at); err != nil {
		return nil, err
	}
	// 48 kHz whatever was recorded (RFC 7845 §5.1): below it the library's own resampler shifts speech by fractions of a sample
	// and is some 25 dB less exact than decoding at 48 kHz and resampling here.
	if r.dec, err = newOpusDecoder(48000, r.head.channels); err != nil {
		return nil, err
	}
	r.f = Format{Container: "ogg", Encoding: "opus", Rate: 48000, Channels: r.head.channels}
	r.begin()
	if err := r.tags(); err != nil {
		return nil, err
	}
	r.times()
	return r, nil
}

// begin sets what is counted from the start of a stream.
func (r *opusReader) begin() {
	r.gain = float32(math.Pow(10, float64(r.head.gain)/(20*256)))
	if r.head.gain > opusMaxGain || r.head.gain < -opusMaxGain {
		r.warnings = append(r.warnings, fmt.Sprintf("opus: output gain of %g dB, want -48 to 48: ignored", float64(r.head.gain)/256))
		r.gain = 1
	}
	r.time, r.start, r.end, r.first, r.gap = 0, 0, -1, true, 0
}

// tags passes over OpusTags, which may span pages and be longer than any packet that is kept.
func (r *opusReader) tags() error {
	for {
		p, err := r.ogg.page()
		if err != nil {
			return r.ended(err, "before OpusTags")
		}
		if len(p.packets) == 0 && p.tooLong == 0 {
			continue
		}
		if p.tooLong > 0 {
			r.page, r.next = p, 0
			return nil
		}
		if !hasPrefix(p.packets[0], "OpusTags") {
			return fmt.Errorf("%w: opus: second packet on the page at offset %d starts with %.8q, want OpusTags", ErrFormat, p.at, p.packets[0])
		}
		r.page, r.next = p, 1
		return nil
	}
}

// ended turns the end of input inside the headers into an error that says so.
func (r *opusReader) ended(err error, where string) error {
	if err != io.EOF {
		return err
	}
	if r.ogg.badCRC > 0 {
		return fmt.Errorf("%w: ogg: ends at offset %d %s, %d pages had a wrong checksum", ErrFormat, r.ogg.in.offset(), where, r.ogg.badCRC)
	}
	return fmt.Errorf("%w: ogg: ends at offset %d %s", ErrTruncated, r.ogg.in.offset(), where)
}

// Read gives what is left of the current packet, or decodes on.
func (r *opusReader) Read(dst [][]float32) (int, error) {
	n, err := dstRoom(dst, r.f.Channels)
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, r.err
	}
	for len(r.x) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		r.advance()
	}
	n = min(n, len(r.x)/r.f.Channels)
	for c := range dst {
		d := dst[c][:n]
		for i := range d {
			d[i] = r.x[i*r.f.Channels+c] * r.gain
		}
	}
	r.x = r.x[n*r.f.Channels:]
	return n, nil
}

// advance decodes the next packet into r.x, trimmed at both ends of the stream, or reads the next page, or sets r.err.
func (r *opusReader) advance() {
	if n := min(r.gap, maxOpus48); n > 0 {
		r.gap -= n
		r.filled += n
		x := r.dec.out[:int(n)*r.dec.channels]
		clear(x)
		r.give(x, n)
		return
	}
	if r.next >= len(r.page.packets) {
		r.turn()
		return
	}
	p := r.page.packets[r.next]
	r.next++
	length, err := opusDuration(p)
	if err != nil {
		r.dropped++
		return
	}
	x, err := r.dec.packet(p)
	if err != nil {
		if r.bad++; r.badErr == nil {
			r.badErr = err
		}
		x = r.dec.out[:length*r.dec.channels]
		clear(x)
	}
	r.give(x, int64(length))
}

// give puts length samples per channel at the current time, without what lies before the pre-skip or behind the end that the last
// page told.
func (r *opusReader) give(x []float32, length int64) {
	from, to := int64(r.head.preSkip)-r.time, length
	if r.end >= 0 {
		to = min(to, r.end-r.time)
	}
	r.time += length
	if from = max(from, 0); from < to {
		r.x = x[from*int64(r.dec.channels) : to*int64(r.dec.channels)]
	}
}

// turn reads the next page with audio and settles where the stream starts and ends.
func (r *opusReader) turn() {
	p, err := r.ogg.page()
	if err != nil {
		r.err = err
		if err == io.EOF && !r.ogg.ended && r.ogg.cut == "" {
			r.noEnd = true
			r.warnings = append(r.warnings, fmt.Sprintf("opus: no last page before the end at offset %d: truncated", r.ogg.in.offset()))
		}
		return
	}
	if p.flags&oggBegin != 0 {
		r.chain(p)
		return
	}
	r.page, r.next = p, 0
	r.dropped += p.tooLong
	r.times()
}

// times takes start and end of the audio from the granule position of the current page (RFC 7845 §4).
func (r *opusReader) times() {
	p := r.page
	if p.granule < 0 || p.granule > 1<<60 || r.next >= len(p.packets) && p.flags&oggEnd == 0 {
		return
	}
	at := p.granule // time of the page's first sample
	for _, b := range p.packets[r.next:] {
		if n, err := opusDuration(b); err == nil {
			at -= int64(n)
		}
	}
	switch {
	case r.first && p.flags&oggEnd == 0:
		// A recording cut out of a longer one starts later than 0.
		r.start = max(at-r.time, 0)
	case !r.first && r.ogg.lost > r.lost:
		r.gap = min(max(at-r.start-r.time, 0), opusMaxGap)
	}
	r.lost = r.ogg.lost
	r.first = false
	if p.flags&oggEnd != 0 {
		r.end = max(p.granule-r.start, 0)
	}
}

// chain goes on with the stream that begins on p, if it has the shape of the one before.
func (r *opusReader) chain(p oggPage) {
	if len(p.packets) == 0 {
		r.err = fmt.Errorf("%w: ogg: page at offset %d begins a stream without a packet", ErrFormat, p.at)
		return
	}
	h, err := parseOpusHead(p.packets[0], p.at)
	if err == nil && h.channels != r.head.channels {
		err = fmt.Errorf("%w: opus: chained stream at offset %d has %d channels, want %d", ErrFormat, p.at, h.channels, r.head.channels)
	}
	if err == nil {
		r.head = h
		r.begin()
		_ = r.dec.dec.Init(r.dec.rate, r.dec.channels)
		err = r.tags()
	}
	if errors.Is(err, ErrTruncated) {
		r.warnings = append(r.warnings, fmt.Sprintf("opus: chained stream at offset %d has no audio", p.at))
		err = io.EOF
	}
	r.err = err
	if err == nil {
		r.times()
	}
}
