package main

import "math"

// envelope is the course of the level of each channel, kept small however long the call is: it starts with short buckets and
// joins them in pairs whenever there are too many. It works without knowing the sampling rate or the length in advance.
// Not safe for concurrent use.
type envelope struct {
	channels []levelTrack
}

const (
	firstBucket = 64   // samples
	maxBuckets  = 8192 // per channel; even
)

// levelTrack is one channel of an envelope.
type levelTrack struct {
	bucket  int // samples in a whole bucket
	samples int64
	peak    []float32 // largest absolute value of each bucket
	power   []float64 // sum of squares of each bucket
}

// add appends x to a channel. Channels that no timeline draws are ignored. It does not keep x.
func (e *envelope) add(channel int, x []float32) {
	if channel < 0 || channel >= maxLanes {
		return
	}
	for len(e.channels) <= channel {
		e.channels = append(e.channels, levelTrack{bucket: firstBucket})
	}
	e.channels[channel].add(x)
}

func (t *levelTrack) add(x []float32) {
	for _, v := range x {
		i := int(t.samples / int64(t.bucket))
		if i == maxBuckets {
			t.halve()
			i /= 2
		}
		if i == len(t.peak) {
			t.peak, t.power = append(t.peak, 0), append(t.power, 0)
		}
		t.samples++
		if v != v || v > 4 || v < -4 { // NaN, or a float file far outside the scale, would flatten all the rest
			continue
		}
		t.peak[i] = max(t.peak[i], v, -v)
		t.power[i] += float64(v) * float64(v)
	}
}

func (t *levelTrack) halve() {
	for i := 0; i < len(t.peak)/2; i++ {
		t.peak[i] = max(t.peak[2*i], t.peak[2*i+1])
		t.power[i] = t.power[2*i] + t.power[2*i+1]
	}
	t.peak, t.power = t.peak[:len(t.peak)/2], t.power[:len(t.power)/2]
	t.bucket *= 2
}

// columns returns the peak and the RMS level of n equal parts of the span samples long from the start; 0 where there is no audio.
func (t *levelTrack) columns(n int, span int64) (peak, rms []float64) {
	peak, rms = make([]float64, n), make([]float64, n)
	if span <= 0 {
		return peak, rms
	}
	for i := range n {
		first := int64(i) * span / int64(n) / int64(t.bucket)
		last := ((int64(i)+1)*span/int64(n) - 1) / int64(t.bucket)
		var power float64
		var samples int64
		for j := first; j <= last && j < int64(len(t.peak)); j++ {
			peak[i] = max(peak[i], float64(t.peak[j]))
			power += t.power[j]
			samples += min(int64(t.bucket), t.samples-j*int64(t.bucket))
		}
		if samples > 0 {
			rms[i] = math.Sqrt(power / float64(samples))
		}
	}
	return peak, rms
}
