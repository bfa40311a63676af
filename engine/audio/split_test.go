package audio

import (
	"errors"
	"slices"
	"testing"
)

func TestSplitAndInterleave(t *testing.T) {
	x := []float32{0, 10, 20, 1, 11, 21, 2, 12, 22}
	dst, err := Split([][]float32{{9}, nil, nil}, x)
	if err != nil {
		t.Fatal(err)
	}
	for c, want := range [][]float32{{9, 0, 1, 2}, {10, 11, 12}, {20, 21, 22}} {
		if !slices.Equal(dst[c], want) {
			t.Errorf("channel %d: %v, want %v", c, dst[c], want)
		}
	}
	dst[0] = dst[0][1:]
	if back, err := Interleave(nil, dst); err != nil || !slices.Equal(back, x) {
		t.Errorf("%v, error %v, want %v", back, err, x)
	}
	if got, err := Interleave([]float32{5}, nil); err != nil || !slices.Equal(got, []float32{5}) {
		t.Errorf("no channels: %v, error %v", got, err)
	}
}

func TestSplitRefuses(t *testing.T) {
	dst := [][]float32{{1}, {2}}
	if got, err := Split(dst, []float32{1, 2, 3}); !errors.Is(err, ErrChannels) || len(got[0]) != 1 {
		t.Errorf("half a block: %v, error %v", got, err)
	}
	if _, err := Split(nil, nil); !errors.Is(err, ErrChannels) {
		t.Errorf("no channels: error %v", err)
	}
	if _, err := Interleave(nil, [][]float32{{1}, {1, 2}}); !errors.Is(err, ErrChannels) {
		t.Errorf("channels of two lengths: error %v", err)
	}
}

func TestSplitAllocatesNothing(t *testing.T) {
	x := make([]float32, 320)
	dst := [][]float32{make([]float32, 0, 160), make([]float32, 0, 160)}
	if n := testing.AllocsPerRun(50, func() {
		for c := range dst {
			dst[c] = dst[c][:0]
		}
		dst, _ = Split(dst, x)
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
