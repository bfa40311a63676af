package faults

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/timbre-voice/timbre/engine/audio"
	"github.com/timbre-voice/timbre/internal/testkit"
)

// frameMs is how much audio goes out at a time.
const frameMs = 100

// muLaw returns one side of the sample call as mu-law frames of frameMs.
func muLaw(t *testing.T) [][]byte {
	t.Helper()
	x, f, _, err := audio.ReadAll(bytes.NewReader(testkit.Read(t, testkit.Testdata(t, "calls", "short-call.wav"))), 0)
	if err != nil || f.Rate != 8000 {
		t.Fatalf("short-call.wav: %v, %v", f, err)
	}
	payload, err := audio.Encode(nil, "mulaw", x[len(x)-1])
	if err != nil {
		t.Fatal(err)
	}
	var frames [][]byte
	for n := 8 * frameMs; len(payload) >= n; payload = payload[n:] {
		frames = append(frames, payload[:n])
	}
	return frames
}

// call is one live call of the generic dialect.
type call struct {
	id     string
	ws     *websocket.Conn
	sentMs atomic.Int64 // audio handed to the socket
	cancel context.CancelFunc
	done   chan struct{} // closed when nothing is sent any more
	ended  chan struct{} // closed when the server has closed the socket
	clean  atomic.Bool   // after the stop, in order
}

// dial begins a call whose audio comes at the pace of speech until it is stopped.
func dial(n *node, id string, frames [][]byte) (*call, error) { return dialWith(n, id, frames, "") }

// dialWith is dial with further keys of the start message, each behind a comma.
func dialWith(n *node, id string, frames [][]byte, keys string) (*call, error) {
	header := http.Header{}
	if n.key != "" {
		header.Set("Authorization", "Bearer "+n.key)
	}
	ws, r, err := websocket.DefaultDialer.Dial("ws://"+n.addr+"/v1/stream", header)
	if err != nil {
		return nil, err
	}
	r.Body.Close()
	start := fmt.Sprintf(`{"type":"start","call_id":%q,"encoding":"mulaw","rate":8000,"channels":1,"roles":["customer"]%s}`, id, keys)
	if err := ws.WriteMessage(websocket.TextMessage, []byte(start)); err != nil {
		ws.Close()
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &call{id: id, ws: ws, cancel: cancel, done: make(chan struct{}), ended: make(chan struct{})}
	go func() { // what the server says, until it closes
		defer close(c.ended)
		for {
			if _, _, err := ws.ReadMessage(); err != nil {
				c.clean.Store(websocket.IsCloseError(err, websocket.CloseNormalClosure))
				return
			}
		}
	}()
	go func() {
		defer close(c.done)
		tick := time.NewTicker(frameMs * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			if err := ws.WriteMessage(websocket.BinaryMessage, frames[i%len(frames)]); err != nil {
				return
			}
			c.sentMs.Add(frameMs)
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return c, nil
}

// stop ends the call in order and reports whether the server confirmed that the record is in safe hands.
func (c *call) stop(most time.Duration) bool {
	c.cancel()
	<-c.done
	if err := c.ws.WriteMessage(websocket.TextMessage, []byte(`{"type":"stop"}`)); err != nil {
		return false
	}
	select {
	case <-c.ended:
		c.ws.Close()
		return c.clean.Load()
	case <-time.After(most):
		return false
	}
}

// drop breaks the connection.
func (c *call) drop() {
	c.cancel()
	c.ws.Close()
	<-c.done
	<-c.ended
}

// dialAll begins so many calls, or fails.
func dialAll(t *testing.T, n *node, prefix string, count int) []*call {
	t.Helper()
	frames := muLaw(t)
	var out []*call
	for i := range count {
		c, err := dial(n, fmt.Sprintf("%s-%03d", prefix, i), frames)
		if err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
		out = append(out, c)
	}
	return out
}
