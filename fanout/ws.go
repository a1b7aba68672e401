package fanout

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/matchwire/matchwire/fanout/internal/wire"
)

// upgrader takes write buffers from a pool, because gorilla writes little after the handshake.
var upgrader = websocket.Upgrader{
	WriteBufferPool: &sync.Pool{}, HandshakeTimeout: writeTimeout,
	CheckOrigin: func(*http.Request) bool { return true }, // accept has checked the origin
}

// ServeWS serves GET /ws as a WebSocket. The query parameters are topics, match, team, nothing,
// cursor, delay, from, speed, conflate and token. docs/live.md describes them.
func (h *Hub) ServeWS(w http.ResponseWriter, r *http.Request) {
	req, ok := h.accept(w, r)
	if !ok {
		return
	}
	up := upgrader
	// gorilla would accept an offer with server_max_window_bits, and then ignore this parameter.
	extensions := strings.Join(r.Header.Values("Sec-Websocket-Extensions"), ",")
	up.EnableCompression = !strings.Contains(extensions, "server_max_window_bits")
	g := &guard{}
	hijack := &hijacker{ResponseWriter: w, guard: g}
	ws, err := up.Upgrade(hijack, r, nil)
	if err != nil {
		h.removeConnection(req.address)
		return // Upgrade has sent the error response
	}
	hijack.reader.Reset(g.Conn) // bypass the guard, whose Read would add to the stack of each idle connection
	c := newClient(h, g.Conn, g.codec)
	g.client = c
	c.setHandlers(ws)
	h.serve(c, req, func() {
		for c.receive(ws) {
		}
	})
}

// A guard wraps the connection for gorilla. gorilla writes some close frames itself. These would
// overtake the frames that wait for the client. So the guard passes all frames from gorilla to the
// client, which sends them in order.
type guard struct {
	net.Conn
	codec  wire.Codec // negotiated in the handshake
	client *client    // nil during the handshake
}

// Write writes to the connection during the handshake. After the handshake, it passes frames to the
// client.
func (g *guard) Write(b []byte) (int, error) {
	if g.client == nil {
		if bytes.Contains(b, []byte("permessage-deflate")) { // the response names the negotiated extension
			g.codec = wire.Deflated
		}
		return g.Conn.Write(b)
	}
	c := g.client
	c.mu.Lock()
	defer c.mu.Unlock()
	if wire.IsClose(b) {
		c.sendLast(bytes.Clone(b), endProtocol)
	} else {
		c.send(bytes.Clone(b))
	}
	return len(b), nil
}

// SetWriteDeadline sets the deadline only during the handshake. After the handshake, the client sets
// its own deadlines.
func (g *guard) SetWriteDeadline(t time.Time) error {
	if g.client == nil {
		return g.Conn.SetWriteDeadline(t)
	}
	return nil
}

// A hijacker makes gorilla use the guard instead of the connection.
type hijacker struct {
	http.ResponseWriter
	guard  *guard
	reader *bufio.Reader // reads from the connection for gorilla
}

// readBuffer is the size of the read buffer in bytes. It is small, because clients send little.
// gorilla would replace an even smaller buffer with its own.
const readBuffer = 264

// Hijack returns the guard and a small read buffer.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.guard.Conn = conn
	if rw.Reader.Buffered() == 0 { // otherwise gorilla fails the handshake
		h.reader = bufio.NewReaderSize(conn, readBuffer)
		rw.Reader = h.reader
	}
	return h.guard, rw, nil
}
