package ingest

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"
)

// connect opens a websocket and fails the test where it is refused.
func connect(t *testing.T, url string, header http.Header) *conn {
	t.Helper()
	c, resp, err := dial(t.Context(), url, header, nil, 1<<20, 10*time.Second)
	if err != nil {
		t.Fatalf("%v %v", err, resp)
	}
	t.Cleanup(c.abort)
	return c
}

// closing reads to the end of a connection and returns the close code.
func closing(t *testing.T, c *conn) int {
	t.Helper()
	for {
		if _, _, err := c.read(); err != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatalf("the server does not close in order: %v", err)
			}
			return c.closeCode
		}
	}
}

// statusOf returns what a request is answered with.
func statusOf(t *testing.T, url string, upgrade bool, header http.Header) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http"+strings.TrimPrefix(url, "ws"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for k := range header {
		r.Header.Set(k, header.Get(k))
	}
	if upgrade {
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "websocket")
		r.Header.Set("Sec-WebSocket-Version", "13")
		r.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return resp.StatusCode, "", resp.Header
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body), resp.Header
}

// keys knows one key.
type keys struct{ key, tenant string }

func (k keys) Ingest(_ context.Context, key string) (string, error) {
	if !equal(key, k.key) {
		return "", errors.New("keys: not known")
	}
	return k.tenant, nil
}

type failingEndpoints struct{}

func (failingEndpoints) Endpoint(context.Context, string, string) (Endpoint, error) {
	return Endpoint{}, errors.New("store: password of the database is hunter2")
}

func TestAdmission(t *testing.T) {
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("anybody:t0ken"))
	closed := Options{Endpoints: endpoints{"twilio/main": {Tenant: "acme", Token: "t0ken"}, "asterisk/open": {Tenant: "acme"}}, Keys: keys{"k3y", "acme"}}
	for _, c := range []struct {
		name    string
		o       Options
		path    string
		header  http.Header
		upgrade bool
		want    int
		says    string
	}{
		{"no_upgrade", closed, "/v1/ingest/twilio/main", nil, false, 426, "this path takes websockets"},
		{"unknown_dialect", closed, "/v1/ingest/morse", nil, true, 404, "want /v1/stream, /v1/listen or /v1/ingest/ with one of asterisk, audiohook,"},
		{"generic_has_its_own_path", closed, "/v1/ingest/generic", nil, true, 404, "no dialect"},
		{"audiosocket_has_none", closed, "/v1/ingest/audiosocket", nil, true, 404, "no dialect"},
		{"empty_endpoint", closed, "/v1/ingest/twilio/", nil, true, 404, "no dialect"},
		{"path_too_long", closed, "/v1/ingest/twilio/main/x", nil, true, 404, "no dialect"},
		{"unknown_endpoint", closed, "/v1/ingest/twilio/other", nil, true, 404, "no endpoint of this name"},
		{"no_default_endpoint", closed, "/v1/ingest/twilio", nil, true, 404, "no endpoint of this name"},
		{"no_token", closed, "/v1/ingest/twilio/main", nil, true, 401, "no token"},
		{"wrong_token", closed, "/v1/ingest/twilio/main?token=x", nil, true, 401, "wrong token"},
		{"token_in_query", closed, "/v1/ingest/twilio/main?token=t0ken", nil, true, 101, ""},
		{"token_as_bearer", closed, "/v1/ingest/twilio/main", http.Header{"Authorization": {"Bearer t0ken"}}, true, 101, ""},
		{"token_as_password", closed, "/v1/ingest/twilio/main", http.Header{"Authorization": {basic}}, true, 101, ""},
		{"loopback_without_token", closed, "/v1/ingest/asterisk/open", nil, true, 101, ""},
		{"no_key", closed, "/v1/stream", nil, true, 401, "no key"},
		{"wrong_key", closed, "/v1/stream", http.Header{"Authorization": {"Bearer guess"}}, true, 401, "the key is not known"},
		{"key", closed, "/v1/stream", http.Header{"Authorization": {"Bearer k3y"}}, true, 101, ""},
		{"key_as_deepgram_sends_it", closed, "/v1/listen", http.Header{"Authorization": {"Token k3y"}}, true, 101, ""},
		{"key_as_subprotocol", closed, "/v1/listen", http.Header{"Sec-Websocket-Protocol": {"token, k3y"}}, true, 101, ""},
		{"open_on_loopback", Options{Open: true}, "/v1/stream", nil, true, 101, ""},
		{"open_without_keys_takes_any", Options{Open: true}, "/v1/listen", http.Header{"Authorization": {"Token x"}}, true, 101, ""},
		{"open_does_not_forgive_a_wrong_key", Options{Open: true, Keys: keys{"k3y", "acme"}}, "/v1/stream", http.Header{"Authorization": {"Bearer x"}}, true, 401, "the key is not known"},
		{"store_is_down", Options{Endpoints: failingEndpoints{}, Open: true}, "/v1/ingest/twilio", nil, true, 500, "internal: the call could not be taken"},
		{"odd_origin", Options{Open: true}, "/v1/stream", http.Header{"Origin": {"null"}}, true, 101, ""},
		{"deflate_is_declined", Options{Open: true}, "/v1/stream", http.Header{"Sec-Websocket-Extensions": {"permessage-deflate; client_max_window_bits"}}, true, 101, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, c.o)
			status, body, header := statusOf(t, s.ws(c.path), c.upgrade, c.header)
			if status != c.want || !strings.Contains(body, c.says) || strings.Contains(body, "hunter2") {
				t.Errorf("%d %s, want %d and %q", status, body, c.want, c.says)
			}
			if e := header.Get("Sec-Websocket-Extensions"); e != "" {
				t.Errorf("extension %q was accepted", e)
			}
			if status == 401 && header.Get("WWW-Authenticate") == "" {
				t.Error("401 without a challenge")
			}
		})
	}
}

