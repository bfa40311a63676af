package nn

// Scratch is working memory for layers that see whole utterances. It grows to what the largest utterance needed and then no
// call allocates. The zero value is ready. It belongs to one goroutine at a time; layers are shared, scratches are not.
type Scratch struct {
	bufs [][]float32
	used int
}

// take returns n floats of any content; the caller gives them back by setting used to what it was.
func (s *Scratch) take(n int) []float32 {
	if s.used == len(s.bufs) {
		s.bufs = append(s.bufs, nil)
	}
	if cap(s.bufs[s.used]) < n {
		s.bufs[s.used] = make([]float32, n+n/4) // a little more, so that utterances of like length fit
	}
	s.used++
	return s.bufs[s.used-1][:n]
}

// sumBlock bounds the terms of one partial sum over time, so that rounding does not grow with the length of an utterance.
const sumBlock = 64

// meanRows writes the mean of t rows of x to dst; part is scratch of the same length. t must not be 0.
func meanRows(k isa, dst, part, x []float32, t int) {
	c := len(dst)
	clear(dst)
	for i := range t {
		if i%sumBlock == 0 {
			clear(part)
		}
		k.axpy(part, 1, x[i*c:(i+1)*c])
		if i%sumBlock == sumBlock-1 || i == t-1 {
			k.axpy(dst, 1, part)
		}
	}
	for i := range dst {
		dst[i] /= float32(t)
	}
}
