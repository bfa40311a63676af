package faults

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/timbre-voice/timbre/internal/testkit"
)

// bridge stands between the server and the database, on a Unix socket, and can be cut.
type bridge struct {
	dir, to string
	mu      sync.Mutex
	l       net.Listener
	conns   map[net.Conn]struct{}
	wg      sync.WaitGroup
}

const socketName = ".s.PGSQL.5432"

func (b *bridge) open(t *testing.T) {
	t.Helper()
	path := filepath.Join(b.dir, socketName)
	_ = os.Remove(path) // left by the listener that was cut
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	b.l, b.conns = l, map[net.Conn]struct{}{}
	b.mu.Unlock()
	b.wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("unix", filepath.Join(b.to, socketName))
			if err != nil {
				in.Close()
				continue
			}
			b.mu.Lock()
			b.conns[in], b.conns[out] = struct{}{}, struct{}{}
			b.mu.Unlock()
			for _, d := range [][2]net.Conn{{in, out}, {out, in}} {
				b.wg.Go(func() {
					_, _ = io.Copy(d[0], d[1]) // until either side is cut
					in.Close()
					out.Close()
				})
			}
		}
	})
}

// cut ends every connection and refuses new ones.
func (b *bridge) cut() {
	b.mu.Lock()
	b.l.Close()
	for c := range b.conns {
		c.Close()
	}
	b.mu.Unlock()
	b.wg.Wait()
}

// TestLostDatabase ends calls while the database is gone.
func TestLostDatabase(t *testing.T) {
	calls, outage := size(3, 50), time.Duration(size(4, 60))*time.Second
	dsn, err := url.Parse(testkit.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/tmp", "timbre-bridge") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	q := dsn.Query()
	b := &bridge{dir: dir, to: q.Get("host")}
	b.open(t)
	t.Cleanup(b.cut)
	q.Set("host", dir)
	dsn.RawQuery = q.Encode()
	n := newNode(t, t.TempDir(), "--db", dsn.String())
	n.start()
	all := dialAll(t, n, "db", calls)
	time.Sleep(3 * time.Second)
	b.cut()
	time.Sleep(outage / 2)
	confirmed := stopAll(all, outage/2) // into the spill
	time.Sleep(outage / 2)
	alive := 0
	if n.alive() && !n.ready() { // and says so
		alive = 1
	}
	b.open(t)
	found := n.complete(all)
	n.stop()
	note := fmt.Sprintf("%s without it, %d confirmed on the socket meanwhile", outage, confirmed)
	report(t, row{"database lost: the server answers and is not ready", 1, alive, 1 - alive, "server", note})
	report(t, row{"database lost: records of calls that ended meanwhile", calls, found, calls - found, "records", ""})
}

// broker starts a NATS server with JetStream.
func broker(t *testing.T, dir string, port int) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the broker does not start")
	}
	return s
}

// TestLostBroker ends calls while the broker is gone: records and deliveries must all come.
func TestLostBroker(t *testing.T) {
	calls, outage := size(3, 50), time.Duration(size(4, 60))*time.Second
	var mu sync.Mutex
	delivered := map[string]int{}
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for i := range calls {
			if id := fmt.Sprintf("broker-%03d", i); strings.Contains(string(b), `"`+id+`"`) {
				delivered[id]++
			}
		}
	}))
	defer hook.Close()
	dir, streams := t.TempDir(), t.TempDir()
	nats := broker(t, streams, -1)
	address, err := url.Parse(nats.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	var port int
	if _, err := fmt.Sscan(address.Port(), &port); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "timbre.yaml")
	text := fmt.Sprintf("webhooks: [{id: crm, url: %q, secrets: [\"a secret of some length\"], events: [call_summary]}]\n", hook.URL)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	n := newNode(t, dir, "--db", filepath.Join(dir, "timbre.db"), "--config", config, "--nats-url", nats.ClientURL())
	n.start()
	all := dialAll(t, n, "broker", calls)
	time.Sleep(3 * time.Second)
	nats.Shutdown()
	nats.WaitForShutdown()
	time.Sleep(outage / 2)
	confirmed := 0
	for _, c := range all {
		if c.stop(20 * time.Second) {
			confirmed++
		}
	}
	found := 0
	for _, c := range all {
		if s, err := n.record(c.id); err == nil && s.State == "complete" {
			found++
		}
	}
	time.Sleep(outage / 2)
	nats = broker(t, streams, port)
	defer nats.Shutdown()
	n.until("every delivery", 3*time.Minute, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(delivered) == calls
	})
	n.stop()
	note := fmt.Sprintf("%s without it, %d confirmed on the socket", outage, confirmed)
	report(t, row{"broker lost: records of calls that ended meanwhile", calls, found, calls - found, "records", note})
	report(t, row{"broker lost: deliveries once it is back", calls, len(delivered), calls - len(delivered), "webhooks", ""})
}
