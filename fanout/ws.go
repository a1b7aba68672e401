package fanout

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"
)

// Nothing is written through gorilla's buffers.
var upgrader = websocket.Upgrader{
	WriteBufferPool: &sync.Pool{}, HandshakeTimeout: writeTimeout,
	CheckOrigin: func(*http.Request) bool { return true }, // accept has
}

// ServeWS takes a WebSocket connection:
// GET /ws?topics=soccer.mls.*,*.*.goal&match=ID&team=NAME&cursor=CURSOR&delay=SECONDS&from=TIME&speed=N&conflate=true&token=JWT
func (h *Hub) ServeWS(w http.ResponseWriter, r *http.Request) {
	ask, ok := h.accept(w, r)
	if !ok {
		return
	}
	up := upgrader
	// A window of another size than ours was asked for: gorilla would agree, and
	// not keep to it.
	up.EnableCompression = !strings.Contains(strings.Join(r.Header.Values("Sec-Websocket-Extensions"), ","), "server_max_window_bits")
	g := &guard{}
	hijack := &hijacker{ResponseWriter: w, guard: g}
	ws, err := up.Upgrade(hijack, r, nil)
	if err != nil {
		h.gone()
		return // Upgrade has answered
	}
	hijack.reader.Reset(g.Conn) // past the guard: each call less is memory in every idle connection's stack
	c := newClient(h, g.Conn, g.codec)
	g.client = c
	c.handle(ws)
	h.serve(c, ask, func() {
		for c.listens(ws) {
		}
		c.bye()
	})
}

// A guard is a connection that gorilla reads from. It would write close frames
// of its own, past what waits for the client: the client gets them instead.
type guard struct {
	net.Conn
	codec  codec
	client *client // nil during the handshake
}

func (g *guard) Write(b []byte) (int, error) {
	if g.client == nil {
		if bytes.Contains(b, []byte("permessage-deflate")) { // the answer says what was agreed on
			g.codec = deflated
		}
		return g.Conn.Write(b)
	}
	c := g.client
	c.mu.Lock()
	defer c.mu.Unlock()
	if b[0]&0x0f == websocket.CloseMessage {
		c.say(bytes.Clone(b), endProtocol)
	} else {
		c.put(bytes.Clone(b))
	}
	return len(b), nil
}

// SetWriteDeadline is gorilla's during the handshake only.
func (g *guard) SetWriteDeadline(t time.Time) error {
	if g.client == nil {
		return g.Conn.SetWriteDeadline(t)
	}
	return nil
}

// A hijacker hands out the guard in place of the connection.
type hijacker struct {
	http.ResponseWriter
	guard  *guard
	reader *bufio.Reader // that gorilla reads with
}

// readBuffer is enough for what clients send, and the least that gorilla takes
// over.
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

// A message is a frame from the client; the first of its members that is set
// counts.
type message struct {
	Subscribe   *wants          `json:"subscribe"`
	Unsubscribe *wants          `json:"unsubscribe"`
	Ping        json.RawMessage `json:"ping"`
}

// handle has control frames answered by the client, not by gorilla.
func (c *client) handle(ws *websocket.Conn) {
	ws.SetReadLimit(maxFrame)
	ws.SetPongHandler(func(string) error { c.hears(); return nil })
	ws.SetPingHandler(func(data string) error {
		if c.mayTalk() {
			c.answer(control(websocket.PongMessage, []byte(data)))
		}
		return nil
	})
	ws.SetCloseHandler(func(code int, _ string) error {
		if code == websocket.CloseNoStatusReceived {
			code = websocket.CloseNormalClosure
		}
		c.close(code, "", endLeft)
		return nil
	})
}

// listens waits for a frame and acts on it, until the connection ends. What waits
// is to have as small a stack as can be: with a little more it is twice as large.
func (c *client) listens(ws *websocket.Conn) bool {
	kind, r, err := ws.NextReader()
	if err != nil {
		return c.hasRead(err)
	}
	return c.takes(kind, r)
}

// hasRead is false: nothing more can be read, for this reason.
func (c *client) hasRead(why error) bool {
	if errors.Is(why, websocket.ErrReadLimit) {
		c.close(websocket.CloseMessageTooBig, "", endProtocol) // gorilla says so only of some
	}
	return false
}

// takes reads a frame and acts on it. One that breaks the protocol ends the
// connection; what comes after it is not acted on.
func (c *client) takes(kind int, r io.Reader) bool {
	if !c.mayTalk() {
		return true
	}
	b, err := io.ReadAll(io.LimitReader(r, maxFrame+1))
	switch {
	case err != nil: // a compressed frame that is none, if anything is left of the connection
		c.close(websocket.CloseProtocolError, "", endProtocol)
		return false
	case len(b) > maxFrame:
		c.close(websocket.CloseMessageTooBig, "", endProtocol)
	case kind != websocket.TextMessage:
		c.close(websocket.CloseUnsupportedData, "frames are JSON text", endProtocol)
	case !utf8.Valid(b):
		c.close(websocket.CloseInvalidFramePayloadData, "not UTF-8", endProtocol)
	default:
		if err := c.act(b); err != nil {
			c.close(closeBadFrame, err.Error(), endProtocol)
		}
	}
	return true
}

// mayTalk reports whether what the client says is acted on: not once its
// connection ends, nor if it says too much.
func (c *client) mayTalk() bool {
	c.hears()
	if c.most == nil {
		c.most = rate.NewLimiter(framesASecond, framesAtOnce)
	}
	if !c.most.Allow() {
		c.close(closeTooMany, "too many frames", endProtocol)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.closing && !c.shut
}

func (c *client) hears() { c.heard.Store(time.Now().Unix()) }

func (c *client) answer(frame []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(frame)
}

func (c *client) act(b []byte) error {
	var m message
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return errors.New("frame is not a JSON object of the protocol")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("frame has something behind its JSON object")
	}
	switch {
	case m.Subscribe != nil:
		return c.hub.change(c, func(w wants) (wants, error) {
			if err := m.Subscribe.within(w.may); err != nil {
				return w, err
			}
			return w.add(*m.Subscribe)
		})
	case m.Unsubscribe != nil:
		return c.hub.change(c, func(w wants) (wants, error) { return w.remove(*m.Unsubscribe), nil })
	case m.Ping != nil:
		object := append(append([]byte(`{"pong":`), m.Ping...), '}')
		c.answer(said("", object).ws)
		return nil
	}
	return errors.New("frame has none of subscribe, unsubscribe and ping")
}
