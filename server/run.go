package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/timbre-voice/timbre/server/events"
)

// Run answers until ctx ends, then drains and closes. The error is of the part that failed first; a drain that was cut short is one.
func (s *Server) Run(ctx context.Context) error {
	defer s.Close()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var serving sync.WaitGroup
	serve := func(what string, f func() error) {
		serving.Go(func() {
			if err := f(); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
				fail(fmt.Errorf("server: %s: %w", what, err))
			}
		})
	}
	work, stop := context.WithCancel(context.WithoutCancel(ctx)) // goes on while calls drain
	defer stop()
	var working sync.WaitGroup
	working.Go(func() { s.watch.run(work) })
	working.Go(func() { s.keepHouse(work) })
	working.Go(func() { s.uploads.sweep(work) })
	for what, f := range map[string]func(context.Context) error{
		"relay": s.relay.Run, "deliveries": s.post.Run,
		"uploads": func(ctx context.Context) error { return s.uploads.run(ctx, s.config.Limits.UploadWorkers) },
	} {
		working.Go(func() {
			if err := f(work); err != nil {
				fail(fmt.Errorf("server: %s: %w", what, err))
			}
		})
	}
	serve("http", func() error { return s.http.Serve(s.listener) })
	if s.audioSocket != nil {
		serve("audiosocket", func() error { return s.ingest.ServeAudioSocket(s.audioSocket, "") })
	}
	s.log.Info("server: listening", "url", s.URL(), "audiosocket", s.config.AudioSocketAddr)
	<-ctx.Done()
	cause := context.Cause(ctx)
	s.log.Info("server: draining", "calls", len(s.hub.Running("")))
	err := s.drain(context.WithoutCancel(ctx))
	serving.Wait()
	s.relay.Wake() // what the last calls left in the outbox
	stop()
	working.Wait()
	s.socket.Close()
	s.visitors.Close()
	s.log.Info("server: stopped")
	if errors.Is(cause, context.Canceled) {
		cause = nil
	}
	return errors.Join(cause, err)
}

// drain ends what comes in, in the order in which it depends on each other.
func (s *Server) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.ShutdownTimeout)
	defer cancel()
	var errs []error
	if s.audioSocket != nil {
		errs = append(errs, ignoreClosed(s.audioSocket.Close()))
	}
	// The streams first: a call is complete only when its stream was ended in order.
	ended := make(chan error, 2)
	go func() { ended <- s.ingest.Shutdown(ctx) }()
	go func() { // those of other nodes
		if s.cluster == nil {
			ended <- nil
			return
		}
		ended <- s.cluster.Shutdown(ctx)
	}()
	errs = append(errs, s.http.Shutdown(ctx), <-ended, <-ended, s.hub.Shutdown(ctx))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("server: drain: cut short after %s: %w", s.config.ShutdownTimeout, err)
	}
	return nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Close closes what New opened, of a server that does not run.
func (s *Server) Close() {
	for _, l := range []net.Listener{s.listener, s.audioSocket} {
		if l != nil {
			_ = l.Close() // closed before, where the server ran
		}
	}
	if s.hub != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.hub.Shutdown(ctx) // without calls, or shut down before
	}
	if s.cluster != nil {
		s.cluster.Close()
	}
	for _, socket := range []*events.Socket{s.socket, s.visitors} {
		if socket != nil {
			socket.Close()
		}
	}
	if s.bus != nil {
		s.bus.Close()
	}
	if s.broker != nil {
		s.broker.Close()
	}
	if s.store != nil {
		if err := s.store.Close(); err != nil {
			s.log.Warn("server: store not closed in order", "err", err)
		}
	}
	if s.unlock != nil {
		_ = s.unlock() // given back with the process at the latest
	}
}
