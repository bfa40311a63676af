package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/timbre-voice/timbre/server/live"
)

// load reads how busy the calls keep this node, for Prometheus.
type load struct{ hub *live.Hub }

// What load tells. Read only.
var (
	lagDesc      = prometheus.NewDesc("timbre_lag_seconds", "How far the processing of calls is behind their audio.", nil, nil)
	overloadDesc = prometheus.NewDesc("timbre_overloaded", "1 while new calls are refused because the node is too far behind, else 0.", nil, nil)
	refusedDesc  = prometheus.NewDesc("timbre_calls_refused_total", "Calls that were told to try again: overload, or full (limits.calls).", []string{"reason"}, nil)
	busyDesc     = prometheus.NewDesc("timbre_analysis_seconds_total", "Time that the analysis of calls took.", nil, nil)
	audioDesc    = prometheus.NewDesc("timbre_analysis_audio_seconds_total", "Audio that was analysed in that time, of all channels together: the ratio of the rates is the real-time factor.", nil, nil)
)

// Describe tells what there is.
func (load) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{lagDesc, overloadDesc, refusedDesc, busyDesc, audioDesc} {
		out <- d
	}
}

// Collect measures.
func (l load) Collect(out chan<- prometheus.Metric) {
	now := l.hub.Load()
	over := 0.0
	if now.Overloaded {
		over = 1
	}
	out <- prometheus.MustNewConstMetric(lagDesc, prometheus.GaugeValue, now.Lag.Seconds())
	out <- prometheus.MustNewConstMetric(overloadDesc, prometheus.GaugeValue, over)
	out <- prometheus.MustNewConstMetric(refusedDesc, prometheus.CounterValue, float64(now.RefusedOverload), "overload")
	out <- prometheus.MustNewConstMetric(refusedDesc, prometheus.CounterValue, float64(now.RefusedFull), "full")
	out <- prometheus.MustNewConstMetric(busyDesc, prometheus.CounterValue, now.Busy.Seconds())
	out <- prometheus.MustNewConstMetric(audioDesc, prometheus.CounterValue, now.Audio.Seconds())
}
