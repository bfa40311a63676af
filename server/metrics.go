package server

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/server/events"
)

// metrics is what Prometheus reads at /metrics. The names of calls, people and tenants are in none of them.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	delay    prometheus.Histogram
	ended    *prometheus.CounterVec
	audio    prometheus.Counter
	alerts   prometheus.Counter
	pace     prometheus.Histogram
	latency  prometheus.Histogram
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "timbre_http_request_seconds", Help: "Time to answer a request, sockets apart.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}, []string{"method", "status"}),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "timbre_event_delay_seconds", Help: "Audio received after the end of a segment until its event is out.", Buckets: []float64{0.1, 0.25, 0.5, 1, 2, 4, 8},
		}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "timbre_calls_ended_total", Help: "Calls that ended, by state of the record and how."}, []string{"state", "how"}),
		audio: prometheus.NewCounter(prometheus.CounterOpts{Name: "timbre_audio_seconds_total", Help: "Length of the calls that ended."}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "timbre_event_latency_seconds", Help: "Time from the arrival of the audio that an event stands on until the event is out.", Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10},
		}),
		pace: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "timbre_call_real_time_factor", Help: "Time that the analysis of an ended call took, per second of audio of a channel.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 12),
		}),
		alerts: prometheus.NewCounter(prometheus.CounterOpts{Name: "timbre_alerts_total", Help: "Alerts raised while calls ran."}),
	}
	m.registry.MustRegister(m.requests, m.delay, m.ended, m.audio, m.alerts, m.pace, m.latency, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// gauge registers a value that is asked for when it is read.
func (m *metrics) gauge(name, help string, of func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, of))
}

// counter registers a count that is kept elsewhere.
func (m *metrics) counter(name, help string, of func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, of))
}

// hear counts an event.
func (m *metrics) hear(e interaction.Event) {
	switch e.Type {
	case interaction.EventSegment:
		if e.Segment != nil && final(e) {
			m.delay.Observe(float64(max(e.TimeMs-e.Segment.EndMs, 0)) / 1000)
		}
	case interaction.EventAlert:
		m.alerts.Inc()
	case interaction.EventSessionEnded:
		m.ended.WithLabelValues(string(e.State), e.Reason).Inc()
		m.audio.Add(float64(e.TimeMs) / 1000)
	}
}

// worked notes what a call took that has ended.
func (m *metrics) worked(l analysis.Load) {
	if l.Audio > 0 {
		m.pace.Observe(l.Busy.Seconds() / l.Audio.Seconds())
	}
}

// told notes how long an event took.
func (m *metrics) told(d time.Duration) { m.latency.Observe(max(d, 0).Seconds()) }

// queue registers the depths of a queue.
func (m *metrics) queue(name string, q *events.JetQueue) {
	depth := func(of func(waiting, dead uint64) uint64) func() float64 {
		return func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			waiting, dead, err := q.Depth(ctx)
			if err != nil {
				return -1 // not known
			}
			return float64(of(waiting, dead))
		}
	}
	m.gauge("timbre_queue_"+name+"_waiting", "Tasks that wait or are being worked on; -1: not known.", depth(func(w, _ uint64) uint64 { return w }))
	m.gauge("timbre_queue_"+name+"_dead", "Tasks that were given up; -1: not known.", depth(func(_, d uint64) uint64 { return d }))
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// measured times the requests of a handler.
func (m *metrics) measured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		s := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() { // also of a handler that breaks off
			m.requests.WithLabelValues(methodLabel(r.Method), strconv.Itoa(s.status)).Observe(time.Since(begun).Seconds())
		}()
		next.ServeHTTP(s, r)
	})
}

// methodLabel keeps methods that a client makes up from becoming labels.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, http.MethodOptions:
		return method
	}
	return "other"
}

// statusWriter notes the status of a response.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (s *statusWriter) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// measure registers what is kept elsewhere.
func (s *Server) measure(deliveries, jobs *events.JetQueue) {
	m := s.metrics
	m.gauge("timbre_calls_running", "Calls that run on this node.", func() float64 { return float64(len(s.hub.Running(""))) })
	m.counter("timbre_events_published_total", "Live events handed to the broker.", func() float64 { return float64(s.bus.Stats().Published) })
	m.counter("timbre_events_lost_total", "Live events that were dropped before the broker.", func() float64 { return float64(s.bus.Stats().LostOutgoing) })
	m.counter("timbre_subscriber_events_lost_total", "Live events that slow subscribers lost.", func() float64 { return float64(s.bus.Stats().LostSubscriber) })
	m.counter("timbre_rule_events_missed_total", "Live events that went past the rules.", func() float64 { return float64(s.watch.missed.Load()) })
	m.gauge("timbre_events_waiting", "Live events that wait for the broker.", func() float64 { return float64(s.bus.Stats().Waiting) })
	m.gauge("timbre_subscribers", "Sockets that listen to events.", func() float64 { return float64(s.bus.Stats().Subscribers) })
	if s.cluster != nil {
		m.gauge("timbre_cluster_streams_forwarded", "Streams of this node whose call another node has.", func() float64 { n, _ := s.cluster.Stats(); return float64(n) })
		m.gauge("timbre_cluster_streams_taken", "Streams of other nodes whose call this node has.", func() float64 { _, n := s.cluster.Stats(); return float64(n) })
	}
	m.queue("webhooks", deliveries)
	m.queue("uploads", jobs)
	m.registry.MustRegister(dialects{s.ingest}, load{s.hub})
}