// TestOnlyLoopbackIsOpen asks as a remote address would, which a test cannot have.
func TestOnlyLoopbackIsOpen(t *testing.T) {
	r := &http.Request{RemoteAddr: "192.0.2.7:4000", Header: http.Header{}, URL: &url.URL{Path: "/v1/stream"}}
	h := serve(t, Options{Open: true}).h
	if err := admitByKey(h, r, &Endpoint{}); err == nil {
		t.Error("a remote address needs no key")
	}
	if err := admitByToken(h, r, &Endpoint{}); err == nil {
		t.Error("a remote address needs no token")
	}
	if _, err := h.endpoint(r, h.dialects["twilio"], ""); err == nil {
		t.Error("a remote address has a default endpoint")
	}
}

func TestSubprotocolIsOneOfThoseOffered(t *testing.T) {
	s := serve(t, Options{Open: true})
	_, _, header := statusOf(t, s.ws("/v1/ingest/freeswitch"), true, http.Header{"Sec-Websocket-Protocol": {"audio.drachtio.org, other"}})
	if got := header.Get("Sec-WebSocket-Protocol"); got != "audio.drachtio.org" {
		t.Errorf("subprotocol %q", got)
	}
	if _, _, header = statusOf(t, s.ws("/v1/ingest/freeswitch"), true, nil); header.Get("Sec-WebSocket-Protocol") != "" {
		t.Errorf("subprotocol %q where none was offered", header.Get("Sec-WebSocket-Protocol"))
	}
}

