package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/timbre-voice/timbre/server/api"
)

// listen opens the ports and lays out the paths.
func (s *Server) listen(ctx context.Context) error {
	mux := http.NewServeMux()
	for _, path := range []string{"/v1/stream", "/v1/listen", "/v1/ingest/"} {
		mux.Handle(path, s.ingest)
	}
	mux.Handle("GET /v1/events", s.api.Guard(api.ScopeRead, s.socket))
	mux.Handle("GET /v1/calls/{id}/events", s.api.Guard(api.ScopeRead, s.nodes.named(s.socket)))
	mux.Handle("GET /metrics", bounded(s.api.Guard(api.ScopeRead, s.metrics.handler()), time.Minute))
	for _, path := range []string{"/v1/", "/healthz", "/readyz", "/openapi.json", "/openapi.yaml", "/openapi-3.0.json", "/openapi-3.0.yaml"} {
		mux.Handle(path, s.metrics.measured(bounded(s.api, time.Hour)))
	}
	mux.Handle("GET /live/events", s.console)
	mux.Handle("/", bounded(s.console, time.Hour))
	s.http = &http.Server{
		// ReadTimeout is for the bodies of requests that are refused before they are read: what is left of one is read away before
		// the answer. An upload sets itself a longer time, and a socket none.
		Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	var lc net.ListenConfig
	var err error
	if s.listener, err = lc.Listen(ctx, "tcp", s.config.Addr); err != nil {
		return fmt.Errorf("server: addr: %w", err)
	}
	if s.config.TLS.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(s.config.TLS.CertFile, s.config.TLS.KeyFile)
		if err != nil {
			return fmt.Errorf("server: tls: %w", err)
		}
		// Websockets are HTTP/1.1, and one protocol for all keeps the deadlines of one kind.
		s.listener = tls.NewListener(s.listener, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
	}
	if s.config.AudioSocketAddr != "" {
		if s.audioSocket, err = lc.Listen(ctx, "tcp", s.config.AudioSocketAddr); err != nil {
			return fmt.Errorf("server: audiosocket_addr: %w", err)
		}
	}
	return nil
}

// bounded gives a response at most so long to be written, so that a client that does not read holds nothing for ever.
func bounded(next http.Handler, d time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return // the connection is gone
		}
		next.ServeHTTP(w, r)
	})
}

// Addr returns where the server listens, with the port that the system chose where none was named.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// URL returns the address of the REST interface.
func (s *Server) URL() string {
	scheme := "http"
	if s.config.TLS.CertFile != "" {
		scheme = "https"
	}
	return scheme + "://" + s.Addr()
}
