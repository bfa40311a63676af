package nn

// packed is a weight matrix in the order in which the kernels of one instruction set read it: panels of width output channels,
// inside a panel the weights of all its channels for input 0, then for input 1, and so on. Channels beyond the last are zero.
type packed struct {
	isa        isa
	rows, cols int       // output channels, inputs per output
	w          []float32 // panels×cols×width
	bias       []float32 // panels×width; zeros without a bias
}

// packWeights copies w (rows×cols row-major) and bias (rows values, or nil).
func packWeights(k isa, w, bias []float32, rows, cols int) *packed {
	width := k.width()
	p := &packed{isa: k, rows: rows, cols: cols}
	p.bias = make([]float32, p.padded())
	copy(p.bias, bias)
	p.w = make([]float32, p.padded()*cols)
	for r := range rows {
		panel := p.w[r/width*width*cols:]
		for c := range cols {
			panel[c*width+r%width] = w[r*cols+c]
		}
	}
	return p
}

// unpack returns the matrix row-major and the bias.
func (p *packed) unpack() (w, bias []float32) {
	width := p.isa.width()
	w = make([]float32, p.rows*p.cols)
	for r := range p.rows {
		panel := p.w[r/width*width*p.cols:]
		for c := range p.cols {
			w[r*p.cols+c] = panel[c*width+r%width]
		}
	}
	return w, append([]float32(nil), p.bias[:p.rows]...)
}

// padded is the number of output channels rounded up to whole panels.
func (p *packed) padded() int { return (p.rows + p.isa.width() - 1) / p.isa.width() * p.isa.width() }

// kBlock is how many inputs are summed before the next rows are taken: a panel of that depth and the rows under it stay in the
// nearest cache. Sums are put down in dst between blocks and taken up again, which changes no bit of them.
const kBlock = 384

// mul writes dst = X·Wᵀ + bias for t rows of x: row i of X starts at x[i·xStride] and row i of the result at dst[i·dstStride].
// With relu, negative results become zero.
func (p *packed) mul(dst []float32, dstStride int, x []float32, xStride, t int, relu bool) {
	p.mulFrom(p.bias, dst, dstStride, x, xStride, t, relu)
}

// mulFrom is mul with sums that start from init (rows values) in place of the bias.
func (p *packed) mulFrom(init, dst []float32, dstStride int, x []float32, xStride, t int, relu bool) {
	if t <= 0 || p.rows == 0 {
		return
	}
	if p.cols == 0 {
		for i := range t {
			row := dst[i*dstStride:][:p.rows]
			if copy(row, init[:p.rows]); relu {
				ReLU(row)
			}
		}
		return
	}
	a := tileArgs{dstStride: dstStride, xStride: xStride, wStride: p.cols * p.isa.width(), relu: relu}
	if t == 1 {
		p.one(a, init, dst, x)
		return
	}
	width := p.isa.width()
	for at := 0; at < p.cols; at += kBlock {
		a.k = min(kBlock, p.cols-at)
		a.relu = relu && at+a.k == p.cols
		a.panels = 1
		for c := 0; c < p.rows; c += width {
			a.edge = min(width, p.rows-c)
			a.w = p.w[c*p.cols+at*width:]
			for r := 0; r < t; r += a.rows {
				a.rows = p.isa.rows(t - r)
				a.dst, a.x = dst[r*dstStride+c:], x[r*xStride+at:]
				a.init, a.initStride = init[c:], 0
				if at > 0 {
					a.init, a.initStride = a.dst, dstStride
				}
				p.isa.tile(&a)
			}
		}
	}
}

// one multiplies a single row, several panels at a time: one panel alone would wait for its own sums.
func (p *packed) one(a tileArgs, init, dst, x []float32) {
	width := p.isa.width()
	a.rows, a.k = 1, p.cols
	for c := 0; c < p.rows; c += a.panels * width {
		left := (p.rows - c + width - 1) / width
		a.panels = 1
		if p.isa != plainGo && left > 1 {
			a.panels = min(4, left&^1)
		}
		a.edge = min(width, p.rows-c-(a.panels-1)*width)
		a.dst, a.x, a.w, a.init = dst[c:], x, p.w[c*p.cols:], init[c:]
		p.isa.tile(&a)
	}
}
