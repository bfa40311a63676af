package faults

import (
	"bytes"
	"compress/gzip"
	crand "crypto/rand"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// mostGrowth is by how much an attack may grow the server's memory, in MiB.
const mostGrowth = 300

// TestHostileClients attacks the server while calls run: they and the server must not notice.
func TestHostileClients(t *testing.T) {
	halfOpen, calls := size(100, 1000), size(2, 10)
	dir := t.TempDir()
	tcp := freeAddr(t)
	n := newNode(t, dir, "--db", filepath.Join(dir, "timbre.db"), "--audiosocket-addr", tcp)
	n.start()
	s := siege{t, n}
	all := dialAll(t, n, "calm", calls)
	time.Sleep(2 * time.Second)
	before := n.peak(t)

	// Sockets that begin a request and never end it.
	var open []net.Conn
	for range halfOpen {
		c, err := attacker.Dial("tcp", n.addr)
		if err != nil {
			break
		}
		fmt.Fprintf(c, "GET /v1/stream HTTP/1.1\r\nHost: x\r\n")
		open = append(open, c)
	}
	held := len(open)
	if !n.alive() {
		held = 0
	}
	report(t, row{"half-open sockets: the server answers beside them", halfOpen, held, halfOpen - held, "sockets", ""})

	slow := s.slow()
	s.frames()
	s.requests()
	s.dialects()
	s.audioSocket(tcp)
	slow()

	confirmed := 0
	for _, c := range all {
		if c.stop(20 * time.Second) {
			if s, err := n.record(c.id); err == nil && s.State == "complete" {
				confirmed++
			}
		}
	}
	for _, c := range open {
		c.Close()
	}
	report(t, row{"calls beside all of it are recorded", calls, confirmed, calls - confirmed, "calls", ""})
	grown := n.peak(t) - before
	bounded := 0
	if grown <= mostGrowth {
		bounded = 1
	}
	report(t, row{"memory beside all of it stays bounded", 1, bounded, 1 - bounded, "server", fmt.Sprintf("peak grew by %d MiB, at most %d", grown, mostGrowth)})
	failed, rejected := n.metric(t, "timbre_ingest_failed_total"), n.metric(t, "timbre_http_request_seconds_count", `="4`)
	shown := 0
	if failed >= 10 && rejected >= 10 {
		shown = 1
	}
	report(t, row{"counters show it", 1, shown, 1 - shown, "server", fmt.Sprintf("%.0f streams ended for what they sent, %.0f requests refused", failed, rejected)})
	for _, word := range []string{"panic", "fault in a stream"} {
		if n.mention(word) {
			t.Errorf("the log tells of a %s", word)
		}
	}
	n.stop()
}

// slow begins to send a header, a body and a message far too slowly, and returns what waits for the server to cut them off.
func (s siege) slow() (wait func()) {
	kinds := []struct {
		what  string
		begin string
		most  time.Duration
		full  bool // takes longer than a small run may
	}{
		{"a header of ten bytes a second is cut off", "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ", 25 * time.Second, false},
		{"a body of ten bytes a second is cut off", "POST /v1/consents HTTP/1.1\r\nHost: " + s.n.addr + "\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n", 50 * time.Second, true},
		{"the slow body of a request that was refused is cut off", "POST /v1/nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", 80 * time.Second, true},
		{"a recording of ten bytes a second is cut off", "POST /v1/recordings HTTP/1.1\r\nHost: " + s.n.addr + "\r\nContent-Length: 100000\r\n\r\n", 50 * time.Second, true},
		{"a message of ten bytes a second is cut off",
			"GET /v1/stream HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n\x81\xfe\xff\xff\x00\x00\x00\x00",
			90 * time.Second, true},
	}
	cut := make([]bool, len(kinds))
	var wg sync.WaitGroup
	for i, k := range kinds {
		if k.full && !*full {
			continue
		}
		wg.Go(func() {
			c, err := attacker.Dial("tcp", s.n.addr)
			if err != nil {
				return
			}
			defer c.Close()
			closed := make(chan struct{})
			go func() { // the server's end of it
				defer close(closed)
				_, _ = io.Copy(io.Discard, c)
			}()
			if _, err := c.Write([]byte(k.begin)); err != nil {
				return
			}
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for end := time.Now().Add(k.most); time.Now().Before(end); {
				select {
				case <-closed:
					cut[i] = true
					return
				case <-tick.C:
				}
				if _, err := c.Write([]byte("x")); err != nil {
					cut[i] = true
					return
				}
			}
		})
	}
	return func() {
		wg.Wait()
		for i, k := range kinds {
			if k.full && !*full {
				continue
			}
			n := 0
			if cut[i] {
				n = 1
			}
			report(s.t, row{k.what, 1, n, 1 - n, "sockets", ""})
		}
	}
}

// frames attacks the sockets.
func (s siege) frames() {
	s.attack("messages of 10 MB are refused", size(2, 20), func(int) bool {
		ws, _ := s.socket("/v1/stream", nil)
		if ws == nil {
			return false
		}
		_ = ws.WriteMessage(websocket.BinaryMessage, make([]byte, 10<<20)) // it may be cut off before its end
		return ends(ws, 10*time.Second)
	})
	s.attack("malformed frames and texts end their own socket", size(10, 200), func(i int) bool {
		ws, _ := s.socket("/v1/stream", nil)
		if ws == nil {
			return false
		}
		junk := make([]byte, 64+i)
		_, _ = crand.Read(junk) // never fails
		junk[0] |= 0x70         // reserved bits: what follows cannot be the beginning of a long frame, for whose rest a server may wait
		texts := []string{"{", `{"type":"start","rate":-1}`, `{"type":"start","rate":1e99,"channels":9999999}`, `[]`, "\x00", `{"type":"bind","agent_id":"` + strings.Repeat("x", 600) + `"}`,
			strings.Repeat(`{"metadata":[`, 50_000), `{"type":"start","rate":1` + strings.Repeat("0", 100_000) + `}`}
		var err error
		if i%2 == 0 {
			err = ws.WriteMessage(websocket.TextMessage, []byte(texts[i/2%len(texts)]))
		} else {
			_, err = ws.NetConn().Write(junk) // no frame at all
		}
		return err == nil && ends(ws, 20*time.Second)
	})
	s.attack("compressed frames, which nobody agreed on, end their own socket", size(2, 20), func(int) bool {
		ws, _ := s.socket("/v1/stream", nil) // which asks for compression, in vain
		if ws == nil {
			return false
		}
		_, err := ws.NetConn().Write([]byte("\xc1\x84\x00\x00\x00\x00\xf2\x48\x01\x00")) // final, compressed, masked text of 4 bytes
		return err == nil && ends(ws, 10*time.Second)
	})
	s.attack("garbage in the place of a request ends its own socket", size(10, 200), func(int) bool {
		junk := make([]byte, 4096)
		_, _ = crand.Read(junk) // never fails
		answer, ok := s.raw(15*time.Second, junk, []byte("\r\n\r\n"))
		return ok && (answer == "" || strings.Contains(answer, " 400 "))
	})
	s.attack("floods of headers are refused", size(2, 50), func(i int) bool {
		flood := []byte(strings.Repeat("X-Flood: "+strings.Repeat("x", 1000)+"\r\n", 1000)) // many
		if i%2 == 0 {
			flood = []byte("X-Flood: " + strings.Repeat("x", 1<<20) + "\r\n") // one
		}
		answer, ok := s.raw(15*time.Second, []byte("GET /v1/stream HTTP/1.1\r\nHost: x\r\n"), flood, []byte("\r\n"))
		return ok && (answer == "" || strings.Contains(answer, " 431 "))
	})
}

// requests attacks the REST interface.
func (s siege) requests() {
	refused := func(path, kind string, body []byte, header ...string) bool {
		status, _, err := s.ask(http.MethodPost, path, body, append([]string{"Content-Type", kind}, header...)...)
		return err != nil || status >= 400 && status < 500 && status != http.StatusTooManyRequests
	}
	s.attack("bodies of 10 MB for a small request are refused", size(2, 20), func(int) bool {
		return refused("/v1/consents", "application/json", []byte(`{"ref":"`+strings.Repeat("x", 10<<20)+`"}`))
	})
	bodies := []string{
		strings.Repeat("[", 500_000), strings.Repeat(`{"a":`, 100_000), `{"speaker_id":1e400,"ref":"r"}`, `{"speaker_id":"x","ref":"r","given_at":"` + strings.Repeat("9", 100_000) + `"}`,
		`{"speaker_id":"` + "\x00" + `","ref":"r"}`, `{"speaker_id":"\ud800","ref":"r"}`, "", "null", "0", `"x"`, "\xff\xfe",
		`{"speaker_id":"` + strings.Repeat("x", 100_000) + `","ref":"r"}`,
	}
	s.attack("deep, huge and broken JSON is refused", size(len(bodies), 20*len(bodies)), func(i int) bool {
		return refused("/v1/consents", "application/json", []byte(bodies[i%len(bodies)]))
	})
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, err := z.Write(make([]byte, 100<<20))
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.attack("a body that unpacks to 100 MB is refused", size(2, 20), func(i int) bool {
		return refused([]string{"/v1/consents", "/v1/tasks"}[i%2], "application/json", bomb.Bytes(), "Content-Encoding", "gzip")
	})
	s.repeated()
	s.lies(bomb.Bytes())
}

// repeated sends one request many times at once under one idempotency key.
func (s siege) repeated() {
	const title = "done once"
	tries := size(10, 100)
	var wg sync.WaitGroup
	for range tries {
		wg.Go(func() {
			_, _, _ = s.ask(http.MethodPost, "/v1/tasks", []byte(`{"title":"`+title+`","customer_id":"c","source":"person","state":"open"}`), "Idempotency-Key", "one-key")
		})
	}
	wg.Wait()
	status, b, err := s.ask(http.MethodGet, "/v1/tasks", nil)
	if err != nil || status != http.StatusOK {
		s.t.Fatalf("tasks: status %d, %v", status, err)
	}
	made := strings.Count(string(b), title)
	lost := max(made-1, 0)
	if made == 0 {
		lost = tries
	}
	report(s.t, row{"one request sent again and again under one Idempotency-Key is done once", tries, tries - lost, lost, "requests", ""})
}

// lies uploads recordings whose header is not true. Each job must come to an end, and the server go on.
func (s siege) lies(further ...[]byte) {
	le32 := func(v uint32) string { return string([]byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)}) }
	le16 := func(v uint16) string { return string([]byte{byte(v), byte(v >> 8)}) }
	wav := func(riff, fmtSize uint32, kind, channels uint16, rate uint32, align, bits uint16, data uint32) []byte {
		return []byte("RIFF" + le32(riff) + "WAVEfmt " + le32(fmtSize) + le16(kind) + le16(channels) + le32(rate) + le32(rate*uint32(align)) + le16(align) + le16(bits) + "data" + le32(data) + strings.Repeat("\x01\x02", 4000))
	}
	const most = 0xffffffff
	lies := [][]byte{
		wav(most, 16, 1, 1, 8000, 2, 16, most), wav(0, 16, 1, 1, 8000, 2, 16, 0), wav(36, 16, 1, 65535, 8000, 65535, 16, most), wav(36, 16, 1, 1, 0, 2, 16, 8000),
		wav(36, 16, 1, 1, most, 2, 16, 8000), wav(36, most, 1, 1, 8000, 2, 16, 8000), wav(36, 16, 1, 0, 8000, 0, 0, 8000), wav(36, 16, 7, 2, 8000, 1, 64, most), wav(36, 0, 1, 1, 8000, 2, 16, 8000),
		wav(36, 16, 0xfffe, 1, 8000, 2, 16, 8000), []byte("RIFF"), []byte("OggS" + strings.Repeat("\xff", 5000)), []byte("fLaC" + strings.Repeat("\xff", 5000)), []byte("ID3" + strings.Repeat("\x7f", 5000)),
		[]byte("\xff\xfb" + strings.Repeat("\xff", 5000)),
	}
	lies = append(lies, further...)
	s.attack("recordings with a lying header come to an end", size(len(lies), 4*len(lies)), func(i int) bool {
		b := lies[i%len(lies)]
		status, out, err := s.ask(http.MethodPost, "/v1/recordings?name=x.wav", b, "Content-Type", "application/octet-stream")
		if err != nil || status >= 500 {
			return false
		}
		if status >= 400 {
			return true
		}
		_, id, _ := strings.Cut(string(out), `"id":"`)
		id, _, _ = strings.Cut(id, `"`)
		return within(time.Minute, func() bool {
			_, out, err := s.ask(http.MethodGet, "/v1/jobs/"+id, nil)
			return err == nil && (strings.Contains(string(out), `"failed"`) || strings.Contains(string(out), `"done"`))
		})
	})
}

