//go:build !amd64

package nn

// best returns the only instruction set that every machine has.
func best() isa { return plainGo }

func (k isa) tile(a *tileArgs) { tileGo(a) }

// The assembly kernels do not exist here and best never picks them.
func (k isa) dotsASM(dst, w, x []float32, stride int) { panic("nn: no kernels for " + k.String()) }
func (k isa) axpyASM(dst []float32, f float32, x []float32) {
	panic("nn: no kernels for " + k.String())
}
func (k isa) scaleShiftASM(x, scale, shift []float32) { panic("nn: no kernels for " + k.String()) }

func (k isa) int8Lanes() int { return 0 }

func (k isa) dotsInt8ASM(dst []int32, w, x []int8, n int) {
	panic("nn: no kernels for " + k.String())
}
