package fanout

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

func (c *client) close(code int, reason string, why end) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finish(code, reason, why)
}

// finish says the last word and drops what waits. mu is held.
func (c *client) finish(code int, reason string, why end) {
	if c.closing || c.shut {
		return
	}
	var last []byte
	if c.codec == stream {
		object, _ := json.Marshal(map[string]any{"code": code, "reason": reason}) // a string and a number
		last = fmt.Appendf(nil, "event: close\ndata: %s\n\n", object)
	} else {
		last = control(websocket.CloseMessage, websocket.FormatCloseMessage(code, short(reason)))
	}
	c.say(last, why)
}

// short is as much of a reason as a close frame has room for.
func short(reason string) string {
	const most = 125 - 2 // RFC 6455 section 5.5, less the code
	if len(reason) <= most {
		return reason
	}
	return strings.ToValidUTF8(reason[:most-len("…")], "") + "…"
}

// say has a frame be the last. mu is held.
func (c *client) say(last []byte, why end) {
	if c.closing || c.shut {
		return
	}
	c.closing, c.own, c.stale = true, nil, false
	c.hub.counts.ended[why].Add(1)
	c.write(last)
	if !c.draining {
		c.hangUp()
	}
}

// hangUp ends our side of the connection, once everything is out. The client
// has closeTimeout to end its own. mu is held.
func (c *client) hangUp() {
	if c.unread {
		c.end(endLeft)
		return
	}
	c.hub.goroutines.Go(func() { // under TLS it writes, and may wait
		if half, ok := c.conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		_ = c.conn.SetReadDeadline(time.Now().Add(closeTimeout))
	})
}

// end closes the connection. mu is held.
func (c *client) end(why end) {
	if c.shut {
		return
	}
	if !c.closing {
		c.hub.counts.ended[why].Add(1)
	}
	c.shut, c.begun, c.own = true, nil, nil
	c.direct.fd = -1
	c.hub.goroutines.Go(func() { c.conn.Close() }) // waits for drain, and drain for mu
}

// linger takes what the client still says, until it has ended its side or
// closeTimeout is over: to close while something of it is unread would take back
// our last word.
func (c *client) linger() {
	c.mu.Lock()
	waits := c.closing && !c.shut
	c.mu.Unlock()
	if waits {
		_ = c.conn.SetReadDeadline(time.Now().Add(closeTimeout))
		var b [512]byte
		for {
			if _, err := c.conn.Read(b[:]); err != nil {
				return
			}
		}
	}
}

// left is called when nothing more can be read.
func (c *client) left() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unread = true
	if !c.draining {
		c.end(endLeft)
	} else {
		c.say(nil, endLeft)
	}
}
