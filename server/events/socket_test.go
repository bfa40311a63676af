package events

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/timbre-voice/timbre/interaction"
)

// socketServer serves a bus under the routes of the product; the tenant is what the query's key says.
func socketServer(t *testing.T, b *Bus, o SocketOptions) (*Socket, string) {
	t.Helper()
	o.Tenant = func(w http.ResponseWriter, r *http.Request) (string, bool) {
		tenant := r.Header.Get("X-Tenant")
		if tenant == "" {
			http.Error(w, "no tenant", http.StatusUnauthorized)
		}
		return tenant, tenant != ""
	}
	s := NewSocket(b, o)
	mux := http.NewServeMux()
	mux.Handle("GET /v1/events", s)
	mux.Handle("GET /v1/calls/{id}/events", s)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(s.Close)
	return s, "ws" + strings.TrimPrefix(server.URL, "http")
}

func dial(t *testing.T, url string, header http.Header) *websocket.Conn {
	t.Helper()
	header.Set("X-Tenant", "x")
	c, resp, err := websocket.DefaultDialer.Dial(url, header)
	if err != nil {
		body := ""
		if resp != nil {
			b, _ := io.ReadAll(resp.Body)
			body = string(b)
		}
		t.Fatalf("%s: %v: %s", url, err, body)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

func nextEvent(t *testing.T, c *websocket.Conn) interaction.Event {
	t.Helper()
	var e interaction.Event
	if err := c.ReadJSON(&e); err != nil {
		t.Fatal(err)
	}
	return e
}

func closedWith(t *testing.T, c *websocket.Conn) int {
	t.Helper()
	for {
		if _, _, err := c.ReadMessage(); err != nil {
			if e, ok := err.(*websocket.CloseError); ok {
				return e.Code
			}
			t.Fatalf("the socket ended with %v, want a close frame", err)
		}
	}
}

func TestSocket(t *testing.T) {
	b := bus(t, start(t, BrokerOptions{Dir: t.TempDir()}), BusOptions{})
	s, url := socketServer(t, b, SocketOptions{Ping: 50 * time.Millisecond})
	all := dial(t, url+"/v1/events", http.Header{})
	one := dial(t, url+"/v1/calls/c.1/events", http.Header{})
	alerts := dial(t, url+"/v1/events?kind=alert,voice&kind=mark&queue=sales", http.Header{})
	if all.WriteMessage(websocket.TextMessage, []byte("what a subscriber says is dropped")) != nil {
		t.Fatal("write")
	}
	publish(t, b,
		interaction.Event{Tenant: "y", CallID: "c.1", Type: interaction.EventAlert, Seq: 1},
		interaction.Event{Tenant: "x", CallID: "c.2", Type: interaction.EventAlert, Seq: 1},
		interaction.Event{Tenant: "x", CallID: "c.1", Type: interaction.EventMark, Seq: 1, Queue: "sales"},
		interaction.Event{Tenant: "x", CallID: "c.1", Type: interaction.EventSessionEnded, Seq: 2, Queue: "sales"},
	)
	for i, want := range []string{"alert c.2", "mark c.1", "session_ended c.1"} {
		if e := nextEvent(t, all); string(e.Type)+" "+e.CallID != want {
			t.Errorf("event %d of all: %s %s, want %s", i, e.Type, e.CallID, want)
		}
	}
	if e := nextEvent(t, one); e.Type != interaction.EventMark {
		t.Errorf("the call's first event: %+v", e)
	}
	if e := nextEvent(t, one); e.Type != interaction.EventSessionEnded {
		t.Errorf("the call's last event: %+v", e)
	}
	if code := closedWith(t, one); code != websocket.CloseNormalClosure {
		t.Errorf("after the call the socket closes with %d, want 1000", code)
	}
	if e := nextEvent(t, alerts); e.Type != interaction.EventMark {
		t.Errorf("the filtered subscriber's event: %+v", e)
	}
	pinged := make(chan struct{}, 1)
	all.SetPingHandler(func(string) error {
		select {
		case pinged <- struct{}{}:
		default:
		}
		return all.WriteControl(websocket.PongMessage, nil, time.Now().Add(time.Second))
	})
	closed := make(chan int, 1)
	go func() { closed <- closedWith(t, all) }()
	receive(t, pinged)
	s.Close()
	if code := receive(t, closed); code != websocket.CloseGoingAway {
		t.Errorf("a server that goes away closes with %d, want 1001", code)
	}
	if _, resp, err := websocket.DefaultDialer.Dial(url+"/v1/events", http.Header{"X-Tenant": {"x"}}); err == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a socket after Close: %v", err)
	}
}

func TestSocketSaysWhatWasLost(t *testing.T) {
	b := bus(t, start(t, BrokerOptions{Dir: t.TempDir()}), BusOptions{Subscriber: 2})
	_, url := socketServer(t, b, SocketOptions{})
	c := dial(t, url+"/v1/events", http.Header{})
	// More than every buffer between here and there takes, while nobody reads.
	const n = 3000
	filler := strings.Repeat("x", 8<<10)
	for seq := int64(1); seq <= n; seq++ {
		publish(t, b, interaction.Event{Tenant: "x", CallID: "c", Type: interaction.EventProgress, Seq: seq, Message: filler})
	}
	publish(t, b, interaction.Event{Tenant: "x", CallID: "c", Type: interaction.EventError, Seq: n + 1})
	var got, lost int64
	for {
		_, body, err := c.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		var e interaction.Event
		if err := json.Unmarshal(body, &e); err != nil {
			t.Fatal(err)
		}
		if e.Type == interaction.EventLost {
			lost += e.Count
			continue
		}
		got++
		if e.Type == interaction.EventError {
			break
		}
	}
	if out := b.Stats().LostOutgoing; got+lost+out != n+1 || lost == 0 {
		t.Errorf("%d came, %d told as lost, %d lost before; want %d together and some lost", got, lost, out, n+1)
	}
}

func TestSocketRefuses(t *testing.T) {
	b := bus(t, start(t, BrokerOptions{Dir: t.TempDir()}), BusOptions{})
	_, url := socketServer(t, b, SocketOptions{MaxConn: 1, Origins: []string{"https://console.example"}})
	for _, c := range []struct {
		name, path string
		header     http.Header
		want       int
	}{
		{"no_tenant", "/v1/events", http.Header{}, http.StatusUnauthorized},
		{"unknown_kind", "/v1/events?kind=gossip", http.Header{"X-Tenant": {"x"}}, http.StatusBadRequest},
		{"foreign_origin", "/v1/events", http.Header{"X-Tenant": {"x"}, "Origin": {"https://evil.example"}}, http.StatusForbidden},
	} {
		_, resp, err := websocket.DefaultDialer.Dial(url+c.path, c.header)
		if err == nil || resp == nil || resp.StatusCode != c.want {
			t.Errorf("%s: %v, %v; want status %d", c.name, resp, err, c.want)
		}
	}
	req, err := http.NewRequest(http.MethodGet, "http"+strings.TrimPrefix(url, "ws")+"/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Tenant", "x")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if resp.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("a plain request: %d, want 426", resp.StatusCode)
	}
	dial(t, url+"/v1/events", http.Header{"Origin": {"https://console.example"}})
	_, resp, err = websocket.DefaultDialer.Dial(url+"/v1/events", http.Header{"X-Tenant": {"x"}})
	if err == nil || resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("one socket too many: %v, want status 503 with Retry-After", err)
	}
}