func TestCapsAndRates(t *testing.T) {
	now := fixtureNow
	limits := quick()
	limits.PerRemote, limits.Handshakes, limits.Burst = 2, 1, 4
	s := serve(t, Options{Open: true, Limits: limits, Now: func() time.Time { return now }})
	a, b := connect(t, s.ws("/v1/stream"), nil), connect(t, s.ws("/v1/stream"), nil)
	if status, body, header := statusOf(t, s.ws("/v1/stream"), true, nil); status != 429 || !strings.Contains(body, "connections from one address: 3, want at most 2") || header.Get("Retry-After") == "" {
		t.Errorf("%d %s", status, body)
	}
	a.close(closeNormal, "", time.Second)
	b.close(closeNormal, "", time.Second)
	for s.h.counters["generic"].open.Load() > 0 {
		runtime.Gosched()
	}
	limits.PerRemote = 100
	g := newGate(limits.withDefaults(), func() time.Time { return now })
	for i := range 4 {
		if no := g.enter("198.51.100.1:1"); no != nil {
			t.Fatalf("handshake %d: %v", i, no)
		}
	}
	if no := g.enter("198.51.100.1:2"); no == nil || no.status != 429 {
		t.Errorf("handshake 5: %v, want it refused", no)
	}
	if no := g.enter("198.51.100.2:1"); no != nil {
		t.Errorf("another address: %v", no)
	}
	now = now.Add(time.Second)
	if no := g.enter("198.51.100.1:3"); no != nil {
		t.Errorf("a second later: %v", no)
	}
}

// TestGateForgets holds that addresses that come and go do not fill the memory.
func TestGateForgets(t *testing.T) {
	now := fixtureNow
	g := newGate(Limits{}.withDefaults(), func() time.Time { return now })
	for i := range 3 * maxRemotes {
		address := fmt.Sprintf("10.%d.%d.%d:9", i>>16, i>>8&255, i&255)
		if no := g.enter(address); no != nil {
			t.Fatalf("address %d: %v", i, no)
		}
		g.leave(address)
		now = now.Add(time.Second)
	}
	if len(g.remotes) > maxRemotes {
		t.Errorf("%d addresses are remembered", len(g.remotes))
	}
}

func TestMessagesBeyondTheLimit(t *testing.T) {
	for _, size := range []int{1<<20 + 1, 10 << 20} {
		s := serve(t, Options{Open: true})
		c := connect(t, s.ws("/v1/stream?rate=8000&encoding=mulaw"), nil)
		if err := c.writeBinary(make([]byte, 160)); err != nil {
			t.Fatal(err)
		}
		c.writeBinary(make([]byte, size)) // it may be cut off by the answer
		if call := <-s.calls.ended; call.how != EndFailed || len(call.tracks[0]) != 160 {
			t.Errorf("%d bytes: end %s after %d samples", size, call.how, len(call.tracks[0]))
		}
	}
	s := serve(t, Options{Open: true})
	c := connect(t, s.ws("/v1/ingest/twilio"), nil)
	c.writeText(bytes.Repeat([]byte(" "), 1<<20+1))
	if code := closing(t, c); code != closeTooLarge {
		t.Errorf("a text beyond the limit: close %d, want %d", code, closeTooLarge)
	}
}

func TestSilentConnections(t *testing.T) {
	for name, c := range map[string]struct {
		limits Limits
		says   string
	}{
		"no_start":   {Limits{StartTimeout: time.Millisecond}, "no audio began within"},
		"dead_peer":  {Limits{IdleTimeout: 50 * time.Millisecond}, "nothing received for"},
		"no_message": {Limits{QuietTimeout: time.Nanosecond, PingEvery: 20 * time.Millisecond}, "no message for"},
		"too_long":   {Limits{MaxDuration: 20 * time.Millisecond}, "the connection lasts longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			c.limits.CloseGrace = time.Millisecond
			s := serve(t, Options{Open: true, Limits: c.limits})
			ws := connect(t, s.ws("/v1/stream?rate=8000&encoding=mulaw"), nil)
			if name != "no_start" {
				if err := ws.writeBinary(make([]byte, 160)); err != nil {
					t.Fatal(err)
				}
			}
			if code := closing(t, ws); code != closePolicy || !strings.Contains(ws.closeText, c.says) {
				t.Errorf("close %d %s, want %d and %q", code, ws.closeText, closePolicy, c.says)
			}
			if name == "no_start" {
				return
			}
			if call := <-s.calls.ended; call.how != EndDropped {
				t.Errorf("end %s, want dropped", call.how)
			}
		})
	}
}