// dialects says to every dialect what its platform says, changed at random.
func (s siege) dialects() {
	said := conversations(s.t)
	paths := slices.Sorted(maps.Keys(said))
	r := rand.New(rand.NewPCG(7, 7))
	s.attack("malformed conversations of every dialect end their own socket", size(len(paths), 30*len(paths)), func(i int) bool {
		path := paths[i%len(paths)]
		talk := said[path][r.IntN(len(said[path]))]
		ws, status := s.socket(path, nil)
		if ws == nil {
			return status >= 400 && status < 500
		}
		defer ws.Close()
		for _, m := range talk {
			if r.IntN(2) == 0 {
				m = mutate(r, m)
			}
			kind := websocket.TextMessage
			if m.binary {
				kind = websocket.BinaryMessage
			}
			if ws.WriteMessage(kind, m.data) != nil {
				return true // ended already
			}
		}
		// What was still a conversation ends when its platform hangs up.
		_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
		return ends(ws, 30*time.Second)
	})
	if !within(30*time.Second, func() bool { return s.n.metric(s.t, "timbre_ingest_connections") <= float64(size(2, 10)+1) }) {
		s.t.Errorf("%.0f streams are open that nobody holds", s.n.metric(s.t, "timbre_ingest_connections"))
	}
	s.t.Logf("dialects: %s", strings.Join(paths, " "))
}

// audioSocket sends frames of Asterisk's TCP protocol that are none: a kind, a length in two bytes, and what follows.
func (s siege) audioSocket(addr string) {
	r := rand.New(rand.NewPCG(8, 8))
	s.attack("malformed frames of AudioSocket end their own connection", size(10, 200), func(int) bool {
		c, err := attacker.Dial("tcp", addr)
		if err != nil {
			return false
		}
		defer c.Close()
		junk := make([]byte, 1+r.IntN(2000))
		for i := range junk {
			junk[i] = byte(r.IntN(256))
		}
		if r.IntN(2) == 0 { // behind a good beginning
			junk = append(append([]byte{1, 0, 16}, make([]byte, 16)...), junk...)
		}
		_, _ = c.Write(junk) // it may be cut off before its end
		if tcp, ok := c.(*net.TCPConn); !ok || tcp.CloseWrite() != nil || c.SetReadDeadline(time.Now().Add(20*time.Second)) != nil {
			return true // cut off
		}
		_, err = io.Copy(io.Discard, c)
		e, timeout := err.(net.Error)
		return !timeout || !e.Timeout()
	})
}
