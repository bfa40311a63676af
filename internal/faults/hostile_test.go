package faults

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"path/filepath"

	"github.com/gorilla/websocket"
)

// TestHostileClients attacks the server while calls run: they and the server must not notice.
func TestHostileClients(t *testing.T) {
	halfOpen, calls := size(100, 1000), size(2, 10)
	dir := t.TempDir()
	n := newNode(t, dir, "--db", filepath.Join(dir, "timbre.db"))
	n.start()
	all := dialAll(t, n, "calm", calls)

	// Sockets that begin a request and never end it.
	var open []net.Conn
	for range halfOpen {
		c, err := net.Dial("tcp", n.addr)
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

	attack := func(what string, tries int, try func(i int) bool) {
		refused := 0
		for i := range tries {
			if try(i) && n.alive() {
				refused++
			}
		}
		report(t, row{what, tries, refused, tries - refused, "tries", ""})
	}
	dialWS := func() (*websocket.Conn, bool) {
		ws, r, err := websocket.DefaultDialer.Dial("ws://"+n.addr+"/v1/stream", nil)
		if err != nil {
			return nil, false
		}
		r.Body.Close()
		return ws, true
	}
	// closed reports whether the server ends the connection by itself.
	closed := func(ws *websocket.Conn, most time.Duration) bool {
		defer ws.Close()
		if ws.SetReadDeadline(time.Now().Add(most)) != nil {
			return false
		}
		for {
			if _, _, err := ws.ReadMessage(); err != nil {
				e, ok := err.(net.Error)
				return !ok || !e.Timeout()
			}
		}
	}
	attack("messages of 10 MB are refused", size(2, 20), func(int) bool {
		ws, ok := dialWS()
		if !ok {
			return false
		}
		_ = ws.WriteMessage(websocket.BinaryMessage, make([]byte, 10<<20)) // it may be cut off before its end
		return closed(ws, 10*time.Second)
	})
	attack("bodies of 10 MB for a small request are refused", size(2, 20), func(int) bool {
		status, _, err := n.do(http.MethodPost, "/v1/consents", "", []byte(`{"ref":"`+strings.Repeat("x", 10<<20)+`"}`))
		return err != nil || status >= 400 && status < 500
	})
	attack("malformed frames and texts end their own socket", size(10, 200), func(i int) bool {
		ws, ok := dialWS()
		if !ok {
			return false
		}
		junk := make([]byte, 64+i)
		_, _ = rand.Read(junk) // never fails
		junk[0] |= 0x70        // reserved bits: what follows cannot be the beginning of a long frame, for whose rest a server may wait
		texts := []string{"{", `{"type":"start","rate":-1}`, `{"type":"start","rate":1e99,"channels":9999999}`, `[]`, "\x00", `{"type":"bind","agent_id":"` + strings.Repeat("x", 600) + `"}`}
		var err error
		if i%2 == 0 {
			err = ws.WriteMessage(websocket.TextMessage, []byte(texts[i/2%len(texts)]))
		} else {
			_, err = ws.NetConn().Write(junk) // no frame at all
		}
		return err == nil && closed(ws, 20*time.Second)
	})
	attack("garbage in the place of a request ends its own socket", size(10, 200), func(int) bool {
		c, err := net.Dial("tcp", n.addr)
		if err != nil {
			return false
		}
		defer c.Close()
		junk := make([]byte, 4096)
		_, _ = rand.Read(junk)
		if _, err := c.Write(append(junk, "\r\n\r\n"...)); err != nil {
			return true // refused before the end
		}
		if c.SetReadDeadline(time.Now().Add(15*time.Second)) != nil {
			return false
		}
		answer := make([]byte, 64)
		k, err := c.Read(answer)
		return err != nil || strings.Contains(string(answer[:k]), " 400 ")
	})
	// One byte at a time: the server must not wait for ever.
	slow, err := net.Dial("tcp", n.addr)
	if err != nil {
		t.Fatal(err)
	}
	cut := 0
	for i, b := 0, []byte("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "+strings.Repeat("x", 400)); i < 25*10; i++ {
		if _, err := slow.Write(b[i%len(b) : i%len(b)+1]); err != nil {
			cut = 1
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	slow.Close()
	report(t, row{"a header of ten bytes a second is cut off", 1, cut, 1 - cut, "sockets", ""})

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
	if n.mention("panic") {
		t.Error("the log tells of a panic")
	}
	n.stop()
}
