package audio

import (
	"encoding/binary"
	"fmt"
	"math"
)

// decode turns n samples of all channels in raw into float32. The scale is that of the container: 16-bit -32768 becomes -1.
func (w *wavReader) decode(dst [][]float32, raw []byte, n int) {
	for c := range dst {
		d, src := dst[c][:n], raw[c*w.fmt.bytes:]
		switch w.fmt.Encoding {
		case "pcm_u8":
			fromU8(d, src, w.fmt.block)
		case "pcm_s16le":
			fromS16(d, src, w.fmt.block)
		case "pcm_s24le":
			fromS24(d, src, w.fmt.block)
		case "pcm_s32le":
			fromS32(d, src, w.fmt.block)
		case "pcm_f32le":
			fromF32(d, src, w.fmt.block, &w.repair)
		case "pcm_f64le":
			fromF64(d, src, w.fmt.block, &w.repair)
		default: // alaw, mulaw: parseFmt lets nothing else through
			for i := range d {
				d[i] = w.tables.decode[src[i*w.fmt.block]]
			}
		}
	}
}

// The from functions read one channel: the sample at src[0] and every stride bytes after it.

func fromU8(d []float32, src []byte, stride int) {
	for i := range d {
		d[i] = float32(int(src[i*stride])-128) / 128
	}
}

func fromS16(d []float32, src []byte, stride int) {
	const scale = 1.0 / 32768
	if stride == 2 { // one channel: no gaps, and the compiler drops the bounds checks
		src = src[:2*len(d)]
		for i := range d {
			d[i] = float32(int16(binary.LittleEndian.Uint16(src[2*i:2*i+2]))) * scale
		}
		return
	}
	for i := range d {
		d[i] = float32(int16(binary.LittleEndian.Uint16(src[i*stride:]))) * scale
	}
}

func fromS24(d []float32, src []byte, stride int) {
	for i := range d {
		b := src[i*stride:]
		// Shifted to the top of 32 bits, so that the sign comes along.
		v := int32(uint32(b[0])<<8 | uint32(b[1])<<16 | uint32(b[2])<<24)
		d[i] = float32(v) * (1.0 / (1 << 31))
	}
}

func fromS32(d []float32, src []byte, stride int) {
	for i := range d {
		d[i] = float32(int32(binary.LittleEndian.Uint32(src[i*stride:]))) * (1.0 / (1 << 31))
	}
}

func fromF32(d []float32, src []byte, stride int, rep *floatRepair) {
	for i := range d {
		v := math.Float32frombits(binary.LittleEndian.Uint32(src[i*stride:]))
		if !(v >= -1 && v <= 1) {
			v = rep.check(float64(v))
		}
		d[i] = v
	}
}

func fromF64(d []float32, src []byte, stride int, rep *floatRepair) {
	for i := range d {
		d[i] = rep.check(math.Float64frombits(binary.LittleEndian.Uint64(src[i*stride:])))
	}
}

// maxFloat is the magnitude up to which float samples are believed. It lets through files whose floats hold 16-bit integers
// and stops values whose square would overflow a float32 sum.
const maxFloat = 65536

// floatRepair watches the samples of float files, which may hold anything.
type floatRepair struct {
	bad  int64   // NaN, Inf or beyond maxFloat: set to 0
	over int64   // beyond ±1: kept
	peak float64 // largest magnitude kept
}

// check returns v, or 0 in its place when it is no sample.
func (r *floatRepair) check(v float64) float32 {
	m := math.Abs(v)
	if m <= 1 {
		return float32(v)
	}
	if !(m <= maxFloat) {
		r.bad++
		return 0
	}
	r.over++
	r.peak = max(r.peak, m)
	return float32(v)
}

func (r *floatRepair) warnings() []string {
	var w []string
	if r.bad > 0 {
		w = append(w, fmt.Sprintf("wav: %d float samples are NaN, infinite or beyond ±%d: set to 0", r.bad, maxFloat))
	}
	if r.over > 0 {
		w = append(w, fmt.Sprintf("wav: %d float samples are beyond ±1, peak %.6g: kept", r.over, r.peak))
	}
	return w
}
