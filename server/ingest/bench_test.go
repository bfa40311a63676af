package ingest

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"testing"

	"github.com/timbre-voice/timbre/interaction"
)

// sink is a call that takes everything and keeps nothing.
type sink struct{ Call }

func (sink) ID() string                                               { return "sink" }
func (sink) Write(ctx context.Context, _ int, _ []float32) error      { return ctx.Err() }
func (sink) Skip(ctx context.Context, _ int, _ int64, _ string) error { return ctx.Err() }
func (sink) Results() <-chan interaction.Event                        { return nil }

// BenchmarkTwilioMedia is one 20 ms message from its text to samples.
func BenchmarkTwilioMedia(b *testing.B) {
	h, err := New(Options{Calls: newFakeCalls(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	s := &stream{h: h, dialect: h.dialects["twilio"], count: h.counters["twilio"], call: sink{}, peer: &deaf{}, log: h.log,
		request: &http.Request{URL: &url.URL{}}}
	l, err := newLanes(s, Start{Encoding: "mulaw", Rate: 8000, Tracks: []Track{{Name: "inbound"}}})
	if err != nil {
		b.Fatal(err)
	}
	t := &twilio{s: s, lanes: l}
	payload := make([]byte, 216)
	for i := range payload {
		payload[i] = '/'
	}
	messages := make([][]byte, 4096) // then the counter starts again, as some platforms' do
	for k := range messages {
		m := twilioMessage{Event: "media", SequenceNumber: numberOf(k + 2), StreamSID: "MZ0", Media: &twilioMedia{Track: "inbound",
			Chunk: numberOf(k + 1), Timestamp: numberOf(k * 20), Payload: string(payload)}}
		if messages[k], err = json.Marshal(m); err != nil {
			b.Fatal(err)
		}
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		if err := t.text(b.Context(), messages[n%len(messages)]); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric(0.02*float64(n)/b.Elapsed().Seconds(), "x_realtime")
}
