package fanout

import (
	"time"

	"github.com/gorilla/websocket"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/fanout/eventlog"
	"github.com/matchwire/matchwire/fanout/internal/wire"
)

// Close codes. After the first three and closeToken a client should reconnect with its
// cursor. After the others, reconnecting in the same way fails again.
const (
	closeGoingAway = websocket.CloseGoingAway     // 1001: the node stops, or the log was created again
	closeTryLater  = websocket.CloseTryAgainLater // 1013: no room now for what was asked
	closeTooSlow   = 4001                         // more than maxLag bytes waited to be sent
	closeBadFrame  = 4002                         // a frame that is not of the protocol
	closeToken     = 4003                         // the token has expired
	closeTooMany   = 4008                         // more frames than a client may send
)

// closeTimeout is how long a client may take to close its side after our last frame.
const closeTimeout = 3 * time.Second

const (
	nodeStops       = "the node stops; resume on another"
	logCreatedAgain = "the event log was created again"
)

// close sends a close frame with a code and a reason as the last frame, and closes the
// connection. Frames that still wait are dropped.
func (c *client) close(code int, reason string, why endReason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeLocked(code, reason, why)
}

// closeLocked is close with mu held.
func (c *client) closeLocked(code int, reason string, why endReason) {
	c.sendLast(wire.Close(code, reason, c.codec), why)
}

// sendLast sends the last frame, and closes the connection. mu is held.
func (c *client) sendLast(frame []byte, why endReason) {
	if c.closing || c.shut {
		return
	}
	c.closing, c.own, c.stale = true, nil, false
	c.notify()
	c.hub.metrics.ended[why].Add(1)
	c.write(frame)
	if !c.draining {
		c.closeWrite()
	}
}

// closeWrite closes our side of the connection when everything is sent. The client has
// closeTimeout to close its own. mu is held.
func (c *client) closeWrite() {
	if c.readEnded {
		c.abort(endLeft)
		return
	}
	c.hub.goroutines.Go(func() { // under TLS it writes, and may wait
		if half, ok := c.conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		_ = c.conn.SetReadDeadline(time.Now().Add(closeTimeout))
	})
}

// abort closes the connection without a last frame. mu is held.
func (c *client) abort(why endReason) {
	if c.shut {
		return
	}
	if !c.closing {
		c.hub.metrics.ended[why].Add(1)
	}
	c.shut, c.begun, c.own = true, nil, nil
	c.notify()
	c.direct.Invalidate()
	c.hub.goroutines.Go(func() { c.conn.Close() }) // waits for drain, and drain for mu
}

// remove ends a client of which nothing more is to be read.
func (c *client) remove() {
	c.awaitClose()
	c.mu.Lock()
	c.readEnded = true
	if c.draining {
		c.sendLast(nil, endLeft) // drain calls closeWrite
	} else {
		c.abort(endLeft)
	}
	c.mu.Unlock()
	c.unsubscribe()
	c.hub.removeConnection()
}

// awaitClose reads until the client has closed its side, or closeTimeout is over.
// Closing a connection with unread bytes would revoke our last frame.
func (c *client) awaitClose() {
	c.mu.Lock()
	waits := c.closing && !c.shut
	c.mu.Unlock()
	if !waits {
		return
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(closeTimeout))
	var b [512]byte
	for {
		if _, err := c.conn.Read(b[:]); err != nil {
			return
		}
	}
}

// closeTimeline closes all clients of a timeline. No other can subscribe to it.
func (h *Hub) closeTimeline(t *timeline, code int, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	h.forgetDelay(t)
	t.closeClients(code, reason)
}

// closeClients closes all clients. mu is held.
func (t *timeline) closeClients(code int, reason string) {
	for _, c := range t.index.list() {
		c.close(code, reason, endNode)
	}
}

// fallBehind handles a history that no longer has the timeline's position. The clients
// must reconnect for what is between. The live timeline goes on from the end; another
// ends, as there it would send frames too early. mu is held.
func (t *timeline) fallBehind() {
	t.closeClients(closeTryLater, "the node cannot keep up; resume by cursor")
	if t != t.hub.live {
		t.ended = true
		return
	}
	t.moveToPlace(t.history.Load().Now())
}

// reset closes all clients, and begins again with an empty log.
func (t *timeline) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closeClients(closeGoingAway, logCreatedAgain)
	t.moveToPlace(eventlog.Place{Last: broker.Start, States: eventlog.States{}})
}

// moveToPlace sets where the timeline is. mu is held.
func (t *timeline) moveToPlace(p eventlog.Place) {
	t.last, t.states = p.Last, p.States
	t.position.Store(p.Position)
}

// closeAll closes all clients, spread over a time that depends on their number, so that
// other nodes can accept them. It returns when they have left, or after closeTimeout.
func (h *Hub) closeAll() {
	h.mu.Lock()
	close(h.stopping) // no timeline accepts a client from now on
	if h.connections == 0 {
		close(h.disconnected)
	}
	h.mu.Unlock()
	clients := h.clients()
	pause := time.NewTicker(max(1, min(time.Millisecond, h.options.Drain/time.Duration(max(1, len(clients))))))
	defer pause.Stop()
	for _, c := range clients {
		c.close(closeGoingAway, nodeStops, endNode)
		<-pause.C
	}
	timeout := time.NewTimer(closeTimeout)
	defer timeout.Stop()
	select {
	case <-h.disconnected:
	case <-timeout.C:
	}
	for _, c := range h.clients() {
		c.mu.Lock()
		c.abort(endNode)
		c.mu.Unlock()
	}
}

func (h *Hub) clients() (all []*client) {
	for _, t := range h.allTimelines() {
		t.mu.Lock()
		all = append(all, t.index.list()...)
		t.mu.Unlock()
	}
	return all
}
