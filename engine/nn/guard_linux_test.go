package nn

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"
)

// fenced returns n random values that end with the last byte of a page, or begin with its first, beside pages that may not be
// read: one byte beyond the slice is a fault.
func fenced(t *testing.T, r *rand.Rand, n int, atEnd bool) []float32 {
	t.Helper()
	page := syscall.Getpagesize()
	size := (4*n + page - 1) / page * page
	mem, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(mem); err != nil {
			t.Error(err)
		}
	})
	for _, fence := range [][]byte{mem[:page], mem[page+size:]} {
		if err := syscall.Mprotect(fence, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	at := page
	if atEnd {
		at += size - 4*n
	}
	x := unsafe.Slice((*float32)(unsafe.Pointer(&mem[at])), n)
	copy(x, random(r, n))
	return x
}

// TestKernelsStayInside runs every kernel on slices with forbidden memory on either side.
func TestKernelsStayInside(t *testing.T) {
	r := rand.New(rand.NewPCG(35, 36))
	for _, atEnd := range []bool{true, false} {
		for _, k := range sets() {
			for range 60 {
				rows, channels, inputs := 1+r.IntN(30), 1+r.IntN(140), 1+r.IntN(70)
				w, b := random(r, channels*inputs), random(r, channels)
				m := packWeights(k, w, b, channels, inputs)
				m.w, m.bias = append(fenced(t, r, len(m.w), atEnd)[:0], m.w...), append(fenced(t, r, len(m.bias), atEnd)[:0], m.bias...)
				x, dst, init := fenced(t, r, rows*inputs, atEnd), fenced(t, r, rows*channels, atEnd), fenced(t, r, channels, atEnd)
				m.mul(dst, channels, x, inputs, rows, true)
				m.mulFrom(init, dst, channels, x, inputs, rows, false)
				k.dots(dst[:rows], x, fenced(t, r, inputs, atEnd), inputs)
				k.axpy(dst[:channels], 2, init)
				k.scaleShift(init, fenced(t, r, channels, atEnd), fenced(t, r, channels, atEnd))
				small := func(n int) []int8 {
					f := fenced(t, r, n, atEnd)
					return unsafe.Slice((*int8)(unsafe.Pointer(&f[0])), 4*n)
				}
				sums := fenced(t, r, rows, atEnd)
				k.dotsInt8(unsafe.Slice((*int32)(unsafe.Pointer(&sums[0])), rows), small(rows*inputs), small(inputs))
				if rows*channels > 0 && dst[0] != dst[0] {
					t.Fatalf("%v: NaN from finite values", k)
				}
			}
		}
	}
}
