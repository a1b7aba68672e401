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

// Nothing is written through gorilla's buffers.
var upgrader = websocket.Upgrader{
	WriteBufferPool: &sync.Pool{}, HandshakeTimeout: writeTimeout,
	CheckOrigin: func(*http.Request) bool { return true }, // accept has checked it
}

// ServeWS serves a WebSocket:
// GET /ws?topics=soccer.mls.*,*.*.goal&match=ID&team=NAME&cursor=CURSOR&delay=SECONDS&from=TIME&speed=N&conflate=true&token=JWT
func (h *Hub) ServeWS(w http.ResponseWriter, r *http.Request) {
	req, ok := h.accept(w, r)
	if !ok {
		return
	}
	up := upgrader
	// gorilla would agree to another window size, and not keep to it.
	up.EnableCompression = !strings.Contains(strings.Join(r.Header.Values("Sec-Websocket-Extensions"), ","), "server_max_window_bits")
	g := &guard{}
	hijack := &hijacker{ResponseWriter: w, guard: g}
	ws, err := up.Upgrade(hijack, r, nil)
	if err != nil {
		h.removeConnection()
		return // Upgrade has answered
	}
	hijack.reader.Reset(g.Conn) // bypass the guard: each call adds to the stack of every idle connection
	c := newClient(h, g.Conn, g.codec)
	g.client = c
	c.setHandlers(ws)
	h.serve(c, req, func() {
		for c.receive(ws) {
		}
	})
}

// A guard is the connection that gorilla sees. gorilla writes close frames of its own,
// which would overtake the frames that wait for the client. The guard passes them to
// the client.
type guard struct {
	net.Conn
	codec  wire.Codec
	client *client // nil during the handshake
}

func (g *guard) Write(b []byte) (int, error) {
	if g.client == nil {
		if bytes.Contains(b, []byte("permessage-deflate")) { // the response says what was agreed
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

// SetWriteDeadline is for gorilla during the handshake only.
func (g *guard) SetWriteDeadline(t time.Time) error {
	if g.client == nil {
		return g.Conn.SetWriteDeadline(t)
	}
	return nil
}

// A hijacker gives gorilla the guard in place of the connection.
type hijacker struct {
	http.ResponseWriter
	guard  *guard
	reader *bufio.Reader // that gorilla reads with
}

// readBuffer is enough for what clients send, and the least that gorilla keeps.
const readBuffer = 264

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.guard.Conn = conn
	if rw.Reader.Buffered() == 0 { // else gorilla refuses
		h.reader = bufio.NewReaderSize(conn, readBuffer)
		rw.Reader = h.reader
	}
	return h.guard, rw, nil
}
