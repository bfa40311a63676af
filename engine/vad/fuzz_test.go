package vad

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"
)

// FuzzDetector feeds any float bit patterns in any cuts: events must pair up and be the same as in one piece.
func FuzzDetector(f *testing.F) {
	net := shippedNet(f)
	seed := func(x []float32) []byte {
		var b []byte
		for _, v := range x {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		return b
	}
	f.Add(seed(newTrack(1).silence(0.1).dtmfKey('3', 0.06, -12, -12, 0).silence(0.1).x), uint16(77))
	f.Add(seed(newTrack(2).voice(0.4, -20).x), uint16(1))
	f.Add(seed([]float32{float32(math.NaN()), float32(math.Inf(1)), math.MaxFloat32, 0}), uint16(3))
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		x := make([]float32, len(b)/4)
		for i := range x {
			x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
		for _, n := range []*Net{net, nil} {
			d, err := NewDetector(DefaultOptions(), n)
			if err != nil {
				t.Fatal(err)
			}
			var whole, cuts []Event
			d.Write(x, func(e Event) { whole = append(whole, e) })
			d.Flush(func(e Event) { whole = append(whole, e) })
			checkEvents(t, whole, int64(len(x)))
			for rest := x; len(rest) > 0; {
				k := min(len(rest), int(cut)+1)
				d.Write(rest[:k], func(e Event) { cuts = append(cuts, e) })
				rest = rest[k:]
			}
			d.Flush(func(e Event) { cuts = append(cuts, e) })
			if !slices.Equal(whole, cuts) {
				t.Fatalf("cuts of %d give %v, one piece %v", int(cut)+1, cuts, whole)
			}
		}
	})
}
