package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/server/api"
	"github.com/timbre-voice/timbre/server/ingest"
	"github.com/timbre-voice/timbre/server/live"
)

// calls is api.Live over the calls of this node.
type calls struct{ hub *live.Hub }

var _ api.Live = calls{}

// running turns an error of the hub.
func running(err error) error {
	switch {
	case errors.Is(err, live.ErrNotFound):
		return fmt.Errorf("%w: %w", api.ErrNotFound, err)
	case errors.Is(err, live.ErrInvalid):
		return fmt.Errorf("%w: %w", api.ErrInvalid, err)
	}
	return err
}

func (c calls) Running(_ context.Context, tenant string) ([]api.Call, error) {
	var out []api.Call
	for _, r := range c.hub.Running(tenant) {
		out = append(out, api.Call{
			ID: r.ID, CallID: r.CallID, Dialect: r.Dialect, Endpoint: r.Endpoint, StartedAt: r.StartedAt, DurationMs: r.DurationMs, AgentID: r.AgentID, Queue: r.Queue, Streams: r.Streams,
		})
	}
	return out, nil
}

func (c calls) Snapshot(ctx context.Context, tenant, id string) (*interaction.Interaction, error) {
	r, err := c.hub.Snapshot(ctx, tenant, id)
	return r, running(err)
}

func (c calls) Bind(ctx context.Context, tenant, id string, b interaction.Binding) error {
	return running(c.hub.Bind(ctx, tenant, id, b))
}

func (c calls) Mark(ctx context.Context, tenant, id, kind, detail string) error {
	return running(c.hub.Mark(ctx, tenant, id, kind, detail))
}

// counted is live.Events that counts on the way, and has other nodes find the call.
type counted struct {
	live.Events
	metrics *metrics
	nodes   *nodes
}

func (c counted) Publish(e interaction.Event) {
	c.metrics.hear(e)
	c.nodes.hear(e)
	c.Events.Publish(e)
}

// dialects reads the counters of the platforms' dialects for Prometheus.
type dialects struct{ ingest *ingest.Handler }

// dialectCounts are the counters, in the order in which they are read. Read only.
var dialectCounts = []struct {
	name, help string
	kind       prometheus.ValueType
	of         func(ingest.Stats) int64
}{
	{"connections", "Connections open now.", prometheus.GaugeValue, func(s ingest.Stats) int64 { return s.Open }},
	{"accepted_total", "Connections that were taken.", prometheus.CounterValue, func(s ingest.Stats) int64 { return s.Accepted }},
	{"refused_total", "Requests that were refused.", prometheus.CounterValue, func(s ingest.Stats) int64 { return s.Refused }},
	{"failed_total", "Connections closed because of what they sent.", prometheus.CounterValue, func(s ingest.Stats) int64 { return s.Failed }},
	{"dropped_total", "Connections that broke or fell silent.", prometheus.CounterValue, func(s ingest.Stats) int64 { return s.Dropped }},
	{"messages_total", "Messages.", prometheus.CounterValue, func(s ingest.Stats) int64 { return s.Messages }},
	{"bytes_total", "Bytes of messages.", prometheus.CounterValue, func(s ingest.Stats) int64 { return s.Bytes }},
	{"unknown_total", "Messages of a kind that is not known.", prometheus.CounterValue, func(s ingest.Stats) int64 { return s.Unknown }},
	{"late_total", "Chunks that came twice or too late.", prometheus.CounterValue, func(s ingest.Stats) int64 { return s.Late }},
	{"reordered_total", "Chunks that had to wait for one before them.", prometheus.CounterValue, func(s ingest.Stats) int64 { return s.Reordered }},
	{"gaps_total", "Gaps in the audio.", prometheus.CounterValue, func(s ingest.Stats) int64 { return s.Gaps }},
	{"lost_ms_total", "Audio lost in gaps, in ms.", prometheus.CounterValue, func(s ingest.Stats) int64 { return s.LostMs }},
	{"undecodable_total", "Packets that could not be decoded.", prometheus.CounterValue, func(s ingest.Stats) int64 { return s.Undecodable }},
}

func dialectDesc(i int) *prometheus.Desc {
	return prometheus.NewDesc("timbre_ingest_"+dialectCounts[i].name, dialectCounts[i].help, []string{"dialect"}, nil)
}

// Describe tells what there is.
func (d dialects) Describe(out chan<- *prometheus.Desc) {
	for i := range dialectCounts {
		out <- dialectDesc(i)
	}
}

// Collect reads the counters.
func (d dialects) Collect(out chan<- prometheus.Metric) {
	for _, s := range d.ingest.Stats() {
		for i, c := range dialectCounts {
			out <- prometheus.MustNewConstMetric(dialectDesc(i), c.kind, float64(c.of(s)), s.Dialect)
		}
	}
}
