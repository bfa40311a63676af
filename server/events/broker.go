package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// BrokerOptions says where the NATS server is.
type BrokerOptions struct {
	URL      string       // of an outside server or cluster; empty: one runs inside this process and listens on no port
	Dir      string       // where the embedded server keeps its streams; required without URL
	MaxStore int64        // bytes of disk that the embedded server's streams may take, default 64 GiB
	Replicas int          // copies of each stream on a cluster, default 1
	Name     string       // of this node, shown by the server's tools; empty: timbre
	Log      *slog.Logger // nil: discarded
}

// Broker is the connection to NATS, and the embedded server behind it where there is one. Safe for concurrent use.
type Broker struct {
	embedded *server.Server // nil with an outside server
	conn     *nats.Conn
	js       jetstream.JetStream
	replicas int
}

// startTimeout bounds how long a server may take to answer at the start.
const startTimeout = 10 * time.Second

// Start connects to the server of o, starting it first where it is the embedded one. Close ends both. A lost connection to an
// outside server is taken up again without end; one that cannot be made at the start is an error.
func Start(ctx context.Context, o BrokerOptions) (*Broker, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Name == "" {
		o.Name = "timbre"
	}
	b := &Broker{replicas: max(o.Replicas, 1)}
	options := []nats.Option{
		nats.Name(o.Name), nats.MaxReconnects(-1), nats.Timeout(startTimeout), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			o.Log.Warn("events: nats", "err", err)
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				o.Log.Warn("events: nats: connection lost, trying again", "err", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { o.Log.Info("events: nats: connected again") }),
	}
	url := o.URL
	if url == "" {
		if err := b.embed(o); err != nil {
			return nil, err
		}
		options = append(options, nats.InProcessServer(b.embedded))
	}
	var err error
	if b.conn, err = nats.Connect(url, options...); err != nil {
		b.Close()
		return nil, fmt.Errorf("events: nats: %w", err)
	}
	if b.js, err = jetstream.New(b.conn); err != nil {
		b.Close()
		return nil, fmt.Errorf("events: jetstream: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if _, err := b.js.AccountInfo(ctx); err != nil {
		b.Close()
		return nil, fmt.Errorf("events: jetstream: not available, want a nats-server with JetStream on (-js): %w", err)
	}
	return b, nil
}

func (b *Broker) embed(o BrokerOptions) error {
	if o.Dir == "" {
		return errors.New("events: broker: no folder, want one for the embedded server's streams or the URL of an outside server")
	}
	if o.MaxStore <= 0 {
		o.MaxStore = 64 << 30
	}
	s, err := server.NewServer(&server.Options{
		ServerName: o.Name, DontListen: true, JetStream: true, StoreDir: o.Dir, JetStreamMaxStore: o.MaxStore, JetStreamMaxMemory: 64 << 20,
		MaxPayload: maxBody, MaxPending: 256 << 20, NoSigs: true, NoLog: true,
	})
	if err != nil {
		return fmt.Errorf("events: embedded nats-server: %w", err)
	}
	go s.Start()
	b.embedded = s
	if !s.ReadyForConnections(startTimeout) {
		b.Close()
		return fmt.Errorf("events: embedded nats-server: not ready after %s; is %s in use by another process?", startTimeout, o.Dir)
	}
	return nil
}

// Ready returns nil while the connection stands.
func (b *Broker) Ready() error {
	if s := b.conn.Status(); s != nats.CONNECTED {
		return fmt.Errorf("events: nats: connection is %s, want CONNECTED", s)
	}
	return nil
}

// Conn returns the connection, for a Bus.
func (b *Broker) Conn() *nats.Conn { return b.conn }

// Close ends the connection, what is still in its buffer sent first, and the embedded server.
func (b *Broker) Close() {
	if b.conn != nil {
		if b.conn.Status() == nats.CONNECTED {
			// What cannot be flushed in time is lost with the connection: live events are lossy, and durable ones wait in the outbox.
			_ = b.conn.FlushTimeout(2 * time.Second)
		}
		b.conn.Close()
	}
	if b.embedded != nil {
		b.embedded.Shutdown()
		b.embedded.WaitForShutdown()
	}
}
