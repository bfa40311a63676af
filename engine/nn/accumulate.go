package nn

// Add adds W·x of each of the t×In rows x to the t×Out rows dst, without the bias: the layer's part of a product whose inputs lie
// in several places. dst must not overlap x. In steady state it allocates nothing.
func (d *Dense) Add(dst, x []float32, t int) {
	p := d.m
	width := p.isa.width()
	a := tileArgs{dstStride: d.out, xStride: d.in, wStride: d.in * width, initStride: d.out, panels: 1}
	for at := 0; at < d.in && t > 0; at += kBlock {
		a.k = min(kBlock, d.in-at)
		for c := 0; c < d.out; c += width {
			a.edge = min(width, d.out-c)
			a.w = p.w[c*d.in+at*width:]
			for r := 0; r < t; r += a.rows {
				a.rows = p.isa.rows(t - r)
				a.dst, a.x = dst[r*d.out+c:], x[r*d.in+at:]
				a.init = a.dst
				p.isa.tile(&a)
			}
		}
	}
}
