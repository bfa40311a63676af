package audio

import "fmt"

// Split deals interleaved samples x to the channels: dst[c] receives x[c], x[C+c], ... appended, with C = len(dst).
// It returns dst, whose slices may have moved. x holds whole frames; ErrChannels otherwise, with dst unchanged.
//
// Which channel is the agent and which the customer is a fact of the call and is not decided here.
func Split(dst [][]float32, x []float32) ([][]float32, error) {
	if len(dst) == 0 || len(x)%len(dst) != 0 {
		return dst, fmt.Errorf("%w: %d interleaved samples, want a multiple of %d channels", ErrChannels, len(x), len(dst))
	}
	for c := range dst {
		d := dst[c]
		for i := c; i < len(x); i += len(dst) {
			d = append(d, x[i])
		}
		dst[c] = d
	}
	return dst, nil
}

// Interleave is the inverse of Split: it appends x[0][0], x[1][0], ... to dst. All channels have one length; ErrChannels otherwise.
func Interleave(dst []float32, x [][]float32) ([]float32, error) {
	for c := range x {
		if len(x[c]) != len(x[0]) {
			return dst, fmt.Errorf("%w: channel %d has %d samples, channel 0 has %d", ErrChannels, c, len(x[c]), len(x[0]))
		}
	}
	if len(x) == 0 {
		return dst, nil
	}
	for i := range x[0] {
		for c := range x {
			dst = append(dst, x[c][i])
		}
	}
	return dst, nil
}
