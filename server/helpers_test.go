package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/interaction"
	"github.com/timbre-voice/timbre/interaction/analysis"
	"github.com/timbre-voice/timbre/interaction/policy"
	"github.com/timbre-voice/timbre/internal/testkit"
	"github.com/timbre-voice/timbre/server/ingest"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(childNode); text != "" {
		serveChild(text)
		return
	}
	testkit.Main(m)
}

var testEngine = sync.OnceValues(func() (*analysis.Engine, error) { return analysis.NewEngine(nil) })

// node is a running server.
type node struct {
	*Server
	stop func() error // drains, and returns what Run returned
}

// config is the default on a free port, with its data in dir.
func config(dir string) Config {
	c := DefaultConfig()
	c.Addr, c.DataDir = "127.0.0.1:0", dir
	c.Limits.Lag = 0                                                                                                // a machine that runs tests is late now and then
	c.Limits.KeyPerSecond, c.Limits.KeyBurst, c.Limits.AddressPerSecond, c.Limits.AddressBurst = 1e5, 1e5, 1e5, 1e5 // the tests ask again and again
	return c
}

func run(t *testing.T, c Config) node {
	t.Helper()
	return runWith(t, c, Deps{})
}

func runWith(t *testing.T, c Config, d Deps) node {
	t.Helper()
	engine, err := testEngine()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	var mu sync.Mutex
	d.Engine, d.Version, d.Log = engine, "test", slog.New(slog.NewTextHandler(locked{&mu, &log}, nil))
	s, err := New(t.Context(), c, d)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	n := node{s, sync.OnceValue(func() error {
		cancel()
		return <-done
	})}
	t.Cleanup(func() {
		if err := n.stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			mu.Lock()
			defer mu.Unlock()
			t.Logf("the server's log:\n%s", &log)
		}
	})
	return n
}

// locked is a writer for several goroutines.
type locked struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

func (n node) ws() string { return "ws" + strings.TrimPrefix(n.URL(), "http") }

// request asks the server and decodes its answer into out, unless that is nil.
func (n node) request(t *testing.T, method, path, key string, body io.Reader, want int, out any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, n.URL()+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("X-API-Key", key)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != want {
		t.Fatalf("%s %s: status %d, want %d: %s", method, path, resp.StatusCode, want, b)
	}
	switch out := out.(type) {
	case nil:
	case *string:
		*out = string(b)
	default:
		if err := json.Unmarshal(b, out); err != nil {
			t.Fatalf("%s %s: %v: %s", method, path, err, b)
		}
	}
}

// listen returns the events that a subscriber gets, until the test ends.
func (n node) listen(t *testing.T, path, key string) <-chan interaction.Event {
	t.Helper()
	c, _, err := websocket.DefaultDialer.Dial(n.ws()+path, http.Header{"X-API-Key": {key}})
	if err != nil {
		t.Fatal(err)
	}
	out := make(chan interaction.Event, 10000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(out)
		for {
			var e interaction.Event
			if c.ReadJSON(&e) != nil {
				return
			}
			out <- e
		}
	}()
	t.Cleanup(func() {
		c.Close()
		<-done
	})
	return out
}

func next(t *testing.T, in <-chan interaction.Event, what func(interaction.Event) bool) interaction.Event {
	t.Helper()
	timeout := time.NewTimer(time.Minute)
	defer timeout.Stop()
	for {
		select {
		case e, ok := <-in:
			if !ok {
				t.Fatal("the events ended")
			}
			if what(e) {
				return e
			}
		case <-timeout.C:
			t.Fatal("no such event came")
		}
	}
}

func of(kind interaction.EventKind) func(interaction.Event) bool {
	return func(e interaction.Event) bool { return e.Type == kind }
}

// call returns the sides of a recorded call.
func call(t *testing.T, name string) (agent, customer []float32) {
	t.Helper()
	f, err := os.Open(testkit.Testdata(t, "calls", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, format, _, err := audio.ReadAll(f, 0)
	if err != nil {
		t.Fatal(err)
	}
	if format.Rate != 8000 || len(x) != 2 {
		t.Fatalf("%s: %d Hz, %d channels", name, format.Rate, len(x))
	}
	return x[0], x[1]
}

func play(t *testing.T, n node, dialect, path, callID string, speed float64, parameters map[string]string) error {
	t.Helper()
	agent, customer := call(t, "short-call.wav")
	return ingest.Play(t.Context(), ingest.PlayOptions{
		URL: n.ws() + path, Dialect: dialect, Rate: 8000, Agent: agent, Customer: customer, Speed: speed, CallID: callID, Parameters: parameters,
	})
}

func permitOf(c Config) policy.Permit {
	p, err := permits{c.Policy}.Permit(context.Background(), ingest.Start{})
	if err != nil {
		panic(err) // a default that cannot be resolved
	}
	return p
}
