package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// conn is a websocket. One goroutine reads; any may write. This file is the only one that knows the library.
type conn struct {
	ws      *websocket.Conn
	limit   int64
	idle    time.Duration // without a frame or a pong, the peer is dead
	halted  atomic.Bool
	writing sync.Mutex
	buf     []byte

	closeCode int // of the peer's close frame, 0 before it came; for the reader
	closeText string
}

const (
	handshakeTimeout = 10 * time.Second
	writeTimeout     = 5 * time.Second
)

// Errors of conn.read.
var (
	errTooLarge = errors.New("ingest: message beyond the limit")
	errIdle     = errors.New("ingest: nothing received in time")
)

// offered returns the subprotocols that a client offers.
func offered(r *http.Request) []string { return websocket.Subprotocols(r) }

// isUpgrade reports whether r asks for a websocket.
func isUpgrade(r *http.Request) bool { return websocket.IsWebSocketUpgrade(r) }

// accept answers the upgrade with one of the subprotocols offered, or none where subprotocol is "". Extensions are declined. No
// origin is checked: platforms send what they like, and what a browser could do here needs a key all the same. On an error the
// answer has been written.
func accept(w http.ResponseWriter, r *http.Request, subprotocol string, limit int64, idle time.Duration) (*conn, error) {
	u := websocket.Upgrader{
		HandshakeTimeout: handshakeTimeout,
		ReadBufferSize:   4096,
		WriteBufferSize:  1024,
		CheckOrigin:      func(*http.Request) bool { return true },
	}
	if subprotocol != "" {
		u.Subprotocols = []string{subprotocol}
	}
	ws, err := u.Upgrade(w, r, nil)
	if err != nil {
		return nil, err
	}
	return newConn(ws, limit, idle), nil
}

// dial opens a websocket as a platform does.
func dial(ctx context.Context, url string, header http.Header, subprotocols []string, limit int64, idle time.Duration) (*conn, *http.Response, error) {
	d := websocket.Dialer{HandshakeTimeout: handshakeTimeout, Subprotocols: subprotocols, Proxy: http.ProxyFromEnvironment}
	ws, resp, err := d.DialContext(ctx, url, header)
	if err != nil {
		return nil, resp, err
	}
	return newConn(ws, limit, idle), resp, nil
}

func newConn(ws *websocket.Conn, limit int64, idle time.Duration) *conn {
	c := &conn{ws: ws, limit: limit, idle: idle}
	ws.SetReadLimit(limit)
	ws.SetPongHandler(func(string) error { return c.ws.SetReadDeadline(time.Now().Add(c.idle)) })
	ping := ws.PingHandler()
	ws.SetPingHandler(func(data string) error {
		if err := c.ws.SetReadDeadline(time.Now().Add(c.idle)); err != nil {
			return err
		}
		return ping(data)
	})
	return c
}

// read returns the next message, borrowed until the next read. The error is io.EOF where the peer closed in order, errTooLarge,
// errIdle, or what broke the connection.
func (c *conn) read() (text bool, data []byte, err error) {
	if err := c.ws.SetReadDeadline(time.Now().Add(c.idle)); err != nil {
		return false, nil, err
	}
	if c.halted.Load() {
		return false, nil, errIdle
	}
	return c.readOn()
}

// readUntil is read with a deadline of its own, for the last words after an interrupt too.
func (c *conn) readUntil(deadline time.Time) (text bool, data []byte, err error) {
	if err := c.ws.SetReadDeadline(deadline); err != nil {
		return false, nil, err
	}
	return c.readOn()
}

// readOn is read with the deadline that was set last.
func (c *conn) readOn() (text bool, data []byte, err error) {
	kind, r, err := c.ws.NextReader()
	if err != nil {
		return false, nil, c.readError(err)
	}
	if c.buf == nil {
		c.buf = make([]byte, 4096)
	}
	n := 0
	for {
		if n == len(c.buf) { // doubling what really came, up to the limit of the reader
			c.buf = append(c.buf, make([]byte, len(c.buf))...)
		}
		k, err := r.Read(c.buf[n:])
		n += k
		if err == io.EOF {
			return kind == websocket.TextMessage, c.buf[:n], nil
		}
		if err != nil {
			return false, nil, c.readError(err)
		}
	}
}

func (c *conn) readError(err error) error {
	var ce *websocket.CloseError
	var ne net.Error
	switch {
	case errors.Is(err, websocket.ErrReadLimit):
		return errTooLarge
	case errors.As(err, &ce) && ce.Code != websocket.CloseAbnormalClosure:
		c.closeCode, c.closeText = ce.Code, ce.Text
		return io.EOF
	case errors.As(err, &ne) && ne.Timeout():
		return errIdle
	}
	return fmt.Errorf("ingest: connection: %w", err)
}

// interrupt makes a waiting read, and every later one, return errIdle. Any goroutine may call it.
func (c *conn) interrupt() {
	c.halted.Store(true) // first, so that a read that sets its deadline after us sees it
	c.ws.NetConn().SetReadDeadline(time.Unix(1, 0))
}

func (c *conn) write(kind int, data []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.ws.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	return c.ws.WriteMessage(kind, data)
}

func (c *conn) writeText(data []byte) error   { return c.write(websocket.TextMessage, data) }
func (c *conn) writeBinary(data []byte) error { return c.write(websocket.BinaryMessage, data) }

func (c *conn) ping() error {
	return c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeTimeout))
}

// close sends a close frame, waits for the peer's for at most wait, and closes the connection.
func (c *conn) close(code int, reason string, wait time.Duration) {
	const most = 123 // a control frame holds 125 bytes, 2 of them the code
	if len(reason) > most {
		reason = reason[:most-3] + "..."
	}
	err := c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(writeTimeout))
	if err == nil || errors.Is(err, websocket.ErrCloseSent) {
		c.drain(wait)
	}
	c.ws.Close()
}

// hangUp sends a close frame; who reads sees the peer's.
func (c *conn) hangUp() {
	c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(closeNormal, ""), time.Now().Add(writeTimeout))
}

// drain reads on and throws away what comes, until the peer closes or the time is over.
func (c *conn) drain(wait time.Duration) (closed bool) {
	deadline := time.Now().Add(wait)
	for {
		if _, _, err := c.readUntil(deadline); err != nil {
			return !errors.Is(err, errIdle)
		}
	}
}

// abort closes the connection without a word.
func (c *conn) abort() { c.ws.Close() }
