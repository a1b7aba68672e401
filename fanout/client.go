package fanout

import (
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/matchwire/matchwire/event"
)

// Close codes that a client may see. After the first two it should come back
// with its cursor.
const (
	closeGoingAway = websocket.CloseGoingAway // 1001: the node stops
	closeTooSlow   = 4001                     // more than queueBytes waited to be sent
	closeBadFrame  = 4002                     // a frame that is not of the protocol
)

// Bounds of one connection.
const (
	queueBytes   = 1 << 20
	writeTimeout = 10 * time.Second
	pingEvery    = 25 * time.Second
	pongTimeout  = 60 * time.Second
	maxFrame     = 16 << 10 // that a client may send
)

// A client is one connection. Every outgoing byte, control frames included,
// goes through its queue, with a deadline for each write: gorilla's own pong
// handler would write behind our back.
type client struct {
	hub   *Hub
	conn  *websocket.Conn
	wants wants // guarded by hub.mu

	mu     sync.Mutex
	queue  []outgoing
	bytes  int
	closed bool
	wake   chan struct{} // holds a token while the queue may hold something
}

type outgoing struct {
	kind  int // of websocket message
	bytes []byte
}

// send queues a frame; it never waits.
func (c *client) send(frame []byte) { c.push(websocket.TextMessage, frame) }

// owe queues what the client asked for by connecting: a snapshot, or frames it
// missed, which the hub keeps anyway. It counts against no budget.
func (c *client) owe(frame []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.queue = append(c.queue, outgoing{websocket.TextMessage, frame})
		c.signal()
	}
}

func (c *client) push(kind int, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	if c.bytes+len(b) > queueBytes {
		c.finish(closeTooSlow, "too slow; resume by cursor")
		return
	}
	c.queue = append(c.queue, outgoing{kind, b})
	c.bytes += len(b)
	c.signal()
}

func (c *client) close(code int, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finish(code, reason)
}

// finish drops what waits and queues the close frame as the last. mu is held.
func (c *client) finish(code int, reason string) {
	if c.closed {
		return
	}
	c.closed = true
	c.queue = []outgoing{{websocket.CloseMessage, websocket.FormatCloseMessage(code, reason)}}
	c.signal()
}

func (c *client) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// write sends the queue until the connection is closed.
func (c *client) write() {
	defer c.conn.Close() // ends read
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		select {
		case <-c.wake:
		case <-ping.C:
			c.push(websocket.PingMessage, nil)
		}
		c.mu.Lock()
		batch := c.queue
		c.queue, c.bytes = nil, 0
		c.mu.Unlock()
		for _, out := range batch {
			_ = c.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
			if err := c.conn.WriteMessage(out.kind, out.bytes); err != nil || out.kind == websocket.CloseMessage {
				return
			}
		}
	}
}

// A request is a frame from the client; one of its members is set.
type request struct {
	Subscribe   *wants           `json:"subscribe"`
	Unsubscribe *wants           `json:"unsubscribe"`
	Ping        *json.RawMessage `json:"ping"`
}

// read acts on the client's frames until the connection ends.
func (c *client) read() {
	c.conn.SetReadLimit(maxFrame)
	alive := func(string) error { return c.conn.SetReadDeadline(time.Now().Add(pongTimeout)) }
	_ = alive("")
	c.conn.SetPongHandler(alive)
	c.conn.SetPingHandler(func(data string) error {
		c.push(websocket.PongMessage, []byte(data))
		return alive("")
	})
	c.conn.SetCloseHandler(func(code int, _ string) error {
		c.close(code, "")
		return nil
	})
	for {
		_, b, err := c.conn.ReadMessage()
		if err != nil {
			return
		}
		_ = alive("")
		if err := c.act(b); err != nil {
			c.close(closeBadFrame, err.Error())
			return
		}
	}
}

func (c *client) act(b []byte) error {
	var r request
	if err := json.Unmarshal(b, &r); err != nil {
		return errors.New("frame is not a JSON object of the protocol")
	}
	switch {
	case r.Subscribe != nil:
		return c.hub.change(c, func(w wants) (wants, error) { return w.add(*r.Subscribe) })
	case r.Unsubscribe != nil:
		return c.hub.change(c, func(w wants) (wants, error) { return w.remove(*r.Unsubscribe), nil })
	case r.Ping != nil:
		c.send(append(append([]byte(`{"pong":`), *r.Ping...), '}'))
		return nil
	}
	return errors.New("frame has none of subscribe, unsubscribe and ping")
}

var upgrader = websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 4096, HandshakeTimeout: writeTimeout}

// ServeWS takes a WebSocket connection:
// GET /ws?topics=soccer.mls.*,*.*.goal&match=ID&team=NAME&cursor=CURSOR
func (h *Hub) ServeWS(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	wanted, err := wantsOf(q)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	from := event.Start
	if s := q.Get("cursor"); s != "" {
		if from, err = event.ParseCursor(s); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	select {
	case <-h.ready:
	case <-r.Context().Done():
		return
	case <-time.After(writeTimeout):
		w.Header().Set("Retry-After", "5")
		http.Error(w, "still reading the event log", http.StatusServiceUnavailable)
		return
	}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	c := &client{hub: h, conn: conn, wants: wanted, wake: make(chan struct{}, 1)}
	if err := h.join(c, from); err != nil {
		h.log.Warn("client not taken", "error", err)
		conn.Close()
		return
	}
	var writing sync.WaitGroup
	writing.Go(c.write)
	c.read()
	c.close(websocket.CloseNormalClosure, "")
	writing.Wait()
	h.leave(c)
}
