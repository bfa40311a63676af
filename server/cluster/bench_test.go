package cluster

import (
	"testing"
	"time"

	"github.com/timbre-voice/timbre/internal/testkit"
)

// BenchmarkForwardedWrite sends 20 ms of one track to another node and waits until its call has them, over a nats-server in a process
// of its own.
func BenchmarkForwardedWrite(b *testing.B) {
	url := testkit.NATS(b).URL()
	owner, other := start(b, url, 10*time.Second), start(b, url, 10*time.Second)
	if _, err := owner.openStream(b.Context(), "K"); err != nil {
		b.Fatal(err)
	}
	c, err := other.openStream(b.Context(), "K")
	if err != nil {
		b.Fatal(err)
	}
	got := owner.call("K")
	x := make([]float32, 160)
	b.ReportAllocs()
	b.SetBytes(2 * int64(len(x)))
	for b.Loop() {
		if err := c.Write(b.Context(), 0, x); err != nil {
			b.Fatal(err)
		}
		got.samples[0] = got.samples[0][:0]
	}
	b.ReportMetric(0.02*float64(b.N)/b.Elapsed().Seconds(), "x_realtime")
}