// TestPongsKeepAConnection holds that a client that only answers pings is alive.
func TestPongsKeepAConnection(t *testing.T) {
	s := serve(t, Options{Open: true, Limits: Limits{IdleTimeout: 300 * time.Millisecond, PingEvery: 20 * time.Millisecond, CloseGrace: time.Millisecond}})
	c := connect(t, s.ws("/v1/stream?rate=8000&encoding=mulaw"), nil)
	if err := c.writeBinary(make([]byte, 160)); err != nil {
		t.Fatal(err)
	}
	pings := 0
	answer := c.ws.PingHandler()
	c.ws.SetPingHandler(func(data string) error {
		if pings++; pings == 40 { // more than twice the idle time
			return c.ws.Close()
		}
		return answer(data)
	})
	for {
		if _, _, err := c.read(); err != nil {
			break
		}
	}
	if call := <-s.calls.ended; pings < 40 || call.how != EndDropped {
		t.Errorf("ended with %s after %d pings, want 40", call.how, pings)
	}
}

// TestPingFlood sends more pings than anybody needs, and audio among them.
func TestPingFlood(t *testing.T) {
	s := serve(t, Options{Open: true})
	c := connect(t, s.ws("/v1/stream?rate=8000&encoding=mulaw"), nil)
	heard := make(chan int)
	go func() { // takes the pongs
		for {
			if _, _, err := c.read(); err != nil {
				heard <- c.closeCode
				return
			}
		}
	}()
	for i := range 20000 {
		if err := c.ping(); err != nil {
			t.Fatal(err)
		}
		if i%100 == 0 {
			if err := c.writeBinary(make([]byte, 160)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.writeText([]byte(`{"type":"stop"}`)); err != nil {
		t.Fatal(err)
	}
	if call := <-s.calls.ended; len(call.tracks[0]) != 200*160 || call.how != EndStop {
		t.Errorf("%d samples, end %s", len(call.tracks[0]), call.how)
	}
	if code := <-heard; code != closeNormal {
		t.Errorf("close %d", code)
	}
}

// TestBackPressure blocks the call and sends ever more: the sender must be stopped, and nothing be lost.
func TestBackPressure(t *testing.T) {
	blocked := make(chan struct{})
	s := serve(t, Options{Open: true, Calls: blockingCalls{blocked, newFakeCalls()}})
	c := connect(t, s.ws("/v1/ingest/freeswitch"), nil)
	sent, stopped := 0, false
	for !stopped {
		c.ws.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		if c.ws.WriteMessage(2, make([]byte, 1<<16)) != nil { // gorilla cannot go on after this
			stopped = true
		}
		if sent++; sent > 4096 {
			t.Fatal("256 MiB were taken while the call stood still")
		}
	}
	close(blocked)
	c.abort()
	calls := s.h.opts.Calls.(blockingCalls).inner
	call := <-calls.ended
	if n := len(call.tracks[0]); n < (sent-1)<<15 || call.how != EndDropped {
		t.Errorf("%d samples of %d messages that were sent whole, end %s", n, sent-1, call.how)
	}
}

// blockingCalls opens calls whose writes wait.
type blockingCalls struct {
	blocked chan struct{}
	inner   *fakeCalls
}

func (b blockingCalls) Open(ctx context.Context, s Start) (Call, error) {
	c, err := b.inner.Open(ctx, s)
	if err == nil {
		c.(*fakeCall).blocked = b.blocked
	}
	return c, err
}

// faultyCalls opens calls that cannot be written to.
type faultyCalls struct{ inner *fakeCalls }

func (f faultyCalls) Open(ctx context.Context, s Start) (Call, error) {
	c, err := f.inner.Open(ctx, s)
	if err == nil {
		c.(*fakeCall).tracks = nil // the first write is out of range
	}
	return c, err
}

func TestFaultOfOursIsOneStreams(t *testing.T) {
	calls := newFakeCalls()
	s := serve(t, Options{Open: true, Calls: faultyCalls{calls}})
	c := connect(t, s.ws("/v1/stream?rate=8000&encoding=mulaw"), nil)
	if err := c.writeBinary(make([]byte, 160)); err != nil {
		t.Fatal(err)
	}
	if call := <-calls.ended; call.how != EndFailed {
		t.Errorf("end %s", call.how)
	}
	if status, _, _ := statusOf(t, s.ws("/v1/stream"), true, nil); status != 101 {
		t.Errorf("the next stream is answered with %d", status)
	}
}

func TestShutdownEndsStreamsInOrder(t *testing.T) {
	s := serve(t, Options{Open: true})
	c := connect(t, s.ws("/v1/stream?rate=8000&encoding=mulaw"), nil)
	idle := connect(t, s.ws("/v1/ingest/twilio"), nil)
	if err := c.writeBinary(make([]byte, 160)); err != nil {
		t.Fatal(err)
	}
	if _, data, err := c.read(); err != nil || !strings.Contains(string(data), "session_started") {
		t.Fatalf("%s %v", data, err)
	}
	done := make(chan error, 1)
	go func() { done <- s.h.Shutdown(context.Background()) }()
	_, data, err := c.read()
	if err != nil || !strings.Contains(string(data), `"session_ended"`) || !strings.Contains(string(data), `"drained"`) {
		t.Errorf("%s %v, want session_ended before the close", data, err)
	}
	if code := closing(t, c); code != closeGoingAway {
		t.Errorf("close %d, want %d", code, closeGoingAway)
	}
	if code := closing(t, idle); code != closeGoingAway {
		t.Errorf("a stream without a start: close %d, want %d", code, closeGoingAway)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if call := <-s.calls.ended; call.how != EndDrained {
		t.Errorf("end %s", call.how)
	}
	if status, body, _ := statusOf(t, s.ws("/v1/stream"), true, nil); status != 503 {
		t.Errorf("after the shutdown: %d %s, want 503", status, body)
	}
}

func TestRefusalsOfCalls(t *testing.T) {
	for err, want := range map[error]int{ErrBusy: closeTryLater, ErrMismatch: closeBadData, errors.New("live: secret detail"): closeInternal} {
		s := serve(t, Options{Open: true})
		s.calls.fail = err
		c := connect(t, s.ws("/v1/ingest/asterisk"), nil)
		if err := c.writeText([]byte("MEDIA_START format:ulaw channel_id:1")); err != nil {
			t.Fatal(err)
		}
		if code := closing(t, c); code != want || strings.Contains(c.closeText, "secret") {
			t.Errorf("%v: close %d %s, want %d", err, code, c.closeText, want)
		}
	}
}

// TestALostRecordIsNotConfirmed: a platform that ended in order takes a close in order for the word that the record is safe.
func TestALostRecordIsNotConfirmed(t *testing.T) {
	for lost, want := range map[error]int{nil: closeNormal, errors.New("live: disk on fire"): closeInternal} {
		s := serve(t, Options{Open: true})
		s.calls.lose = lost
		c := connect(t, s.ws("/v1/stream?rate=8000&encoding=mulaw"), nil)
		if err := errors.Join(c.writeBinary(make([]byte, 160)), c.writeText([]byte(`{"type":"stop"}`))); err != nil {
			t.Fatal(err)
		}
		if code := closing(t, c); code != want || strings.Contains(c.closeText, "fire") {
			t.Errorf("%v: close %d %s, want %d", lost, code, c.closeText, want)
		}
	}
}

// TestAudioSocketOnTheWire sends frames, good and bad, over TCP.
func TestAudioSocketOnTheWire(t *testing.T) {
	uuid := append([]byte{socketUUID, 0, 16}, bytes.Repeat([]byte{0xab}, 16)...)
	frame := func(kind byte, n int) []byte { return append([]byte{kind, byte(n >> 8), byte(n)}, make([]byte, n)...) }
	for name, c := range map[string]struct {
		frames [][]byte
		notes  string // empty: no call
	}{
		"wideband_and_keys": {[][]byte{uuid, frame(0x12, 640), {socketDTMF, 0, 1, '7'}, frame(0x12, 276), {socketHangup, 0, 0}}, "encoding=pcm_s16le rate=16000; track 0 mono role= separated=false mixed=false; start contact_id=abababab-abab-abab-abab-abababababab; write 0: 320 samples; digit 0: 7 for 0 ms; write 0: 138 samples; end stop"},
		"fin_alone":         {[][]byte{uuid, frame(0x10, 320), nil}, "rate=8000; track 0 mono role= separated=false mixed=false; start contact_id=abababab-abab-abab-abab-abababababab; write 0: 160 samples; end close"},
		"cut_in_a_frame":    {[][]byte{uuid, frame(0x10, 320), {0x10, 1}, nil}, "end dropped"},
		"other_rate":        {[][]byte{uuid, frame(0x10, 320), frame(0x11, 480)}, "end failed"},
		"error_and_unknown": {[][]byte{uuid, {socketError, 0, 1, 2}, {0x77, 0, 0}, frame(0x10, 320), {socketHangup, 0, 0}}, "end stop"},
		"audio_first":       {[][]byte{frame(0x10, 320)}, ""},
		"short_uuid":        {[][]byte{{socketUUID, 0, 1, 9}}, ""},
		"two_uuids":         {[][]byte{uuid, uuid}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, Options{})
			tcp, err := net.Dial("tcp", strings.TrimPrefix(address(t, s, "audiosocket"), "tcp://"))
			if err != nil {
				t.Fatal(err)
			}
			defer tcp.Close()
			for _, f := range c.frames {
				if f == nil {
					err = tcp.(*net.TCPConn).CloseWrite()
				} else {
					_, err = tcp.Write(f)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			heard, err := io.ReadAll(tcp)
			if err != nil && !strings.Contains(err.Error(), "reset") {
				t.Fatal(err)
			}
			if len(c.frames) > 0 && c.frames[len(c.frames)-1] != nil && !bytes.Equal(heard, []byte{socketHangup, 0, 0}) {
				t.Errorf("heard % x, want a hangup", heard)
			}
			if c.notes == "" {
				if len(s.calls.calls) > 0 {
					t.Errorf("a call was opened: %v", s.calls.calls[0].notes())
				}
				return
			}
			call := <-s.calls.ended
			if got := strings.Join(call.notes(), "; "); !strings.HasSuffix(got, c.notes) {
				t.Errorf("%s, want it to end with %s", got, c.notes)
			}
		})
	}
}

// TestSecretsStayOutOfLogs prints an endpoint in every way.
func TestSecretsStayOutOfLogs(t *testing.T) {
	ep := Endpoint{Name: "main", Tenant: "acme", Secret: "hunter2", APIKey: "hunter2", Token: "hunter2"}
	var buf bytes.Buffer
	slog.New(slog.NewTextHandler(&buf, nil)).Info("x", "endpoint", ep)
	fmt.Fprintf(&buf, "%v %+v %s %#v", ep, ep, ep, ep)
	if strings.Contains(buf.String(), "hunter2") {
		t.Errorf("a secret is told: %s", &buf)
	}
}

func TestStatsCount(t *testing.T) {
	s := serve(t, Options{Open: true})
	err := Play(t.Context(), PlayOptions{URL: s.ws("/v1/ingest/twilio"), Dialect: "twilio", Rate: 8000, Customer: tone(1600, 300)})
	if err != nil {
		t.Fatal(err)
	}
	statusOf(t, s.ws("/v1/ingest/twilio/x"), true, nil)
	for s.h.counters["twilio"].open.Load() > 0 {
		runtime.Gosched()
	}
	for _, got := range s.h.Stats() {
		if got.Dialect != "twilio" {
			continue
		}
		if got.Accepted != 1 || got.Refused != 1 || got.Messages != 13 || got.Bytes == 0 || got.Failed+got.Dropped+got.Open != 0 {
			t.Errorf("%+v, want one connection of 13 messages and one refused", got)
		}
		return
	}
	t.Error("no counters of twilio")
}
