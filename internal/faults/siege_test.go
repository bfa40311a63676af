package faults

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/timbre-voice/timbre/internal/testkit"
)

// siege is a server under attack. What attacks comes from an address of its own, so that the limits on it are not those of the calls.
type siege struct {
	t *testing.T
	n *node
}

// attacker dials from the second address of the loopback network.
var attacker = &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}, Timeout: 10 * time.Second}

// attack tries something again and again; a try is survived when it was refused and the server answers after it.
func (s siege) attack(what string, tries int, try func(i int) bool) {
	s.t.Helper()
	survived := 0
	for i := range tries {
		if try(i) && s.n.alive() {
			survived++
		}
	}
	report(s.t, row{what, tries, survived, tries - survived, "tries", ""})
}

// ask sends a request, again while the answer is that so many were too much at a time: what is asked is judged, not how often.
func (s siege) ask(method, path string, body []byte, header ...string) (status int, b []byte, err error) {
	within(time.Minute, func() bool {
		status, b, err = s.n.do(method, path, "", body, header...)
		return err != nil || status != http.StatusTooManyRequests
	})
	return status, b, err
}

// socket opens a websocket as an attacker; status is what was answered where there is none.
func (s siege) socket(path string, header http.Header) (ws *websocket.Conn, status int) {
	d := websocket.Dialer{NetDialContext: attacker.DialContext, HandshakeTimeout: 10 * time.Second, EnableCompression: true}
	for { // the limit on handshakes of one address holds for us, too, and is no part of what is tried
		ws, r, err := d.Dial("ws://"+s.n.addr+path, header)
		if r != nil {
			r.Body.Close()
			status = r.StatusCode
		}
		if err == nil {
			return ws, status
		}
		if status != http.StatusTooManyRequests {
			return nil, status
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// ends reports whether the server ends the connection by itself.
func ends(ws *websocket.Conn, most time.Duration) bool {
	defer ws.Close()
	if ws.SetReadDeadline(time.Now().Add(most)) != nil {
		return false
	}
	for {
		if _, _, err := ws.ReadMessage(); err != nil {
			var e net.Error
			return !errors.As(err, &e) || !e.Timeout()
		}
	}
}

// raw sends bytes over TCP and returns the beginning of what is answered, "" where the connection was closed, and whether either
// came in time.
func (s siege) raw(most time.Duration, parts ...[]byte) (string, bool) {
	c, err := attacker.Dial("tcp", s.n.addr)
	if err != nil {
		return "", false
	}
	defer c.Close()
	for _, p := range parts {
		if _, err := c.Write(p); err != nil {
			return "", true // refused before the end
		}
	}
	if c.SetReadDeadline(time.Now().Add(most)) != nil {
		return "", false
	}
	answer := make([]byte, 256)
	k, err := c.Read(answer)
	var e net.Error
	return string(answer[:k]), err == nil || !errors.As(err, &e) || !e.Timeout()
}

// message is one of a recorded conversation.
type message struct {
	binary bool
	data   []byte
}

// conversations reads what each dialect's platform says, from the fixtures of the dialects, by path.
func conversations(t *testing.T) map[string][][]message {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(testkit.Root(t), "server", "ingest", "testdata", "*", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	out := map[string][][]message{}
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file))
		path := map[string]string{"generic": "/v1/stream", "listen": "/v1/listen"}[name]
		if path == "" {
			path = "/v1/ingest/" + name
		}
		var all []message
		for line := range strings.Lines(string(testkit.Read(t, file))) {
			line = strings.TrimSuffix(line, "\n")
			kind, rest, _ := strings.Cut(line, " ")
			switch kind {
			case ">":
				all = append(all, message{data: []byte(rest)})
			case ">>", ">64":
				count, rest, _ := strings.Cut(rest, " ")
				what, text, _ := strings.Cut(rest, " ")
				n, err := strconv.Atoi(count)
				b, herr := hex.DecodeString(what)
				if err != nil || herr != nil {
					continue
				}
				b = bytes.Repeat(b, n)
				if kind == ">64" {
					all = append(all, message{data: []byte(strings.Replace(text, "%s", base64.StdEncoding.EncodeToString(b), 1))})
				} else {
					all = append(all, message{binary: true, data: b})
				}
			}
		}
		if len(all) > 0 {
			out[path] = append(out[path], all)
		}
	}
	return out
}

// mutate returns a message that is no longer what it was.
func mutate(r *rand.Rand, m message) message {
	b := bytes.Clone(m.data)
	for range 1 + r.IntN(4) {
		at := r.IntN(len(b) + 1)
		switch r.IntN(7) {
		case 0: // cut
			b = b[:at]
		case 1: // doubled
			b = append(b, b[min(at, len(b)):]...)
		case 2: // a bit
			if at < len(b) {
				b[at] ^= 1 << r.IntN(8)
			}
		case 3: // the numbers
			b = bytes.ReplaceAll(b, []byte("8000"), []byte([]string{"-1", "1e309", "99999999999999999999", "0.5", "NaN", "2147483648"}[r.IntN(6)]))
		case 4: // a deep beginning
			b = append(bytes.Repeat([]byte(`{"start":[`), 5000), b...)
		case 5: // types
			b = bytes.Replace(b, []byte(`":"`), []byte(`":[{"`), 1)
		case 6:
			m.binary = !m.binary
		}
	}
	m.data = b[:min(len(b), 200_000)]
	return m
}

// peak returns the most memory that the server's process has had resident, in MiB.
func (n *node) peak(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	var kib int
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatalf("VmHWM: %v", err)
	}
	return kib >> 10
}

// metric returns the sum of a metric over its labels, those alone that the line holds.
func (n *node) metric(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	status, b, err := n.do(http.MethodGet, "/metrics", n.key, nil)
	if err != nil || status != http.StatusOK {
		t.Fatalf("metrics: status %d, %v", status, err)
	}
	sum, found := 0.0, false
lines:
	for line := range strings.Lines(string(b)) {
		if !strings.HasPrefix(line, name+"{") && !strings.HasPrefix(line, name+" ") {
			continue
		}
		found = true
		for _, l := range labels {
			if !strings.Contains(line, l) {
				continue lines
			}
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' '):]), 64)
		if err != nil {
			t.Fatalf("metric %q: %v", line, err)
		}
		sum += v
	}
	if !found {
		t.Fatalf("no metric %s", name)
	}
	return sum
}
